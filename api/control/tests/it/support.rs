//! Stores to test on, and records that are right in every column.

use std::collections::BTreeSet;

use control::store::{
    ApiToken, Attestation, AuditEvent, Blob, Contract, ContractRevision, Edge, EdgeKind,
    EvaluationRow, LogKind, LogLeaf, NodeKey, Organization, OutboxEvent, Project, Receipt, Run,
    RunState, Store, StoreError, SubjectRow, VerdictRow, Workflow,
};
use engine::id::{
    AttestationId, ContractId, OrganizationId, ProjectId, RunId, TokenId, WorkflowId,
};
use engine::{Digest, Kind, Material, Timestamp, Verdict};
use uuid::Uuid;

/// A store of its own, and what must outlive it.
pub(crate) struct Opened {
    pub(crate) store: Store,
    pub(crate) url: String,
    _directory: Option<tempfile::TempDir>,
}

/// An empty store on SQLite, and one on PostgreSQL where that is installed.
pub(crate) async fn stores() -> Vec<Opened> {
    let mut opened = vec![sqlite().await];
    if let Some(cluster) = testdata::peers::postgres() {
        let url = cluster.database();
        opened.push(Opened { store: Store::open(&url).await.unwrap(), url, _directory: None });
    }
    opened
}

pub(crate) async fn sqlite() -> Opened {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", directory.path().join("muster.db").display());
    Opened { store: Store::open(&url).await.unwrap(), url, _directory: Some(directory) }
}

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_770_000_000_000);

/// An organization with everything that a run needs.
#[derive(Debug, Clone)]
pub(crate) struct Tenant {
    pub(crate) org: OrganizationId,
    pub(crate) project: ProjectId,
    pub(crate) workflow: WorkflowId,
    pub(crate) contract: ContractId,
    pub(crate) revision: Uuid,
    pub(crate) token: TokenId,
}

pub(crate) async fn tenant(store: &Store, name: &str) -> Tenant {
    let id = Uuid::now_v7;
    let tenant = Tenant {
        org: OrganizationId(id()),
        project: ProjectId(id()),
        workflow: WorkflowId(id()),
        contract: ContractId(id()),
        revision: id(),
        token: TokenId(id()),
    };
    let (made, name) = (tenant.clone(), name.to_owned());
    store
        .write(move |tx| {
            let (t, name) = (made.clone(), name.clone());
            Box::pin(async move {
                let created_at = NOW;
                tx.insert_organization(&Organization {
                    id: t.org,
                    name: name.parse().unwrap(),
                    created_at,
                })
                .await?;
                let name = || "web".parse().unwrap();
                tx.insert_project(&Project { id: t.project, org: t.org, name: name(), created_at })
                    .await?;
                tx.insert_contract(&Contract {
                    id: t.contract,
                    org: t.org,
                    name: name(),
                    created_at,
                    deleted_at: None,
                })
                .await?;
                tx.insert_contract_revision(&revision(&t, t.revision, 1)).await?;
                let (project, contract) = (t.project, t.contract);
                let workflow = Workflow {
                    id: t.workflow,
                    org: t.org,
                    project,
                    name: name(),
                    contract,
                    created_at,
                    deadline_minutes: None,
                    contract_revision: None,
                    deleted_at: None,
                };
                tx.insert_workflow(&workflow).await?;
                tx.insert_token(&token(&t)).await
            })
        })
        .await
        .unwrap();
    tenant
}

pub(crate) fn revision(tenant: &Tenant, id: Uuid, revision: u32) -> ContractRevision {
    ContractRevision {
        id,
        contract: tenant.contract,
        org: tenant.org,
        revision,
        digest: Digest::of(format!("{} {revision}", tenant.contract)),
        source: format!("revision: {revision}\n"),
        sources: [("deny.rego".to_owned(), "package deny".to_owned())].into(),
        created_at: NOW,
    }
}

pub(crate) fn token(tenant: &Tenant) -> ApiToken {
    ApiToken {
        id: tenant.token,
        org: Some(tenant.org),
        name: "ci".parse().unwrap(),
        secret_hash: Digest::of(tenant.token.to_string()),
        scopes: BTreeSet::from(["attest".to_owned()]),
        created_at: NOW,
        expires_at: Some(NOW.plus_days(1)),
        revoked_at: None,
        last_used_at: None,
        minted_by: None,
        grants: None,
    }
}

pub(crate) fn run(tenant: &Tenant) -> Run {
    Run {
        id: RunId(Uuid::now_v7()),
        org: tenant.org,
        project: tenant.project,
        workflow: tenant.workflow,
        contract_revision: tenant.revision,
        state: RunState::Open,
        created_at: NOW,
        created_by: tenant.token,
        closed_at: None,
        reason: None,
        expires_at: None,
        rerun_of: None,
        version: None,
    }
}

