//! What a job has crafted so far for its run, kept here so that another job, on another machine, goes on with it.

use engine::Digest;
use engine::id::{OrganizationId, RunId};
use serde_json::json;

use crate::actor::{Actor, Permission, With};
use crate::audit::Change;
use crate::store::{self, StoreError};
use crate::{Control, Error, OpenedRun, Result, audit, now, runs};

/// Longest form of what was crafted, in bytes.
pub const CRAFTED_BYTES_MAX: usize = trust::SECRET_BYTES_MAX;
const COLUMN: &str = "crafting.state_sealed";

/// What was crafted so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crafted {
    /// What the job wrote.
    pub state: Vec<u8>,
    /// Its digest: whoever writes over it names it.
    pub digest: Digest,
}

impl Control {
    /// An open run, and what was crafted for it so far if that is kept here.
    pub async fn crafting(&self, actor: &Actor, id: RunId) -> Result<(OpenedRun, Option<Crafted>)> {
        let org = actor.authorize_job(Permission::Attest, With::Run(id))?;
        let run = self.open_for(actor, org, id).await?;
        let crafted = match self.store.read().crafting(org, id).await? {
            None => None,
            Some(found) => {
                let state = self.secrets.open(Some(org), COLUMN, id.0, &found.state)?;
                Some(Crafted { state: state.expose().to_vec(), digest: found.digest })
            }
        };
        Ok((self.reopened(actor, run).await?, crafted))
    }

    /// Keeps what was crafted, sealed, in the place of what has the digest `over`; answers its digest. Without `over`
    /// nothing may be kept yet. Another who wrote meanwhile is [`Error::Precondition`]: read, add, and write again.
    pub async fn put_crafting(
        &self,
        actor: &Actor,
        id: RunId,
        state: &[u8],
        over: Option<Digest>,
    ) -> Result<Digest> {
        let org = actor.authorize_job(Permission::Attest, With::Run(id))?;
        self.open_for(actor, org, id).await?;
        let digest = Digest::of(state);
        let sealed = self.secrets.seal(Some(org), COLUMN, id.0, state)?;
        let new = store::Crafting { run: id, org, state: sealed, digest, updated_at: now() };
        let side = |digest: Digest| json!({ "crafted": digest });
        let change = Change::revised(over.map(side), side(digest));
        let event = audit::event(actor, Some(org), "run.craft", id, change);
        let written = self.store.write(move |tx| {
            let (new, event) = (new.clone(), event.clone());
            Box::pin(async move {
                tx.put_crafting(&new, over).await?;
                tx.insert_audit(&[event]).await
            })
        });
        match written.await {
            Ok(_seq) => Ok(digest),
            Err(StoreError::Conflict { .. }) => Err(Error::Precondition(format!(
                "what was crafted for the run {id} is not what this was written over: another job was here"
            ))),
            Err(error) => Err(error.into()),
        }
    }

    /// Forgets what was crafted for runs that are not open any more.
    pub async fn forget_crafting(&self) -> Result<()> {
        self.store
            .write(move |tx| Box::pin(async move { Ok::<_, Error>(tx.forget_crafting().await?) }))
            .await
    }

    /// The run, if it is open and the actor may attest it.
    async fn open_for(&self, actor: &Actor, org: OrganizationId, id: RunId) -> Result<store::Run> {
        self.check_granted(actor, org, id).await?;
        let run = self.store.read().run(org, id).await?;
        let run = run.ok_or_else(|| Error::not_found("run", id))?;
        runs::check_open(&run)?;
        Ok(run)
    }
}
