//! Which crate may use which.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{cargo, none, rust_files};

/// What each of our crates may use of ours. What is absent is forbidden.
const EDGES: [(&str, &[&str]); 9] = [
    ("engine", &[]),
    ("trust", &["engine"]),
    ("policies", &[]),
    ("api-types", &["engine"]),
    ("control", &["engine", "trust", "policies"]),
    ("graphql", &["engine", "control"]),
    ("api", &["engine", "trust", "policies", "api-types", "control", "graphql"]),
    ("cli", &["engine", "trust", "policies", "api-types", "control", "graphql", "api"]),
    ("testdata", &["engine", "trust"]),
];

/// Heavy dependencies and the only crates whose code may use them; `*` ends a prefix.
const HOMES: [(&str, &[&str]); 21] = [
    ("regorus", &["engine"]),
    ("jsonschema", &["engine"]),
    ("sigstore*", &["trust"]),
    ("x509-cert", &["trust"]),
    ("rcgen", &["trust"]),
    ("cms", &["trust"]),
    ("aws-lc-rs", &["trust", "testdata"]),
    ("sea-orm", &["control"]),
    ("sea-orm-migration", &["control"]),
    ("sqlx", &["control"]),
    ("oci-*", &["control"]),
    ("object_store", &["control"]),
    ("async-graphql*", &["graphql", "api"]),
    // The command line waits on the loopback for the browser of who logs in.
    ("axum*", &["api", "cli"]),
    ("tower-http", &["api"]),
    ("clap*", &["cli"]),
    ("jsonwebtoken", &["trust", "testdata"]),
    ("lettre", &["control"]),
    ("oauth2", &["cli"]),
    ("reqwest", &["cli", "control"]),
    ("indicatif", &["cli"]),
];

/// Library names and the beginnings of the only source paths that may use them.
const SOURCES: [(&str, &str); 5] = [
    ("regorus", "engine/src/rego"),
    ("jsonschema", "engine/src/schema"),
    ("sea_orm", "api/control/src/store"),
    ("sea_orm_migration", "api/control/src/store"),
    ("sqlx", "api/control/src/store"),
];

/// Crates that would mean a second TLS or crypto library.
const BANNED: [&str; 5] = ["openssl", "openssl-sys", "native-tls", "ring", "openssl-src"];

struct Dependency {
    from: String,
    to: String,
    development: bool,
}

fn dependencies() -> Vec<Dependency> {
    let metadata = cargo(&["metadata", "--no-deps", "--offline", "--format-version", "1"]);
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    let mut found = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        for dependency in package["dependencies"].as_array().unwrap() {
            found.push(Dependency {
                from: package["name"].as_str().unwrap().to_owned(),
                to: dependency["name"].as_str().unwrap().to_owned(),
                development: dependency["kind"] == "dev",
            });
        }
    }
    assert!(!found.is_empty(), "cargo metadata lists no dependencies");
    found
}

#[test]
fn our_crates_use_only_what_the_table_allows() {
    let allowed = BTreeMap::from(EDGES);
    let ours = |name: &str| allowed.contains_key(name);
    let mut breaches = Vec::new();
    for Dependency { from, to, development } in dependencies() {
        let Some(may) = allowed.get(from.as_str()) else {
            breaches.push(format!("{from} is not in EDGES"));
            continue;
        };
        let for_tests = development && to == "testdata";
        if ours(&to) && !may.contains(&to.as_str()) && !for_tests {
            breaches.push(format!("{from} uses {to}"));
        }
    }
    none(&breaches, "remove the dependency, or move the code to a crate that may have it");
}

#[test]
fn heavy_dependencies_stay_in_their_crate() {
    let mut breaches = Vec::new();
    for Dependency { from, to, development } in dependencies() {
        let home = HOMES.iter().find(|(pattern, _)| matches(pattern, &to));
        if let Some((_, crates)) = home
            && !development
            && !crates.contains(&from.as_str())
        {
            breaches.push(format!("{from} uses {to}, which belongs to {}", crates.join(", ")));
        }
    }
    none(&breaches, "ask the owning crate for what is needed instead");
}

fn matches(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |prefix| name.starts_with(prefix))
}

#[test]
fn libraries_are_named_only_behind_their_own_module() {
    let mut breaches = Vec::new();
    for file in rust_files().iter().filter(|file| file.path.contains("/src/")) {
        for (library, home) in SOURCES {
            if file.path.starts_with(home) {
                continue;
            }
            let lines = file.text.lines().enumerate();
            let naming = lines.filter(|(_, line)| names(line, library));
            breaches
                .extend(naming.map(|(at, _)| format!("{}:{} names {library}", file.path, at + 1)));
        }
    }
    none(&breaches, "keep the library behind its module (SOURCES) and use that module's types");
}

/// Whether a line of code uses the library: `library::` or `use library`.
fn names(line: &str, library: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    code.match_indices(library).any(|(at, _)| {
        let (before, rest) = code.split_at(at);
        let after = rest.trim_start_matches(library);
        let whole = !before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let imported = before.trim_end().ends_with("use") && after.starts_with([';', ' ']);
        whole && (after.starts_with("::") || imported)
    })
}

#[test]
fn a_name_counts_only_as_a_path() {
    for (line, expected) in [
        ("use regorus::Engine;", true),
        ("    let engine = regorus::Engine::new();", true),
        ("use regorus as engine;", true),
        ("// regorus::Engine is wrapped", false),
        ("let engine = \"regorus 0.14\";", false),
        ("use my_regorus::Engine;", false),
    ] {
        assert_eq!(names(line, "regorus"), expected, "{line}");
    }
    assert!(!names("use sea_orm_migration::prelude;", "sea_orm"));
}

#[test]
fn one_crypto_library_is_built() {
    // The lock file also lists `ring`, as what two crates could use; whether anything builds it, the tree says.
    let tree =
        cargo(&["tree", "--workspace", "--locked", "--offline", "--prefix=none", "--format={p}"]);
    let built: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(built.contains(&"serde_json"), "cargo tree lists no dependencies");
    let mut breaches: Vec<String> = BANNED
        .iter()
        .filter(|banned| built.contains(banned))
        .map(|banned| format!("{banned}: see `cargo tree --workspace --invert {banned}`"))
        .collect();
    let lock = std::fs::read_to_string(crate::root().join("Cargo.lock")).unwrap();
    let locked = BANNED.iter().filter(|name| **name != "ring");
    let locked = locked.filter(|name| lock.contains(&format!("name = \"{name}\"\n")));
    breaches.extend(locked.map(|name| format!("{name} is in Cargo.lock")));
    none(&breaches, "choose features so that aws-lc-rs and rustls are the only ones");
}
