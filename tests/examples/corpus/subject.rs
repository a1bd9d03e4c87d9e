//! A crate under examination.

use std::{
    collections::{BTreeSet, HashSet},
    fs,
    path::{Path, PathBuf},
};

use crate::{
    cargo::{self, CompileError},
    crates::Listed,
    expansion::{self, Outcome},
    functions::{self, Found, Function, annotated},
    report::{Compiled, Counts, Report},
    sources,
};

pub(crate) struct Subject {
    name: String,
    sources: PathBuf,
    scratch: PathBuf,
    features: &'static [&'static str],
    tests: &'static [&'static str],
}

/// A source file, and what is in it.
struct File {
    path: PathBuf,
    source: String,
    found: Found,
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

    pub(crate) fn examine(&self, expand_only: bool) -> Report {
        let files = self.files();
        let mut report = Report {
            name: self
                .sources
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            ..Report::default()
        };
        for file in &files {
            report.in_macros += file.found.in_macros;
            for function in &file.found.functions {
                report.seen += 1;
                if function.under_async_trait {
                    report.under_async_trait += 1;
                    continue;
                }
                let at = format!(
                    "{}:{} {}",
                    file.path.display(),
                    function.lines.0,
                    function.name
                );
                count(&mut report.detached, expansion::detached(function), &at);
                if function.is_entry {
                    report.context.entries += 1;
                } else {
                    count(&mut report.context, expansion::context_async(function), &at);
                }
            }
        }
        for (attribute, counts) in [
            ("detached", &report.detached),
            ("context_async", &report.context),
        ] {
            for problem in counts.unreadable.iter().chain(&counts.panicked) {
                eprintln!("{}: #[{attribute}]: {problem}", self.name);
            }
        }
        if !expand_only {
            report.compiled = Some(self.compile(&files));
        }
        report
    }

    fn files(&self) -> Vec<File> {
        let paths = sources::files(&self.sources).into_iter();
        paths
            .filter_map(|path| {
                let source = fs::read_to_string(self.sources.join(&path)).ok()?;
                match functions::of(&source) {
                    Ok(found) => Some(File {
                        path,
                        source,
                        found,
                    }),
                    Err(error) => {
                        eprintln!("{}: {} is not read: {error}", self.name, path.display());
                        None
                    }
                }
            })
            .collect()
    }

    fn compile(&self, files: &[File]) -> Compiled {
        let expanded = self.expanded_by_the_compiler(files, "detached");
        let (not_send, errors) = self.check_detached(files);
        for error in &errors {
            eprintln!("{}", error.rendered);
        }
        let (tests, tests_hold) = match self.tests {
            [] => ("not run".to_owned(), true),
            _ if !errors.is_empty() => ("not run".to_owned(), false),
            args => self.test(args),
        };
        let context_expanded = self.expanded_by_the_compiler(files, "context_async");
        let errors_of_context = self.check_context(files);
        let (unreadable, types): (Vec<_>, Vec<_>) = errors_of_context
            .into_iter()
            .partition(|error| error.code.is_none() && is_of_syntax(error));
        Compiled {
            expanded,
            not_send: not_send.len(),
            errors: errors.into_iter().map(|error| error.message).collect(),
            tests,
            tests_hold,
            context_expanded,
            context_errors: types.len(),
            context_unreadable: unreadable.into_iter().map(|error| error.rendered).collect(),
        }
    }

    /// Counts how often the compiler asks for an expansion: an argument that does not exist is refused each time.
    fn expanded_by_the_compiler(&self, files: &[File], attribute: &str) -> usize {
        let folder = self.copy("probe");
        self.annotate(&folder, files, &HashSet::new(), |_, _| {
            Some(format!("#[::request_context::{attribute}(probe)]"))
        });
        let errors = cargo::check(&folder, &self.target(), self.features);
        let probes = errors
            .iter()
            .filter(|error| error.message.starts_with("unknown argument `probe`"));
        probes
            .map(|error| (&error.file, error.line, error.column))
            .collect::<BTreeSet<_>>()
            .len()
    }

