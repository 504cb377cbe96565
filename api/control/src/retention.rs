//! How long evidence is kept. Attestations, verdicts and the log are kept for good, whatever the rule says.
//!
//! The bytes of evidence go in three steps, each of which can be stopped anywhere: a pass says that a blob expires in a
//! day; then its row goes, unless it is used or was handed in again; then its bytes, as [`Control::remove_blobs`] does it.

use std::time::{Duration, Instant};

use engine::Digest;
use engine::id::OrganizationId;
use serde_json::{Value, json};

use crate::actor::{Actor, Permission};
use crate::audit::{self, Change};
use crate::backends::asked_removal;
use crate::store::{self, Blob, RetentionRule, Tx, Usage};
use crate::{Control, Error, Result, Timestamp, now};

/// Longest time for which a rule keeps evidence, in days; without a rule it is kept for good.
pub const KEEP_DAYS_MAX: u32 = 36_500;
/// Hours between the note that a blob expires and its removal.
pub const EXPIRY_HOURS: i64 = 24;
/// For how many of the last of these hours a blob is not taken for evidence any more: far more than a receipt takes.
pub(crate) const EXPIRY_MARGIN_HOURS: i64 = 1;
/// Hours between two passes over the blobs of an organization.
const PASS_HOURS: i64 = 6;
/// Most pages that a pass goes on by in each minute, so that no organization keeps the others waiting.
const PAGES: usize = 100;
/// Blobs in a page.
const PAGE: u64 = 500;
/// Most blobs whose rows are removed in one transaction.
const BATCH: u64 = 100;
/// How long a preview looks before it answers with where to go on.
const SLICE: Duration = Duration::from_secs(10);
pub(crate) const HOUR_MS: i64 = 3_600_000;

/// The rule of an organization, and what it does.
#[derive(Debug, Clone, Copy, Default)]
pub struct Retention {
    /// The rule; without one everything is kept.
    pub rule: Option<RetentionRule>,
    /// When it was set.
    pub set_at: Option<Timestamp>,
    /// When all blobs had been held against it last.
    pub swept_at: Option<Timestamp>,
    /// What is removed within a day.
    pub expiring: Usage,
}

/// What a rule would remove, of the blobs that a call looked at.
#[derive(Debug, Clone, Copy, Default)]
pub struct RetentionPreview {
    /// What would be removed.
    pub removable: Usage,
    /// Where the next call has to go on; none when all were looked at.
    pub next: Option<Digest>,
}

impl Control {
    /// The rule of the actor's organization.
    pub async fn retention(&self, actor: &Actor) -> Result<Retention> {
        let org = actor.authorize(Permission::EditStorage)?;
        self.retention_of(org).await
    }

