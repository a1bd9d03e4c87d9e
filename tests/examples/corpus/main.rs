//! Puts the attributes on every `async fn` of published crates, and says what becomes of them.
//!
//! ```sh
//! cargo run -p request-context-tests --example corpus                  # all of `crates.rs`: hours
//! cargo run -p request-context-tests --example corpus -- bb8 deadpool  # some of them
//! cargo run -p request-context-tests --example corpus -- --expand      # the macros alone, no compiler
//! cargo run -p request-context-tests --example corpus -- --check       # no tests
//! cargo run -p request-context-tests --example corpus -- ../my-crate other-crate@1.2
//! ```
//!
//! The sources are fetched by cargo, and worked on in copies under `target/corpus`.
//! `README.md` beside this file has the outcome: a run of all steps writes the row of each crate as it is done with it.
//!
//! The run ends with
//! * 0 if all of this holds for every crate: each file of it is read; each fn is expanded, with no panic, to Rust that declares
//!   it, or is refused by `#[context_async]` for what rule A8 names; the compiler expands some of them too; with
//!   `#[detached]` on all of them the crate compiles with no new warning (a `recursion_limit` of 256 is allowed), and no test of it fails or is missing that passes without;
//! * 1 if something does not. Which crate and what is in the table, and said on the way. So it is if the crate does not
//!   compile as published: choose other features, then;
//! * 101 if there is no such crate, or the scratch folder cannot be written.
//!
//! What types and lifetimes forbid under `#[context_async]` (the last two columns) is counted, and never a failure: a context
//! that nobody has is what that attribute is there to find.

mod cargo;
mod crates;
mod expansion;
mod functions;
mod report;
mod sources;
mod subject;

/// The macros themselves, as a library: a crate of macros cannot be called.
#[path = "../../../macros/src"]
mod macros {
    pub(crate) mod args;
    pub(crate) mod assignments;
    pub(crate) mod block;
    pub(crate) mod blocking;
    pub(crate) mod combinators;
    pub(crate) mod detach;
    pub(crate) mod diagnostics;
    pub(crate) mod dispatch;
    pub(crate) mod expand;
    pub(crate) mod half_typed;
    pub(crate) mod impl_trait;
    pub(crate) mod instrument;
    pub(crate) mod item;
    pub(crate) mod parameters;
    pub(crate) mod recursion;
    pub(crate) mod refuse;
    pub(crate) mod rewrite;
    pub(crate) mod scope;
    pub(crate) mod send_check;
    pub(crate) mod trait_calls;
    pub(crate) mod validate;
    pub(crate) mod words;
}
use macros::*;

use std::{path::PathBuf, process::ExitCode};

use crates::CRATES;
use subject::{Steps, Subject};

fn main() -> ExitCode {
    let (flags, names): (Vec<_>, Vec<_>) = std::env::args()
        .skip(1)
        .partition(|arg| arg.starts_with("--"));
    let steps = match flags.first().map(String::as_str) {
        None => Steps::Test,
        Some("--check") => Steps::Check,
        Some("--expand") => Steps::Expand,
        Some(flag) => panic!("unknown flag `{flag}`, expected `--check` or `--expand`"),
    };
    let scratch = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/corpus");
    std::fs::create_dir_all(&scratch).expect("the scratch folder is writable");
    let scratch = scratch.canonicalize().expect("it was just made");
    let chosen: Vec<Subject> = match names.is_empty() {
        true => CRATES
            .iter()
            .map(|listed| Subject::listed(listed, &scratch))
            .collect(),
        false => names.iter().map(|name| subject(name, &scratch)).collect(),
    };
    let mut reports = Vec::new();
    for subject in &chosen {
        reports.push(subject.examine(steps));
        if steps == Steps::Test {
            let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/corpus/README.md");
            report::update(readme.as_ref(), &reports);
        }
    }
    println!("{}", report::table(&reports));
    match reports.iter().all(report::Report::holds) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn subject(name: &str, scratch: &std::path::Path) -> Subject {
    if PathBuf::from(name).join("Cargo.toml").exists() {
        return Subject::folder(name, scratch);
    }
    let (name, version) = name.split_once('@').unwrap_or((name, "*"));
    let known = CRATES.iter().find(|listed| listed.name == name);
    match known {
        Some(listed) => Subject::listed(listed, scratch),
        None => Subject::published(name, version, scratch),
    }
}
