//! What runs spawned work on the tokio pool: the driver of a context's queue, which gives items their
//! turns and parks when there are none; and, where work runs in parallel, a task for each step. Then the queue is
//! for what a shutdown leaves, and the driver is there to learn of that.

use std::{
    future::Future,
    mem,
    pin::Pin,
    sync::{Arc, Weak},
    task::{self, Poll, ready},
    time::{Duration, Instant},
};

use tokio::{runtime::Handle, task::coop};

use crate::{
    batch::{Batch, Next},
    context::{Context, Header, Kind, Waiting},
    family::{Alive, Refused},
    post,
    queue::{Needs, PostsAreOver},
    task::{self as work, Fate, Runnable},
    trusted::{self, Queued, Turn},
};

/// For how long one poll of the driver runs items before other tasks of the runtime get to run, unless a builder
/// sets a budget. A task should come to an await every 10 to 100 microseconds (Alice Ryhl, "Async: What is
/// blocking?"). It is not less, as tokio wakes an idle worker each time, which costs as much as hundreds of turns.
const STRETCH: Duration = Duration::from_micros(50);

/// After how many items the clock is looked at first: most polls run less. It is looked at again when there have been
/// twice as many, so that slow items end a stretch soon, and then after every `RARELY`.
const FIRST: usize = 8;
const RARELY: usize = 64;

/// For how many polls the driver stands back at least: more than tokio's current-thread runtime polls tasks, 61, before
/// it looks at what it blocks on.
const PATIENCE: usize = 128;

/// Queues an item of work, and sees to it that there is a driver that runs; where work runs in parallel,
/// starts the item. A runtime that has shut down drops what is started here and now, and the work with it.
#[inline]
pub(crate) fn enqueue(header: &Header, item: impl FnOnce() -> Runnable) {
    if let Kind::Concurrent(runtime) = &header.kind {
        return start_step(header, runtime, item());
    }
    see_to(header, header.queue.push(item, || header.owner()));
}

/// The same with a posted closure, which this counts. It is not made where the context takes no more.
#[inline]
pub(crate) fn enqueue_post(header: &Header, job: impl FnOnce() -> Queued) -> Result<(), Refused> {
    if let Kind::Concurrent(runtime) = &header.kind {
        header.begin()?;
        start_step(header, runtime, Runnable::Posted(job()));
        return Ok(());
    }
    if header.is_cancelled() {
        return Err(Refused::Cancelled);
    }
    // Kept alive here, as nothing of theirs may be dropped under the lock.
    let above = header.is_fork().then(|| header.living_ancestors());
    let begin = || {
        let all = above.iter().flat_map(Alive::iter).chain([header]);
        all.for_each(|header| header.outstanding.begin_anyway());
    };
    let item = || Runnable::Posted(job());
    let is_closed = || header.outstanding.is_closed();
    let pushed = header
        .queue
        .push_post(item, || header.owner(), is_closed, begin);
    see_to(header, pushed.ok_or(Refused::Closed)?);
    Ok(())
}

#[inline]
fn see_to(header: &Header, needs: Needs<Arc<dyn Context>>) {
    match needs {
        Needs::Nothing => {}
        Needs::Waking(driver) => driver.wake(),
        Needs::Starting(owner) => start(header, Driver::new(owner)),
    }
}

#[cold]
fn start_step(header: &Header, runtime: &Handle, item: Runnable) {
    drop(runtime.spawn(Step::new(header.owner(), item)));
}

#[cold]
fn start(header: &Header, driver: Driver) {
    match &header.kind {
        Kind::Serial(runtime) | Kind::Concurrent(runtime) => drop(runtime.spawn(driver)),
        Kind::Thread(home) => home.start(driver),
    }
}

/// Runs the queue of its context. Without items it parks, and keeps nothing of the context alive.
struct Driver {
    context: Weak<dyn Context>,
    /// The same, unless it is parked: whatever is queued or held back relies on that.
    awake: Option<Arc<dyn Context>>,
    batch: Batch<Runnable, Turn>,
    waiting: Waiting,
    /// For how many polls it has stood back, and since when.
    stood_back: Option<(usize, Instant)>,
}

impl Driver {
    fn new(context: Arc<dyn Context>) -> Self {
        Driver {
            context: Arc::downgrade(&context),
            awake: Some(context),
            batch: Batch::new(),
            waiting: Waiting::default(),
            stood_back: None,
        }
    }

