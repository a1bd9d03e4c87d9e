//! What became of the crates, as a table.

use std::{collections::BTreeMap, fs, path::Path};

#[derive(Default)]
pub(crate) struct Report {
    pub(crate) name: String,
    /// Files that are no Rust to `syn`.
    pub(crate) unread: Vec<String>,
    /// All `async fn`s, as items.
    pub(crate) seen: usize,
    pub(crate) in_macros: usize,
    pub(crate) under_async_trait: usize,
    pub(crate) entries: usize,
    pub(crate) detached: Counts,
    pub(crate) context: Counts,
    pub(crate) build: Build,
}

#[derive(Default)]
pub(crate) enum Build {
    #[default]
    NotTried,
    /// The crate does not compile without the attributes either.
    FailsWithoutUs,
    Done(Compiled),
}

/// What the attribute came to on each fn.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) expanded: usize,
    /// By the rule that is broken.
    pub(crate) refused: BTreeMap<String, usize>,
    pub(crate) unreadable: Vec<String>,
    pub(crate) panicked: Vec<String>,
}

impl Counts {
    /// Whether every fn is expanded, or refused for one of these reasons.
    fn hold(&self, reasons: &[&str]) -> bool {
        let is_allowed = |text: &String| reasons.iter().any(|reason| text.contains(reason));
        self.unreadable.is_empty()
            && self.panicked.is_empty()
            && self.refused.keys().all(is_allowed)
    }

    fn refused(&self) -> usize {
        self.refused.values().sum()
    }
}

pub(crate) struct Compiled {
    /// Fns that the compiler itself expanded, with the features that were built.
    pub(crate) detached: usize,
    pub(crate) not_send: usize,
    pub(crate) errors: usize,
    /// Whether types are nested deeper than the compiler's default limit.
    pub(crate) deep: bool,
    /// Warnings that the plain crate has not.
    pub(crate) warnings: usize,
    pub(crate) tests: String,
    pub(crate) tests_hold: bool,
    pub(crate) context: usize,
    pub(crate) unreadable: usize,
    /// Places where a context is missing, in our own words.
    pub(crate) context_missing: usize,
    pub(crate) other_errors: usize,
}

/// What a body may do that `#[context_async]` refuses: rule A8.
const REFUSED_BY_RULE: &[&str] = &["blocks the context this runs on"];

impl Compiled {
    /// If the compiler has expanded none of the fns, it has shown nothing.
    fn holds(&self) -> bool {
        self.detached > 0 && self.errors + self.warnings + self.unreadable == 0 && self.tests_hold
    }
}

impl Report {
    /// Whether every fn is expanded, and the crate is what it was.
    pub(crate) fn holds(&self) -> bool {
        let built = match &self.build {
            Build::NotTried => true,
            Build::FailsWithoutUs => false,
            Build::Done(compiled) => compiled.holds(),
        };
        self.unread.is_empty()
            && self.detached.hold(&[])
            && self.context.hold(REFUSED_BY_RULE)
            && built
    }

    fn row(&self) -> Vec<String> {
        let (detached, context) = (&self.detached, &self.context);
        let done = match &self.build {
            Build::Done(compiled) => Some(compiled),
            _ => None,
        };
        let compiled = |show: fn(&Compiled) -> String| done.map_or(String::new(), show);
        vec![
            self.name.clone(),
            self.seen.to_string(),
            self.in_macros.to_string(),
            self.unread.len().to_string(),
            detached.expanded.to_string(),
            detached.refused().to_string(),
            detached.unreadable.len().to_string(),
            detached.panicked.len().to_string(),
            compiled(|c| c.detached.to_string()),
            compiled(|c| c.not_send.to_string()),
            match &self.build {
                Build::NotTried => String::new(),
                Build::FailsWithoutUs => "**no**, nor without it".to_owned(),
                Build::Done(c) if c.errors == 0 && c.deep => {
                    "yes, `recursion_limit` 256".to_owned()
                }
                Build::Done(c) if c.errors == 0 => "yes".to_owned(),
                Build::Done(c) => format!("**no**, {} errors", c.errors),
            },
            compiled(|c| c.warnings.to_string()),
            compiled(|c| c.tests.clone()),
            context.expanded.to_string(),
            self.under_async_trait.to_string(),
            self.entries.to_string(),
            context.refused().to_string(),
            (context.unreadable.len() + done.map_or(0, |c| c.unreadable)).to_string(),
            context.panicked.len().to_string(),
            compiled(|c| c.context.to_string()),
            compiled(|c| c.context_missing.to_string()),
            compiled(|c| c.other_errors.to_string()),
        ]
    }
}

