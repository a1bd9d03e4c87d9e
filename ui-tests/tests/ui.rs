//! Builds every case by itself: those in `fail/` must be refused, as their `.stderr` says, and those in
//! `pass/` must compile.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

#[path = "ui/diagnostics.rs"]
mod diagnostics;

#[test]
fn every_case_in_fail_is_refused() {
    let cases = Cases::in_folder("fail");
    if is_pinned_compiler() {
        return trybuild::TestCases::new().compile_fail("tests/fail/*/*.rs");
    }
    cases.each(|case, output| {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let refused = !output.status.success() && stderr.contains(&*case.path.to_string_lossy());
        refused.then_some(()).ok_or("compiled")
    });
}

#[test]
fn every_case_in_pass_compiles_without_a_warning() {
    Cases::in_folder("pass").each(|case, output| {
        let source = fs::read_to_string(&case.path).unwrap();
        if !source.starts_with("#![deny(warnings)]") {
            return Err("does not deny warnings");
        }
        let compiled = output.status.success();
        compiled.then_some(()).ok_or("did not compile")
    });
}

/// A `.stderr` holds what the comments of its case promise, on their lines, and nothing else:
/// `//~ ERROR text` is one error on this line, `//~^ ERROR text` one on the line above, and
/// `//~ ERRORS text` one that the compiler repeats, as it does for arguments of foreign generic fns.
#[test]
fn every_message_is_one_that_its_case_promises() {
    let mut wrong = Vec::new();
    for Case { path, .. } in Cases::in_folder("fail").all {
        let source = fs::read_to_string(&path).unwrap();
        let stderr = fs::read_to_string(path.with_extension("stderr")).unwrap_or_default();
        let (promises, mut messages) = (promises(&source), messages(&stderr));
        let kept = promises
            .iter()
            .all(|promise| promise.take_from(&mut messages));
        if promises.is_empty() || !kept || !messages.is_empty() {
            wrong.push(path);
        }
    }
    assert!(wrong.is_empty(), "promises and messages differ: {wrong:#?}");
}

#[test]
fn every_case_in_fail_has_a_compiling_twin() {
    let mut without = Cases::in_folder("fail").all;
    without.retain(|case| !twin_of(case).is_file());
    let without: Vec<_> = without.into_iter().map(|case| case.path).collect();
    assert!(without.is_empty(), "without a twin: {without:#?}");
}

/// The twin of a refused case is what its author would have it be, and compiles: it has the same name, or it is
/// the one that the case names, `//~ TWIN name`.
fn twin_of(case: &Case) -> PathBuf {
    let source = fs::read_to_string(&case.path).unwrap();
    let named = source.lines().find_map(|line| {
        let (_, comment) = line.split_once("//~")?;
        Some(comment.strip_prefix(TWIN)?.trim())
    });
    let (rule, own) = case.name.split_once('-').unwrap();
    let file = format!("{}.rs", named.unwrap_or(own));
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    tests.join("pass").join(rule).join(file)
}

const TWIN: &str = " TWIN ";

struct Promise<'a> {
    line: usize,
    text: &'a str,
    repeated: bool,
}

impl Promise<'_> {
    /// Whether it is kept; takes out what keeps it.
    fn take_from(&self, messages: &mut Vec<(usize, &str)>) -> bool {
        let before = messages.len();
        messages.retain(|(line, message)| {
            let taken = *line == self.line && message.contains(self.text);
            !(taken && message.starts_with("error"))
        });
        let taken = before - messages.len();
        if self.repeated { taken > 0 } else { taken == 1 }
    }
}

fn promises(source: &str) -> Vec<Promise<'_>> {
    let mut promises = Vec::new();
    for (index, line) in source.lines().enumerate() {
        let Some((_, promise)) = line.split_once("//~") else {
            continue;
        };
        if promise.starts_with(TWIN) {
            continue;
        }
        let text = promise.trim_start_matches('^');
        let lines_up = promise.len() - text.len();
        let (kind, text) = text.trim().split_once(' ').unwrap();
        assert!(["ERROR", "ERRORS"].contains(&kind), "{line}");
        promises.push(Promise {
            line: index + 1 - lines_up,
            text,
            repeated: kind == "ERRORS",
        });
    }
    promises
}

