#[detached]
async fn braces() { context! {} let a = 1; scheduler! { x } a }
