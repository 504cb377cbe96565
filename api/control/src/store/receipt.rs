//! Everything that the receipt of an attestation writes, in one transaction.

mod gather;

use std::collections::{BTreeMap, BTreeSet};

use engine::Material;
use engine::id::{AttestationId, BackendId, OrganizationId};
pub(super) use gather::Gathering;
use uuid::Uuid;

use super::attestation::{self, EvaluationRow, SubjectRow, VerdictRow};
use super::audit::chaining::{self, Linked};
use super::batch::Batch;
use super::entity::{self, edge};
use super::event::outbox_models;
use super::log::log_models;
use super::row::{insert, int};
use super::waiver::use_models;
use super::{
    Attestation, AuditEvent, Blob, EdgeKind, LogLeaf, NodeKey, OutboxEvent, StoreError, Tx,
    WaiverUse,
};
use crate::step;

/// One step of data from `src` to `dst`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// Where the data came from.
    pub src: NodeKey,
    /// Where it went.
    pub dst: NodeKey,
    /// How.
    pub kind: EdgeKind,
}

/// What is stored when an attestation is accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct Receipt {
    /// The attestation; its `created_at` is when the run is closed.
    pub attestation: Attestation,
    /// The backend that its bundle is in; none for the store of the instance.
    pub backend: Option<BackendId>,
    /// The removal from there of a blob with its digest, if one was done before it was stored.
    pub removed: Option<Uuid>,
    /// Its subjects, in the statement's order.
    pub subjects: Vec<SubjectRow>,
    /// Its materials, in the statement's order.
    pub materials: Vec<Material>,
    /// The server's evaluations, in the verdict's order.
    pub evaluations: Vec<EvaluationRow>,
    /// The server's verdict.
    pub verdict: VerdictRow,
    /// What waivers accepted of it.
    pub waivers: Vec<WaiverUse>,
    /// The lineage that it adds; a repeated edge counts once.
    pub edges: Vec<Edge>,
    /// What to add to the transparency log, in this order.
    pub log: Vec<LogLeaf>,
    /// What to tell auditors.
    pub audit: Vec<AuditEvent>,
    /// What to deliver.
    pub outbox: Vec<OutboxEvent>,
}

impl Receipt {
    fn bundle(&self) -> (Blob, Option<Uuid>) {
        let Attestation { org, digest, size, created_at, .. } = self.attestation;
        let blob = Blob { org, digest, size, created_at, backend: self.backend, expires_at: None };
        (blob, self.removed)
    }
}

impl Tx<'_> {
    /// Closes the runs and stores the receipts; answers for each the sequence number of all its rows. Leaf *n* of
    /// `log` has that number plus *n*.
    ///
    /// All or none: when a run is not open any more this is a conflict on `an open run`; when the organization has the
    /// same bundle already, on `attestation`; when a waiver was revoked since, on [`WAIVER_IN_FORCE`](super::WAIVER_IN_FORCE).
    pub(super) async fn insert_receipts(
        &self,
        receipts: &[Receipt],
    ) -> Result<Vec<u64>, StoreError> {
        let closed = receipts.iter().map(|receipt| &receipt.attestation);
        self.close_runs(closed.map(|new| (new.org, new.run, new.created_at))).await?;
        self.reference_blobs(receipts.iter().map(Receipt::bundle)).await?;
        // Nodes first: the sequence number is held until the commit, and nothing may wait while it is held.
        let edges = receipts.iter().flat_map(|receipt| &receipt.edges);
        let keys = edges.flat_map(|edge| [edge.src.clone(), edge.dst.clone()]).collect();
        let nodes = self.intern(&keys).await?;
        let sequenced = self.sequenced(receipts).await?;
        self.check_waivers_of(receipts).await?;
        let audit = sequenced
            .iter()
            .flat_map(|(seq, receipt)| receipt.audit.iter().map(|event| (*seq, event)));
        let audit = chaining::link(self.db(), &audit.collect::<Vec<_>>()).await?;
        rows(&sequenced, &nodes, audit)?.run(self.db(), "attestation").await?;
        step("receipt::in-transaction");
        Ok(sequenced.into_iter().map(|(seq, _)| seq).collect())
    }

    /// Refuses what was judged under a waiver that was revoked before these receipts got their numbers.
    async fn check_waivers_of(&self, receipts: &[Receipt]) -> Result<(), StoreError> {
        let uses = receipts.iter().flat_map(|receipt| &receipt.waivers);
        self.check_waivers(&uses.map(|one| one.revision).collect::<Vec<_>>()).await
    }

    /// Takes a number for each leaf of each receipt, and one for a receipt without.
    async fn sequenced<'r>(
        &self,
        receipts: &'r [Receipt],
    ) -> Result<Vec<(u64, &'r Receipt)>, StoreError> {
        let width = |receipt: &Receipt| u64::try_from(receipt.log.len()).unwrap_or(u64::MAX).max(1);
        let all = receipts.iter().map(width).fold(0, u64::saturating_add);
        let mut next = self.next_seq(all).await?;
        let number = |receipt| {
            let seq = next;
            next = next.saturating_add(width(receipt));
            (seq, receipt)
        };
        Ok(receipts.iter().map(number).collect())
    }

    /// Adds a later verdict over an attestation; answers the sequence number from which it holds.
    pub async fn insert_verdict(
        &self,
        org: OrganizationId,
        attestation: AttestationId,
        verdict: &VerdictRow,
    ) -> Result<u64, StoreError> {
        let seq = self.next_seq(1).await?;
        let model = attestation::verdict_model(org, attestation, seq, verdict);
        insert::<entity::verdict::Entity>(self.db(), vec![model]).await?;
        Ok(seq)
    }
}

