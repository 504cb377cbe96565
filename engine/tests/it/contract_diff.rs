//! What is different between two contracts.

use engine::Limits;
use engine::contract::{Compiled, differences};
use engine::document::Document;
use engine::policy::Files;
use serde_json::{Value, json};

use crate::support::library;

const BEFORE: &str = "
apiVersion: muster.dev/v1
kind: Contract
metadata: { name: web }
spec:
  materials:
    - { name: sbom, kind: sbom-cyclonedx-json }
    - { name: lint, kind: sarif, optional: true }
  policies:
    - { use: sbom-components, on: { material: sbom }, with: { banned: [evil] }, mode: warn }
    - { use: rules/own.rego, on: { material: lint } }
";

const OWN: &str = "package own\nimport rego.v1\ndeny contains \"x\" if input.never";

fn compiled(source: &str, own: &str) -> Compiled {
    let files: Files = [("rules/own.rego".to_owned(), own.to_owned())].into();
    let document = Document::parse(source, &Limits::DEFAULT).unwrap();
    Compiled::compile(&document, &files, &library(), &Limits::DEFAULT).unwrap()
}

/// A place with what was and is there.
type Change = (String, Value, Value);

fn change(at: &str, before: Value, after: Value) -> Change {
    (at.to_owned(), before, after)
}

fn found(after: &str, own: &str) -> Vec<Change> {
    let found = differences(&compiled(BEFORE, OWN), &compiled(after, own)).unwrap();
    let value = |value: Option<Value>| value.unwrap_or_default();
    found.into_iter().map(|one| (one.at, value(one.before), value(one.after))).collect()
}

#[test]
fn each_change_is_found_where_people_look_for_it() {
    let policy = "policies/sbom-components on sbom";
    let image = json!({ "kind": "container-image", "output": true });
    let material = "}\n    - { name: image, kind: container-image, output: true }";
    let optional = change("materials/lint/optional", json!(true), json!(null));
    let banned = (json!(["evil"]), json!(["evil", "worse"]));
    let kind = change("materials/lint/kind", json!("sarif"), json!("junit-xml"));
    let mode = change(&format!("{policy}/mode"), json!("warn"), json!("enforce"));
    let cases = [
        ("", "", vec![]),
        (
            "optional: true }",
            material,
            vec![change("materials/image", json!(null), image), optional],
        ),
        ("kind: sarif", "kind: junit-xml", vec![kind]),
        ("mode: warn", "mode: enforce", vec![mode]),
        (
            "banned: [evil]",
            "banned: [evil, worse]",
            vec![change(&format!("{policy}/with/banned"), banned.0, banned.1)],
        ),
        (
            "name: web }",
            "name: web, description: d }",
            vec![change("description", json!(null), json!("d"))],
        ),
    ];
    for (old, new, expected) in cases {
        assert_eq!(found(&BEFORE.replacen(old, new, 1), OWN), expected, "{old} -> {new}");
    }
}

#[test]
fn another_rule_behind_the_same_name_is_a_difference() {
    let other = OWN.replace("never", "always");
    let found = found(BEFORE, &other);
    let at = |name: &str| format!("policies/own on lint/{name}");
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, at("modules"));
    assert_ne!(found[0].1, found[0].2);
}

#[test]
fn what_comes_and_goes_is_told_apart() {
    let without = BEFORE.replace("    - { use: rules/own.rego, on: { material: lint } }\n", "");
    let found = found(&without, OWN);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].0.as_str(), &found[0].2), ("policies/own on lint", &Value::Null));
    assert!(found[0].1.is_object());
}
