// What lints say of these fns, with an attribute in the place of each `// attribute` and without.
#![warn(unused, nonstandard_style, single_use_lifetimes, unused_lifetimes, unused_qualifications)]
#![warn(missing_docs, unreachable_pub, elided_lifetimes_in_paths, unsafe_op_in_unsafe_fn)]
#![allow(dead_code)]

#[allow(unused_imports)]
use request_context::{context_async, detached};

pub struct App;
struct Pair(u8, u8);
struct Borrowed<'a>(&'a str);

// attribute
async fn unused(id: u64, _ignored: u64, _: u64) {}

// attribute
async fn unused_patterns((a, b): (u8, u8), Pair(c, ..): Pair, [d, rest @ ..]: [u8; 2], &e: &u8) {
    let _ = a;
}

// attribute
async fn unused_mut(mut id: u64, (mut a, b): (u8, u8)) -> u64 {
    id + u64::from(a) + u64::from(b)
}

// attribute
async fn unused_assignment(mut id: u64) {
    id = 2;
}

// attribute
async fn alone(id: u64) -> u64 { id + 1 }

// attribute
async fn alone_without_what_cfg_takes_away(id: u64) -> u64 { #[cfg(any())] let id = 2; id + 1 }

// attribute
async fn overwritten(mut id: u64) -> u64 {
    id = 2;
    id
}

// attribute
async fn NotSnake(NotSnakeEither: u8) -> u8 {
    NotSnakeEither
}

// attribute
async fn allowed(#[allow(unused_variables)] id: u64, #[allow(unused_mut)] mut other: u64) -> u64 {
    other
}

// attribute
async fn fulfilled(#[expect(unused_variables)] id: u64, #[expect(unused_mut)] mut other: u64) -> u64 {
    other
}

// attribute
async fn unfulfilled(#[expect(unused_variables)] id: u64) -> u64 {
    id
}

// attribute
#[expect(unused_variables)]
async fn expected(id: u64) {}

// attribute
#[expect(unused_variables)]
async fn unfulfilled_on_the_fn(id: u64) -> u64 {
    id
}

// attribute
async fn locals(id: u64) -> u64 {
    let unused = id;
    let mut not_changed = id;
    let shadowed = 1;
    let _ = shadowed;
    return not_changed;
}

// attribute
async fn unreachable(id: u64) -> u64 {
    return id;
    let never = 1;
    never
}

// attribute
async fn after_a_panic(id: u64) -> u64 {
    panic!("{id}");
    1
}

// attribute
async fn parens(id: u64) -> u64 {
    if (id == 1) {
        return (id);
    }
    let block = { id };
    block
}

// attribute
async fn must_use(text: String) {
    text.trim();
    Err::<u8, u8>(1);
    std::future::ready(1);
}

// attribute
async fn hidden_lifetime(borrowed: Borrowed<'_>) -> usize {
    borrowed.0.len()
}

// attribute
async fn elided_and_named<'a>(borrowed: &'a Borrowed<'a>) -> Borrowed<'_> {
    Borrowed(borrowed.0)
}

// attribute
async fn used_once<'a>(text: &'a str) -> usize {
    text.len()
}

// attribute
async fn never_used<'a>(text: String) -> usize {
    text.len()
}

// attribute
async unsafe fn reads(pointer: &App) -> u8 {
    unsafe { std::hint::unreachable_unchecked() }
}

// attribute
pub async fn undocumented() {}

/// Documented.
// attribute
pub async fn documented() {}

// attribute
#[deprecated]
async fn deprecated() {}

// attribute
async fn calls_a_deprecated_one() {
    deprecated().await;
}

impl App {
    // attribute
    async fn unused_self(&self, id: u64) {}

    // attribute
    async fn unused_mut_self(mut self) -> Self {
        self
    }

    // attribute
    async fn owned(self: Box<Self>, mut id: u64) {}

    // attribute
    async fn elided(&self, other: &str) -> Borrowed<'_> {
        Borrowed("")
    }
}

trait Declares: Sync {
    // attribute
    async fn declared(&self, id: u64);

    // attribute
    async fn has_a_body(&self, id: u64) {}
}

impl Declares for App {
    // attribute
    async fn declared(&self, id: u64) {}
}

fn main() {}
