//! Writes: durable when answered.
//!
//! A commit on SQLite waits for the disk, some milliseconds, and only one can be under way. So one task owns the
//! write connection and takes every queued job into one transaction, each in a savepoint of its own: a failing job
//! rolls back itself alone, and all others share the wait (group commit). There is no artificial delay: while one
//! batch commits, the next one gathers. PostgreSQL groups commits itself, so there each job has a transaction.

mod group;
mod single;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::future::BoxFuture;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::connection::Pools;
use super::{StoreError, Tx};

/// The way into the database.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    route: Route,
    commits: Arc<AtomicU64>,
}

#[derive(Debug, Clone)]
enum Route {
    Group { queue: group::Queue, task: Arc<Mutex<Option<JoinHandle<()>>>> },
    Single(Arc<Pools>),
}

impl Writer {
    pub(super) fn start(pools: &Arc<Pools>) -> Self {
        let commits = Arc::new(AtomicU64::new(0));
        let route = if pools.is_sqlite() {
            let (queue, task) = group::start(pools.write.clone(), Arc::clone(&commits));
            Route::Group { queue, task: Arc::new(Mutex::new(Some(task))) }
        } else {
            Route::Single(Arc::clone(pools))
        };
        Self { route, commits }
    }

    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    pub(super) async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: for<'t> Fn(Tx<'t>) -> BoxFuture<'t, Result<T, E>> + Send + Sync + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        match &self.route {
            Route::Group { queue, .. } => queue.write(work).await,
            Route::Single(pools) => single::write(&pools.write, &self.commits, &work).await,
        }
    }

    /// Waits until everything queued is answered; later writes are refused.
    pub(super) async fn close(&self) {
        let Route::Group { queue, task } = &self.route else { return };
        queue.close().await;
        if let Some(task) = task.lock().await.take()
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the writer task ended abnormally");
        }
    }
}
