use std::sync::LazyLock;

use request_context::{context, context_async};

#[context_async(String)]
async fn greeting() -> usize {
    static FIRST: LazyLock<String> = LazyLock::new(|| context!().clone()); //~ ERROR `context!()` needs a request context
    FIRST.len()
}

fn main() {}
