//! CycloneDX bills of materials in JSON, versions 1.4 to 1.6, each validated as the version it declares.
//!
//! The structure is checked by the types that `serde-cyclonedx` generates from the official schemas. What types
//! cannot say (licence ids, unique references, enumerated texts) is checked over a light [`Bom`] that all versions share.

mod bom;
mod rules;
mod streamed;

use std::borrow::Cow;

use bom::Bom;
use serde_json::Value;
use streamed::{Streamed, V1_4, V1_5, V1_6};

use super::json::{self, Outline, shown};
use super::{Kind, Problem, Reading, Row, Sign};
use crate::Limits;

pub(super) const ROW: Row = Row {
    kind: Kind::SbomCycloneDxJson,
    name: "sbom-cyclonedx-json",
    sign: Sign::Json(recognise),
    read,
};

fn recognise(outline: &Outline, _: &[u8]) -> bool {
    outline.text("bomFormat") == Some("CycloneDX")
}

fn read<'a>(bytes: &'a [u8], limits: &Limits) -> Reading<'a> {
    let outline = match json::outline(bytes, limits) {
        Ok(outline) => outline,
        Err(problem) => return Reading::unreadable(problem),
    };
    let reading = json::with_stack(&outline, || judge(&outline, bytes));
    reading.unwrap_or_else(|| Reading::over(json::NO_STACK.to_owned()))
}

fn judge<'a>(outline: &Outline, bytes: &'a [u8]) -> Reading<'a> {
    let mut reading = Reading { json: Some(Cow::Borrowed(bytes)), ..Reading::default() };
    reading.problems.extend(outline.duplicates());
    if outline.text("bomFormat") != Some("CycloneDX") {
        reading.problems.push(Problem::at("/bomFormat", "it is not `CycloneDX`"));
    }
    reading.problems.extend(structure(outline, bytes).err());
    match json::parse::<Bom<'_>>(bytes) {
        Ok(bom) => {
            rules::judge(&bom, &mut reading.problems);
            note(&bom, &mut reading);
        }
        // The types refused it at the same place, and said so; else this is the only word on it.
        Err(problem) if reading.problems.is_empty() => reading.problems.push(problem),
        Err(_) => {}
    }
    reading
}

type Check = fn(&[u8]) -> Result<(), Problem>;

/// Checks the structure against the types of the declared version.
fn structure(outline: &Outline, bytes: &[u8]) -> Result<(), Problem> {
    let (version, check): (&str, Check) = match outline.text("specVersion") {
        Some("1.4") => ("1.4", |bytes| json::parse::<Streamed<V1_4>>(bytes).map(drop)),
        Some("1.5") => ("1.5", |bytes| json::parse::<Streamed<V1_5>>(bytes).map(drop)),
        Some("1.6") => ("1.6", |bytes| json::parse::<Streamed<V1_6>>(bytes).map(drop)),
        Some(other) => {
            let message = format!("`{}` is not a version that is read: 1.4 to 1.6", shown(other));
            return Err(Problem::at("/specVersion", message));
        }
        None => return Err(Problem::at("/specVersion", "it is missing or not a text")),
    };
    if let Some(key) = outline.keys().find(|key| !rules::has_key(version, key)) {
        let message = format!("CycloneDX {version} has no key `{}`", shown(key));
        return Err(Problem::at(json::pointer([key]), message));
    }
    let problem = match check(bytes) {
        Err(problem) if problem.pointer.ends_with("/signature") => problem,
        result => return result,
    };
    unsigned(bytes).map_or(Err(problem), |bytes| check(&bytes))
}

/// The document with a text in place of each signature object: `serde-cyclonedx` takes signatures for texts, and would
/// refuse every signed document. The signatures are not verified.
fn unsigned(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut document = serde_json::from_slice(bytes).ok()?;
    replace_signatures(&mut document);
    serde_json::to_vec(&document).ok()
}

fn replace_signatures(value: &mut Value) {
    match value {
        Value::Object(map) => map.iter_mut().for_each(|(key, value)| {
            if key == "signature" && value.is_object() {
                *value = Value::String(String::new());
            } else {
                replace_signatures(value);
            }
        }),
        Value::Array(items) => items.iter_mut().for_each(replace_signatures),
        _ => {}
    }
}

fn note(bom: &Bom<'_>, reading: &mut Reading<'_>) {
    reading.fact_if("spec_version", bom.spec_version.as_deref());
    reading.fact_if("serial_number", bom.serial_number.as_deref());
    reading.fact("components", bom.components_deep());
    reading.fact("dependencies", bom.dependencies.len());
    reading.fact("vulnerabilities", bom.vulnerabilities.len());
    let Some(metadata) = &bom.metadata else { return };
    reading.fact_if("timestamp", metadata.timestamp.as_deref());
    if let Some(component) = &metadata.component {
        reading.named("component", component.name.as_deref(), component.version.as_deref());
    }
    if let Some(tool) = metadata.tools.first() {
        reading.named("tool", tool.name.as_deref(), tool.version.as_deref());
    }
}
