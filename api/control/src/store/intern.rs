//! The names of lineage nodes, each stored once for all organizations and known to edges by a number.
//!
//! That a node exists says nothing: what an organization may know is in its edges.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use engine::Digest;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::{ExprTrait, OnConflict};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter};

use super::entity::node;
use super::row::Row;
use super::session::Session;
use super::{StoreError, Tx};

/// Keys in one statement.
const KEYS_PER_QUERY: usize = 5_000;

/// A thing that lineage connects.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeKey {
    /// Any bytes, by their digest: a material of one attestation and a subject of another are one node.
    Artifact(Digest),
    /// An attestation, by the digest of its bundle.
    Attestation(Digest),
    /// A source commit, by its object id in lower-case hexadecimal.
    Commit(String),
}

impl NodeKey {
    /// The kind in lower case.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Artifact(_) => "artifact",
            Self::Attestation(_) => "attestation",
            Self::Commit(_) => "commit",
        }
    }

    /// The digest of an artifact or attestation.
    pub const fn digest(&self) -> Option<Digest> {
        match self {
            Self::Artifact(digest) | Self::Attestation(digest) => Some(*digest),
            Self::Commit(_) => None,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Artifact(digest) | Self::Attestation(digest) => digest.as_bytes().to_vec(),
            Self::Commit(id) => id.as_bytes().to_vec(),
        }
    }

    pub(super) fn read(id: i64, kind: &str, key: Vec<u8>) -> Result<Self, StoreError> {
        let row = Row::new("node", id);
        match kind {
            "artifact" => Ok(Self::Artifact(row.digest(&key)?)),
            "attestation" => Ok(Self::Attestation(row.digest(&key)?)),
            "commit" => {
                Ok(Self::Commit(String::from_utf8(key).map_err(|error| row.corrupt(error))?))
            }
            _ => Err(row.corrupt(format!("`{kind}` is not a kind of node"))),
        }
    }
}

impl fmt::Display for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Artifact(digest) | Self::Attestation(digest) => write!(f, "{digest}"),
            Self::Commit(id) => write!(f, "{id}"),
        }
    }
}

/// How data flowed along an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EdgeKind {
    /// From a material to the attestation that it was handed in with.
    Material,
    /// From an attestation to a subject that it is about.
    Subject,
    /// From the source commit to the attestation of its build.
    Commit,
}

impl EdgeKind {
    const ALL: [(Self, i16, &'static str); 3] = [
        (Self::Material, 1, "material"),
        (Self::Subject, 2, "subject"),
        (Self::Commit, 3, "commit"),
    ];

    /// The kind in lower case.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(kind, ..)| *kind == self).map_or("", |(_, _, text)| text)
    }

    pub(super) fn number(self) -> i16 {
        Self::ALL.iter().find(|(kind, ..)| *kind == self).map_or(0, |(_, number, _)| *number)
    }

    pub(super) fn read(number: i16) -> Result<Self, StoreError> {
        let known = Self::ALL.iter().find(|(_, known, _)| *known == number).map(|(kind, ..)| *kind);
        known.ok_or_else(|| Row::new("edge", number).corrupt("it is not a kind of edge"))
    }
}

impl Tx<'_> {
    /// The numbers of `keys`, made where missing. Sorted before they are inserted, so that two transactions that
    /// share keys wait for each other instead of locking each other out.
    pub(super) async fn intern(
        &self,
        keys: &BTreeSet<NodeKey>,
    ) -> Result<BTreeMap<NodeKey, i64>, StoreError> {
        let keys: Vec<&NodeKey> = keys.iter().collect();
        for chunk in keys.chunks(KEYS_PER_QUERY) {
            let models = chunk.iter().map(|key| node::ActiveModel {
                id: NotSet,
                kind: Set(key.kind().to_owned()),
                key: Set(key.bytes()),
            });
            node::Entity::insert_many(models)
                .on_conflict(
                    OnConflict::columns([node::Column::Kind, node::Column::Key])
                        .do_nothing()
                        .to_owned(),
                )
                .exec_without_returning(self.db())
                .await?;
        }
        let known = numbers(self.db(), &keys).await?;
        let missing = keys.iter().find(|key| !known.contains_key(*key));
        missing.map_or(Ok(()), |key| Err(Row::new("node", key).corrupt("it was not stored")))?;
        Ok(known)
    }
}

/// The numbers of those `keys` that any organization has mentioned.
pub(super) async fn numbers(
    db: &Session<'_>,
    keys: &[&NodeKey],
) -> Result<BTreeMap<NodeKey, i64>, StoreError> {
    let mut numbers = BTreeMap::new();
    for chunk in keys.chunks(KEYS_PER_QUERY) {
        let mut by_kind: BTreeMap<&str, Vec<Vec<u8>>> = BTreeMap::new();
        for key in chunk {
            by_kind.entry(key.kind()).or_default().push(key.bytes());
        }
        let any = by_kind.into_iter().fold(Condition::any(), |any, (kind, keys)| {
            any.add(node::Column::Kind.eq(kind).and(node::Column::Key.is_in(keys)))
        });
        for model in node::Entity::find().filter(any).all(db).await? {
            numbers.insert(NodeKey::read(model.id, &model.kind, model.key)?, model.id);
        }
    }
    Ok(numbers)
}
