//! Work on threads of its own.

use std::{
    env,
    process::Command,
    sync::mpsc,
    thread::{self, ThreadId},
};

use request_context::{
    RequestContext, context, context_async, spawn_blocking_detached, spawn_long_running_detached,
};
use request_context_tests::{Request, message, on_one_thread, seen, watchdog};
use tokio::runtime::Builder;

#[context_async(Request)]
async fn starts_long_running() -> (ThreadId, String) {
    let (thread, sees) = spawn_long_running_detached(|| (thread::current().id(), seen()))
        .await
        .unwrap();
    // Back on the context, with the result.
    context!().increment();
    assert_eq!(seen(), context!().user);
    (thread, sees)
}

#[test]
fn sd_35_long_running_work_has_a_thread_of_its_own_and_leaves_the_pool_alone() {
    watchdog(|| {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(1)
            .build()
            .unwrap();
        runtime.block_on(async {
            let here = || thread::current().id();
            // All threads for blocking work are busy, and it runs nevertheless.
            let (release, busy) = mpsc::channel::<()>();
            let blocking = spawn_blocking_detached(move || {
                assert!(busy.recv().is_err(), "released");
                here()
            });
            let context = RequestContext::new(Request::of("ada"));
            let (own, sees) = context.run(starts_long_running()).await;
            assert_eq!(sees, "detached");
            drop(release);
            let worker = tokio::spawn(async move { here() });
            let pool = [blocking.await.unwrap(), worker.await.unwrap()];
            assert!(!pool.contains(&own));

            // And while it runs, they are all free.
            let (go_on, wait) = mpsc::channel::<()>();
            let work = spawn_long_running_detached(move || wait.recv().is_ok());
            spawn_blocking_detached(|| ()).await.unwrap();
            tokio::spawn(async {}).await.unwrap();
            go_on.send(()).unwrap();
            assert!(work.await.unwrap());
        });
    });
}

#[test]
fn its_panic_comes_to_the_handle_and_its_caller_needs_no_runtime() {
    watchdog(|| {
        let work = spawn_long_running_detached(|| -> u32 { panic!("lost") });
        let error = work.blocking_join().unwrap_err();
        assert_eq!(message(&*error.into_panic()), "lost");
    });
    on_one_thread!(async {
        let (go_on, wait) = mpsc::channel::<()>();
        let work = spawn_long_running_detached(move || wait.recv().is_ok());
        assert!(!work.is_finished());
        work.abort();
        assert!(!work.is_finished(), "it cannot be aborted");
        go_on.send(()).unwrap();
        assert!(work.await.unwrap());
    });
}

const CHILD: &str = "REQUEST_CONTEXT_LONG_RUNNING_CHILD";

#[test]
fn sd_36_long_running_work_does_not_keep_the_process_alive() {
    if env::var_os(CHILD).is_some() {
        // Ends with this test, though the work would go on for ever.
        let (started, wait) = mpsc::channel();
        drop(spawn_long_running_detached(move || {
            started.send(()).unwrap();
            loop {
                thread::park();
            }
        }));
        wait.recv().unwrap();
        return;
    }
    watchdog(|| {
        let output = Command::new(env::current_exe().unwrap())
            .args([
                "--exact",
                "sd_36_long_running_work_does_not_keep_the_process_alive",
            ])
            .env(CHILD, "1")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && text.contains("1 passed"),
            "{text}"
        );
    });
}
