//! What annotating costs in bytes: nothing, or one pointer where nested code of the body names its context. What a
//! context costs. And the auto traits of what users hold.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    error::Error,
    fmt::Display,
    future::Future,
    mem::{size_of, size_of_val},
    rc::Rc,
    time::Duration,
};

use request_context::{
    AnyScheduler, ContextId, CurrentAnyContext, CurrentContext, JoinError, JoinHandle,
    NeedsAnyContext, NeedsContext, NoContext, Panicked, RequestContext, Scheduler, Work, attach,
    context, context_async, context_block, run_on_context, scheduler,
};
use static_assertions::{assert_impl_all, assert_not_impl_any};
use tokio::{task::yield_now, time::timeout};

type State = Cell<u32>;

const POINTER: usize = size_of::<usize>();

struct Service {
    name: String,
}

/// The same fns three times, from the same tokens: plain, with a state, and bare. None names the
/// context.
macro_rules! triplets {
    ($($function:tt)*) => {
        mod plain {
            use super::*;
            each!([] $($function)*);
        }
        mod annotated {
            use super::*;
            each!([#[context_async(State)]] $($function)*);
        }
        mod bare {
            use super::*;
            each!([#[context_async]] $($function)*);
        }
    };
}

macro_rules! each {
    ($attribute:tt) => {};
    (
        [$($attribute:tt)*]
        fn $name:ident [$($generics:tt)*] ($($arguments:tt)*) -> $output:ty { $($body:tt)* }
        $($rest:tt)*
    ) => {
        $($attribute)*
        pub(super) async fn $name $($generics)* ($($arguments)*) -> $output { $($body)* }

        each!([$($attribute)*] $($rest)*);
    };
}

triplets! {
    fn no_arguments [] () -> () { yield_now().await; }
    fn no_awaits [] () -> u32 { 1 }
    fn byte [] (byte: u8) -> u8 { yield_now().await; byte }
    fn string [] (text: String) -> usize { yield_now().await; text.len() }
    fn str_slice [] (text: &str) -> usize { yield_now().await; text.len() }
    fn array [] (bytes: [u8; 64]) -> usize { yield_now().await; bytes.len() }
    fn unused_array [] (_: [u8; 64]) -> () { yield_now().await; }
    fn pattern [] ((left, right): (u64, String)) -> usize { yield_now().await; left as usize + right.len() }
    fn mutable [] (mut count: u64) -> u64 { count += 1; yield_now().await; count }
    fn two_references [] (left: &str, right: &[u8]) -> usize { yield_now().await; left.len() + right.len() }
    fn nested [] () -> usize { string(String::new()).await + byte(1).await as usize }
    fn nested_deeply [] () -> usize { nested().await + array([0; 64]).await + nested().await }
    fn fallible [] (text: &str) -> Result<u32, std::num::ParseIntError> {
        yield_now().await;
        let number: u32 = text.parse()?;
        Ok(number)
    }
    fn question_mark [] (text: &str) -> Result<u32, Box<dyn Error + Send + Sync>> {
        let first = fallible(text).await?;
        let second = fallible(text).await?;
        Ok(first + second)
    }
    fn joined [] () -> usize {
        let (left, right) = tokio::join!(array([0; 64]), array([1; 64]));
        left + right
    }
    fn raced [] () -> usize {
        tokio::select! {
            length = array([0; 64]) => length,
            () = yield_now() => 0,
        }
    }
    fn looped [] (times: u32) -> u32 {
        let mut sum = 0;
        for i in 0..times {
            if byte(i as u8).await > 100 {
                break;
            }
            sum += i;
        }
        sum
    }
    fn borrowing [] () -> usize {
        let bytes = [7_u8; 32];
        let slice = &bytes[1..];
        let length = str_slice("text").await;
        length + slice.len()
    }
    fn branching [] (which: u8) -> usize {
        match which {
            0 => nested().await,
            1 => array([0; 64]).await,
            _ => { let kept = [0_u8; 16]; yield_now().await; kept.len() }
        }
    }
    fn shadowing [] (text: String) -> String { let text = text + "!"; yield_now().await; text }
    fn generic [<T: Display + Send>] (value: T) -> String { yield_now().await; value.to_string() }
    fn generic_borrow [<'a, T: Display + Send + Sync>] (value: &'a T) -> String { yield_now().await; value.to_string() }
    fn const_generic [<const N: usize>] (bytes: [u8; N]) -> usize { yield_now().await; bytes.len() }
    fn impl_argument [] (value: impl Display + Send) -> String { yield_now().await; value.to_string() }
}

impl Service {
    async fn plain_by_reference(&self, suffix: &str) -> usize {
        yield_now().await;
        self.name.len() + suffix.len()
    }

    #[context_async(State)]
    async fn annotated_by_reference(&self, suffix: &str) -> usize {
        yield_now().await;
        self.name.len() + suffix.len()
    }

    async fn plain_by_mutable_reference(&mut self) {
        yield_now().await;
        self.name.push('!');
    }

    #[context_async(State)]
    async fn annotated_by_mutable_reference(&mut self) {
        yield_now().await;
        self.name.push('!');
    }

    async fn plain_by_value(self) -> String {
        yield_now().await;
        self.name
    }

    #[context_async(State)]
    async fn annotated_by_value(self) -> String {
        yield_now().await;
        self.name
    }

    async fn plain_calling(&self) -> usize {
        self.plain_by_reference("a").await + self.plain_by_reference("b").await
    }

    #[context_async(State)]
    async fn annotated_calling(&self) -> usize {
        self.annotated_by_reference("a").await + self.annotated_by_reference("b").await
    }
}

/// All shapes that are too big, so that one run of a test names every one.
#[derive(Default)]
struct TooBig(Vec<String>);

impl TooBig {
    fn check(&mut self, shape: &str, size: usize, limit: usize) {
        if size > limit {
            self.0.push(format!("{shape}: {size} bytes, limit {limit}"));
        }
    }

    fn none(&self) {
        assert!(self.0.is_empty(), "{:#?}", self.0);
    }
}

/// Compares each annotated and each bare fn with the plain one.
macro_rules! check_triplets {
    ($($name:ident($($argument:expr),*))*) => {{
        let mut too_big = TooBig::default();
        $({
            let limit = size_of_val(&plain::$name($($argument),*));
            let annotated = size_of_val(&annotated::$name($($argument),*));
            too_big.check(stringify!($name), annotated, limit);
            let bare = size_of_val(&bare::$name($($argument),*));
            too_big.check(concat!("bare ", stringify!($name)), bare, limit);
        })*
        too_big.none();
    }};
}

#[test]
fn a_body_that_names_nothing_is_not_a_byte_larger() {
    check_triplets! {
        no_arguments()
        no_awaits()
        byte(1)
        string(String::new())
        str_slice("")
        array([0; 64])
        unused_array([0; 64])
        pattern((1, String::new()))
        mutable(1)
        two_references("", &[])
        nested()
        nested_deeply()
        fallible("")
        question_mark("")
        looped(1)
        borrowing()
        branching(1)
        shadowing(String::new())
        generic(1_u64)
        generic(String::new())
        generic_borrow(&1_u64)
        const_generic([0; 7])
        impl_argument("")
    }
}

/// What `join!` and `select!` take is polled by their code, and holds the context's address to check it.
#[test]
fn a_body_that_joins_or_races_calls_is_at_most_one_pointer_larger_per_call() {
    let mut too_big = TooBig::default();
    for (shape, calls, annotated, plain) in [
        (
            "joined",
            2,
            size_of_val(&annotated::joined()),
            size_of_val(&plain::joined()),
        ),
        (
            "bare joined",
            2,
            size_of_val(&bare::joined()),
            size_of_val(&plain::joined()),
        ),
        (
            "raced",
            1,
            size_of_val(&annotated::raced()),
            size_of_val(&plain::raced()),
        ),
        (
            "bare raced",
            1,
            size_of_val(&bare::raced()),
            size_of_val(&plain::raced()),
        ),
    ] {
        too_big.check(shape, annotated, plain + calls * size_of::<usize>());
    }
    too_big.none();
}

#[test]
fn a_method_that_names_nothing_is_not_a_byte_larger() {
    fn service() -> Service {
        Service {
            name: "service".to_owned(),
        }
    }

    let mut too_big = TooBig::default();
    too_big.check(
        "&self",
        size_of_val(&service().annotated_by_reference("")),
        size_of_val(&service().plain_by_reference("")),
    );
    too_big.check(
        "&mut self",
        size_of_val(&service().annotated_by_mutable_reference()),
        size_of_val(&service().plain_by_mutable_reference()),
    );
    too_big.check(
        "self",
        size_of_val(&service().annotated_by_value()),
        size_of_val(&service().plain_by_value()),
    );
    too_big.check(
        "calls of methods",
        size_of_val(&service().annotated_calling()),
        size_of_val(&service().plain_calling()),
    );
    too_big.none();
}

#[test]
fn a_block_that_names_nothing_is_not_a_byte_larger() {
    let bytes = [0_u8; 32];
    let plain = async move {
        yield_now().await;
        bytes.len()
    };
    let checked = context_block!(State, async move {
        yield_now().await;
        bytes.len()
    });
    assert!(size_of_val(&checked) <= size_of_val(&plain));
}

/// Each names the context, and is to be compared with the plain fn of the same name.
mod naming {
    use super::*;

    #[context_async(State)]
    pub(super) async fn no_arguments() {
        let _ = context!().get();
        yield_now().await;
    }

    #[context_async(State)]
    pub(super) async fn string(text: String) -> usize {
        yield_now().await;
        text.len() + context!().get() as usize
    }

    #[context_async(State)]
    pub(super) async fn array(bytes: [u8; 64]) -> usize {
        context!().set(1);
        yield_now().await;
        context!().set(2);
        bytes.len()
    }

    #[context_async(State)]
    pub(super) async fn looped(times: u32) -> u32 {
        let mut sum = 0;
        for i in 0..times {
            if plain::byte(i as u8).await > 100 {
                break;
            }
            context!().set(sum);
            sum += i;
        }
        sum
    }

    #[context_async(State)]
    pub(super) async fn branching(which: u8) -> usize {
        match which {
            0 => plain::nested().await,
            1 => plain::array([0; 64]).await + context!().get() as usize,
            _ => {
                let kept = [0_u8; 16];
                yield_now().await;
                kept.len()
            }
        }
    }

    #[context_async(State)]
    pub(super) async fn generic<T: Display + Send>(value: T) -> String {
        yield_now().await;
        context!().set(1);
        value.to_string()
    }

    #[context_async]
    pub(super) async fn byte(byte: u8) -> u8 {
        yield_now().await;
        let _ = context!().id();
        byte
    }
}

#[test]
fn a_body_that_names_the_context_is_not_a_byte_larger() {
    let mut too_big = TooBig::default();
    macro_rules! check {
        ($($name:ident($($argument:expr),*))*) => {
            $(
                too_big.check(
                    stringify!($name),
                    size_of_val(&naming::$name($($argument),*)),
                    size_of_val(&plain::$name($($argument),*)),
                );
            )*
        };
    }
    check! {
        no_arguments()
        string(String::new())
        array([0; 64])
        looped(1)
        branching(1)
        generic(1_u64)
        byte(1)
    }
    too_big.none();
}

#[test]
fn a_body_whose_nested_code_names_the_context_is_at_most_one_pointer_larger() {
    #[context_async(State)]
    async fn in_a_closure(text: String) -> usize {
        yield_now().await;
        let count = || context!().get() as usize;
        text.len() + count()
    }

    let mut too_big = TooBig::default();
    too_big.check(
        "in a closure",
        size_of_val(&in_a_closure(String::new())),
        size_of_val(&plain::string(String::new())) + POINTER,
    );
    too_big.none();
}

#[test]
fn a_body_that_names_the_scheduler_is_not_a_byte_larger() {
    #[context_async(State)]
    async fn scheduling(text: String) -> usize {
        yield_now().await;
        let _ = scheduler!().id();
        text.len()
    }

    #[context_async]
    async fn scheduling_any(text: String) -> usize {
        yield_now().await;
        let _ = scheduler!().id();
        text.len()
    }

    let limit = size_of_val(&plain::string(String::new()));
    let mut too_big = TooBig::default();
    too_big.check(
        "scheduler!()",
        size_of_val(&scheduling(String::new())),
        limit,
    );
    too_big.check(
        "bare scheduler!()",
        size_of_val(&scheduling_any(String::new())),
        limit,
    );
    too_big.none();
}

#[test]
fn a_body_that_attaches_a_call_is_at_most_one_pointer_larger() {
    const SECOND: Duration = Duration::from_secs(1);

    async fn plain_timeout() -> bool {
        timeout(SECOND, plain::array([0; 64])).await.is_ok()
    }

    #[context_async(State)]
    async fn attached_timeout() -> bool {
        timeout(SECOND, attach!(annotated::array([0; 64])))
            .await
            .is_ok()
    }

    #[context_async]
    async fn any_attached_timeout() -> bool {
        timeout(SECOND, attach!(bare::array([0; 64]))).await.is_ok()
    }

    let limit = size_of_val(&plain_timeout()) + POINTER;
    let mut too_big = TooBig::default();
    too_big.check("attach!", size_of_val(&attached_timeout()), limit);
    too_big.check("bare attach!", size_of_val(&any_attached_timeout()), limit);
    too_big.none();
}

#[test]
fn a_handle_kept_across_awaits_is_one_pointer() {
    assert_eq!(size_of::<CurrentContext<'static, State>>(), POINTER);
    assert_eq!(size_of::<RequestContext<State>>(), POINTER);
    assert_eq!(size_of::<Scheduler<State>>(), POINTER);
}

/// Counts what the thread allocates.
struct Counting;

thread_local!(static ALLOCATED: Cell<usize> = const { Cell::new(0) });

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.set(ALLOCATED.get().wrapping_add(layout.size()));
        // SAFETY: the caller's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        ALLOCATED.set(ALLOCATED.get().wrapping_sub(layout.size()));
        // SAFETY: the caller's contract.
        unsafe { System.dealloc(start, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn an_idle_context_takes_192_bytes_and_its_state() {
    fn allocated<S: Send + 'static>(state: S) -> usize {
        let before = ALLOCATED.get();
        let context = RequestContext::new(state);
        let allocated = ALLOCATED.get() - before;
        drop(context);
        assert_eq!(ALLOCATED.get(), before);
        allocated
    }

    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let _entered = runtime.enter();
    let mut too_big = TooBig::default();
    too_big.check("()", allocated(()), 192);
    too_big.check("64 bytes", allocated([0_u64; 8]), 192 + 64);
    too_big.none();
}

fn is_send<T: Send>(_: &T) {}

#[test]
fn run_is_send_though_the_state_is_not_sync() {
    #[context_async(State)]
    async fn work() -> u32 {
        yield_now().await;
        context!().get()
    }

    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let _entered = runtime.enter();
    let context = RequestContext::new(State::new(1));
    is_send(&work());
    is_send(&context.run(work()));
    is_send(&context.scheduler().run(work()));
    is_send(&context.scheduler().into_any().run(bare::byte(1)));
    is_send(&run_on_context(&context, work()));
    is_send(&context.idle());
}

assert_impl_all!(RequestContext<State>: Send, Sync, Clone, Unpin);
assert_impl_all!(Scheduler<State>: Send, Sync, Clone, Unpin);
assert_impl_all!(AnyScheduler: Send, Sync, Clone, Unpin);
assert_impl_all!(CurrentContext<'static, State>: Send, Sync, Copy);
assert_impl_all!(CurrentAnyContext<'static>: Send, Sync, Copy);
assert_impl_all!(ContextId: Send, Sync, Copy);

assert_impl_all!(JoinHandle<u32>: Send, Sync, Unpin);
assert_impl_all!(JoinHandle<State>: Send, Unpin);
assert_impl_all!(JoinError: Send, Error);
assert_impl_all!(Panicked: Send, Error);
assert_impl_all!(NoContext: Send, Sync, Error, Copy);

// What a call returns is as `Send` as its body, whatever the state.
assert_impl_all!(NeedsContext<State, Ready>: Send);
assert_impl_all!(NeedsContext<Rc<()>, Ready>: Send);
assert_not_impl_any!(NeedsContext<State, Local>: Send);
assert_impl_all!(NeedsAnyContext<Ready>: Send);
assert_not_impl_any!(NeedsAnyContext<Local>: Send);

// It is no future where no context is known, and no `Work` of another state's context.
assert_not_impl_any!(NeedsContext<State, Ready>: Future);
assert_not_impl_any!(NeedsAnyContext<Ready>: Future);
assert_impl_all!(NeedsContext<State, Ready>: Work<State>);
assert_not_impl_any!(NeedsContext<State, Ready>: Work<Other>);

type Ready = std::future::Ready<()>;
type Local = std::future::Ready<Rc<()>>;
type Other = Cell<i32>;
