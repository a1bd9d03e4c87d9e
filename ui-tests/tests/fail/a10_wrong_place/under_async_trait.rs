use std::pin::Pin;

use request_context::context_async;

struct App;

impl App {
    // What `#[async_trait]` makes of `async fn greet(&self) {}`.
    #[context_async(App)]
    fn greet<'life0, 'async_trait>(&'life0 self) -> Pin<Box<dyn Future<Output = ()> + 'async_trait>>
    //~^ ERROR cannot be used under `#[async_trait]`
    where
        'life0: 'async_trait,
    {
        Box::pin(async {})
    }
}

fn main() {}
