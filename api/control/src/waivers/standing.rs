//! What state a revision is in: it follows from what was decided, what came after it, and the time.

use std::collections::{BTreeMap, BTreeSet};

use engine::Timestamp;
use engine::id::{OrganizationId, WaiverId};
use uuid::Uuid;

use crate::store::{
    Reader, Sequenced, WaiverDecision, WaiverDecisionKind, WaiverRevision, WaiverUses,
};
use crate::{Result, Waiver, WaiverDecided, WaiverState};

type Revision = Sequenced<WaiverRevision>;
type Decisions = BTreeMap<Uuid, Vec<Sequenced<WaiverDecision>>>;

/// Every revision of a waiver, oldest first, and what was decided about each.
pub(super) struct History {
    revisions: Vec<Revision>,
    decisions: Decisions,
}

impl History {
    pub(super) async fn load(
        read: &Reader<'_>,
        org: OrganizationId,
        waiver: WaiverId,
    ) -> Result<Self> {
        let mut all = histories(read, org, &[waiver]).await?;
        let empty = || Self { revisions: Vec::new(), decisions: BTreeMap::new() };
        Ok(all.remove(&waiver).unwrap_or_else(empty))
    }

    /// The revision of that number; the latest when none is said.
    pub(super) fn numbered(&self, revision: Option<u32>) -> Option<Revision> {
        match revision {
            None => self.revisions.last().cloned(),
            Some(number) => {
                self.revisions.iter().find(|one| one.record.revision == number).cloned()
            }
        }
    }

    /// The revision of that identifier.
    pub(super) fn by_id(&self, id: Uuid) -> Option<Revision> {
        self.revisions.iter().find(|one| one.record.id == id).cloned()
    }

    /// The newest revision that was ever approved: no older one counts any more, even when this one was revoked.
    pub(super) fn newest_approved(&self) -> Option<Revision> {
        let approved =
            |one: &&Revision| self.decided(one.record.id, WaiverDecisionKind::Approved).is_some();
        self.revisions.iter().rev().find(approved).cloned()
    }

    fn decided(&self, id: Uuid, kind: WaiverDecisionKind) -> Option<&Sequenced<WaiverDecision>> {
        self.decisions.get(&id)?.iter().find(|decision| decision.record.kind == kind)
    }

    fn state(&self, one: &Revision, uses: Option<&WaiverUses>, at: Timestamp) -> WaiverState {
        let (id, document) = (one.record.id, &one.record.document);
        let decided = |kind| self.decided(id, kind).is_some();
        let is = |other: Option<Revision>| other.is_some_and(|other| other.record.id == id);
        let approved = decided(WaiverDecisionKind::Approved);
        if decided(WaiverDecisionKind::Rejected) {
            WaiverState::Rejected
        } else if decided(WaiverDecisionKind::Revoked) {
            WaiverState::Revoked
        } else if approved && !is(self.newest_approved()) || !approved && !is(self.numbered(None)) {
            WaiverState::Superseded
        } else if document.expires_at <= at {
            WaiverState::Expired
        } else if !approved {
            WaiverState::Pending
        } else if at < document.starts_at {
            WaiverState::Scheduled
        } else if uses.is_none() {
            WaiverState::Unused
        } else {
            WaiverState::InForce
        }
    }

    fn view(&self, one: Revision, uses: Option<&WaiverUses>, at: Timestamp) -> Waiver {
        let state = self.state(&one, uses, at);
        let decided = |kind| self.decided(one.record.id, kind).map(decision);
        let first =
            decided(WaiverDecisionKind::Approved).or_else(|| decided(WaiverDecisionKind::Rejected));
        let revoked = decided(WaiverDecisionKind::Revoked);
        let Sequenced { seq, record } = one;
        Waiver {
            id: record.id,
            waiver: record.document,
            revision: record.revision,
            digest: record.digest,
            state,
            requested_by: engine::waiver::Party {
                token: record.requested_by,
                name: record.requester,
            },
            requested_at: record.created_at,
            seq,
            decided: first,
            revoked,
            uses: uses.map_or(0, |uses| uses.count),
            last_used_at: uses.map(|uses| uses.last),
        }
    }
}

fn decision(found: &Sequenced<WaiverDecision>) -> WaiverDecided {
    let WaiverDecision { decided_by, decider, reason, statement, key_digest, created_at, .. } =
        &found.record;
    WaiverDecided {
        by: engine::waiver::Party { token: *decided_by, name: decider.clone() },
        at: *created_at,
        seq: found.seq,
        reason: reason.clone(),
        statement: *statement,
        key_digest: *key_digest,
    }
}

/// The histories of those waivers, in a bounded number of statements.
async fn histories(
    read: &Reader<'_>,
    org: OrganizationId,
    waivers: &[WaiverId],
) -> Result<BTreeMap<WaiverId, History>> {
    let revisions = read.waiver_revisions_of(org, waivers).await?;
    let ids: Vec<Uuid> = revisions.iter().map(|one| one.record.id).collect();
    let mut decisions = read.waiver_decisions_of(org, &ids).await?;
    let mut histories: BTreeMap<WaiverId, History> = BTreeMap::new();
    for revision in revisions {
        let history = histories
            .entry(revision.record.waiver)
            .or_insert_with(|| History { revisions: Vec::new(), decisions: BTreeMap::new() });
        if let Some(decided) = decisions.remove(&revision.record.id) {
            history.decisions.insert(revision.record.id, decided);
        }
        history.revisions.push(revision);
    }
    Ok(histories)
}

/// Revisions with their states as of `at`, in the order given.
pub(super) async fn describe(
    read: &Reader<'_>,
    org: OrganizationId,
    found: Vec<Revision>,
    at: Timestamp,
) -> Result<Vec<Waiver>> {
    let waivers: BTreeSet<WaiverId> = found.iter().map(|one| one.record.waiver).collect();
    let histories = histories(read, org, &waivers.into_iter().collect::<Vec<_>>()).await?;
    let ids: Vec<Uuid> = found.iter().map(|one| one.record.id).collect();
    let uses = read.waiver_uses_of(org, &ids).await?;
    let view = |one: Revision| {
        let uses = uses.get(&one.record.id);
        histories.get(&one.record.waiver).map(|history| history.view(one, uses, at))
    };
    Ok(found.into_iter().filter_map(view).collect())
}

/// The revisions in force at `at`: at most one of each waiver.
pub(crate) async fn in_force(
    read: &Reader<'_>,
    org: OrganizationId,
    at: Timestamp,
) -> Result<Vec<WaiverRevision>> {
    let alive = read.waivers_alive(org, at).await?;
    let histories = histories(read, org, &alive).await?;
    let holds = |history: &History| {
        let newest = history.newest_approved()?;
        let state = history.state(&newest, None, at);
        (state == WaiverState::Unused).then_some(newest.record)
    };
    Ok(histories.values().filter_map(holds).collect())
}