    /// `#[detached]` on every fn, with `?Send` where its future is not `Send`.
    fn check_detached(&self, files: &[File]) -> (BTreeSet<Place>, Vec<CompileError>) {
        let folder = self.copy("detached");
        let mut not_send = BTreeSet::new();
        loop {
            self.annotate(&folder, files, &HashSet::new(), |file, function| {
                let place = (file.path.clone(), function.at);
                Some(match not_send.contains(&place) {
                    true => "#[::request_context::detached(?Send)]".to_owned(),
                    false => "#[::request_context::detached]".to_owned(),
                })
            });
            let errors = cargo::check(&folder, &self.target(), self.features);
            let before = not_send.len();
            not_send.extend(
                errors
                    .iter()
                    .filter(|error| is_of_send(error))
                    .filter_map(|e| place(files, e)),
            );
            if not_send.len() == before {
                return (not_send, errors);
            }
        }
    }

    fn test(&self, args: &[&str]) -> (String, bool) {
        let args: Vec<&str> = self.features.iter().chain(args).copied().collect();
        let annotated = cargo::test(
            &self.scratch.join("detached").join(&self.name),
            &self.target(),
            &args,
        );
        if annotated.ran && annotated.failed.is_empty() {
            return (format!("{} passed", annotated.passed), true);
        }
        let plain = cargo::test(&self.copy("plain"), &self.target(), &args);
        let new: Vec<_> = annotated
            .failed
            .iter()
            .filter(|name| !plain.failed.contains(name))
            .collect();
        if !annotated.ran && !plain.ran {
            return ("do not build".to_owned(), true);
        }
        let holds = annotated.ran && new.is_empty() && annotated.passed == plain.passed;
        if !holds {
            eprintln!("{}", annotated.output);
        }
        let failed = match new.len() {
            0 => format!("{} fail without it too", annotated.failed.len()),
            _ => format!("**fail**: {new:?}"),
        };
        (format!("{} passed, {failed}", annotated.passed), holds)
    }

    /// `#[context_async]` on every fn, and `attach!` around calls of such in nested blocks.
    fn check_context(&self, files: &[File]) -> Vec<CompileError> {
        let folder = self.copy("context");
        let is_annotated = |function: &&Function| !function.under_async_trait && !function.is_entry;
        let all = files.iter().flat_map(|file| &file.found.functions);
        let names = all
            .filter(is_annotated)
            .map(|function| function.name.clone())
            .collect();
        self.annotate(&folder, files, &names, |_, function| {
            is_annotated(&function).then(|| "#[::request_context::context_async(?Send)]".to_owned())
        });
        cargo::check(&folder, &self.target(), self.features)
    }

    fn annotate(
        &self,
        folder: &Path,
        files: &[File],
        attached: &HashSet<String>,
        attribute: impl Fn(&File, &Function) -> Option<String>,
    ) {
        for file in files {
            let attribute = |function: &Function| match function.under_async_trait {
                true => None,
                false => attribute(file, function),
            };
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

fn count(counts: &mut Counts, outcome: Outcome, at: &str) {
    match outcome {
        Outcome::Expanded => counts.expanded += 1,
        Outcome::Refused(reason) => *counts.refused.entry(reason).or_default() += 1,
        Outcome::Unreadable(error) => counts.unreadable.push(format!("{at}: {error}")),
        Outcome::Panicked => counts.panicked.push(format!("{at}: panicked")),
    }
}

/// Whether the future of a fn is not `Send`, or the compiler cannot tell.
fn is_of_send(error: &CompileError) -> bool {
    [
        "between threads safely",
        "is not general enough",
        "higher-ranked lifetime error",
    ]
    .iter()
    .any(|text| error.message.contains(text))
}

fn is_of_syntax(error: &CompileError) -> bool {
    [
        "panicked",
        "expected ",
        "macro expansion ignores",
        "unexpected ",
    ]
    .iter()
    .any(|text| error.message.contains(text))
}

/// The innermost fn around an error.
fn place(files: &[File], error: &CompileError) -> Option<Place> {
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
