//! Whether backends work: looked at when they are made, when somebody asks, and every minute.

use std::time::Duration;

use futures::{StreamExt, stream};
use serde_json::json;

use crate::audit::Change;
use crate::blobs::Credentials;
use crate::error::chain;
use crate::{Control, Error, Result, audit, now, store};

/// How often a backend is looked at, in milliseconds.
const EVERY_MS: i64 = 60_000;
/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// Most backends that one replica looks at in one go, and how many at the same time.
const BATCH: u64 = 500;
const AT_ONCE: usize = 16;
/// Longest account of what is wrong, in characters.
const FAILURE_CHARS_MAX: usize = 500;

impl Control {
    /// Looks at every backend that nobody has looked at for a minute.
    pub(crate) async fn check_backends(&self) -> Result<()> {
        let before = now().plus_millis(-EVERY_MS);
        let due = self.store.read().backends_unchecked(before, BATCH).await?;
        let mut looks = stream::iter(due)
            .map(|row| async move {
                if self.claimed(&row).await? { self.look_at(row).await.map(drop) } else { Ok(()) }
            })
            .buffer_unordered(AT_ONCE);
        while let Some(looked) = looks.next().await {
            looked?;
        }
        Ok(())
    }

    async fn claimed(&self, row: &store::Backend) -> Result<bool> {
        let (row, at) = (row.clone(), now());
        self.store
            .write(move |tx| {
                let row = row.clone();
                Box::pin(async move { Ok::<_, Error>(tx.claim_backend_check(&row, at).await?) })
            })
            .await
    }

    /// Looks at a backend and notes how it was found; that it began or ceased to fail is an audit event.
    pub(super) async fn look_at(&self, before: store::Backend) -> Result<store::Backend> {
        let found = match self.open_backend(&before).await {
            Ok(blobs) => works(blobs.as_ref()).await,
            Err(error) => Err(told(&error)),
        };
        let at = now();
        let failing_since = found.is_err().then(|| before.failing_since.unwrap_or(at));
        let failure = found.err();
        let after =
            store::Backend { checked_at: Some(at), failing_since, failure, ..before.clone() };
        let event = match (&before.failing_since, &after.failure) {
            (None, Some(failure)) => Some(("backend.fail", json!({ "failure": failure }))),
            (Some(since), None) => Some(("backend.recover", json!({ "failing_since": since }))),
            _ => None,
        };
        let events: Vec<_> = event
            .map(|(action, change)| {
                let (org, change) = (Some(after.org), Change::made(change));
                audit::by("server", org, action, &after.name, change)
            })
            .into_iter()
            .collect();
        let saved = after.clone();
        self.store
            .write(move |tx| {
                let (row, events) = (saved.clone(), events.clone());
                Box::pin(async move {
                    tx.set_backend_health(&row).await?;
                    tx.insert_audit(&events).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        Ok(after)
    }

    /// Refuses a backend that does not work with these credentials.
    pub(super) async fn check_works(
        &self,
        row: &store::Backend,
        credentials: Option<&Credentials>,
    ) -> Result<()> {
        let unusable = |error| match error {
            error @ Error::Unavailable { .. } => refused(row, &told(&error)),
            error => error,
        };
        let blobs = self.open_with(row, credentials.cloned()).await.map_err(unusable)?;
        works(blobs.as_ref()).await.map_err(|failure| refused(row, &failure))
    }
}

fn refused(row: &store::Backend, failure: &str) -> Error {
    Error::invalid(format!("the backend `{}` does not work: {failure}", row.name))
}

/// Why blobs cannot be read and written there now.
async fn works(blobs: &dyn crate::blobs::Blobs) -> Result<(), String> {
    match tokio::time::timeout(PATIENCE, blobs.check()).await {
        Ok(checked) => checked.map_err(|error| told(&error)),
        Err(_late) => Err(format!("there was no answer within {} seconds", PATIENCE.as_secs())),
    }
}

fn told(error: &dyn std::error::Error) -> String {
    chain(error).chars().filter(|c| !c.is_control()).take(FAILURE_CHARS_MAX).collect()
}
