//! The receipt of an attestation, in the order that makes it trustworthy: nothing that a job claims is believed.

mod edges;
mod judging;
mod refusal;
mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use engine::contract::Compiled;
use engine::id::{OrganizationId, RunId};
use engine::judge::{Exhibit, Label, Record};
use engine::predicate::{self, ContractRef, Predicate};
use engine::{Digest, Kind, Material, Name};
use futures::TryStreamExt;
use judging::Used;
use trust::{Bundle, PublicKey, Requirements, TrustedKey, Verified};

use crate::actor::{Actor, Permission};
use crate::store::{self, Attestation, BoundRun, StoreError};
use crate::{Control, Error, Receipt, Result, Subject, attestations, now, runs, step};

/// Everything that is known of an attestation once it was verified, bound and judged.
struct Judged {
    run: BoundRun,
    digest: Digest,
    bundle: Bundle,
    verified: Verified,
    predicate: Predicate,
    record: Record,
    used: Vec<Used>,
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
        let (record, used) = self.judge(org, contract, &predicate, exhibits).await?;
        step("receipt::before-blob");
        self.keep_bundle(org, digest, bytes).await?;
        step("receipt::before-transaction");
        let judged = Judged { run, digest, bundle, verified, predicate, record, used };
        let receipt = self.save(actor, org, judged).await?;
        step("receipt::before-answer");
        Ok(receipt)
    }

    pub(crate) fn within_limits(&self, bytes: &[u8]) -> Result<()> {
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
    pub(crate) async fn verify(&self, org: OrganizationId, bundle: &Bundle) -> Result<Verified> {
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
    ) -> Result<(BoundRun, Arc<Compiled>)> {
        let bound = self.store.read().bound_run(org, id).await?;
        let bound = bound.ok_or_else(|| Error::not_found("run", id))?;
        if predicate.run != id {
            return Err(Error::refused(
                "run",
                format!("the statement is about run {}, not about {id}", predicate.run),
            ));
        }
        runs::check_open(&bound.run)?;
        check_contract(&bound, predicate)?;
        check_workflow(actor, &bound, predicate)?;
        let contract = self.compiled(org, bound.run.contract_revision).await?;
        Ok((bound, contract))
    }

    /// Reads the evidence from the store. The bytes decide, not what the job says about them.
    async fn exhibits(&self, org: OrganizationId, materials: &[Material]) -> Result<Vec<Exhibit>> {
        let digests: Vec<Digest> = materials.iter().map(|material| material.digest).collect();
        let sizes = self.store.read().blob_sizes(org, &digests).await?;
        let mut exhibits = Vec::with_capacity(materials.len());
        for material in materials {
            exhibits.push(self.exhibit(material, &sizes).await?);
        }
        Ok(exhibits)
    }

    async fn exhibit(&self, material: &Material, sizes: &BTreeMap<Digest, u64>) -> Result<Exhibit> {
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
        let size = *sizes.get(&digest).ok_or_else(missing)?;
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

    pub(crate) async fn keep_bundle(
        &self,
        org: OrganizationId,
        digest: Digest,
        bytes: Vec<u8>,
    ) -> Result<()> {
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
    async fn save(&self, actor: &Actor, org: OrganizationId, judged: Judged) -> Result<Receipt> {
        let (digest, run) = (judged.digest, judged.run.run.id);
        let rows = rows::rows(actor, org, &judged)?;
        let stored = rows.attestation.clone();
        match self.store.receive(rows).await {
            Ok(seq) => Ok(judged.answer(seq, &stored)),
            Err(StoreError::Conflict { what }) if what == store::WAIVER_IN_FORCE => {
                Err(Error::Unavailable {
                    message: "a waiver was revoked while the run was judged; push again".to_owned(),
                    source: what.into(),
                })
            }
            // Someone sent the same bytes at the same time, and was first.
            Err(conflict @ StoreError::Conflict { .. }) => {
                let first = self.already_received(org, run, digest).await?;
                first.ok_or_else(|| conflict.into())
            }
            Err(error) => Err(error.into()),
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
        let Record { reasons, waivers, .. } = record;
        Ok(Receipt { attestation, new: false, reasons, waivers })
    }
}

impl Judged {
    /// What a later question about this attestation is answered, without asking the store.
    fn answer(self, seq: u64, stored: &Attestation) -> Receipt {
        let attestation = crate::Attestation {
            digest: stored.digest,
            run: stored.run,
            project: self.run.project,
            workflow: self.run.workflow,
            contract: self.run.contract,
            contract_revision: self.run.revision,
            verdict: self.record.verdict,
            claimed_verdict: self.predicate.verdict,
            verdict_digest: stored.verdict_digest,
            key_digest: stored.key_digest,
            size: stored.size,
            received_at: stored.created_at,
            seq,
            subjects: subjects(&self.verified)
                .map(|(name, algorithm, value)| Subject { name, algorithm, value })
                .collect(),
            materials: self.record.materials,
            evaluations: self.record.evaluations,
        };
        let Record { reasons, waivers, .. } = self.record;
        Receipt { attestation, new: true, reasons, waivers }
    }
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

/// The statement must be made under the contract revision that the run was opened under.
fn check_contract(bound: &BoundRun, predicate: &Predicate) -> Result<()> {
    let contract = ContractRef {
        name: bound.contract.clone(),
        revision: bound.revision,
        digest: bound.contract_digest,
    };
    let claimed = &predicate.contract;
    if *claimed == contract {
        return Ok(());
    }
    Err(Error::refused(
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
    ))
}

fn check_workflow(actor: &Actor, bound: &BoundRun, predicate: &Predicate) -> Result<()> {
    let lost = || Error::internal("a receipt without an organization");
    let organization = actor.organization.as_ref().map(|(_, name)| name).ok_or_else(lost)?;
    let Some(claimed) = &predicate.circumstances.workflow else {
        return Err(Error::refused("workflow", "the statement names no workflow"));
    };
    for (what, actual, claimed) in [
        ("organization", organization, &claimed.organization),
        ("project", &bound.project, &claimed.project),
        ("workflow", &bound.workflow, &claimed.name),
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
