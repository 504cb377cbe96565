//! Contracts and gates on disk, with the files that they name beside themselves.

use std::fs;
use std::path::Path;

use engine::Limits;
use engine::contract::{Compiled, files_named};
use engine::document::Document;
use engine::policy::{Files, Library};

use crate::exit::{Failure, Result};

/// A document and the files beside it.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// Its text.
    pub text: String,
    /// The document.
    pub document: Document,
    /// The files that it names, by the path as written there.
    pub files: Files,
}

/// Reads a document and every file that it names.
pub(crate) fn read(path: &Path, limits: &Limits) -> Result<Source> {
    let bytes = fs::read(path)
        .map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))?;
    let wrong = |error: &dyn std::fmt::Display| Failure::usage(at(path, error));
    let document = Document::parse_bytes(&bytes, limits).map_err(|error| wrong(&error))?;
    let text = String::from_utf8(bytes).map_err(|error| wrong(&error))?;
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let mut files = Files::new();
    for name in files_named(document.value()) {
        // A file that is not there is reported by the compiler, with the line that names it.
        if let Ok(text) = fs::read_to_string(folder.join(&name)) {
            beside(folder, &name, &text, limits, &mut files);
            files.insert(name, text);
        }
    }
    Ok(Source { text, document, files })
}

/// A policy document names its module relative to itself.
fn beside(folder: &Path, name: &str, text: &str, limits: &Limits, files: &mut Files) {
    if Path::new(name).extension().is_some_and(|extension| extension == "rego") {
        return;
    }
    let Ok(document) = Document::parse(text, limits) else { return };
    let parent = name.rsplit_once('/').map_or("", |(parent, _)| parent);
    for inner in files_named(document.value()) {
        let inner = if parent.is_empty() { inner } else { format!("{parent}/{inner}") };
        if let Ok(text) = fs::read_to_string(folder.join(&inner)) {
            files.insert(inner, text);
        }
    }
}

/// Reads and compiles a contract; says everything that is wrong with it.
pub(crate) fn contract(
    path: &Path,
    library: &Library,
    limits: &Limits,
) -> Result<(Source, Compiled)> {
    let source = read(path, limits)?;
    let compiled = Compiled::compile(&source.document, &source.files, library, limits)
        .map_err(|error| Failure::usage(at(path, &error)))?;
    Ok((source, compiled))
}

/// Each line of an error with the file that it is about.
fn at(path: &Path, error: &dyn std::fmt::Display) -> String {
    let lines: Vec<String> = error
        .to_string()
        .lines()
        .enumerate()
        .map(|(number, line)| match (placed(line), number) {
            (true, _) => format!("{}:{line}", path.display()),
            (false, 0) => format!("{}: {line}", path.display()),
            (false, _) => format!("  {line}"),
        })
        .collect();
    lines.join("\n")
}

/// Whether a line says where it is about, as `LINE:COLUMN: …`.
fn placed(line: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let mut parts = line.split(':');
    parts.next().is_some_and(number) && parts.next().is_some_and(number)
}
