#![deny(unused_must_use)]

use request_context::RequestContext;

fn start() {
    RequestContext::<String>::builder().name("GET /"); //~ ERROR unused `request_context::Builder` that must be used
}

fn main() {}
