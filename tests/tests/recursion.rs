//! Fns that call themselves, or each other, through `boxed`.

use std::{cell::RefCell, rc::Rc};

use request_context::{ContextThread, RequestContext, context, context_async, detached};
use request_context_tests::{Request, on_one_thread, seen, suspend};

/// Runs a call on the context of ada.
macro_rules! on_ada {
    ($call:expr) => {{
        let call = $call;
        on_one_thread!(async { RequestContext::new(Request::of("ada")).run(call).await })
    }};
}

#[test]
fn a_fn_that_calls_itself_borrows_from_its_caller() {
    #[context_async(Request, boxed)]
    async fn longest<'a>(words: &[&'a str], so_far: &'a str) -> &'a str {
        context!().increment();
        let Some((first, others)) = words.split_first() else {
            return so_far;
        };
        suspend().await;
        let longer = if first.len() > so_far.len() {
            first
        } else {
            so_far
        };
        longest(others, longer).await
    }

    #[context_async(Request)]
    async fn calls() -> (String, u32) {
        let words: Vec<String> = (1..100).map(|length| "x".repeat(length)).collect();
        let words: Vec<&str> = words.iter().map(|word| &**word).collect();
        let longest = longest(&words, "").await.to_owned();
        (longest, context!().count.get())
    }

    assert_eq!(on_ada!(calls()), ("x".repeat(99), 100));
}

#[test]
fn of_fns_that_call_each_other_one_is_boxed() {
    #[context_async(Request, boxed)]
    async fn is_even(number: u32) -> bool {
        context!().increment();
        number == 0 || is_odd(number - 1).await
    }

    #[context_async(Request)]
    async fn is_odd(number: u32) -> bool {
        suspend().await;
        number != 0 && is_even(number - 1).await
    }

    #[context_async(Request)]
    async fn both() -> (bool, bool, u32) {
        let (even, odd) = tokio::join!(is_even(10), is_odd(10));
        (even, odd, context!().count.get())
    }

    assert_eq!(on_ada!(both()), (true, false, 11));
}

#[test]
fn a_bare_fn_and_one_of_a_state_call_themselves_through_a_third() {
    #[context_async(boxed)]
    async fn descend(depth: u32, path: String) -> String {
        if depth == 0 {
            return path;
        }
        suspend().await;
        middle(depth - 1, path + "d").await
    }

    #[context_async(boxed)]
    async fn middle(depth: u32, path: String) -> String {
        last(depth, path + "m").await
    }

    #[context_async]
    async fn last(depth: u32, path: String) -> String {
        descend(depth, path + "l").await
    }

    assert_eq!(on_ada!(descend(2, String::new())), "dmldml");
}

#[test]
fn a_generic_fn_calls_itself_with_its_own_parameters() {
    #[context_async(C, boxed)]
    async fn count<C, F, const STEP: u32>(up_to: u32, look: F) -> u32
    where
        C: Sync,
        F: Fn(&C) -> u32 + Copy + Send,
    {
        suspend().await;
        if up_to < STEP {
            return look(&context!());
        }
        STEP + count::<C, F, STEP>(up_to - STEP, look).await
    }

    let counted = on_one_thread!(async {
        let context = RequestContext::new(100_u32);
        context.run(count::<u32, _, 3>(10, |state| *state)).await
    });
    assert_eq!(counted, 109);
}

struct Tree(u32, Vec<Tree>);

impl Tree {
    fn new(depth: u32) -> Self {
        Tree(depth, (0..depth).map(Tree::new).collect())
    }

    #[context_async(Request, boxed)]
    async fn sum(&self, weigh: &(dyn Fn(u32) -> u32 + Sync)) -> u32 {
        context!().increment();
        let mut sum = weigh(self.0);
        for child in &self.1 {
            sum += child.sum(weigh).await;
        }
        sum
    }

    #[context_async(Request, boxed)]
    async fn grow(&mut self) -> &mut u32 {
        suspend().await;
        for child in &mut self.1 {
            *child.grow().await += 1;
        }
        &mut self.0
    }

    #[context_async(Request, boxed)]
    async fn deepest(self: Box<Self>) -> u32 {
        suspend().await;
        match self.1.into_iter().last() {
            Some(child) => Box::new(child).deepest().await,
            None => self.0,
        }
    }
}

#[test]
fn methods_call_themselves_with_every_receiver() {
    #[context_async(Request)]
    async fn all() -> (u32, u32, u32, u32) {
        let mut tree = Tree::new(4);
        let sum = tree.sum(&|depth| depth).await;
        *tree.grow().await = 10;
        let grown = tree.sum(&|depth| depth).await;
        (
            sum,
            grown,
            Box::new(tree).deepest().await,
            context!().count.get(),
        )
    }

    // 16 nodes, of which 15 are children; the last one of all is 0, and 1 when it has grown.
    assert_eq!(on_ada!(all()), (15, 36, 1, 32));
}

#[test]
fn a_fn_that_is_not_send_calls_itself_on_its_thread() {
    #[context_async(Rc<RefCell<Vec<u8>>>, boxed, ?Send)]
    async fn push(number: Rc<u8>) -> usize {
        context!().borrow_mut().push(*number);
        suspend().await;
        match number.checked_sub(1) {
            Some(next) => push(Rc::new(next)).await,
            None => context!().borrow().len(),
        }
    }

    let pushed = on_one_thread!(async {
        let window = ContextThread::new(|| Rc::new(RefCell::new(Vec::new())));
        let pushed = window.scheduler().spawn_with(|| push(Rc::new(4))).await;
        window.stop().await.unwrap();
        pushed.unwrap()
    });
    assert_eq!(pushed, 5);
}

#[test]
fn a_detached_fn_boxes_its_own_call_as_a_plain_one_does() {
    #[detached]
    async fn descend(depth: u32) -> String {
        suspend().await;
        if depth == 0 {
            return seen();
        }
        Box::pin(descend(depth - 1)).await
    }

    #[context_async(Request)]
    async fn calls() -> [String; 2] {
        [descend(3).await, seen()]
    }

    assert_eq!(on_ada!(calls()), ["detached", "ada"]);
}
