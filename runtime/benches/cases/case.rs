//! What is measured: a name, and how long a number of steps take.

use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

use tokio::runtime::Runtime;

pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// Runs so many steps; what they need is made before the clock starts.
    pub(crate) run: Box<dyn FnMut(u64) -> Duration>,
}

impl Case {
    pub(crate) fn new(name: &'static str, run: impl FnMut(u64) -> Duration + 'static) -> Self {
        Case {
            name,
            run: Box::new(run),
        }
    }
}

pub(crate) fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// What contexts and tasks of all cases run on.
pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime with two threads")
    })
}
