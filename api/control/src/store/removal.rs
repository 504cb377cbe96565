//! Blobs that are to leave the place that they are in.
//!
//! Bytes are shared: by rows of several organizations in the store of the instance, and by whoever hands the same bytes
//! in at the same time. So nobody removes them where a row is taken away. They are *asked* for; what is asked for and
//! named by no row after a while is *claimed*, removed, and *done*. A row that names them meanwhile ends what is only
//! asked for; while they are claimed, none may be written.
//!
//! Bytes that were found to be there before they were claimed may be gone when the row is written. So what is done is
//! remembered for days: a row is written only if the one who handed the bytes in knew of that removal before it did.

use std::collections::BTreeSet;
use std::str::FromStr;

use engine::id::BackendId;
use engine::{Digest, Timestamp};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, Query, SelectStatement, SimpleExpr};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use uuid::Uuid;

use super::attestation::KEYS_PER_QUERY;
use super::blob::{Blob, within};
use super::entity::{blob_removal, org_blob};
use super::row::{Row, bytes, record, records};
use super::{Reader, StoreError, Tx};

/// What a conflict with a removal is called.
pub const BLOB_BEING_REMOVED: &str = "a blob that is not being removed";

/// Where blobs are: a backend, or the store of the instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Space(pub Option<BackendId>);

impl Space {
    fn id(self) -> Uuid {
        self.0.map_or(Uuid::nil(), |backend| backend.0)
    }
}

/// How far the removal of a blob is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemovalState {
    /// Somebody asked for it; a row that names the blob ends it.
    Asked,
    /// It goes on, and cannot be ended any more.
    Claimed,
    /// The bytes are gone.
    Done,
}

impl RemovalState {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Asked, "asked"), (Self::Claimed, "claimed"), (Self::Done, "done")];

    fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(state, _)| *state == self).map_or("", |(_, text)| text)
    }
}

impl FromStr for RemovalState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.iter().find(|(_, name)| *name == text).map(|(state, _)| *state);
        known.ok_or_else(|| format!("`{text}` is not a state of a removal"))
    }
}

/// A blob that leaves the place that it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removal {
    /// Its identifier.
    pub id: Uuid,
    /// The place.
    pub space: Space,
    /// The blob.
    pub digest: Digest,
    /// How far it is.
    pub state: RemovalState,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it may be claimed, or be taken from somebody who claimed it and stopped, or be forgotten.
    pub due_at: Timestamp,
}

/// The removals from one place that are not done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Removals {
    /// How many.
    pub blobs: u64,
    /// Why one of them could not be done, when it was tried last.
    pub failure: Option<String>,
}

impl Reader<'_> {
    /// The removal of a blob from a place, however far it is.
    pub async fn removal(
        &self,
        space: Space,
        digest: Digest,
    ) -> Result<Option<Removal>, StoreError> {
        record(blob_removal::Entity::find().filter(of(space, digest)).one(&self.db).await?)
    }

    /// Removals from all places that are to be claimed, at most `limit` of them.
    pub async fn due_removals(
        &self,
        at: Timestamp,
        limit: u64,
    ) -> Result<Vec<Removal>, StoreError> {
        let due = blob_removal::Entity::find()
            .filter(blob_removal::Column::DueAt.lte(at.as_millis()))
            .filter(blob_removal::Column::State.ne(RemovalState::Done.as_str()))
            .order_by_asc(blob_removal::Column::DueAt)
            .limit(limit);
        records(due.all(&self.db).await?)
    }

    /// Those of the blobs in a place to which no row refers, and whose removal nobody asked for.
    pub async fn orphans(
        &self,
        space: Space,
        digests: &[Digest],
    ) -> Result<Vec<Digest>, StoreError> {
        let mut accounted = BTreeSet::new();
        for chunk in digests.chunks(KEYS_PER_QUERY) {
            let keys = || chunk.iter().map(|digest| bytes(*digest));
            let referenced = org_blob::Entity::find()
                .select_only()
                .column(org_blob::Column::Digest)
                .filter(org_blob::Column::Digest.is_in(keys()))
                .filter(within(space.0));
            let asked = blob_removal::Entity::find()
                .select_only()
                .column(blob_removal::Column::Digest)
                .filter(blob_removal::Column::Digest.is_in(keys()))
                .filter(blob_removal::Column::Space.eq(space.id()))
                .filter(blob_removal::Column::State.ne(RemovalState::Done.as_str()));
            let referenced: Vec<Vec<u8>> = referenced.into_tuple().all(&self.db).await?;
            let asked: Vec<Vec<u8>> = asked.into_tuple().all(&self.db).await?;
            accounted.extend(referenced.into_iter().chain(asked));
        }
        let orphans = digests.iter().filter(|digest| !accounted.contains(&bytes(**digest)));
        Ok(orphans.copied().collect())
    }

    /// The removals from a backend that are not done.
    pub async fn removals_from(&self, backend: BackendId) -> Result<Removals, StoreError> {
        let open = blob_removal::Entity::find()
            .filter(blob_removal::Column::Space.eq(backend.0))
            .filter(blob_removal::Column::State.ne(RemovalState::Done.as_str()));
        let blobs = open.clone().count(&self.db).await?;
        let failed = open.filter(blob_removal::Column::Failure.is_not_null());
        let failed = if blobs == 0 { None } else { failed.one(&self.db).await? };
        Ok(Removals { blobs, failure: failed.and_then(|failed| failed.failure) })
    }
}

