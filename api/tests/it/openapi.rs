//! The published document is the document, and every reference in it leads somewhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

#[test]
fn the_published_document_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let document = format!("{:#}\n", api::openapi::document());
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, &document).unwrap();
    }
    let published = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        published == document,
        "openapi.json is out of date: run the test with UPDATE_EXPECT=1 and read the difference"
    );
}

#[test]
fn every_route_is_in_the_document_and_the_other_way_round() {
    let document = api::openapi::document();
    let mut described = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        described.extend(
            operations
                .as_object()
                .unwrap()
                .keys()
                .map(|method| format!("{} {path}", method.to_uppercase())),
        );
    }
    let routes: BTreeSet<String> =
        api::ROUTES.iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    assert_eq!(described, routes);
    assert_eq!(routes.len(), api::ROUTES.len(), "a route stands twice in the table");
}

#[test]
fn references_resolve_and_identifiers_are_unique() {
    let document = api::openapi::document();
    assert_eq!(document["openapi"], "3.1.0");
    let mut references = Vec::new();
    collect(&document, "$ref", &mut references);
    assert!(references.len() > 50);
    for reference in references {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
    let mut identifiers = Vec::new();
    collect(&document["paths"], "operationId", &mut identifiers);
    let unique: BTreeSet<&String> = identifiers.iter().collect();
    assert_eq!(unique.len(), identifiers.len());
    assert_eq!(identifiers.len(), api::ROUTES.len());
}

#[test]
fn every_parameter_of_a_path_is_declared() {
    let document = api::openapi::document();
    for route in api::ROUTES {
        let operation = &document["paths"][route.path][route.method.to_lowercase()];
        let declared = operation["parameters"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|one| one["in"] == "path")
            .count();
        assert_eq!(declared, route.path.matches('{').count(), "{}", route.path);
    }
}

fn collect(value: &Value, key: &str, out: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            out.extend(map.get(key).and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|value| collect(value, key, out));
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, key, out)),
        _ => {}
    }
}
