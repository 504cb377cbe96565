//! Waivers, kept as revisions; what was decided about a revision is added to it, never changed.

use std::collections::BTreeMap;
use std::str::FromStr;

use engine::id::{AttestationId, OrganizationId, TokenId, WaiverId};
use engine::{Digest, Name, Timestamp, Waiver as Document};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::attestation::KEYS_PER_QUERY;
use super::entity::{waiver, waiver_decision, waiver_revision, waiver_use};
use super::row::{Row, bytes, insert, int, json, record, records};
use super::{Page, Reader, Sequenced, StoreError, Tx};

/// What a receipt is in conflict with when a waiver that it was judged under was revoked meanwhile.
pub const WAIVER_IN_FORCE: &str = "a waiver in force";

/// A waiver over all its revisions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiver {
    /// Its identifier.
    pub id: WaiverId,
    /// Whose it is.
    pub org: OrganizationId,
    /// Its name, unique in the organization.
    pub name: Name,
    /// When it was made.
    pub created_at: Timestamp,
}

/// One text of a waiver, as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaiverRevision {
    /// Its identifier.
    pub id: Uuid,
    /// The waiver.
    pub waiver: WaiverId,
    /// Whose it is.
    pub org: OrganizationId,
    /// 1 for the first, then counting up.
    pub revision: u32,
    /// The digest of the document's canonical form.
    pub digest: Digest,
    /// What is accepted, where, why and until when.
    pub document: Document,
    /// The token that asked.
    pub requested_by: TokenId,
    /// Its name.
    pub requester: Name,
    /// When it asked.
    pub created_at: Timestamp,
}

/// What can be decided about a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WaiverDecisionKind {
    /// It holds.
    Approved,
    /// It never holds.
    Rejected,
    /// It held, and does not hold any more.
    Revoked,
}

impl WaiverDecisionKind {
    const ALL: [(Self, i16, &'static str); 3] = [
        (Self::Approved, 1, "approved"),
        (Self::Rejected, 1, "rejected"),
        (Self::Revoked, 2, "revoked"),
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(kind, ..)| *kind == self).map_or("", |(_, _, text)| text)
    }

    fn step(self) -> i16 {
        Self::ALL.iter().find(|(kind, ..)| *kind == self).map_or(0, |(_, step, _)| *step)
    }
}

impl FromStr for WaiverDecisionKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.iter().find(|(_, _, name)| *name == text).map(|(kind, ..)| *kind);
        known.ok_or_else(|| format!("`{text}` is not a decision about a waiver"))
    }
}

/// What was decided about a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaiverDecision {
    /// The revision.
    pub revision: Uuid,
    /// Whose it is.
    pub org: OrganizationId,
    /// What was decided.
    pub kind: WaiverDecisionKind,
    /// The token that decided.
    pub decided_by: TokenId,
    /// Its name.
    pub decider: Name,
    /// Why, where a reason is given.
    pub reason: Option<String>,
    /// The digest of the signed statement's bundle, of an approval.
    pub statement: Option<Digest>,
    /// The digest of the key that signed it.
    pub key_digest: Option<Digest>,
    /// When.
    pub created_at: Timestamp,
}

/// What a revision did to the judgement of one attestation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaiverUse {
    /// The revision.
    pub revision: Uuid,
    /// The attestation.
    pub attestation: AttestationId,
    /// Whose it is.
    pub org: OrganizationId,
    /// How many violations it accepted.
    pub violations: u64,
    /// When.
    pub created_at: Timestamp,
}

/// All uses of a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaiverUses {
    /// How many attestations.
    pub count: u64,
    /// The last of them.
    pub last: Timestamp,
}

