//! A crate under examination.

use std::{
    collections::{BTreeSet, HashSet},
    fs,
    path::{Path, PathBuf},
};

use crate::{
    cargo::{self, Checked, Message},
    crates::Listed,
    expansion::{self, Outcome},
    functions::{self, Found, Function, annotated},
    report::{Build, Compiled, Counts, Report},
    sources,
};

pub(crate) struct Subject {
    name: String,
    sources: PathBuf,
    scratch: PathBuf,
    features: &'static [&'static str],
    tests: &'static [&'static str],
}

/// How far to go: the last steps take long.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Steps {
    Expand,
    Check,
    Test,
}

/// A source file, and what is in it.
struct File {
    path: PathBuf,
    source: String,
    found: Found,
}

/// What came of `#[detached]` on every fn.
struct Detached {
    not_send: BTreeSet<Place>,
    deep: bool,
    checked: Checked,
}

/// A fn, by its file and its place in it.
type Place = (PathBuf, usize);

impl Subject {
    pub(crate) fn listed(listed: &Listed, scratch: &Path) -> Self {
        Subject {
            features: listed.features,
            tests: listed.tests,
            ..Subject::published(listed.name, listed.version, scratch)
        }
    }

    pub(crate) fn published(name: &str, version: &str, scratch: &Path) -> Self {
        Subject {
            name: name.to_owned(),
            sources: sources::fetch(name, version, scratch),
            scratch: scratch.to_owned(),
            features: &[],
            tests: &["--lib"],
        }
    }

    pub(crate) fn folder(path: &str, scratch: &Path) -> Self {
        let sources = Path::new(path).canonicalize().expect("the folder is there");
        let name = sources.file_name().unwrap_or_default().to_string_lossy();
        Subject {
            name: name.into_owned(),
            sources,
            scratch: scratch.to_owned(),
            features: &[],
            tests: &["--lib"],
        }
    }

    pub(crate) fn examine(&self, steps: Steps) -> Report {
        let mut report = Report {
            name: self
                .sources
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            ..Report::default()
        };
        let files = self.files(&mut report.unread);
        for file in &files {
            report.in_macros += file.found.in_macros;
            for function in &file.found.functions {
                report.seen += 1;
                let at = format!(
                    "{}:{} {}",
                    file.path.display(),
                    function.lines.0,
                    function.name
                );
                count(&mut report.detached, expansion::detached(function), &at);
                if function.under_async_trait {
                    report.under_async_trait += 1;
                } else if function.is_entry {
                    report.entries += 1;
                } else {
                    count(&mut report.context, expansion::context_async(function), &at);
                }
            }
        }
        for problem in &report.unread {
            eprintln!("{}: not read: {problem}", self.name);
        }
        for (attribute, counts) in [
            ("detached", &report.detached),
            ("context_async", &report.context),
        ] {
            let problems = counts.unreadable.iter().chain(&counts.panicked);
            for problem in problems.chain(counts.refused.keys()) {
                eprintln!("{}: #[{attribute}]: {problem}", self.name);
            }
        }
        if steps != Steps::Expand {
            report.build = self.build(&files, steps);
        }
        report
    }

    fn files(&self, unread: &mut Vec<String>) -> Vec<File> {
        let mut files = Vec::new();
        for path in sources::files(&self.sources) {
            let read = fs::read_to_string(self.sources.join(&path))
                .map_err(|error| error.to_string())
                .and_then(|source| match functions::of(&source) {
                    Ok(found) => Ok((source, found)),
                    Err(error) => Err(error.to_string()),
                });
            match read {
                Ok((source, found)) => files.push(File {
                    path,
                    source,
                    found,
                }),
                Err(error) => unread.push(format!("{}: {error}", path.display())),
            }
        }
        files
    }

    fn build(&self, files: &[File], steps: Steps) -> Build {
        let plain = cargo::check(&self.copy("plain"), &self.target(), self.features);
        for error in &plain.errors {
            eprintln!("{}: as published: {}", self.name, error.rendered);
        }
        match plain.errors.is_empty() {
            true => Build::Done(self.compile(files, steps, plain.warnings)),
            false => Build::FailsWithoutUs,
        }
    }

