//! `#[tracing::instrument]` above and below our attributes keeps its spans and their fields, in both orders.

mod captured;

use std::{fmt, future::pending};

use captured::captured;
use request_context::{RequestContext, Work, context, context_async, detached};
use request_context_tests::{OnDrop, Request, on_one_thread, on_pool, poll_once, seen, suspend};
use tracing::{Span, field::Empty, info, info_span, instrument};

/// What does not show.
struct Secret;

fn logs_on_drop() -> OnDrop<impl FnOnce() + Send> {
    OnDrop::new(|| info!("dropped, and sees {}", seen()))
}

#[derive(Debug)]
struct Missing;

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is missing")
    }
}

struct Shop(&'static str);

/// The same fns twice: with the attribute in the first brackets above that in the second, and below it.
macro_rules! in_both_orders {
    ($([$($instrument:tt)*] [$($ours:tt)*] $item:tt)*) => {
        mod above {
            use super::*;
            $(ordered!([$($instrument)*] [$($ours)*] $item);)*
        }
        mod below {
            use super::*;
            $(ordered!([$($ours)*] [$($instrument)*] $item);)*
        }
    };
}

macro_rules! ordered {
    ([$($first:tt)*] [$($second:tt)*] { $($item:tt)* }) => {
        #[$($first)*]
        #[$($second)*]
        $($item)*
    };
}

in_both_orders! {
    [instrument] [context_async(Request)] {
        pub(super) async fn plain(id: u64, name: &'static str) -> u64 {
            info!("before, for {}", context!().user);
            suspend().await;
            info!("after, for {name}");
            id + 1
        }
    }

    [tracing::instrument(skip(secret), fields(twice = id * 2))] [context_async(Request)] {
        pub(super) async fn skips(id: u64, secret: Secret) {
            let Secret = secret;
            suspend().await;
            info!("skipped");
        }
    }

    [instrument(skip_all, name = "renamed", level = "warn")] [context_async(Request)] {
        pub(super) async fn skips_all(id: u64, secret: Secret) {
            let Secret = secret;
            suspend().await;
            info!("skipped {id}");
        }
    }

    [instrument(fields(user = %context!().user, found = Empty))] [context_async(Request)] {
        pub(super) async fn fields() {
            suspend().await;
            Span::current().record("found", 3);
            info!("recorded");
        }
    }

    [instrument(err)] [context_async(Request)] {
        pub(super) async fn fails(id: u64) -> Result<u64, Missing> {
            suspend().await;
            if context!().user == "ada" {
                Err(Missing)?;
            }
            Ok(id)
        }
    }

    [instrument(ret)] [context_async(Request)] {
        pub(super) async fn returns(id: u64) -> u64 {
            suspend().await;
            if id > 1 {
                return id * 2;
            }
            context!().user.len() as u64
        }
    }

    [instrument(ret, err(Debug))] [context_async(Request)] {
        pub(super) async fn does_both(id: u64) -> Result<u64, Missing> {
            plain(id, "both").await;
            if id == 0 { Err(Missing) } else { Ok(id) }
        }
    }

    [instrument] [context_async(Request)] {
        pub(super) async fn calls(id: u64) {
            let sum = plain(id, "direct").await;
            let (left, right) = tokio::join!(biased; plain(sum, "left"), plain(sum, "right"));
            info!("{left} {right}");
        }
    }

    [instrument] [context_async] {
        pub(super) async fn bare(id: u64) {
            suspend().await;
            info!("on {}", context!().id() == context!().id());
        }
    }

    [instrument] [context_async(Request, boxed)] {
        pub(super) async fn recurses(depth: u64) {
            if depth > 0 {
                recurses(depth - 1).await;
            }
            info!("for {}", context!().user);
        }
    }

    [instrument(skip(value))] [context_async(C)] {
        pub(super) async fn generic<C: AsUser, T: fmt::Display + Send + 'static>(value: T) {
            suspend().await;
            info!("{value} for {}", context!().user());
        }
    }

    [instrument] [detached] {
        pub(super) async fn off(id: u64) {
            suspend().await;
            info!("is {}", seen());
        }
    }

    [instrument] [context_async(Request)] {
        pub(super) async fn hangs() {
            let _local = logs_on_drop();
            pending::<()>().await;
        }
    }

    [instrument] [context_async(Request)] {
        pub(super) async fn has_a_part(id: u64) {
            #[detached]
            let seen = async { seen() }.await;
            info!("{seen} in the part, {} after", context!().user);
        }
    }
}

trait AsUser: Send + 'static {
    fn user(&self) -> &str;
}

impl AsUser for Request {
    fn user(&self) -> &str {
        &self.user
    }
}

trait Sells {
    #[context_async(Request)]
    async fn sells(&self, id: u64);
    #[context_async(Request)]
    async fn offers(&self, id: u64);
}

impl Shop {
    #[instrument(skip(self), fields(shop = self.0))]
    #[context_async(Request)]
    async fn above(&self, id: u64) {
        suspend().await;
        info!("{} for {}", self.0, context!().user);
    }

    #[context_async(Request)]
    #[instrument(skip(self), fields(shop = self.0))]
    async fn below(&self, id: u64) {
        suspend().await;
        info!("{} for {}", self.0, context!().user);
    }
}

impl Sells for Shop {
    #[instrument(skip(self), ret)]
    #[context_async(Request)]
    async fn sells(&self, id: u64) {
        self.above(id).await;
    }