impl Reader<'_> {
    /// The waiver of that name.
    pub async fn waiver_by_name(
        &self,
        org: OrganizationId,
        name: &Name,
    ) -> Result<Option<Waiver>, StoreError> {
        let of_org = waiver::Entity::find().filter(waiver::Column::Org.eq(org.0));
        record(of_org.filter(waiver::Column::Name.eq(name.as_str())).one(&self.db).await?)
    }

    /// Revisions of any waiver, newest first; the cursor is a sequence number.
    pub async fn list_waiver_revisions(
        &self,
        org: OrganizationId,
        page: Page<u64>,
    ) -> Result<Vec<Sequenced<WaiverRevision>>, StoreError> {
        let mut found = revisions(org).order_by_desc(waiver_revision::Column::Seq);
        if let Some(after) = page.after {
            found = found.filter(waiver_revision::Column::Seq.lt(int(after)));
        }
        records(found.limit(page.limit).all(&self.db).await?)
    }

    /// The waivers of which a revision expires after `at`.
    pub async fn waivers_alive(
        &self,
        org: OrganizationId,
        at: Timestamp,
    ) -> Result<Vec<WaiverId>, StoreError> {
        let alive = revisions(org)
            .filter(waiver_revision::Column::ExpiresAt.gt(at.as_millis()))
            .select_only()
            .column(waiver_revision::Column::Waiver)
            .distinct()
            .into_tuple::<Uuid>();
        Ok(alive.all(&self.db).await?.into_iter().map(WaiverId).collect())
    }

    /// Every revision of those waivers, oldest first.
    pub async fn waiver_revisions_of(
        &self,
        org: OrganizationId,
        waivers: &[WaiverId],
    ) -> Result<Vec<Sequenced<WaiverRevision>>, StoreError> {
        let mut found = Vec::new();
        for chunk in waivers.chunks(KEYS_PER_QUERY) {
            let keys = chunk.iter().map(|id| id.0);
            let of_chunk = revisions(org).filter(waiver_revision::Column::Waiver.is_in(keys));
            found.extend(of_chunk.all(&self.db).await?);
        }
        found.sort_by_key(|model| model.seq);
        records(found)
    }

    /// What was decided about each of those revisions, in the order in which it was.
    pub async fn waiver_decisions_of(
        &self,
        org: OrganizationId,
        revisions: &[Uuid],
    ) -> Result<BTreeMap<Uuid, Vec<Sequenced<WaiverDecision>>>, StoreError> {
        let mut grouped: BTreeMap<Uuid, Vec<_>> = BTreeMap::new();
        for chunk in revisions.chunks(KEYS_PER_QUERY) {
            let found = waiver_decision::Entity::find()
                .filter(waiver_decision::Column::Org.eq(org.0))
                .filter(waiver_decision::Column::Revision.is_in(chunk.iter().copied()))
                .order_by_asc(waiver_decision::Column::Step);
            for model in found.all(&self.db).await? {
                grouped.entry(model.revision).or_default().push(model.try_into()?);
            }
        }
        Ok(grouped)
    }

    /// The uses of each of those revisions that has any.
    pub async fn waiver_uses_of(
        &self,
        org: OrganizationId,
        revisions: &[Uuid],
    ) -> Result<BTreeMap<Uuid, WaiverUses>, StoreError> {
        let mut uses = BTreeMap::new();
        for chunk in revisions.chunks(KEYS_PER_QUERY) {
            let found = waiver_use::Entity::find()
                .filter(waiver_use::Column::Org.eq(org.0))
                .filter(waiver_use::Column::Revision.is_in(chunk.iter().copied()))
                .select_only()
                .column(waiver_use::Column::Revision)
                .column_as(waiver_use::Column::Attestation.count(), "count")
                .column_as(waiver_use::Column::CreatedAt.max(), "last")
                .group_by(waiver_use::Column::Revision)
                .into_tuple::<(Uuid, i64, i64)>();
            for (revision, count, last) in found.all(&self.db).await? {
                let count = Row::new("waiver_use", revision).count(count)?;
                uses.insert(revision, WaiverUses { count, last: Timestamp::from_millis(last) });
            }
        }
        Ok(uses)
    }
}

fn revisions(org: OrganizationId) -> sea_orm::Select<waiver_revision::Entity> {
    waiver_revision::Entity::find().filter(waiver_revision::Column::Org.eq(org.0))
}

