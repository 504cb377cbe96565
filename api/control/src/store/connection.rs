//! Opening the database: one pool for reading and one for writing, so that a burst of writes never starves reads.

use std::path::Path;
use std::time::Duration;

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement,
};

use super::StoreError;

/// Longest wait for a free connection, and for a lock of SQLite.
const WAIT: Duration = Duration::from_secs(10);
/// How long a connection may have been idle before it is tested: a test at every use would double the round trips.
const IDLE_TRUSTED: Duration = Duration::from_secs(5);
const READERS_MAX: u32 = 8;
const WRITERS_MAX: u32 = 16;

/// The connections of one store.
#[derive(Debug)]
pub(super) struct Pools {
    pub(super) read: DatabaseConnection,
    pub(super) write: DatabaseConnection,
}

impl Pools {
    /// Connects; the writer first, because it creates the file of a new SQLite database.
    pub(super) async fn open(url: &str) -> Result<Self, StoreError> {
        let scheme = url.split(':').next().unwrap_or_default();
        let sqlite = match scheme {
            "sqlite" if !url.contains(":memory:") && !url.contains("mode=memory") => true,
            "postgres" | "postgresql" => false,
            _ => return Err(StoreError::Address { scheme: scheme.chars().take(20).collect() }),
        };
        let (write, read) =
            if sqlite { (sqlite_writer(url), sqlite_reader(url)) } else { postgres(url) };
        Ok(Self { write: Database::connect(write).await?, read: Database::connect(read).await? })
    }

    pub(super) fn is_sqlite(&self) -> bool {
        self.write.get_database_backend() == DbBackend::Sqlite
    }

    pub(super) async fn ping(&self) -> Result<(), StoreError> {
        self.read.ping().await?;
        Ok(self.write.ping().await?)
    }

    /// [`VACUUM INTO`](https://sqlite.org/lang_vacuum.html#vacuuminto): one read transaction, so that it holds up nobody.
    pub(super) async fn snapshot(&self, file: &Path) -> Result<(), StoreError> {
        let file = file.display().to_string();
        let statement =
            Statement::from_sql_and_values(DbBackend::Sqlite, "VACUUM INTO ?", [file.into()]);
        self.write.execute_raw(statement).await?;
        Ok(())
    }

    pub(super) async fn close(&self) -> Result<(), StoreError> {
        self.read.close_by_ref().await?;
        Ok(self.write.close_by_ref().await?)
    }
}

fn options(url: &str, connections_max: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections_max)
        .acquire_timeout(WAIT)
        .connect_timeout(WAIT)
        .test_before_acquire_if_idle_for(IDLE_TRUSTED)
        .sqlx_logging(false);
    options
}

/// SQLite has one writer at a time: one connection, so that nobody waits on a lock. FULL makes a commit durable.
fn sqlite_writer(url: &str) -> ConnectOptions {
    let mut options = options(url, 1);
    options.map_sqlx_sqlite_opts(|options| {
        options
            .pragma("journal_mode", "WAL")
            .pragma("synchronous", "FULL")
            .pragma("foreign_keys", "ON")
            .busy_timeout(WAIT)
    });
    options.idle_timeout(None).max_lifetime(None);
    options
}

fn sqlite_reader(url: &str) -> ConnectOptions {
    let mut options = options(url, READERS_MAX);
    options.map_sqlx_sqlite_opts(|options| options.pragma("query_only", "ON").busy_timeout(WAIT));
    options
}

fn postgres(url: &str) -> (ConnectOptions, ConnectOptions) {
    let mut write = options(url, WRITERS_MAX);
    write.set_application_name("muster");
    let mut read = options(url, READERS_MAX);
    read.set_application_name("muster-read");
    (write, read)
}
