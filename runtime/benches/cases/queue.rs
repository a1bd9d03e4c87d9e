//! Work that is queued on a context, beside what one would write without it.

use std::{
    cell::Cell,
    future::{Future, poll_fn},
    hint::black_box,
    sync::{Arc, Mutex},
    task::Poll,
    time::Duration,
};

use request_context::{RequestContext, context, context_async, scheduler};
use tokio::sync::{mpsc, oneshot};

use crate::case::{Case, runtime, timed};

type State = Cell<u64>;

/// Steps are posts from outside, up to the last one's end. The closures hold a number, so that the actor's
/// boxes are boxes: that of a closure which holds nothing is not allocated.
pub(crate) fn posts(targets: usize) -> Vec<Case> {
    vec![
        Case::new("mpsc actor with boxed jobs", move |steps| {
            let actors: Vec<_> = (0..targets).map(|_| Actor::start()).collect();
            timed(|| {
                for i in (0..targets).cycle().take(steps as usize) {
                    let more = black_box(i as u64);
                    actors[i].post(move |count| *count += more);
                }
                runtime().block_on(async {
                    for actor in &actors {
                        actor.idle().await;
                    }
                });
            })
        }),
        Case::new("post", move |steps| {
            let contexts: Vec<_> = (0..targets).map(|_| new_context()).collect();
            let schedulers: Vec<_> = contexts.iter().map(RequestContext::scheduler).collect();
            timed(|| {
                for i in (0..targets).cycle().take(steps as usize) {
                    let more = black_box(i as u64);
                    drop(schedulers[i].post(move |count| count.set(count.get() + more)));
                }
                runtime().block_on(async {
                    for context in &contexts {
                        context.idle().await.unwrap();
                    }
                });
            })
        }),
    ]
}

/// Steps are posts whose results are awaited, by a task of the runtime: so many at a time.
pub(crate) fn calls(at_once: u64) -> Vec<Case> {
    vec![
        Case::new("mpsc actor with boxed jobs and oneshots", move |steps| {
            let actor = Actor::start();
            in_task(async move {
                let mut calls = Vec::new();
                for _ in 0..steps / at_once {
                    for i in 0..at_once {
                        calls.push(actor.call(move |count| *count + black_box(i)));
                    }
                    for call in calls.drain(..) {
                        black_box(call.await.unwrap());
                    }
                }
            })
        }),
        Case::new("post and await", move |steps| {
            let scheduler = new_context().scheduler();
            in_task(async move {
                let mut calls = Vec::new();
                for _ in 0..steps / at_once {
                    for i in 0..at_once {
                        calls.push(scheduler.post(move |count| count.get() + black_box(i)));
                    }
                    for call in calls.drain(..) {
                        black_box(call.await.unwrap());
                    }
                }
            })
        }),
    ]
}

/// Steps are turns of eight tasks on one state, each of which yields after its own.
pub(crate) fn turns() -> Vec<Case> {
    const TASKS: u64 = 8;

    vec![
        Case::new("std Mutex, tokio::spawn", |steps| {
            let count = Arc::new(Mutex::new(0));
            together(TASKS, || {
                let count = count.clone();
                tokio::spawn(async move {
                    for _ in 0..steps.div_ceil(TASKS) {
                        *count.lock().unwrap() += 1;
                        yield_once().await;
                    }
                })
            })
        }),
        Case::new("tokio Mutex, tokio::spawn", |steps| {
            let count = Arc::new(tokio::sync::Mutex::new(0));
            together(TASKS, || {
                let count = count.clone();
                tokio::spawn(async move {
                    for _ in 0..steps.div_ceil(TASKS) {
                        *count.lock().await += 1;
                        yield_once().await;
                    }
                })
            })
        }),
        Case::new("Cell, spawn on one context", |steps| {
            let scheduler = new_context().scheduler();
            together(TASKS, || {
                scheduler.spawn(count_turns(steps.div_ceil(TASKS)))
            })
        }),
        Case::new("Cell, run on one context by tokio::spawn", |steps| {
            let context = new_context();
            together(TASKS, || {
                tokio::spawn(context.run(count_turns(steps.div_ceil(TASKS))))
            })
        }),
        Case::new("std Mutex, tokio::spawn, tokio's yield_now", |steps| {
            let count = Arc::new(Mutex::new(0));
            together(TASKS, || {
                let count = count.clone();
                tokio::spawn(async move {
                    for _ in 0..steps.div_ceil(TASKS) {
                        *count.lock().unwrap() += 1;
                        tokio::task::yield_now().await;
                    }
                })
            })
        }),
        Case::new("Cell, spawn on one context, tokio's yield_now", |steps| {
            let scheduler = new_context().scheduler();
            together(TASKS, || {
                scheduler.spawn(count_turns_of_tokio(steps.div_ceil(TASKS)))
            })
        }),
    ]
}