/// Everything that carries a sequence number, and what refers to it.
fn rows(
    receipts: &[(u64, &Receipt)],
    nodes: &BTreeMap<NodeKey, i64>,
    audit: Linked,
) -> Result<Batch, StoreError> {
    let mut all = Rows::default();
    for (seq, receipt) in receipts {
        all.add(*seq, receipt, nodes)?;
    }
    let mut batch = Batch::default();
    batch.add::<entity::attestation::Entity>(all.attestations);
    batch.add::<entity::attestation_subject::Entity>(all.subjects);
    batch.add::<entity::material::Entity>(all.materials);
    batch.add::<entity::evaluation::Entity>(all.evaluations);
    batch.add::<entity::verdict::Entity>(all.verdicts);
    batch.add::<entity::waiver_use::Entity>(all.waivers);
    batch.add::<edge::Entity>(all.edges);
    batch.add::<entity::log_leaf::Entity>(all.leaves);
    batch.add::<entity::audit_event::Entity>(audit.events);
    if !audit.heads.is_empty() {
        batch.add_upsert(chaining::moved(audit.heads));
    }
    batch.add::<entity::outbox_event::Entity>(all.outbox);
    Ok(batch)
}

/// The rows of some receipts, by table.
#[derive(Default)]
struct Rows {
    attestations: Vec<entity::attestation::Model>,
    subjects: Vec<entity::attestation_subject::Model>,
    materials: Vec<entity::material::Model>,
    evaluations: Vec<entity::evaluation::Model>,
    verdicts: Vec<entity::verdict::Model>,
    waivers: Vec<entity::waiver_use::Model>,
    edges: Vec<edge::Model>,
    leaves: Vec<entity::log_leaf::Model>,
    outbox: Vec<entity::outbox_event::Model>,
}

impl Rows {
    fn add(
        &mut self,
        seq: u64,
        receipt: &Receipt,
        nodes: &BTreeMap<NodeKey, i64>,
    ) -> Result<(), StoreError> {
        let (org, id) = (receipt.attestation.org, receipt.attestation.id);
        self.attestations.push(attestation::model(&receipt.attestation, seq));
        self.subjects.extend(attestation::subject_models(org, id, &receipt.subjects));
        self.materials.extend(attestation::material_models(org, id, &receipt.materials)?);
        self.evaluations.extend(attestation::evaluation_models(org, id, &receipt.evaluations)?);
        self.verdicts.push(attestation::verdict_model(org, id, seq, &receipt.verdict));
        self.waivers.extend(use_models(seq, &receipt.waivers));
        self.edges.extend(edges(receipt, nodes, seq));
        self.leaves.extend(log_models(seq, &receipt.log));
        self.outbox.extend(outbox_models(seq, &receipt.outbox)?);
        Ok(())
    }
}

fn edges(receipt: &Receipt, nodes: &BTreeMap<NodeKey, i64>, seq: u64) -> Vec<edge::Model> {
    let Attestation { org, id, .. } = receipt.attestation;
    edge_models(org, id, &receipt.edges, nodes, seq)
}

/// The rows of the edges that an attestation adds, each once.
pub(super) fn edge_models(
    org: OrganizationId,
    attestation: AttestationId,
    edges: &[Edge],
    nodes: &BTreeMap<NodeKey, i64>,
    seq: u64,
) -> Vec<edge::Model> {
    let numbered =
        |edge: &Edge| Some((*nodes.get(&edge.dst)?, *nodes.get(&edge.src)?, edge.kind.number()));
    let distinct: BTreeSet<(i64, i64, i16)> = edges.iter().filter_map(numbered).collect();
    let model = |(dst, src, kind)| edge::Model {
        org: org.0,
        dst,
        seq: int(seq),
        src,
        kind,
        attestation: attestation.0,
    };
    distinct.into_iter().map(model).collect()
}
