#[context_async(App)]
pub async fn page(&self, mut id: u64, (a, _): (u8, Guard)) -> Result<String, Error> {
    let request = context!();
    let row = load(id).await?;
    scheduler!().spawn(audit(row)).await;
    timeout(second, attach!(load(attach!(id)))).await;
    Ok(format!("{request} {}", request_context::context!().user))
}
