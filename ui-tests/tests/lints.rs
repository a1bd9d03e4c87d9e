//! Lints say the same of a fn with an attribute as of a plain one.

use std::{collections::BTreeSet, env, fs, path::Path, process::Command};

const FNS: &str = include_str!("lints/fns.rs");

#[test]
fn an_annotated_fn_is_linted_as_a_plain_one() {
    let plain = warnings("plain", "// attribute");
    let count = plain.len();
    assert!(count > 30, "only {count} warnings: {plain:#?}");
    for (name, attribute) in [
        ("annotated", "#[context_async(App)]"),
        ("bare", "#[context_async]"),
        ("boxed", "#[context_async(App, boxed)]"),
        ("detached", "#[detached]"),
    ] {
        let annotated = warnings(name, attribute);
        let missing: Vec<_> = plain.difference(&annotated).collect();
        let more: Vec<_> = annotated.difference(&plain).collect();
        assert!(
            missing.is_empty() && more.is_empty(),
            "with `{attribute}`, missing: {missing:#?}, more: {more:#?}"
        );
    }
}

/// Line and text of each warning, with `attribute` on every fn.
fn warnings(name: &str, attribute: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("lints")
        .join(name);
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::create_dir_all(&folder).unwrap();
    fs::write(
        folder.join("Cargo.toml"),
        format!(
            "[package]\n\
             name = \"{name}\"\n\
             edition = \"2024\"\n\
             [workspace]\n\
             [[bin]]\n\
             name = \"{name}\"\n\
             path = \"fns.rs\"\n\
             [dependencies]\n\
             request-context.path = {:?}\n",
            workspace.join("runtime"),
        ),
    )
    .unwrap();
    fs::copy(workspace.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    fs::write(
        folder.join("fns.rs"),
        FNS.replace("// attribute", attribute),
    )
    .unwrap();
    let output = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()))
        .args(["check", "--offline", "--message-format=short"])
        .arg("--manifest-path")
        .arg(folder.join("Cargo.toml"))
        .env("CARGO_TARGET_DIR", folder.with_file_name("target"))
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{attribute}: {stderr}");
    let lines = stderr
        .lines()
        .filter_map(|line| line.strip_prefix("fns.rs:"));
    lines.map(without_column).collect()
}

/// Some point at a fn's name instead of at its first word, or at an argument's instead of at its `mut`.
fn without_column(line: &str) -> String {
    let mut parts = line.splitn(3, ':');
    let (line, text) = (parts.next(), parts.nth(1));
    format!("{}:{}", line.unwrap_or_default(), text.unwrap_or_default())
}
