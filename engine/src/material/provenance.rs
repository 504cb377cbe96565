//! SLSA provenance v0.2 and v1, in an in-toto attestation.

use std::collections::BTreeSet;

use serde_json::Value;

use super::json::{Outline, shown};
use super::{Kind, Problem, Reading, Row, Sign, statement};
use crate::{Digest, Limits};

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

/// What provenance says that something was made from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProvenanceInputs {
    /// Anything that has a SHA-256 digest.
    pub artifacts: BTreeSet<Digest>,
    /// Source commits, by their object id.
    pub commits: BTreeSet<String>,
}

/// What the provenance says that its subjects were made from; nothing when it is no provenance of a version that is known.
pub fn provenance_inputs(predicate_type: &str, predicate: &Value) -> ProvenanceInputs {
    let layout = match predicate_type {
        V0_2 => LAYOUT_V0_2,
        V1 => LAYOUT_V1,
        _ => return ProvenanceInputs::default(),
    };
    let mut inputs = ProvenanceInputs::default();
    let listed = predicate.pointer(layout.inputs).and_then(Value::as_array);
    for input in listed.into_iter().flatten() {
        let digest = |name: &str| input.pointer(&format!("/digest/{name}")).and_then(Value::as_str);
        inputs.artifacts.extend(digest("sha256").and_then(|hex| Digest::from_hex(hex).ok()));
        // Older makers call the commit of a git repository by its algorithm.
        let git =
            input.get("uri").and_then(Value::as_str).is_some_and(|uri| uri.starts_with("git"));
        let commit = digest("gitCommit").or_else(|| digest("sha1").filter(|_| git));
        inputs.commits.extend(commit.filter(|id| is_object_id(id)).map(ToOwned::to_owned));
    }
    inputs
}

fn is_object_id(text: &str) -> bool {
    let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    matches!(text.len(), 40 | 64) && text.bytes().all(lower_hex)
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

#[cfg(test)]
mod inputs {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_something_was_made_from_is_found_in_either_version() {
        let (commit, digest) = ("a".repeat(40), Digest::of("base"));
        let listed = json!([
            { "uri": "git+https://github.com/acme/web", "digest": { "gitCommit": commit } },
            { "uri": "git+https://github.com/acme/old", "digest": { "sha1": "b".repeat(40) } },
            { "uri": "pkg:npm/x", "digest": { "sha1": "c".repeat(40) } },
            { "uri": "pkg:docker/base", "digest": { "sha256": digest.to_hex() } },
            { "uri": "git+https://x", "digest": { "gitCommit": "HEAD" } },
            { "digest": { "sha256": "x" } },
            7,
        ]);
        let v1 = json!({ "buildDefinition": { "resolvedDependencies": listed } });
        let v0 = json!({ "materials": listed });
        let expected = ProvenanceInputs {
            artifacts: [digest].into(),
            commits: [commit, "b".repeat(40)].into(),
        };
        assert_eq!(provenance_inputs(V1, &v1), expected);
        assert_eq!(provenance_inputs(V0_2, &v0), expected);
        assert_eq!(provenance_inputs(V1, &v0), ProvenanceInputs::default());
        assert_eq!(provenance_inputs("other", &v1), ProvenanceInputs::default());
    }
}
