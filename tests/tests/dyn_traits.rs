//! Traits with `boxed` methods: called through `dyn`, with every receiver.

use std::{
    cell::RefCell,
    collections::HashMap,
    fmt::Debug,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    rc::Rc,
    sync::Arc,
};

use request_context::{
    ContextThread, NeedsContext, RequestContext, attach, context, context_async, detached,
    scheduler,
};
use request_context_tests::{Log, Request, ambient, on_one_thread, on_pool, seen, suspend};
use static_assertions::assert_obj_safe;

/// Runs a call on the context of ada.
macro_rules! on_ada {
    ($call:expr) => {{
        let call = $call;
        on_one_thread!(async { RequestContext::new(Request::of("ada")).run(call).await })
    }};
}

trait Repository: Send + Sync {
    #[context_async(Request, boxed)]
    async fn find(&self, id: u64) -> String;

    #[context_async(Request, boxed)]
    async fn find_both(&self, first: u64, second: u64) -> [String; 2] {
        let (first, second) = tokio::join!(self.find(first), self.find(second));
        [first, second]
    }
}

assert_obj_safe!(Repository);

struct Table(&'static str);

impl Repository for Table {
    #[context_async(Request, boxed)]
    async fn find(&self, id: u64) -> String {
        let request = context!();
        request.increment();
        suspend().await;
        format!("{}/{id} for {}", self.0, request.user)
    }
}

/// Asks another one, which it does not know.
struct Cached(Arc<dyn Repository>);

impl Repository for Cached {
    #[context_async(Request, boxed)]
    async fn find(&self, id: u64) -> String {
        format!("cached {}", self.0.find(id).await)
    }

    #[context_async(Request, boxed)]
    async fn find_both(&self, first: u64, _: u64) -> [String; 2] {
        self.0.find_both(first, first).await
    }
}

#[test]
fn a_dyn_trait_is_called_on_the_context_of_its_caller() {
    #[context_async(Request)]
    async fn through(repository: &dyn Repository) -> (String, u32) {
        let found = repository.find(1).await;
        (found, context!().count.get())
    }

    #[context_async(Request)]
    async fn owner() -> Vec<(String, u32)> {
        let all: [Box<dyn Repository>; 2] =
            [Box::new(Table("a")), Box::new(Cached(Arc::new(Table("b"))))];
        let mut found = Vec::new();
        for repository in &all {
            found.push(through(&**repository).await);
        }
        found
    }

    let found = on_ada!(owner());
    assert_eq!(found[0], ("a/1 for ada".to_owned(), 1));
    assert_eq!(found[1], ("cached b/1 for ada".to_owned(), 2));
}

#[test]
fn a_default_body_calls_the_methods_of_the_impl_and_may_be_replaced() {
    #[context_async(Request)]
    async fn both(repository: Arc<dyn Repository>) -> [String; 2] {
        repository.find_both(1, 2).await
    }

    let table = Arc::new(Table("a"));
    assert_eq!(on_ada!(both(table.clone())), ["a/1 for ada", "a/2 for ada"]);
    assert_eq!(
        on_ada!(both(Arc::new(Cached(table)))),
        ["a/1 for ada", "a/1 for ada"]
    );
}

#[test]
fn what_a_method_returns_may_be_attached_joined_spawned_and_run() {
    #[context_async(Request)]
    async fn everywhere(repository: &'static dyn Repository) -> Vec<String> {
        let spawned = scheduler!().spawn(repository.find(1));
        let attached = attach!(repository.find(2));
        let (joined, spawned) = tokio::join!(repository.find(3), spawned);
        vec![spawned.unwrap(), attached.await, joined]
    }

    static TABLE: Table = Table("t");
    let found = on_ada!(everywhere(&TABLE));
    assert_eq!(found, ["t/1 for ada", "t/2 for ada", "t/3 for ada"]);
    assert_eq!(on_ada!(TABLE.find(4)), "t/4 for ada");
}

trait Receivers: Send + Sync {
    #[context_async(Request, boxed)]
    async fn shared(&self) -> String;
    #[context_async(Request, boxed)]
    async fn exclusive(&mut self) -> String;
    #[context_async(Request, boxed)]
    async fn pinned(self: Pin<&mut Self>) -> String;
    #[context_async(Request, boxed)]
    async fn counted(self: Arc<Self>) -> String;
    #[context_async(Request, boxed)]
    async fn owned(self: Box<Self>) -> String;
    #[context_async(Request, boxed)]
    async fn by_value(self) -> String
    where
        Self: Sized;
}

assert_obj_safe!(Receivers);

impl Receivers for u32 {
    #[context_async(Request, boxed)]
    async fn shared(&self) -> String {
        suspend().await;
        format!("shared {self} {}", context!().user)
    }

    #[context_async(Request, boxed)]
    async fn exclusive(&mut self) -> String {
        *self += 1;
        suspend().await;
        format!("exclusive {self} {}", context!().user)
    }

    #[context_async(Request, boxed)]
    async fn pinned(mut self: Pin<&mut Self>) -> String {
        *self += 1;
        suspend().await;
        format!("pinned {self} {}", context!().user)
    }

    #[context_async(Request, boxed)]
    async fn counted(self: Arc<Self>) -> String {
        suspend().await;
        format!("counted {self} {}", context!().user)
    }

    #[context_async(Request, boxed)]
    async fn owned(mut self: Box<Self>) -> String {
        *self += 1;
        suspend().await;
        format!("owned {self} {}", context!().user)
    }

    #[context_async(Request, boxed)]
    async fn by_value(mut self) -> String {
        self += 1;
        suspend().await;
        format!("by value {self} {}", context!().user)
    }
}

#[test]
fn every_receiver_is_dispatched() {
    #[context_async(Request)]
    async fn all() -> Vec<String> {
        let mut boxed: Box<dyn Receivers> = Box::new(0_u32);
        let counted: Arc<dyn Receivers> = Arc::new(3_u32);
        let mut pinned: Pin<Box<dyn Receivers>> = Box::pin(7_u32);
        vec![
            boxed.shared().await,
            boxed.exclusive().await,
            pinned.as_mut().pinned().await,
            counted.counted().await,
            boxed.owned().await,
            9_u32.by_value().await,
        ]
    }

    assert_eq!(
        on_ada!(all()),
        [
            "shared 0 ada",
            "exclusive 1 ada",
            "pinned 8 ada",
            "counted 3 ada",
            "owned 2 ada",
            "by value 10 ada",
        ]
    );
}

/// A generic trait, whose arguments and results borrow.
trait Store<K, V>: Sync {
    #[context_async(Request, boxed)]
    async fn get(&self, key: &K) -> Option<&V>;
    #[context_async(Request, boxed)]
    async fn put(&mut self, key: K, value: V) -> Option<V>;
    #[context_async(Request, boxed)]
    async fn all<'a>(&'a self, log: &Log, keys: &'a [K]) -> Vec<(&'a K, &'a V)>;
    #[context_async(Request, boxed)]
    async fn each(&self, visit: &mut (dyn FnMut(&K, &V) + Send));
}

struct Memory<K, V>(HashMap<K, V>);

impl<K, V> Store<K, V> for Memory<K, V>
where
    K: std::hash::Hash + Ord + Send + Sync,
    V: Send + Sync,
{
    #[context_async(Request, boxed)]
    async fn get(&self, key: &K) -> Option<&V> {
        context!().increment();
        suspend().await;
        self.0.get(key)
    }

    #[context_async(Request, boxed)]
    async fn put(&mut self, key: K, value: V) -> Option<V> {
        context!().increment();
        suspend().await;
        self.0.insert(key, value)
    }

    #[context_async(Request, boxed)]
    async fn all<'a>(&'a self, log: &Log, keys: &'a [K]) -> Vec<(&'a K, &'a V)> {
        let mut all = Vec::new();
        for key in keys {
            suspend().await;
            all.extend(self.0.get(key).map(|value| (key, value)));
        }
        log.push(format!("{} for {}", all.len(), context!().user));
        all
    }

    #[context_async(Request, boxed)]
    async fn each(&self, visit: &mut (dyn FnMut(&K, &V) + Send)) {
        let mut all: Vec<_> = self.0.iter().collect();
        all.sort_by_key(|(key, _)| *key);
        for (key, value) in all {
            suspend().await;
            visit(key, value);
        }
    }
}

