//! What the fuzz targets share with the tests of the macros.
//!
//! Nothing but a compiler can link a proc-macro crate, so its modules are compiled into this one.

#![forbid(unsafe_code)]

#[path = "../../src/args.rs"]
mod args;
#[path = "../../src/assignments.rs"]
mod assignments;
#[path = "../../src/block.rs"]
mod block;
#[path = "../../src/blocking.rs"]
mod blocking;
#[path = "../../src/combinators.rs"]
mod combinators;
#[path = "../../src/detach.rs"]
mod detach;
#[path = "../../src/diagnostics.rs"]
mod diagnostics;
#[path = "../../src/dispatch.rs"]
mod dispatch;
#[path = "../../src/expand.rs"]
mod expand;
#[path = "../../src/half_typed.rs"]
mod half_typed;
#[path = "../../src/impl_trait.rs"]
mod impl_trait;
#[path = "../../src/instrument.rs"]
mod instrument;
#[path = "../../src/item.rs"]
mod item;
#[path = "../../src/parameters.rs"]
mod parameters;
#[path = "../../src/recursion.rs"]
mod recursion;
#[path = "../../src/refuse.rs"]
mod refuse;
#[path = "../../src/rewrite.rs"]
mod rewrite;
#[path = "../../src/scope.rs"]
mod scope;
#[path = "../../src/send_check.rs"]
mod send_check;
#[path = "../../src/trait_calls.rs"]
mod trait_calls;
#[path = "../../src/validate.rs"]
mod validate;
#[path = "../../src/words.rs"]
mod words;

mod claims;
// Lists of words stay lists of words.
#[rustfmt::skip]
mod grammar;

pub use claims::{Macro, check};
