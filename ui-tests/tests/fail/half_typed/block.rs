use request_context::{RequestContext, context, context_block};

struct App {
    user: String,
}

async fn run(app: RequestContext<App>) {
    app.run(context_block!(App, async {
        let length = context!().user.len();
        if
    })) //~ ERROR expected expression, found `}`
    .await
}

fn main() {}
