//! Waivers: named violations that somebody accepts, for a reason, until a date.
//!
//! A waiver accepts violations and nothing else: what could not be decided stays undecided whoever accepts it. What it
//! accepts stays in the record as waived, beside the digest of the waiver.

mod applied;
mod matching;

pub use applied::{Applied, Standing, Waived};
pub(crate) use applied::{Run, Waivers};
use semver::VersionReq;
use serde::{Deserialize, Serialize};

use crate::canonical::{self, CanonicalError};
use crate::document::{Diagnostic, Document, InvalidDocument, Metadata};
use crate::id::TokenId;
use crate::{Digest, Name, Timestamp, schema};

/// Longest life of a waiver, in days: a year that has a leap day.
pub const DAYS_MAX: i64 = 366;
/// Most waivers that one judgement takes, and that an organization may have in force.
pub const WAIVERS_MAX: usize = 1_000;
/// The predicate type of a signed approval.
pub const TYPE: &str = "https://muster.dev/waiver/v1";

/// A waiver as its author wrote it, checked against its schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// Its name.
    pub name: Name,
    /// Why the violations are accepted.
    pub reason: String,
    /// From when on it holds.
    pub starts_at: Timestamp,
    /// From when on it does not hold any more.
    pub expires_at: Timestamp,
    /// Where it holds.
    pub on: Target,
    /// Which violations it accepts.
    pub accepts: Vec<Acceptance>,
}

/// Where a waiver holds; everything that is said must be so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// In the whole organization.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub everywhere: bool,
    /// In the runs of this project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<Name>,
    /// In the runs of this workflow of the project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<Name>,
    /// About these digests: a material that is judged, or all outputs of the run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<Digest>,
}

/// Violations of one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acceptance {
    /// The policy's name; `contract` for the contract's own demands.
    pub policy: Name,
    /// The rule, as violations name it.
    pub rule: String,
    /// Only those violations whose `code`, or whose every `data.term`, is one of these; all when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub terms: Vec<String>,
    /// Only those violations that are about this component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<Component>,
}

/// A component of an artifact, in some of its versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// What violations call it in `data.component`.
    pub name: String,
    /// The one version, as `data.version` has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The versions ([semantic versioning](https://semver.org)), such as `>=1.2.0, <2.0.0`. A `data.version` of
    /// another form is in no range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<String>,
}

/// What an approver signs: the predicate of the statement about a waiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The organization in which it holds.
    pub organization: Name,
    /// The waiver.
    pub waiver: Waiver,
    /// Its revision.
    pub revision: u32,
    /// Who asked for it.
    pub requested_by: Party,
    /// Who approves it; never the one who asked.
    pub approved_by: Party,
}

/// Someone, by the token that they showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Party {
    /// The token's identifier.
    pub token: TokenId,
    /// Its name.
    pub name: Name,
}

#[derive(Deserialize)]
struct WaiverDocument {
    metadata: Metadata,
    spec: Spec,
}

#[derive(Deserialize)]
struct Spec {
    reason: String,
    starts_at: Option<String>,
    expires_at: String,
    on: Target,
    accepts: Vec<Acceptance>,
}

impl Waiver {
    /// Reads a `kind: Waiver` document and says everything that is wrong with it. One that does not say when it starts
    /// starts at `from`.
    pub fn parse(document: &Document, from: Timestamp) -> Result<Self, InvalidDocument> {
        schema::check(&schema::WAIVER_FORM, document)?;
        let WaiverDocument { metadata, spec } = serde_json::from_value(document.value().clone())
            .map_err(|error| document.diagnostic("", error.to_string()))?;
        let time = |member: &str, text: &str| {
            let at = format!("/spec/{member}");
            text.parse::<Timestamp>().map_err(|error| document.diagnostic(&at, error.to_string()))
        };
        let starts_at =
            spec.starts_at.as_deref().map(|text| time("starts_at", text)).transpose()?;
        let waiver = Self {
            name: metadata.name,
            reason: spec.reason,
            starts_at: starts_at.unwrap_or(from),
            expires_at: time("expires_at", &spec.expires_at)?,
            on: spec.on,
            accepts: spec.accepts,
        };
        InvalidDocument::unless_empty(waiver.problems(document))?;
        Ok(waiver)
    }

    /// The digest of the canonical form.
    pub fn digest(&self) -> Result<Digest, CanonicalError> {
        canonical::digest(self)
    }

    /// Whether it could hold in runs of this workflow. Digests are compared when there is evidence.
    pub fn covers(&self, project: &Name, workflow: &Name) -> bool {
        self.on.project.as_ref().is_none_or(|named| named == project)
            && self.on.workflow.as_ref().is_none_or(|named| named == workflow)
    }

    /// What a schema cannot say.
    fn problems(&self, document: &Document) -> Vec<Diagnostic> {
        let mut problems = Vec::new();
        let mut wrong = |at: &str, message: &str, hint: &str| {
            problems.push(document.diagnostic(at, message).with_hint(hint));
        };
        let (start, end) = (self.starts_at, self.expires_at);
        if end <= start {
            let message = format!("it would end at {end}, before it starts at {start}");
            wrong("/spec/expires_at", &message, "move one of the two");
        } else if end > start.plus_days(DAYS_MAX) {
            let message = format!("it would live longer than the limit of {DAYS_MAX} days");
            wrong("/spec/expires_at", &message, "ask again when it ends");
        }
        let Target { everywhere, project, workflow, subjects } = &self.on;
        if *everywhere && (project.is_some() || workflow.is_some() || !subjects.is_empty()) {
            wrong("/spec/on", "`everywhere` stands alone", "remove it, or everything else");
        }
        if workflow.is_some() && project.is_none() {
            wrong("/spec/on/workflow", "a workflow is one of a project", "add `project`");
        }
        for (index, accepts) in self.accepts.iter().enumerate() {
            let Some(component) = &accepts.component else { continue };
            let at = format!("/spec/accepts/{index}/component");
            if component.version.is_some() && component.range.is_some() {
                wrong(&at, "`version` and `range` exclude each other", "remove one of the two");
            }
            let range = component.range.as_deref().map(VersionReq::parse);
            if let Some(Err(error)) = range {
                let message = format!("this is not a range of versions: {error}");
                wrong(&format!("{at}/range"), &message, "write it as `>=1.2.0, <2.0.0`");
            }
        }
        problems
    }
}
