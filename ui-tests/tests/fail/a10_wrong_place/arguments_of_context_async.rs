use request_context::context_async;

struct App;
struct Other;

#[context_async(App, bxed)] //~ ERROR unknown argument `bxed`
async fn unknown() {}

#[context_async(App, ?Sized)] //~ ERROR unknown argument `?Sized`
async fn unknown_bound() {}

#[context_async(App, boxed, boxed)] //~ ERROR duplicate `boxed` argument
async fn duplicate() {}

#[context_async(App, Other)] //~ ERROR duplicate state argument
async fn two_states() {}

#[context_async(App, crate = 5)] //~ ERROR expected `crate = <path>`, found `5`
async fn malformed() {}

#[context_async(App boxed)] //~ ERROR expected `,`
async fn no_comma() {}

#[context_async(App, allow(waiting))] //~ ERROR expected `allow(blocking)`
async fn other_lint() {}

fn main() {}

//~ TWIN arguments_of_every_kind
