//! Waivers: asked for by one, decided by another, in force until they end.
//!
//! A waiver is a series of revisions. One is in force when it is the newest that was approved, was not revoked, and
//! has started and not ended. Nothing about a revision ever changes; what is decided is added to it.

mod approval;
mod standing;

use engine::Name;
use engine::document::Document;
use engine::id::{OrganizationId, WaiverId};
use engine::run::WorkflowPath;
use engine::waiver::Waiver as WaiverDocument;
use serde_json::json;
pub(crate) use standing::in_force;
use standing::{History, describe};

use crate::actor::{Actor, Permission};
use crate::audit::Change;
use crate::store::{Reader, WaiverDecision, WaiverDecisionKind, WaiverRevision};
use crate::{
    Control, Error, Page, Result, Waiver, WaiverState, audit, events, fresh, now, store, workflows,
};

/// Longest reason of a rejection or revocation, in bytes.
const REASON_BYTES_MAX: usize = 2_000;
/// How many revisions are looked at together while a page is filled.
const BATCH: u64 = 200;

impl Control {
    /// Asks for a waiver: a new revision of the one that the document names, which someone else has to approve.
    pub async fn request_waiver(&self, actor: &Actor, source: &str) -> Result<Waiver> {
        let org = actor.authorize(Permission::RequestWaivers)?;
        let at = now();
        let wrong = |error| Error::invalid_document("waiver", error);
        let document = Document::parse(source, &self.limits).map_err(wrong)?;
        let document = WaiverDocument::parse(&document, at).map_err(wrong)?;
        if document.expires_at <= at {
            return Err(Error::invalid(format!(
                "the waiver would have expired already, at {}",
                document.expires_at
            )));
        }
        check_target(&self.store.read(), org, &document).await?;
        let revision = WaiverRevision {
            id: fresh(),
            waiver: WaiverId(fresh()),
            org,
            revision: 1,
            digest: document.digest().map_err(Error::internal)?,
            document,
            requested_by: actor.token,
            requester: actor.name.clone(),
            created_at: at,
        };
        let (name, id) = (revision.document.name.clone(), revision.id);
        self.save_request(actor, revision).await?;
        self.described(org, &name, |history| history.by_id(id)).await
    }

    async fn save_request(&self, actor: &Actor, new: WaiverRevision) -> Result<()> {
        let actor = actor.clone();
        self.store
            .write(move |tx| {
                let (actor, mut new) = (actor.clone(), new.clone());
                Box::pin(async move {
                    let (org, name) = (new.org, new.document.name.clone());
                    let mut before = None;
                    if let Some(known) = tx.waiver_by_name(org, &name).await? {
                        new.waiver = known.id;
                        let revisions = tx.waiver_revisions_of(org, &[known.id]).await?;
                        let latest = revisions.last().map(|latest| &latest.record);
                        new.revision = latest.map_or(0, |latest| latest.revision) + 1;
                        before = latest.map(side);
                    } else {
                        let (id, created_at) = (new.waiver, new.created_at);
                        let waiver = store::Waiver { id, org, name: name.clone(), created_at };
                        tx.insert_waiver(&waiver).await?;
                    }
                    tx.insert_waiver_revision(&new).await?;
                    let change = Change::revised(before, side(&new));
                    let event = audit::event(&actor, Some(org), "waiver.request", &name, change);
                    tx.insert_audit(&[event]).await?;
                    let told = json!({
                        "waiver": name, "revision": new.revision, "digest": new.digest,
                        "requested_by": new.requester, "expires_at": new.document.expires_at,
                    });
                    let told = events::event(org, "waiver.requested", new.created_at, told);
                    tx.insert_outbox(&[told]).await?;
                    Ok::<_, Error>(())
                })
            })
            .await
    }

    /// Rejects a revision that waits for a decision, the latest when none is named.
    pub async fn reject_waiver(
        &self,
        actor: &Actor,
        name: &Name,
        revision: Option<u32>,
        reason: String,
    ) -> Result<Waiver> {
        let org = actor.authorize(Permission::ApproveWaivers)?;
        let found = self.described(org, name, |history| history.numbered(revision)).await?;
        if found.state != WaiverState::Pending {
            return Err(not_in_state(&found, "waits for a decision"));
        }
        self.decide_waiver(actor, org, &found, WaiverDecisionKind::Rejected, reason).await
    }

    /// Revokes a revision that was approved, the newest such when none is named. What was judged under it stays judged.
    pub async fn revoke_waiver(
        &self,
        actor: &Actor,
        name: &Name,
        revision: Option<u32>,
        reason: String,
    ) -> Result<Waiver> {
        let org = actor.authorize(Permission::ApproveWaivers)?;
        let find = |history: &History| match revision {
            None => history.newest_approved().or_else(|| history.numbered(None)),
            some => history.numbered(some),
        };
        let found = self.described(org, name, find).await?;
        if !found.state.is_approved() {
            return Err(not_in_state(&found, "was approved and may still be used"));
        }
        self.decide_waiver(actor, org, &found, WaiverDecisionKind::Revoked, reason).await
    }

