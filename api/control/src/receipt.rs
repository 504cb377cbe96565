//! The receipt of an attestation, in the order that makes it trustworthy: nothing that a job claims is believed.

mod edges;
mod evidence;
mod judging;
mod refusal;
mod rows;

use std::collections::BTreeSet;
use std::sync::Arc;

use engine::contract::Compiled;
use engine::id::{OrganizationId, RunId};
use engine::judge::Record;
use engine::predicate::{self, ContractRef, Predicate};
use engine::{Digest, Kind, Name};
pub(crate) use evidence::Room;
use judging::Used;
use tokio::try_join;
use trust::{Bundle, PublicKey, Requirements, TrustedKey, Verified};

use crate::actor::{Actor, Permission, With};
use crate::backends::{Kept, removal_conflict};
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
    kept: Kept,
}

impl Control {
    /// Receives the attestation of a run: verifies, judges again, stores. The same bytes twice answer the same. That it
    /// was refused, and at which step, is an audit event.
    pub async fn receive(&self, actor: &Actor, run: RunId, bytes: Vec<u8>) -> Result<Receipt> {
        let org = actor.authorize_job(Permission::Attest, With::Run(run))?;
        self.check_granted(actor, org, run).await?;
        let digest = Digest::of(&bytes);
        let stopped = match self.receive_in_order(actor, org, run, digest, bytes).await {
            Ok(receipt) => return Ok(receipt),
            Err(error) => error,
        };
        // Bytes that were received before stop at the run, which they closed, at the latest.
        let received = match self.already_received(org, run, digest).await {
            Ok(Some(receipt)) => return Ok(receipt),
            Ok(None) => stopped,
            Err(error) => error,
        };
        self.record_refusal(actor, run, digest, &received).await?;
        Err(received)
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
        let bundle =
            Bundle::parse(&bytes).map_err(|error| Error::refused("bundle", error.to_string()))?;
        let verified = self.verify(org, &bundle).await?;
        let predicate = read_predicate(&verified)?;
        let (run, contract) = self.bind(actor, org, run, &predicate).await?;
        check_materials(&predicate, self.limits.materials_max)?;
        check_subjects(&verified, &predicate, &contract)?;
        step("receipt::before-evidence");
        let evidence = self.evidence(org, &predicate.materials).await?;
        step("receipt::before-blob");
        let judged = self.judge(org, contract, &predicate, evidence);
        let ((record, used), kept) = try_join!(judged, self.keep_bundle(org, digest, bytes))?;
        step("receipt::before-transaction");
        let judged = Judged { run, digest, bundle, verified, predicate, record, used, kept };
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

    pub(crate) async fn keep_bundle(
        &self,
        org: OrganizationId,
        digest: Digest,
        bytes: Vec<u8>,
    ) -> Result<Kept> {
        let size = u64::try_from(bytes.len()).ok();
        let stream =
            Box::pin(futures::stream::once(
                async move { Ok(tokio_util::bytes::Bytes::from(bytes)) },
            ));
        let kept = self.keep(org, digest, size, stream).await?;
        tracing::debug!(%org, %digest, size, "bundle kept");
        Ok(kept)
    }

    /// One transaction: everything or nothing.
    async fn save(&self, actor: &Actor, org: OrganizationId, judged: Judged) -> Result<Receipt> {
        let rows = rows::rows(actor, org, &judged)?;
        let (stored, digest) = (rows.attestation.clone(), judged.digest);
        match self.store.receive(rows).await {
            Ok(seq) => Ok(judged.answer(seq, &stored)),
            Err(StoreError::Conflict { what }) if what == store::WAIVER_IN_FORCE => {
                Err(Error::Unavailable {
                    message: "a waiver was revoked while the run was judged; push again".to_owned(),
                    source: what.into(),
                })
            }
            Err(error) => Err(removal_conflict(error, digest)),
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
    if bound.run.version != claimed.version {
        let named = |version: &Option<String>| {
            version.as_ref().map_or_else(|| "no version".to_owned(), |it| format!("`{it}`"))
        };
        let (actual, claimed) = (named(&bound.run.version), named(&claimed.version));
        let message = format!("the run was opened for {actual}, and the statement names {claimed}");
        return Err(Error::refused("workflow", message));
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
