#[detached]
async fn traced() -> Result<u8, E> {
    let __tracing_instrument_future = async move {
        match async move {
            if false { let __tracing_attr_fake_return: u8 = loop {}; return __tracing_attr_fake_return; }
            { f().await }
        }.await { Ok(x) => Ok(x), Err(e) => Err(e) }
    };
    Instrumented(__tracing_instrument_future).await
}
