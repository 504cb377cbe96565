//! What has to change for the organization to be what the documents say. Nothing here asks or does anything.

use std::collections::BTreeSet;
use std::fmt;

use api_types::{ContractRevision, WaiverState};
use control::DEADLINE_MINUTES;
use engine::contract::differences;
use serde::Serialize;
use serde_json::{Value, json};
use similar::{ChangeTag, TextDiff};

use super::documents::{Wanted, WantedContract};
use super::standing::Standing;
use crate::commands::contract::{compiled, difference};
use crate::exit::{Failure, Result};

/// What a change is about, in the order in which one may need those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Noun {
    Contract,
    Gate,
    Project,
    Workflow,
    TrustRoot,
    TrustRule,
    Waiver,
}

impl Noun {
    /// Where they are on the server.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Contract => "/v1/contracts",
            Self::Gate => "/v1/gates",
            Self::Project => "/v1/projects",
            Self::Workflow => "/v1/workflows",
            Self::TrustRoot => "/v1/trust-roots",
            Self::TrustRule => "/v1/trust-rules",
            Self::Waiver => "/v1/waivers",
        }
    }
}

impl fmt::Display for Noun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Contract => "contract",
            Self::Gate => "gate",
            Self::Project => "project",
            Self::Workflow => "workflow",
            Self::TrustRoot => "trust root",
            Self::TrustRule => "trust rule",
            Self::Waiver => "waiver",
        })
    }
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Action {
    Create,
    Update,
    /// Restore what was deleted, and make it what it is to be.
    Restore,
    Delete,
    /// It is what it is to be, or cannot be made so.
    Keep,
}

