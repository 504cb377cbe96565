//! Gates and their decisions: may this artifact ship, and why?

use std::collections::BTreeMap;

use engine::document::Document;
use engine::gate::{Decision, Gate};
use engine::id::{GateId, OrganizationId};
use engine::lineage::Direction;
use engine::{Digest, Name};
use serde_json::json;
use uuid::Uuid;

use crate::actor::{Actor, Permission};
use crate::audit::Change;
use crate::lineage::{self, LineageQuestion};
use crate::store::Tx;
use crate::{
    Control, Error, Expected, GateRevision, Result, audit, events, fresh, judge, now, store,
};

/// How far a gate looks upstream, in edges. An attestation is two edges wide.
const HOPS: u32 = 32;

impl Control {
    /// Stores a gate document; a new revision unless it compiles to the digest of the latest.
    pub async fn put_gate(
        &self,
        actor: &Actor,
        source: String,
        files: BTreeMap<String, String>,
    ) -> Result<GateRevision> {
        self.put_gate_over(actor, source, files, Expected::default()).await
    }

    /// The same over the revision that the caller has read.
    pub async fn put_gate_over(
        &self,
        actor: &Actor,
        source: String,
        files: BTreeMap<String, String>,
        expected: Expected,
    ) -> Result<GateRevision> {
        let org = actor.authorize(Permission::EditGates)?;
        let wrong = |error| Error::invalid_document("gate", error);
        let document = Document::parse(&source, &self.limits).map_err(wrong)?;
        let compiled =
            Gate::compile(&document, &files, &self.library, &self.limits).map_err(wrong)?;
        let (name, digest) = (compiled.name, compiled.digest);
        let (first, second) = (fresh(), fresh());
        let actor = actor.clone();
        self.store
            .write(move |tx| {
                let (name, source, files, actor) =
                    (name.clone(), source.clone(), files.clone(), actor.clone());
                let expected = expected.clone();
                Box::pin(async move {
                    let gate = named(&tx, org, &name, first).await?;
                    let latest = tx.latest_gate_revision(org, gate.id).await?;
                    let there = latest.as_ref().map(|latest| tag(&latest.record));
                    expected.check("gate", there.as_deref())?;
                    let number = latest.as_ref().map_or(0, |latest| latest.record.revision);
                    if let Some(same) = latest.as_ref().filter(|same| same.record.digest == digest)
                    {
                        return Ok(view(name, same.record.clone()));
                    }
                    let before = latest.map(|latest| side(&latest.record));
                    let revision = store::GateRevision {
                        id: second,
                        gate: gate.id,
                        org,
                        revision: number + 1,
                        digest,
                        source,
                        sources: files,
                        created_at: now(),
                    };
                    tx.insert_gate_revision(&revision).await?;
                    let change = Change::revised(before, side(&revision));
                    tx.insert_audit(&[audit::event(
                        &actor,
                        Some(org),
                        "gate.revise",
                        &name,
                        change,
                    )])
                    .await?;
                    let told = json!({
                        "gate": name, "revision": revision.revision, "digest": revision.digest,
                    });
                    let told = events::event(org, "gate.revised", revision.created_at, told);
                    tx.insert_outbox(&[told]).await?;
                    Ok::<_, Error>(view(name, revision))
                })
            })
            .await
    }

    /// The latest revision of a gate.
    pub async fn gate(&self, actor: &Actor, name: &Name) -> Result<GateRevision> {
        let org = actor.authorize(Permission::Read)?;
        let missing = || Error::not_found("gate", name);
        let read = self.store.read();
        let found = read.gate_by_name(org, name).await?.ok_or_else(missing)?;
        let latest = read.latest_gate_revision(org, found.id).await?.ok_or_else(missing)?;
        Ok(view(found.name, latest.record))
    }

    /// The latest revision of every gate.
    pub async fn gates(&self, actor: &Actor) -> Result<Vec<GateRevision>> {
        let org = actor.authorize(Permission::Read)?;
        let read = self.store.read();
        let mut revisions = Vec::new();
        for gate in read.gates(org).await? {
            if let Some(latest) = read.latest_gate_revision(org, gate.id).await? {
                revisions.push(view(gate.name, latest.record));
            }
        }
        Ok(revisions)
    }

    /// Asks a gate about artifacts, in the order given, all as of one log sequence number.
    pub async fn decide(
        &self,
        actor: &Actor,
        name: &Name,
        digests: &[Digest],
        as_of: Option<u64>,
    ) -> Result<Vec<Decision>> {
        let org = actor.authorize(Permission::Read)?;
        let max = self.limits.decision_digests_max;
        if digests.is_empty() || digests.len() > max {
            return Err(Error::invalid(format!(
                "a decision is about 1 to {max} artifacts, not {}",
                digests.len()
            )));
        }
        let read = self.store.read();
        let missing = || Error::not_found("gate", name);
        let found = read.gate_by_name(org, name).await?.ok_or_else(missing)?;
        let revision = read.latest_gate_revision(org, found.id).await?.ok_or_else(missing)?;
        let gate = self.compiled_gate(&revision.record)?;
        let as_of = lineage::as_of(&read, as_of).await?;
        let mut closures = Vec::with_capacity(digests.len());
        for root in digests {
            let max_nodes = self.limits.lineage_nodes_max;
            let question = LineageQuestion {
                root: *root,
                direction: Direction::Up,
                max_hops: HOPS,
                max_nodes,
                as_of: Some(as_of),
            };
            closures.push(lineage::closure(&read, org, question, as_of).await?);
        }
        let (limits, at) = (std::sync::Arc::clone(&self.limits), now());
        let decided = tokio::task::spawn_blocking(move || {
            judge::in_parallel(&closures, |closure| gate.decide(closure, at, &limits))
        });
        decided
            .await
            .map_err(Error::internal)?
            .into_iter()
            .map(|decision| decision.map_err(Error::internal))
            .collect()
    }
}

/// The gate of that name, made if there is none.
async fn named(tx: &Tx<'_>, org: OrganizationId, name: &Name, id: Uuid) -> Result<store::Gate> {
    if let Some(gate) = tx.gate_by_name(org, name).await? {
        return Ok(gate);
    }
    let new = store::Gate { id: GateId(id), org, name: name.clone(), created_at: now() };
    tx.insert_gate(&new).await?;
    Ok(new)
}

/// What tells a revision from every other of the gate.
fn tag(revision: &store::GateRevision) -> String {
    format!("{}.{}", revision.digest, revision.revision)
}

impl GateRevision {
    /// What tells this revision from every other of the gate.
    pub fn tag(&self) -> String {
        format!("{}.{}", self.digest, self.revision)
    }
}

/// What auditors are shown of a revision; its text is kept under its digest.
fn side(revision: &store::GateRevision) -> serde_json::Value {
    json!({ "id": revision.gate, "revision": revision.revision, "digest": revision.digest })
}

fn view(name: Name, revision: store::GateRevision) -> GateRevision {
    GateRevision {
        id: revision.gate,
        name,
        revision: revision.revision,
        digest: revision.digest,
        source: revision.source,
        files: revision.sources,
        created_at: revision.created_at,
    }
}
