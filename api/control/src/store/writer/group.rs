//! Many jobs, one transaction (SQLite).

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use futures::FutureExt;
use futures::future::BoxFuture;
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbErr, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use tokio::sync::{RwLock, mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::store::{StoreError, Tx};

/// Most jobs in one transaction: bounds how long the first of them waits for the last.
const BATCH_MAX: usize = 64;
/// Most jobs that wait; more make their callers wait to be queued.
const QUEUE_MAX: usize = 1_024;

/// Where jobs wait. Empty once closed.
#[derive(Debug, Clone)]
pub(super) struct Queue(Arc<RwLock<Option<Jobs>>>);

type Jobs = mpsc::Sender<Box<dyn Job>>;

/// Starts the task that owns the write connection. It ends when the last queue is dropped or closed.
pub(super) fn start(db: DatabaseConnection, commits: Arc<AtomicU64>) -> (Queue, JoinHandle<()>) {
    let (sender, jobs) = mpsc::channel(QUEUE_MAX);
    (Queue(Arc::new(RwLock::new(Some(sender)))), tokio::spawn(run(db, jobs, commits)))
}

impl Queue {
    pub(super) async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: for<'t> Fn(Tx<'t>) -> BoxFuture<'t, Result<T, E>> + Send + Sync + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let closed = || E::from(StoreError::closed("the store is closed"));
        let (answer, result) = oneshot::channel();
        let sender = self.0.read().await.clone().ok_or_else(closed)?;
        let job = Box::new(Pending { work, answer, result: None });
        if sender.send(job).await.is_err() {
            return Err(closed());
        }
        drop(sender);
        result.await.unwrap_or_else(|_| Err(StoreError::closed("the write was abandoned").into()))
    }

    pub(super) async fn close(&self) {
        drop(self.0.write().await.take());
    }
}

/// A piece of work whose types are hidden from the task that runs it.
#[async_trait]
trait Job: Send {
    /// Whether nobody waits for the answer any more, so that it need not be run.
    fn abandoned(&self) -> bool;
    /// Runs it; true when it answered `Ok` and so wants to be committed.
    async fn run(&mut self, tx: Tx<'_>) -> bool;
    /// Tells the caller: what the work answered, unless the transaction around it was lost.
    fn answer(self: Box<Self>, lost: Option<StoreError>);
}

struct Pending<F, T, E> {
    work: F,
    result: Option<Result<T, E>>,
    answer: oneshot::Sender<Result<T, E>>,
}

#[async_trait]
impl<F, T, E> Job for Pending<F, T, E>
where
    F: for<'t> Fn(Tx<'t>) -> BoxFuture<'t, Result<T, E>> + Send + Sync,
    T: Send,
    E: From<StoreError> + Send,
{
    fn abandoned(&self) -> bool {
        self.answer.is_closed()
    }

    async fn run(&mut self, tx: Tx<'_>) -> bool {
        let future = (self.work)(tx);
        let result = AssertUnwindSafe(future).catch_unwind().await;
        // A panic in one job must not end the task that every write depends on.
        let result =
            result.unwrap_or_else(|_| Err(StoreError::closed("the write panicked").into()));
        let ok = result.is_ok();
        self.result = Some(result);
        ok
    }

    fn answer(self: Box<Self>, lost: Option<StoreError>) {
        let result = match (self.result, lost) {
            (Some(Ok(_)) | None, Some(lost)) => Err(lost.into()),
            (Some(result), _) => result,
            (None, None) => Err(StoreError::closed("the write was not run").into()),
        };
        // The caller may have gone away; what was committed stays committed.
        drop(self.answer.send(result));
    }
}

async fn run(
    db: DatabaseConnection,
    mut jobs: mpsc::Receiver<Box<dyn Job>>,
    commits: Arc<AtomicU64>,
) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while jobs.recv_many(&mut batch, BATCH_MAX).await > 0 {
        batch.retain(|job| !job.abandoned());
        if batch.is_empty() {
            continue;
        }
        let mut lost = together(&db, &mut batch, &commits).await.err();
        for job in batch.drain(..) {
            let cause = lost.as_mut().map(again);
            job.answer(cause);
        }
    }
}

/// Runs the whole batch in one transaction. An error means that none of it was committed.
async fn together(
    db: &DatabaseConnection,
    batch: &mut [Box<dyn Job>],
    commits: &AtomicU64,
) -> Result<(), StoreError> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let transaction = db.begin_with_options(options).await?;
    let mut changed = false;
    for job in batch {
        changed |= alone(&transaction, job.as_mut()).await?;
    }
    if !changed {
        return Ok(transaction.rollback().await?);
    }
    transaction.commit().await?;
    commits.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

/// Runs one job in a savepoint. An error means that the transaction itself is gone, as after a full disk.
async fn alone(transaction: &DatabaseTransaction, job: &mut dyn Job) -> Result<bool, DbErr> {
    let savepoint = transaction.begin().await?;
    let failed = AtomicBool::new(false);
    let keep = job.run(Tx::new(&savepoint, &failed)).await;
    if keep {
        savepoint.commit().await?;
    } else {
        savepoint.rollback().await?;
    }
    Ok(keep)
}

/// The same error for the next caller: the first takes the cause, which cannot be copied, the others its text.
fn again(error: &mut StoreError) -> StoreError {
    let next = StoreError::closed("the transaction that this write was part of failed");
    std::mem::replace(error, next)
}
