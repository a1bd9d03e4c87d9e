#![deny(warnings)]

use request_context::context_async;

struct App;

impl App {
    #[context_async(App)]
    async fn save(&self) {}
}

#[context_async(App)]
async fn index(app: App) {
    app.save().await;
}

fn main() {}
