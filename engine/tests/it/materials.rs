//! Evidence: recognised, validated, projected.

mod archives;
mod attestations;
mod good;
mod hostile;
mod refused;

use std::path::Path;

use engine::material::{Reading, read};
use engine::{Kind, Limits};
use serde_json::Value;

/// A real file, made by a real tool.
#[expect(clippy::disallowed_methods, reason = "tests read fixtures")]
fn real(path: &str) -> Vec<u8> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/materials"));
    std::fs::read(root.join(path)).unwrap()
}

fn read_default(kind: Kind, bytes: &[u8]) -> Reading<'_> {
    read(kind, bytes, &Limits::DEFAULT)
}

/// What policies see.
fn seen(reading: &Reading<'_>) -> Value {
    serde_json::from_slice(reading.json.as_ref().unwrap()).unwrap()
}

/// The problems as `pointer: message` lines.
fn problems(reading: &Reading<'_>) -> Vec<String> {
    reading.problems.iter().map(|p| format!("{}: {}", p.pointer, p.message)).collect()
}

/// A document with one value set, or removed when it is `null`.
fn with(document: &Value, pointer: &str, value: Value) -> Vec<u8> {
    let mut document = document.clone();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = document.pointer_mut(parent).unwrap();
    match parent {
        Value::Object(map) if value.is_null() => drop(map.remove(key).unwrap()),
        Value::Object(map) => drop(map.insert(key.to_owned(), value)),
        other => other[key.parse::<usize>().unwrap()] = value,
    }
    serde_json::to_vec(&document).unwrap()
}
