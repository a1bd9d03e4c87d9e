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
use request_context_tests::{Request, message, on_one_thread, on_pool, seen, watchdog};
use tokio::runtime::Handle;

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
    on_pool!(2, async {
        let metrics = Handle::current().metrics();
        let pool: Vec<ThreadId> = {
            let mut threads = Vec::new();
            for _ in 0..20 {
                threads.push(
                    spawn_blocking_detached(|| thread::current().id())
                        .await
                        .unwrap(),
                );
            }
            threads.push(
                tokio::spawn(async { thread::current().id() })
                    .await
                    .unwrap(),
            );
            threads
        };
        let workers = metrics.num_workers();
        let context = RequestContext::new(Request::of("ada"));
        let (thread, sees) = context.run(starts_long_running()).await;
        assert!(!pool.contains(&thread));
        assert_eq!(sees, "detached");
        assert_eq!(metrics.num_workers(), workers);
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
        let status = Command::new(env::current_exe().unwrap())
            .args([
                "--exact",
                "sd_36_long_running_work_does_not_keep_the_process_alive",
            ])
            .env(CHILD, "1")
            .status()
            .unwrap();
        assert!(status.success());
    });
}
