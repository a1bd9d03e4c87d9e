//! loom models of the turn, the queue and the count of outstanding work: every interleaving of two or
//! three threads. Run with `RUSTFLAGS="--cfg request_context_loom" cargo test -p request-context --lib`.

use std::{
    future::poll_fn,
    task::{Context, Poll, Waker},
};

use loom::{
    future::block_on,
    model,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use crate::{
    batch::{Batch, Next},
    context::Header,
    exclusive::Scope,
    outstanding::{Outstanding, Unread, failure},
    queue::{Needs, PostsAreOver, Queue},
    schedule::{Last, Schedule},
    suspended::Suspended,
    sync::{Mutex, lock},
    task::Fate,
    trusted::{Awaited, Job, Shares, two_awaited},
    turn::Turn,
    waiters::Place,
};

/// For three threads: every interleaving with at most two preemptions, as all of them are too many.
fn bounded(check: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(check);
}

/// A turn and what it guards. The value is read and written apart and `Relaxed`, so that loom loses
/// additions of turns that overlap or that do not happen one before the other.
struct Guarded {
    turn: Turn,
    value: AtomicUsize,
}

impl Guarded {
    fn new() -> Arc<Self> {
        Arc::new(Guarded {
            turn: Turn::new(),
            value: AtomicUsize::new(0),
        })
    }

    fn add(&self) {
        self.value.store(self.value() + 1, Ordering::Relaxed);
    }

    fn value(&self) -> usize {
        self.value.load(Ordering::Relaxed)
    }

    fn give_back(&self) {
        self.turn.give_back(drop);
    }
}

/// One turn, waited for.
async fn one_turn(guarded: Arc<Guarded>) {
    let mut place = None;
    poll_fn(|cx| guarded.turn.poll_take(cx, &mut place)).await;
    guarded.add();
    guarded.give_back();
}

/// Adds to what the turn guards when it is dropped.
struct Corpse(Arc<Guarded>);

impl Drop for Corpse {
    fn drop(&mut self) {
        self.0.add();
    }
}

#[test]
fn turns_never_overlap_and_no_waiter_is_forgotten() {
    model(|| {
        let guarded = Guarded::new();
        let other = thread::spawn({
            let guarded = guarded.clone();
            move || block_on(one_turn(guarded))
        });
        block_on(one_turn(guarded.clone()));
        other.join().unwrap();
        assert!(guarded.turn.try_take());
        assert_eq!(guarded.value(), 2);
        guarded.give_back();
    });
}

#[test]
fn three_threads_all_get_their_turn() {
    bounded(|| {
        let guarded = Guarded::new();
        let others = [(); 2].map(|()| {
            let guarded = guarded.clone();
            thread::spawn(move || block_on(one_turn(guarded)))
        });
        block_on(one_turn(guarded.clone()));
        for other in others {
            other.join().unwrap();
        }
        assert!(guarded.turn.try_take());
        assert_eq!(guarded.value(), 3);
        guarded.give_back();
    });
}

#[test]
fn a_woken_future_that_nobody_polls_blocks_nobody() {
    model(|| {
        let guarded = Guarded::new();
        assert!(guarded.turn.try_take());
        let mut sleeper = None::<Place>;
        let mut cx = Context::from_waker(Waker::noop());
        assert!(guarded.turn.poll_take(&mut cx, &mut sleeper).is_pending());
        let other = thread::spawn({
            let guarded = guarded.clone();
            move || block_on(one_turn(guarded))
        });
        guarded.give_back();
        other.join().unwrap();
        guarded.turn.leave(&mut sleeper);
        assert!(guarded.turn.try_take());
        guarded.give_back();
    });
}

#[test]
fn what_is_left_behind_is_dropped_once_and_under_the_turn() {
    model(|| {
        let guarded = Guarded::new();
        let other = thread::spawn({
            let guarded = guarded.clone();
            move || {
                let corpse = Corpse(guarded.clone());
                if guarded.turn.try_take() {
                    drop(corpse);
                    guarded.give_back();
                } else if guarded.turn.leave_behind(Box::new(corpse)) {
                    guarded.give_back();
                }
            }
        });
        block_on(one_turn(guarded.clone()));
        other.join().unwrap();
        assert!(guarded.turn.try_take());
        assert_eq!(guarded.value(), 2);
        guarded.give_back();
    });
}

#[test]
fn a_waiting_future_that_is_dropped_leaves_the_others_their_wakers() {
    bounded(|| {
        let guarded = Guarded::new();
        assert!(guarded.turn.try_take());
        let dropped = thread::spawn({
            let guarded = guarded.clone();
            move || {
                let mut place = None;
                let mut cx = Context::from_waker(Waker::noop());
                match guarded.turn.poll_take(&mut cx, &mut place) {
                    Poll::Ready(()) => guarded.give_back(),
                    Poll::Pending => guarded.turn.leave(&mut place),
                }
            }
        });
        let waiting = thread::spawn({
            let guarded = guarded.clone();
            move || block_on(one_turn(guarded))
        });
        guarded.give_back();
        dropped.join().unwrap();
        waiting.join().unwrap();
    });
}

/// Pushes an item, and does for the driver what must be done; the started one drives in this thread.
fn push(queue: &Queue<usize, ()>, item: usize) -> Option<()> {
    see_to(queue.push(|| item, || ()))
}

fn see_to<O>(needs: Needs<O>) -> Option<O> {
    match needs {
        Needs::Nothing => None,
        Needs::Waking(driver) => {
            driver.wake();
            None
        }
        Needs::Starting(owner) => Some(owner),
    }
}

fn poll_refill<O>(
    queue: &Queue<usize, O>,
    cx: &mut Context<'_>,
    batch: &mut Batch<usize, usize>,
) -> Poll<()> {
    match queue.refill_or_park(cx, batch) {
        Ok(()) => Poll::Ready(()),
        Err(PostsAreOver(over)) => {
            assert!(!over, "no post has ended");
            Poll::Pending
        }
    }
}

fn drain(batch: &mut Batch<usize, usize>) -> impl Iterator<Item = usize> {
    batch.drain().map(|next| match next {
        Next::Pushed(item) | Next::Yielded(item) => item,
    })
}

#[test]
fn a_pushed_item_always_finds_a_driver() {
    /// Drives until the items add up to 111.
    async fn drive(queue: &Queue<usize, ()>) {
        let mut batch = Batch::<usize, usize>::new();
        let mut sum = 0;
        while sum < 111 {
            poll_fn(|cx| poll_refill(queue, cx, &mut batch)).await;
            sum += drain(&mut batch).sum::<usize>();
        }
    }

    bounded(|| {
        let queue = Arc::new(Queue::new());
        let others = [1, 10].map(|item| {
            let queue = queue.clone();
            thread::spawn(move || {
                if push(&queue, item).is_some() {
                    block_on(drive(&queue));
                }
            })
        });
        if push(&queue, 100).is_some() {
            block_on(drive(&queue));
        }
        for other in others {
            other.join().unwrap();
        }
    });
}

#[test]
fn a_driver_that_retires_misses_no_item() {
    fn drop_all(queue: &Queue<usize, ()>, done: &AtomicUsize) {
        let mut batch = Batch::<usize, usize>::new();
        while queue.refill_or_retire(&mut batch).is_ok() {
            for item in drain(&mut batch) {
                done.fetch_add(item, Ordering::Relaxed);
            }
        }
    }

    bounded(|| {
        let shared = Arc::new((Queue::new(), AtomicUsize::new(0)));
        let others = [1, 10].map(|item| {
            let shared = shared.clone();
            thread::spawn(move || {
                let (queue, done) = &*shared;
                if push(queue, item).is_some() {
                    drop_all(queue, done);
                }
            })
        });
        let (queue, done) = &*shared;
        if push(queue, 100).is_some() {
            drop_all(queue, done);
        }
        for other in others {
            other.join().unwrap();
        }
        assert_eq!(done.load(Ordering::Relaxed), 111);
    });
}

/// An owner of a queue. Stands for the `Arc` of a context, of which loom has no `Weak`.
struct Owner(Arc<Owned>);

struct Owned {
    queue: Queue<usize, Owner>,
    /// How many owners there are; from none on, nobody becomes one.
    owners: Mutex<usize>,
    /// Whether the context is gone, which wakes its driver.
    gone: AtomicUsize,
}

impl Owner {
    /// An owner, as long as there is another.
    fn of(owned: &Arc<Owned>) -> Option<Self> {
        let mut owners = lock(&owned.owners);
        if *owners == 0 {
            return None;
        }
        *owners += 1;
        Some(Owner(owned.clone()))
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let mut owners = lock(&self.0.owners);
        *owners -= 1;
        let last = *owners == 0;
        drop(owners);
        if last {
            self.0.gone.store(1, Ordering::Relaxed);
            self.0.queue.end();
        }
    }
}

/// A driver as the one of a context: an owner while it is awake.
struct Drives {
    owned: Arc<Owned>,
    awake: Option<Owner>,
    sum: usize,
}

impl Drives {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        let owner = self.awake.take().or_else(|| Owner::of(&self.owned));
        let Some(owner) = owner else {
            return Poll::Ready(self.sum);
        };
        let mut batch = Batch::<usize, usize>::new();
        while poll_refill(&owner.0.queue, cx, &mut batch).is_ready() {
            assert_eq!(owner.0.gone.load(Ordering::Relaxed), 0);
            self.sum += drain(&mut batch).sum::<usize>();
        }
        Poll::Pending
    }
}