pub(crate) async fn insert_run(store: &Store, run: &Run) {
    let run = run.clone();
    store
        .write(move |tx| {
            let run = run.clone();
            Box::pin(async move { tx.insert_run(&run).await })
        })
        .await
        .unwrap();
}

pub(crate) async fn insert_receipt(store: &Store, receipt: &Receipt) -> Result<u64, StoreError> {
    store.receive(receipt.clone()).await
}

/// Opens a run and closes it with an attestation called `name` that has those materials and subjects.
pub(crate) async fn attest(
    store: &Store,
    tenant: &Tenant,
    name: &str,
    materials: &[&str],
    subjects: &[&str],
) -> u64 {
    let run = run(tenant);
    insert_run(store, &run).await;
    insert_receipt(store, &receipt(&run, name, materials, subjects)).await.unwrap()
}

pub(crate) fn artifact(name: &str) -> NodeKey {
    NodeKey::Artifact(Digest::of(name))
}

pub(crate) fn attestation(name: &str) -> NodeKey {
    NodeKey::Attestation(Digest::of(name))
}

/// A blob of one byte that has the digest of the name.
pub(crate) fn blob(org: OrganizationId, name: &str) -> Blob {
    Blob {
        org,
        digest: Digest::of(name),
        size: 1,
        created_at: NOW,
        backend: None,
        expires_at: None,
    }
}

/// A receipt whose digests are those of the names.
pub(crate) fn receipt(run: &Run, name: &str, materials: &[&str], subjects: &[&str]) -> Receipt {
    let digest = Digest::of(name);
    let record = format!("{{\"of\":\"{name}\"}}").into_bytes();
    let verdict_digest = Digest::of(&record);
    let into = |item: &&str| Edge {
        src: artifact(item),
        dst: attestation(name),
        kind: EdgeKind::Material,
    };
    let out =
        |item: &&str| Edge { src: attestation(name), dst: artifact(item), kind: EdgeKind::Subject };
    let leaf = |kind, digest| LogLeaf { kind, digest, created_at: NOW };
    Receipt {
        attestation: Attestation {
            id: AttestationId(Uuid::now_v7()),
            org: run.org,
            project: run.project,
            workflow: run.workflow,
            run: run.id,
            digest,
            payload_digest: Digest::of(format!("payload of {name}")),
            size: 7,
            created_at: NOW,
            key_digest: Digest::of("key"),
            claimed_verdict: Some(Verdict::Passed.to_string()),
            verdict: Verdict::Failed.to_string(),
            verdict_digest,
        },
        subjects: subjects.iter().map(|item| subject(item)).collect(),
        materials: materials.iter().map(|item| material(item)).collect(),
        evaluations: vec![EvaluationRow {
            policy: "licences".parse().unwrap(),
            policy_digest: Some(Digest::of("deny")),
            subject: "material:sbom".to_owned(),
            outcome: "failed".to_owned(),
            record: serde_json::json!({ "violations": [{ "message": "no licence" }] }),
        }],
        waivers: Vec::new(),
        backend: None,
        removed: None,
        verdict: VerdictRow {
            id: Uuid::now_v7(),
            digest: verdict_digest,
            verdict: Verdict::Failed.to_string(),
            record,
            created_at: NOW,
        },
        edges: materials.iter().map(into).chain(subjects.iter().map(out)).collect(),
        log: vec![leaf(LogKind::Attestation, digest), leaf(LogKind::Verdict, verdict_digest)],
        audit: vec![audit(run.org)],
        outbox: vec![OutboxEvent {
            id: Uuid::now_v7(),
            org: run.org,
            kind: "attestation.received".to_owned(),
            payload: serde_json::json!({ "digest": digest.to_string() }),
            created_at: NOW,
            delivered_at: None,
        }],
    }
}

pub(crate) fn audit(org: OrganizationId) -> AuditEvent {
    AuditEvent {
        id: Uuid::now_v7(),
        org: Some(org),
        actor: "token".to_owned(),
        action: "attestation.receive".to_owned(),
        target: "run".to_owned(),
        before: None,
        after: Some(serde_json::json!({ "state": "closed" })),
        detail: None,
        created_at: NOW,
    }
}

fn subject(name: &str) -> SubjectRow {
    let digest = Digest::of(name);
    SubjectRow {
        name: name.to_owned(),
        algorithm: "sha256".to_owned(),
        value: digest.to_hex(),
        digest: Some(digest),
    }
}

fn material(name: &str) -> Material {
    Material {
        name: "sbom".parse().unwrap(),
        kind: Kind::ALL[0].0,
        digest: Digest::of(name),
        size: 3,
        reference_only: false,
        source: name.to_owned(),
        facts: [("components".to_owned(), serde_json::json!(12))].into(),
    }
}
