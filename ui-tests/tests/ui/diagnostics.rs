//! The page `diagnostics` of the documentation says what the cases show: every message has an entry, every entry
//! a message, and the code of an entry is that of a case and of its twin.
//!
//! `DIAGNOSTICS=overwrite` writes the code of the cases into the page.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::{Case, Cases, messages, twin_of};

/// What a line of the page begins with that names the case whose code follows.
const CASE: &str = "<!-- case: ";

fn page_path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../runtime/src/diagnostics.md")
}

fn page() -> String {
    fs::read_to_string(page_path()).unwrap()
}

/// The cases in `fail/`, each by its rule and name: `a1_no_context/forgotten_attribute`.
fn refused() -> BTreeMap<String, Case> {
    let cases = Cases::in_folder("fail").all.into_iter();
    cases
        .map(|case| (case.name.replacen('-', "/", 1), case))
        .collect()
}

impl Case {
    fn stderr(&self) -> String {
        fs::read_to_string(self.path.with_extension("stderr")).unwrap()
    }

    /// First lines, with their `error` or `error[E0277]`.
    fn first_lines(&self) -> Vec<String> {
        let stderr = self.stderr();
        let lines = messages(&stderr).into_iter();
        lines.map(|(_, message)| message.to_owned()).collect()
    }
}

/// One or more headings, and the cases shown below them.
#[derive(Default)]
struct Entry {
    headings: Vec<String>,
    cases: Vec<String>,
}

fn entries(page: &str) -> Vec<Entry> {
    let mut entries = Vec::<Entry>::new();
    let mut after_a_heading = false;
    for line in page.lines().filter(|line| !line.is_empty()) {
        let heading = line.strip_prefix("### ");
        if let Some(heading) = heading {
            if !after_a_heading {
                entries.push(Entry::default());
            }
            // `error[E0277]` would be a link.
            let heading = heading.replace('\\', "");
            entries.last_mut().unwrap().headings.push(heading);
        }
        if let Some(case) = case_named(line) {
            entries.last_mut().unwrap().cases.push(case.into());
        }
        after_a_heading = heading.is_some();
    }
    entries
}

fn case_named(line: &str) -> Option<&str> {
    line.strip_prefix(CASE)?.strip_suffix(" -->")
}

/// Whether `pattern`, in which `…` stands for anything, is all of `text`.
fn covers(pattern: &str, text: &str) -> bool {
    let Some((start, others)) = pattern.split_once('…') else {
        return pattern == text;
    };
    let Some(mut rest) = text.strip_prefix(start) else {
        return false;
    };
    let (middle, end) = others.rsplit_once('…').unwrap_or(("", others));
    for piece in middle.split('…') {
        let Some(at) = rest.find(piece) else {
            return false;
        };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(end)
}

#[test]
fn every_message_has_an_entry() {
    let entries = entries(&page());
    let headings: Vec<_> = entries.iter().flat_map(|entry| &entry.headings).collect();
    let mut without = Vec::new();
    for case in refused().values() {
        for message in case.first_lines() {
            if !headings.iter().any(|heading| covers(heading, &message)) {
                without.push(message);
            }
        }
    }
    assert!(without.is_empty(), "without an entry: {without:#?}");
}

#[test]
fn every_entry_shows_a_case_that_gives_its_message() {
    let refused = refused();
    let mut wrong = Vec::new();
    for entry in entries(&page()) {
        let shown = entry.cases.iter().map(|name| match refused.get(name) {
            Some(case) => case.first_lines(),
            None => panic!("there is no case {name}"),
        });
        let shown: Vec<_> = shown.flatten().collect();
        for heading in entry.headings {
            if !shown.iter().any(|message| covers(&heading, message)) {
                wrong.push(heading);
            }
        }
    }
    assert!(wrong.is_empty(), "no case of the entry says so: {wrong:#?}");
}

#[test]
fn the_code_of_every_entry_is_that_of_its_case_and_of_its_twin() {
    let (page, refused) = (page(), refused());
    let written = with_code(&page, |name| {
        let case = &refused[name];
        let source = fs::read_to_string(&case.path).unwrap();
        let twin = fs::read_to_string(twin_of(case)).unwrap();
        let (source, twin) = (code("rust,compile_fail", &source), code("rust", &twin));
        format!("{source}\n{MENDED}\n\n{twin}")
    });
    if env::var_os("DIAGNOSTICS").is_some_and(|how| how == "overwrite") {
        fs::write(page_path(), &written).unwrap();
    }
    let differs = page
        .lines()
        .zip(written.lines())
        .find(|(old, new)| old != new);
    let same = page == written || env::var_os("DIAGNOSTICS").is_some();
    assert!(
        same,
        "`DIAGNOSTICS=overwrite` brings the cases into the page: {differs:#?}"
    );
}

/// What stands between the code of a case and that of its twin.
const MENDED: &str = "With the mistake mended:";

/// The page with the code of every case below its line, in the place of what was there.
fn with_code(page: &str, code_of: impl Fn(&str) -> String) -> String {
    let mut written = String::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        written += &format!("{line}\n");
        let Some(name) = case_named(line) else {
            continue;
        };
        written += &code_of(name);
        let below: Vec<_> = lines.clone().collect();
        let old = length_of_code(&below);
        // A text right below is kept, apart from the code.
        if old == 0 && below.first().is_some_and(|line| !line.is_empty()) {
            written.push('\n');
        }
        lines.by_ref().take(old).for_each(drop);
    }
    written
}

