#[context_async(App)]
async fn half_typed() { let row = load(context!().id). }
