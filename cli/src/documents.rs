//! Contracts and gates on disk, with the files that they name beside themselves.

use std::io;
use std::path::{Component, Path};

use engine::contract::{Compiled, files_named};
use engine::document::Document;
use engine::policy::{Files, Library};
use engine::{Limits, Timestamp, TrustRoot, TrustRule, Waiver};

use crate::evidence::read_bounded;
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
    let bytes = read_bounded(path, limits.document_bytes_max)
        .map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))?;
    let wrong = |error: &dyn std::fmt::Display| Failure::usage(at(path, error));
    let document = Document::parse_bytes(&bytes, limits).map_err(|error| wrong(&error))?;
    let text = String::from_utf8(bytes).map_err(|error| wrong(&error))?;
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let mut files = Files::new();
    for name in files_named(document.value()) {
        refuse_outside(path, &name)?;
        // A file that is not there is reported by the compiler, with the line that names it.
        if let Ok(text) = read_text(&folder.join(&name), limits) {
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
        if is_beside(&inner)
            && let Ok(text) = read_text(&folder.join(&inner), limits)
        {
            files.insert(inner, text);
        }
    }
}

/// What a document names is read here and sent to the server, so that it may not reach out of its folder.
fn refuse_outside(path: &Path, name: &str) -> Result<()> {
    if is_beside(name) {
        return Ok(());
    }
    let message = format!("the file `{name}` does not lie beside this document or below it");
    Err(Failure::usage(at(path, &message)).with_hint("move it there, and name it without `..`"))
}

fn is_beside(name: &str) -> bool {
    Path::new(name)
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

fn read_text(path: &Path, limits: &Limits) -> io::Result<String> {
    let bytes = read_bounded(path, limits.document_bytes_max)?;
    String::from_utf8(bytes).map_err(io::Error::other)
}

/// Reads and compiles a contract; says everything that is wrong with it.
pub(crate) fn contract(
    path: &Path,
    library: &Library,
    limits: &Limits,
) -> Result<(Source, Compiled)> {
    let source = read(path, limits)?;
    let compiled = compile(path, &source, library, limits)?;
    Ok((source, compiled))
}

/// Compiles a contract that was read; says everything that is wrong with it.
pub(crate) fn compile(
    path: &Path,
    source: &Source,
    library: &Library,
    limits: &Limits,
) -> Result<Compiled> {
    Compiled::compile(&source.document, &source.files, library, limits)
        .map_err(|error| Failure::usage(at(path, &error)))
}

/// Reads a waiver; one that does not say when it starts starts at `from`.
pub(crate) fn waiver(path: &Path, from: Timestamp, limits: &Limits) -> Result<Waiver> {
    let source = read(path, limits)?;
    Waiver::parse(&source.document, from).map_err(|error| Failure::usage(at(path, &error)))
}

/// Reads a trust rule.
pub(crate) fn trust_rule(path: &Path, limits: &Limits) -> Result<TrustRule> {
    let source = read(path, limits)?;
    TrustRule::parse(&source.document).map_err(|error| Failure::usage(at(path, &error)))
}

/// Reads a trust root.
pub(crate) fn trust_root(path: &Path, limits: &Limits) -> Result<TrustRoot> {
    let source = read(path, limits)?;
    TrustRoot::parse(&source.document).map_err(|error| Failure::usage(at(path, &error)))
}

/// Each line of an error with the file that it is about.
pub(crate) fn at(path: &Path, error: &dyn std::fmt::Display) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_cannot_bring_files_from_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret.json");
        let contract = folder.path().join("inner/contract.yaml");
        std::fs::create_dir_all(contract.parent().unwrap()).unwrap();
        std::fs::write(&secret, "{}").unwrap();
        std::fs::write(folder.path().join("inner/beside.json"), "{}").unwrap();
        for (name, good) in [
            ("beside.json", true),
            ("./beside.json", true),
            ("../secret.json", false),
            ("a/../../secret.json", false),
            (secret.to_str().unwrap(), false),
        ] {
            std::fs::write(&contract, format!("policies: [{{ use: {name} }}]")).unwrap();
            let read = read(&contract, &Limits::DEFAULT);
            assert_eq!(
                read.as_ref().is_ok_and(|source| !source.files.is_empty()),
                good,
                "{name}: {read:?}"
            );
        }
    }
}
