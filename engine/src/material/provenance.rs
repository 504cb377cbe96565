//! SLSA provenance v0.2 and v1, in an in-toto attestation.

use serde_json::Value;

use super::json::{Outline, shown};
use super::{Kind, Problem, Reading, Row, Sign, statement};
use crate::Limits;

pub(super) const ROW: Row =
    Row { kind: Kind::SlsaProvenance, name: "slsa-provenance", sign: Sign::Json(recognise), read };

const V0_2: &str = "https://slsa.dev/provenance/v0.2";
const V1: &str = "https://slsa.dev/provenance/v1";

/// The places where a version keeps what both have.
struct Layout {
    builder: &'static str,
    build_type: &'static str,
    inputs: &'static str,
    /// Objects that have to be there.
    objects: &'static [&'static str],
}

const LAYOUT_V0_2: Layout =
    Layout { builder: "/builder/id", build_type: "/buildType", inputs: "/materials", objects: &[] };
const LAYOUT_V1: Layout = Layout {
    builder: "/runDetails/builder/id",
    build_type: "/buildDefinition/buildType",
    inputs: "/buildDefinition/resolvedDependencies",
    objects: &["/buildDefinition/externalParameters"],
};

/// An attestation whose predicate is provenance of any version, so that reading it names the wrong ones.
pub(super) fn recognise(outline: &Outline, bytes: &[u8]) -> bool {
    statement::is_attestation(outline)
        && statement::predicate_type(bytes)
            .is_some_and(|kind| kind.starts_with("https://slsa.dev/provenance/"))
}

/// The signature is *not* verified here, and the facts say so.
fn read<'a>(bytes: &'a [u8], limits: &Limits) -> Reading<'a> {
    let (mut reading, statement) = statement::read(bytes, limits);
    let Some(statement) = statement else { return reading };
    let layout = match statement.predicate_type.as_str() {
        V0_2 => LAYOUT_V0_2,
        V1 => LAYOUT_V1,
        other => {
            let message = format!("`{}` is neither `{V1}` nor `{V0_2}`", shown(other));
            reading.problems.push(Problem::at("/predicateType", message));
            return reading;
        }
    };
    layout.judge(&statement.predicate, &mut reading);
    reading
}

impl Layout {
    fn judge(&self, predicate: &Value, reading: &mut Reading<'_>) {
        for (fact, place) in [("builder_id", self.builder), ("build_type", self.build_type)] {
            match predicate.pointer(place).and_then(Value::as_str) {
                Some(text) if !text.is_empty() => reading.fact(fact, text),
                _ => reading.problems.push(Self::missing(place, "a text")),
            }
        }
        for place in self.objects {
            if !predicate.pointer(place).is_some_and(Value::is_object) {
                reading.problems.push(Self::missing(place, "an object"));
            }
        }
        match predicate.pointer(self.inputs) {
            None | Some(Value::Null) => {}
            Some(Value::Array(inputs)) => reading.fact("inputs", inputs.len()),
            Some(_) => reading.problems.push(Self::missing(self.inputs, "an array")),
        }
    }

    fn missing(place: &str, wanted: &str) -> Problem {
        Problem::at(format!("/predicate{place}"), format!("provenance needs {wanted} here"))
    }
}
