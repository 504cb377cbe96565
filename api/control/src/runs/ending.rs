//! Runs that end without an attestation: given up, broken, or abandoned until their time was over.

use engine::id::{OrganizationId, RunId};
use serde_json::json;

use crate::actor::{Actor, Permission, With};
use crate::audit::{self, Change};
use crate::store::{self, AuditEvent, OutboxEvent, RunState, StoreError, Tx};
use crate::{Control, Error, Result, Run, events, now};

/// Longest reason for ending a run, in characters.
pub const REASON_CHARS_MAX: usize = 1_000;
/// How many abandoned runs are ended in one transaction.
const BATCH: u64 = 100;
const ABANDONED: &str = "no attestation came before its deadline";

impl Control {
    /// Gives a run up; its attestation will not be accepted any more.
    pub async fn cancel_run(&self, actor: &Actor, id: RunId, reason: String) -> Result<Run> {
        let org = actor.authorize_job(Permission::Attest, With::Run(id))?;
        self.end(actor, org, id, RunState::Cancelled, reason).await
    }

    /// Notes that the job of a run broke; its attestation will not be accepted any more.
    pub async fn fail_run(&self, actor: &Actor, id: RunId, reason: String) -> Result<Run> {
        let org = actor.authorize_job(Permission::Attest, With::Run(id))?;
        self.end(actor, org, id, RunState::Failed, reason).await
    }

    /// Ends every open run whose time is over. Safe on every replica: each run is ended once.
    pub async fn expire_runs(&self) -> Result<()> {
        self.expire_overdue(None).await
    }

    async fn end(
        &self,
        actor: &Actor,
        org: OrganizationId,
        id: RunId,
        state: RunState,
        reason: String,
    ) -> Result<Run> {
        check_reason(&reason)?;
        self.check_granted(actor, org, id).await?;
        self.expire_overdue(Some(org)).await?;
        let run =
            self.store.read().run(org, id).await?.ok_or_else(|| Error::not_found("run", id))?;
        check_open(&run)?;
        let action = if state == RunState::Failed { "run.fail" } else { "run.cancel" };
        let event = audit::event(actor, Some(org), action, id, ended(&run, state, &reason));
        let told = told(&run, state, &reason);
        self.store
            .write(move |tx| {
                let (reason, event, told) = (reason.clone(), event.clone(), told.clone());
                Box::pin(async move {
                    tx.end_run(org, id, state, &reason, now()).await?;
                    tx.insert_audit(&[event]).await?;
                    tx.insert_outbox(&[told]).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        self.one(org, id).await
    }

    /// The same of one organization, or of all.
    pub(super) async fn expire_overdue(&self, org: Option<OrganizationId>) -> Result<()> {
        loop {
            let overdue = self.store.read().overdue_runs(org, now(), BATCH).await?;
            if overdue.is_empty() {
                return Ok(());
            }
            self.store
                .write(move |tx| {
                    let overdue = overdue.clone();
                    Box::pin(async move { expire(&tx, &overdue).await })
                })
                .await?;
        }
    }
}

/// Ends those of the runs that are still open.
async fn expire(tx: &Tx<'_>, overdue: &[store::Run]) -> Result<()> {
    let mut events: Vec<AuditEvent> = Vec::with_capacity(overdue.len());
    let mut news: Vec<OutboxEvent> = Vec::with_capacity(overdue.len());
    for run in overdue {
        match tx.end_run(run.org, run.id, RunState::Expired, ABANDONED, now()).await {
            Ok(()) => {
                let change = ended(run, RunState::Expired, ABANDONED);
                let (org, actor) = (Some(run.org), "server:expiry");
                events.push(audit::by(actor, org, "run.expire", run.id, change));
                news.push(told(run, RunState::Expired, ABANDONED));
            }
            // Its attestation came, or another replica was here first.
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if !events.is_empty() {
        tx.insert_audit(&events).await?;
        tx.insert_outbox(&news).await?;
    }
    Ok(())
}

/// What others are told of a run that ends.
fn told(run: &store::Run, state: RunState, reason: &str) -> OutboxEvent {
    let name = format!("run.{}", state.as_str());
    events::event(run.org, &name, now(), json!({ "run": run.id, "reason": reason }))
}

/// Both sides of a run that ends.
fn ended(run: &store::Run, state: RunState, reason: &str) -> Change {
    Change::of(
        json!({ "state": run.state.as_str(), "expires_at": run.expires_at }),
        json!({ "state": state.as_str(), "reason": reason }),
    )
}

pub(crate) fn check_reason(reason: &str) -> Result<()> {
    let chars = reason.chars().count();
    if reason.trim().is_empty() || chars > REASON_CHARS_MAX {
        return Err(Error::invalid(format!(
            "a reason has 1 to {REASON_CHARS_MAX} characters, not {chars}, and says something"
        )));
    }
    Ok(())
}

/// Why a run takes no attestation any more, if it does not.
pub(crate) fn check_open(run: &store::Run) -> Result<()> {
    let (id, state) = (run.id, run.state);
    match run.expires_at.filter(|end| *end <= now()) {
        _ if state != RunState::Open => {
            Err(Error::Conflict(format!("the run {id} is {state}, not open")))
        }
        Some(end) => Err(Error::Conflict(format!("the run {id} expired at {end}"))),
        None => Ok(()),
    }
}
