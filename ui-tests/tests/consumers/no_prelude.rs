// Where no name is in scope that is not imported.

/// A module without a prelude.
pub mod inner {
    #![no_implicit_prelude]

    use ::rc::{attach, context, context_async, context_block, detached, scheduler};

    /// A state.
    #[derive(::std::fmt::Debug)]
    pub struct App(u8);

    /// Off the context.
    #[detached(crate = ::rc)]
    pub async fn load(id: u8) -> u8 {
        ::std::future::ready(id).await
    }

    /// Any context.
    #[context_async(crate = ::rc)]
    pub async fn bare() {}

    /// All words.
    #[context_async(App, crate = ::rc)]
    pub async fn words(id: u8, (left, right): (u8, u8)) -> u8 {
        bare().await;
        #[detached]
        let loaded = load(id).await;
        #[detached]
        {
            load(left).await;
        }
        let attached = attach!(bare());
        attached.await;
        let block = context_block!(App, crate = ::rc, async move { context!().0 });
        let spawned = scheduler!().spawn(block);
        spawned.abort();
        loaded + right + context!().0
    }

    /// Boxed.
    #[context_async(App, boxed, crate = ::rc)]
    pub async fn boxed(id: u8) -> u8 {
        if id == 0 { 0 } else { boxed(id - 1).await }
    }

    /// Never returns.
    #[detached(crate = ::rc)]
    pub async fn never() -> ! {
        ::std::process::exit(0)
    }
}
