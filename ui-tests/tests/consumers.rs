//! Crates of any edition, with any lints, that call this one by any name.

use std::{env, fs, path::Path, process::Command};

const SAMPLE: &str = include_str!("consumers/sample.rs");
const NO_PRELUDE: &str = include_str!("consumers/no_prelude.rs");

/// What a strict crate denies, and so what annotated code must be clean of.
const STRICT: &str = "\
    #![forbid(unsafe_code)]\n\
    #![deny(warnings, unused, missing_docs, missing_debug_implementations, unreachable_pub)]\n\
    #![deny(rust_2018_idioms, future_incompatible, nonstandard_style, let_underscore)]\n\
    #![deny(trivial_casts, trivial_numeric_casts, unused_lifetimes, unused_qualifications)]\n\
    #![deny(unused_import_braces, single_use_lifetimes, explicit_outlives_requirements)]\n\
    #![deny(clippy::all, clippy::pedantic)]\n";

#[test]
fn annotated_code_is_clean_in_a_strict_crate_of_edition_2018() {
    assert_eq!(clippy("strict_2018", "2018", SAMPLE), "");
}

#[test]
fn annotated_code_is_clean_in_a_strict_crate_of_edition_2021() {
    assert_eq!(clippy("strict_2021", "2021", SAMPLE), "");
}

#[test]
fn annotated_code_is_clean_in_a_strict_crate_of_edition_2024() {
    assert_eq!(clippy("strict_2024", "2024", SAMPLE), "");
}

#[test]
fn a_module_without_a_prelude_may_be_annotated() {
    let source = format!("//! One module.\n{NO_PRELUDE}");
    assert_eq!(clippy("no_prelude", "2021", &source), "");
}

/// What clippy says of a strict library with this source, which calls this crate `rc`.
fn clippy(name: &str, edition: &str, source: &str) -> String {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let consumers = Path::new(env!("CARGO_TARGET_TMPDIR")).join("consumers");
    let package = consumers.join(name);
    let manifest = format!(
        "[package]\n\
         name = \"{name}\"\n\
         edition = \"{edition}\"\n\
         [workspace]\n\
         [lib]\n\
         path = \"lib.rs\"\n\
         [dependencies]\n\
         rc = {{ package = \"request-context\", path = {:?} }}\n\
         tokio = {{ version = \"*\", features = [\"full\"] }}\n",
        workspace.join("runtime"),
    );
    fs::create_dir_all(&package).unwrap();
    fs::write(package.join("Cargo.toml"), manifest).unwrap();
    fs::copy(workspace.join("Cargo.lock"), package.join("Cargo.lock")).unwrap();
    fs::write(package.join("lib.rs"), format!("{STRICT}{source}")).unwrap();
    let output = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()))
        .args(["clippy", "--quiet", "--offline", "--manifest-path"])
        .arg(package.join("Cargo.toml"))
        .env("CARGO_TARGET_DIR", consumers.join("target"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() || !said.is_empty());
    said
}