/// Line and text of each error and warning.
fn messages(stderr: &str) -> Vec<(usize, &str)> {
    let mut lines = stderr.lines();
    let mut messages = Vec::new();
    while let Some(message) = lines.next() {
        if message.starts_with("error") || message.starts_with("warning") {
            let place = lines.next().and_then(|place| place.rsplit(':').nth(1));
            let line = place.and_then(|line| line.parse().ok());
            messages.push((line.unwrap_or(0), message));
        }
    }
    messages
}

struct Case {
    name: String,
    path: PathBuf,
}

/// The cases of a folder, as the binaries of one package.
struct Cases {
    all: Vec<Case>,
    manifest: PathBuf,
}

impl Cases {
    fn in_folder(folder: &str) -> Self {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests")
            .join(folder);
        let mut all = Vec::new();
        for rule in entries(&tests) {
            for path in entries(&rule) {
                if path.extension().is_some_and(|extension| extension == "rs") {
                    let name =
                        |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
                    all.push(Case {
                        name: format!("{}-{}", name(&rule), name(&path)),
                        path,
                    });
                }
            }
        }
        assert!(!all.is_empty(), "there are no cases in {}", tests.display());
        let manifest = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(folder)
            .join("Cargo.toml");
        Cases { all, manifest }
    }

    /// Checks every case by itself, and says which are not what `verdict` expects.
    fn each(&self, verdict: impl Fn(&Case, &Output) -> Result<(), &'static str>) {
        self.write_package();
        let dependencies = self.check("--lib");
        assert!(
            dependencies.status.success(),
            "{}",
            String::from_utf8_lossy(&dependencies.stderr)
        );
        let mut wrong = Vec::new();
        for case in &self.all {
            let output = self.check(&format!("--bin={}", case.name));
            if let Err(what) = verdict(case, &output) {
                println!("{}", String::from_utf8_lossy(&output.stderr));
                wrong.push(format!("{} {what}", case.path.display()));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    fn check(&self, target: &str) -> Output {
        Command::new(env::var_os("CARGO").unwrap_or("cargo".into()))
            // In the test profile, or what is under `#[test]` would not be compiled.
            .args(["check", "--quiet", "--offline", "--profile=test", target])
            .arg("--manifest-path")
            .arg(&self.manifest)
            // A folder of its own for what is built: a case is not to wait for other builds of the workspace.
            .env("CARGO_TARGET_DIR", self.manifest.with_file_name("target"))
            .output()
            .unwrap()
    }

    fn write_package(&self) {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut manifest = format!(
            "[package]\n\
             name = \"cases\"\n\
             edition = \"2024\"\n\
             [workspace]\n\
             [lib]\n\
             path = \"lib.rs\"\n\
             [lints.rust]\n\
             dead_code = \"allow\"\n\
             [dependencies]\n\
             async-trait = \"*\"\n\
             axum = {{ version = \"*\", features = [\"macros\"] }}\n\
             futures = \"*\"\n\
             request-context.path = {:?}\n\
             tokio = {{ version = \"*\", features = [\"full\"] }}\n",
            workspace.join("runtime"),
        );
        for Case { name, path } in &self.all {
            manifest += &format!("[[bin]]\nname = {name:?}\npath = {path:?}\n");
        }
        let folder = self.manifest.parent().unwrap();
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("lib.rs"), "").unwrap();
        fs::copy(workspace.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
        fs::write(&self.manifest, manifest).unwrap();
    }
}

/// Whether the messages of this compiler are those of the `.stderr` files.
fn is_pinned_compiler() -> bool {
    let pinned = include_str!("../rust-toolchain.toml");
    let (_, channel) = pinned.split_once("channel = \"").unwrap();
    let (channel, _) = channel.split_once('"').unwrap();
    let rustc = env::var_os("RUSTC").unwrap_or("rustc".into());
    let version = Command::new(rustc).arg("--version").output().unwrap();
    String::from_utf8_lossy(&version.stdout).starts_with(&format!("rustc {channel} "))
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    entries
}
