//! Attestations and what they say: subjects, materials, evaluations, verdicts.

mod parts;

use std::collections::BTreeSet;

use engine::id::{AttestationId, OrganizationId, ProjectId, RunId, WorkflowId};
use engine::{Digest, Timestamp};
pub use parts::{EvaluationRow, SubjectRow, VerdictRow};
pub(super) use parts::{
    KEYS_PER_QUERY, evaluation_models, material_models, subject_models, verdict_model,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait};

use super::entity::{attestation, attestation_subject, material};
use super::row::{Row, bytes, int, record, records};
use super::{Page, Reader, Sequenced, StoreError};

/// A verified bundle. Its bytes are in the blob store under `digest`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attestation {
    /// Its identifier.
    pub id: AttestationId,
    /// Whose it is.
    pub org: OrganizationId,
    /// The project of its run.
    pub project: ProjectId,
    /// The workflow of its run.
    pub workflow: WorkflowId,
    /// The run that it closed.
    pub run: RunId,
    /// The digest of the bundle, byte for byte as received; unique in the organization.
    pub digest: Digest,
    /// The digest of the signed payload.
    pub payload_digest: Digest,
    /// The size of the bundle in bytes.
    pub size: u64,
    /// When it was received.
    pub created_at: Timestamp,
    /// The digest of the key that signed it.
    pub key_digest: Digest,
    /// What the job said of itself.
    pub claimed_verdict: Option<String>,
    /// What the server judged on receipt.
    pub verdict: String,
    /// The digest of that verdict's record.
    pub verdict_digest: Digest,
}

/// Which attestations a list holds; everything that is `None` matches.
#[derive(Debug, Clone, Default)]
pub struct AttestationFilter {
    /// Attestations of these projects.
    pub projects: Option<BTreeSet<ProjectId>>,
    /// Attestations of this workflow.
    pub workflow: Option<WorkflowId>,
    /// Attestations judged so on receipt.
    pub verdict: Option<String>,
    /// Attestations at or before this sequence number.
    pub as_of: Option<u64>,
}

