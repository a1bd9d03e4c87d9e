//! A context on the thread of a real event loop: GLib's. The feature `glib` has this built.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    thread::{self, ThreadId},
};

use glib::{MainContext, MainLoop, Priority};
use request_context::{
    ContextThread, Dispatch, Job, ThreadScheduler, context, context_async, scheduler, try_with,
};
use request_context_tests::{Gate, Graves, Homely, Log, block_on, suspend, watchdog};

/// The way into GLib's loop: a source that is ready at once, and is gone when it has run.
struct ToGlib(MainContext);

impl Dispatch for ToGlib {
    fn dispatch(&self, job: Job) {
        // Not `invoke`, which would run it on this thread while nobody runs the loop.
        let mut job = Some(job);
        let run = move || {
            if let Some(job) = job.take() {
                job.run();
            }
            glib::ControlFlow::Break
        };
        glib::idle_source_new(None, Priority::DEFAULT, run).attach(Some(&self.0));
    }
}

struct Window {
    titles: Rc<RefCell<Vec<String>>>,
    main_loop: MainLoop,
    _homely: Homely,
}

fn here() -> ThreadId {
    thread::current().id()
}

#[context_async(Window)]
async fn set_title(title: &'static str) -> ThreadId {
    context!().titles.borrow_mut().push(title.to_owned());
    suspend().await;
    here()
}

#[context_async(Window)]
async fn click() -> Vec<ThreadId> {
    let mut threads = vec![set_title("clicked").await];
    let loaded_on = request_context::spawn_blocking_detached(here)
        .await
        .unwrap();
    assert_ne!(loaded_on, threads[0]);
    threads.push(set_title("loaded").await);
    threads.push(scheduler!().spawn(set_title("spawned")).await.unwrap());
    threads
}

/// Runs `user` on another thread, while this one runs the loop until the context has ended.
fn with_window<R: Send + 'static>(
    graves: &Graves,
    user: impl FnOnce(ContextThread<Window>) -> R + Send + 'static,
) -> R {
    let pool = request_context_tests::pool!(1);
    let _entered = pool.enter();
    let glib = MainContext::new();
    let main_loop = MainLoop::new(Some(&glib), false);
    let result = glib.with_thread_default(|| {
        let window = ContextThread::on_loop(
            ToGlib(glib.clone()),
            Window {
                titles: Rc::default(),
                main_loop: main_loop.clone(),
                _homely: graves.homely(),
            },
        );
        let user = thread::spawn(move || user(window));
        main_loop.run();
        // What the end of the user has left.
        while !user.is_finished() || glib.pending() {
            glib.iteration(false);
        }
        user.join()
    });
    result.expect("a loop of this thread").expect("no panic")
}

#[test]
fn context_fns_run_on_the_thread_of_the_main_loop() {
    watchdog(|| {
        let (graves, owner) = (Graves::new(), here());
        let (threads, titles) = with_window(&graves, |window| {
            let threads = block_on(window.scheduler().run(click()));
            let error = window.scheduler().with(|_| ()).unwrap_err();
            assert_eq!(error.owner(), window.thread_id());
            let titles = window.scheduler().blocking_send(|window| {
                assert!(try_with(|_: &Window| ()).is_ok());
                window.main_loop.quit();
                window.titles.borrow().clone()
            });
            window.blocking_stop().unwrap();
            (threads, titles.unwrap())
        });
        assert_eq!(threads, [owner; 3]);
        assert_eq!(titles, ["clicked", "loaded", "spawned"]);
        assert_eq!(graves.threads(), [owner]);
    });
}

#[test]
fn work_that_is_not_send_and_what_the_loop_itself_does_share_the_thread() {
    watchdog(|| {
        let graves = Graves::new();
        let order = with_window(&graves, |window| {
            let log = Log::new();
            let (spawned, seen) = (window.scheduler(), log.clone());
            let from_glib: ThreadScheduler<Window> = window.scheduler();
            let handle = window.scheduler().spawn_with(move || {
                let clicks = Rc::new(Cell::new(0));
                let clicked = Gate::new();
                // A source of GLib's own, on this thread, that is no work of the context.
                let source = glib::idle_source_new(None, Priority::DEFAULT, {
                    let clicked = clicked.clone();
                    move || {
                        let direct = from_glib.with(|window| window.titles.borrow().len());
                        seen.push(format!("source {direct:?}"));
                        clicked.open();
                        glib::ControlFlow::Break
                    }
                });
                source.attach(MainContext::thread_default().as_ref());
                async move {
                    clicked.opened().await;
                    clicks.set(clicks.get() + 1);
                    spawned.with(|window| window.main_loop.quit()).unwrap();
                    clicks.get()
                }
            });
            log.push(format!("clicks {}", handle.blocking_join().unwrap()));
            window.blocking_stop().unwrap();
            log.take()
        });
        assert_eq!(order, ["source Ok(0)", "clicks 1"]);
    });
}

#[test]
fn a_main_loop_within_a_turn_does_not_run_that_contexts_work_until_the_turn_is_over() {
    watchdog(|| {
        let graves = Graves::new();
        let order = with_window(&graves, |window| {
            let (log, ended) = (Log::new(), Gate::new());
            let handler = {
                let (log, ended) = (log.clone(), ended.clone());
                let scheduler = window.scheduler();
                move |window: &Window| {
                    let (posted, last) = (log.clone(), log.clone());
                    drop(scheduler.post(move |_| posted.push("posted")));
                    let glib = MainContext::thread_default().unwrap();
                    // A modal dialog's loop: it takes the job, which waits for the end of this turn.
                    assert!(glib.iteration(false));
                    log.push("after the inner loop");
                    let (ended, main_loop) = (ended.clone(), window.main_loop.clone());
                    drop(scheduler.post(move |_| {
                        last.push("posted last");
                        main_loop.quit();
                        ended.open();
                    }));
                }
            };
            let clicked = window.scheduler();
            let attached = window.scheduler().post(move |_| {
                let source = glib::idle_source_new(None, Priority::DEFAULT, move || {
                    clicked.with(&handler).unwrap();
                    glib::ControlFlow::Break
                });
                source.attach(MainContext::thread_default().as_ref());
            });
            attached.blocking_join().unwrap();
            ended.wait();
            window.blocking_stop().unwrap();
            log.take()
        });
        assert_eq!(order, ["after the inner loop", "posted", "posted last"]);
    });
}
