//! Everything that the receipt of an attestation writes, in one transaction.

use std::collections::{BTreeMap, BTreeSet};

use engine::Material;
use engine::id::{AttestationId, OrganizationId};

use super::attestation::{self, EvaluationRow, SubjectRow, VerdictRow};
use super::entity::{self, edge};
use super::row::{insert, int};
use super::run::RunState;
use super::{Attestation, AuditEvent, EdgeKind, LogLeaf, NodeKey, OutboxEvent, StoreError, Tx};

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
    /// Its subjects, in the statement's order.
    pub subjects: Vec<SubjectRow>,
    /// Its materials, in the statement's order.
    pub materials: Vec<Material>,
    /// The server's evaluations, in the verdict's order.
    pub evaluations: Vec<EvaluationRow>,
    /// The server's verdict.
    pub verdict: VerdictRow,
    /// The lineage that it adds; a repeated edge counts once.
    pub edges: Vec<Edge>,
    /// What to add to the transparency log, in this order.
    pub log: Vec<LogLeaf>,
    /// What to tell auditors.
    pub audit: Vec<AuditEvent>,
    /// What to deliver.
    pub outbox: Vec<OutboxEvent>,
}

impl Tx<'_> {
    /// Closes the run and stores the receipt; answers the sequence number of all its rows. Leaf *n* of `log` has
    /// that number plus *n*.
    ///
    /// When the run is not open any more this is a conflict on `an open run`; when the organization has the same
    /// bundle already, on `attestation`. Look the bundle up by its digest before asking, and after a conflict.
    pub async fn insert_receipt(&self, receipt: &Receipt) -> Result<u64, StoreError> {
        let new = &receipt.attestation;
        self.leave_open(new.org, new.run, RunState::Closed, None, new.created_at).await?;
        // Nodes first: the sequence number is held until the commit, and nothing may wait while it is held.
        let keys =
            receipt.edges.iter().flat_map(|edge| [edge.src.clone(), edge.dst.clone()]).collect();
        let nodes = self.intern(&keys).await?;
        let seq =
            self.next_seq(u64::try_from(receipt.log.len()).unwrap_or(u64::MAX).max(1)).await?;
        self.insert_attestation(receipt, seq).await?;
        insert::<edge::Entity>(self.db(), edges(receipt, &nodes, seq)).await?;
        self.insert_log_at(seq, &receipt.log).await?;
        self.insert_audit_at(seq, &receipt.audit).await?;
        self.insert_outbox_at(seq, &receipt.outbox).await?;
        Ok(seq)
    }

    async fn insert_attestation(&self, receipt: &Receipt, seq: u64) -> Result<(), StoreError> {
        let (org, id) = (receipt.attestation.org, receipt.attestation.id);
        let attestation = attestation::model(&receipt.attestation, seq);
        insert::<entity::attestation::Entity>(self.db(), vec![attestation]).await?;
        let subjects = attestation::subject_models(org, id, &receipt.subjects);
        insert::<entity::attestation_subject::Entity>(self.db(), subjects).await?;
        let materials = attestation::material_models(org, id, &receipt.materials)?;
        insert::<entity::material::Entity>(self.db(), materials).await?;
        let evaluations = attestation::evaluation_models(org, id, &receipt.evaluations)?;
        insert::<entity::evaluation::Entity>(self.db(), evaluations).await?;
        let verdict = attestation::verdict_model(org, id, seq, &receipt.verdict);
        insert::<entity::verdict::Entity>(self.db(), vec![verdict]).await
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

fn edges(receipt: &Receipt, nodes: &BTreeMap<NodeKey, i64>, seq: u64) -> Vec<edge::Model> {
    let distinct: BTreeSet<(i64, i64, i16)> = receipt
        .edges
        .iter()
        .filter_map(|edge| {
            Some((*nodes.get(&edge.dst)?, *nodes.get(&edge.src)?, edge.kind.number()))
        })
        .collect();
    let model = |(dst, src, kind)| edge::Model {
        org: receipt.attestation.org.0,
        dst,
        seq: int(seq),
        src,
        kind,
        attestation: receipt.attestation.id.0,
    };
    distinct.into_iter().map(model).collect()
}
