//! The shape of the source files.

use std::collections::BTreeSet;

use crate::{none, rust_files};

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;

/// Functions over the limit, as `path: name`. This list may only shrink.
const LONG_FUNCTIONS: [&str; 0] = [];

#[test]
fn no_module_is_called_mod() {
    let files = rust_files();
    let modules = files.iter().filter(|file| file.path.ends_with("/mod.rs"));
    let breaches: Vec<String> = modules.map(|file| file.path.clone()).collect();
    none(&breaches, "rename `noun/mod.rs` to `noun.rs` beside the folder `noun`");
}

#[test]
fn every_library_opens_with_prose() {
    let files = rust_files();
    let libraries = files.iter().filter(|file| file.path.ends_with("src/lib.rs"));
    let breaches: Vec<String> = libraries
        .filter(|file| {
            let prose = file.text.lines().map_while(|line| line.strip_prefix("//!"));
            prose.flat_map(str::split_whitespace).count() < 10
        })
        .map(|file| file.path.clone())
        .collect();
    none(&breaches, "open with `//!` and at least a sentence: what the crate is for, and what not");
}

#[test]
fn files_are_short() {
    let breaches: Vec<String> = rust_files()
        .iter()
        .map(|file| (&file.path, file.text.lines().count()))
        .filter(|(_, lines)| *lines > FILE_LINES_MAX)
        .map(|(path, lines)| format!("{path}: {lines} lines"))
        .collect();
    none(&breaches, &format!("split by noun: a file has at most {FILE_LINES_MAX} lines"));
}

#[test]
fn functions_are_short() {
    let mut long = BTreeSet::new();
    let mut breaches = Vec::new();
    for file in rust_files() {
        for (name, lines) in functions(&file.text) {
            if lines <= FUNCTION_LINES_MAX {
                continue;
            }
            let key = format!("{}: {name}", file.path);
            if !LONG_FUNCTIONS.contains(&key.as_str()) {
                breaches.push(format!("{key} has {lines} lines"));
            }
            long.insert(key);
        }
    }
    let shrunk = LONG_FUNCTIONS.iter().filter(|key| !long.contains(**key));
    breaches.extend(shrunk.map(|key| format!("{key} is short now: take it off LONG_FUNCTIONS")));
    none(&breaches, &format!("split it: a function has at most {FUNCTION_LINES_MAX} lines"));
}

/// The name and the number of lines of each function in rustfmt's layout, where a function ends at the first
/// closing brace as far in as it began.
fn functions(text: &str) -> Vec<(&str, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (first, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let (indent, _) = line.split_at(line.len() - line.trim_start().len());
        let ends = |line: &str| {
            let rest = line.strip_prefix(indent);
            rest.is_some_and(|rest| {
                rest == "}" || (rest.starts_with(')') && rest.ends_with([';', '}']))
            })
        };
        let here = line.ends_with([';', '}']);
        let last = if here { Some(0) } else { lines[first..].iter().position(|line| ends(line)) };
        found.push((name, last.unwrap_or(lines.len() - first) + 1));
    }
    found
}

/// The name when a line begins a function: qualifiers, `fn`, a name.
fn function_name(line: &str) -> Option<&str> {
    let (before, after) = line
        .trim_start()
        .strip_prefix("fn ")
        .map_or_else(|| line.trim_start().split_once(" fn "), |after| Some(("", after)))?;
    let qualifiers = ["pub", "const", "async", "unsafe", "extern", "default"];
    let qualified =
        |word: &str| qualifiers.iter().any(|it| word.starts_with(it)) || word.starts_with('"');
    let visible = before.replace("pub(in ", "pub(in_");
    if !visible.split_whitespace().all(qualified) {
        return None;
    }
    after.split(|c: char| !c.is_alphanumeric() && c != '_').next().filter(|name| !name.is_empty())
}

#[test]
fn function_lengths_are_counted_rightly() {
    let text = "\
fn one() {}
pub(crate) async fn four(
    a: u8,
) -> u8 {
    a
}
trait T {
    fn declared(&self);
    fn broken_signature(
        &self,
    ) -> u8;
    fn three() {
        body();
    }
}
// the fn word in prose
let f: fn(u8) -> u8 = g;
";
    let expected =
        [("one", 1), ("four", 5), ("declared", 1), ("broken_signature", 3), ("three", 3)];
    assert_eq!(functions(text), expected);
}