    #[context_async(Request)]
    #[instrument(skip(self), ret)]
    async fn offers(&self, id: u64) {
        self.below(id).await;
    }
}

/// What `work` logs on the context of ada.
fn log_of<W>(work: W) -> Vec<String>
where
    W: Work<Request> + Send + 'static,
    W::Future: Send + 'static,
    W::Output: Send + 'static,
{
    on_pool!(
        1,
        captured(async move {
            let context = RequestContext::new(Request::of("ada"));
            context.run(work).await;
        })
    )
}

/// What a fn logs in both orders, with the same arguments.
macro_rules! logs {
    ($call:ident($($args:tt)*) => $lines:expr) => {
        assert_eq!(log_of(above::$call($($args)*)), $lines, "above");
        assert_eq!(log_of(below::$call($($args)*)), $lines, "below");
    };
}

#[test]
fn the_span_has_the_arguments_and_is_current_at_every_turn() {
    logs!(plain(7, "lovelace") => [
        "plain{id=7 name=\"lovelace\"}: before, for ada",
        "plain{id=7 name=\"lovelace\"}: after, for lovelace",
    ]);
}

#[test]
fn arguments_are_skipped_and_fields_added() {
    logs!(skips(7, Secret) => ["skips{id=7 twice=14}: skipped"]);
    logs!(skips_all(7, Secret) => ["renamed: skipped 7"]);
}

#[test]
fn fields_may_come_from_the_context_and_be_recorded_in_the_body() {
    logs!(fields() => ["fields{user=ada found=3}: recorded"]);
}

#[test]
fn errors_are_logged_in_the_span() {
    logs!(fails(7) => ["fails{id=7}: error=it is missing"]);
}

#[test]
fn results_are_logged_in_the_span() {
    logs!(returns(1) => ["returns{id=1}: return=3"]);
    logs!(returns(2) => ["returns{id=2}: return=4"]);
}

#[test]
fn errors_and_results_are_logged_together() {
    logs!(does_both(0) => [
        "does_both{id=0} > plain{id=0 name=\"both\"}: before, for ada",
        "does_both{id=0} > plain{id=0 name=\"both\"}: after, for both",
        "does_both{id=0}: error=Missing",
    ]);
    logs!(does_both(1) => [
        "does_both{id=1} > plain{id=1 name=\"both\"}: before, for ada",
        "does_both{id=1} > plain{id=1 name=\"both\"}: after, for both",
        "does_both{id=1}: return=1",
    ]);
}

#[test]
fn spans_of_calls_nest_and_those_of_joined_calls_do_not_mix() {
    logs!(calls(1) => [
        "calls{id=1} > plain{id=1 name=\"direct\"}: before, for ada",
        "calls{id=1} > plain{id=1 name=\"direct\"}: after, for direct",
        "calls{id=1} > plain{id=2 name=\"left\"}: before, for ada",
        "calls{id=1} > plain{id=2 name=\"right\"}: before, for ada",
        "calls{id=1} > plain{id=2 name=\"left\"}: after, for left",
        "calls{id=1} > plain{id=2 name=\"right\"}: after, for right",
        "calls{id=1}: 3 3",
    ]);
}

#[test]
fn bare_boxed_and_generic_fns_keep_their_spans() {
    logs!(bare(7) => ["bare{id=7}: on true"]);
    logs!(recurses(1) => [
        "recurses{depth=1} > recurses{depth=0}: for ada",
        "recurses{depth=1}: for ada",
    ]);
    logs!(generic("text") => ["generic: text for ada"]);
}

#[test]
fn detached_fns_and_parts_keep_their_spans() {
    logs!(off(7) => ["off{id=7}: is detached"]);
    logs!(has_a_part(7) => ["has_a_part{id=7}: detached in the part, ada after"]);
}

#[test]
fn methods_keep_their_spans() {
    #[context_async(Request)]
    async fn methods() {
        let shop = Shop("books");
        shop.above(1).await;
        shop.below(2).await;
    }

    #[context_async(Request)]
    async fn trait_methods<T: Sells + Send + Sync + 'static>(shop: T) {
        shop.sells(1).await;
        shop.offers(2).await;
    }

    assert_eq!(
        log_of(methods()),
        [
            "above{id=1 shop=\"books\"}: books for ada",
            "below{id=2 shop=\"books\"}: books for ada",
        ]
    );
    assert_eq!(
        log_of(trait_methods(Shop("tea"))),
        [
            "sells{id=1} > above{id=1 shop=\"tea\"}: tea for ada",
            "sells{id=1}: return=()",
            "offers{id=2} > below{id=2 shop=\"tea\"}: tea for ada",
            "offers{id=2}: return=()",
        ]
    );
}

#[test]
fn what_is_dropped_half_way_is_dropped_in_its_span_which_is_not_current_before() {
    fn dropped<W>(work: W) -> Vec<String>
    where
        W: Work<Request> + Send + 'static,
        W::Future: Send + 'static,
        W::Output: Send + 'static,
    {
        on_one_thread!(captured(async move {
            let context = RequestContext::new(Request::of("ada"));
            let mut run = Box::pin(context.run(work));
            assert!(poll_once(run.as_mut()).is_pending());
            info_span!("between").in_scope(|| info!("nothing else"));
            drop(run);
        }))
    }

    let lines = ["between: nothing else", "hangs: dropped, and sees ada"];
    assert_eq!(dropped(above::hangs()), lines);
    assert_eq!(dropped(below::hangs()), lines);
}
