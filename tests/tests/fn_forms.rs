//! Every form of `async fn` there is, plain and with each attribute: it is called in the same way, and
//! gives the same.

#![deny(warnings)]

use std::{cell::RefCell, fmt::Display, marker::PhantomData, pin::Pin, rc::Rc, sync::Arc};

use request_context::{
    ContextThread, JoinError, RequestContext, context_async, detached, spawn_detached,
};
use request_context_tests::{Request, message, on_one_thread, suspend};

/// The same items with each of these attributes, in a module of that name.
macro_rules! with_each {
    ($($module:ident: [$($attribute:tt)*];)*) => {
        $(
            mod $module {
                use super::*;
                forms!([$($attribute)*]);
            }
        )*
    };
}

macro_rules! forms {
    ([$($it:tt)*]) => {
        $($it)*
        pub(super) async fn lifetimes<'a, 'b: 'a>(
            elided: &str,
            named: &'a str,
            longer: &'b mut Vec<&'a str>,
        ) -> Option<&'a str> {
            suspend().await;
            longer.push(named);
            longer.iter().find(|text| text.len() > elided.len()).copied()
        }

        $($it)*
        pub(super) async fn elided_result(borrowed: Borrowed<'_>, _number: u8) -> Option<&char> {
            suspend().await;
            borrowed.0.first()
        }

        $($it)*
        pub(super) async fn higher_ranked<F>(
            by_bound: F,
            by_pointer: for<'x> fn(&'x str) -> &'x str,
            by_object: &(dyn for<'x> Fn(&'x str) -> &'x str + Sync),
        ) -> usize
        where
            F: for<'x> Fn(&'x str, &str) -> &'x str + Send,
        {
            suspend().await;
            let text = String::from(" text ");
            by_object(by_pointer(by_bound(&text, ""))).len()
        }

        $($it)*
        pub(super) async fn const_generic<const N: usize, const UPPER: bool, T>(all: [T; N]) -> String
        where
            T: Display + Send,
        {
            suspend().await;
            let text: String = all.iter().map(T::to_string).collect();
            if UPPER { text.to_uppercase() } else { text + &N.to_string() }
        }

        $($it)*
        pub(super) async fn impl_in_arguments(
            shown: impl Display + Send,
            (many, fixed): (impl IntoIterator<Item = u8, IntoIter: Send> + Send, u8),
            mut next: impl FnMut() -> u8 + Send,
        ) -> String {
            let mut sum = next();
            for one in many {
                suspend().await;
                sum += one;
            }
            format!("{shown}{}", sum + next() + fixed)
        }

        $($it)*
        pub(super) async fn impl_in_the_result(up_to: u8) -> impl Iterator<Item = u8> + Send {
            suspend().await;
            (0..up_to).rev()
        }

        $($it)*
        pub(super) async fn impl_inside_the_result(
            up_to: u16,
        ) -> Result<(impl Display + Send, impl Fn(u8) -> u8 + Send), std::num::TryFromIntError> {
            suspend().await;
            let number = u8::try_from(up_to * 2)?;
            Ok((number, move |plus| plus + number))
        }

        $($it)*
        pub(super) async fn where_clauses<T: Default + Send, U>(_: PhantomData<U>) -> T
        where
            U: Send,
            Option<U>: Send,
            for<'x> &'x T: IntoIterator<Item = &'x u8>,
        {
            suspend().await;
            T::default()
        }

        $($it)*
        #[allow(clippy::too_many_arguments, clippy::toplevel_ref_arg)]
        pub(super) async fn patterns(
            mut by_name: String,
            _: u8,
            _unused: u8,
            (first, mut second): (u8, u8),
            [head, .., tail]: [u8; 4],
            Point { x, y: Pair(y, ..) }: Point,
            &reference: &u8,
            ref by_reference: String,
            whole @ (part, _): (u8, u8),
            (Ok(either) | Err(either)): Result<u8, u8>,
        ) -> String {
            suspend().await;
            by_name.push('!');
            second += 1;
            format!(
                "{by_name} {first}{second} {head}{tail} {x}{y} {reference} {by_reference} {}{part} {either}",
                whole.1
            )
        }

        $($it)*
        pub(super) async fn attributes_on_arguments(
            #[cfg(any())] _gone: NoSuchType,
            #[cfg(all())] kept: u8,
            #[allow(unused_variables)] unused: u8,
            #[expect(unused_variables)] also_unused: u8,
            #[expect(unused_mut)] mut not_changed: u8,
            #[allow(non_snake_case)] NotSnake: u8,
            #[cfg_attr(all(), allow(unused_variables))] by_cfg: u8,
        ) -> u8 {
            suspend().await;
            kept + not_changed + NotSnake
        }

        $($it)*
        pub(super) async fn raw_names(r#type: u8, r#match: u8) -> u8 {
            suspend().await;
            r#type + r#match
        }

        /// A doc comment, with `code`.
        #[doc(alias = "nothing")]
        #[inline]
        $($it)*
        #[cfg(all())]
        #[allow(clippy::unused_unit)]
        pub(super) async fn other_attributes() -> () {
            suspend().await;
        }

        #[cfg(any())]
        $($it)*
        pub(super) async fn other_attributes() -> NoSuchType {}

        $($it)*
        #[expect(unused_variables, reason = "linted as any fn")]
        pub(super) async fn linted() {
            let unused = 1;
            suspend().await;
        }

        $($it)*
        pub(super) async fn inner_attributes() -> u8 {
            #![allow(unused_variables)]
            let unused = 1;
            suspend().await;
            2
        }

        $($it)*
        pub(super) async fn coerced(long: bool) -> Box<dyn Fn(u8) -> u8 + Send> {
            suspend().await;
            if long {
                return Box::new(|number| number * 2);
            }
            Box::new(|number| number + 1)
        }

        $($it)*
        pub(super) async fn never(number: u8) -> ! {
            suspend().await;
            panic!("never {number}")
        }

        /// # Safety
        ///
        /// The pointer must be valid.
        $($it)*
        pub(super) async unsafe fn read(pointer: &Pointer) -> u8 {
            suspend().await;
            // SAFETY: by contract.
            unsafe { *pointer.0 }
        }

        #[derive(Clone)]
        pub(super) struct Receives<'r, T>(pub(super) &'r str, pub(super) T);

        impl<'r, T: Display + Send + Sync> Receives<'r, T> {
            $($it)*
            pub(super) async fn make(text: &'r str, value: T) -> Self {
                suspend().await;
                Self(text, value)
            }

            $($it)*
            pub(super) async fn value(mut self) -> String {
                suspend().await;
                self.0 = "changed";
                format!("{}{}", self.0, self.1)
            }

            $($it)*
            pub(super) async fn shared<'s>(&'s self, other: &str) -> &'s T {
                suspend().await;
                if other == self.0 { &self.1 } else { self.shared_elided().await }
            }

            $($it)*
            pub(super) async fn shared_elided(&self) -> &T {
                suspend().await;
                &self.1
            }

            $($it)*
            pub(super) async fn exclusive(&mut self, text: &'r str) -> &mut T {
                suspend().await;
                self.0 = text;
                &mut self.1
            }

            $($it)*
            pub(super) async fn pinned(self: Pin<&mut Self>, text: &'r str) -> &'r str {
                suspend().await;
                let this = self.as_ref().get_ref();
                if this.0.is_empty() { text } else { this.0 }
            }

            $($it)*
            pub(super) async fn counted(self: Arc<Self>) -> usize {
                suspend().await;
                Arc::strong_count(&self) + self.0.len()
            }

            $($it)*
            pub(super) async fn owned(mut self: Box<Self>) -> Box<Self> {
                suspend().await;
                self.0 = "owned";
                self
            }

            $($it)*
            pub(super) async fn typed(self: &Self, (text, _): (&str, u8)) -> String {
                suspend().await;
                format!("{}{text}", self.0)
            }
        }

        pub(super) trait Declares<K: Send>: Send + Sync {
            /// A type the fns name.
            type Found: Display + Send;
            const EXTRA: usize;

            /// A declared one.
            $($it)*
            async fn find(&self, key: K) -> Option<Self::Found>;

            /// One with a body.
            $($it)*
            async fn find_shown(&self, key: K, _unused: &str) -> String
            where
                K: 'static,
            {
                let found = self.find(key).await;
                found.map_or_else(String::new, |found| format!("{found}{}", Self::EXTRA))
            }

            $($it)*
            async fn by_value(self, key: K) -> usize
            where
                Self: Sized,
            {
                suspend().await;
                drop(key);
                Self::EXTRA
            }

            $($it)*
            async fn associated<T>(key: K, mapped: impl Fn(K) -> T + Send) -> T
            where
                T: Send,
            {
                suspend().await;
                mapped(key)
            }
        }

        impl<K: Display + Send> Declares<K> for Receives<'_, u8> {
            type Found = String;
            const EXTRA: usize = 5;

            $($it)*
            async fn find(&self, key: K) -> Option<Self::Found> {
                suspend().await;
                Some(format!("{}{}{key}", self.0, self.1))
            }
        }

        impl Declares<String> for u8 {
            type Found = u8;
            const EXTRA: usize = 6;

            $($it)*
            async fn find(&self, _: String) -> Option<u8> {
                None
            }

            $($it)*
            async fn find_shown(&self, key: String, text: &str) -> String {
                let found = self.find(key.clone()).await;
                assert_eq!(found, None);
                format!("{self}{key}{text}{}", <Self as Declares<_>>::EXTRA)
            }

            $($it)*
            async fn by_value(self, key: String) -> usize {
                suspend().await;
                usize::from(self) + key.len()
            }
        }

        $($it)*
        pub(super) async fn generic_over_the_trait<K, D>(declares: D, key: K) -> (String, usize)
        where
            K: Clone + Send + 'static,
            D: Declares<K>,
        {
            let shown = declares.find_shown(key.clone(), "").await;
            (shown, declares.by_value(key).await)
        }

        /// Awaits all of them, and says what they gave.
        $($it)*
        pub(super) async fn all() -> Vec<String> {
            let mut log = Vec::new();
            macro_rules! log {
                ($value:expr) => {
                    log.push(format!("{:?}", $value))
                };
            }

            let texts = ["a".to_owned(), "bcd".to_owned()];
            let mut longer = vec![&*texts[0]];
            let found = lifetimes("xx", &texts[1], &mut longer).await;
            log!(found);
            let chars = ['c'];
            let first = elided_result(Borrowed(&chars), 0).await;
            log!(first);
            let length = higher_ranked(|text, _| &text[1..], str::trim_end, &|text| text).await;
            log!(length);
            let lower = const_generic::<2, false, _>(["x", "y"]).await;
            let upper = const_generic::<1, true, _>(["x"]).await;
            log!((lower, upper));
            let mut count = 0;
            let next = || { count += 1; count };
            let summed = impl_in_arguments("sum ", (vec![10, 20], 100), next).await;
            log!(summed);
            let reversed = impl_in_the_result(3).await;
            log!(reversed.collect::<Vec<_>>());
            let inside = impl_inside_the_result(4).await.map(|(shown, plus)| format!("{shown}{}", plus(1)));
            log!(inside);
            let failed = impl_inside_the_result(400).await.is_err();
            log!(failed);
            let defaulted = where_clauses::<Vec<u8>, u8>(PhantomData).await;
            log!(defaulted);

            let point = Point { x: 4, y: Pair(5, 0) };
            let by_reference = "ref".to_owned();
            let matched = patterns(
                "name".to_owned(), 0, 0, (1, 1), [2, 0, 0, 3], point, &6, by_reference, (7, 8), Err(9),
            );
            log!(matched.await);
            let kept = attributes_on_arguments(1, 2, 3, 4, 5, 6).await;
            let raw = raw_names(1, 2).await;
            let inner = inner_attributes().await;
            log!((kept, raw, inner));
            other_attributes().await;
            linted().await;
            let [long, short] = [coerced(true).await, coerced(false).await];
            log!((long(5), short(5)));
            // SAFETY: it points to a static.
            let read = unsafe { read(&Pointer(&7)) }.await;
            log!(read);

            let text = String::from("r");
            let mut receives = Receives::make(&text, 1_u8).await;
            let value = receives.clone().value().await;
            let shared = *receives.shared("").await + receives.shared("r").await;
            *receives.exclusive("longer").await += 1;
            let typed = receives.typed(("!", 0)).await;
            log!((value, shared, typed, receives.1));
            let pinned = Pin::new(&mut receives).pinned("p").await;
            let counted = Arc::new(receives.clone()).counted().await;
            let owned = Box::new(receives.clone()).owned().await.0;
            log!((pinned, counted, owned));

            let found = receives.find("key").await;
            let mapped = <u8 as Declares<_>>::associated("key".to_owned(), |key| key.len()).await;
            log!((found, mapped));
            let inherited = generic_over_the_trait(receives, 'k').await;
            let replaced = generic_over_the_trait(3, "key".to_owned()).await;
            log!((inherited, replaced));
            log
        }
    };
}

