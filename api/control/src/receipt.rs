//! The receipt of an attestation, in the order that makes it trustworthy: nothing that a job claims is believed.

mod edges;
mod refusal;

use std::collections::BTreeSet;
use std::sync::Arc;

use edges::edges;
use engine::contract::Compiled;
use engine::id::{AttestationId, OrganizationId, RunId};
use engine::judge::{Exhibit, Label, Record};
use engine::predicate::{self, ContractRef, Predicate};
use engine::{Digest, Kind, Material, Name, Timestamp};
use fail::fail_point;
use futures::TryStreamExt;
use serde_json::json;
use trust::{Bundle, PublicKey, Requirements, TrustedKey, Verified};

use crate::actor::{Actor, Permission};
use crate::audit::Change;
use crate::store::{
    self, AuditEvent, EvaluationRow, LogKind, LogLeaf, OutboxEvent, SubjectRow, VerdictRow,
};
use crate::{
    Control, Error, Receipt, Result, attestations, audit, contracts, fresh, judge, now, runs,
};

/// Everything that is known of an attestation once it was verified, bound and judged.
struct Judged {
    run: store::Run,
    digest: Digest,
    bundle: Bundle,
    verified: Verified,
    predicate: Predicate,
    record: Record,
}

impl Control {
    /// Receives the attestation of a run: verifies, judges again, stores. The same bytes twice answer the same. That it
    /// was refused, and at which step, is an audit event.
    pub async fn receive(&self, actor: &Actor, run: RunId, bytes: Vec<u8>) -> Result<Receipt> {
        let org = actor.authorize(Permission::Attest)?;
        let digest = Digest::of(&bytes);
        let received = self.receive_in_order(actor, org, run, digest, bytes).await;
        if let Err(error) = &received {
            self.record_refusal(actor, run, digest, error).await?;
        }
        received
    }

    /// The order of trust, one line each.
    async fn receive_in_order(
        &self,
        actor: &Actor,
        org: OrganizationId,
        run: RunId,
        digest: Digest,
        bytes: Vec<u8>,
    ) -> Result<Receipt> {
        self.within_limits(&bytes)?;
        if let Some(receipt) = self.already_received(org, run, digest).await? {
            return Ok(receipt);
        }
        let bundle =
            Bundle::parse(&bytes).map_err(|error| Error::refused("bundle", error.to_string()))?;
        let verified = self.verify(org, &bundle).await?;
        let predicate = read_predicate(&verified)?;
        let (run, contract) = self.bind(actor, org, run, &predicate).await?;
        check_materials(&predicate, self.limits.materials_max)?;
        check_subjects(&verified, &predicate, &contract)?;
        step("receipt::before-evidence");
        let exhibits = self.exhibits(org, &predicate.materials).await?;
        let record = self.judge(contract, &predicate, exhibits).await?;
        step("receipt::before-blob");
        self.keep_bundle(org, digest, bytes).await?;
        step("receipt::before-transaction");
        self.save(actor, org, Judged { run, digest, bundle, verified, predicate, record }).await?;
        step("receipt::before-answer");
        Ok(Receipt { new: true, ..self.answer(org, digest).await? })
    }

    fn within_limits(&self, bytes: &[u8]) -> Result<()> {
        let (size, max) =
            (u64::try_from(bytes.len()).unwrap_or(u64::MAX), self.limits.bundle_bytes_max);
        if size > max {
            return Err(Error::TooLarge(format!(
                "the bundle has {size} bytes, more than the limit of {max}"
            )));
        }
        Ok(())
    }

    async fn already_received(
        &self,
        org: OrganizationId,
        run: RunId,
        digest: Digest,
    ) -> Result<Option<Receipt>> {
        match self.store.read().attestation_by_digest(org, digest).await? {
            None => Ok(None),
            Some(found) if found.record.run == run => self.answer(org, digest).await.map(Some),
            Some(found) => Err(Error::refused(
                "run",
                format!("this is the attestation of run {}, not of {run}", found.record.run),
            )),
        }
    }

