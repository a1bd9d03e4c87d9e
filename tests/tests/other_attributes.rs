//! Attributes of other crates above and below ours: `#[async_trait]`, axum's `#[debug_handler]`, and
//! `#[tokio::test]`. (`#[tracing::instrument]` has tests of its own.)

mod captured;

use std::{cell::Cell, rc::Rc, sync::Arc};

use async_trait::async_trait;
use axum::{
    body::{Body, to_bytes},
    debug_handler,
    extract::State,
    handler::Handler,
    http,
};
use captured::captured;
use request_context::{RequestContext, context, context_async, detached};
use request_context_tests::{Log, Request, on_one_thread, poll_once, seen, sees_on_drop, suspend};
use tracing::{info, instrument};

// ---------------------------------------------------------------- async_trait

#[async_trait]
trait Repository: Send + Sync {
    #[detached]
    async fn find(&self, id: u64) -> String;

    #[detached]
    async fn find_both(&self, (first, second): (u64, u64), mut separator: String) -> String {
        separator.push(' ');
        let first = self.find(first).await;
        format!("{first}{separator}{}", self.find(second).await)
    }

    #[detached]
    async fn consume(self: Box<Self>, log: Log) -> Option<&'static str>;
}

struct Table(&'static str);

#[async_trait]
impl Repository for Table {
    #[detached]
    async fn find(&self, id: u64) -> String {
        let at_start = seen();
        suspend().await;
        format!("{}/{id} {at_start} {}", self.0, seen())
    }

    #[detached]
    async fn consume(self: Box<Self>, log: Log) -> Option<&'static str> {
        let _local = sees_on_drop(&log);
        suspend().await;
        let first = self.0.get(..1)?;
        Some(first)
    }
}

#[test]
fn a_detached_method_of_an_async_trait_sees_no_context_in_its_polls_and_drops() {
    #[context_async(Request)]
    async fn calls(repository: Box<dyn Repository>, log: Log) -> Vec<String> {
        let mut found = vec![seen()];
        found.push(repository.find(1).await);
        found.push(repository.find_both((2, 3), ",".to_owned()).await);
        let mut half_way = Box::new(Table("")).consume(log.clone());
        assert!(poll_once(half_way.as_mut()).is_pending());
        drop(half_way);
        found.push(format!("{:?}", repository.consume(log).await));
        found.push(seen());
        found
    }

    let log = Log::new();
    let entries = log.clone();
    let found = on_one_thread!(async {
        let context = RequestContext::new(Request::of("ada"));
        context.run(calls(Box::new(Table("t")), log)).await
    });
    assert_eq!(
        found,
        [
            "ada",
            "t/1 detached detached",
            "t/2 detached detached, t/3 detached detached",
            "Some(\"t\")",
            "ada",
        ]
    );
    assert_eq!(entries.take(), ["detached", "detached"]);
}

#[async_trait(?Send)]
trait Local {
    #[detached]
    async fn count(self: Rc<Self>, by: &Cell<u32>) -> u32;
}

#[async_trait(?Send)]
impl Local for () {
    #[detached]
    async fn count(self: Rc<Self>, by: &Cell<u32>) -> u32 {
        suspend().await;
        assert_eq!(seen(), "detached");
        by.replace(by.get() + 1)
    }
}

#[test]
fn a_detached_method_of_an_async_trait_need_not_be_send() {
    #[context_async(Request, ?Send)]
    async fn counts() -> (u32, u32) {
        let local: Rc<dyn Local> = Rc::new(());
        let by = Cell::new(1);
        let first = local.clone().count(&by).await;
        (first, local.count(&by).await)
    }

    let counted = on_one_thread!(async {
        let thread = request_context::ContextThread::new(|| Request::of("ada"));
        let counted = thread.scheduler().spawn_with(counts).await.unwrap();
        thread.stop().await.unwrap();
        counted
    });
    assert_eq!(counted, (1, 2));
}

#[async_trait]
trait Instrumented: Sync {
    async fn above(&self, id: u64);
    async fn below(&self, id: u64);
}

#[async_trait]
impl Instrumented for Table {
    #[instrument(skip(self), fields(table = self.0))]
    #[detached]
    async fn above(&self, id: u64) {
        suspend().await;
        info!("{id} is {}", seen());
    }

    #[detached]
    #[instrument(skip(self), fields(table = self.0))]
    async fn below(&self, id: u64) {
        suspend().await;
        info!("{id} is {}", seen());
    }
}

