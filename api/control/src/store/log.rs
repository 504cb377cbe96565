//! The leaves of the transparency log, in order.

use std::str::FromStr;

use engine::{Digest, Timestamp};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect};

use super::entity::log_leaf;
use super::row::{Row, bytes, insert, int, record, records};
use super::{Reader, Sequenced, StoreError, Tx};

/// What a leaf is the digest of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogKind {
    /// An attestation's bundle.
    Attestation,
    /// A verdict record.
    Verdict,
    /// A contract's revision.
    ContractRevision,
    /// A gate's revision.
    GateRevision,
    /// A waiver.
    Waiver,
}

impl LogKind {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Attestation, "attestation"),
        (Self::Verdict, "verdict"),
        (Self::ContractRevision, "contract-revision"),
        (Self::GateRevision, "gate-revision"),
        (Self::Waiver, "waiver"),
    ];

    /// The kind as it stands in the log.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, text)| text)
    }
}

impl FromStr for LogKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.iter().find(|(_, name)| *name == text).map(|(kind, _)| *kind);
        known.ok_or_else(|| format!("`{text}` is not a kind of log leaf"))
    }
}

/// One entry of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLeaf {
    /// What it is the digest of.
    pub kind: LogKind,
    /// The digest.
    pub digest: Digest,
    /// When it was added.
    pub created_at: Timestamp,
}

impl Reader<'_> {
    /// Leaves after that sequence number, oldest first; start with 0.
    pub async fn log_leaves(
        &self,
        after: u64,
        limit: u64,
    ) -> Result<Vec<Sequenced<LogLeaf>>, StoreError> {
        let found = log_leaf::Entity::find().filter(log_leaf::Column::Seq.gt(int(after)));
        records(found.order_by_asc(log_leaf::Column::Seq).limit(limit).all(&self.db).await?)
    }

    /// The first leaf with that digest.
    pub async fn log_leaf(&self, digest: Digest) -> Result<Option<Sequenced<LogLeaf>>, StoreError> {
        let found = log_leaf::Entity::find().filter(log_leaf::Column::Digest.eq(bytes(digest)));
        record(found.order_by_asc(log_leaf::Column::Seq).one(&self.db).await?)
    }

    /// How many leaves stand at or before that sequence number: a leaf's index is this minus one.
    pub async fn log_size(&self, as_of: u64) -> Result<u64, StoreError> {
        Ok(log_leaf::Entity::find()
            .filter(log_leaf::Column::Seq.lte(int(as_of)))
            .count(&self.db)
            .await?)
    }
}

impl Tx<'_> {
    /// Adds leaves in the order given and answers the sequence number of the first.
    pub async fn insert_log(&self, leaves: &[LogLeaf]) -> Result<u64, StoreError> {
        let first = self.next_seq(u64::try_from(leaves.len()).unwrap_or(u64::MAX)).await?;
        insert::<log_leaf::Entity>(self.db(), log_models(first, leaves)).await?;
        Ok(first)
    }
}

pub(super) fn log_models(first: u64, leaves: &[LogLeaf]) -> Vec<log_leaf::Model> {
    let model = |(seq, leaf): (u64, &LogLeaf)| log_leaf::Model {
        seq: int(seq),
        kind: leaf.kind.as_str().to_owned(),
        digest: bytes(leaf.digest),
        created_at: leaf.created_at.as_millis(),
    };
    (first..).zip(leaves).map(model).collect()
}

impl TryFrom<log_leaf::Model> for Sequenced<LogLeaf> {
    type Error = StoreError;

    fn try_from(model: log_leaf::Model) -> Result<Self, Self::Error> {
        let row = Row::new("log_leaf", model.seq);
        let record = LogLeaf {
            kind: row.text(&model.kind)?,
            digest: row.digest(&model.digest)?,
            created_at: Timestamp::from_millis(model.created_at),
        };
        Ok(Self { seq: row.count(model.seq)?, record })
    }
}