impl Tx<'_> {
    /// Asks for the removal of a blob from a place; where that is asked for already, nothing changes.
    pub async fn ask_removal(&self, asked: &Removal) -> Result<(), StoreError> {
        let model = blob_removal::Model {
            id: asked.id,
            space: asked.space.id(),
            digest: bytes(asked.digest),
            state: RemovalState::Asked.as_str().to_owned(),
            created_at: asked.created_at.as_millis(),
            due_at: asked.due_at.as_millis(),
            failure: None,
        };
        // One that is done was of bytes which came back since: this is another.
        let again =
            OnConflict::columns([blob_removal::Column::Space, blob_removal::Column::Digest])
                .update_columns([
                    blob_removal::Column::Id,
                    blob_removal::Column::State,
                    blob_removal::Column::CreatedAt,
                    blob_removal::Column::DueAt,
                ])
                .action_and_where(
                    Expr::col(("blob_removal", "state")).eq(RemovalState::Done.as_str()),
                )
                .to_owned();
        blob_removal::Entity::insert(model.into_active_model())
            .on_conflict(again)
            .exec_without_returning(self.db())
            .await?;
        Ok(())
    }

    /// Ends the removals that are asked for of blobs to which rows of this transaction refer. One that goes on, or was
    /// done and is not the one that was known, is a conflict on [`BLOB_BEING_REMOVED`].
    pub(super) async fn hold_blobs(
        &self,
        blobs: &[(Blob, Option<Uuid>)],
    ) -> Result<(), StoreError> {
        for blobs in blobs.chunks(KEYS_PER_QUERY) {
            let digests = blobs.iter().map(|(blob, _)| bytes(blob.digest));
            let removals = blob_removal::Entity::find()
                .filter(blob_removal::Column::Digest.is_in(digests))
                .all(self.db())
                .await?;
            let removals: Vec<Removal> = records(removals)?;
            for removal in removals {
                let place = (removal.space, removal.digest);
                let concerns = |(blob, known): &(Blob, Option<Uuid>)| {
                    place == (Space(blob.backend), blob.digest) && *known != Some(removal.id)
                };
                if blobs.iter().any(concerns) {
                    self.end_removal(&removal).await?;
                }
            }
        }
        Ok(())
    }

    /// Ends a removal that is only asked for.
    async fn end_removal(&self, removal: &Removal) -> Result<(), StoreError> {
        let asked = blob_removal::Column::State.eq(RemovalState::Asked.as_str());
        let ended = blob_removal::Entity::delete_many()
            .filter(of(removal.space, removal.digest))
            .filter(asked)
            .exec(self.db())
            .await?;
        // It may be that somebody else ended it: then there is none.
        let none = ended.rows_affected == 1
            || self.removal(removal.space, removal.digest).await?.is_none();
        if none { Ok(()) } else { Err(StoreError::conflict(BLOB_BEING_REMOVED)) }
    }

    /// Takes a removal upon oneself until `until`; answers false when a row refers to the blob, which ends the removal, and
    /// when somebody else was first.
    pub async fn claim_removal(
        &self,
        removal: &Removal,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        let unclaimed = removal.state == RemovalState::Asked;
        let mut claim = updated(removal).col_expr(blob_removal::Column::DueAt, millis(until));
        if unclaimed {
            let claimed = Expr::value(RemovalState::Claimed.as_str());
            claim = claim
                .col_expr(blob_removal::Column::State, claimed)
                .filter(Expr::exists(references(removal)).not());
        }
        let claimed = claim.exec(self.db()).await?.rows_affected == 1;
        if unclaimed && !claimed {
            blob_removal::Entity::delete_many()
                .filter(unchanged(removal))
                .filter(Expr::exists(references(removal)))
                .exec(self.db())
                .await?;
        }
        Ok(claimed)
    }

    /// Notes what became of a removal that was claimed: it is done, or is asked for as before because the place does not
    /// let go of the blob. `removal` is as it was claimed. It is due again at `due_at`.
    pub async fn settle_removal(
        &self,
        removal: &Removal,
        failure: Option<&str>,
        due_at: Timestamp,
    ) -> Result<(), StoreError> {
        let state = if failure.is_some() { RemovalState::Asked } else { RemovalState::Done };
        updated(removal)
            .col_expr(blob_removal::Column::State, Expr::value(state.as_str()))
            .col_expr(blob_removal::Column::Failure, Expr::value(failure))
            .col_expr(blob_removal::Column::DueAt, millis(due_at))
            .exec(self.db())
            .await?;
        Ok(())
    }

    /// Forgets removals that were done long ago.
    pub async fn forget_removals_done(&self, at: Timestamp) -> Result<(), StoreError> {
        let done = blob_removal::Entity::delete_many()
            .filter(blob_removal::Column::DueAt.lte(at.as_millis()))
            .filter(blob_removal::Column::State.eq(RemovalState::Done.as_str()));
        done.exec(self.db()).await?;
        Ok(())
    }

    /// Forgets all removals from a backend.
    pub(super) async fn forget_removals(&self, backend: BackendId) -> Result<(), StoreError> {
        let all = blob_removal::Column::Space.eq(backend.0);
        blob_removal::Entity::delete_many().filter(all).exec(self.db()).await?;
        Ok(())
    }
}

