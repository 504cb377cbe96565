//! CycloneDX bills of materials in JSON, versions 1.4 to 1.6, each validated as the version it declares.
//!
//! The structure is checked by the types that `serde-cyclonedx` generates from the official schemas. What types
//! cannot say (licence ids, unique references, enumerated texts) is checked over a light [`Bom`] that all versions share.

mod bom;
mod rules;

use std::borrow::Cow;

use serde_cyclonedx::cyclonedx::{v_1_4, v_1_5, v_1_6};

use super::json::{self, Outline, shown};
use super::{Kind, Problem, Reading, Row, Sign};
use crate::Limits;
use bom::Bom;

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
    reading.problems.extend(structure(outline.text("specVersion"), bytes).err());
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

/// Checks the structure against the types of the declared version.
fn structure(version: Option<&str>, bytes: &[u8]) -> Result<(), Problem> {
    match version {
        Some("1.4") => json::parse::<v_1_4::CycloneDx>(bytes).map(drop),
        Some("1.5") => json::parse::<v_1_5::CycloneDx>(bytes).map(drop),
        Some("1.6") => json::parse::<v_1_6::CycloneDx>(bytes).map(drop),
        Some(other) => {
            let message = format!("`{}` is not a version that is read: 1.4, 1.5 or 1.6", shown(other));
            Err(Problem::at("/specVersion", message))
        }
        None => Err(Problem::at("/specVersion", "the version is missing or not a text")),
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
