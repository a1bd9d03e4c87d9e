use request_context::detached;

#[detached]
#[detached] //~ ERROR duplicate `#[detached]`
async fn load() {}

fn main() {}
