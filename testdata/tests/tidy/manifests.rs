//! What each manifest must say.

use crate::{File, files, none};

/// What a member inherits instead of repeating it.
const INHERITED: [&str; 5] = ["version", "edition", "rust-version", "license", "publish"];

/// A manifest's lines that say something, each with the table it stands in.
fn lines(manifest: &File) -> Vec<(&str, &str)> {
    let mut table = "";
    let mut found = Vec::new();
    for line in manifest.text.lines().map(str::trim) {
        if line.starts_with('[') {
            table = line.trim_matches(['[', ']']);
        } else if !line.is_empty() && !line.starts_with('#') {
            found.push((table, line));
        }
    }
    found
}

fn members() -> Vec<File> {
    let members: Vec<File> =
        files().into_iter().filter(|file| file.path.ends_with("/Cargo.toml")).collect();
    assert!(members.len() >= 9, "this check looks in the wrong place");
    members
}

#[test]
fn every_member_inherits_lints_and_package_fields() {
    let mut breaches = Vec::new();
    for manifest in members() {
        let lines = lines(&manifest);
        if !lines.contains(&("lints", "workspace = true")) {
            breaches.push(format!("{}: [lints] workspace = true", manifest.path));
        }
        for field in INHERITED {
            let line = format!("{field}.workspace = true");
            if !lines.contains(&("package", line.as_str())) {
                breaches.push(format!("{}: [package] {line}", manifest.path));
            }
        }
    }
    none(&breaches, "add these lines");
}

#[test]
fn every_dependency_of_a_member_is_the_workspaces() {
    let mut breaches = Vec::new();
    for manifest in members() {
        for (table, line) in lines(&manifest) {
            let inherited =
                line.contains(".workspace = true") || line.contains("{ workspace = true");
            if table.ends_with("dependencies") && !inherited {
                breaches.push(format!("{}: {line}", manifest.path));
            } else if table.contains("dependencies.") {
                breaches.push(format!("{}: [{table}] is a table of its own", manifest.path));
            }
        }
    }
    none(&breaches, "write `name.workspace = true` here and the version in the root Cargo.toml");
}

#[test]
fn every_shared_dependency_names_its_features() {
    let files = files();
    let root = files.iter().find(|file| file.path == "Cargo.toml").unwrap();
    let shared: Vec<&str> = lines(root)
        .into_iter()
        .filter(|(table, _)| *table == "workspace.dependencies")
        .map(|(_, line)| line)
        .collect();
    assert!(shared.len() > 20, "this check looks in the wrong place");
    let breaches: Vec<String> = shared
        .into_iter()
        .filter(|line| !line.contains("default-features = false") && !line.contains("{ path = "))
        .map(str::to_owned)
        .collect();
    none(&breaches, "say `default-features = false`, on one line, and list the features needed");
}