/// Keeps nothing: what it stores is of types that are no part of its own.
struct Nothing;

impl<K: Send + Sync, V: Send + Sync> Store<K, V> for Nothing {
    #[context_async(Request, boxed)]
    async fn get(&self, _: &K) -> Option<&V> {
        None
    }

    #[context_async(Request, boxed)]
    async fn put(&mut self, _: K, value: V) -> Option<V> {
        suspend().await;
        Some(value)
    }

    #[context_async(Request, boxed)]
    async fn all<'a>(&'a self, _: &Log, _: &'a [K]) -> Vec<(&'a K, &'a V)> {
        Vec::new()
    }

    #[context_async(Request, boxed)]
    async fn each(&self, _: &mut (dyn FnMut(&K, &V) + Send)) {}
}

#[test]
fn a_generic_dyn_trait_borrows_from_its_arguments_and_gives_them_back() {
    #[context_async(Request)]
    async fn fill<'v>(
        store: &mut (dyn Store<String, &'v str> + Send),
        value: &'v str,
        log: &Log,
    ) -> (Option<&'v str>, Option<&'v str>) {
        let before = store.put("key".to_owned(), value).await;
        // The key is borrowed for the call alone, the value for as long as the store.
        let found = store.get(&"key".to_owned()).await.copied();
        let mut seen = 0;
        store
            .each(&mut |key, value| seen += key.len() + value.len())
            .await;
        let keys = ["key".to_owned(), "none".to_owned()];
        let all = store.all(log, &keys).await.len();
        log.push(format!("{seen} {all}"));
        (before, found)
    }

    #[context_async(Request)]
    async fn both(log: Log) -> u32 {
        let value = String::from("value");
        let mut memory = Memory(HashMap::new());
        assert_eq!(fill(&mut memory, &value, &log).await, (None, Some(&*value)));
        assert_eq!(
            fill(&mut Nothing, &value, &log).await,
            (Some(&*value), None)
        );
        context!().count.get()
    }

    let log = Log::new();
    let entries = log.clone();
    assert_eq!(on_ada!(both(log)), 2);
    assert_eq!(entries.take(), ["1 for ada", "8 1", "0 0"]);
}

