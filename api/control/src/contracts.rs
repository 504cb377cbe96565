//! Contracts and their immutable revisions.

use std::collections::BTreeMap;

use engine::Name;
use engine::contract::Compiled;
use engine::document::Document;
use engine::id::ContractId;
use serde_json::json;

use crate::actor::{Actor, Permission};
use crate::audit::Change;
use crate::{ContractRevision, Control, Error, Result, audit, events, fresh, now, store};

impl Control {
    /// Stores a contract document; a new revision unless it compiles to the digest of the latest.
    pub async fn put_contract(
        &self,
        actor: &Actor,
        source: String,
        files: BTreeMap<String, String>,
    ) -> Result<ContractRevision> {
        let org = actor.authorize(Permission::EditContracts)?;
        let wrong = |error| Error::invalid_document("contract", error);
        let document = Document::parse(&source, &self.limits).map_err(wrong)?;
        let compiled =
            Compiled::compile(&document, &files, &self.library, &self.limits).map_err(wrong)?;
        let name = compiled.contract.name.clone();
        let digest = compiled.digest;
        let (first, second) = (fresh(), fresh());
        let actor = actor.clone();
        self.store
            .write(move |tx| {
                let (name, source, files, actor) =
                    (name.clone(), source.clone(), files.clone(), actor.clone());
                Box::pin(async move {
                    let contract = if let Some(contract) = tx.contract_by_name(org, &name).await? {
                        contract
                    } else {
                        let new = store::Contract {
                            id: ContractId(first),
                            org,
                            name: name.clone(),
                            created_at: now(),
                        };
                        tx.insert_contract(&new).await?;
                        new
                    };
                    let latest = tx.latest_contract_revision(org, contract.id).await?;
                    let number = latest.as_ref().map_or(0, |latest| latest.record.revision);
                    if let Some(same) = latest.as_ref().filter(|same| same.record.digest == digest)
                    {
                        return Ok(view(name, same.record.clone()));
                    }
                    let before = latest.map(|latest| side(&latest.record));
                    let revision = store::ContractRevision {
                        id: second,
                        contract: contract.id,
                        org,
                        revision: number + 1,
                        digest,
                        source,
                        sources: files,
                        created_at: now(),
                    };
                    tx.insert_contract_revision(&revision).await?;
                    let change = Change::revised(before, side(&revision));
                    tx.insert_audit(&[audit::event(
                        &actor,
                        Some(org),
                        "contract.revise",
                        &name,
                        change,
                    )])
                    .await?;
                    let told = json!({
                        "contract": name, "revision": revision.revision, "digest": revision.digest,
                    });
                    let told = events::event(org, "contract.revised", revision.created_at, told);
                    tx.insert_outbox(&[told]).await?;
                    Ok::<_, Error>(view(name, revision))
                })
            })
            .await
    }

    /// The latest revision of every contract.
    pub async fn contracts(&self, actor: &Actor) -> Result<Vec<ContractRevision>> {
        let org = actor.authorize(Permission::Read)?;
        let read = self.store.read();
        let mut revisions = Vec::new();
        for contract in read.contracts(org).await? {
            if let Some(latest) = read.latest_contract_revision(org, contract.id).await? {
                revisions.push(view(contract.name, latest.record));
            }
        }
        Ok(revisions)
    }

    /// A contract, the latest revision when none is named.
    pub async fn contract(
        &self,
        actor: &Actor,
        name: &Name,
        revision: Option<u32>,
    ) -> Result<ContractRevision> {
        let org = actor.authorize(Permission::Read)?;
        let read = self.store.read();
        let contract = read.contract_by_name(org, name).await?;
        let contract = contract.ok_or_else(|| Error::not_found("contract", name))?;
        let found = match revision {
            None => read.latest_contract_revision(org, contract.id).await?,
            Some(number) => read.contract_revision(org, contract.id, number).await?,
        };
        let found = found.ok_or_else(|| match revision {
            Some(number) => Error::not_found("contract", format!("{name} at revision {number}")),
            None => Error::not_found("contract", name),
        })?;
        Ok(view(contract.name, found.record))
    }
}

/// What auditors are shown of a revision; its text is kept under its digest.
fn side(revision: &store::ContractRevision) -> serde_json::Value {
    json!({ "id": revision.contract, "revision": revision.revision, "digest": revision.digest })
}

pub(crate) fn view(name: Name, revision: store::ContractRevision) -> ContractRevision {
    ContractRevision {
        name,
        revision: revision.revision,
        digest: revision.digest,
        source: revision.source,
        files: revision.sources,
        created_at: revision.created_at,
    }
}