#[test]
fn a_queue_owns_its_context_until_its_items_have_run_and_its_end_wakes_the_driver() {
    bounded(|| {
        let owned = Arc::new(Owned {
            queue: Queue::new(),
            owners: Mutex::new(1),
            gone: AtomicUsize::new(0),
        });
        let poster = Owner(owned.clone());
        let post = |item| {
            let queue = &poster.0.queue;
            let owner = || Owner::of(&poster.0).unwrap();
            see_to(queue.push_post(|| item, owner, || false, || {}).unwrap())
        };
        let awake = post(1);
        let driver = thread::spawn({
            let owned = owned.clone();
            move || {
                let mut drives = Drives {
                    owned,
                    awake,
                    sum: 0,
                };
                block_on(poll_fn(|cx| drives.poll(cx)))
            }
        });
        assert!(post(10).is_none());
        drop(poster);
        assert_eq!(driver.join().unwrap(), 11);
    });
}

#[test]
fn who_waits_for_idle_while_an_end_wakes_others_is_not_forgotten() {
    bounded(|| {
        let outstanding = Arc::new(Outstanding::new());
        assert!(outstanding.begin());
        let end = |outstanding: &Arc<Outstanding>| {
            let outstanding = outstanding.clone();
            thread::spawn(move || outstanding.end(1))
        };
        let first = end(&outstanding);
        let (mut other, mut place) = (None, None);
        let mut cx = Context::from_waker(Waker::noop());
        let _ = outstanding.poll_idle(&mut cx, &mut other);
        assert!(outstanding.begin());
        let second = end(&outstanding);
        block_on(poll_fn(|cx| outstanding.poll_idle(cx, &mut place)));
        outstanding.leave(&mut other);
        first.join().unwrap();
        second.join().unwrap();
    });
}

