//! One at a time, over all replicas: for what is written elsewhere, where nobody notices two who write at once.

use std::sync::Arc;

use sea_orm::{ConnectionTrait, DatabaseTransaction, TransactionTrait};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::StoreError;
use super::connection::Pools;

/// Which advisory lock of PostgreSQL it is: the word `turn` in ASCII.
const LOCK: &str = "SELECT pg_advisory_xact_lock(1953854062)";

/// Whose turn it is in this process. Clones share it.
pub(super) type Turns = Arc<Mutex<()>>;

/// It is somebody's turn, until this is dropped.
#[derive(Debug)]
#[must_use = "it is over when it is dropped"]
pub struct Turn {
    /// Rolled back first: it holds the lock that all replicas see.
    _lock: Option<DatabaseTransaction>,
    _here: OwnedMutexGuard<()>,
}

/// Waits for the turn. In this process first, so that those who wait take one connection, not many.
pub(super) async fn take(turns: &Turns, pools: &Pools) -> Result<Turn, StoreError> {
    let here = Arc::clone(turns).lock_owned().await;
    // A SQLite database has one process.
    if pools.is_sqlite() {
        return Ok(Turn { _lock: None, _here: here });
    }
    let transaction = pools.write.begin().await?;
    transaction.execute_unprepared(LOCK).await?;
    Ok(Turn { _lock: Some(transaction), _here: here })
}