struct Borrowed<'a>(&'a [char]);

struct Point {
    x: u8,
    y: Pair,
}

struct Pair(u8, #[allow(dead_code)] u8);

struct Pointer(*const u8);

// SAFETY: it points to a static.
unsafe impl Sync for Pointer {}
// SAFETY: it points to a static.
unsafe impl Send for Pointer {}

with_each! {
    plain: [];
    annotated: [#[context_async(Request)]];
    bare: [#[context_async]];
    boxed: [#[context_async(Request, boxed)]];
    off: [#[detached]];
    thread_bound: [#[context_async(Rc<RefCell<u8>>, ?Send)]];
    not_send_off: [#[detached(?Send)]];
}

/// What the plain fns give.
const EXPECTED: [&str; 17] = [
    r#"Some("bcd")"#,
    "Some('c')",
    "4",
    r#"("xy2", "X")"#,
    r#""sum 133""#,
    "[2, 1, 0]",
    r#"Ok("89")"#,
    "true",
    "[]",
    r#""name! 12 23 45 6 ref 87 9""#,
    "(10, 3, 2)",
    "(10, 6)",
    "7",
    r#"("changed1", 2, "longer!", 2)"#,
    r#"("longer", 7, "owned")"#,
    r#"(Some("longer2key"), 3)"#,
    r#"(("longer2k5", 5), ("3key6", 6))"#,
];

#[test]
fn every_form_of_fn_gives_what_a_plain_one_does() {
    on_one_thread!(async {
        assert_eq!(plain::all().await, EXPECTED);
        assert_eq!(off::all().await, EXPECTED);
        assert_eq!(not_send_off::all().await, EXPECTED);

        let ada = RequestContext::new(Request::of("ada"));
        assert_eq!(ada.run(annotated::all()).await, EXPECTED);
        assert_eq!(ada.run(bare::all()).await, EXPECTED);
        assert_eq!(ada.run(boxed::all()).await, EXPECTED);
        assert_eq!(ada.run(off::all()).await, EXPECTED);

        let window = ContextThread::new(|| Rc::new(RefCell::new(0)));
        let all = window.scheduler().spawn_with(thread_bound::all).await;
        assert_eq!(all.unwrap(), EXPECTED);
        window.stop().await.unwrap();
    });
}

#[test]
fn a_fn_that_never_returns_ends_in_its_own_panic() {
    /// What the work panicked with.
    fn panic_of<T>(ended: Result<T, JoinError>) -> String {
        message(&*ended.err().expect("it never returns").into_panic())
    }

    on_one_thread!(async {
        let plain = spawn_detached(async { plain::never(1).await }).await;
        assert_eq!(panic_of(plain), "never 1");
        assert_eq!(panic_of(spawn_detached(off::never(2)).await), "never 2");
        let not_send_off = spawn_detached(not_send_off::never(3)).await;
        assert_eq!(panic_of(not_send_off), "never 3");

        let ada = RequestContext::new(Request::of("ada")).scheduler();
        assert_eq!(panic_of(ada.spawn(annotated::never(4)).await), "never 4");
        assert_eq!(panic_of(ada.spawn(bare::never(5)).await), "never 5");
        assert_eq!(panic_of(ada.spawn(boxed::never(6)).await), "never 6");

        let window = ContextThread::new(|| Rc::new(RefCell::new(0)));
        let never = window.scheduler().spawn_with(|| thread_bound::never(7));
        assert_eq!(panic_of(never.await), "never 7");
        window.stop().await.unwrap();
    });
}
