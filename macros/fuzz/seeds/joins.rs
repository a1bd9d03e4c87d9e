#[context_async(App, allow(blocking))]
async fn all<T: Send>(rows: &mut Rows<T>) {
    let (a, b) = tokio::join!(biased; f(1), f(f(2).await));
    tokio::select! {
        biased;
        Some(row) = rows.next(), if more().await => use_it(row).await,
        else => { matches!(f().await, Some(x) if x > 1) }
    }
    futures::select! { x = future => (), complete => break, default => vec![f().await; 2], }
    info!(target: "t", user.id = %f().await, ?row, "{}", a);
}