/// How many of these lines are a case's code and its twin's.
fn length_of_code(lines: &[&str]) -> usize {
    let block = |lines: &[&str]| match lines {
        [first, rest @ ..] if first.starts_with("```") => {
            let end = rest.iter().position(|line| *line == "```");
            end.map_or(0, |end| end + 2)
        }
        _ => 0,
    };
    let case = block(lines);
    match &lines[case..] {
        ["", MENDED, "", twin @ ..] if case > 0 && block(twin) > 0 => case + 3 + block(twin),
        _ => case,
    }
}

#[test]
fn what_stands_below_the_code_is_kept() {
    let line = format!("{CASE}a/b -->\n");
    let code = "```rust,compile_fail\nf()\n```\n\nWith the mistake mended:\n\n```rust\ng()\n```\n";
    let old = "```rust\nold()\n```\n";
    for (below, kept) in [
        (String::new(), ""),
        (
            "Text.\n\n```text\nx\n```\n".to_owned(),
            "\nText.\n\n```text\nx\n```\n",
        ),
        ("\nText.\n".to_owned(), "\nText.\n"),
        (code.to_owned(), ""),
        (format!("{code}\nText.\n"), "\nText.\n"),
        (
            format!("{old}\nText.\n\n{old}"),
            &*format!("\nText.\n\n{old}"),
        ),
        (
            format!("{old}\n{MENDED}\n\nText.\n"),
            &*format!("\n{MENDED}\n\nText.\n"),
        ),
    ] {
        let written = with_code(&format!("{line}{below}"), |_| code.to_owned());
        assert_eq!(written, format!("{line}{code}{kept}"));
    }
}

/// The code of a case as a reader needs it; what rustdoc hides is still compiled.
fn code(language: &str, source: &str) -> String {
    let mut code = format!("```{language}\n");
    let mut blank = true;
    for line in source.lines() {
        let line = match line.split_once("//~") {
            Some((before, _)) if before.trim().is_empty() => continue,
            Some((before, _)) => before.trim_end(),
            None => line,
        };
        let line = match line {
            "#![deny(warnings)]" => continue,
            "#![deny(unused_must_use)]" | "fn main() {}" => &format!("# {line}"),
            line => line,
        };
        if !(blank && line.is_empty()) {
            code += &format!("{line}\n");
        }
        blank = line.is_empty() || line.starts_with("# ");
    }
    format!("{}\n```\n", code.replace("\n\n# fn", "\n# fn").trim_end())
}

/// To remove an `.await` and to make an `async fn` asynchronous is the compiler's advice for what is no future.
#[test]
fn no_advice_on_awaits_stands_beside_our_words() {
    let mut misleading = Vec::new();
    for case in refused().into_values() {
        for error in case.stderr().split("\n\n") {
            let ours = error.contains("needs a request context") || error.contains("cannot run on");
            let advice = ["remove the `.await`", "asynchronous", "this call returns"];
            if ours && advice.iter().any(|advice| error.contains(advice)) {
                misleading.push(case.path.clone());
            }
        }
    }
    assert!(misleading.is_empty(), "{misleading:#?}");
}

