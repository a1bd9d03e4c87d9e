#[context_async(App)]
impl Service for App { async fn call(&self) { f().await } }
