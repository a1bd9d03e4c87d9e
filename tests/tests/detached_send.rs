//! When the future of a `#[detached]` fn is `Send`: as a plain `async fn`'s is, whatever is checked at the fn.
//! What the check refuses is among the ui cases.

#![deny(warnings)]

use std::{
    cell::Cell,
    fmt::{Debug, Display},
    mem::size_of_val,
    pin::{Pin, pin},
    rc::Rc,
    sync::Arc,
};

use request_context::detached;
use request_context_tests::suspend;

/// Whether the future is `Send`, and that it gives what it should: `is_send!(future => output)`.
macro_rules! is_send {
    ($future:expr => $output:expr) => {
        // In a `match`, so that the future may borrow.
        match Of($future) {
            future => {
                let is_send = future.is_send();
                assert_eq!(future.0.await, $output);
                is_send
            }
        }
    };
}

struct Of<T>(T);

impl<T: Send> Of<T> {
    fn is_send(&self) -> bool {
        true
    }
}

/// What a value without the method above has instead.
trait OfAll {
    fn is_send(&self) -> bool {
        false
    }
}

impl<T> OfAll for Of<T> {}

#[detached]
async fn bounded<T: Send>(value: T) -> T {
    suspend().await;
    value
}

#[detached]
async fn unbounded<T>(value: T) -> T {
    suspend().await;
    value
}

#[detached]
async fn holds_what_is_not_send<T: Display>(value: T) -> String {
    let shared = Rc::new(1);
    suspend().await;
    format!("{value}{shared}")
}

#[detached]
async fn by_reference<T: Display>(value: &T) -> String {
    suspend().await;
    value.to_string()
}

#[detached]
async fn made<T: Default>() -> T {
    let value = T::default();
    suspend().await;
    value
}

#[detached]
async fn argument_of_its_own(value: impl Display, mut next: impl FnMut() -> u8) -> String {
    suspend().await;
    format!("{value}{}", next())
}

fn always(number: Rc<u8>) -> impl FnMut() -> u8 {
    move || *number
}

#[tokio::test]
async fn a_generic_fn_is_send_for_arguments_that_are() {
    assert!(is_send!(bounded(1) => 1));
    assert!(is_send!(unbounded(1) => 1));
    assert!(!is_send!(unbounded(Rc::new(1)) => Rc::new(1)));
    assert!(!is_send!(holds_what_is_not_send(1) => "11"));

    assert!(is_send!(by_reference(&1) => "1"));
    let not_sync = ShownCell(Cell::new(1));
    assert!(!is_send!(by_reference(&not_sync) => "1"));

    assert!(is_send!(made::<u8>() => 0));
    assert!(!is_send!(made::<Rc<u8>>() => Rc::new(0)));

    assert!(is_send!(argument_of_its_own(1, || 2) => "12"));
    assert!(!is_send!(argument_of_its_own(1, always(Rc::new(2))) => "12"));
    assert!(!is_send!(argument_of_its_own(Rc::new(1), || 2) => "12"));
}

#[derive(Debug, PartialEq)]
struct ShownCell(Cell<u8>);

impl Display for ShownCell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Display::fmt(&self.0.get(), f)
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Wrapped<T>(T);

impl<T: Debug> Wrapped<T> {
    #[detached]
    async fn make(value: T) -> Self {
        suspend().await;
        Self(value)
    }

    #[detached]
    async fn empty() -> Self
    where
        T: Default,
    {
        let empty = Self(T::default());
        suspend().await;
        empty
    }

    #[detached]
    async fn shared(&self) -> &T {
        suspend().await;
        &self.0
    }

    #[detached]
    async fn exclusive(&mut self) -> &mut T {
        suspend().await;
        &mut self.0
    }

    #[detached]
    async fn pinned(self: Pin<&mut Self>, number: u8) -> u8 {
        suspend().await;
        number
    }

    #[detached]
    async fn counted(self: Arc<Self>) -> usize {
        suspend().await;
        Arc::strong_count(&self)
    }

    #[detached]
    async fn holds_what_is_not_send(&self) -> u8 {
        let shared = Rc::new(1);
        suspend().await;
        *shared
    }
}

#[tokio::test]
#[allow(clippy::arc_with_non_send_sync)]
async fn a_method_is_send_where_its_receiver_is() {
    assert!(is_send!(Wrapped::make(1) => Wrapped(1)));
    assert!(!is_send!(Wrapped::make(Rc::new(1)) => Wrapped(Rc::new(1))));
    assert!(is_send!(Wrapped::<u8>::empty() => Wrapped(0)));
    assert!(!is_send!(Wrapped::<Rc<u8>>::empty() => Wrapped(Rc::new(0))));
    assert!(is_send!(Wrapped(1).shared() => &1));
    assert!(!is_send!(Wrapped(Cell::new(1)).shared() => &Cell::new(1)));
    assert!(is_send!(Wrapped(Cell::new(1)).exclusive() => &mut Cell::new(1)));
    assert!(!is_send!(Wrapped(Rc::new(1)).exclusive() => &mut Rc::new(1)));
    assert!(is_send!(pin!(Wrapped(1)).as_mut().pinned(2) => 2));
    assert!(!is_send!(pin!(Wrapped(Rc::new(1))).as_mut().pinned(2) => 2));
    assert!(is_send!(Arc::new(Wrapped(1)).counted() => 1));
    assert!(!is_send!(Arc::new(Wrapped(Cell::new(1))).counted() => 1));
    assert!(!is_send!(Wrapped(1).holds_what_is_not_send() => 1));
}