impl Reader<'_> {
    /// The attestation of that identifier.
    pub async fn attestation(
        &self,
        org: OrganizationId,
        id: AttestationId,
    ) -> Result<Option<Sequenced<Attestation>>, StoreError> {
        record(of_org(org).filter(attestation::Column::Id.eq(id.0)).one(&self.db).await?)
    }

    /// The attestation whose bundle has that digest.
    pub async fn attestation_by_digest(
        &self,
        org: OrganizationId,
        digest: Digest,
    ) -> Result<Option<Sequenced<Attestation>>, StoreError> {
        record(
            of_org(org).filter(attestation::Column::Digest.eq(bytes(digest))).one(&self.db).await?,
        )
    }

    /// The attestation that closed the run.
    pub async fn attestation_of_run(
        &self,
        org: OrganizationId,
        run: RunId,
    ) -> Result<Option<Sequenced<Attestation>>, StoreError> {
        record(of_org(org).filter(attestation::Column::Run.eq(run.0)).one(&self.db).await?)
    }

    /// The attestations that closed those runs, in one batch.
    pub async fn attestations_of_runs(
        &self,
        org: OrganizationId,
        runs: &[RunId],
    ) -> Result<Vec<Sequenced<Attestation>>, StoreError> {
        let mut found = Vec::new();
        for chunk in runs.chunks(KEYS_PER_QUERY) {
            let keys = chunk.iter().map(|run| run.0);
            found.extend(
                of_org(org).filter(attestation::Column::Run.is_in(keys)).all(&self.db).await?,
            );
        }
        records(found)
    }

    /// The attestations whose bundles have those digests, in one batch, oldest first.
    pub async fn attestations_by_digests(
        &self,
        org: OrganizationId,
        digests: &[Digest],
    ) -> Result<Vec<Sequenced<Attestation>>, StoreError> {
        let mut found = Vec::new();
        for chunk in digests.chunks(KEYS_PER_QUERY) {
            let keys = chunk.iter().map(|digest| bytes(*digest));
            let query = of_org(org).filter(attestation::Column::Digest.is_in(keys));
            found.extend(query.all(&self.db).await?);
        }
        found.sort_by_key(|model| model.seq);
        records(found)
    }

    /// Attestations, newest first; the cursor is a sequence number.
    pub async fn list_attestations(
        &self,
        org: OrganizationId,
        filter: &AttestationFilter,
        page: Page<u64>,
    ) -> Result<Vec<Sequenced<Attestation>>, StoreError> {
        let mut found = of_org(org).order_by_desc(attestation::Column::Seq);
        if let Some(projects) = &filter.projects {
            let projects = projects.iter().map(|project| project.0);
            found = found.filter(attestation::Column::Project.is_in(projects));
        }
        if let Some(workflow) = filter.workflow {
            found = found.filter(attestation::Column::Workflow.eq(workflow.0));
        }
        if let Some(verdict) = &filter.verdict {
            found = found.filter(attestation::Column::Verdict.eq(verdict.as_str()));
        }
        if let Some(as_of) = filter.as_of {
            found = found.filter(attestation::Column::Seq.lte(int(as_of)));
        }
        if let Some(after) = page.after {
            found = found.filter(attestation::Column::Seq.lt(int(after)));
        }
        records(found.limit(page.limit).all(&self.db).await?)
    }

    /// Attestations that have `digest` among their subjects, newest first; the cursor is a sequence number.
    pub async fn attestations_by_subject(
        &self,
        org: OrganizationId,
        digest: Digest,
        page: Page<u64>,
    ) -> Result<Vec<Sequenced<Attestation>>, StoreError> {
        let which = attestation_subject::Entity::find()
            .select_only()
            .column(attestation_subject::Column::Attestation)
            .filter(attestation_subject::Column::Org.eq(org.0))
            .filter(attestation_subject::Column::Digest.eq(bytes(digest)));
        self.attestations_in(org, which.into_query(), page).await
    }

    /// Attestations that have `digest` among their materials, newest first; the cursor is a sequence number.
    pub async fn attestations_by_material(
        &self,
        org: OrganizationId,
        digest: Digest,
        page: Page<u64>,
    ) -> Result<Vec<Sequenced<Attestation>>, StoreError> {
        let which = material::Entity::find()
            .select_only()
            .column(material::Column::Attestation)
            .filter(material::Column::Org.eq(org.0))
            .filter(material::Column::Digest.eq(bytes(digest)));
        self.attestations_in(org, which.into_query(), page).await
    }

    async fn attestations_in(
        &self,
        org: OrganizationId,
        which: sea_orm::sea_query::SelectStatement,
        page: Page<u64>,
    ) -> Result<Vec<Sequenced<Attestation>>, StoreError> {
        let mut found = of_org(org).filter(attestation::Column::Id.in_subquery(which));
        if let Some(after) = page.after {
            found = found.filter(attestation::Column::Seq.lt(int(after)));
        }
        let ordered = found.order_by_desc(attestation::Column::Seq);
        records(ordered.limit(page.limit).all(&self.db).await?)
    }
}

fn of_org(org: OrganizationId) -> sea_orm::Select<attestation::Entity> {
    attestation::Entity::find().filter(attestation::Column::Org.eq(org.0))
}

pub(super) fn model(new: &Attestation, seq: u64) -> attestation::Model {
    attestation::Model {
        id: new.id.0,
        org: new.org.0,
        project: new.project.0,
        workflow: new.workflow.0,
        run: new.run.0,
        digest: bytes(new.digest),
        payload_digest: bytes(new.payload_digest),
        seq: int(seq),
        size: int(new.size),
        created_at: new.created_at.as_millis(),
        key_digest: bytes(new.key_digest),
        claimed_verdict: new.claimed_verdict.clone(),
        verdict: new.verdict.clone(),
        verdict_digest: bytes(new.verdict_digest),
    }
}

impl TryFrom<attestation::Model> for Sequenced<Attestation> {
    type Error = StoreError;

    fn try_from(model: attestation::Model) -> Result<Self, Self::Error> {
        let row = Row::new("attestation", model.id);
        let record = Attestation {
            id: AttestationId(model.id),
            org: OrganizationId(model.org),
            project: ProjectId(model.project),
            workflow: WorkflowId(model.workflow),
            run: RunId(model.run),
            digest: row.digest(&model.digest)?,
            payload_digest: row.digest(&model.payload_digest)?,
            size: row.count(model.size)?,
            created_at: Timestamp::from_millis(model.created_at),
            key_digest: row.digest(&model.key_digest)?,
            claimed_verdict: model.claimed_verdict,
            verdict: model.verdict,
            verdict_digest: row.digest(&model.verdict_digest)?,
        };
        Ok(Self { seq: row.count(model.seq)?, record })
    }
}
