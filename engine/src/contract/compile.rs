//! From a contract to what can be evaluated.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::{Contract, PolicyDemand, Selector};
use crate::document::{Diagnostic, Document, InvalidDocument};
use crate::evaluation::Mode;
use crate::material::{Kind, Material};
use crate::policy::{self, Files, Library, Policy};
use crate::rego::{self, Module, Unit};
use crate::schema::Schema;
use crate::{Digest, Limits, Name, Timestamp, canonical};

/// A contract ready to judge runs: compile once, evaluate many.
#[derive(Debug)]
pub struct Compiled {
    /// The contract as it was written.
    pub contract: Contract,
    /// The digest of everything that decides: rules, policies, arguments, schemas and demands.
    pub digest: Digest,
    /// The digest of the policies alone.
    pub policy_set_digest: Digest,
    pub(crate) rules: Unit,
    pub(crate) rules_digest: Digest,
    pub(crate) attachments: Vec<Attachment>,
    pub(crate) schemas: BTreeMap<Name, Schema>,
    pub(crate) modules: Vec<Module>,
}

/// One policy with its arguments, and what it is asked to judge.
#[derive(Debug)]
pub struct Attachment {
    /// The policy.
    pub policy: Policy,
    /// The digest of the policy and its arguments.
    pub digest: Digest,
    /// Its arguments, defaults filled in.
    pub arguments: Value,
    /// Which materials it judges; the run itself when absent.
    pub on: Option<Selector>,
    /// Controls of frameworks that it contributes to.
    pub controls: Vec<String>,
    mode: Mode,
    enforce_after: Option<Timestamp>,
    pub(crate) unit: Unit,
}

impl Compiled {
    /// Compiles a contract document. `files` holds what it names beside itself, `library` what Muster ships.
    pub fn compile(
        document: &Document,
        files: &Files,
        library: &Library,
        limits: &Limits,
    ) -> Result<Self, InvalidDocument> {
        let contract = Contract::parse(document)?;
        let mut diagnostics = Vec::new();
        let schemas = compile_schemas(&contract, document, files, &mut diagnostics);
        let attachments = attach(&contract, document, files, library, limits, &mut diagnostics);
        InvalidDocument::unless_empty(diagnostics)?;
        let data = json!({ "contract": contract });
        let rules = Unit::compile(&library.contract, &data, limits).map_err(|error| {
            Diagnostic::whole(format!("the shipped contract rules do not compile: {error}"))
        })?;
        let internal = |error: canonical::CanonicalError| Diagnostic::whole(error.to_string());
        let rules_digest = canonical::digest(&library.contract).map_err(internal)?;
        let policies: Vec<Digest> =
            attachments.iter().map(|attachment| attachment.digest).collect();
        let policy_set_digest = canonical::digest(&(rules_digest, &policies)).map_err(internal)?;
        let referenced: BTreeMap<&str, &String> = super::files_named(document.value())
            .iter()
            .filter_map(|name| files.get_key_value(name))
            .filter(|(name, _)| !policy::is_module(name))
            .map(|(name, text)| (name.as_str(), text))
            .collect();
        let everything = Everything {
            semantics: rego::SEMANTICS,
            contract: &contract,
            policy_set: policy_set_digest,
            files: referenced,
        };
        let digest = canonical::digest(&everything).map_err(internal)?;
        Ok(Self {
            contract,
            digest,
            policy_set_digest,
            rules,
            rules_digest,
            attachments,
            schemas,
            modules: library.contract.clone(),
        })
    }

    /// The policies with what they judge, in the order of the contract.
    pub fn attachments(&self) -> &[Attachment] {
        &self.attachments
    }

    /// Whether the contract demands anything at all. One that does not proves nothing.
    pub fn demands_something(&self) -> bool {
        !self.contract.policies.is_empty()
            || self
                .contract
                .materials
                .iter()
                .any(|demand| !demand.optional || demand.group.is_some())
    }
}

/// What the digest of a contract is taken over.
#[derive(Serialize)]
struct Everything<'a> {
    semantics: &'a str,
    contract: &'a Contract,
    policy_set: Digest,
    files: BTreeMap<&'a str, &'a String>,
}

impl Attachment {
    /// Whether the policy decides at `at`, or only reports.
    pub fn mode_at(&self, at: Timestamp) -> Mode {
        match (self.mode, self.enforce_after) {
            (Mode::Enforce, Some(after)) if at < after => Mode::Warn,
            (mode, _) => mode,
        }
    }

