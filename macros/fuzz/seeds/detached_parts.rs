#[context_async(crate = ::renamed, Req<U>, ?Send)]
async fn parts<U>() -> u8 {
    #[detached]
    let Some(x) = f().await else { return g().await };
    #[renamed::detached(x)]
    f(&x).await.row = 1;
    #[detached] #[detached]
    { context!() }
    async { #[detached] f().await };
    #[detached]
    join!(f(), g())
}
