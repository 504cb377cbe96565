//! The log sequence number: one counter for the whole installation, in commit order.
//!
//! The counter's row is locked from its increment to the commit, so that whoever sees number *n* sees everything
//! below it. That is what makes "as of *n*" a prefix of history. Take it as late as a transaction allows.

use sea_orm::{ConnectionTrait, Statement};

use super::row::{Row, int};
use super::{Reader, StoreError, Tx};

/// A record and the sequence number from which it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequenced<T> {
    /// The number; greater than that of everything committed before.
    pub seq: u64,
    /// The record.
    pub record: T,
}

impl Reader<'_> {
    /// The newest sequence number; 0 before the first.
    pub async fn current_seq(&self) -> Result<u64, StoreError> {
        let sql = "SELECT value FROM counter WHERE name = 'seq'";
        let statement = Statement::from_string(self.db.get_database_backend(), sql);
        value(self.db.query_one_raw(statement).await?)
    }
}

impl Tx<'_> {
    /// Waits until nobody else is between here and the commit, so that what is read from now on holds until then.
    pub async fn take_turn(&self) -> Result<(), StoreError> {
        self.next_seq(0).await.map(drop)
    }

    /// Takes `count` consecutive numbers and answers the first. Other writers wait from here to the commit.
    pub async fn next_seq(&self, count: u64) -> Result<u64, StoreError> {
        let backend = self.db().get_database_backend();
        let sql = "UPDATE counter SET value = value + $1 WHERE name = 'seq' RETURNING value";
        let statement = Statement::from_sql_and_values(backend, sql, [int(count).into()]);
        let last = value(self.db().query_one_raw(statement).await?)?;
        Ok(last.saturating_sub(count).saturating_add(1))
    }
}

fn value(row: Option<sea_orm::QueryResult>) -> Result<u64, StoreError> {
    let at = Row::new("counter", "seq");
    let row = row.ok_or_else(|| at.corrupt("it is missing"))?;
    at.count(row.try_get("", "value")?)
}
