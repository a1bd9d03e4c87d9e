#[detached(?Send, crate = renamed)]
#[instrument(skip(id), err)]
const async unsafe extern "C" fn load(id: u64, ...) -> impl Sized {
    #![allow(unused)]
    if let Some(x) = f().await && g(context!()).await {}
    let f = async |x| h(x).await;
    macro_rules! m { ($e:expr) => { scheduler!() + $e.await }; }
    #[detached] fn own() { context!() }
    (&mut job).await
}
