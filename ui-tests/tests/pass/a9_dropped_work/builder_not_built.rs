#![deny(warnings)]

use request_context::RequestContext;

fn start() {
    let context = RequestContext::<String>::builder()
        .name("GET /")
        .build(String::from("ada"));
    drop(context.unwrap());
}

fn main() {}
