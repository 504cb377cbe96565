//! Why the store could not answer.

use sea_orm::{DbErr, RuntimeErr, SqlErr};

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why the store could not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Something that the call names, or that a row refers to, does not exist.
    #[error("{what} does not exist")]
    NotFound {
        /// The noun that is missing.
        what: String,
    },
    /// The row exists already, or is no longer in the state that the call needs.
    #[error("{what} exists already or was changed by someone else")]
    Conflict {
        /// The noun in question.
        what: String,
    },
    /// A stored row does not read as what it must be: a bug, or a database changed by hand.
    #[error("row `{id}` of table `{table}` is damaged: {what}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The row's identifier.
        id: String,
        /// What is wrong with it.
        what: String,
    },
    /// The database cannot be reached or is too busy. The call may be repeated.
    #[error("the database is not available: {what}; try again")]
    Unavailable {
        /// What was attempted.
        what: &'static str,
        /// The driver's error, if there was one.
        #[source]
        source: Option<Cause>,
    },
    /// The address of the database is of no kind that Muster can open. The text never holds the address's password.
    #[error(
        "cannot open a database at `{scheme}:`: use `sqlite://PATH?mode=rwc` or `postgres://…`"
    )]
    Address {
        /// What stands before the first colon.
        scheme: String,
    },
    /// The schema is not the one of this version of Muster.
    #[error(
        "the schema of the database is not the one of this version of Muster: use the version that serves it"
    )]
    Schema,
    /// Any other error of the database.
    #[error("the database refused a statement")]
    Database(#[source] Cause),
}

impl StoreError {
    pub(super) fn missing(what: impl Into<String>) -> Self {
        Self::NotFound { what: what.into() }
    }

    pub(super) fn conflict(what: impl Into<String>) -> Self {
        Self::Conflict { what: what.into() }
    }

    pub(super) const fn closed(what: &'static str) -> Self {
        Self::Unavailable { what, source: None }
    }

    /// Maps an error of an insert into `table`, which alone knows what a violated constraint is about.
    pub(super) fn of_insert(error: DbErr, table: &str) -> Self {
        match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(_)) => Self::conflict(table),
            Some(SqlErr::ForeignKeyConstraintViolation(_)) => {
                Self::missing(format!("something that this {table} refers to"))
            }
            _ => error.into(),
        }
    }
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        if unreachable(&error) {
            return Self::Unavailable { what: "no connection", source: Some(Box::new(error)) };
        }
        if transient(&error) {
            return Self::Unavailable {
                what: "too many writers at once",
                source: Some(Box::new(error)),
            };
        }
        match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(what)) => Self::Conflict { what },
            _ => Self::Database(Box::new(error)),
        }
    }
}

/// Whether the same transaction may succeed when it is run again: a serialization failure or deadlock on
/// PostgreSQL, a held lock on SQLite.
pub(super) fn transient(error: &DbErr) -> bool {
    // SQLSTATE on PostgreSQL; on SQLite BUSY with its extended codes, and LOCKED.
    code(error)
        .is_some_and(|code| matches!(code.as_str(), "40001" | "40P01" | "5" | "261" | "517" | "6"))
}

fn unreachable(error: &DbErr) -> bool {
    if matches!(error, DbErr::ConnectionAcquire(_) | DbErr::Conn(_)) {
        return true;
    }
    let (DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause))) =
        error
    else {
        return false;
    };
    match cause.as_ref() {
        sea_orm::SqlxError::Io(_)
        | sea_orm::SqlxError::PoolTimedOut
        | sea_orm::SqlxError::PoolClosed
        | sea_orm::SqlxError::WorkerCrashed => true,
        // Connection exceptions, too many connections, shutting down.
        sea_orm::SqlxError::Database(error) => error.code().is_some_and(|code| {
            code.starts_with("08") || matches!(code.as_ref(), "53300" | "57P01" | "57P02" | "57P03")
        }),
        _ => false,
    }
}

fn code(error: &DbErr) -> Option<String> {
    let (DbErr::Exec(RuntimeErr::SqlxError(cause))
    | DbErr::Query(RuntimeErr::SqlxError(cause))
    | DbErr::Conn(RuntimeErr::SqlxError(cause))) = error
    else {
        return None;
    };
    let sea_orm::SqlxError::Database(error) = cause.as_ref() else { return None };
    error.code().map(std::borrow::Cow::into_owned)
}