impl Action {
    pub(super) const fn sign(self) -> char {
        match self {
            Self::Create => '+',
            Self::Update => '~',
            Self::Restore => '^',
            Self::Delete => '-',
            Self::Keep => '=',
        }
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Change {
    pub action: Action,
    pub noun: Noun,
    pub name: String,
    /// Why it is not more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What will be different, line by line.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub difference: Vec<String>,
}

impl Change {
    fn new(action: Action, noun: Noun, name: &str) -> Self {
        Self { action, noun, name: name.to_owned(), note: None, difference: Vec::new() }
    }

    fn saying(self, difference: Vec<String>) -> Self {
        Self { difference, ..self }
    }

    fn noting(self, note: impl Into<String>) -> Self {
        Self { note: Some(note.into()), ..self }
    }
}

/// Every change, in an order in which all of them can be made: what others need first, what needs others goes first.
pub(super) fn changes(wanted: &Wanted, standing: &Standing, prune: bool) -> Result<Vec<Change>> {
    let mut changes = Vec::new();
    for (name, one) in &wanted.contracts {
        changes.push(contract(name, one, standing.contracts.get(name))?);
    }
    for (name, one) in &wanted.gates {
        let change = |action| Change::new(action, Noun::Gate, name);
        changes.push(match standing.gates.get(name) {
            None => change(Action::Create),
            Some(there) if there.digest == one.digest => change(Action::Keep),
            Some(there) => {
                change(Action::Update).saying(text_difference(&there.source, &one.body.source))
            }
        });
    }
    let projects: BTreeSet<String> =
        wanted.workflows.values().map(|one| one.path.project.to_string()).collect();
    for name in projects.difference(&standing.projects) {
        changes.push(Change::new(Action::Create, Noun::Project, name));
    }
    for (name, one) in &wanted.workflows {
        changes.push(workflow(name, one, standing));
    }
    for (name, one) in &wanted.trust_roots {
        let change = |action| Change::new(action, Noun::TrustRoot, name);
        changes.push(match standing.trust_roots.get(name) {
            None => change(Action::Create),
            Some(there) if there.digest == one.digest => change(Action::Keep),
            Some(there) => change(Action::Update)
                .saying(value_difference(&json!(there.root), &json!(one.root))),
        });
    }
    for (name, one) in &wanted.trust_rules {
        let change = |action| Change::new(action, Noun::TrustRule, name);
        changes.push(match standing.trust_rules.get(name) {
            None => change(Action::Create),
            Some(there) if there.digest == one.digest => change(Action::Keep),
            Some(there) => change(Action::Update)
                .noting("tokens that jobs were given under it end")
                .saying(value_difference(&json!(there.rule), &json!(one.rule))),
        });
    }
    for name in wanted.waivers.keys() {
        changes.push(waiver(name, wanted, standing)?);
    }
    if prune {
        pruned(wanted, standing, &mut changes);
    }
    Ok(changes)
}

fn contract(name: &str, one: &WantedContract, there: Option<&ContractRevision>) -> Result<Change> {
    let change = |action| Change::new(action, Noun::Contract, name);
    let Some(there) = there else { return Ok(change(Action::Create)) };
    if there.deleted_at.is_some() {
        return Ok(change(Action::Restore));
    }
    if there.digest == one.compiled.digest {
        return Ok(change(Action::Keep));
    }
    let found = differences(&compiled(there)?, &one.compiled)
        .map_err(|error| Failure::unexpected("the contracts cannot be compared", error))?;
    let lines = found.iter().map(|one| difference(one).trim_end().to_owned()).collect();
    let next = format!("revision {}", there.revision + 1);
    Ok(change(Action::Update).noting(next).saying(lines))
}

fn workflow(name: &str, one: &engine::workflow::Workflow, standing: &Standing) -> Change {
    let change = |action| Change::new(action, Noun::Workflow, name);
    let Some(there) = standing.workflows.get(name) else { return change(Action::Create) };
    let before = json!({
        "contract": there.contract, "contract_revision": there.contract_revision,
        "deadline_minutes": there.deadline_minutes,
    });
    let after = json!({
        "contract": one.contract, "contract_revision": one.contract_revision,
        "deadline_minutes": one.deadline_minutes.unwrap_or(DEADLINE_MINUTES),
    });
    let lines = value_difference(&before, &after);
    match (there.deleted_at.is_some(), lines.is_empty()) {
        (true, _) => change(Action::Restore).saying(lines),
        (false, true) => change(Action::Keep),
        (false, false) => change(Action::Update).saying(lines),
    }
}

/// A waiver is asked for when its text is new. What was decided about a text is not asked again by applying.
fn waiver(name: &str, wanted: &Wanted, standing: &Standing) -> Result<Change> {
    let change = |action| Change::new(action, Noun::Waiver, name);
    let asked = "someone else has to approve it";
    let (Some(there), Some(one)) = (standing.waivers.get(name), wanted.waivers.get(name)) else {
        return Ok(change(Action::Create).noting(asked));
    };
    let now = one.starting(there.waiver.starts_at)?;
    if now == there.waiver {
        return Ok(match there.state {
            WaiverState::Pending => change(Action::Keep).noting(asked),
            WaiverState::Rejected => change(Action::Keep).noting("it was rejected"),
            WaiverState::Revoked => change(Action::Keep).noting("it was revoked"),
            WaiverState::Expired => change(Action::Keep).noting("it expired"),
            _ => change(Action::Keep),
        });
    }
    let lines = value_difference(&json!(there.waiver), &json!(now));
    Ok(change(Action::Update).noting(asked).saying(lines))
}

/// What is there and was not written, last: workflows before the contracts that they are under.
fn pruned(wanted: &Wanted, standing: &Standing, changes: &mut Vec<Change>) {
    let mut delete = |noun, name: &str| changes.push(Change::new(Action::Delete, noun, name));
    for (name, there) in &standing.workflows {
        if there.deleted_at.is_none() && !wanted.workflows.contains_key(name) {
            delete(Noun::Workflow, name);
        }
    }
    for name in standing.trust_roots.keys().filter(|name| !wanted.trust_roots.contains_key(*name)) {
        delete(Noun::TrustRoot, name);
    }
    for name in standing.trust_rules.keys().filter(|name| !wanted.trust_rules.contains_key(*name)) {
        delete(Noun::TrustRule, name);
    }
    for (name, there) in &standing.contracts {
        if there.deleted_at.is_none() && !wanted.contracts.contains_key(name) {
            delete(Noun::Contract, name);
        }
    }
    for name in standing.gates.keys().filter(|name| !wanted.gates.contains_key(*name)) {
        let kept = Change::new(Action::Keep, Noun::Gate, name);
        changes.push(kept.noting("it is in no document; gates are not deleted"));
    }
}

fn value_difference(before: &Value, after: &Value) -> Vec<String> {
    text_difference(&format!("{before:#}"), &format!("{after:#}"))
}

/// The lines that go and come.
fn text_difference(before: &str, after: &str) -> Vec<String> {
    let changes = TextDiff::from_lines(before, after);
    let lines = changes.iter_all_changes().filter_map(|change| {
        let sign = match change.tag() {
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
            ChangeTag::Equal => return None,
        };
        Some(format!("{sign} {}", change.value().trim_end()))
    });
    lines.collect()
}
