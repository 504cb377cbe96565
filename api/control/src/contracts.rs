//! Contracts and their immutable revisions.

use std::collections::BTreeMap;

use engine::contract::Compiled;
use engine::document::Document;
use engine::id::{ContractId, OrganizationId};
use engine::{Digest, Name};
use serde_json::json;
use uuid::Uuid;

use crate::actor::{Actor, Permission};
use crate::audit::Change;
use crate::store::{Reader, Sequenced, Tx};
use crate::{ContractRevision, Control, Error, Expected, Result, audit, events, fresh, now, store};

/// Most workflows that are named where there are more.
const NAMED_MAX: usize = 5;

impl Control {
    /// Stores a contract document; a new revision unless it compiles to the digest of the latest.
    pub async fn put_contract(
        &self,
        actor: &Actor,
        source: String,
        files: BTreeMap<String, String>,
    ) -> Result<ContractRevision> {
        self.put_contract_over(actor, source, files, Expected::default()).await
    }

    /// The same only if the latest revision has one of these tags ([`ContractRevision::tag`]): of two who change what both
    /// read, the second is told.
    pub async fn put_contract_over(
        &self,
        actor: &Actor,
        source: String,
        files: BTreeMap<String, String>,
        expected: Expected,
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
                let expected = expected.clone();
                Box::pin(async move {
                    let contract = named(&tx, org, name.clone(), first).await?;
                    let latest = tx.latest_contract_revision(org, contract.id).await?;
                    check_expected(&name, &expected, latest.as_ref())?;
                    let number = latest.as_ref().map_or(0, |latest| latest.record.revision);
                    if let Some(same) = latest.as_ref().filter(|same| same.record.digest == digest)
                    {
                        return Ok(view(contract, same.record.clone()));
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
                    Ok::<_, Error>(view(contract, revision))
                })
            })
            .await
    }

    /// The latest revision of every contract, or of every one that was deleted.
    pub async fn contracts(&self, actor: &Actor, deleted: bool) -> Result<Vec<ContractRevision>> {
        let org = actor.authorize(Permission::ReadContracts)?;
        let read = self.store.read();
        let mut revisions = Vec::new();
        let all = read.contracts(org).await?.into_iter();
        for contract in all.filter(|one| one.deleted_at.is_some() == deleted) {
            if let Some(latest) = read.latest_contract_revision(org, contract.id).await? {
                revisions.push(view(contract, latest.record));
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
        let org = actor.authorize(Permission::ReadContracts)?;
        let read = self.store.read();
        let contract = found(&read, org, name).await?;
        let found = match revision {
            None => read.latest_contract_revision(org, contract.id).await?,
            Some(number) => read.contract_revision(org, contract.id, number).await?,
        };
        let found = found.ok_or_else(|| match revision {
            Some(number) => Error::not_found("contract", format!("{name} at revision {number}")),
            None => Error::not_found("contract", name),
        })?;
        Ok(view(contract, found.record))
    }

    /// Deletes a contract, which no workflow may be under. Its revisions, and what was judged by them, stay.
    pub async fn delete_contract(&self, actor: &Actor, name: &Name) -> Result<()> {
        let org = actor.authorize(Permission::EditContracts)?;
        let (actor, name, at) = (actor.clone(), name.clone(), now());
        self.store
            .write(move |tx| {
                let (actor, name) = (actor.clone(), name.clone());
                Box::pin(async move {
                    // Whoever puts a workflow under it comes here too.
                    tx.take_turn().await?;
                    let before = found(&tx, org, &name).await?;
                    standing(&before)?;
                    check_unused(&tx, &before).await?;
                    tx.set_contract_deleted(&before, Some(at)).await?;
                    let id = before.id;
                    let change =
                        Change::of(json!({ "id": id }), json!({ "id": id, "deleted_at": at }));
                    let event = audit::event(&actor, Some(org), "contract.delete", &name, change);
                    tx.insert_audit(&[event]).await?;
                    Ok::<_, Error>(())
                })
            })
            .await
    }

    /// Restores a contract that was deleted, as it was.
    pub async fn restore_contract(&self, actor: &Actor, name: &Name) -> Result<ContractRevision> {
        let org = actor.authorize(Permission::EditContracts)?;
        let (by, wanted) = (actor.clone(), name.clone());
        self.store
            .write(move |tx| {
                let (actor, name) = (by.clone(), wanted.clone());
                Box::pin(async move {
                    let before = found(&tx, org, &name).await?;
                    let Some(at) = before.deleted_at else {
                        return Err(Error::Conflict(format!(
                            "the contract `{name}` is not deleted"
                        )));
                    };
                    tx.set_contract_deleted(&before, None).await?;
                    let id = before.id;
                    let change =
                        Change::of(json!({ "id": id, "deleted_at": at }), json!({ "id": id }));
                    let event = audit::event(&actor, Some(org), "contract.restore", &name, change);
                    tx.insert_audit(&[event]).await?;
                    let latest = tx.latest_contract_revision(org, id).await?;
                    let latest =
                        latest.ok_or_else(|| Error::internal("a contract without a text"))?;
                    Ok(view(store::Contract { deleted_at: None, ..before }, latest.record))
                })
            })
            .await
    }
}

/// The contract of that name, which is made under `id` when there is none.
async fn named(tx: &Tx<'_>, org: OrganizationId, name: Name, id: Uuid) -> Result<store::Contract> {
    if let Some(contract) = tx.contract_by_name(org, &name).await? {
        standing(&contract)?;
        return Ok(contract);
    }
    let id = ContractId(id);
    let new = store::Contract { id, org, name, created_at: now(), deleted_at: None };
    tx.insert_contract(&new).await?;
    Ok(new)
}

/// The contract of that name.
pub(crate) async fn found(
    read: &Reader<'_>,
    org: OrganizationId,
    name: &Name,
) -> Result<store::Contract> {
    let found = read.contract_by_name(org, name).await?;
    found.ok_or_else(|| Error::not_found("contract", name))
}

/// Refuses a contract that was deleted.
pub(crate) fn standing(contract: &store::Contract) -> Result<()> {
    let Some(at) = contract.deleted_at else { return Ok(()) };
    let name = &contract.name;
    Err(Error::NotFound(format!("the contract `{name}` was deleted at {at}: restore it first")))
}

/// Refuses to delete what workflows are under.
async fn check_unused(read: &Reader<'_>, contract: &store::Contract) -> Result<()> {
    let under = read.workflows_under(contract.org, contract.id).await?;
    if under.is_empty() {
        return Ok(());
    }
    let mut shown = Vec::new();
    for workflow in under.iter().take(NAMED_MAX) {
        let project = read.project(contract.org, workflow.project).await?;
        let project = project.ok_or_else(|| Error::internal("a workflow has no project"))?.name;
        shown.push(format!("`{project}/{}`", workflow.name));
    }
    let (count, name, shown) = (under.len(), &contract.name, shown.join(", "));
    Err(Error::Conflict(format!(
        "{count} workflows are under the contract `{name}`, such as {shown}: give them another, or delete them first"
    )))
}

/// Refuses to go on from another revision than the caller did.
fn check_expected(
    name: &Name,
    expected: &Expected,
    latest: Option<&Sequenced<store::ContractRevision>>,
) -> Result<()> {
    let tag = latest.map(|latest| tag(latest.record.digest, latest.record.revision));
    if expected.allows(tag.as_deref()) {
        return Ok(());
    }
    let there = latest.map_or_else(
        || "there is none yet".to_owned(),
        |latest| format!("the latest revision is {}", latest.record.revision),
    );
    Err(Error::Precondition(format!(
        "the contract `{name}` is not at the revision that was expected: {there}"
    )))
}

fn tag(digest: Digest, revision: u32) -> String {
    format!("{digest}.{revision}")
}

impl ContractRevision {
    /// What tells this revision from every other of the contract. It names the number beside the digest: going back to an
    /// older text makes a new revision of the same digest.
    pub fn tag(&self) -> String {
        tag(self.digest, self.revision)
    }
}

/// What auditors are shown of a revision; its text is kept under its digest.
fn side(revision: &store::ContractRevision) -> serde_json::Value {
    json!({ "id": revision.contract, "revision": revision.revision, "digest": revision.digest })
}

pub(crate) fn view(
    contract: store::Contract,
    revision: store::ContractRevision,
) -> ContractRevision {
    ContractRevision {
        name: contract.name,
        deleted_at: contract.deleted_at,
        revision: revision.revision,
        digest: revision.digest,
        source: revision.source,
        files: revision.sources,
        created_at: revision.created_at,
    }
}
