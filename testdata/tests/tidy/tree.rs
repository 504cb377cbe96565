//! What lies where in the workspace, and what no file may say.

use std::collections::BTreeSet;
use std::fs;

use crate::{File, files, none, root};

/// The visible root; `target` is there once something was built.
const VISIBLE: [&str; 11] = [
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "api",
    "cli",
    "engine",
    "graphql",
    "policies",
    "rust-toolchain.toml",
    "testdata",
];

/// Folders of the machines that this was made on. In pieces, so that this file does not contain them.
const MACHINE_PATHS: [&str; 2] = [concat!("/wo", "rk/"), concat!("/tmp/", "bash_jobs")];

/// Hosts of package registries: what is built must not depend on one being reachable.
const REGISTRY_HOSTS: [&str; 4] = [
    concat!("crates", ".io"),
    concat!("pypi", ".org"),
    concat!("proxy.golang", ".org"),
    concat!("registry.npm", "js"),
];

#[test]
fn the_visible_root_is_the_agreed_list() {
    let there: BTreeSet<String> = fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.') && name != "target")
        .collect();
    let agreed = BTreeSet::from(VISIBLE.map(str::to_owned));
    let missing = agreed.difference(&there).map(|name| format!("{name} is missing"));
    let strange = there.difference(&agreed).map(|name| format!("{name} does not belong here"));
    let breaches: Vec<String> = missing.chain(strange).collect();
    none(&breaches, "the visible root is fixed: move new things into one of its folders");
}

#[test]
fn no_file_names_a_machine_or_a_package_registry() {
    let mut breaches = Vec::new();
    for file in files() {
        // Real evidence keeps the hosts that its makers wrote.
        let evidence = file.path.starts_with("testdata/materials/");
        let hosts = if evidence { [].as_slice() } else { &REGISTRY_HOSTS };
        for (at, line) in file.text.lines().enumerate() {
            if file.path == "Cargo.lock" && line.starts_with("source = ") {
                continue;
            }
            let found = MACHINE_PATHS.iter().chain(hosts).filter(|text| line.contains(**text));
            breaches.extend(found.map(|text| format!("{}:{} has {text}", file.path, at + 1)));
        }
    }
    none(&breaches, "say it without the path or host");
}

#[test]
fn every_material_is_accounted_for() {
    let files = files();
    let readme = files.iter().find(|file| file.path == "testdata/README.md").unwrap();
    let rows = accounted(&readme.text);
    let materials: Vec<&str> =
        files.iter().filter_map(|file| file.path.strip_prefix("testdata/materials/")).collect();
    assert!(!materials.is_empty(), "this check looks in the wrong place");
    let covers =
        |row: &str, path: &str| row == path || (row.ends_with('/') && path.starts_with(row));
    let unnamed = materials.iter().filter(|path| !rows.iter().any(|row| covers(row, path)));
    let absent = rows.iter().filter(|row| !materials.iter().any(|path| covers(row, path)));
    let breaches: Vec<String> = unnamed
        .map(|path| format!("{path} has no row"))
        .chain(absent.map(|row| format!("{row} is not there")))
        .collect();
    none(
        &breaches,
        "give each file a row in testdata/README.md: `kind/name`, what, maker, date, licence",
    );
}

/// The first cells of the table rows: `kind/file`, or `kind/folder/` for all that is in it.
fn accounted(readme: &str) -> Vec<&str> {
    let cells = readme.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    cells.filter(|cell| cell.trim_end_matches('/').contains('/')).collect()
}

#[test]
fn a_whole_kind_cannot_be_accounted_for_in_one_row() {
    let readme =
        "| `sarif/` | all |\n| `sarif/one.json` | x |\n| `image/layout/` | y |\ntext `a/b`";
    assert_eq!(accounted(readme), ["sarif/one.json", "image/layout/"]);
}

#[test]
fn nothing_is_left_for_later() {
    const WORDS: [&str; 5] = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("unimplemented", "!"),
        concat!("todo", "!"),
        concat!("#[", "ignore"),
    ];
    let mut breaches = Vec::new();
    let ours =
        |file: &&File| !file.path.starts_with("testdata/materials/") && file.path != "Cargo.lock";
    for file in files().iter().filter(ours) {
        for (at, line) in file.text.lines().enumerate() {
            let found = WORDS.iter().filter(|word| line.contains(**word));
            breaches.extend(found.map(|word| format!("{}:{} has {word}", file.path, at + 1)));
        }
    }
    none(&breaches, "do it now, or return an error that says it is not supported");
}