fn updated(removal: &Removal) -> sea_orm::UpdateMany<blob_removal::Entity> {
    blob_removal::Entity::update_many().filter(unchanged(removal))
}

fn of(space: Space, digest: Digest) -> Condition {
    Condition::all()
        .add(blob_removal::Column::Space.eq(space.id()))
        .add(blob_removal::Column::Digest.eq(bytes(digest)))
}

/// As it was read.
fn unchanged(removal: &Removal) -> Condition {
    Condition::all()
        .add(blob_removal::Column::Id.eq(removal.id))
        .add(blob_removal::Column::State.eq(removal.state.as_str()))
        .add(blob_removal::Column::DueAt.eq(removal.due_at.as_millis()))
}

/// The rows of any organization that refer to the blob where it is.
fn references(removal: &Removal) -> SelectStatement {
    let within: SimpleExpr = match removal.space.0 {
        Some(backend) => Expr::col("backend").eq(backend.0),
        None => Expr::col("backend").is_null(),
    };
    Query::select()
        .column("org")
        .from("org_blob")
        .and_where(Expr::col("digest").eq(bytes(removal.digest)))
        .and_where(within)
        .to_owned()
}

fn millis(at: Timestamp) -> SimpleExpr {
    Expr::value(at.as_millis())
}

impl TryFrom<blob_removal::Model> for Removal {
    type Error = StoreError;

    fn try_from(model: blob_removal::Model) -> Result<Self, Self::Error> {
        let row = Row::new("blob_removal", model.id);
        Ok(Self {
            id: model.id,
            space: Space((!model.space.is_nil()).then_some(BackendId(model.space))),
            digest: row.digest(&model.digest)?,
            state: row.text(&model.state)?,
            created_at: Timestamp::from_millis(model.created_at),
            due_at: Timestamp::from_millis(model.due_at),
        })
    }
}
