//! The rows of a receipt, made of what was verified and judged.

use engine::Digest;
use engine::id::{AttestationId, OrganizationId};
use serde_json::json;

use super::edges::edges;
use super::judging::uses;
use super::{Judged, subjects};
use crate::actor::Actor;
use crate::audit::Change;
use crate::store::{
    self, Attestation, AuditEvent, BoundRun, EvaluationRow, LogKind, LogLeaf, RunState, SubjectRow,
    VerdictRow,
};
use crate::{Error, Result, audit, events, fresh};

/// The rows of a receipt.
pub(super) fn rows(actor: &Actor, org: OrganizationId, judged: &Judged) -> Result<store::Receipt> {
    let Judged {
        run: BoundRun { run, .. },
        digest,
        bundle,
        verified,
        predicate,
        record,
        used,
        kept,
    } = judged;
    let digest = *digest;
    let bytes = record.to_bytes().map_err(Error::internal)?;
    let (verdict_digest, at) = (Digest::of(&bytes), record.evaluated_at);
    let attestation = Attestation {
        id: AttestationId(fresh()),
        org,
        project: run.project,
        workflow: run.workflow,
        run: run.id,
        digest,
        payload_digest: Digest::of(verified.payload()),
        size: u64::try_from(bundle.bytes().len()).unwrap_or(u64::MAX),
        created_at: at,
        key_digest: verified.key().id(),
        claimed_verdict: Some(predicate.verdict.to_string()),
        verdict: record.verdict.to_string(),
        verdict_digest,
    };
    let told = json!({
        "attestation": digest, "run": run.id, "project": judged.run.project, "workflow": judged.run.workflow,
        "contract": judged.run.contract, "contract_revision": judged.run.revision, "verdict": record.verdict,
        "claimed_verdict": predicate.verdict,
    });
    let change = Change::of(
        json!({ "run": run.id, "state": run.state.as_str() }),
        json!({
            "run": run.id, "state": RunState::Closed.as_str(), "verdict": record.verdict,
            "verdict_digest": verdict_digest, "claimed_verdict": predicate.verdict,
        }),
    );
    let leaf = |kind, digest| LogLeaf { kind, digest, created_at: at };
    Ok(store::Receipt {
        subjects: subjects(verified).map(subject_row).collect(),
        evaluations: record.evaluations.iter().map(evaluation_row).collect::<Result<_>>()?,
        verdict: VerdictRow {
            id: fresh(),
            digest: verdict_digest,
            verdict: record.verdict.to_string(),
            record: bytes,
            created_at: at,
        },
        edges: edges(digest, verified, predicate),
        log: vec![leaf(LogKind::Attestation, digest), leaf(LogKind::Verdict, verdict_digest)],
        audit: vec![AuditEvent {
            created_at: at,
            ..audit::event(actor, Some(org), "attestation.receive", digest, change)
        }],
        outbox: vec![events::event(org, events::ATTESTATION_RECEIVED, at, told)],
        materials: record.materials.clone(),
        backend: kept.blob.backend,
        removed: kept.removed,
        waivers: uses(&attestation, used),
        attestation,
    })
}

fn subject_row((name, algorithm, value): (String, String, String)) -> SubjectRow {
    let digest = if algorithm == "sha256" { Digest::from_hex(&value).ok() } else { None };
    SubjectRow { name, algorithm, value, digest }
}

fn evaluation_row(evaluation: &engine::Evaluation) -> Result<EvaluationRow> {
    let record = serde_json::to_value(evaluation).map_err(Error::internal)?;
    let subject = match &evaluation.subject {
        engine::Subject::Run => "run".to_owned(),
        engine::Subject::Material { name, .. } => format!("material:{name}"),
    };
    let outcome =
        record.get("outcome").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    Ok(EvaluationRow {
        policy: evaluation.policy.parse().map_err(Error::internal)?,
        policy_digest: Some(evaluation.policy_digest),
        subject,
        outcome,
        record,
    })
}
