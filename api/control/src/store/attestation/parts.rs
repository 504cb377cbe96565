//! The rows that hang on an attestation, loaded for many attestations at once and grouped by theirs.

use std::collections::BTreeMap;

use engine::id::{AttestationId, OrganizationId};
use engine::{Digest, Material, Name, Timestamp};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::Value;
use uuid::Uuid;

use crate::store::entity::{attestation_subject, evaluation, material, verdict};
use crate::store::row::{Row, bytes, int, json};
use crate::store::{Reader, Sequenced, StoreError};

/// Keys in one `IN` list.
pub(in crate::store) const KEYS_PER_QUERY: usize = 1_000;

/// Something that an attestation is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectRow {
    /// Its name in the statement.
    pub name: String,
    /// The algorithm of its digest, such as `sha256` or `gitCommit`.
    pub algorithm: String,
    /// The digest in hexadecimal.
    pub value: String,
    /// The same as a digest, when the algorithm is `sha256`.
    pub digest: Option<Digest>,
}

/// What one policy said about one subject.
#[derive(Debug, Clone, PartialEq)]
pub struct EvaluationRow {
    /// The policy's name.
    pub policy: Name,
    /// The digest of its text; none for a rule of the contract itself.
    pub policy_digest: Option<Digest>,
    /// What it looked at: a material's name, or empty for the statement.
    pub subject: String,
    /// The outcome's name.
    pub outcome: String,
    /// The whole evaluation.
    pub record: Value,
}

/// A verdict over an attestation, holding from `from_seq` until a later one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerdictRow {
    /// Its identifier.
    pub id: Uuid,
    /// The digest of `record`.
    pub digest: Digest,
    /// The verdict's name.
    pub verdict: String,
    /// The verdict record in its canonical form, byte for byte.
    pub record: Vec<u8>,
    /// When it was judged.
    pub created_at: Timestamp,
}

/// What each attestation has of something, in the order of the statement.
pub(super) type ByAttestation<T> = BTreeMap<AttestationId, Vec<T>>;

/// Loads the rows of `$entity` that belong to `$ids` and groups their records by attestation.
macro_rules! of_attestations {
    ($db:expr, $org:expr, $ids:expr, $entity:ident, $order:ident, $record:expr) => {{
        let mut grouped: ByAttestation<_> = BTreeMap::new();
        for chunk in $ids.chunks(KEYS_PER_QUERY) {
            let models = $entity::Entity::find()
                .filter($entity::Column::Attestation.is_in(chunk.iter().map(|id| id.0)))
                .filter($entity::Column::Org.eq($org.0))
                .order_by_asc($entity::Column::$order)
                .all($db)
                .await?;
            for model in models {
                let id = AttestationId(model.attestation);
                grouped.entry(id).or_default().push($record(model)?);
            }
        }
        Ok(grouped)
    }};
}

impl Reader<'_> {
    /// The subjects of each attestation.
    pub async fn subjects_of(
        &self,
        org: OrganizationId,
        ids: &[AttestationId],
    ) -> Result<BTreeMap<AttestationId, Vec<SubjectRow>>, StoreError> {
        of_attestations!(&self.db, org, ids, attestation_subject, Position, SubjectRow::try_from)
    }

    /// The materials of each attestation.
    pub async fn materials_of(
        &self,
        org: OrganizationId,
        ids: &[AttestationId],
    ) -> Result<BTreeMap<AttestationId, Vec<Material>>, StoreError> {
        of_attestations!(&self.db, org, ids, material, Position, material_record)
    }

    /// The evaluations made on receipt of each attestation.
    pub async fn evaluations_of(
        &self,
        org: OrganizationId,
        ids: &[AttestationId],
    ) -> Result<BTreeMap<AttestationId, Vec<EvaluationRow>>, StoreError> {
        of_attestations!(&self.db, org, ids, evaluation, Position, EvaluationRow::try_from)
    }

    /// The verdicts over each attestation, oldest first.
    pub async fn verdicts_of(
        &self,
        org: OrganizationId,
        ids: &[AttestationId],
    ) -> Result<BTreeMap<AttestationId, Vec<Sequenced<VerdictRow>>>, StoreError> {
        of_attestations!(&self.db, org, ids, verdict, FromSeq, Sequenced::<VerdictRow>::try_from)
    }
}

