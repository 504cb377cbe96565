//! Gates and their revisions, kept like contracts.

use std::collections::BTreeMap;

use engine::id::{GateId, OrganizationId};
use engine::{Digest, Name, Timestamp};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::entity::{gate, gate_revision};
use super::row::{Row, bytes, insert, int, json, record, records};
use super::{Page, Reader, Sequenced, StoreError, Tx};

/// A policy over an artifact and its lineage, over all its revisions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    /// Its identifier.
    pub id: GateId,
    /// Whose it is.
    pub org: OrganizationId,
    /// Its name, unique in the organization.
    pub name: Name,
    /// When it was made.
    pub created_at: Timestamp,
}

/// One text of a gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateRevision {
    /// Its identifier.
    pub id: Uuid,
    /// The gate.
    pub gate: GateId,
    /// Whose it is.
    pub org: OrganizationId,
    /// 1 for the first, then counting up.
    pub revision: u32,
    /// The digest of its compiled form.
    pub digest: Digest,
    /// The document as it was written.
    pub source: String,
    /// The policies it came with: path to text.
    pub sources: BTreeMap<String, String>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Reader<'_> {
    /// The gate of that identifier.
    pub async fn gate(&self, org: OrganizationId, id: GateId) -> Result<Option<Gate>, StoreError> {
        let found = gate::Entity::find_by_id(id.0).filter(gate::Column::Org.eq(org.0));
        record(found.one(&self.db).await?)
    }

    /// The gate of that name.
    pub async fn gate_by_name(
        &self,
        org: OrganizationId,
        name: &Name,
    ) -> Result<Option<Gate>, StoreError> {
        let of_org = gate::Entity::find().filter(gate::Column::Org.eq(org.0));
        record(of_org.filter(gate::Column::Name.eq(name.as_str())).one(&self.db).await?)
    }

    /// Every gate of the organization, by name.
    pub async fn gates(&self, org: OrganizationId) -> Result<Vec<Gate>, StoreError> {
        let of_org = gate::Entity::find().filter(gate::Column::Org.eq(org.0));
        records(of_org.order_by_asc(gate::Column::Name).all(&self.db).await?)
    }

    /// The newest revision of the gate.
    pub async fn latest_gate_revision(
        &self,
        org: OrganizationId,
        gate: GateId,
    ) -> Result<Option<Sequenced<GateRevision>>, StoreError> {
        let found = revisions(org, gate).order_by_desc(gate_revision::Column::Revision);
        record(found.one(&self.db).await?)
    }

    /// The revision of that number.
    pub async fn gate_revision(
        &self,
        org: OrganizationId,
        gate: GateId,
        revision: u32,
    ) -> Result<Option<Sequenced<GateRevision>>, StoreError> {
        let found =
            revisions(org, gate).filter(gate_revision::Column::Revision.eq(i64::from(revision)));
        record(found.one(&self.db).await?)
    }

    /// The revision of that identifier.
    pub async fn gate_revision_by_id(
        &self,
        org: OrganizationId,
        id: Uuid,
    ) -> Result<Option<Sequenced<GateRevision>>, StoreError> {
        let found =
            gate_revision::Entity::find_by_id(id).filter(gate_revision::Column::Org.eq(org.0));
        record(found.one(&self.db).await?)
    }

    /// The newest revision of any gate whose compiled form has that digest.
    pub async fn gate_revision_by_digest(
        &self,
        org: OrganizationId,
        digest: Digest,
    ) -> Result<Option<Sequenced<GateRevision>>, StoreError> {
        let found = gate_revision::Entity::find()
            .filter(gate_revision::Column::Org.eq(org.0))
            .filter(gate_revision::Column::Digest.eq(bytes(digest)))
            .order_by_desc(gate_revision::Column::Seq);
        record(found.one(&self.db).await?)
    }

    /// The revisions of the gate, newest first; the cursor is a revision number.
    pub async fn gate_revisions(
        &self,
        org: OrganizationId,
        gate: GateId,
        page: Page<u32>,
    ) -> Result<Vec<Sequenced<GateRevision>>, StoreError> {
        let mut found = revisions(org, gate).order_by_desc(gate_revision::Column::Revision);
        if let Some(after) = page.after {
            found = found.filter(gate_revision::Column::Revision.lt(i64::from(after)));
        }
        records(found.limit(page.limit).all(&self.db).await?)
    }
}

fn revisions(org: OrganizationId, gate: GateId) -> sea_orm::Select<gate_revision::Entity> {
    gate_revision::Entity::find()
        .filter(gate_revision::Column::Org.eq(org.0))
        .filter(gate_revision::Column::Gate.eq(gate.0))
}

impl Tx<'_> {
    /// Adds a gate without revisions. A name that is taken is a conflict.
    pub async fn insert_gate(&self, new: &Gate) -> Result<(), StoreError> {
        let model = gate::Model {
            id: new.id.0,
            org: new.org.0,
            name: new.name.to_string(),
            created_at: new.created_at.as_millis(),
        };
        insert::<gate::Entity>(self.db(), vec![model]).await
    }

    /// Adds a revision and answers its sequence number. A number that is taken is a conflict: someone else
    /// revised the gate meanwhile.
    pub async fn insert_gate_revision(&self, new: &GateRevision) -> Result<u64, StoreError> {
        let sources = json("gate_revision", &new.sources)?;
        let seq = self.next_seq(1).await?;
        let model = gate_revision::Model {
            id: new.id,
            gate: new.gate.0,
            org: new.org.0,
            revision: i64::from(new.revision),
            digest: bytes(new.digest),
            source: new.source.clone(),
            sources,
            created_at: new.created_at.as_millis(),
            seq: int(seq),
        };
        insert::<gate_revision::Entity>(self.db(), vec![model]).await?;
        Ok(seq)
    }
}

impl TryFrom<gate::Model> for Gate {
    type Error = StoreError;

    fn try_from(model: gate::Model) -> Result<Self, Self::Error> {
        let row = Row::new("gate", model.id);
        Ok(Self {
            id: GateId(model.id),
            org: OrganizationId(model.org),
            name: row.text(&model.name)?,
            created_at: Timestamp::from_millis(model.created_at),
        })
    }
}

impl TryFrom<gate_revision::Model> for Sequenced<GateRevision> {
    type Error = StoreError;

    fn try_from(model: gate_revision::Model) -> Result<Self, Self::Error> {
        let row = Row::new("gate_revision", model.id);
        let record = GateRevision {
            id: model.id,
            gate: GateId(model.gate),
            org: OrganizationId(model.org),
            revision: row.small(model.revision)?,
            digest: row.digest(&model.digest)?,
            source: model.source,
            sources: row.json(&model.sources)?,
            created_at: Timestamp::from_millis(model.created_at),
        };
        Ok(Self { seq: row.count(model.seq)?, record })
    }
}
