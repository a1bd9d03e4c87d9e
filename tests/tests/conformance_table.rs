//! `CONFORMANCE.md` names every case once, and only tests that exist; and every test that bears the name
//! of a case is named there.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

const PAGE: &str = include_str!("../CONFORMANCE.md");

/// The groups in their order, and how many cases each has.
const GROUPS: [(&str, usize); 18] = [
    ("SD", 38),
    ("TT", 9),
    ("POST", 15),
    ("SEND", 14),
    ("OPC", 15),
    ("AWT", 12),
    ("SCH", 11),
    ("FLOW", 32),
    ("SNAP", 4),
    ("AFF", 6),
    ("SER", 5),
    ("BLK", 13),
    ("ERR", 5),
    ("LIFE", 7),
    ("STR", 5),
    ("CT", 22),
    ("RUST", 5),
    ("PERF", 5),
];

/// How many cases there are.
const CASES: usize = 223;

/// How many of them wait for something that is not there yet.
const TO_DO: usize = 0;

struct Row {
    id: &'static str,
    status: &'static str,
    text: &'static str,
}

impl Row {
    /// What the row names: all that stands between backticks and looks like a place.
    fn places(&self) -> impl Iterator<Item = &'static str> {
        let quoted = self.text.split('`').skip(1).step_by(2);
        quoted.filter(|text| text.contains("::") || text.ends_with(".rs"))
    }
}

fn rows() -> Vec<Row> {
    let cells = |line: &'static str| -> Vec<&'static str> {
        line.trim_matches('|').split('|').map(str::trim).collect()
    };
    let rows = PAGE.lines().filter(|line| line.starts_with("| "));
    let rows = rows.map(cells).filter(|cells| cells[0] != "id");
    rows.map(|cells| match cells[..] {
        [id, status, text] => Row { id, status, text },
        _ => panic!("{cells:?} is no row"),
    })
    .collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn source(path: &str) -> Result<String, String> {
    let text = fs::read_to_string(root().join(path));
    text.map_err(|error| format!("{path}: {error}"))
}

/// Whether `name` is the name of a test in `source`: of a fn, or of one that a macro makes one of.
fn has_test(source: &str, name: &str) -> bool {
    source.contains(&format!("fn {name}(")) || source.contains(&format!("    {name}: |"))
}

/// What is wrong with a place that a row names.
fn fault(place: &str) -> Option<String> {
    let (path, name) = match place.split_once("::") {
        Some((file, name)) if file.ends_with(".rs") => (file.to_owned(), Some(name)),
        Some((file, name)) => (format!("tests/tests/{file}.rs"), Some(name)),
        None => (place.to_owned(), None),
    };
    match (source(&path), name) {
        (Err(error), _) => Some(error),
        (Ok(source), Some(name)) if !has_test(&source, name) => {
            Some(format!("{path} has no test `{name}`"))
        }
        _ => None,
    }
}

/// The cases in whose name a test or a file is: of `sd_24_and_sd_25_is_an_error`, and `send_04_and_06_too`,
/// both.
fn cases_of(name: &str) -> Vec<String> {
    let mut cases = Vec::new();
    let mut group = None;
    let mut words = name.split('_');
    while let Some(mut word) = words.next() {
        let named = GROUPS.iter().find(|(name, _)| word == name.to_lowercase());
        if let Some((name, _)) = named {
            group = Some(name);
            word = words.next().unwrap_or_default();
        }
        let is_number = word.len() == 2 && word.bytes().all(|digit| digit.is_ascii_digit());
        match group {
            Some(group) if is_number => cases.push(format!("{group}-{word}")),
            _ => break,
        }
        if words.next() != Some("and") {
            break;
        }
    }
    cases
}

/// The files below `folder`, from the root of the repository, with `/` between.
fn files(folder: &str) -> Vec<String> {
    let mut all = Vec::new();
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{folder}/{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            all.extend(files(&path));
        } else if path.ends_with(".rs") {
            all.push(path);
        }
    }
    all
}

#[test]
fn every_case_is_listed_once_and_in_order() {
    let rows = rows();
    assert_eq!(GROUPS.iter().map(|(_, cases)| cases).sum::<usize>(), CASES);
    assert_eq!(rows.len(), CASES);
    let mut rest = rows.iter();
    for (group, cases) in GROUPS {
        let mut last = 0;
        for row in rest.by_ref().take(cases) {
            let (name, number) = row.id.split_once('-').unwrap();
            assert_eq!(name, group, "{} stands in the wrong group", row.id);
            let number: u32 = number.parse().unwrap();
            assert!(number > last, "{} is out of order, or there twice", row.id);
            last = number;
        }
    }
}

#[test]
fn every_case_says_where_it_is_held_or_why_not() {
    for Row { id, status, text } in rows() {
        let places = Row { id, status, text }.places().count();
        match status {
            "holds" | "compile-time" | "measured" => assert!(places > 0, "{id} names no test"),
            "does not apply" => assert!(text.len() > 20 && places == 0, "{id} gives no reason"),
            "to do" => assert!(
                text.starts_with("TODO("),
                "{id} does not say what it waits for"
            ),
            _ => panic!("{id} is `{status}`"),
        }
    }
    let to_do = rows()
        .iter()
        .filter(|row| row.text.contains("TODO("))
        .count();
    assert_eq!(to_do, TO_DO);
}

#[test]
fn every_test_that_the_table_names_exists() {
    let faults: Vec<_> = rows()
        .iter()
        .flat_map(|row| row.places().filter_map(fault).map(|fault| (row.id, fault)))
        .collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn every_test_in_the_name_of_a_case_is_in_the_row_of_that_case() {
    let listed: BTreeSet<(String, &str)> = rows()
        .iter()
        .flat_map(|row| row.places().map(|place| (row.id.to_owned(), place)))
        .collect();
    let mut missing = Vec::new();
    let mut check = |name: &str, place: String| {
        for id in cases_of(name) {
            if !listed.contains(&(id.clone(), place.as_str())) {
                missing.push(format!("{id}: {place}"));
            }
        }
    };
    for path in files("tests/tests") {
        let file = Path::new(&path).file_stem().unwrap().to_str().unwrap();
        let source = source(&path).unwrap();
        for line in source.lines() {
            let line = line.trim_start();
            let name = match line.strip_prefix("fn ") {
                Some(rest) => rest.split('(').next(),
                None => line.split_once(": |").map(|(name, _)| name),
            };
            if let Some(name) = name {
                check(name, format!("{file}::{name}"));
            }
        }
    }
    for path in files("ui-tests/tests") {
        let name = Path::new(&path).file_stem().unwrap().to_str().unwrap();
        check(name, path.clone());
    }
    assert!(missing.is_empty(), "not in CONFORMANCE.md: {missing:#?}");
}
