//! The crates, and how each is built.

/// A published crate that uses `async` heavily.
pub(crate) struct Listed {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// Arguments of `cargo check` and `cargo test`.
    pub(crate) features: &'static [&'static str],
    /// Arguments that choose the tests which need no server and no network; none: there is no such test.
    pub(crate) tests: &'static [&'static str],
}

const fn listed(
    name: &'static str,
    version: &'static str,
    features: &'static [&'static str],
    tests: &'static [&'static str],
) -> Listed {
    Listed {
        name,
        version,
        features,
        tests,
    }
}

pub(crate) const CRATES: &[Listed] = &[listed("mini-redis", "=0.4.1", &[], &["--lib", "--tests"])];