impl Tx<'_> {
    /// Adds a waiver without revisions. A name that is taken is a conflict.
    pub async fn insert_waiver(&self, new: &Waiver) -> Result<(), StoreError> {
        let model = waiver::Model {
            id: new.id.0,
            org: new.org.0,
            name: new.name.to_string(),
            created_at: new.created_at.as_millis(),
        };
        insert::<waiver::Entity>(self.db(), vec![model]).await
    }

    /// Adds a revision and answers its sequence number. A number that is taken is a conflict.
    pub async fn insert_waiver_revision(&self, new: &WaiverRevision) -> Result<u64, StoreError> {
        let document = json("waiver_revision", &new.document)?;
        let seq = self.next_seq(1).await?;
        let model = waiver_revision::Model {
            id: new.id,
            waiver: new.waiver.0,
            org: new.org.0,
            revision: i64::from(new.revision),
            digest: bytes(new.digest),
            document,
            expires_at: new.document.expires_at.as_millis(),
            requested_by: new.requested_by.0,
            requester: new.requester.to_string(),
            created_at: new.created_at.as_millis(),
            seq: int(seq),
        };
        insert::<waiver_revision::Entity>(self.db(), vec![model]).await?;
        Ok(seq)
    }

    /// Adds a decision that holds from `seq`. When the same step was decided already this is a conflict.
    pub async fn insert_waiver_decision(
        &self,
        new: &WaiverDecision,
        seq: u64,
    ) -> Result<(), StoreError> {
        let model = waiver_decision::Model {
            revision: new.revision,
            step: new.kind.step(),
            org: new.org.0,
            kind: new.kind.as_str().to_owned(),
            decided_by: new.decided_by.0,
            decider: new.decider.to_string(),
            reason: new.reason.clone(),
            statement: new.statement.map(bytes),
            key_digest: new.key_digest.map(bytes),
            created_at: new.created_at.as_millis(),
            seq: int(seq),
        };
        insert::<waiver_decision::Entity>(self.db(), vec![model]).await
    }

    /// A conflict on [`WAIVER_IN_FORCE`] when one of those revisions was revoked.
    pub(super) async fn check_waivers(&self, revisions: &[Uuid]) -> Result<(), StoreError> {
        for chunk in revisions.chunks(KEYS_PER_QUERY) {
            let revoked = waiver_decision::Entity::find()
                .filter(waiver_decision::Column::Revision.is_in(chunk.iter().copied()))
                .filter(waiver_decision::Column::Step.eq(WaiverDecisionKind::Revoked.step()));
            if revoked.one(self.db()).await?.is_some() {
                return Err(StoreError::conflict(WAIVER_IN_FORCE));
            }
        }
        Ok(())
    }
}

/// The rows of what waivers did to an attestation that is stored at `seq`.
pub(super) fn use_models(seq: u64, uses: &[WaiverUse]) -> impl Iterator<Item = waiver_use::Model> {
    uses.iter().map(move |one| waiver_use::Model {
        revision: one.revision,
        attestation: one.attestation.0,
        org: one.org.0,
        violations: int(one.violations),
        created_at: one.created_at.as_millis(),
        seq: int(seq),
    })
}

impl TryFrom<waiver::Model> for Waiver {
    type Error = StoreError;

    fn try_from(model: waiver::Model) -> Result<Self, Self::Error> {
        let row = Row::new("waiver", model.id);
        Ok(Self {
            id: WaiverId(model.id),
            org: OrganizationId(model.org),
            name: row.text(&model.name)?,
            created_at: Timestamp::from_millis(model.created_at),
        })
    }
}

impl TryFrom<waiver_revision::Model> for Sequenced<WaiverRevision> {
    type Error = StoreError;

    fn try_from(model: waiver_revision::Model) -> Result<Self, Self::Error> {
        let row = Row::new("waiver_revision", model.id);
        let record = WaiverRevision {
            id: model.id,
            waiver: WaiverId(model.waiver),
            org: OrganizationId(model.org),
            revision: row.small(model.revision)?,
            digest: row.digest(&model.digest)?,
            document: row.json(&model.document)?,
            requested_by: TokenId(model.requested_by),
            requester: row.text(&model.requester)?,
            created_at: Timestamp::from_millis(model.created_at),
        };
        Ok(Self { seq: row.count(model.seq)?, record })
    }
}

impl TryFrom<waiver_decision::Model> for Sequenced<WaiverDecision> {
    type Error = StoreError;

    fn try_from(model: waiver_decision::Model) -> Result<Self, Self::Error> {
        let row = Row::new("waiver_decision", model.revision);
        let digest = |bytes: Option<Vec<u8>>| bytes.map(|bytes| row.digest(&bytes)).transpose();
        let record = WaiverDecision {
            revision: model.revision,
            org: OrganizationId(model.org),
            kind: row.text(&model.kind)?,
            decided_by: TokenId(model.decided_by),
            decider: row.text(&model.decider)?,
            reason: model.reason,
            statement: digest(model.statement)?,
            key_digest: digest(model.key_digest)?,
            created_at: Timestamp::from_millis(model.created_at),
        };
        Ok(Self { seq: row.count(model.seq)?, record })
    }
}
