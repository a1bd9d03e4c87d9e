#[context_async(App)]
async fn half_typed() { let rows = load(1).await; if rows.await { context!(). } let n = f().await. ; match n { 1 => g().await, _ => } a b.await context!(). }
