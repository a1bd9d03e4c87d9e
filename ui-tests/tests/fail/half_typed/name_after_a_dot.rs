use request_context::{context, context_async};

struct App {
    user: String,
}

#[context_async(App)]
async fn greeting() -> usize {
    context!().
} //~ ERROR unexpected token: `}`

fn main() {}
