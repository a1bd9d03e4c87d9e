use request_context::{RequestContext, context, context_block};

struct App {
    user: String,
}

async fn run(app: RequestContext<App>) -> usize {
    app.run(context_block!(App, async {
        let length = context!().user.; //~ ERROR expected the name of a field or method after `.`
        let user = context!().user.len()
        user //~ ERROR expected `;` before this
    }))
    .await
}

fn main() {}