/// Steps are pieces of work spawned and joined, one after the other, by a task of the runtime.
pub(crate) fn spawns() -> Vec<Case> {
    vec![
        Case::new("tokio::spawn and join", |steps| {
            in_task(async move {
                for i in 0..steps {
                    black_box(tokio::spawn(async move { i }).await.unwrap());
                }
            })
        }),
        Case::new("spawn on a context and join", |steps| {
            let scheduler = new_context().scheduler();
            in_task(async move {
                for i in 0..steps {
                    black_box(scheduler.spawn(async move { i }).await.unwrap());
                }
            })
        }),
        Case::new("sibling spawned inside the context and join", |steps| {
            in_task(new_context().run(siblings(steps)))
        }),
    ]
}

/// Steps are small requests: a new context, three yields, three updates.
pub(crate) fn requests() -> Vec<Case> {
    tokio::task_local!(static COUNT: Arc<Mutex<u64>>);

    vec![
        Case::new("task_local Arc<Mutex>, tokio::spawn", |steps| {
            in_task(async move {
                for _ in 0..steps {
                    let request = async {
                        for _ in 0..3 {
                            COUNT.with(|count| *count.lock().unwrap() += 1);
                            yield_once().await;
                        }
                    };
                    let scope = COUNT.scope(Arc::default(), request);
                    tokio::spawn(scope).await.unwrap();
                }
            })
        }),
        Case::new("Cell in a context, run by tokio::spawn", |steps| {
            in_task(async move {
                for _ in 0..steps {
                    let context = RequestContext::new(State::new(0));
                    tokio::spawn(context.run(count_turns(3))).await.unwrap();
                }
            })
        }),
    ]
}

#[context_async(State)]
async fn count_turns(turns: u64) {
    for _ in 0..turns {
        let count = context!();
        count.set(count.get() + 1);
        yield_once().await;
    }
}

#[context_async(State)]
async fn count_turns_of_tokio(turns: u64) {
    for _ in 0..turns {
        let count = context!();
        count.set(count.get() + 1);
        tokio::task::yield_now().await;
    }
}

#[context_async(State)]
async fn siblings(steps: u64) {
    for i in 0..steps {
        black_box(scheduler!().spawn(async move { i }).await.unwrap());
    }
}

fn new_context() -> RequestContext<State> {
    let _entered = runtime().enter();
    RequestContext::new(State::new(0))
}

/// Suspends once, to be polled again at once.
async fn yield_once() {
    let mut yielded = false;
    poll_fn(|cx| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

fn in_task(work: impl Future<Output = ()> + Send + 'static) -> Duration {
    timed(|| {
        runtime().block_on(async {
            tokio::spawn(work).await.unwrap();
        });
    })
}

/// Starts so many tasks and waits for all of them.
fn together<H, E>(tasks: u64, mut start: impl FnMut() -> H) -> Duration
where
    H: Future<Output = Result<(), E>>,
{
    timed(|| {
        runtime().block_on(async {
            let handles: Vec<_> = (0..tasks).map(|_| start()).collect();
            for handle in handles {
                assert!(handle.await.is_ok());
            }
        });
    })
}

type Job = Box<dyn FnOnce(&mut u64) + Send>;

struct Actor {
    jobs: mpsc::UnboundedSender<Job>,
}

impl Actor {
    fn start() -> Self {
        let (sender, mut jobs) = mpsc::unbounded_channel::<Job>();
        runtime().spawn(async move {
            let mut count = 0;
            while let Some(job) = jobs.recv().await {
                job(&mut count);
            }
        });
        Actor { jobs: sender }
    }

    fn post(&self, job: impl FnOnce(&mut u64) + Send + 'static) {
        assert!(self.jobs.send(Box::new(job)).is_ok());
    }

    fn call<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut u64) -> R + Send + 'static,
    ) -> oneshot::Receiver<R> {
        let (reply, replied) = oneshot::channel();
        self.post(|count| assert!(reply.send(job(count)).is_ok()));
        replied
    }

    async fn idle(&self) {
        self.call(|_| ()).await.unwrap();
    }
}
