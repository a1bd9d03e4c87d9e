use request_context::{context_async, detached, scheduler};

struct App;

#[context_async(App)]
async fn greeting() {}

#[context_async(App)]
async fn index() {
    #[detached]
    scheduler!().spawn(greeting()).await.unwrap(); //~ ERROR `scheduler!()` cannot be used in a `#[detached]` part
}

fn main() {}

//~ TWIN tt_08_controller_builds_scheduler_before_detaching