#[test]
fn idle_sees_everything_the_last_piece_of_work_did() {
    bounded(|| {
        let outstanding = Arc::new(Outstanding::new());
        let written = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
        assert!(outstanding.begin());
        assert!(outstanding.begin());
        let others = written.clone().map(|written| {
            let outstanding = outstanding.clone();
            thread::spawn(move || {
                written.store(1, Ordering::Relaxed);
                outstanding.end(1);
            })
        });
        let mut place = None;
        block_on(poll_fn(|cx| outstanding.poll_idle(cx, &mut place)));
        for written in written {
            assert_eq!(written.load(Ordering::Relaxed), 1);
        }
        for other in others {
            other.join().unwrap();
        }
    });
}

#[test]
fn a_panic_reported_before_the_end_comes_out_of_idle() {
    model(|| {
        let outstanding = Arc::new(Outstanding::new());
        assert!(outstanding.begin());
        let other = thread::spawn({
            let outstanding = outstanding.clone();
            move || {
                let failure = failure(Box::new("failed"));
                outstanding.report(Unread::new(Mutex::new(Some(failure))));
                outstanding.end(1);
            }
        });
        let mut place = None;
        block_on(poll_fn(|cx| outstanding.poll_idle(cx, &mut place)));
        assert_eq!(outstanding.take_failures().len(), 1);
        other.join().unwrap();
    });
}

#[test]
fn after_close_and_idle_nothing_has_begun_that_was_not_waited_for() {
    model(|| {
        let outstanding = Arc::new(Outstanding::new());
        let written = Arc::new(AtomicUsize::new(0));
        let other = thread::spawn({
            let (outstanding, written) = (outstanding.clone(), written.clone());
            move || {
                let open = outstanding.begin();
                if open {
                    written.store(1, Ordering::Relaxed);
                    outstanding.end(1);
                }
                open
            }
        });
        outstanding.close();
        let mut place = None;
        block_on(poll_fn(|cx| outstanding.poll_idle(cx, &mut place)));
        let seen = written.load(Ordering::Relaxed);
        let begun = usize::from(other.join().unwrap());
        assert_eq!(seen, begun);
    });
}

