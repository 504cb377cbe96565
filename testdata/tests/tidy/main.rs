//! What the workspace holds itself to, checked by a machine so that reviewers need not.
//!
//! Each check collects every breach before it fails, and says what to do about them.

#![cfg(test)]

mod edges;
mod manifests;
mod sources;
mod tree;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The output of cargo, which must succeed.
fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).current_dir(root()).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// One file of the workspace that is ours: not built, not git's.
struct File {
    /// Relative to the root, with `/`.
    path: String,
    /// Its text; what is not UTF-8 is replaced.
    text: String,
}

/// Every file of the workspace, sorted by path.
fn files() -> Vec<File> {
    let mut files = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.ends_with("target") || path.ends_with(".git") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            let path = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            files.push(File { path, text });
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// The workspace's Rust files.
fn rust_files() -> Vec<File> {
    let files: Vec<File> = files()
        .into_iter()
        .filter(|file| Path::new(&file.path).extension().is_some_and(|it| it == "rs"))
        .collect();
    assert!(files.len() > 10, "this check looks in the wrong place");
    files
}

/// Fails with the advice and every breach on a line of its own.
fn none(breaches: &[String], advice: &str) {
    assert!(breaches.is_empty(), "{advice}:\n  {}", breaches.join("\n  "));
}