    /// Sets the rule. What was to be removed under the one before has another day; the same rule again changes nothing.
    pub async fn set_retention(&self, actor: &Actor, rule: RetentionRule) -> Result<Retention> {
        let org = actor.authorize(Permission::EditStorage)?;
        check(rule)?;
        let before = self.store.read().retention(org).await?.map(|before| before.rule);
        if before == Some(rule) {
            return self.retention_of(org).await;
        }
        let new = store::Retention { org, rule, created_at: now(), position: None, swept_at: None };
        let change = Change::revised(before.map(told), told(rule));
        let event = audit::event(actor, Some(org), "retention.set", org, change);
        self.store
            .write(move |tx| {
                let event = event.clone();
                Box::pin(async move {
                    tx.set_retention(&new).await?;
                    tx.insert_audit(&[event]).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        self.retention_of(org).await
    }

    /// Takes the rule away: everything that is still there is kept.
    pub async fn delete_retention(&self, actor: &Actor) -> Result<()> {
        let org = actor.authorize(Permission::EditStorage)?;
        let Some(before) = self.store.read().retention(org).await? else { return Ok(()) };
        let change = Change::of(told(before.rule), Value::Null);
        let event = audit::event(actor, Some(org), "retention.delete", org, change);
        self.store
            .write(move |tx| {
                let event = event.clone();
                Box::pin(async move {
                    tx.delete_retention(org).await?;
                    tx.insert_audit(&[event]).await?;
                    Ok::<_, Error>(())
                })
            })
            .await
    }

    /// What a rule would remove now, of the blobs after `after`; the last answer has no `next`.
    pub async fn preview_retention(
        &self,
        actor: &Actor,
        rule: RetentionRule,
        after: Option<Digest>,
    ) -> Result<RetentionPreview> {
        let org = actor.authorize(Permission::EditStorage)?;
        check(rule)?;
        let (begun, mut preview) = (Instant::now(), RetentionPreview::default());
        preview.next = after;
        loop {
            let read = self.store.read();
            let page = read.examine_blobs(org, rule, now(), preview.next, PAGE).await?;
            for blob in page.iter().filter(|blob| blob.removable) {
                preview.removable.blobs += 1;
                preview.removable.bytes += blob.size;
            }
            preview.next = next(&page);
            if preview.next.is_none() || begun.elapsed() > SLICE {
                return Ok(preview);
            }
        }
    }

    /// Goes on with the passes that are due at `at`, and removes what expired. Safe on every replica.
    pub async fn apply_retention(&self, at: Timestamp) -> Result<()> {
        for retention in self.store.read().retentions().await? {
            self.expire(retention, at).await?;
            self.remove_expired(retention.org, at).await?;
        }
        Ok(())
    }

    async fn retention_of(&self, org: OrganizationId) -> Result<Retention> {
        let read = self.store.read();
        let Some(found) = read.retention(org).await? else { return Ok(Retention::default()) };
        Ok(Retention {
            rule: Some(found.rule),
            set_at: Some(found.created_at),
            swept_at: found.swept_at,
            expiring: read.expiring_usage(org).await?,
        })
    }

    /// Notes from when on blobs may be removed, page by page.
    async fn expire(&self, mut known: store::Retention, at: Timestamp) -> Result<()> {
        let due = |last: Timestamp| last.plus_millis(PASS_HOURS * HOUR_MS) <= at;
        if known.position.is_none() && !known.swept_at.is_none_or(due) {
            return Ok(());
        }
        for _page in 0..PAGES {
            let (org, rule) = (known.org, known.rule);
            let read = self.store.read();
            let page = read.examine_blobs(org, rule, at, known.position, PAGE).await?;
            let position = next(&page);
            let swept_at = if position.is_none() { Some(at) } else { known.swept_at };
            let removable = page.iter().filter(|blob| blob.removable);
            let removable: Vec<Digest> = removable.map(|blob| blob.digest).collect();
            let advanced = self.store.write(move |tx| {
                let removable = removable.clone();
                Box::pin(async move {
                    let advanced = tx.advance_retention(&known, position, swept_at).await?;
                    if advanced && !removable.is_empty() {
                        let expires_at = at.plus_millis(EXPIRY_HOURS * HOUR_MS);
                        tx.expire_blobs(org, &removable, expires_at).await?;
                    }
                    Ok::<_, Error>(advanced)
                })
            });
            if !advanced.await? || position.is_none() {
                break;
            }
            known = store::Retention { position, swept_at, ..known };
        }
        Ok(())
    }

    /// Removes the rows of blobs that expired and are still not kept.
    async fn remove_expired(&self, org: OrganizationId, at: Timestamp) -> Result<()> {
        loop {
            let expired = self.store.read().expired_blobs(org, at, BATCH).await?;
            if expired.is_empty() {
                return Ok(());
            }
            self.store
                .write(move |tx| {
                    let expired = expired.clone();
                    Box::pin(async move { remove(&tx, org, &expired, at).await })
                })
                .await?;
        }
    }
}

async fn remove(tx: &Tx<'_>, org: OrganizationId, expired: &[Blob], at: Timestamp) -> Result<()> {
    // Whoever takes the rule away keeps what expired.
    let Some(store::Retention { rule, .. }) = tx.retention(org).await? else { return Ok(()) };
    let (mut digests, mut bytes) = (Vec::new(), 0_u64);
    for blob in expired {
        if tx.delete_expired_blob(blob, rule, at).await? {
            tx.ask_removal(&asked_removal(blob)).await?;
            digests.push(blob.digest);
            bytes += blob.size;
        } else {
            tx.keep_blob(blob).await?;
        }
    }
    if !digests.is_empty() {
        let removed = json!({ "rule": told(rule), "bytes": bytes, "blobs": digests });
        let change = Change::of(removed, Value::Null);
        let event = audit::by("server:retention", Some(org), "retention.remove", org, change);
        tx.insert_audit(&[event]).await?;
    }
    Ok(())
}

/// Where to go on after a page; none after the last.
fn next(page: &[store::Examined]) -> Option<Digest> {
    let full = u64::try_from(page.len()).is_ok_and(|count| count == PAGE);
    page.last().filter(|_| full).map(|last| last.digest)
}

fn check(rule: RetentionRule) -> Result<()> {
    let days = rule.keep_days;
    if (1..=KEEP_DAYS_MAX).contains(&days) {
        return Ok(());
    }
    let message = format!("evidence is kept for 1 to {KEEP_DAYS_MAX} days by a rule, not {days}");
    Err(Error::invalid(message))
}

fn told(rule: RetentionRule) -> Value {
    let RetentionRule { keep_days, keep_released } = rule;
    json!({ "keep_days": keep_days, "keep_released": keep_released })
}
