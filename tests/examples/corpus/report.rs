//! What became of a crate, as a row of a table.

use std::collections::BTreeMap;

#[derive(Default)]
pub(crate) struct Report {
    pub(crate) name: String,
    /// All `async fn`s, as items.
    pub(crate) seen: usize,
    pub(crate) in_macros: usize,
    pub(crate) under_async_trait: usize,
    pub(crate) detached: Counts,
    pub(crate) context: Counts,
    pub(crate) compiled: Option<Compiled>,
}

/// What the attribute came to on each fn.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) expanded: usize,
    pub(crate) entries: usize,
    pub(crate) refused: BTreeMap<String, usize>,
    pub(crate) unreadable: Vec<String>,
    pub(crate) panicked: Vec<String>,
}

pub(crate) struct Compiled {
    /// Fns that the compiler itself expanded, with the features that were built.
    pub(crate) expanded: usize,
    pub(crate) not_send: usize,
    pub(crate) errors: Vec<String>,
    pub(crate) tests: String,
    pub(crate) tests_hold: bool,
    pub(crate) context_expanded: usize,
    pub(crate) context_unreadable: Vec<String>,
    pub(crate) context_errors: usize,
}

impl Report {
    /// Whether every fn is expanded, and the crate is what it was.
    pub(crate) fn holds(&self) -> bool {
        let expand = |counts: &Counts| counts.panicked.is_empty() && counts.unreadable.is_empty();
        let compiles = |compiled: &Compiled| {
            compiled.errors.is_empty()
                && compiled.tests_hold
                && compiled.context_unreadable.is_empty()
        };
        expand(&self.detached)
            && expand(&self.context)
            && self.compiled.as_ref().is_none_or(compiles)
    }
}

pub(crate) fn table(reports: &[Report]) -> String {
    let mut rows = vec![
        "| crate | `async fn`s | under `#[async_trait]` | `#[detached]`: expanded | refused | unreadable | panics | by the compiler | of these `?Send` | compiles | own tests \
         | `#[context_async]`: expanded | entries | refused | unreadable | panics | by the compiler | type errors |"
            .to_owned(),
        format!("|---|{}", "---:|".repeat(17)),
    ];
    for report in reports {
        let (detached, context) = (&report.detached, &report.context);
        let refused = |counts: &Counts| counts.refused.values().sum::<usize>();
        let compiled =
            |show: fn(&Compiled) -> String| report.compiled.as_ref().map_or("-".to_owned(), show);
        rows.push(format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            report.name,
            report.seen,
            report.under_async_trait,
            detached.expanded,
            refused(detached),
            detached.unreadable.len(),
            detached.panicked.len(),
            compiled(|c| c.expanded.to_string()),
            compiled(|c| c.not_send.to_string()),
            compiled(|c| match c.errors.len() {
                0 => "yes".to_owned(),
                errors => format!("**no**, {errors} errors"),
            }),
            compiled(|c| c.tests.clone()),
            context.expanded,
            context.entries,
            refused(context),
            context.unreadable.len(),
            context.panicked.len(),
            compiled(|c| c.context_expanded.to_string()),
            compiled(|c| c.context_errors.to_string()),
        ));
    }
    let sum = |count: fn(&Report) -> usize| reports.iter().map(count).sum::<usize>();
    rows.push(format!(
        "\n{} crates, {} `async fn`s; {} more in `macro_rules!` and other macros; {} under `#[async_trait]`. \
         `#[detached]`: {} expanded, {} of them by the compiler. `#[context_async]`: {} expanded.",
        reports.len(),
        sum(|r| r.seen),
        sum(|r| r.in_macros),
        sum(|r| r.under_async_trait),
        sum(|r| r.detached.expanded),
        sum(|r| r.compiled.as_ref().map_or(0, |c| c.expanded)),
        sum(|r| r.context.expanded),
    ));
    let mut reasons = BTreeMap::<&String, usize>::new();
    for (reason, count) in reports
        .iter()
        .flat_map(|r| r.detached.refused.iter().chain(&r.context.refused))
    {
        *reasons.entry(reason).or_default() += count;
    }
    rows.extend(
        reasons
            .iter()
            .map(|(reason, count)| format!("- refused {count} times: {reason}")),
    );
    rows.join("\n")
}