    fn compile(&self, files: &[File], steps: Steps, known: Vec<Message>) -> Compiled {
        let detached = self.expanded_by_the_compiler(files, "detached", |_| true);
        let Detached {
            not_send,
            deep,
            checked: Checked { errors, warnings },
        } = self.check_detached(files, steps);
        let warnings = new(warnings, known);
        for message in errors.iter().chain(&warnings) {
            eprintln!("{}", message.rendered);
        }
        let (tests, tests_hold) = match self.tests {
            _ if steps == Steps::Check => ("not run".to_owned(), true),
            [] => ("not run".to_owned(), true),
            _ if !errors.is_empty() => ("not run".to_owned(), false),
            _ => self.test(),
        };
        let context = self.expanded_by_the_compiler(files, "context_async", can_have_context);
        let (unreadable, types): (Vec<_>, Vec<_>) = self
            .check_context(files)
            .into_iter()
            .partition(is_of_syntax);
        let (missing, others): (Vec<_>, Vec<_>) =
            types.into_iter().partition(is_of_missing_context);
        for error in unreadable.iter().chain(&others) {
            eprintln!("{}: with #[context_async]: {}", self.name, error.rendered);
        }
        Compiled {
            detached,
            not_send: not_send.len(),
            errors: errors.len(),
            deep,
            warnings: warnings.len(),
            tests,
            tests_hold,
            context,
            unreadable: unreadable.len(),
            context_missing: missing.len(),
            other_errors: others.len(),
        }
    }

    /// Counts how often the compiler asks for an expansion: an argument that does not exist is refused each time.
    fn expanded_by_the_compiler(
        &self,
        files: &[File],
        attribute: &str,
        chosen: fn(&Function) -> bool,
    ) -> usize {
        let folder = self.copy("probe");
        self.annotate(&folder, files, &HashSet::new(), |_, function| {
            chosen(function).then(|| format!("#[::request_context::{attribute}(probe)]"))
        });
        let checked = cargo::check(&folder, &self.target(), self.features);
        let probes = checked
            .errors
            .iter()
            .filter(|error| error.message.starts_with("unknown argument `probe`"));
        probes
            .map(|error| (&error.file, error.line, error.column))
            .collect::<BTreeSet<_>>()
            .len()
    }

    /// `#[detached]` on every fn, with `?Send` where its future is not `Send`, and in a crate that may have deep types
    /// where they are.
    fn check_detached(&self, files: &[File], steps: Steps) -> Detached {
        let folder = self.copy("detached");
        let mut not_send = BTreeSet::new();
        let mut deep = false;
        loop {
            self.annotate(&folder, files, &HashSet::new(), |file, function| {
                let place = (file.path.clone(), function.at);
                Some(match not_send.contains(&place) {
                    true => "#[::request_context::detached(?Send)]".to_owned(),
                    false => "#[::request_context::detached]".to_owned(),
                })
            });
            if deep {
                raise_recursion_limit(&folder);
            }
            let checked = cargo::check(&folder, &self.target(), self.features);
            // Some fns are there for the tests alone.
            let to_be_tested = steps == Steps::Test && !self.tests.is_empty();
            let of_tests = match checked.errors.is_empty() && to_be_tested {
                true => cargo::check_tests(&folder, &self.target(), &self.test_args()),
                false => Checked::default(),
            };
            let before = (not_send.len(), deep);
            let all = checked.errors.iter().chain(&of_tests.errors);
            deep |= all.clone().any(is_of_depth);
            for error in all.filter(|error| is_of_send(error)) {
                eprintln!("{}: needs `?Send`: {}", self.name, error.rendered);
                not_send.extend(place(files, error));
            }
            if (not_send.len(), deep) == before {
                return Detached {
                    not_send,
                    deep,
                    checked,
                };
            }
        }
    }

