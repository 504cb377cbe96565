//! What a call runs on: a pool for reading, or a transaction.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseExecutor, DatabaseTransaction, DbBackend, DbErr,
    ExecResult, QueryResult, Statement,
};
use tracing::Instrument;

use super::error::transient;

/// Reads rows, on its own or inside a [`Tx`].
#[derive(Debug)]
pub struct Reader<'a> {
    pub(super) db: Session<'a>,
}

impl<'a> Reader<'a> {
    pub(super) fn of_pool(pool: &'a DatabaseConnection) -> Self {
        Self { db: Session { executor: pool.into(), failed: None, statements: AtomicU32::new(0) } }
    }

    /// How many statements were sent through this reader.
    pub fn statements(&self) -> u32 {
        self.db.statements.load(Ordering::Relaxed)
    }
}

/// An open transaction: reads what it wrote, and writes. Commits when the work it was given to answers `Ok`.
#[derive(Debug)]
pub struct Tx<'a> {
    reader: Reader<'a>,
}

impl<'a> Tx<'a> {
    /// `failed` is raised when a statement fails in a way that running the transaction again may mend.
    pub(super) fn new(transaction: &'a DatabaseTransaction, failed: &'a AtomicBool) -> Self {
        let db = Session {
            executor: transaction.into(),
            failed: Some(failed),
            statements: AtomicU32::new(0),
        };
        Self { reader: Reader { db } }
    }

    pub(super) fn db(&self) -> &Session<'a> {
        &self.reader.db
    }
}

impl<'a> std::ops::Deref for Tx<'a> {
    type Target = Reader<'a>;

    fn deref(&self) -> &Self::Target {
        &self.reader
    }
}

/// A connection that counts its statements and remembers whether one failed for a passing reason, which the
/// writer must know although the use case wraps the error in its own.
#[derive(Debug)]
pub(super) struct Session<'a> {
    executor: DatabaseExecutor<'a>,
    failed: Option<&'a AtomicBool>,
    statements: AtomicU32,
}

impl Session<'_> {
    fn note<T>(&self, result: Result<T, DbErr>) -> Result<T, DbErr> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        if let (Err(error), Some(failed)) = (&result, self.failed)
            && transient(error)
        {
            failed.store(true, Ordering::Relaxed);
        }
        result
    }
}

/// One statement in a trace. Values are not among its text.
fn span(sql: &str) -> tracing::Span {
    tracing::debug_span!("statement", db.query.text = sql)
}

#[async_trait::async_trait]
impl ConnectionTrait for Session<'_> {
    fn get_database_backend(&self) -> DbBackend {
        self.executor.get_database_backend()
    }

    async fn execute_raw(&self, stmt: Statement) -> Result<ExecResult, DbErr> {
        let span = span(&stmt.sql);
        self.note(self.executor.execute_raw(stmt).instrument(span).await)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.note(self.executor.execute_unprepared(sql).instrument(span(sql)).await)
    }

    async fn query_one_raw(&self, stmt: Statement) -> Result<Option<QueryResult>, DbErr> {
        let span = span(&stmt.sql);
        self.note(self.executor.query_one_raw(stmt).instrument(span).await)
    }

    async fn query_all_raw(&self, stmt: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let span = span(&stmt.sql);
        self.note(self.executor.query_all_raw(stmt).instrument(span).await)
    }
}
