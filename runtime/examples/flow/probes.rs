//! The controller, and the probes on its way.

use std::thread;

use request_context::{
    NoContext, Scheduler, context_async, detached, scheduler, spawn_detached, try_with,
};
use serde::Deserialize;

/// The state of a request's context.
pub(crate) struct Request {
    pub(crate) user: String,
}

/// What a request chooses.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Flags {
    /// Whether the controller stays on its context after its first await.
    pub(crate) configure_await: bool,
    /// Whether its task is started on the context's scheduler, and not on the pool.
    pub(crate) ts_from_sync_context: bool,
}

impl Default for Flags {
    fn default() -> Self {
        Flags {
            configure_await: true,
            ts_from_sync_context: false,
        }
    }
}

/// What one point of the flow sees.
#[derive(Default)]
pub(crate) enum Probe {
    #[default]
    NotReached,
    Taken {
        thread: String,
        /// The context's user; `None` where there is no context.
        user: Option<String>,
        /// Where `Scheduler::from_current` would put new work: "context", or else "pool".
        scheduler: &'static str,
    },
    /// Its task could not be started.
    Failed(NoContext),
}

impl Probe {
    /// Looks from anywhere, so it is not checked by the compiler, and finds a context or does not.
    pub(crate) fn take() -> Self {
        Probe::Taken {
            thread: format!("{:?}", thread::current().id()),
            user: try_with(|request: &Request| request.user.clone()).ok(),
            scheduler: match Scheduler::<Request>::from_current() {
                Ok(_) => "context",
                Err(_) => "pool",
            },
        }
    }
}

/// What the probes saw.
#[derive(Default)]
pub(crate) struct Flow {
    p1: Probe,
    p2: Probe,
    p3: Probe,
    p4: Probe,
    p5: Probe,
}

impl Flow {
    pub(crate) fn probes(&self) -> [(&'static str, &Probe); 5] {
        [
            ("P1", &self.p1),
            ("P2", &self.p2),
            ("P3", &self.p3),
            ("P4", &self.p4),
            ("P5", &self.p5),
        ]
    }
}

/// Awaits something, then starts a task and awaits that.
#[context_async(Request)]
pub(crate) async fn controller(flags: Flags) -> Flow {
    let mut flow = Flow {
        p1: Probe::take(),
        ..Flow::default()
    };
    flow.p2 = do_stuff().await;

    if flags.configure_await {
        flow.p3 = Probe::take();
        let task = if flags.ts_from_sync_context {
            scheduler!().spawn(do_stuff())
        } else {
            spawn_detached(do_stuff())
        };
        flow.p4 = task.await.expect("`do_stuff` does not panic");
        flow.p5 = Probe::take();
    } else {
        // What is left of a C# method after `await DoStuff().ConfigureAwait(false)`. `scheduler!()`
        // would not compile in it; `from_current` is for code that nobody checks, and fails.
        #[detached]
        {
            flow.p3 = Probe::take();
            let task = if flags.ts_from_sync_context {
                Scheduler::<Request>::from_current().map(|scheduler| scheduler.spawn(do_stuff()))
            } else {
                Ok(spawn_detached(do_stuff()))
            };
            match task {
                Ok(task) => {
                    flow.p4 = task.await.expect("`do_stuff` does not panic");
                    flow.p5 = Probe::take();
                }
                Err(no_context) => flow.p4 = Probe::Failed(no_context),
            }
        }
    }
    flow
}

/// An ordinary `async fn`: whether it sees a context is up to where it runs.
async fn do_stuff() -> Probe {
    let probe = Probe::take();
    // Suspended for real, so that the caller may come back on another thread.
    tokio::task::yield_now().await;
    probe
}