    fn test_args(&self) -> Vec<&'static str> {
        [self.features, self.tests].concat()
    }

    fn test(&self) -> (String, bool) {
        let args = self.test_args();
        let [annotated, plain] = ["detached", "plain"].map(|kind| {
            let folder = self.scratch.join(kind).join(&self.name);
            cargo::test(&folder, &self.target(), &args)
        });
        let new: Vec<_> = annotated
            .failed
            .iter()
            .filter(|name| !plain.failed.contains(name))
            .collect();
        if !annotated.ran && !plain.ran {
            return ("do not build".to_owned(), true);
        }
        let holds = annotated.ran && new.is_empty() && annotated.passed >= plain.passed;
        if !holds {
            eprintln!("{}", annotated.output);
        }
        let failed = match annotated.failed.len() {
            _ if !annotated.ran => ", **do not build**".to_owned(),
            _ if !new.is_empty() => format!(", **fail**: {new:?}"),
            _ if annotated.passed < plain.passed => format!(" of {}", plain.passed),
            0 => String::new(),
            failed => format!(", {failed} fail without it too"),
        };
        (format!("{} passed{failed}", annotated.passed), holds)
    }

    /// `#[context_async]` on every fn, and `attach!` around calls of such in nested blocks.
    fn check_context(&self, files: &[File]) -> Vec<Message> {
        let folder = self.copy("context");
        let all = files.iter().flat_map(|file| &file.found.functions);
        let names = all
            .filter(|function| can_have_context(function))
            .map(|function| function.name.clone())
            .collect();
        self.annotate(&folder, files, &names, |_, function| {
            can_have_context(function)
                .then(|| "#[::request_context::context_async(?Send)]".to_owned())
        });
        cargo::check(&folder, &self.target(), self.features).errors
    }

    fn annotate(
        &self,
        folder: &Path,
        files: &[File],
        attached: &HashSet<String>,
        attribute: impl Fn(&File, &Function) -> Option<String>,
    ) {
        for file in files {
            let attribute = |function: &Function| attribute(file, function);
            let source = annotated(&file.source, &file.found, attribute, attached);
            fs::write(folder.join(&file.path), source).expect("the scratch folder is writable");
        }
    }

    fn copy(&self, kind: &str) -> PathBuf {
        let folder = self.scratch.join(kind).join(&self.name);
        sources::copy(&self.sources, &folder);
        folder
    }

    fn target(&self) -> PathBuf {
        self.scratch.join("target")
    }
}

/// `#[async_trait]` allows no other signature than its own, and what calls an entry has no context.
fn can_have_context(function: &Function) -> bool {
    !function.under_async_trait && !function.is_entry
}

fn count(counts: &mut Counts, outcome: Outcome, at: &str) {
    match outcome {
        Outcome::Expanded => counts.expanded += 1,
        Outcome::Refused(reason) => *counts.refused.entry(reason).or_default() += 1,
        Outcome::Unreadable(error) => counts.unreadable.push(format!("{at}: {error}")),
        Outcome::Panicked => counts.panicked.push(format!("{at}: panicked")),
    }
}

/// What was not said before.
fn new(said: Vec<Message>, mut before: Vec<Message>) -> Vec<Message> {
    let is_new = |message: &Message| {
        let same = |other: &Message| other.message == message.message && other.file == message.file;
        let known = before.iter().position(same);
        known.map(|known| before.swap_remove(known)).is_none()
    };
    said.into_iter().filter(is_new).collect()
}

/// Whether the future of a fn is not `Send`, or the compiler cannot tell.
fn is_of_send(error: &Message) -> bool {
    let of_bound = "// or the fn says `#[detached(?Send)]`";
    [
        "between threads safely",
        "is not general enough",
        "higher-ranked lifetime error",
    ]
    .iter()
    .any(|text| error.message.contains(text))
        || error.rendered.contains(of_bound)
}

fn is_of_depth(error: &Message) -> bool {
    error.rendered.contains("#![recursion_limit = \"256\"]")
}

fn raise_recursion_limit(folder: &Path) {
    for root in ["src/lib.rs", "src/main.rs"].map(|root| folder.join(root)) {
        if let Ok(source) = fs::read_to_string(&root) {
            let source = format!("#![recursion_limit = \"256\"] {source}");
            fs::write(root, source).expect("the scratch folder is writable");
        }
    }
}

fn is_of_syntax(error: &Message) -> bool {
    error.code.is_none()
        && [
            "panicked",
            "expected ",
            "macro expansion ignores",
            "unexpected ",
        ]
        .iter()
        .any(|text| error.message.contains(text))
}

/// Whether it is said in this crate's words that there is no context, or another one.
fn is_of_missing_context(error: &Message) -> bool {
    ["request context", "NeedsContext", "NeedsAnyContext"]
        .iter()
        .any(|text| error.rendered.contains(text))
}

/// The innermost fn around an error.
fn place(files: &[File], error: &Message) -> Option<Place> {
    let file = files.iter().find(|file| file.path == error.file)?;
    let around = file
        .found
        .functions
        .iter()
        .filter(|f| (f.lines.0..=f.lines.1).contains(&error.line));
    around
        .min_by_key(|f| f.lines.1 - f.lines.0)
        .map(|f| (file.path.clone(), f.at))
}
