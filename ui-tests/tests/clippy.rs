//! `lints/clippy.toml`, which users may copy, fires on all that it names, and on nothing that it advises.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

const FRAGMENT: &str = "runtime/lints/clippy.toml";

#[test]
fn the_fragment_fires_on_each_call_that_it_names_with_what_to_write_instead() {
    let warnings = clippy("lost");
    let warnings = String::from_utf8_lossy(&warnings.stderr);
    let named = named();
    assert!(named.len() > 15, "{named:#?}");
    for Disallowed { path, reason } in named {
        let of_this = warnings.split("\n\n").filter(|warning| {
            let first = warning.lines().next().unwrap_or_default();
            first.contains(" use of a disallowed m") && first.ends_with(&format!(" `{path}`"))
        });
        let told: Vec<_> = of_this.collect();
        assert!(!told.is_empty(), "nothing fires for {path}:\n{warnings}");
        assert!(
            told.iter().all(|warning| warning.contains(&reason)),
            "{told:#?}"
        );
    }
    let by_another_path = warnings.contains("drop(tokio::spawn(ready(())));");
    assert!(by_another_path, "not in an annotated body:\n{warnings}");
    assert!(!warnings.contains("does not refer to"), "{warnings}");
}

#[test]
fn the_fragment_is_silent_on_what_it_says_to_write_instead() {
    let output = clippy("kept");
    let warnings = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && warnings.is_empty(), "{warnings}");
}

#[derive(Debug)]
struct Disallowed {
    path: String,
    reason: String,
}

/// What the fragment names: an entry is a line.
fn named() -> Vec<Disallowed> {
    let value = |line: &str, key: &str| {
        let (_, value) = line.split_once(&format!("{key} = \""))?;
        Some(value.split_once('"')?.0.to_owned())
    };
    let fragment = fs::read_to_string(workspace().join(FRAGMENT)).unwrap();
    let entries = fragment.lines().filter(|line| line.contains("path = "));
    let entries = entries.map(|line| Disallowed {
        path: value(line, "path").unwrap(),
        reason: value(line, "reason").unwrap(),
    });
    entries.collect()
}

/// Runs clippy on one source, in a package that has the fragment.
fn clippy(source: &str) -> Output {
    let package = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("clippy")
        .join(source);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/clippy/{source}.rs"));
    let manifest = format!(
        "[package]\n\
         name = \"clippy-{source}\"\n\
         edition = \"2024\"\n\
         [workspace]\n\
         [[bin]]\n\
         name = \"{source}\"\n\
         path = {file:?}\n\
         [dependencies]\n\
         futures = \"*\"\n\
         request-context.path = {:?}\n\
         tokio = {{ version = \"*\", features = [\"full\"] }}\n\
         tokio-util = {{ version = \"*\", features = [\"rt\"] }}\n",
        workspace().join("runtime"),
    );
    fs::create_dir_all(&package).unwrap();
    fs::write(package.join("Cargo.toml"), manifest).unwrap();
    fs::copy(workspace().join("Cargo.lock"), package.join("Cargo.lock")).unwrap();
    fs::copy(workspace().join(FRAGMENT), package.join("clippy.toml")).unwrap();
    Command::new(env::var_os("CARGO").unwrap_or("cargo".into()))
        .args(["clippy", "--quiet", "--offline", "--manifest-path"])
        .arg(package.join("Cargo.toml"))
        .env("CARGO_TARGET_DIR", package.with_file_name("target"))
        .output()
        .unwrap()
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
