use request_context::detached;

struct App;

#[detached(App)] //~ ERROR unknown argument `App`
async fn state() {}

#[detached(boxed)] //~ ERROR unknown argument `boxed`
async fn boxed() {}

#[detached(?Send, ?Send)] //~ ERROR duplicate `?Send` argument
async fn duplicate() {}

#[detached(crate)] //~ ERROR expected `crate = <path>`, found nothing
async fn malformed() {}

fn main() {}

//~ TWIN arguments_of_every_kind