const BEFORE: &str = "\
# Published crates under the attributes

Written by `cargo run -p request-context-tests --example corpus`; the rows of some crates alone by naming them after `--`.
`crates.rs` says how each is built. Every `async fn` that is an item of a crate's `src` counts, those of `#[cfg(test)]` modules too.

* **D**: `#[detached]` on every `async fn`. **C**: `#[context_async]` on every one but the methods under `#[async_trait]` and the fns under
  `#[async_recursion]`, which allow no signature but their own, and those that are called with no context: tests, handlers and `main`. Calls of annotated fns in nested `async` blocks and closures get `attach!`.
* *expanded*: by the macros, called here with each kind of arguments, and readable as Rust again. *refused*: beside an error that names a broken rule; all are of A8, a thread that is joined.
* *built*: expanded by the compiler too, with the features and the platform that are built. Empty: not compiled yet, the row says what `-- --expand` does.
* *`?Send`*: fns that needed this argument to compile, as their futures are not `Send`, or rustc cannot tell.
* *compiles*: *`recursion_limit` 256* is where the crate needed it, since a detached fn is more layers of types than a plain one, as one under `#[instrument]` is.
* *compiles*, *new warnings*, *own tests*: with `#[detached]` on all fns; the tests are the crate's own that need no server. *the same fail without it*: compared with a run of the plain crate. *new warnings*, empty: not counted yet.
* *no context*: places where the compiler finds that a context fn is called by one that has none, or spawned off it; *others*: all other errors then, as where a context would leave its body (rule A5).

";

const COLUMNS: &[&str] = &[
    "crate",
    "`async fn`s",
    "in other macros",
    "files not read",
    "D expanded",
    "D refused",
    "D unreadable",
    "D panics",
    "D built",
    "D `?Send`",
    "D compiles",
    "D new warnings",
    "D own tests",
    "C expanded",
    "`#[async_trait]`",
    "entries",
    "C refused",
    "C unreadable",
    "C panics",
    "C built",
    "no context",
    "others",
];

pub(crate) fn table(reports: &[Report]) -> String {
    text(reports.iter().map(Report::row).collect())
}

/// Puts the rows of the reports into the table at `path`, and keeps those of other crates.
pub(crate) fn update(path: &Path, reports: &[Report]) {
    let crate_of = |row: &[String]| row[0].rsplit_once('-').map(|(name, _)| name.to_owned());
    let mut rows: BTreeMap<_, _> = fs::read_to_string(path)
        .unwrap_or_default()
        .lines()
        .filter(|line| line.starts_with("| "))
        .map(cells)
        .filter(|row| row.len() == COLUMNS.len() && crate_of(row).is_some())
        .chain(reports.iter().map(Report::row))
        .map(|row| (crate_of(&row), row))
        .collect();
    rows.remove(&None);
    fs::write(
        path,
        format!("{BEFORE}{}", text(rows.into_values().collect())),
    )
    .expect("the repository is writable");
}

fn cells(line: &str) -> Vec<String> {
    let inner = line.trim().trim_start_matches('|').trim_end_matches('|');
    inner
        .split('|')
        .map(|cell| cell.trim().to_owned())
        .collect()
}

fn text(mut rows: Vec<Vec<String>>) -> String {
    let total = (1..COLUMNS.len()).map(|column| sum(&rows, column));
    let total = [format!("{} crates", rows.len())]
        .into_iter()
        .chain(total)
        .collect();
    rows.push(total);
    let head = COLUMNS.iter().map(|&column| column.to_owned()).collect();
    let line = |row: &Vec<String>| format!("| {} |\n", row.join(" | "));
    format!(
        "{}|---{}|\n{}",
        line(&head),
        "|---:".repeat(COLUMNS.len() - 1),
        rows.iter().map(line).collect::<String>()
    )
}

/// Of the numbers that the cells begin with; a `yes` counts as one.
fn sum(rows: &[Vec<String>], column: usize) -> String {
    let number = |cell: &str| match cell {
        _ if cell.starts_with("yes") => 1,
        _ => cell
            .split(' ')
            .next()
            .and_then(|word| word.parse().ok())
            .unwrap_or(0),
    };
    rows.iter()
        .map(|row| number(&row[column]))
        .sum::<usize>()
        .to_string()
}
