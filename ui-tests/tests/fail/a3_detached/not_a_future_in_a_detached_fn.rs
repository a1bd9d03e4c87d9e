use request_context::detached;

#[detached]
async fn load() {
    5.await; //~ ERRORS `{integer}` is not a future
}

fn main() {}
