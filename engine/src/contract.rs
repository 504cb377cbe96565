//! Contracts: what a workflow hands over before it ships, and what must be true of it.
//!
//! Whatever form a contract is written in, it compiles to one thing, a [`Compiled`] contract: a set of Rego modules
//! and one data document, addressed by the digest of their canonical form.

mod compile;
mod diff;
mod export;

use std::collections::BTreeMap;

pub use compile::{Attachment, Compiled};
pub use diff::{Difference, differences};
pub use export::opa_bundle;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::document::{Document, InvalidDocument, Metadata};
use crate::evaluation::Mode;
use crate::material::Kind;
use crate::run::{RunnerEnvironment, RunnerKind};
use crate::{Name, Timestamp, schema};

/// A contract as its author wrote it, checked against its schema.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// Its name.
    pub name: Name,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where the workflow must run.
    #[serde(default)]
    pub runner: RunnerDemand,
    /// The environment variables to record.
    #[serde(default)]
    pub environment: EnvironmentDemand,
    /// What the job must say about the run.
    #[serde(default)]
    pub annotations: Vec<AnnotationDemand>,
    /// The evidence to hand over.
    #[serde(default)]
    pub materials: Vec<MaterialDemand>,
    /// What must be true of the evidence.
    #[serde(default)]
    pub policies: Vec<PolicyDemand>,
}

/// Where the workflow must run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunnerDemand {
    /// The CI systems that are accepted; any when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<RunnerKind>,
    /// Who must operate the machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<RunnerEnvironment>,
}

/// The environment variables to record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentDemand {
    /// Those that must be set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required: Vec<String>,
    /// Those that are recorded when they are set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub optional: Vec<String>,
}

/// One thing that the job must say about the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnnotationDemand {
    /// Its name.
    pub name: String,
    /// The fixed value; without one the job sets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// One piece of evidence to hand over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaterialDemand {
    /// Its name.
    pub name: Name,
    /// What it must be.
    pub kind: Kind,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether a run may do without it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// Whether it becomes a subject of the attestation.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub output: bool,
    /// The group of which at least one member must be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Name>,
    /// A JSON Schema that its content must satisfy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
}

/// One policy, and what it is asked to judge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyDemand {
    /// A shipped policy or a file.
    #[serde(default, rename = "use", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// A policy written in the contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Value>,
    /// Which materials it judges; the run itself when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<Selector>,
    /// Values for its inputs.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub with: Map<String, Value>,
    /// Whether it decides.
    #[serde(default)]
    pub mode: Mode,
    /// Until then `enforce` means `warn`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforce_after: Option<Timestamp>,
    /// Controls of frameworks that it contributes to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controls: Vec<String>,
}

/// Which materials a policy judges.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Selector {
    /// The one of this name.
    Material(Name),
    /// All of this kind.
    Kind(Kind),
    /// All whose name begins so.
    Prefix(String),
}

#[derive(Deserialize)]
struct ContractDocument {
    metadata: Metadata,
    spec: Value,
}

impl Contract {
    /// Reads a `kind: Contract` document and says everything that is wrong with its form.
    pub fn parse(document: &Document) -> Result<Self, InvalidDocument> {
        schema::check(&schema::CONTRACT_FORM, document)?;
        let internal = |error: serde_json::Error| document.diagnostic("", error.to_string());
        let ContractDocument { metadata, spec } =
            serde_json::from_value(document.value().clone()).map_err(internal)?;
        let mut members = match spec {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        members.insert("name".to_owned(), Value::String(metadata.name.to_string()));
        if let Some(description) = metadata.description {
            members.insert("description".to_owned(), Value::String(description));
        }
        let contract: Self = serde_json::from_value(Value::Object(members))
            .map_err(|error| document.diagnostic("/spec", error.to_string()))?;
        contract.check(document)?;
        Ok(contract)
    }

    /// The demand for a material of this name.
    pub fn material(&self, name: &Name) -> Option<&MaterialDemand> {
        self.materials.iter().find(|demand| demand.name == *name)
    }

    /// What a schema cannot say: names that are unique, policies that have exactly one source.
    fn check(&self, document: &Document) -> Result<(), InvalidDocument> {
        let mut diagnostics = Vec::new();
        let mut seen: BTreeMap<&Name, usize> = BTreeMap::new();
        for (index, demand) in self.materials.iter().enumerate() {
            if let Some(first) = seen.insert(&demand.name, index) {
                let message = format!("the material `{}` is declared a second time", demand.name);
                let line = document
                    .position(&format!("/spec/materials/{first}"))
                    .map_or(0, |position| position.line);
                diagnostics.push(
                    document
                        .diagnostic(&format!("/spec/materials/{index}/name"), message)
                        .with_hint(format!("the first is on line {line}: rename or remove one")),
                );
            }
        }
        let mut annotations = std::collections::BTreeSet::new();
        for (index, demand) in self.annotations.iter().enumerate() {
            if !annotations.insert(&demand.name) {
                let message = format!("the annotation `{}` is declared a second time", demand.name);
                diagnostics
                    .push(document.diagnostic(&format!("/spec/annotations/{index}/name"), message));
            }
        }
        for (index, demand) in self.policies.iter().enumerate() {
            let at = format!("/spec/policies/{index}");
            if demand.reference.is_some() == demand.policy.is_some() {
                let wrong = document.diagnostic(&at, "a policy needs either `use` or `policy`");
                diagnostics.push(wrong.with_hint("`use` names one, `policy` holds one"));
            }
            if let Some(Selector::Material(name)) = &demand.on
                && self.material(name).is_none()
            {
                let known = self.materials.iter().map(|demand| demand.name.as_str());
                let meant = crate::document::nearest(name.as_str(), known);
                let wrong = document.diagnostic(
                    &format!("{at}/on/material"),
                    format!("the contract has no material `{name}`"),
                );
                diagnostics.push(match meant {
                    Some(meant) => wrong.with_hint(format!("did you mean `{meant}`?")),
                    None => wrong.with_hint("declare it under `materials`"),
                });
            }
        }
        InvalidDocument::unless_empty(diagnostics)
    }
}

/// The files beside a contract, policy or gate that the document names, by the path as written there.
pub fn files_named(value: &Value) -> Vec<String> {
    let mut files = std::collections::BTreeSet::new();
    collect_files(value, &mut files);
    files.into_iter().collect()
}

fn collect_files(value: &Value, files: &mut std::collections::BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect_files(item, files)),
        Value::Object(members) => {
            for (name, value) in members {
                match (name.as_str(), value) {
                    ("use", Value::String(reference)) if crate::policy::is_file(reference) => {
                        files.insert(reference.clone());
                    }
                    ("path", Value::String(path)) if crate::policy::is_file(path) => {
                        files.insert(path.clone());
                    }
                    ("$ref", Value::String(target))
                        if !target.starts_with('#') && !target.contains("://") =>
                    {
                        let file = target.split('#').next().unwrap_or(target);
                        files.insert(file.to_owned());
                    }
                    _ => collect_files(value, files),
                }
            }
        }
        _ => {}
    }
}
