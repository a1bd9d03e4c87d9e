use request_context::detached;

#[tokio::test]
#[detached]
async fn loads() {} //~ ERROR write it above `#[tokio::test]`

fn main() {}

//~ TWIN detached_above_a_tokio_test
