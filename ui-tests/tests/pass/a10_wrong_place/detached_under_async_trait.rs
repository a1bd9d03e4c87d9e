#![deny(warnings)]

use request_context::detached;

struct App;

#[detached]
async fn load(_: &App) {}

impl App {
    async fn load(&self) {
        load(self).await;
    }
}

fn main() {}