pub(in crate::store) fn subject_models(
    org: OrganizationId,
    id: AttestationId,
    subjects: &[SubjectRow],
) -> Vec<attestation_subject::Model> {
    let model = |(position, subject): (i64, &SubjectRow)| attestation_subject::Model {
        attestation: id.0,
        position,
        org: org.0,
        name: subject.name.clone(),
        algorithm: subject.algorithm.clone(),
        value: subject.value.clone(),
        digest: subject.digest.map(bytes),
    };
    (0..).zip(subjects).map(model).collect()
}

pub(in crate::store) fn material_models(
    org: OrganizationId,
    id: AttestationId,
    materials: &[Material],
) -> Result<Vec<material::Model>, StoreError> {
    let model = |(position, item): (i64, &Material)| {
        Ok(material::Model {
            attestation: id.0,
            position,
            org: org.0,
            name: item.name.to_string(),
            kind: item.kind.name().to_owned(),
            digest: bytes(item.digest),
            size: int(item.size),
            reference_only: item.reference_only,
            source: item.source.clone(),
            facts: json("material", &item.facts)?,
        })
    };
    (0..).zip(materials).map(model).collect()
}

pub(in crate::store) fn evaluation_models(
    org: OrganizationId,
    id: AttestationId,
    evaluations: &[EvaluationRow],
) -> Result<Vec<evaluation::Model>, StoreError> {
    let model = |(position, item): (i64, &EvaluationRow)| {
        Ok(evaluation::Model {
            attestation: id.0,
            position,
            org: org.0,
            policy: item.policy.to_string(),
            policy_digest: item.policy_digest.map(bytes),
            subject: item.subject.clone(),
            outcome: item.outcome.clone(),
            record: json("evaluation", &item.record)?,
        })
    };
    (0..).zip(evaluations).map(model).collect()
}

pub(in crate::store) fn verdict_model(
    org: OrganizationId,
    id: AttestationId,
    seq: u64,
    new: &VerdictRow,
) -> verdict::Model {
    verdict::Model {
        id: new.id,
        org: org.0,
        attestation: id.0,
        seq: int(seq),
        from_seq: int(seq),
        digest: bytes(new.digest),
        verdict: new.verdict.clone(),
        record: new.record.clone(),
        created_at: new.created_at.as_millis(),
    }
}

impl TryFrom<attestation_subject::Model> for SubjectRow {
    type Error = StoreError;

    fn try_from(model: attestation_subject::Model) -> Result<Self, Self::Error> {
        let row =
            Row::new("attestation_subject", format!("{}/{}", model.attestation, model.position));
        Ok(Self {
            name: model.name,
            algorithm: model.algorithm,
            value: model.value,
            digest: model.digest.map(|digest| row.digest(&digest)).transpose()?,
        })
    }
}

fn material_record(model: material::Model) -> Result<Material, StoreError> {
    let row = Row::new("material", format!("{}/{}", model.attestation, model.position));
    Ok(Material {
        name: row.text(&model.name)?,
        kind: row.text(&model.kind)?,
        digest: row.digest(&model.digest)?,
        size: row.count(model.size)?,
        reference_only: model.reference_only,
        source: model.source,
        facts: row.json(&model.facts)?,
    })
}

impl TryFrom<evaluation::Model> for EvaluationRow {
    type Error = StoreError;

    fn try_from(model: evaluation::Model) -> Result<Self, Self::Error> {
        let row = Row::new("evaluation", format!("{}/{}", model.attestation, model.position));
        Ok(Self {
            policy: row.text(&model.policy)?,
            policy_digest: model.policy_digest.map(|digest| row.digest(&digest)).transpose()?,
            subject: model.subject,
            outcome: model.outcome,
            record: row.json(&model.record)?,
        })
    }
}

impl TryFrom<verdict::Model> for Sequenced<VerdictRow> {
    type Error = StoreError;

    fn try_from(model: verdict::Model) -> Result<Self, Self::Error> {
        let row = Row::new("verdict", model.id);
        let record = VerdictRow {
            id: model.id,
            digest: row.digest(&model.digest)?,
            verdict: model.verdict,
            record: model.record,
            created_at: Timestamp::from_millis(model.created_at),
        };
        Ok(Self { seq: row.count(model.from_seq)?, record })
    }
}
