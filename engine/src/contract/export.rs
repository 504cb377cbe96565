//! A contract as a bundle for a stock Rego engine: the same modules, the same data, the same verdict.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::json;

use super::{Compiled, Selector};
use crate::Timestamp;
use crate::evaluation::Mode;

/// Why a contract cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Two policies share a Rego package.
    #[error(
        "two policies of this contract use the Rego package `{0}`, which one bundle cannot hold: rename one"
    )]
    SharedPackage(String),
    /// A policy uses a Rego package that the bundle itself fills.
    #[error(
        "a policy of this contract uses the Rego package `{0}`, which the bundle fills itself: rename it"
    )]
    ReservedPackage(String),
    /// The data document cannot be written.
    #[error("the contract has no JSON form")]
    Json(#[from] serde_json::Error),
}

/// The files of a bundle, by path.
///
/// They are the modules, `data.json`, and `verdict.rego`, which gathers what the modules say into
/// `data.muster.verdict.verdict`. Its input is the run view, with the content of each material under `content`
/// ([`Plan::opa_input`](crate::judge::Plan::opa_input)). Evaluate it with `--strict-builtin-errors`: a policy that fails
/// to run must not look like one that found nothing. The limits of Muster do not exist there.
pub fn opa_bundle(
    contract: &Compiled,
    at: Timestamp,
) -> Result<BTreeMap<String, String>, ExportError> {
    let mut files = BTreeMap::new();
    let mut attachments = Vec::new();
    let mut rules = BTreeMap::new();
    for module in &contract.modules {
        files.insert(format!("contract/{}", module.path), module.source.clone());
    }
    for (index, attachment) in contract.attachments.iter().enumerate() {
        let folder = format!("policies/{index}-{}", attachment.policy.name);
        for module in &attachment.policy.modules {
            let file = module.path.rsplit('/').next().unwrap_or(&module.path);
            files.insert(format!("{folder}/{file}"), module.source.clone());
        }
        for package in attachment.unit.packages() {
            if is_reserved(package) {
                return Err(ExportError::ReservedPackage(package.clone()));
            }
            let owner = rules.insert(package.clone(), attachment.policy.digest().ok());
            if owner.is_some_and(|owner| owner != attachment.policy.digest().ok()) {
                return Err(ExportError::SharedPackage(package.clone()));
            }
        }
        attachments.push(json!({
            "policy": attachment.policy.name,
            "arguments": attachment.arguments,
            "enforced": attachment.mode_at(at) == Mode::Enforce,
            "on": attachment.on.as_ref().map(|on| match on {
                Selector::Material(name) => json!({ "material": name }),
                Selector::Kind(kind) => json!({ "kind": kind }),
                Selector::Prefix(prefix) => json!({ "prefix": prefix }),
            }),
        }));
    }
    // The same policy attached twice is one module.
    deduplicate(&mut files);
    let data = json!({
        "contract": contract.contract,
        "muster": {
            "attachments": attachments,
            "demands_something": contract.demands_something(),
            "evaluated_at_ns": at.as_nanos(),
        },
    });
    files.insert("data.json".to_owned(), serde_json::to_string_pretty(&data)?);
    files.insert("verdict.rego".to_owned(), gather(contract));
    Ok(files)
}

/// Whether rules in this package would mix with the bundle's own rules or data.
fn is_reserved(package: &str) -> bool {
    package == "muster"
        || ["contract", "muster.contract", "muster.verdict", "muster.attachments"].iter().any(
            |own| {
                package == *own
                    || package.strip_prefix(own).is_some_and(|rest| rest.starts_with('.'))
            },
        )
}

fn deduplicate(files: &mut BTreeMap<String, String>) {
    let mut seen = BTreeSet::new();
    files.retain(|path, source| !path.starts_with("policies/") || seen.insert(source.clone()));
}

/// The module that asks every policy about its subjects and gathers the verdict.
fn gather(contract: &Compiled) -> String {
    let mut text = String::from(include_str!("verdict.rego"));
    for (number, attachment) in contract.attachments.iter().enumerate() {
        let subjects = if attachment.on.is_some() { "materials" } else { "run" };
        for rule in attachment.unit.reporting_rules() {
            let role = match rule.rsplit('.').next().unwrap_or_default() {
                "warn" => "warnings",
                "undecided" => "doubts",
                _ => "violations",
            };
            // Writing to a String cannot fail.
            let _infallible = write!(
                text,
                "\nreports contains {{\"attachment\": {number}, \"role\": \"{role}\", \"value\": value}} if {{\n\tsome document in {subjects}({number})\n\tvalue := {rule} with input as document with time.now_ns as data.muster.evaluated_at_ns\n}}\n"
            );
        }
    }
    text
}