    /// Whether it stands back once more for those who have waited for the end of exclusive work. Not for long, as
    /// they need not come.
    fn stands_back(&mut self, header: &Header) -> bool {
        if !header.lets_in() {
            self.stood_back = None;
            return false;
        }
        let (polls, since) = self.stood_back.get_or_insert_with(|| (0, Instant::now()));
        *polls += 1;
        let is_over = match header.kind.home().is_some_and(|home| home.is_loop()) {
            // Each poll is a job of the loop, which runs its jobs in order.
            true => *polls > 1,
            false => *polls > PATIENCE && since.elapsed() > STRETCH,
        };
        if is_over {
            header.let_in_no_more();
            self.stood_back = None;
        }
        !is_over
    }

    /// Its context, if that is alive.
    fn wake_up(&mut self) -> Option<Arc<dyn Context>> {
        self.awake.take().or_else(|| self.context.upgrade())
    }

    /// Gives items their turns. Ready when there are none left, and then it is parked.
    fn poll_items(&mut self, header: &Header, cx: &mut task::Context<'_>) -> Poll<()> {
        let held = ready!(header.poll_next_turn(cx, &mut self.waiting));
        let batch = &mut self.batch;
        trusted::enter(&held, true, || {
            let mut posts = EndedPosts::of(header);
            let mut stretch = Stretch::of(header);
            loop {
                if poll_next(header, cx, batch, &mut posts).is_pending() {
                    return Poll::Ready(());
                }
                let yielded = match batch.pop_front() {
                    Some(Next::Pushed(Runnable::Posted(job))) => {
                        post::run(job, header);
                        posts.ended += 1;
                        None
                    }
                    Some(Next::Pushed(Runnable::Spawned(turn)) | Next::Yielded(turn)) => {
                        turn.run(Fate::Run)
                    }
                    None => None,
                };
                if let Some(turn) = yielded {
                    header.queue.push_yielded(turn, batch);
                }
                // Items share this task's budget; without any left, tokio's resources would only refuse
                // them. And whoever waits for the turn gets a chance at it after each item.
                let is_called = header.turn.is_called() || header.lets_in();
                if !coop::has_budget_remaining() || is_called || stretch.ends() {
                    break;
                }
            }
            Poll::Pending
        })
    }
}

/// What is left of one poll of the driver.
struct Stretch {
    /// How many items until its end, or until the clock is looked at.
    items: usize,
    clock: Option<Clock>,
}

/// How a stretch without a budget knows that it is over.
struct Clock {
    /// When it was looked at first.
    since: Option<Instant>,
    /// For how many items it is not looked at next.
    pause: usize,
}

impl Stretch {
    fn of(header: &Header) -> Self {
        match header.budget() {
            Some(budget) => Stretch {
                items: budget.get(),
                clock: None,
            },
            None => Stretch {
                items: FIRST,
                clock: Some(Clock {
                    since: None,
                    pause: FIRST,
                }),
            },
        }
    }

    /// Counts an item that has run. True if it was the last one.
    #[inline]
    fn ends(&mut self) -> bool {
        self.items -= 1;
        self.items == 0 && !self.goes_on()
    }

    #[cold]
    fn goes_on(&mut self) -> bool {
        let Some(Clock { since, pause }) = &mut self.clock else {
            return false;
        };
        self.items = *pause;
        *pause = (*pause * 2).min(RARELY);
        since.get_or_insert_with(Instant::now).elapsed() < STRETCH
    }
}

/// Posts that have ended, and that the queue does not know of yet.
struct EndedPosts<'a> {
    header: &'a Header,
    ended: u32,
}

impl<'a> EndedPosts<'a> {
    fn of(header: &'a Header) -> Self {
        EndedPosts { header, ended: 0 }
    }

    #[inline]
    fn say(&mut self) {
        self.header.queue.end_posts(mem::take(&mut self.ended));
    }

    /// Ends the piece of work that they are together.
    fn are_over(&self, over: bool) {
        if over {
            work::end(self.header);
        }
    }
}

impl Drop for EndedPosts<'_> {
    #[inline]
    fn drop(&mut self) {
        self.say();
    }
}

