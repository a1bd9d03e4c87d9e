use request_context::{context_async, detached};

struct App;

#[detached]
async fn load(id: u64) -> u64 {
    id
}

#[context_async(App)]
async fn greeting() -> u64 {
    load(1).await
}

#[context_async(App)]
async fn index() -> u64 {
    let length = greeting().await.; //~ ERROR unexpected token: `;`
    load(length).await
}

fn main() {}
