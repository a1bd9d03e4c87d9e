#![deny(warnings)]

use request_context::{attach, context, context_async};
use tokio::sync::OnceCell;

struct App {
    user: OnceCell<String>,
}

#[context_async(App)]
async fn load_user() -> String {
    String::from("ada")
}

#[context_async(App)]
async fn greeting() -> usize {
    let user = context!()
        .user
        .get_or_init(|| attach!(load_user()))
        .await;
    user.len()
}

fn main() {}