/// A queue of posts, its count, and what they have written.
struct Posts {
    queue: Queue<usize, ()>,
    outstanding: Outstanding,
    written: AtomicUsize,
}

impl Posts {
    fn new() -> Arc<Self> {
        Arc::new(Posts {
            queue: Queue::new(),
            outstanding: Outstanding::new(),
            written: AtomicUsize::new(0),
        })
    }

    /// Posts, and drives the queue if it needs a driver. False if it is closed.
    fn post(&self, item: usize) -> bool {
        let begin = || self.outstanding.begin_anyway();
        let is_closed = || self.outstanding.is_closed();
        match self.queue.push_post(|| item, || (), is_closed, begin) {
            None => return false,
            Some(Needs::Starting(())) => self.drive(),
            Some(Needs::Nothing) => {}
            Some(Needs::Waking(_)) => unreachable!("the driver of this model never parks"),
        }
        true
    }

    /// Runs items until there are none, and retires.
    fn drive(&self) {
        let mut batch = Batch::<usize, usize>::new();
        let over = loop {
            if let Err(PostsAreOver(over)) = self.queue.refill_or_retire(&mut batch) {
                break over;
            }
            for item in drain(&mut batch) {
                self.written.store(
                    self.written.load(Ordering::Relaxed) + item,
                    Ordering::Relaxed,
                );
                self.queue.end_posts(1);
            }
        };
        if over {
            self.outstanding.end(1);
        }
    }

    fn close(&self) {
        self.outstanding.close();
        self.queue.close();
    }

    fn wait_until_idle(&self) {
        let mut place = None;
        block_on(poll_fn(|cx| self.outstanding.poll_idle(cx, &mut place)));
    }
}

#[test]
fn after_close_and_idle_no_post_is_left_that_was_accepted() {
    bounded(|| {
        let posts = Posts::new();
        let other = thread::spawn({
            let posts = posts.clone();
            move || usize::from(posts.post(1)) + 10 * usize::from(posts.post(10))
        });
        posts.close();
        posts.wait_until_idle();
        let seen = posts.written.load(Ordering::Relaxed);
        assert_eq!(seen, other.join().unwrap());
        assert!(!posts.post(100));
    });
}

#[test]
fn idle_sees_all_that_posts_of_two_threads_did() {
    bounded(|| {
        let posts = Posts::new();
        let other = thread::spawn({
            let posts = posts.clone();
            move || assert!(posts.post(1))
        });
        assert!(posts.post(10));
        posts.wait_until_idle();
        let seen = posts.written.load(Ordering::Relaxed);
        assert!(seen == 10 || seen == 11);
        other.join().unwrap();
        posts.wait_until_idle();
        assert_eq!(posts.written.load(Ordering::Relaxed), 11);
        assert_eq!(posts.queue.posts(), (0, false));
    });
}

/// What the halves of a pair do to what they share. `with_mut` has loom complain unless all that others did to it
/// happened before; counts its end.
struct Value {
    written: AtomicUsize,
    dropped: Arc<AtomicUsize>,
}

impl Drop for Value {
    fn drop(&mut self) {
        let written = self.written.with_mut(|written| *written);
        let before = self.dropped.fetch_add(1, Ordering::Relaxed);
        assert_eq!((before, written), (0, 1));
    }
}

/// A job that is only dropped.
struct Nothing;

impl Job for Nothing {
    type Shared = Value;

    fn scope(&self) -> Scope {
        Scope::Ordinary
    }

    fn end(self, _: &Value, _: bool, _: &Header, _: Fate) -> Option<Waker> {
        unreachable!("there is no context here")
    }
}

/// One half in a thread that writes and lets go, and the other one.
fn halves_in_two_threads() -> (Awaited<Value>, thread::JoinHandle<()>, Arc<AtomicUsize>) {
    let dropped = Arc::new(AtomicUsize::new(0));
    let value = || Value {
        written: AtomicUsize::new(0),
        dropped: dropped.clone(),
    };
    let [first, second] = two_awaited(value, || Nothing);
    let other = thread::spawn(move || {
        first.written.store(1, Ordering::Relaxed);
        drop(first);
    });
    (second, other, dropped)
}

