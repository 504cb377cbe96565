//! What reading a material found.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Facts, Kind, ROWS};
use crate::Limits;

/// A way in which a material breaks the format it claims to have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Problem {
    /// Where, as a JSON Pointer into what policies see; empty for the whole material.
    pub pointer: String,
    /// What is wrong.
    pub message: String,
}

impl Problem {
    /// A problem with the value at `pointer`.
    pub(super) fn at(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), message: message.into() }
    }

    /// A problem with the whole material.
    pub(super) fn whole(message: impl Into<String>) -> Self {
        Self::at("", message)
    }
}

/// What reading a material found.
#[derive(Debug, Default)]
pub struct Reading<'a> {
    /// What was learned from the content: tool, component, counts …
    pub facts: Facts,
    /// How the material breaks its format; with any, it is not acceptable evidence of its kind.
    pub problems: Vec<Problem>,
    /// The limit that stopped the reading, with the sizes; then nothing was judged, and nothing may pass.
    pub undecided: Option<String>,
    /// The JSON that policies see: the bytes of a JSON material, a projection of any other.
    /// `None` when the material is unreadable or opaque.
    pub json: Option<Cow<'a, [u8]>>,
}

impl Reading<'_> {
    /// A material that could not be read at all.
    pub(super) fn unreadable(problem: Problem) -> Self {
        Self { problems: vec![problem], ..Self::default() }
    }

    /// A material that is over a limit.
    pub(super) fn over(limit: String) -> Self {
        Self { undecided: Some(limit), ..Self::default() }
    }

    /// Notes a fact.
    pub(super) fn fact(&mut self, name: &str, value: impl Into<Value>) {
        self.facts.insert(name.to_owned(), value.into());
    }

    /// Notes a fact when it is known.
    pub(super) fn fact_if(&mut self, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.fact(name, value);
        }
    }

    /// Notes `{name, version}` of a tool or component when its name is known.
    pub(super) fn named(&mut self, fact: &str, name: Option<&str>, version: Option<&str>) {
        let Some(name) = name else { return };
        let mut value = serde_json::Map::new();
        value.insert("name".to_owned(), name.into());
        if let Some(version) = version {
            value.insert("version".to_owned(), version.into());
        }
        self.fact(fact, value);
    }

    /// Keeps the first `limits.findings_max` problems, and says how many there were.
    fn bounded(mut self, limits: &Limits) -> Self {
        let found = self.problems.len();
        if found > limits.findings_max {
            self.problems.truncate(limits.findings_max.saturating_sub(1));
            self.problems
                .push(Problem::whole(format!("{found} problems, of which the first are shown")));
        }
        self
    }
}

/// Reads a material of a known kind: what is wrong with it, what is known about it, what policies see.
///
/// Evidence larger than `limits.evidence_bytes_max` is not read but undecided; an artifact is opaque, and has no such limit.
pub fn read<'a>(kind: Kind, bytes: &'a [u8], limits: &Limits) -> Reading<'a> {
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if kind != Kind::Artifact && size > limits.evidence_bytes_max {
        return Reading::over(format!(
            "{kind} of {size} bytes is over the limit evidence_bytes_max of {}",
            limits.evidence_bytes_max
        ));
    }
    ROWS.iter()
        .find(|row| row.kind == kind)
        .map_or_else(
            || Reading::unreadable(Problem::whole(format!("the kind {kind} has no reader"))),
            |row| (row.read)(bytes, limits),
        )
        .bounded(limits)
}
