//! One transaction per job, run again when the database asks for it (PostgreSQL).

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use sea_orm::{DatabaseConnection, TransactionTrait};

use crate::store::error::transient;
use crate::store::{StoreError, Tx};

/// Attempts before a job that keeps colliding is given back to its caller.
const ATTEMPTS_MAX: u32 = 8;
/// The pause after the first collision; it doubles.
const PAUSE: Duration = Duration::from_millis(2);

pub(super) async fn write<T, E, F>(
    pool: &DatabaseConnection,
    commits: &AtomicU64,
    work: &F,
) -> Result<T, E>
where
    F: for<'t> Fn(Tx<'t>) -> BoxFuture<'t, Result<T, E>> + Send + Sync,
    E: From<StoreError>,
{
    let mut attempt = 1;
    loop {
        let (result, again) = once(pool, commits, work).await;
        if result.is_ok() || !again || attempt >= ATTEMPTS_MAX {
            return result;
        }
        tokio::time::sleep(PAUSE.saturating_mul(1 << attempt)).await;
        attempt += 1;
    }
}

/// The result, and whether running the job again may change it.
async fn once<T, E, F>(
    pool: &DatabaseConnection,
    commits: &AtomicU64,
    work: &F,
) -> (Result<T, E>, bool)
where
    F: for<'t> Fn(Tx<'t>) -> BoxFuture<'t, Result<T, E>> + Send + Sync,
    E: From<StoreError>,
{
    let transaction = match pool.begin().await {
        Ok(transaction) => transaction,
        Err(error) => return (Err(StoreError::from(error).into()), false),
    };
    let failed = AtomicBool::new(false);
    let result = work(Tx::new(&transaction, &failed)).await;
    let again = failed.load(Ordering::Relaxed);
    if result.is_err() || again {
        if let Err(error) = transaction.rollback().await {
            tracing::debug!(%error, "a transaction could not be rolled back; its connection is dropped");
        }
        // Work that swallowed the collision has no transaction to commit any more.
        let result = result
            .and_then(|_| Err(StoreError::closed("the transaction collided with another").into()));
        return (result, again);
    }
    match transaction.commit().await {
        Ok(()) => {
            commits.fetch_add(1, Ordering::Relaxed);
            (result, false)
        }
        Err(error) => {
            let again = transient(&error);
            (Err(StoreError::from(error).into()), again)
        }
    }
}