#[test]
fn a_detached_method_of_an_async_trait_keeps_its_span_in_both_orders() {
    #[context_async(Request)]
    async fn calls(table: &'static dyn Instrumented) {
        table.above(1).await;
        table.below(2).await;
    }

    let log = on_one_thread!(captured(async {
        let context = RequestContext::new(Request::of("ada"));
        context.run(calls(&Table("t"))).await;
    }));
    assert_eq!(
        log,
        [
            "above{id=1 table=\"t\"}: 1 is detached",
            "below{id=2 table=\"t\"}: 2 is detached",
        ]
    );
}

// ---------------------------------------------------------------- instrument on dyn traits of ours

trait Finds: Sync {
    #[context_async(Request, boxed)]
    async fn above(&self, id: u64, names: &mut Vec<String>) -> Option<&str>;

    #[context_async(Request, boxed)]
    #[instrument(skip(self, names), ret)]
    async fn below(&self, id: u64, names: &mut Vec<String>) -> Option<&str> {
        self.above(id, names).await
    }
}

impl Finds for Table {
    #[instrument(skip_all, fields(id = id, user = context!().user))]
    #[context_async(Request, boxed)]
    async fn above(&self, id: u64, names: &mut Vec<String>) -> Option<&str> {
        suspend().await;
        names.push(context!().user.clone());
        info!("found by {}", seen());
        (id > 0).then_some(self.0)
    }
}

#[test]
fn a_method_of_a_dyn_trait_keeps_its_span_in_both_orders() {
    #[context_async(Request)]
    async fn calls(finds: &dyn Finds) -> Vec<String> {
        let mut names = Vec::new();
        assert_eq!(finds.below(1, &mut names).await, Some("t"));
        assert_eq!(finds.above(0, &mut names).await, None);
        names
    }

    let log = on_one_thread!(captured(async {
        let context = RequestContext::new(Request::of("ada"));
        assert_eq!(context.run(calls(&Table("t"))).await, ["ada", "ada"]);
    }));
    assert_eq!(
        log,
        [
            "below{id=1} > above{id=1 user=\"ada\"}: found by ada",
            "below{id=1}: return=Some(\"t\")",
            "above{id=0 user=\"ada\"}: found by ada",
        ]
    );
}

// ---------------------------------------------------------------- axum

#[derive(Clone)]
struct Shared(Arc<str>);

/// On a context, as middleware would be that runs its handlers on one.
#[debug_handler]
#[detached]
async fn detached_below(State(shared): State<Shared>, body: String) -> String {
    suspend().await;
    format!("{} {body} {}", shared.0, seen())
}

#[detached]
#[debug_handler(state = Shared)]
async fn detached_above(State(shared): State<Shared>, body: String) -> String {
    suspend().await;
    format!("{} {body} {}", shared.0, seen())
}

#[context_async(Request)]
async fn page(body: String) -> String {
    suspend().await;
    format!("{body} {}", context!().user)
}

/// What a handler is to do.
#[debug_handler]
async fn runs_a_page(State(shared): State<Shared>, body: String) -> String {
    let context = RequestContext::new(Request::of(&shared.0));
    context.run(page(body)).await
}

#[test]
fn a_detached_handler_is_debugged_in_both_orders_and_sees_no_context() {
    async fn answer<T>(handler: impl Handler<T, Shared>) -> String {
        let request = http::Request::new(Body::from("body"));
        let shared = Shared("ada".into());
        let response = handler.call(request, shared).await;
        let body = to_bytes(response.into_body(), 100).await.unwrap();
        String::from_utf8(body.to_vec()).unwrap()
    }

    on_one_thread!(async {
        let context = RequestContext::new(Request::of("bob"));
        let below = context.run(answer(detached_below)).await;
        assert_eq!(below, "ada body detached");
        let above = context.run(answer(detached_above)).await;
        assert_eq!(above, "ada body detached");
        assert_eq!(answer(runs_a_page).await, "body ada");
    });
}

// ---------------------------------------------------------------- tokio

#[detached]
#[tokio::test]
async fn a_test_may_be_detached() {
    suspend().await;
    assert_eq!(seen(), "detached");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_runs_what_needs_a_context() {
    let context = RequestContext::new(Request::of("ada"));
    assert_eq!(context.run(page("test".to_owned())).await, "test ada");
}