    /// Verifies the signature against the keys that the organization registered.
    async fn verify(&self, org: OrganizationId, bundle: &Bundle) -> Result<Verified> {
        let keys = self.store.read().signing_keys(org).await?;
        let keys = keys.iter().map(trusted).collect::<Result<Vec<_>>>()?;
        trust::verify(bundle, &Requirements::new(keys), now()).map_err(|refusal| {
            Error::refused("signature", format!("the attestation does not verify: {refusal}"))
        })
    }

    /// Binds the predicate to the open run and the contract revision that it was opened under.
    async fn bind(
        &self,
        actor: &Actor,
        org: OrganizationId,
        id: RunId,
        predicate: &Predicate,
    ) -> Result<(store::Run, Arc<Compiled>)> {
        let read = self.store.read();
        let run = read.run(org, id).await?.ok_or_else(|| Error::not_found("run", id))?;
        if predicate.run != id {
            return Err(Error::refused(
                "run",
                format!("the statement is about run {}, not about {id}", predicate.run),
            ));
        }
        runs::check_open(&run)?;
        let (name, revision) = contracts::of_run(&read, org, &run).await?;
        let contract = ContractRef { name, revision: revision.revision, digest: revision.digest };
        if predicate.contract != contract {
            let claimed = &predicate.contract;
            return Err(Error::refused(
                "contract",
                format!(
                    "the run was opened under {} revision {} ({}), and the statement names {} revision {} ({})",
                    contract.name,
                    contract.revision,
                    contract.digest,
                    claimed.name,
                    claimed.revision,
                    claimed.digest
                ),
            ));
        }
        check_workflow(actor, &read, org, &run, predicate).await?;
        Ok((run, self.compiled(&revision)?))
    }

    /// Reads the evidence from the store. The bytes decide, not what the job says about them.
    async fn exhibits(&self, org: OrganizationId, materials: &[Material]) -> Result<Vec<Exhibit>> {
        let mut exhibits = Vec::with_capacity(materials.len());
        for material in materials {
            exhibits.push(self.exhibit(org, material).await?);
        }
        Ok(exhibits)
    }

    async fn exhibit(&self, org: OrganizationId, material: &Material) -> Result<Exhibit> {
        let Material { name, kind, digest, source, .. } = material.clone();
        if material.reference_only {
            return Ok(Exhibit::reference(Label { name, kind, digest, source, size: 0 }));
        }
        let missing = || {
            Error::refused(
                "evidence",
                format!("the blob {digest} of the material `{name}` was not stored"),
            )
        };
        let size = self.store.read().blob_size(org, digest).await?.ok_or_else(missing)?;
        let label = Label { name, kind, digest, source, size };
        if kind == Kind::Artifact {
            return Ok(Exhibit::opaque(label));
        }
        if size > self.limits.evidence_bytes_max {
            let max = self.limits.evidence_bytes_max;
            return Ok(Exhibit::missing(
                label,
                format!("it has {size} bytes, more than the limit of {max}"),
            ));
        }
        let lost =
            || Error::internal(format!("the blob {digest} is referenced, and not in the store"));
        let bytes = self.bytes(digest).await?.ok_or_else(lost)?;
        let limits = Arc::clone(&self.limits);
        tokio::task::spawn_blocking(move || Exhibit::read(label, &bytes, &limits))
            .await
            .map_err(Error::internal)
    }

    /// The bytes of a blob that is known to be small enough to hold.
    pub(crate) async fn bytes(&self, digest: Digest) -> Result<Option<Vec<u8>>> {
        let Some(blob) = self.blobs.get(digest).await? else { return Ok(None) };
        let mut bytes = Vec::with_capacity(usize::try_from(blob.size).unwrap_or(0));
        let mut stream = blob.stream;
        while let Some(chunk) = stream.try_next().await.map_err(Error::internal)? {
            bytes.extend_from_slice(&chunk);
        }
        Ok(Some(bytes))
    }

    async fn judge(
        &self,
        contract: Arc<Compiled>,
        predicate: &Predicate,
        exhibits: Vec<Exhibit>,
    ) -> Result<Record> {
        let (circumstances, limits, at) =
            (predicate.circumstances.clone(), Arc::clone(&self.limits), now());
        tokio::task::spawn_blocking(move || {
            judge::judge(&contract, &circumstances, exhibits, at, &limits)
        })
        .await
        .map_err(Error::internal)
    }

