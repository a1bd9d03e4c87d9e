use request_context::detached;

#[tokio::main]
#[detached]
async fn main() {} //~ ERROR write it above `#[tokio::main]`