/// A dyn trait whose state is a parameter of the trait.
trait Audits<C>: Send + Sync {
    #[context_async(C, boxed)]
    async fn audit(&self, action: &str) -> String;
}

struct AsUser;

impl Audits<Request> for AsUser {
    #[context_async(Request, boxed)]
    async fn audit(&self, action: &str) -> String {
        suspend().await;
        format!("{} {action}", context!().user)
    }
}

impl Audits<u32> for AsUser {
    #[context_async(u32, boxed)]
    async fn audit(&self, action: &str) -> String {
        format!("{} {action}", *context!())
    }
}

#[test]
fn the_state_may_be_a_parameter_of_the_trait() {
    #[context_async(C)]
    async fn audits<C: 'static>(audits: &dyn Audits<C>) -> String {
        audits.audit("asked").await
    }

    assert_eq!(on_ada!(audits(&AsUser)), "ada asked");
    let number = on_one_thread!(async { RequestContext::new(7_u32).run(audits(&AsUser)).await });
    assert_eq!(number, "7 asked");
}

/// A bare dyn trait, whose methods run on any context.
trait Names: Send + Sync {
    #[context_async(boxed)]
    async fn name(&self, prefix: &str) -> String;
}

impl Names for String {
    #[context_async(boxed)]
    async fn name(&self, prefix: &str) -> String {
        suspend().await;
        assert_eq!(context!().id(), context!().id());
        format!("{prefix}{self}")
    }
}

#[test]
fn a_bare_dyn_trait_is_called_on_any_context() {
    #[context_async]
    async fn named(names: &dyn Names) -> String {
        names.name("a ").await
    }

    #[context_async(Request)]
    async fn typed(names: Box<dyn Names>) -> String {
        names.name("b ").await + &named(&*names).await
    }

    let names = Box::new("name".to_owned());
    assert_eq!(on_ada!(typed(names)), "b namea name");
}

/// A dyn trait for a context that is bound to a thread.
trait Widget {
    #[context_async(Rc<RefCell<String>>, boxed, ?Send)]
    async fn draw(self: Rc<Self>, title: &Rc<str>) -> usize;
}

struct Label(RefCell<Vec<Rc<str>>>);

impl Widget for Label {
    #[context_async(Rc<RefCell<String>>, boxed, ?Send)]
    async fn draw(self: Rc<Self>, title: &Rc<str>) -> usize {
        self.0.borrow_mut().push(Rc::clone(title));
        suspend().await;
        context!().borrow_mut().push_str(title);
        self.0.borrow().len()
    }
}

#[test]
fn a_dyn_trait_of_a_thread_may_hold_what_is_not_send() {
    #[context_async(Rc<RefCell<String>>, ?Send)]
    async fn draws() -> (usize, String) {
        let label: Rc<dyn Widget> = Rc::new(Label(RefCell::default()));
        label.clone().draw(&Rc::from("a")).await;
        let drawn = label.draw(&Rc::from("b")).await;
        (drawn, context!().borrow().clone())
    }

    let drawn = on_one_thread!(async {
        let window = ContextThread::new(|| Rc::new(RefCell::new(String::new())));
        let drawn = window.scheduler().spawn_with(draws).await.unwrap();
        window.stop().await.unwrap();
        drawn
    });
    assert_eq!(drawn, (2, "ab".to_owned()));
}

