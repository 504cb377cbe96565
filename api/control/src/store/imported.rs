//! Attestations that were made elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use engine::id::{AttestationId, OrganizationId, TokenId};
use engine::lineage::Signer;
use engine::{Digest, Name, Timestamp};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::{Deserialize, Serialize};

use super::attestation::KEYS_PER_QUERY;
use super::batch::Batch;
use super::entity::{edge, imported_attestation, log_leaf};
use super::log::log_models;
use super::receipt::edge_models;
use super::row::{Row, bytes, int, json, millis, record, records, time};
use super::{Edge, LogKind, LogLeaf, NodeKey, Page, Reader, Sequenced, StoreError, Tx};

/// An attestation that somebody made elsewhere whom the organization believes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Its identifier.
    pub id: AttestationId,
    /// Whose it is.
    pub org: OrganizationId,
    /// The digest of its bytes.
    pub digest: Digest,
    /// The digest of what was signed.
    pub payload_digest: Digest,
    /// The size of its bytes.
    pub size: u64,
    /// What it says, by the URI of its predicate.
    pub predicate_type: String,
    /// What it is about.
    pub subjects: Vec<ImportedSubject>,
    /// Who signed it.
    pub signer: Signer,
    /// The trust root that believed it.
    pub trust_root: Name,
    /// When it was signed.
    pub signed_at: Option<Timestamp>,
    /// When it was received.
    pub created_at: Timestamp,
    /// The token that imported it.
    pub created_by: TokenId,
}

/// What such an attestation is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportedSubject {
    /// Its name within the statement.
    pub name: String,
    /// The algorithm of the digest, as in-toto names it.
    pub algorithm: String,
    /// The digest, hexadecimal.
    pub value: String,
}

impl Reader<'_> {
    /// The one with that digest.
    pub async fn imported(
        &self,
        org: OrganizationId,
        digest: Digest,
    ) -> Result<Option<Sequenced<Imported>>, StoreError> {
        let found = of_org(org).filter(imported_attestation::Column::Digest.eq(bytes(digest)));
        record(found.one(&self.db).await?)
    }

    /// Those with these digests.
    pub async fn imported_by_digests(
        &self,
        org: OrganizationId,
        digests: &[Digest],
    ) -> Result<Vec<Sequenced<Imported>>, StoreError> {
        let mut all = Vec::new();
        for some in digests.chunks(KEYS_PER_QUERY) {
            let keys = some.iter().map(|digest| bytes(*digest));
            let found = of_org(org).filter(imported_attestation::Column::Digest.is_in(keys));
            all.extend(found.all(&self.db).await?);
        }
        records(all)
    }

    /// All of them, newest first; the cursor is a sequence number.
    pub async fn list_imported(
        &self,
        org: OrganizationId,
        page: Page<u64>,
    ) -> Result<Vec<Sequenced<Imported>>, StoreError> {
        let mut found = of_org(org).order_by_desc(imported_attestation::Column::Seq);
        if let Some(after) = page.after {
            found = found.filter(imported_attestation::Column::Seq.lt(int(after)));
        }
        records(found.limit(page.limit).all(&self.db).await?)
    }
}

fn of_org(org: OrganizationId) -> sea_orm::Select<imported_attestation::Entity> {
    imported_attestation::Entity::find().filter(imported_attestation::Column::Org.eq(org.0))
}

impl Tx<'_> {
    /// Adds one with the lineage that it brings and its leaf in the log; answers the sequence number of all of them. One
    /// that is there already is a conflict.
    pub async fn insert_imported(&self, new: &Imported, edges: &[Edge]) -> Result<u64, StoreError> {
        let keys: BTreeSet<NodeKey> =
            edges.iter().flat_map(|edge| [edge.src.clone(), edge.dst.clone()]).collect();
        let nodes: BTreeMap<NodeKey, i64> = self.intern(&keys).await?;
        let seq = self.next_seq(1).await?;
        let model = imported_attestation::Model {
            id: new.id.0,
            org: new.org.0,
            digest: bytes(new.digest),
            payload_digest: bytes(new.payload_digest),
            seq: int(seq),
            size: int(new.size),
            predicate_type: new.predicate_type.clone(),
            subjects: json("imported_attestation", &new.subjects)?,
            signer: json("imported_attestation", &new.signer)?,
            trust_root: new.trust_root.to_string(),
            signed_at: millis(new.signed_at),
            created_at: new.created_at.as_millis(),
            created_by: new.created_by.0,
        };
        let leaf =
            LogLeaf { kind: LogKind::Attestation, digest: new.digest, created_at: new.created_at };
        let mut batch = Batch::default();
        batch.add::<imported_attestation::Entity>(vec![model]);
        batch.add::<edge::Entity>(edge_models(new.org, new.id, edges, &nodes, seq));
        batch.add::<log_leaf::Entity>(log_models(seq, &[leaf]));
        batch.run(self.db(), "imported_attestation").await?;
        Ok(seq)
    }
}

impl TryFrom<imported_attestation::Model> for Sequenced<Imported> {
    type Error = StoreError;

    fn try_from(model: imported_attestation::Model) -> Result<Self, Self::Error> {
        let row = Row::new("imported_attestation", model.id);
        let record = Imported {
            id: AttestationId(model.id),
            org: OrganizationId(model.org),
            digest: row.digest(&model.digest)?,
            payload_digest: row.digest(&model.payload_digest)?,
            size: row.count(model.size)?,
            subjects: row.json(&model.subjects)?,
            signer: row.json(&model.signer)?,
            trust_root: row.text(&model.trust_root)?,
            predicate_type: model.predicate_type,
            signed_at: time(model.signed_at),
            created_at: Timestamp::from_millis(model.created_at),
            created_by: TokenId(model.created_by),
        };
        Ok(Self { seq: row.count(model.seq)?, record })
    }
}