    async fn keep_bundle(&self, org: OrganizationId, digest: Digest, bytes: Vec<u8>) -> Result<()> {
        let size = u64::try_from(bytes.len()).ok();
        let stream =
            Box::pin(futures::stream::once(
                async move { Ok(tokio_util::bytes::Bytes::from(bytes)) },
            ));
        let size = self.blobs.put(digest, size, stream).await?;
        tracing::debug!(%org, %digest, size, "bundle kept");
        Ok(())
    }

    /// One transaction: everything or nothing.
    async fn save(&self, actor: &Actor, org: OrganizationId, judged: Judged) -> Result<()> {
        let digest = judged.digest;
        let run = judged.run.id;
        let receipt = rows(actor, org, judged)?;
        let saved = self
            .store
            .write(move |tx| {
                let receipt = receipt.clone();
                Box::pin(async move {
                    tx.reference_blob(
                        org,
                        digest,
                        receipt.attestation.size,
                        receipt.attestation.created_at,
                    )
                    .await?;
                    tx.insert_receipt(&receipt).await?;
                    step("receipt::in-transaction");
                    Ok::<_, Error>(())
                })
            })
            .await;
        match saved {
            // Someone sent the same bytes at the same time, and was first.
            Err(Error::Conflict(_)) if self.already_received(org, run, digest).await?.is_some() => {
                Ok(())
            }
            other => other,
        }
    }

    async fn answer(&self, org: OrganizationId, digest: Digest) -> Result<Receipt> {
        let read = self.store.read();
        let lost =
            || Error::internal(format!("the attestation {digest} was stored, and is not there"));
        let found = read.attestation_by_digest(org, digest).await?.ok_or_else(lost)?;
        let record = attestations::record(&read, org, found.record.id).await?;
        let record: Record = serde_json::from_slice(&record).map_err(Error::internal)?;
        let attestation =
            attestations::describe(&read, org, vec![found]).await?.pop().ok_or_else(lost)?;
        Ok(Receipt { attestation, new: false, reasons: record.reasons })
    }
}

/// Says which step comes next. Tests stop the process here.
fn step(name: &'static str) {
    tracing::trace!(name, "a receipt goes on");
    fail_point!(name);
}

fn trusted(key: &store::SigningKey) -> Result<TrustedKey> {
    Ok(TrustedKey {
        key: PublicKey::from_pem(&key.public_key).map_err(Error::internal)?,
        name: key.name.to_string(),
        valid_from: None,
        revoked_at: key.revoked_at,
    })
}

fn read_predicate(verified: &Verified) -> Result<Predicate> {
    let statement = verified.statement();
    if statement.predicate_type != predicate::TYPE {
        return Err(Error::refused(
            "predicate",
            format!(
                "the predicate type is `{}`, not `{}`",
                statement.predicate_type,
                predicate::TYPE
            ),
        ));
    }
    serde_json::from_value(statement.predicate.clone()).map_err(|error| {
        Error::refused("predicate", format!("the predicate does not have its form: {error}"))
    })
}

async fn check_workflow(
    actor: &Actor,
    read: &store::Reader<'_>,
    org: OrganizationId,
    run: &store::Run,
    predicate: &Predicate,
) -> Result<()> {
    let lost = || Error::internal(format!("the workflow of run {} is not there", run.id));
    let project = read.project(org, run.project).await?.ok_or_else(lost)?;
    let workflow = read.workflow(org, run.workflow).await?.ok_or_else(lost)?;
    let organization = actor.organization.as_ref().map(|(_, name)| name).ok_or_else(lost)?;
    let Some(claimed) = &predicate.circumstances.workflow else {
        return Err(Error::refused("workflow", "the statement names no workflow"));
    };
    for (what, actual, claimed) in [
        ("organization", organization, &claimed.organization),
        ("project", &project.name, &claimed.project),
        ("workflow", &workflow.name, &claimed.name),
    ] {
        if actual != claimed {
            let message = format!(
                "the run belongs to the {what} `{actual}`, and the statement names `{claimed}`"
            );
            return Err(Error::refused("workflow", message));
        }
    }
    Ok(())
}

