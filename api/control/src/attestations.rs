//! Stored attestations and what the server judged.

use engine::id::{AttestationId, OrganizationId, RunId};
use engine::{Digest, Evaluation};

use crate::actor::{Actor, Permission, Within};
use crate::store::{AttestationFilter, Reader, Sequenced};
use crate::workflows::Names;
use crate::{Attestation, Control, Error, Page, Result, Subject, store};

impl Control {
    /// A stored attestation.
    pub async fn attestation(&self, actor: &Actor, digest: Digest) -> Result<Attestation> {
        let (org, within) = actor.authorize_within(Permission::ReadProjects)?;
        let read = self.store.read();
        let found = found(&read, org, &within, digest).await?;
        describe(&read, org, vec![found])
            .await?
            .pop()
            .ok_or_else(|| Error::not_found("attestation", digest))
    }

    /// The bundle of a stored attestation, byte for byte as it was signed.
    pub async fn bundle(&self, actor: &Actor, digest: Digest) -> Result<Vec<u8>> {
        let (org, within) = actor.authorize_within(Permission::ReadProjects)?;
        found(&self.store.read(), org, &within, digest).await?;
        let blob = self.store.read().blob(org, digest).await?;
        let lost = || Error::internal(format!("the bundle {digest} was never noted"));
        self.bytes(&blob.ok_or_else(lost)?).await
    }

    /// The verdict record of a stored attestation, byte for byte.
    pub async fn verdict(&self, actor: &Actor, digest: Digest) -> Result<Vec<u8>> {
        let (org, within) = actor.authorize_within(Permission::ReadProjects)?;
        let read = self.store.read();
        let found = found(&read, org, &within, digest).await?;
        record(&read, org, found.record.id).await
    }

    /// The attestations that have this digest as a subject, newest first; at most one page of them.
    pub async fn attestations_of(
        &self,
        actor: &Actor,
        subject: Digest,
    ) -> Result<Vec<Attestation>> {
        let (org, within) = actor.authorize_within(Permission::ReadProjects)?;
        let read = self.store.read();
        let limit = self.page_size(self.limits.page_max)?;
        let mut found =
            read.attestations_by_subject(org, subject, store::Page::first(limit)).await?;
        found.retain(|one| within.has(one.record.project));
        describe(&read, org, found).await
    }

    /// Attestations, newest first. `after` is the `next` of the page before.
    pub async fn attestations(
        &self,
        actor: &Actor,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Attestation>> {
        let (org, within) = actor.authorize_within(Permission::ReadProjects)?;
        let limit = self.page_size(limit)?;
        let wrong = |_error| Error::invalid("`after` is not the `next` of a page of attestations");
        let after = after.map(str::parse::<u64>).transpose().map_err(wrong)?;
        let read = self.store.read();
        let page = store::Page { after, limit: limit + 1 };
        let filter =
            AttestationFilter { projects: within.projects(), ..AttestationFilter::default() };
        let mut found = read.list_attestations(org, &filter, page).await?;
        let more = found.len() > usize::try_from(limit).unwrap_or(usize::MAX);
        if more {
            found.pop();
        }
        let next = found.last().filter(|_| more).map(|last| last.seq.to_string());
        Ok(Page { items: describe(&read, org, found).await?, next })
    }
}

async fn found(
    read: &Reader<'_>,
    org: OrganizationId,
    within: &Within,
    digest: Digest,
) -> Result<Sequenced<store::Attestation>> {
    read.attestation_by_digest(org, digest)
        .await?
        .filter(|found| within.has(found.record.project))
        .ok_or_else(|| Error::not_found("attestation", digest))
}

/// The record of the latest verdict over an attestation.
pub(crate) async fn record(
    read: &Reader<'_>,
    org: OrganizationId,
    id: AttestationId,
) -> Result<Vec<u8>> {
    let mut verdicts = read.verdicts_of(org, &[id]).await?;
    let latest = verdicts.remove(&id).and_then(|mut verdicts| verdicts.pop());
    latest
        .map(|verdict| verdict.record.record)
        .ok_or_else(|| Error::internal(format!("the attestation {id} has no verdict")))
}

/// Attestations with everything about them, in a bounded number of statements.
pub(crate) async fn describe(
    read: &Reader<'_>,
    org: OrganizationId,
    attestations: Vec<Sequenced<store::Attestation>>,
) -> Result<Vec<Attestation>> {
    let ids: Vec<AttestationId> = attestations.iter().map(|found| found.record.id).collect();
    let runs: Vec<RunId> = attestations.iter().map(|found| found.record.run).collect();
    let names = Names::load(read, org).await?;
    let contracts = read.contract_names_of_runs(org, &runs).await?;
    let mut subjects = read.subjects_of(org, &ids).await?;
    let mut materials = read.materials_of(org, &ids).await?;
    let mut evaluations = read.evaluations_of(org, &ids).await?;
    attestations
        .into_iter()
        .map(|Sequenced { seq, record }| {
            let lost =
                || Error::internal(format!("the contract of run {} is not there", record.run));
            let (contract, contract_revision) =
                contracts.get(&record.run).cloned().ok_or_else(lost)?;
            let claimed = record.claimed_verdict.as_deref().unwrap_or("indeterminate");
            Ok(Attestation {
                digest: record.digest,
                run: record.run,
                project: names.project(record.project)?,
                workflow: names.workflow(record.workflow)?,
                contract,
                contract_revision,
                verdict: record.verdict.parse().map_err(Error::internal)?,
                claimed_verdict: claimed.parse().map_err(Error::internal)?,
                verdict_digest: record.verdict_digest,
                key_digest: record.key_digest,
                size: record.size,
                received_at: record.created_at,
                seq,
                subjects: subjects
                    .remove(&record.id)
                    .unwrap_or_default()
                    .into_iter()
                    .map(subject)
                    .collect(),
                materials: materials.remove(&record.id).unwrap_or_default(),
                evaluations: evaluations
                    .remove(&record.id)
                    .unwrap_or_default()
                    .into_iter()
                    .map(|row| serde_json::from_value(row.record).map_err(Error::internal))
                    .collect::<Result<Vec<Evaluation>>>()?,
            })
        })
        .collect()
}

fn subject(row: store::SubjectRow) -> Subject {
    Subject { name: row.name, algorithm: row.algorithm, value: row.value }
}