/// It has what its fns capture, but not what they give, by its bounds.
trait Store: Send + Sync {
    #[detached]
    async fn find(&self, key: u8) -> u8;

    #[detached]
    async fn find_twice(&self, key: u8) -> u8 {
        self.find(key).await + self.find(key).await
    }
}

struct Local;

impl Store for Local {
    // Refused without it, as any method whose captures are `Send`.
    #[detached(?Send)]
    async fn find(&self, key: u8) -> u8 {
        let shared = Rc::new(key);
        suspend().await;
        *shared
    }
}

impl Store for u8 {
    #[detached]
    async fn find(&self, key: u8) -> u8 {
        suspend().await;
        self + key
    }
}

#[detached]
async fn found_by_reference<S: Store>(store: &S) -> u8 {
    store.find(1).await
}

#[detached]
async fn found_by_value(store: impl Store) -> u8 {
    store.find_twice(1).await
}

#[detached]
async fn found_by_path<S>((store, key): (S, u8)) -> (u8, u8)
where
    S: Store,
{
    let found = <S as Store>::find(&store, key);
    (found.await, tokio::join!(store.find(key)).0)
}

/// A fn is as `Send` as the trait's is for the argument that it has.
#[tokio::test]
async fn a_fn_that_awaits_a_trait_is_send_where_the_implementation_is() {
    assert!(is_send!(1.find_twice(1) => 4));
    assert!(!is_send!(Local.find_twice(1) => 2));
    assert!(is_send!(found_by_reference(&1) => 2));
    assert!(!is_send!(found_by_reference(&Local) => 1));
    assert!(is_send!(found_by_value(1) => 4));
    assert!(!is_send!(found_by_value(Local) => 2));
    assert!(is_send!(found_by_path((1, 1)) => (2, 2)));
    assert!(!is_send!(found_by_path((Local, 1)) => (1, 1)));
}

struct Node {
    value: u8,
    next: Option<Box<Node>>,
}

impl Node {
    #[detached]
    async fn sum(&self) -> u8 {
        let rest = match &self.next {
            Some(next) => Box::pin(next.sum()).await,
            None => 0,
        };
        self.value + rest
    }

    #[detached]
    async fn countdown<T: Send>(value: T, from: u8) -> (T, u8) {
        if from == 0 {
            return (value, 0);
        }
        Box::pin(Self::countdown(value, from - 1)).await
    }

    /// A field of its name is no call.
    #[detached]
    async fn value(&self) -> u8 {
        suspend().await;
        self.value
    }
}

#[tokio::test]
async fn a_fn_that_calls_itself_is_send() {
    let node = Node {
        value: 1,
        next: Some(Box::new(Node {
            value: 2,
            next: None,
        })),
    };
    assert!(is_send!(node.sum() => 3));
    assert!(is_send!(Node::countdown('a', 3) => ('a', 0)));
    assert!(is_send!(node.value() => 1));
}

/// `Self` is not known where such a fn begins.
#[detached]
async fn has_items_with_a_self_of_their_own(number: u8) -> u8 {
    struct Inside(u8);
    impl Inside {
        fn new(number: u8) -> Self {
            Self(number)
        }
    }
    suspend().await;
    Inside::new(number).0
}

#[detached]
async fn has_arguments_that_are_not_there<#[cfg(not(test))] Gone, #[cfg(test)] T: Send>(
    #[cfg(not(test))] _gone: Gone,
    #[cfg(test)] value: T,
) -> T {
    suspend().await;
    value
}

struct Limit;

impl Limit {
    const VALUE: u8 = 3;

    /// Only the body says that it is a part of a type.
    #[detached]
    async fn in_a_path() -> u8 {
        suspend().await;
        Self::VALUE
    }

    #[detached]
    async fn in_a_macro() -> String {
        suspend().await;
        format!("{}", Self::VALUE)
    }
}

#[tokio::test]
async fn what_the_signature_does_not_say_is_no_obstacle() {
    assert!(is_send!(has_items_with_a_self_of_their_own(1) => 1));
    assert!(is_send!(has_arguments_that_are_not_there(1) => 1));
    assert!(is_send!(Limit::in_a_path() => 3));
    assert!(is_send!(Limit::in_a_macro() => "3"));
}

#[test]
fn the_check_costs_no_room() {
    #[detached(?Send)]
    async fn not_checked<T: Send>(value: T, _: &mut [u64; 4], more: [u64; 4]) -> (T, u64) {
        suspend().await;
        (value, more[0])
    }

    #[detached]
    async fn checked<T: Send>(value: T, _: &mut [u64; 4], more: [u64; 4]) -> (T, u64) {
        suspend().await;
        (value, more[0])
    }

    assert_eq!(
        size_of_val(&checked([0; 9], &mut [0; 4], [0; 4])),
        size_of_val(&not_checked([0; 9], &mut [0; 4], [0; 4])),
    );
}