/// Every text of ours that a user may see is in a `.stderr`: those of the macros, of `compile_error!`, of
/// `#[must_use]` and of `#[diagnostic::on_unimplemented]`.
#[test]
fn every_text_of_ours_is_shown_by_a_case() {
    let shown: Vec<_> = refused().values().map(Case::stderr).collect();
    let mut texts = Vec::new();
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for file in sources(&workspace.join("macros/src")) {
        in_macros(parsed(&file), &mut texts);
    }
    for file in sources(&workspace.join("runtime/src")) {
        in_runtime(parsed(&file), &mut texts);
    }
    assert!(texts.len() > 60, "found only {} texts", texts.len());
    texts.retain(|text| !NOT_SHOWN.contains(&text.as_str()));
    texts.retain(|text| !shown.iter().any(|stderr| contains(stderr, text)));
    assert!(texts.is_empty(), "shown by no case: {texts:#?}");
}

/// Texts on hidden types that generated code never drops, and an error that is caught.
const NOT_SHOWN: &[&str] = &[
    "futures do nothing unless polled",
    "the part ends when this is dropped",
    "not a field",
];

/// Whether one line of `stderr` holds the text, in which `{..}` stands for anything.
fn contains(stderr: &str, text: &str) -> bool {
    let mut pieces = Vec::new();
    for piece in text
        .replace("{{", "\u{1}")
        .replace("}}", "\u{2}")
        .split('{')
    {
        let piece = piece.split_once('}').map_or(piece, |(_, after)| after);
        pieces.push(piece.replace('\u{1}', "{").replace('\u{2}', "}"));
    }
    stderr.lines().any(|line| {
        let mut rest = line;
        pieces.iter().all(|piece| match rest.find(piece.as_str()) {
            Some(at) => {
                rest = &rest[at + piece.len()..];
                true
            }
            None => false,
        })
    })
}

/// Modules that are a crate's own tests, and none of the user's business.
const TESTS: &[&str] = &["tests.rs", "fuzzed.rs"];

/// The modules of a crate, or below a module, but for [`TESTS`].
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut sources = Vec::new();
    for path in crate::entries(folder) {
        if path.is_dir() {
            sources.extend(self::sources(&path));
        } else if !TESTS.iter().any(|tests| path.ends_with(tests))
            && path.extension().is_some_and(|e| e == "rs")
        {
            sources.push(path);
        }
    }
    sources
}

fn parsed(path: &Path) -> TokenStream {
    fs::read_to_string(path).unwrap().parse().unwrap()
}

/// Every literal that reads as a text, outside attributes and tests.
fn in_macros(tokens: TokenStream, texts: &mut Vec<String>) {
    let mut before = String::new();
    for token in tokens {
        let now = token.to_string();
        match &token {
            // `mod tests` ends a file.
            TokenTree::Group(_) if before == "#" && now == "[cfg (test)]" => return,
            TokenTree::Group(_) if before == "#" || before == "#!" => {}
            TokenTree::Group(group) => in_macros(group.stream(), texts),
            TokenTree::Literal(_) => texts.extend(text(&token).filter(|text| text.contains(' '))),
            _ => {}
        }
        before = match (before.as_str(), now.as_str()) {
            ("#", "!") => "#!".to_owned(),
            _ => now,
        };
    }
}

/// The literals of the attributes and macros that rustc prints.
fn in_runtime(tokens: TokenStream, texts: &mut Vec<String>) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    for (index, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else {
            continue;
        };
        let before = |back: usize| match index.checked_sub(back) {
            Some(index) => tokens[index].to_string(),
            None => String::new(),
        };
        let content = group.stream().to_string();
        let printed = before(2) == "compile_error"
            || before(1) == "#" && content.starts_with("diagnostic :: on_unimplemented")
            || before(1) == "#" && content.starts_with("must_use =") && is_public(&tokens[index..]);
        match printed {
            true => all_literals(group.stream(), texts),
            false => in_runtime(group.stream(), texts),
        }
    }
}

/// Whether what follows an attribute is `pub`, and not `pub(crate)`.
fn is_public(from_attribute: &[TokenTree]) -> bool {
    let at = from_attribute
        .iter()
        .position(|token| token.to_string() == "pub");
    at.is_some_and(|at| match from_attribute.get(at + 1) {
        Some(TokenTree::Group(group)) => group.delimiter() != Delimiter::Parenthesis,
        _ => true,
    })
}

fn all_literals(tokens: TokenStream, texts: &mut Vec<String>) {
    for token in tokens {
        match &token {
            TokenTree::Group(group) => all_literals(group.stream(), texts),
            _ => texts.extend(text(&token)),
        }
    }
}

/// The value of a string literal.
fn text(token: &TokenTree) -> Option<String> {
    let literal: syn::LitStr = syn::parse2(TokenStream::from(token.clone())).ok()?;
    Some(literal.value())
}
