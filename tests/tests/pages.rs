//! Where posted closures are kept until they have run: in pages that their threads fill, and that go with the last
//! of them.

#![cfg(not(request_context_sanitized))]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    array,
    cell::RefCell,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicIsize, AtomicUsize, Ordering},
    },
    thread,
};

use request_context::{JoinHandle, RequestContext, Scheduler};
use request_context_tests::{one_thread, pool, watchdog};

/// Counts the pages that there are, and all that there were.
struct Counting;

static PAGES: AtomicIsize = AtomicIsize::new(0);
static EVER: AtomicUsize = AtomicUsize::new(0);

const PAGE: (usize, usize) = (4080, 16);

fn is_page(layout: Layout) -> bool {
    (layout.size(), layout.align()) == PAGE
}

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_page(layout) {
            PAGES.fetch_add(1, Ordering::SeqCst);
            EVER.fetch_add(1, Ordering::SeqCst);
        }
        // SAFETY: the caller's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        if is_page(layout) {
            PAGES.fetch_sub(1, Ordering::SeqCst);
        }
        // SAFETY: the caller's contract.
        unsafe { System.dealloc(start, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn pages() -> isize {
    PAGES.load(Ordering::SeqCst)
}

/// Runs a test alone, on a thread of its own, and says how many pages there have been. None is to be left.
#[track_caller]
fn leaves_no_page(test: impl FnOnce() + Send + 'static) -> usize {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    PAGES.store(0, Ordering::SeqCst);
    let before = EVER.load(Ordering::SeqCst);
    watchdog(|| on_a_thread(test));
    assert_eq!(pages(), 0);
    let ever = EVER.load(Ordering::SeqCst) - before;
    assert!(ever > 0);
    ever
}

/// Runs `action` on a thread that is gone when this returns.
fn on_a_thread<R: Send + 'static>(action: impl FnOnce() -> R + Send + 'static) -> R {
    thread::spawn(action).join().unwrap()
}

/// Posts from a thread that is gone when this returns.
fn posts_from_a_thread(scheduler: &Scheduler<()>, posts: u32) -> Vec<JoinHandle<u32>> {
    let scheduler = scheduler.clone();
    on_a_thread(move || {
        (0..posts)
            .map(|i| scheduler.post(move |()| i))
            .collect::<Vec<_>>()
    })
}

#[test]
fn a_flood_keeps_no_page_once_it_has_run_and_its_thread_has_ended() {
    leaves_no_page(|| {
        let runtime = one_thread!();
        let _entered = runtime.enter();
        let context = RequestContext::new(());
        drop(posts_from_a_thread(&context.scheduler(), 10_000));
        assert!(pages() > 100, "nothing has run yet");
        runtime.block_on(context.idle()).unwrap();
    });
}

#[test]
fn a_thread_that_posts_keeps_one_page() {
    let ever = leaves_no_page(|| {
        let runtime = one_thread!();
        let _entered = runtime.enter();
        let context = RequestContext::new(());
        for _ in 0..1_000 {
            drop(context.scheduler().post(|()| ()));
            runtime.block_on(context.idle()).unwrap();
            assert_eq!(pages(), 1);
        }
    });
    assert!(ever > 10, "{ever}");
}

#[test]
fn a_handle_that_is_kept_keeps_its_page_and_no_other() {
    leaves_no_page(|| {
        let runtime = one_thread!();
        let _entered = runtime.enter();
        let context = RequestContext::new(());
        let mut handles = posts_from_a_thread(&context.scheduler(), 1_000);
        let kept = handles.swap_remove(500);
        drop(handles);
        runtime.block_on(context.idle()).unwrap();
        drop(context);
        assert_eq!(pages(), 1);
        assert_eq!(runtime.block_on(kept).unwrap(), 500);
    });
}

#[test]
fn a_refused_post_gives_its_room_back() {
    leaves_no_page(|| {
        let runtime = one_thread!();
        let _entered = runtime.enter();
        let context = RequestContext::new(());
        let concurrent = RequestContext::concurrent(());
        for context in [context, concurrent] {
            context.close();
            drop(posts_from_a_thread(&context.scheduler(), 1_000));
        }
    });
}

#[test]
fn posts_of_many_threads_that_others_run_and_drop_are_each_run_once() {
    const THREADS: u32 = 4;
    const POSTS: u32 = 5_000;

    leaves_no_page(|| {
        let runtime = pool!(2);
        let _entered = runtime.enter();
        let context = RequestContext::new(());
        let posters: Vec<_> = (0..THREADS)
            .map(|_| {
                let scheduler = context.scheduler();
                thread::spawn(move || {
                    let post = |i| {
                        let handle = scheduler.post(move |()| i);
                        // Those whose handles are dropped here, at once or late, and those of others.
                        (i % 3 != 0).then_some(handle)
                    };
                    (0..POSTS).filter_map(post).collect::<Vec<_>>()
                })
            })
            .collect();
        let mut sum = 0;
        for poster in posters {
            for handle in poster.join().unwrap() {
                sum += u64::from(runtime.block_on(handle).unwrap());
            }
        }
        let kept = (0..POSTS).filter(|i| i % 3 != 0).map(u64::from);
        assert_eq!(sum, u64::from(THREADS) * kept.sum::<u64>());
        runtime.block_on(context.idle()).unwrap();
    });
}

/// Is aligned more than a page is.
#[repr(align(32))]
struct Aligned([u8; 32]);

#[test]
fn closures_of_all_sizes_and_alignments_keep_what_they_own() {
    fn posts_and_sums<const N: usize>(scheduler: &Scheduler<()>) -> [JoinHandle<u64>; 3] {
        array::from_fn(|i| {
            let numbers: [u8; N] = array::from_fn(|j| (i + j) as u8);
            scheduler.post(move |()| numbers.iter().copied().map(u64::from).sum())
        })
    }

    fn sums<const N: usize>() -> [u64; 3] {
        array::from_fn(|i| (0..N).map(|j| u64::from((i + j) as u8)).sum())
    }

    leaves_no_page(|| {
        let runtime = one_thread!();
        let _entered = runtime.enter();
        let context = RequestContext::new(());
        let scheduler = context.scheduler();
        macro_rules! check {
            ($($size:literal)*) => {
                // All are queued before one runs.
                let handles = [$(posts_and_sums::<$size>(&scheduler)),*];
                let expected = [$(sums::<$size>()),*];
                for (handles, expected) in handles.into_iter().zip(expected) {
                    for (handle, expected) in handles.into_iter().zip(expected) {
                        assert_eq!(runtime.block_on(handle).unwrap(), expected);
                    }
                }
            };
        }
        check!(0 1 2 7 8 9 15 16 17 100 190 191 192 193 194 195 196 197 198 199 200 201 208 255 256 1000 4080 5000);

        // A debug build looks at where they lie, which is behind others of all sizes.
        for _ in 0..2 {
            let (wide, aligned) = (1_u128 << 100, Aligned([7; 32]));
            let word = 1_u64;
            drop(scheduler.post(move |()| word));
            let posted = scheduler.post(move |()| wide);
            assert_eq!(runtime.block_on(posted).unwrap(), wide);
            let posted = scheduler.post(move |()| aligned);
            assert_eq!(runtime.block_on(posted).unwrap().0, [7; 32]);
        }
    });
}

#[test]
fn a_thread_that_ends_can_still_post() {
    /// Posts when it is dropped, with its thread.
    struct Posts(Scheduler<RefCell<Vec<&'static str>>>, &'static str);
    impl Drop for Posts {
        fn drop(&mut self) {
            let who = self.1;
            drop(self.0.post(move |log| log.borrow_mut().push(who)));
        }
    }

    thread_local! {
        static BEFORE: RefCell<Option<Posts>> = const { RefCell::new(None) };
        static AFTER: RefCell<Option<Posts>> = const { RefCell::new(None) };
    }

    leaves_no_page(|| {
        let runtime = one_thread!();
        let _entered = runtime.enter();
        let context = RequestContext::new(RefCell::new(Vec::new()));
        let scheduler = context.scheduler();
        on_a_thread(move || {
            // They end in the order in which they were first used, or in the other one; and the thread's page
            // between them.
            BEFORE.set(Some(Posts(scheduler.clone(), "one")));
            drop(scheduler.post(|log| log.borrow_mut().push("alive")));
            AFTER.set(Some(Posts(scheduler, "other")));
        });
        runtime.block_on(context.idle()).unwrap();
        let take = context.scheduler().post(|log| log.take());
        let mut log = runtime.block_on(take).unwrap();
        log.sort_unstable();
        assert_eq!(log, ["alive", "one", "other"]);
    });
}
