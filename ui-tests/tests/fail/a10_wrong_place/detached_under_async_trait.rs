use std::pin::Pin;

use request_context::detached;

struct App;

impl App {
    // What `#[async_trait]` makes of `async fn load(&self) {}`.
    #[detached]
    fn load<'life0, 'async_trait>(&'life0 self) -> Pin<Box<dyn Future<Output = ()> + 'async_trait>>
    //~^ ERROR cannot be used under `#[async_trait]`
    where
        'life0: 'async_trait,
    {
        Box::pin(async {})
    }
}

fn main() {}