trait Visitor: Sync {
    #[context_async(Request, boxed)]
    async fn visit(&self, node: &Node) -> u32;

    /// Not for `dyn`, and no obstacle to it.
    #[context_async(Request, boxed)]
    async fn visit_shown<T: Debug + Sync>(&self, value: &T) -> String
    where
        Self: Sized,
    {
        suspend().await;
        format!("{value:?} {}", context!().user)
    }

    #[context_async(Request, boxed)]
    async fn new(depth: u32) -> Self
    where
        Self: Sized;
}

struct Node(Vec<Node>);

impl Node {
    fn of_depth(depth: u32) -> Self {
        Node((0..depth).map(Node::of_depth).collect())
    }

    /// Calls the visitor, which calls this: they recurse through each other.
    #[context_async(Request, boxed)]
    async fn accept(&self, visitor: &dyn Visitor) -> u32 {
        context!().increment();
        visitor.visit(self).await
    }
}

struct Count;

impl Visitor for Count {
    #[context_async(Request, boxed)]
    async fn visit(&self, node: &Node) -> u32 {
        let mut count = 1;
        for child in &node.0 {
            suspend().await;
            count += child.accept(self).await;
        }
        count
    }

    #[context_async(Request, boxed)]
    async fn new(depth: u32) -> Self {
        assert_eq!(Count.visit(&Node::of_depth(depth)).await, 1 << depth);
        Count
    }
}

#[test]
fn a_visitor_and_what_it_visits_recurse_through_each_other() {
    #[context_async(Request)]
    async fn visits() -> (u32, u32, String) {
        let count = Count::new(3).await;
        context!().count.set(0);
        let visited = Node::of_depth(5).accept(&count).await;
        let shown = count.visit_shown(&[1, 2]).await;
        (visited, context!().count.get(), shown)
    }

    assert_eq!(on_ada!(visits()), (32, 32, "[1, 2] ada".to_owned()));
}

/// One whose types hold lifetimes of their own.
struct Prefixed<'p> {
    prefix: &'p str,
    log: &'p Log,
}

trait Joins: Send + Sync {
    #[context_async(Request, boxed)]
    async fn join_all(&self, parts: Parts<'_>, end: &str) -> String;
}

#[derive(Clone, Copy)]
struct Parts<'a>(&'a [&'a str]);

impl Joins for Prefixed<'_> {
    #[context_async(Request, boxed)]
    async fn join_all(&self, Parts(parts): Parts<'_>, end: &str) -> String {
        suspend().await;
        self.log.push(context!().user.clone());
        format!("{}{}{end}", self.prefix, parts.concat())
    }
}

#[test]
fn a_dyn_trait_may_borrow_as_its_impl_does() {
    #[context_async(Request)]
    async fn joins(log: Log) -> String {
        let prefix = String::from("<");
        let prefixed = Prefixed {
            prefix: &prefix,
            log: &log,
        };
        let joins: &dyn Joins = &prefixed;
        let end = String::from(">");
        joins.join_all(Parts(&["a", "b"]), &end).await
    }

    let log = Log::new();
    let entries = log.clone();
    assert_eq!(on_ada!(joins(log)), "<ab>");
    assert_eq!(entries.take(), ["ada"]);
}

/// Lifetimes with the names that the expansion uses.
trait Clashes<'arg0>: Sync {
    #[context_async(Request, boxed)]
    async fn pick<'call, 'arg1>(
        &self,
        first: &'call str,
        second: &'arg1 str,
        third: &'arg0 str,
        _: &str,
    ) -> (&'call str, &'arg1 str, &'arg0 str);
}

impl<'arg0> Clashes<'arg0> for &'arg0 str {
    #[context_async(Request, boxed)]
    async fn pick<'call, 'arg1>(
        &self,
        first: &'call str,
        second: &'arg1 str,
        _: &'arg0 str,
        _: &str,
    ) -> (&'call str, &'arg1 str, &'arg0 str) {
        suspend().await;
        (first, second, self)
    }
}

#[test]
fn names_of_lifetimes_do_not_clash() {
    #[context_async(Request)]
    async fn picks(clashes: &dyn Clashes<'static>) -> String {
        let [first, second] = ["1".to_owned(), "2".to_owned()];
        let (first, second, third) = clashes.pick(&first, &second, "3", "4").await;
        format!("{first}{second}{third} {}", context!().user)
    }

    assert_eq!(on_ada!(picks(&"self")), "12self ada");
}

