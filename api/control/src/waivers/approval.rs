//! The approval of a waiver, in the order that makes it trustworthy: signed, about just this revision, by another.

use engine::Name;
use engine::id::{OrganizationId, PersonId, TokenId};
use engine::waiver::{Approval, Party, TYPE, WAIVERS_MAX};
use serde_json::json;
use trust::{Bundle, Verified};

use super::{decided, in_force, not_in_state};
use crate::actor::{Actor, Permission};
use crate::backends::Kept;
use crate::store::{LogKind, LogLeaf, Reader, WaiverDecision, WaiverDecisionKind};
use crate::{Control, Error, Result, Waiver, WaiverState, events, now};

/// Most tokens that are followed from one to the one that made it.
const MINTINGS_MAX: usize = 1_000;

impl Control {
    /// Approves a revision that waits for a decision. `bytes` is the bundle of the statement that the approver signed.
    pub async fn approve_waiver(
        &self,
        actor: &Actor,
        name: &Name,
        bytes: Vec<u8>,
    ) -> Result<Waiver> {
        let org = actor.authorize(Permission::ApproveWaivers)?;
        self.within_limits(&bytes)?;
        let bundle =
            Bundle::parse(&bytes).map_err(|error| Error::refused("bundle", error.to_string()))?;
        let verified = self.verify(org, &bundle).await?;
        let approval = read_approval(&verified)?;
        let found = self.described(org, name, |history| history.numbered(Some(approval.revision)));
        let found = found.await?;
        bind(actor, &found, &approval)?;
        verified
            .require_subject(found.digest)
            .map_err(|refusal| Error::refused("subjects", refusal.to_string()))?;
        self.check_other(actor, org, &found).await?;
        if found.state != WaiverState::Pending {
            return Err(not_in_state(&found, "waits for a decision"));
        }
        self.check_room(org).await?;
        let digest = bundle.digest();
        let kept = self.keep_bundle(org, digest, bytes).await?;
        let decision = WaiverDecision {
            revision: found.id,
            org,
            kind: WaiverDecisionKind::Approved,
            decided_by: actor.token,
            decider: actor.name.clone(),
            reason: None,
            statement: Some(digest),
            key_digest: Some(verified.key().id()),
            created_at: now(),
        };
        self.save_approval(actor, &found, decision, kept).await?;
        self.described(org, name, |history| history.by_id(found.id)).await
    }

    /// One transaction: the decision, its leaf of the log, the audit event, the event to deliver.
    async fn save_approval(
        &self,
        actor: &Actor,
        found: &Waiver,
        decision: WaiverDecision,
        kept: Kept,
    ) -> Result<()> {
        let (org, at, digest) = (decision.org, decision.created_at, kept.blob.digest);
        let event = decided(actor, found, &decision);
        let payload = json!({
            "waiver": found.waiver.name, "revision": found.revision, "digest": found.digest,
            "statement": digest, "expires_at": found.waiver.expires_at, "decided_by": decision.decider,
        });
        let outbox = events::event(org, "waiver.approved", at, payload);
        self.store
            .write(move |tx| {
                let (decision, event, outbox) = (decision.clone(), event.clone(), outbox.clone());
                Box::pin(async move {
                    kept.note(&tx).await?;
                    let leaf = LogLeaf { kind: LogKind::Waiver, digest, created_at: at };
                    let seq = tx.insert_log(&[leaf]).await?;
                    tx.insert_waiver_decision(&decision, seq).await?;
                    tx.insert_audit(&[event]).await?;
                    tx.insert_outbox(&[outbox]).await?;
                    Ok::<_, Error>(())
                })
            })
            .await
    }

    /// Refuses the token that asked, and every token that descends from it; and the person in whose session it was made,
    /// in any session. That two tokens which no session made are held by one person is not known here, and is for the
    /// organization to prevent.
    async fn check_other(&self, actor: &Actor, org: OrganizationId, found: &Waiver) -> Result<()> {
        let read = self.store.read();
        let (asked, by) = (found.requested_by.token, &found.requested_by.name);
        if descends(&read, org, actor.token, asked).await? {
            return Err(Error::forbidden(format!(
                "the waiver was asked for by the token `{by}`: neither it nor a token that it made may approve it"
            )));
        }
        let requester = behind(&read, org, asked).await?;
        if requester.is_some() && requester == behind(&read, org, actor.token).await? {
            return Err(Error::forbidden(format!(
                "the waiver was asked for by the token `{by}`, which is yours: another person has to approve it"
            )));
        }
        Ok(())
    }

    /// Refuses one more than a judgement takes.
    async fn check_room(&self, org: OrganizationId) -> Result<()> {
        if in_force(&self.store.read(), org, now()).await?.len() < WAIVERS_MAX {
            return Ok(());
        }
        Err(Error::Conflict(format!(
            "the organization has the limit of {WAIVERS_MAX} waivers in force: revoke what is unused"
        )))
    }
}

/// Whether `token` is `ancestor`, or was made by it over however many steps. In doubt it was.
async fn descends(
    read: &Reader<'_>,
    org: OrganizationId,
    token: TokenId,
    ancestor: TokenId,
) -> Result<bool> {
    let line = line(read, org, token).await?;
    Ok(line.len() > MINTINGS_MAX || line.contains(&ancestor))
}

/// The person in whose session a token was made, over however many steps.
async fn behind(
    read: &Reader<'_>,
    org: OrganizationId,
    token: TokenId,
) -> Result<Option<PersonId>> {
    for token in line(read, org, token).await? {
        if let Some(session) = read.session(token).await? {
            return Ok(Some(session.person));
        }
    }
    Ok(None)
}

/// The token, the one that made it, and so on, as far as they are of the organization; one more than is followed when
/// there are as many.
async fn line(read: &Reader<'_>, org: OrganizationId, token: TokenId) -> Result<Vec<TokenId>> {
    let mut line = vec![token];
    let mut at = token;
    while line.len() <= MINTINGS_MAX {
        // A token for the whole installation is nobody's of the organization.
        let Some(found) = read.token(Some(org), at).await? else { break };
        let Some(maker) = found.minted_by else { break };
        line.push(maker);
        at = maker;
    }
    Ok(line)
}

fn read_approval(verified: &Verified) -> Result<Approval> {
    let statement = verified.statement();
    if statement.predicate_type != TYPE {
        return Err(Error::refused(
            "predicate",
            format!("the predicate type is `{}`, not `{TYPE}`", statement.predicate_type),
        ));
    }
    serde_json::from_value(statement.predicate.clone()).map_err(|error| {
        Error::refused("predicate", format!("the predicate does not have its form: {error}"))
    })
}

/// What was signed must be what was asked for, here, and by whom it is sent.
fn bind(actor: &Actor, found: &Waiver, approval: &Approval) -> Result<()> {
    let organization = actor.organization.as_ref().map(|(_, name)| name);
    let sender = Party { token: actor.token, name: actor.name.clone() };
    for (same, what) in [
        (organization == Some(&approval.organization), "is about another organization"),
        (approval.waiver == found.waiver, "is about another text of the waiver"),
        (approval.requested_by == found.requested_by, "names another requester"),
        (approval.approved_by == sender, "names another approver than the one who sends it"),
    ] {
        if !same {
            return Err(Error::refused("waiver", format!("the signed statement {what}")));
        }
    }
    Ok(())
}
