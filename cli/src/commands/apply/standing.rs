//! What the organization has now of what the documents are about.

use std::collections::{BTreeMap, BTreeSet};

use api_types::{
    ContractRevision, GateRevision, Page, Project, TrustRoot, TrustRule, Waiver, Workflow,
};
use serde::de::DeserializeOwned;

use super::documents::Wanted;
use crate::client::Client;
use crate::exit::{Exit, Result};

/// What there is, each kind by name. What was deleted is among it: it says so.
#[derive(Debug, Default)]
pub(super) struct Standing {
    pub contracts: BTreeMap<String, ContractRevision>,
    pub gates: BTreeMap<String, GateRevision>,
    pub projects: BTreeSet<String>,
    /// By `PROJECT/WORKFLOW`.
    pub workflows: BTreeMap<String, Workflow>,
    pub trust_roots: BTreeMap<String, TrustRoot>,
    pub trust_rules: BTreeMap<String, TrustRule>,
    pub waivers: BTreeMap<String, Waiver>,
}

impl Standing {
    /// Asks for the kinds that are wanted; for those that can be deleted as well when what is not wanted is to go.
    pub(super) async fn ask(client: &Client, wanted: &Wanted, prune: bool) -> Result<Self> {
        let mut standing = Self::default();
        if prune || !wanted.contracts.is_empty() {
            for one in both(client, "/v1/contracts").await? {
                let one: ContractRevision = one;
                standing.contracts.insert(one.name.to_string(), one);
            }
        }
        if prune || !wanted.gates.is_empty() {
            for one in all::<GateRevision>(client, "/v1/gates").await? {
                standing.gates.insert(one.name.to_string(), one);
            }
        }
        if prune || !wanted.workflows.is_empty() {
            let projects = all::<Project>(client, "/v1/projects").await?;
            standing.projects = projects.into_iter().map(|one| one.name.to_string()).collect();
            for one in both(client, "/v1/workflows").await? {
                let one: Workflow = one;
                standing.workflows.insert(format!("{}/{}", one.project, one.name), one);
            }
        }
        if prune || !wanted.trust_roots.is_empty() {
            for one in all::<TrustRoot>(client, "/v1/trust-roots").await? {
                standing.trust_roots.insert(one.root.name.to_string(), one);
            }
        }
        if prune || !wanted.trust_rules.is_empty() {
            for one in all::<TrustRule>(client, "/v1/trust-rules").await? {
                standing.trust_rules.insert(one.rule.name.to_string(), one);
            }
        }
        for name in wanted.waivers.keys() {
            match client.get::<Waiver>(&format!("/v1/waivers/{name}")).await {
                Ok(one) => drop(standing.waivers.insert(name.clone(), one)),
                Err(failure) if failure.exit == Exit::NotFound => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(standing)
    }
}

async fn all<T: DeserializeOwned>(client: &Client, path: &str) -> Result<Vec<T>> {
    Ok(client.get::<Page<T>>(path).await?.items)
}

/// Those that are there, and those that were deleted.
async fn both<T: DeserializeOwned>(client: &Client, path: &str) -> Result<Vec<T>> {
    let mut found = all(client, path).await?;
    found.extend(all(client, &format!("{path}?deleted=true")).await?);
    Ok(found)
}