/// Ready once the first item of `batch` is the next one and may have a turn; it stays there, as moving it
/// around would cost more. Pending if there is none, and then the driver is parked.
#[inline]
fn poll_next(
    header: &Header,
    cx: &mut task::Context<'_>,
    batch: &mut Batch<Runnable, Turn>,
    posts: &mut EndedPosts<'_>,
) -> Poll<()> {
    loop {
        if let Some(item) = header.next_held_back() {
            batch.push_front(item);
        }
        let Some(next) = batch.front() else {
            posts.say();
            if let Err(PostsAreOver(over)) = header.queue.refill_or_park(cx, batch) {
                posts.are_over(over);
                return Poll::Pending;
            }
            continue;
        };
        let scope = || match next {
            Next::Pushed(item) => item.scope(),
            Next::Yielded(turn) => turn.scope(),
        };
        if header.admits(scope) {
            return Poll::Ready(());
        }
        let kept_out = batch.pop_front().map(Runnable::from);
        header.rare().exclusive.hold_back(kept_out);
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let Some(context) = this.wake_up() else {
            return Poll::Ready(());
        };
        let header = context.header();
        if !header.may_be_entered_here() {
            // The state is gone, and nothing runs any more.
            return Poll::Ready(());
        }
        if header.kind.is_concurrent() {
            // What is queued was left by a shutdown, and this will be; its drop ends both.
            let is_left = header.queue.refill_or_park(cx, &mut this.batch).is_ok();
            this.awake = is_left.then_some(context);
            return if is_left {
                Poll::Ready(())
            } else {
                Poll::Pending
            };
        }
        if this.stands_back(header) {
            this.awake = Some(context);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if this.poll_items(header, cx).is_pending() {
            this.awake = Some(context);
            if this.waiting.is_none() {
                // To the back of the runtime's queue, behind those whom the end of the turn has woken.
                cx.waker().wake_by_ref();
            }
        }
        Poll::Pending
    }
}

impl Drop for Driver {
    /// Ended by a runtime that shuts down, it drops what it would have run, on the context. If that
    /// is bound to another thread, there is no way back to it.
    fn drop(&mut self) {
        if let Some(context) = self.wake_up() {
            let header = context.header();
            header.leave(&mut self.waiting);
            let mut abandoned = Abandoned::of(context.clone());
            mem::swap(&mut abandoned.batch, &mut self.batch);
            if header.may_be_entered_here() {
                header.drop_on_context(abandoned);
            }
        }
    }
}

/// What a dropped driver would have run, and what is suspended, which nothing can run any more. The queue counts
/// as driven until all is dropped, so that what the items wake is dropped by this loop, and not within the wake.
struct Abandoned {
    context: Arc<dyn Context>,
    batch: Batch<Runnable, Turn>,
}

impl Abandoned {
    fn of(context: Arc<dyn Context>) -> Self {
        Abandoned {
            context,
            batch: Batch::new(),
        }
    }
}

impl Drop for Abandoned {
    fn drop(&mut self) {
        let header = self.context.header();
        header.shut_down();
        let mut posts = EndedPosts::of(header);
        loop {
            let held_back = header.take_held_back();
            let batch = self.batch.drain().map(Runnable::from);
            for item in batch.chain(held_back) {
                match item {
                    Runnable::Spawned(turn) => drop(turn),
                    Runnable::Posted(job) => {
                        post::cancel(job, header);
                        match header.kind.is_concurrent() {
                            true => work::end(header),
                            false => posts.ended += 1,
                        }
                    }
                }
            }
            posts.say();
            if let Err(PostsAreOver(over)) = header.queue.refill_or_retire(&mut self.batch) {
                posts.are_over(over);
                break;
            }
        }
    }
}

/// One item of a context whose work runs in parallel.
struct Step {
    context: Arc<dyn Context>,
    item: Option<Runnable>,
}

impl Step {
    fn new(context: Arc<dyn Context>, item: Runnable) -> Self {
        Step {
            context,
            item: Some(item),
        }
    }
}

impl Future for Step {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let header = this.context.header();
        let held = ready!(header.poll_turn(cx, &mut Waiting::default()));
        let yielded = trusted::enter(&held, true, || match this.item.take()? {
            Runnable::Spawned(turn) => turn.run(Fate::Run),
            Runnable::Posted(job) => {
                post::run(job, header);
                work::end(header);
                None
            }
        });
        if let Some(turn) = yielded {
            enqueue(header, || turn.into());
        }
        Poll::Ready(())
    }
}

impl Drop for Step {
    /// Ended by a runtime that shuts down, it leaves its work to be dropped on the context: here, or where more such
    /// work is dropped already, which this would otherwise be within.
    fn drop(&mut self) {
        let Some(item) = self.item.take() else {
            return;
        };
        let header = self.context.header();
        match header.queue.push(|| item, || header.owner()) {
            // It has an owner, who looks into the queue before it goes.
            Needs::Nothing => {}
            // Not left to the driver, which does not keep the context, as little as a post does.
            Needs::Waking(_) => header.drop_on_context(Abandoned::of(header.owner())),
            Needs::Starting(owner) => header.drop_on_context(Abandoned::of(owner)),
        }
    }
}

/// Where work runs in parallel: sees to it that there is a driver, which a shutdown of the runtime drops.
#[cold]
pub(crate) fn watch_for_shutdown(header: &Header) {
    if let Some(owner) = header.queue.start(|| header.owner()) {
        start(header, Driver::new(owner));
    }
}