    /// Whether this policy judges `material`.
    pub fn judges(&self, material: &Material) -> bool {
        match &self.on {
            None => false,
            Some(Selector::Material(name)) => *name == material.name,
            Some(Selector::Kind(kind)) => *kind == material.kind,
            Some(Selector::Prefix(prefix)) => material.name.as_str().starts_with(prefix),
        }
    }
}

fn compile_schemas(
    contract: &Contract,
    document: &Document,
    files: &Files,
    diagnostics: &mut Vec<Diagnostic>,
) -> BTreeMap<Name, Schema> {
    let mut schemas = BTreeMap::new();
    for (index, demand) in contract.materials.iter().enumerate() {
        let Some(source) = &demand.schema else { continue };
        match Schema::compile(source, files) {
            Ok(schema) => {
                schemas.insert(demand.name.clone(), schema);
            }
            Err(error) => {
                diagnostics.push(
                    document
                        .diagnostic(&format!("/spec/materials/{index}/schema"), error.to_string()),
                );
            }
        }
    }
    schemas
}

fn attach(
    contract: &Contract,
    document: &Document,
    files: &Files,
    library: &Library,
    limits: &Limits,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Attachment> {
    let mut attachments = Vec::new();
    for (index, demand) in contract.policies.iter().enumerate() {
        match attachment(contract, demand, files, library, limits) {
            Ok(attachment) => attachments.push(attachment),
            Err(problems) => {
                diagnostics.extend(problems.into_iter().map(|problem| {
                    // Further lines are about places in another file: they must not look like places in this one.
                    let problem = problem.replace('\n', "\n  ");
                    document.diagnostic(&format!("/spec/policies/{index}"), problem)
                }));
            }
        }
    }
    attachments
}

fn attachment(
    contract: &Contract,
    demand: &PolicyDemand,
    files: &Files,
    library: &Library,
    limits: &Limits,
) -> Result<Attachment, Vec<String>> {
    let policy = resolve(demand, files, library, limits).map_err(|problem| vec![problem])?;
    let arguments = Value::Object(policy.arguments(&demand.with)?);
    if let Some(problem) = misfit(contract, demand, &policy) {
        return Err(vec![problem]);
    }
    let unit = Unit::compile(&policy.modules, &json!({}), limits)
        .map_err(|error| vec![format!("the policy `{}` does not compile: {error}", policy.name)])?;
    let digest =
        canonical::digest(&(&policy, &arguments)).map_err(|error| vec![error.to_string()])?;
    Ok(Attachment {
        digest,
        arguments,
        on: demand.on.clone(),
        controls: demand.controls.clone(),
        mode: demand.mode,
        enforce_after: demand.enforce_after,
        unit,
        policy,
    })
}

fn resolve(
    demand: &PolicyDemand,
    files: &Files,
    library: &Library,
    limits: &Limits,
) -> Result<Policy, String> {
    match (&demand.reference, &demand.policy) {
        (Some(reference), _) => policy::find(reference, &library.policies, files, limits),
        (None, Some(inline)) => Policy::parse(&Document::from_value(inline.clone()), files)
            .map_err(|error| error.to_string()),
        (None, None) => Err("a policy needs either `use` or `policy`".to_owned()),
    }
}

/// A policy that can never judge what it is attached to is a mistake, not a pass.
fn misfit(contract: &Contract, demand: &PolicyDemand, policy: &Policy) -> Option<String> {
    let unfit = |kind: Kind| !policy.kinds.is_empty() && !policy.kinds.contains(&kind);
    let kind = match demand.on.as_ref()? {
        Selector::Material(name) => contract.material(name).map(|demand| demand.kind)?,
        Selector::Kind(kind) => *kind,
        Selector::Prefix(prefix) => {
            let any =
                contract.materials.iter().any(|demand| demand.name.as_str().starts_with(prefix));
            return (!any).then(|| {
                format!("no material of the contract has a name that begins with `{prefix}`")
            });
        }
    };
    unfit(kind).then(|| {
        let kinds: Vec<&str> = policy.kinds.iter().map(|kind| kind.name()).collect();
        format!("the policy `{}` judges {}, not {kind}", policy.name, kinds.join(" and "))
    })
}
