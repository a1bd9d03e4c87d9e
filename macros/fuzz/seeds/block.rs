#[context_block(crate = ::renamed, App)]
async move {
    #[detached]
    let raw = load(5).await;
    let (a, b) = join!(f(raw), context_block!(App, async { context!() }));
    return context!().user + a;
}
