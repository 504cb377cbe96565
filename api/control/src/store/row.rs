//! Between rows and records: every column is checked on the way out, and a bad one is named, not unwrapped.

use std::fmt::Display;
use std::str::FromStr;

use engine::{Digest, Timestamp};
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};

use super::StoreError;
use super::batch::Batch;
use super::session::Session;

/// Where a column came from, to say so when it is damaged.
#[derive(Debug, Clone)]
pub(super) struct Row {
    table: &'static str,
    id: String,
}

impl Row {
    pub(super) fn new(table: &'static str, id: impl Display) -> Self {
        Self { table, id: id.to_string() }
    }

    pub(super) fn corrupt(&self, what: impl Display) -> StoreError {
        StoreError::Corrupt { table: self.table, id: self.id.clone(), what: what.to_string() }
    }

    pub(super) fn digest(&self, bytes: &[u8]) -> Result<Digest, StoreError> {
        let bytes = <[u8; 32]>::try_from(bytes).map_err(|error| self.corrupt(error))?;
        Ok(Digest::from_sha256(bytes))
    }

    /// Anything that is stored as the text it prints as.
    pub(super) fn text<T: FromStr<Err: Display>>(&self, text: &str) -> Result<T, StoreError> {
        text.parse().map_err(|error| self.corrupt(error))
    }

    pub(super) fn json<T: serde::de::DeserializeOwned>(&self, text: &str) -> Result<T, StoreError> {
        serde_json::from_str(text).map_err(|error| self.corrupt(error))
    }

    pub(super) fn count(&self, value: i64) -> Result<u64, StoreError> {
        u64::try_from(value).map_err(|error| self.corrupt(error))
    }

    pub(super) fn small(&self, value: i64) -> Result<u32, StoreError> {
        u32::try_from(value).map_err(|error| self.corrupt(error))
    }
}

/// A count as the database holds it; one beyond its range is refused by every reader, so it is held at the bound.
pub(super) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(super) fn bytes(digest: Digest) -> Vec<u8> {
    digest.as_bytes().to_vec()
}

/// JSON text of a value that has string keys only.
pub(super) fn json(
    table: &'static str,
    value: &impl serde::Serialize,
) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| Row::new(table, "new").corrupt(error))
}

pub(super) fn time(millis: Option<i64>) -> Option<Timestamp> {
    millis.map(Timestamp::from_millis)
}

pub(super) fn millis(time: Option<Timestamp>) -> Option<i64> {
    time.map(Timestamp::as_millis)
}

/// Whether a statement that is about one row in one state found it so; if not, that is a conflict about `what`.
pub(super) fn one(rows_affected: u64, what: &'static str) -> Result<(), StoreError> {
    if rows_affected == 1 { Ok(()) } else { Err(StoreError::conflict(what)) }
}

/// Inserts all `models`; a violated constraint is a conflict or a missing reference of this table.
pub(super) async fn insert<E>(db: &Session<'_>, models: Vec<E::Model>) -> Result<(), StoreError>
where
    E: EntityTrait,
    E::Model: IntoActiveModel<E::ActiveModel>,
    E::ActiveModel: ActiveModelTrait<Entity = E> + Send,
{
    let mut batch = Batch::default();
    batch.add::<E>(models);
    batch.run(db, E::default().table_name()).await
}

/// The records of all `models`, or the first damage.
pub(super) fn records<M, R: TryFrom<M, Error = StoreError>>(
    models: Vec<M>,
) -> Result<Vec<R>, StoreError> {
    models.into_iter().map(R::try_from).collect()
}

/// The record of the model, if there is one.
pub(super) fn record<M, R: TryFrom<M, Error = StoreError>>(
    model: Option<M>,
) -> Result<Option<R>, StoreError> {
    model.map(R::try_from).transpose()
}
