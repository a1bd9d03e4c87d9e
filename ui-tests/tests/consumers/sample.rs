// The lints of the package that this is put into are denied. `rc` is what it calls the crate.

//! A sample of annotated code.

use std::cell::Cell;
use std::future::Future;
use std::time::Duration;

use rc::{RequestContext, attach, context, context_async, context_block, detached, scheduler};

/// A state.
#[derive(Debug)]
pub struct App {
    user: String,
    queries: Cell<u32>,
}

/// What the user's state can do.
pub trait HasUser: Send + 'static {
    /// Who it is.
    fn user(&self) -> &str;
}

impl HasUser for App {
    fn user(&self) -> &str {
        &self.user
    }
}

/// Any.
#[derive(Clone, Copy, Debug)]
pub struct Refused;

/// Off the context.
#[detached(crate = rc)]
pub async fn load(id: u64) -> Result<u64, Refused> {
    if id == 0 {
        return Err(Refused);
    }
    std::future::ready(()).await;
    Ok(id)
}

/// A plain fn.
pub async fn plain(id: u64) -> u64 {
    std::future::ready(id).await
}

/// Names nothing.
///
/// # Errors
///
/// When `id` is refused.
#[context_async(App, crate = rc)]
pub async fn names_nothing(id: u64) -> Result<u64, Refused> {
    let rows = load(id).await?;
    Ok(rows + plain(rows).await)
}

/// Uses every word.
#[context_async(App, crate = rc)]
pub async fn words(mut id: u64, (left, _): (u64, u64), _unused: &str) -> u64 {
    let request = context!();
    request.queries.set(request.queries.get() + 1);
    id += left;
    let spawned = scheduler!().spawn(names_nothing(id));
    let timed = tokio::time::timeout(Duration::ZERO, attach!(names_nothing(id))).await;
    let joined = tokio::join!(names_nothing(1), names_nothing(2));
    let selected = tokio::select! {
        biased;
        found = names_nothing(3) => found.is_ok(),
        () = std::future::ready(()), if id > 3 => false,
        else => true,
    };
    let block = scheduler!().spawn(context_block!(App, crate = rc, async move { context!().queries.get() }));
    let text = format!("{} {:?} {selected}", context!().user, names_nothing(4).await);
    drop((spawned, block));
    id + u64::from(timed.is_ok()) + u64::from(joined.0.is_ok()) + text.len() as u64
}

/// Detached parts.
#[context_async(App, crate = rc)]
pub async fn parts(id: u64) -> u64 {
    #[detached]
    let first = plain(id).await;
    #[detached]
    plain(first).await;
    #[detached]
    {
        plain(2).await;
        plain(3).await;
    }
    first
}

/// Whatever the state.
#[context_async(crate = rc)]
pub async fn bare() -> String {
    format!("{:?}", context!().id())
}

/// Generic over the state.
#[context_async(C, crate = rc)]
pub async fn generic<C: HasUser>() -> usize {
    let _id = bare().await;
    context!().user().len()
}

/// Calls itself.
#[context_async(App, boxed, crate = rc)]
pub async fn boxed(id: u64) -> u64 {
    if id == 0 { 0 } else { boxed(id - 1).await + 1 }
}

/// Methods.
pub trait Store: Sync {
    /// Declared.
    #[context_async(App, crate = rc)]
    async fn get(&self, id: u64) -> Option<&str>;

    /// With a body.
    #[context_async(App, crate = rc)]
    async fn has(&self, id: u64) -> bool {
        self.get(id).await.is_some()
    }
}

/// One of them.
#[derive(Debug)]
pub struct Memory(String);

impl Store for Memory {
    #[context_async(App, crate = rc)]
    async fn get(&self, id: u64) -> Option<&str> {
        (id == 1).then_some(self.0.as_str())
    }
}

impl Memory {
    /// Takes itself.
    #[context_async(App, crate = rc)]
    pub async fn into_text(self) -> String {
        self.0
    }

    /// Off the context.
    #[detached(crate = rc)]
    pub async fn length(&self) -> usize {
        self.0.len()
    }

    /// Off the context too, for every key.
    #[detached(crate = rc)]
    pub async fn replace<K>(&mut self, key: K, (_, mut length): (u8, usize), _: impl Into<u8> + Send) -> &str
    where
        K: Into<String> + Send,
    {
        self.0 = key.into();
        std::future::ready(()).await;
        length = length.min(self.0.len());
        &self.0[..length]
    }
}

/// Runs one on a context.
pub fn run(user: String) -> impl Future<Output = u64> {
    let context = RequestContext::new(App { user, queries: Cell::new(0) });
    async move { context.run(words(1, (2, 3), "")).await }
}
