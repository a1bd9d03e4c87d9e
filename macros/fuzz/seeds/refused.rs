#[context_async(App, App, boxed, boxed, ?Sync, crate = 1, allow(x), Other = 2)]
#[tokio::test] #[debug_handler] #[detached] #[context_async]
async fn main() { thread::sleep(d); h.join().unwrap(); rx.blocking_recv() }
