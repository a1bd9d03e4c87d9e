//! What the compiler and the tests of a crate say.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

/// What is said of a place in the crate itself.
#[derive(Clone)]
pub(crate) struct Message {
    pub(crate) message: String,
    /// Of the compiler's own errors. Those of parsers and macros have none.
    pub(crate) code: Option<String>,
    pub(crate) file: PathBuf,
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) rendered: String,
}

impl Message {
    fn nowhere(folder: &Path) -> Self {
        let message = format!("{} could not be checked", folder.display());
        Message {
            rendered: message.clone(),
            message,
            code: None,
            file: PathBuf::new(),
            line: 0,
            column: 0,
        }
    }
}

#[derive(Default)]
pub(crate) struct Checked {
    pub(crate) errors: Vec<Message>,
    pub(crate) warnings: Vec<Message>,
}

pub(crate) struct Tests {
    pub(crate) passed: usize,
    pub(crate) failed: Vec<String>,
    pub(crate) output: String,
    pub(crate) ran: bool,
}

pub(crate) fn command(
    folder: &Path,
    target: &Path,
    args: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .current_dir(folder)
        .args(args)
        // The crates are checked as they are, not with this repository's flags.
        .env_remove("RUSTFLAGS")
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .stderr(Stdio::inherit());
    command
}

/// The library and the programs.
pub(crate) fn check(folder: &Path, target: &Path, features: &[&str]) -> Checked {
    checked(folder, target, &[&["--lib", "--bins"], features])
}

/// The tests, which `args` choose, and the library as they see it.
pub(crate) fn check_tests(folder: &Path, target: &Path, args: &[&str]) -> Checked {
    let args = args.split(|&arg| arg == "--").next().unwrap_or_default();
    checked(folder, target, &[&["--profile=test"], args])
}

/// What fails without saying where is one error.
fn checked(folder: &Path, target: &Path, args: &[&[&str]]) -> Checked {
    let check: &[&str] = &["check", "--quiet", "--message-format=json"];
    let mut command = command(
        folder,
        target,
        [check].iter().chain(args).copied().flatten(),
    );
    let output = command.output().expect("cargo runs");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let mut checked = Checked::default();
    for (level, message) in stdout.lines().filter_map(message) {
        match level.as_str() {
            "error" => checked.errors.push(message),
            "warning" => checked.warnings.push(message),
            _ => {}
        }
    }
    if checked.errors.is_empty() && !output.status.success() {
        checked.errors.push(Message::nowhere(folder));
    }
    checked
}

/// The level, and what is said.
fn message(line: &str) -> Option<(String, Message)> {
    let message: Value = serde_json::from_str(line).ok()?;
    let message = message.get("message")?;
    let spans = message["spans"].as_array()?;
    let primary = spans.iter().find(|span| span["is_primary"] == true)?;
    // In a macro of the crate, what matters is where it was invoked.
    let mut place = primary;
    while !place["expansion"].is_null() && !Path::new(text(&place["file_name"])).is_relative() {
        place = &place["expansion"]["span"];
    }
    let said = Message {
        message: text(&message["message"]).to_owned(),
        code: message["code"]["code"].as_str().map(str::to_owned),
        file: PathBuf::from(text(&place["file_name"])),
        line: number(&place["line_start"]),
        column: number(&place["column_start"]),
        rendered: text(&message["rendered"]).to_owned(),
    };
    Some((text(&message["level"]).to_owned(), said))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn number(value: &Value) -> usize {
    value.as_u64().unwrap_or_default() as usize
}

pub(crate) fn test(folder: &Path, target: &Path, args: &[&str]) -> Tests {
    let mut command = command(
        folder,
        target,
        ["test", "--quiet", "--no-fail-fast"].iter().chain(args),
    );
    let output = command.output().expect("cargo runs");
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let results = stdout
        .lines()
        .filter_map(|line| line.strip_prefix("test result: "));
    let count = |line: &str, of: &str| -> usize {
        let words: Vec<_> = line.split([' ', ';']).collect();
        let index = words.iter().position(|word| *word == of);
        index
            .and_then(|index| words[index - 1].parse().ok())
            .unwrap_or(0)
    };
    Tests {
        passed: results.clone().map(|line| count(line, "passed")).sum(),
        failed: failures(&stdout),
        ran: results.count() > 0,
        output: stdout,
    }
}

/// The names under `failures:`, the second time it is said.
fn failures(stdout: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut listed = false;
    for line in stdout.lines() {
        match line.strip_prefix("    ") {
            Some(name) if listed && !name.contains(' ') => names.push(name.to_owned()),
            _ => listed = line == "failures:" || listed && line.is_empty(),
        }
    }
    names.sort();
    names.dedup();
    names
}