/// A dyn trait whose arguments have attributes.
trait Configured: Sync {
    #[context_async(Request, boxed)]
    async fn shown(
        &self,
        #[cfg(not(test))] gone: &NoSuchType,
        #[cfg(test)] kept: &str,
        #[allow(unused_variables)] unused: u8,
    ) -> String {
        suspend().await;
        format!("{kept} {}", context!().user)
    }
}

impl Configured for () {}

#[test]
fn arguments_may_be_left_out_by_cfg() {
    #[context_async(Request)]
    async fn shown(configured: &dyn Configured) -> String {
        configured.shown(&String::from("kept"), 0).await
    }

    assert_eq!(on_ada!(shown(&())), "kept ada");
}

#[test]
fn a_dyn_method_that_panics_or_is_dropped_ends_on_its_context() {
    struct Sees(Log);
    impl Drop for Sees {
        fn drop(&mut self) {
            self.0.push(seen());
        }
    }

    trait Ends: Send {
        #[context_async(Request, boxed)]
        async fn end(self: Box<Self>, fails: bool) -> u8;
    }

    impl Ends for Sees {
        #[context_async(Request, boxed)]
        async fn end(self: Box<Self>, fails: bool) -> u8 {
            suspend().await;
            assert!(!fails, "on purpose");
            std::future::pending().await
        }
    }

    let log = Log::new();
    let entries = log.clone();
    on_pool!(1, async move {
        let context = RequestContext::new(Request::of("ada"));
        let scheduler = context.scheduler();
        let ends = |log: &Log| -> Box<dyn Ends> { Box::new(Sees(log.clone())) };
        let panics = scheduler.spawn(ends(&log).end(true)).await;
        assert!(panics.unwrap_err().is_panic());
        let aborted = scheduler.spawn(ends(&log).end(false));
        aborted.abort();
        assert!(aborted.await.unwrap_err().is_cancelled());
        // Called, and never run.
        drop(ends(&log).end(false));
    });
    assert_eq!(entries.take(), ["ada", "ada", "never"]);
}

#[test]
fn a_dyn_method_is_called_off_its_context_by_detached_code_that_enters_one() {
    #[detached]
    async fn enters(repository: Arc<dyn Repository>) -> String {
        assert!(ambient().is_err());
        let bob = RequestContext::new(Request::of("bob"));
        bob.run(request_context::context_block!(Request, async move {
            repository.find(1).await
        }))
        .await
    }

    #[context_async(Request)]
    async fn both(repository: Arc<dyn Repository>) -> [String; 2] {
        let detached = enters(repository.clone()).await;
        [detached, repository.find(2).await]
    }

    assert_eq!(
        on_ada!(both(Arc::new(Table("t")))),
        ["t/1 for bob", "t/2 for ada"]
    );
}

#[test]
fn the_type_of_a_call_has_a_name() {
    type Found<'a> = NeedsContext<Request, Pin<Box<dyn Future<Output = String> + Send + 'a>>>;

    fn find<'a>(repository: &'a dyn Repository, id: &u64) -> Found<'a> {
        repository.find(*id)
    }

    #[context_async(Request)]
    async fn finds() -> Vec<String> {
        let table = Table("t");
        let mut found = Vec::new();
        let calls: Vec<Found<'_>> = (1..3).map(|id| find(&table, &id)).collect();
        for call in calls {
            found.push(call.await);
        }
        found
    }

    assert_eq!(on_ada!(finds()), ["t/1 for ada", "t/2 for ada"]);
}

#[test]
fn a_panic_in_a_call_leaves_the_dyn_object_usable() {
    struct Once(std::sync::atomic::AtomicBool);
    trait Tries: Sync {
        #[context_async(Request, boxed)]
        async fn attempt(&self) -> String;
    }
    impl Tries for Once {
        #[context_async(Request, boxed)]
        async fn attempt(&self) -> String {
            use std::sync::atomic::Ordering::SeqCst;
            suspend().await;
            assert!(self.0.swap(true, SeqCst), "the first time");
            context!().user.clone()
        }
    }

    #[context_async(Request)]
    async fn tries() -> (bool, String) {
        use futures::FutureExt;
        let once = Once(false.into());
        let tries: &dyn Tries = &once;
        let first = AssertUnwindSafe(attach!(tries.attempt()))
            .catch_unwind()
            .await;
        (first.is_err(), tries.attempt().await)
    }

    let (failed, then) = catch_unwind(|| on_ada!(tries())).unwrap();
    assert!(failed);
    assert_eq!(then, "ada");
}