fn check_materials(predicate: &Predicate, max: usize) -> Result<()> {
    if predicate.materials.len() > max {
        let message = format!(
            "the run has {} materials, more than the limit of {max}",
            predicate.materials.len()
        );
        return Err(Error::TooLarge(message));
    }
    let mut names: BTreeSet<&Name> = BTreeSet::new();
    for material in &predicate.materials {
        if !names.insert(&material.name) {
            return Err(Error::refused(
                "materials",
                format!("the material `{}` is there twice", material.name),
            ));
        }
        if material.reference_only && material.kind != Kind::ContainerImage {
            let message = format!(
                "only a container image may be a reference, not the material `{}`",
                material.name
            );
            return Err(Error::refused("materials", message));
        }
    }
    Ok(())
}

/// The subjects must be what the contract makes of the materials: a job cannot attest what it did not hand over.
fn check_subjects(verified: &Verified, predicate: &Predicate, contract: &Compiled) -> Result<()> {
    let commit = predicate.circumstances.commit.as_ref();
    let expected: BTreeSet<(String, String, String)> =
        predicate::subjects(&contract.contract, &predicate.materials, commit).into_iter().collect();
    let given: BTreeSet<(String, String, String)> = subjects(verified).collect();
    if expected == given {
        return Ok(());
    }
    let name = |(name, algorithm, value): &(String, String, String)| {
        format!("{name} ({algorithm}:{value})")
    };
    let extra: Vec<String> = given.difference(&expected).map(name).collect();
    let missing: Vec<String> = expected.difference(&given).map(name).collect();
    Err(Error::refused(
        "subjects",
        format!(
            "the subjects must be the contract's output materials and the commit; missing: [{}], not expected: [{}]",
            missing.join(", "),
            extra.join(", ")
        ),
    ))
}

fn subjects(verified: &Verified) -> impl Iterator<Item = (String, String, String)> {
    verified.statement().subject.iter().flat_map(|subject| {
        subject
            .digest
            .iter()
            .map(move |(algorithm, value)| (subject.name.clone(), algorithm.clone(), value.clone()))
    })
}

/// The rows of a receipt.
fn rows(actor: &Actor, org: OrganizationId, judged: Judged) -> Result<store::Receipt> {
    let Judged { run, digest, bundle, verified, predicate, record } = judged;
    let bytes = record.to_bytes().map_err(Error::internal)?;
    let (verdict_digest, at) = (Digest::of(&bytes), record.evaluated_at);
    let attestation = store::Attestation {
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
    let detail = json!({
        "attestation": digest, "run": run.id, "verdict": record.verdict, "claimed_verdict": predicate.verdict,
    });
    let change = Change::of(
        json!({ "run": run.id, "state": run.state.as_str() }),
        json!({
            "run": run.id, "state": store::RunState::Closed.as_str(), "verdict": record.verdict,
            "verdict_digest": verdict_digest, "claimed_verdict": predicate.verdict,
        }),
    );
    let leaf = |kind, digest| LogLeaf { kind, digest, created_at: at };
    Ok(store::Receipt {
        subjects: subjects(&verified).map(subject_row).collect(),
        evaluations: record.evaluations.iter().map(evaluation_row).collect::<Result<_>>()?,
        verdict: VerdictRow {
            id: fresh(),
            digest: verdict_digest,
            verdict: record.verdict.to_string(),
            record: bytes,
            created_at: at,
        },
        edges: edges(digest, &verified, &predicate),
        log: vec![leaf(LogKind::Attestation, digest), leaf(LogKind::Verdict, verdict_digest)],
        audit: vec![AuditEvent {
            created_at: at,
            ..audit::event(actor, Some(org), "attestation.receive", digest, change)
        }],
        outbox: vec![outbox(org, at, detail)],
        materials: record.materials,
        attestation,
    })
}

fn outbox(org: OrganizationId, created_at: Timestamp, payload: serde_json::Value) -> OutboxEvent {
    let kind = "dev.muster.attestation.received.v1".to_owned();
    OutboxEvent { id: fresh(), org, kind, payload, created_at, delivered_at: None }
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
