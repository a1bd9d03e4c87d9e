//! A thousand requests at once: each has its own user and its own counters, whatever the others do.

use std::{
    cell::{Cell, RefCell},
    future::pending,
    panic::{AssertUnwindSafe, resume_unwind},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures::FutureExt;
use request_context::{
    JoinHandle, RequestContext, context, context_async, detached, scheduler, spawn_detached,
    try_with,
};
use request_context_tests::{OnDrop, stress_on_pool};
use tokio::task::yield_now;

const REQUESTS: usize = 1_000;

/// One request's state: no lock anywhere.
struct App {
    user: usize,
    steps: Cell<usize>,
    trail: RefCell<Vec<usize>>,
    /// Of the whole test: what destructors of this request's work have seen.
    drops: Arc<AtomicUsize>,
}

fn visible_user() -> Option<usize> {
    try_with(|app: &App| app.user).ok()
}

/// What every request does between two suspensions.
#[context_async(App)]
async fn step(user: usize) {
    assert_eq!(context!().user, user);
    assert_eq!(visible_user(), Some(user));
    let app = context!();
    app.steps.set(app.steps.get() + 1);
    app.trail.borrow_mut().push(user);
    yield_now().await;
    assert_eq!(context!().user, user);
    assert_eq!(visible_user(), Some(user));
}

#[detached]
async fn sees_nobody() -> Option<usize> {
    yield_now().await;
    visible_user()
}

#[derive(Clone, Copy, PartialEq)]
enum End {
    Well,
    Panics,
    IsDropped,
    IsAborted,
}

#[context_async(App)]
async fn handler(user: usize, end: End) -> (usize, usize) {
    let drops = context!().drops.clone();
    let _leaves = OnDrop::new(move || {
        assert_eq!(visible_user(), Some(user));
        drops.fetch_add(1, Ordering::Relaxed);
    });
    step(user).await;
    let sibling = scheduler!().spawn(step(user));
    assert_eq!(sees_nobody().await, None);
    tokio::join!(step(user), step(user));
    assert_eq!(
        spawn_detached(async { visible_user() }).await.unwrap(),
        None
    );
    assert_eq!(visible_user(), Some(user));
    sibling.await.unwrap();
    match end {
        End::Panics => resume_unwind(Box::new(user)),
        End::IsDropped | End::IsAborted => pending().await,
        End::Well => {}
    }
    step(user).await;
    let app = context!();
    assert!(app.trail.borrow().iter().all(|&seen| seen == user));
    (app.user, app.steps.get())
}

async fn polled_until(context: &RequestContext<App>, steps: usize) {
    while context
        .run(async { try_with(|app: &App| app.steps.get()) })
        .await
        .unwrap()
        < steps
    {
        yield_now().await;
    }
}

async fn request(user: usize, end: End, drops: Arc<AtomicUsize>) -> usize {
    let context = RequestContext::new(App {
        user,
        steps: Cell::new(0),
        trail: RefCell::default(),
        drops,
    });
    match end {
        End::Well => assert_eq!(context.run(handler(user, end)).await, (user, 5)),
        End::Panics => {
            let result = AssertUnwindSafe(context.run(handler(user, end)))
                .catch_unwind()
                .await;
            assert_eq!(result.unwrap_err().downcast_ref::<usize>(), Some(&user));
        }
        End::IsDropped => {
            let mut run = pin!(context.run(handler(user, end)));
            let steps = polled_until(&context, 4);
            tokio::select! {
                biased;
                () = steps => {}
                _ = &mut run => unreachable!("it never ends by itself"),
            }
        }
        End::IsAborted => {
            let work: JoinHandle<(usize, usize)> = context.scheduler().spawn(handler(user, end));
            polled_until(&context, 4).await;
            work.abort();
            assert!(work.await.unwrap_err().is_cancelled());
        }
    }
    assert_eq!(visible_user(), None);
    context.idle().await.unwrap();
    context
        .run(async { try_with(|app: &App| app.steps.get()) })
        .await
        .unwrap()
}

#[test]
fn a_thousand_concurrent_requests_never_see_each_other() {
    stress_on_pool!(4, async {
        let drops = Arc::new(AtomicUsize::new(0));
        let requests: Vec<_> = (0..REQUESTS)
            .map(|user| {
                let end = match user % 10 {
                    3 => End::Panics,
                    5 => End::IsDropped,
                    7 => End::IsAborted,
                    _ => End::Well,
                };
                tokio::spawn(request(user, end, drops.clone()))
            })
            .collect();
        let mut steps = 0;
        for request in requests {
            steps += request.await.unwrap();
        }
        assert_eq!(steps, REQUESTS * 7 / 10 * 5 + REQUESTS * 3 / 10 * 4);
        assert_eq!(drops.load(Ordering::Relaxed), REQUESTS);
    });
}
