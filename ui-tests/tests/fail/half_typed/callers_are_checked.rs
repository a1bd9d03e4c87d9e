use request_context::{context, context_async};

struct App {
    user: String,
}

#[context_async(App)]
async fn greeting() -> usize {
    let length = context!().user.len();
    match length
} //~ ERROR expected one of

#[context_async(App)]
async fn index() -> usize {
    greeting(1).await //~ ERROR this function takes 0 arguments
}

fn main() {}