    async fn decide_waiver(
        &self,
        actor: &Actor,
        org: OrganizationId,
        found: &Waiver,
        kind: WaiverDecisionKind,
        reason: String,
    ) -> Result<Waiver> {
        if reason.trim().is_empty() || reason.len() > REASON_BYTES_MAX {
            return Err(Error::invalid(format!("give a reason of 1 to {REASON_BYTES_MAX} bytes")));
        }
        let decision = WaiverDecision {
            revision: found.id,
            org,
            kind,
            decided_by: actor.token,
            decider: actor.name.clone(),
            reason: Some(reason),
            statement: None,
            key_digest: None,
            created_at: now(),
        };
        let event = decided(actor, found, &decision);
        let name = format!("waiver.{}", kind.as_str());
        let told = json!({
            "waiver": found.waiver.name, "revision": found.revision, "digest": found.digest,
            "decided_by": decision.decider, "reason": decision.reason,
        });
        let told = events::event(org, &name, decision.created_at, told);
        self.store
            .write(move |tx| {
                let (decision, event, told) = (decision.clone(), event.clone(), told.clone());
                Box::pin(async move {
                    let seq = tx.next_seq(1).await?;
                    tx.insert_waiver_decision(&decision, seq).await?;
                    tx.insert_audit(&[event]).await?;
                    tx.insert_outbox(&[told]).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        self.described(org, &found.waiver.name, |history| history.by_id(found.id)).await
    }

    /// A waiver, the latest revision when none is named.
    pub async fn waiver(
        &self,
        actor: &Actor,
        name: &Name,
        revision: Option<u32>,
    ) -> Result<Waiver> {
        let org = actor.authorize(Permission::Read)?;
        self.described(org, name, |history| history.numbered(revision)).await
    }

    /// Revisions of all waivers, newest first, optionally of one state. `after` is the `next` of the page before.
    pub async fn waivers(
        &self,
        actor: &Actor,
        state: Option<WaiverState>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Waiver>> {
        let org = actor.authorize(Permission::Read)?;
        self.page_size(limit)?;
        let wrong = |_error| Error::invalid("`after` is not the `next` of a page of waivers");
        let mut after = after.map(str::parse::<u64>).transpose().map_err(wrong)?;
        let (read, at, mut items) = (self.store.read(), now(), Vec::new());
        loop {
            let page = store::Page { after, limit: BATCH };
            let found = read.list_waiver_revisions(org, page).await?;
            let Some(last) = found.last() else { break };
            after = Some(last.seq);
            let wanted = |waiver: &Waiver| state.is_none_or(|state| waiver.state == state);
            items.extend(describe(&read, org, found, at).await?.into_iter().filter(wanted));
            if items.len() > limit {
                break;
            }
        }
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|last| last.seq.to_string());
        Ok(Page { items, next })
    }

    /// One revision of a waiver, with everything that is known of it.
    async fn described(
        &self,
        org: OrganizationId,
        name: &Name,
        which: impl Fn(&History) -> Option<store::Sequenced<WaiverRevision>>,
    ) -> Result<Waiver> {
        let read = self.store.read();
        let missing = || Error::not_found("waiver", name);
        let waiver = read.waiver_by_name(org, name).await?.ok_or_else(missing)?;
        let history = History::load(&read, org, waiver.id).await?;
        let found =
            which(&history).ok_or_else(|| Error::not_found("revision of the waiver", name))?;
        describe(&read, org, vec![found], now()).await?.pop().ok_or_else(missing)
    }
}

/// A project or workflow that is not there would make a waiver that silently never holds.
async fn check_target(
    read: &Reader<'_>,
    org: OrganizationId,
    document: &WaiverDocument,
) -> Result<()> {
    let Some(project) = &document.on.project else { return Ok(()) };
    if read.project_by_name(org, project).await?.is_none() {
        return Err(Error::invalid(format!("there is no project `{project}`")));
    }
    let Some(workflow) = &document.on.workflow else { return Ok(()) };
    let path = WorkflowPath { project: project.clone(), workflow: workflow.clone() };
    match workflows::find(read, org, &path).await {
        Err(Error::NotFound(message)) => Err(Error::invalid(message)),
        other => other.map(drop),
    }
}

fn not_in_state(found: &Waiver, needed: &str) -> Error {
    let (name, revision, state) = (&found.waiver.name, found.revision, found.state);
    Error::Conflict(format!(
        "revision {revision} of the waiver `{name}` is {state}; only one that {needed} will do"
    ))
}

/// What auditors are shown of a revision; its text is kept under its digest.
fn side(revision: &WaiverRevision) -> serde_json::Value {
    json!({
        "id": revision.waiver, "revision": revision.revision, "digest": revision.digest,
        "expires_at": revision.document.expires_at,
    })
}

/// What auditors are told of a decision.
fn decided(actor: &Actor, found: &Waiver, decision: &WaiverDecision) -> store::AuditEvent {
    let action = match decision.kind {
        WaiverDecisionKind::Approved => "waiver.approve",
        WaiverDecisionKind::Rejected => "waiver.reject",
        WaiverDecisionKind::Revoked => "waiver.revoke",
    };
    let one =
        |state: &str| json!({ "revision": found.revision, "digest": found.digest, "state": state });
    let mut after = one(decision.kind.as_str());
    if let Some(members) = after.as_object_mut() {
        members.insert("reason".to_owned(), json!(decision.reason));
        members.insert("statement".to_owned(), json!(decision.statement));
    }
    let change = Change::of(one(found.state.as_str()), after);
    audit::event(actor, Some(decision.org), action, &found.waiver.name, change)
}