#[test]
fn the_last_of_two_halves_drops_what_they_share_once() {
    model(|| {
        let (half, other, dropped) = halves_in_two_threads();
        drop(half);
        other.join().unwrap();
        assert_eq!(dropped.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn whoever_has_the_pair_for_itself_sees_what_the_other_half_did() {
    model(|| {
        let (mut half, other, dropped) = halves_in_two_threads();
        let value = loop {
            match half.get_mut() {
                Some(value) => break value,
                None => thread::yield_now(),
            }
        };
        assert_eq!(value.written.with_mut(|written| *written), 1);
        drop(half);
        other.join().unwrap();
        assert_eq!(dropped.load(Ordering::Relaxed), 1);
    });
}

/// A page with two pieces. All that is done with them is `Relaxed`.
struct Paged {
    shares: Shares,
    pieces: [AtomicUsize; 2],
    freed: AtomicUsize,
}

impl Paged {
    /// Gives up shares, and frees the page with the last ones.
    fn give_up(&self, shares: u32) {
        if self.shares.give_up(shares) {
            let seen: usize = self
                .pieces
                .iter()
                .map(|piece| piece.load(Ordering::Relaxed))
                .sum();
            assert_eq!(seen, 2);
            self.freed.store(1, Ordering::Relaxed);
        }
    }
}

#[test]
fn a_page_is_freed_after_all_that_was_done_with_its_pieces_and_once() {
    bounded(|| {
        let page = Arc::new(Paged {
            shares: Shares::new(),
            pieces: [AtomicUsize::new(0), AtomicUsize::new(0)],
            freed: AtomicUsize::new(0),
        });
        let others = [0, 1].map(|piece| {
            let page = page.clone();
            thread::spawn(move || {
                page.pieces[piece].store(1, Ordering::Relaxed);
                page.give_up(1);
            })
        });
        page.give_up(Shares::ALL - 2);
        for other in others {
            other.join().unwrap();
        }
        assert_eq!(page.freed.load(Ordering::Relaxed), 1);
    });
}

/// An item of work. What its turns do is as in `Guarded`; all that is done is `Relaxed`.
struct Scheduled {
    schedule: Schedule,
    turns: AtomicUsize,
    /// What wakers tell the work, and what it knows of that.
    told: [AtomicUsize; 2],
    known: AtomicUsize,
    ended: AtomicUsize,
    freed: AtomicUsize,
}

impl Scheduled {
    fn new(owners: usize) -> Arc<Self> {
        Arc::new(Scheduled {
            schedule: Schedule::new(owners),
            turns: AtomicUsize::new(0),
            told: [AtomicUsize::new(0), AtomicUsize::new(0)],
            known: AtomicUsize::new(0),
            ended: AtomicUsize::new(0),
            freed: AtomicUsize::new(0),
        })
    }

    /// Runs the turn that the caller has, and those that follow at once, until all of `enough` is known.
    fn run(&self, enough: usize) {
        loop {
            let is_its_end = self.schedule.begin();
            let turns = self.turns.load(Ordering::Relaxed);
            self.turns.store(turns + 1, Ordering::Relaxed);
            let told = self.told.iter().map(|told| told.load(Ordering::Relaxed));
            let known = self.known.load(Ordering::Relaxed).max(told.sum());
            self.known.store(known, Ordering::Relaxed);
            if is_its_end || known == enough {
                let ended = self.ended.load(Ordering::Relaxed);
                self.ended.store(ended + 1, Ordering::Relaxed);
                self.schedule.end();
                break;
            }
            if self.schedule.pause() {
                break;
            }
        }
        self.release();
    }

    /// A waker that tells something, and stays.
    fn wake(&self, number: usize, enough: usize) {
        self.told[number].store(1, Ordering::Relaxed);
        if self.schedule.wake() {
            // The turn is put into the queue of the context, for which the work is asked.
            assert_ne!(self.turns.load(Ordering::Relaxed), 0);
            self.schedule.owners.add();
            self.run(enough);
        }
    }

    fn release(&self) {
        if !self.schedule.owners.remove() {
            return;
        }
        match self.schedule.last() {
            Last::Free => {
                let freed = self.freed.load(Ordering::Relaxed);
                self.freed.store(freed + 1, Ordering::Relaxed);
            }
            Last::Abandoned => self.run(usize::MAX),
        }
    }

    /// What must hold when all owners are gone.
    fn has_ended_once(&self) {
        assert_eq!(self.ended.load(Ordering::Relaxed), 1);
        assert_eq!(self.freed.load(Ordering::Relaxed), 1);
    }
}

#[test]
fn no_wake_of_work_is_lost_and_its_turns_never_overlap() {
    bounded(|| {
        let item = Scheduled::new(3);
        let wakers = [0, 1].map(|number| {
            let item = item.clone();
            thread::spawn(move || item.wake(number, 2))
        });
        item.run(2);
        for waker in wakers {
            waker.join().unwrap();
        }
        // Nobody but its turns has told it.
        assert_eq!(item.known.load(Ordering::Relaxed), 2);
        item.release();
        item.release();
        item.has_ended_once();
    });
}

#[test]
fn work_that_nobody_can_wake_any_more_ends_once() {
    bounded(|| {
        let item = Scheduled::new(3);
        let waker = thread::spawn({
            let item = item.clone();
            move || {
                item.wake(0, usize::MAX);
                item.release();
            }
        });
        let handle = thread::spawn({
            let item = item.clone();
            move || item.release()
        });
        item.run(usize::MAX);
        waker.join().unwrap();
        handle.join().unwrap();
        item.has_ended_once();
    });
}

#[test]
fn whoever_frees_work_sees_all_that_its_owners_did() {
    model(|| {
        let item = Scheduled::new(2);
        assert!(!item.schedule.begin());
        item.schedule.end();
        let other = thread::spawn({
            let item = item.clone();
            move || {
                item.told[0].store(1, Ordering::Relaxed);
                if item.schedule.owners.remove() {
                    assert_eq!(item.schedule.last(), Last::Free);
                    assert_eq!(item.told[1].load(Ordering::Relaxed), 1);
                    item.freed.store(1, Ordering::Relaxed);
                }
            }
        });
        item.told[1].store(1, Ordering::Relaxed);
        if item.schedule.owners.remove() {
            assert_eq!(item.schedule.last(), Last::Free);
            assert_eq!(item.told[0].load(Ordering::Relaxed), 1);
            item.freed.store(1, Ordering::Relaxed);
        }
        other.join().unwrap();
        assert_eq!(item.freed.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn a_cancellation_reaches_work_that_suspends_at_the_same_time() {
    model(|| {
        let shared = Arc::new((Suspended::default(), AtomicUsize::new(0)));
        let cancels = thread::spawn({
            let shared = shared.clone();
            move || {
                let (suspended, cancelled) = &*shared;
                cancelled.store(1, Ordering::Relaxed);
                suspended.wake_all();
            }
        });
        let mut place = None;
        // Returns once it is woken, or sees by itself that it was cancelled.
        block_on(poll_fn(|cx| {
            let (suspended, cancelled) = &*shared;
            suspended.keep(&mut place, cx.waker(), || true);
            match cancelled.load(Ordering::Relaxed) {
                0 => Poll::Pending,
                _ => Poll::Ready(()),
            }
        }));
        shared.0.leave(&mut place);
        cancels.join().unwrap();
    });
}

#[test]
fn a_cancellation_leaves_work_alone_that_completes_at_the_same_time() {
    model(|| {
        let suspended = Arc::new(Suspended::default());
        let mut done = None;
        suspended.keep(&mut done, Waker::noop(), || true);
        let cancels = thread::spawn({
            let suspended = suspended.clone();
            move || suspended.wake_all()
        });
        let stays = thread::spawn({
            let suspended = suspended.clone();
            move || {
                let mut stays = None;
                suspended.keep(&mut stays, Waker::noop(), || true);
                stays
            }
        });
        suspended.leave(&mut done);
        let mut stays = stays.join().unwrap();
        cancels.join().unwrap();
        suspended.leave(&mut stays);
    });
}

#[test]
fn work_that_suspends_while_the_last_owner_goes_is_kept_for_nobody() {
    model(|| {
        let shared = Arc::new((Suspended::default(), AtomicUsize::new(1)));
        let goes = thread::spawn({
            let shared = shared.clone();
            move || {
                let (suspended, owners) = &*shared;
                owners.store(0, Ordering::Relaxed);
                suspended.forget(|| owners.load(Ordering::Relaxed) != 0);
            }
        });
        let (suspended, owners) = &*shared;
        let mut place = None;
        suspended.keep(&mut place, Waker::noop(), || {
            owners.load(Ordering::Relaxed) != 0
        });
        goes.join().unwrap();
        assert_eq!(suspended.len(), 0);
        suspended.leave(&mut place);
    });
}
