//! Gates: may this artifact ship, and why?
//!
//! A gate is a policy over `input.artifact` and `input.lineage`. It denies through `deny`, and says through `undecided`
//! that it does not know. An artifact that nobody attested is not clean, it is unknown.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::document::{Document, InvalidDocument, Metadata};
use crate::evaluation::Violation;
use crate::lineage::{Closure, NodeKind};
use crate::policy::{self, Files, Library, Policy};
use crate::rego::{self, Unit};
use crate::{Digest, Limits, Name, Timestamp, canonical, schema};

/// A gate's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// It may ship.
    Allow,
    /// It must not.
    Deny,
    /// It cannot be told; treat it as a denial.
    Indeterminate,
}

/// A gate's answer about one artifact, with everything that decided it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// What evaluation meant.
    pub semantics: String,
    /// The artifact.
    pub artifact: Digest,
    /// The gate.
    pub gate: Name,
    /// The digest of its policy and arguments.
    pub gate_digest: Digest,
    /// The digest of the lineage that it looked at.
    pub lineage_digest: Digest,
    /// The log sequence number that the lineage is as of.
    pub as_of_seq: u64,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// The answer.
    pub answer: Answer,
    /// Why it was denied.
    pub violations: Vec<Violation>,
    /// What should be noticed.
    pub warnings: Vec<Violation>,
    /// Why it cannot be told.
    pub undecided: Vec<String>,
}

/// A gate ready to decide.
#[derive(Debug)]
pub struct Gate {
    /// Its name.
    pub name: Name,
    /// What it is for.
    pub description: Option<String>,
    /// The digest of its policy and arguments.
    pub digest: Digest,
    /// Whether an attestation that was made elsewhere will do.
    imported: bool,
    arguments: Value,
    unit: Unit,
}

#[derive(Deserialize)]
struct GateDocument {
    metadata: Metadata,
    spec: Spec,
}

#[derive(Deserialize)]
struct Spec {
    #[serde(rename = "use")]
    reference: Option<String>,
    policy: Option<Value>,
    #[serde(default)]
    imported: bool,
    #[serde(default)]
    with: Map<String, Value>,
}

impl Gate {
    /// Compiles a `kind: Gate` document.
    pub fn compile(
        document: &Document,
        files: &Files,
        library: &Library,
        limits: &Limits,
    ) -> Result<Self, InvalidDocument> {
        schema::check(&schema::GATE_FORM, document)?;
        let GateDocument { metadata, spec } = serde_json::from_value(document.value().clone())
            .map_err(|error| document.diagnostic("", error.to_string()))?;
        let wrong = |message: String| document.diagnostic("/spec", message);
        let policy = match (spec.reference, spec.policy) {
            (Some(reference), None) => {
                policy::find(&reference, &library.gates, files, limits).map_err(wrong)?
            }
            (None, Some(inline)) => Policy::parse(&Document::from_value(inline), files)?,
            _ => return Err(wrong("a gate needs either `use` or `policy`".to_owned()).into()),
        };
        let arguments = Value::Object(
            policy.arguments(&spec.with).map_err(|problems| wrong(problems.join("; ")))?,
        );
        let unit = Unit::compile(&policy.modules, &json!({}), limits).map_err(|error| {
            wrong(format!("the policy `{}` does not compile: {error}", policy.name))
        })?;
        let digest = if spec.imported {
            canonical::digest(&(rego::SEMANTICS, &policy, &arguments, "imported"))
        } else {
            canonical::digest(&(rego::SEMANTICS, &policy, &arguments))
        };
        let digest = digest.map_err(|error| wrong(error.to_string()))?;
        let Metadata { name, description } = metadata;
        Ok(Self { name, description, digest, imported: spec.imported, arguments, unit })
    }

    /// Decides about the artifact at the root of `lineage` as of `at`.
    pub fn decide(
        &self,
        lineage: &Closure,
        at: Timestamp,
        limits: &Limits,
    ) -> Result<Decision, canonical::CanonicalError> {
        let mut decision = Decision {
            semantics: rego::SEMANTICS.to_owned(),
            artifact: lineage.root,
            gate: self.name.clone(),
            gate_digest: self.digest,
            lineage_digest: canonical::digest(lineage)?,
            as_of_seq: lineage.as_of_seq,
            decided_at: at,
            answer: Answer::Indeterminate,
            violations: Vec::new(),
            warnings: Vec::new(),
            undecided: doubts(lineage, self.imported),
        };
        match self.findings(lineage, at, limits) {
            Ok(findings) => {
                decision.violations = findings.violations;
                decision.warnings = findings.warnings;
                decision.undecided.extend(findings.undecided);
            }
            Err(reason) => decision.undecided.push(reason),
        }
        decision.answer = match (decision.violations.is_empty(), decision.undecided.is_empty()) {
            (false, _) => Answer::Deny,
            (true, false) => Answer::Indeterminate,
            (true, true) => Answer::Allow,
        };
        Ok(decision)
    }

    fn findings(
        &self,
        lineage: &Closure,
        at: Timestamp,
        limits: &Limits,
    ) -> Result<rego::Findings, String> {
        let input = json!({ "artifact": { "digest": lineage.root }, "lineage": lineage, "args": self.arguments });
        self.unit.evaluate(rego::Document::from_value(&input)?, at, limits)
    }
}

/// What no gate policy can decide away: nobody attested the artifact, or part of its lineage was left out.
fn doubts(lineage: &Closure, imported: bool) -> Vec<String> {
    let mut doubts = Vec::new();
    let attested = lineage.nodes.iter().any(|node| {
        let own = node.attestation.as_ref().map(|attestation| &attestation.subjects);
        let believed = node.imported.as_ref().filter(|one| imported && one.believed);
        let subjects = own.or_else(|| believed.map(|imported| &imported.subjects));
        node.kind == NodeKind::Attestation
            && subjects.is_some_and(|subjects| subjects.contains(&lineage.root))
    });
    if !attested {
        doubts.push(format!("no attestation has {} as a subject", lineage.root));
    }
    if lineage.truncated {
        doubts.push("the lineage is larger than the limits on hops and nodes".to_owned());
    }
    if lineage.redacted > 0 {
        doubts.push(format!("{} nodes of the lineage are hidden from the asker", lineage.redacted));
    }
    doubts
}
