//! From what use cases answer to what is sent. Neither side is ours to extend, hence functions.

pub(crate) mod delivery;
pub(crate) mod imported;
pub(crate) mod integration;
pub(crate) mod member;
pub(crate) mod trust_rule;

use std::time::Duration;

use api_types as out;
use control as view;

pub(crate) fn identity(actor: view::Actor) -> out::Identity {
    let (organization_id, organization) = actor.organization.unzip();
    let scopes = actor.scopes.into_iter().map(scope).collect();
    out::Identity {
        organization,
        organization_id,
        token_id: actor.token,
        token: actor.name,
        scopes,
        person: actor.person.map(member::person),
    }
}

pub(crate) fn scope(scope: view::Scope) -> out::Scope {
    match scope {
        view::Scope::Instance => out::Scope::Instance,
        view::Scope::Admin => out::Scope::Admin,
        view::Scope::Attest => out::Scope::Attest,
        view::Scope::Read => out::Scope::Read,
        view::Scope::Job => out::Scope::Job,
        view::Scope::Session => out::Scope::Session,
    }
}

pub(crate) fn scope_in(scope: out::Scope) -> view::Scope {
    match scope {
        out::Scope::Instance => view::Scope::Instance,
        out::Scope::Admin => view::Scope::Admin,
        out::Scope::Attest => view::Scope::Attest,
        out::Scope::Read => view::Scope::Read,
        out::Scope::Job => view::Scope::Job,
        out::Scope::Session => view::Scope::Session,
    }
}

pub(crate) fn organization(one: view::Organization) -> out::Organization {
    out::Organization { id: one.id, name: one.name, created_at: one.created_at }
}

pub(crate) fn backend(one: view::Backend) -> out::Backend {
    out::Backend {
        id: one.id,
        name: one.name,
        place: one.place,
        has_credentials: one.has_credentials,
        role: match one.role {
            Some(view::BackendRole::Default) => out::BackendRole::Default,
            Some(view::BackendRole::Fallback) => out::BackendRole::Fallback,
            None => out::BackendRole::None,
        },
        blobs: one.blobs,
        bytes: one.bytes,
        created_at: one.created_at,
        checked_at: one.checked_at,
        failing_since: one.failing_since,
        failure: one.failure,
        removing: one.removing,
        removal_failure: one.removal_failure,
    }
}

pub(crate) fn readiness(one: view::Readiness) -> out::Readiness {
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let spread = |one: view::Spread| out::Spread {
        median_ms: millis(one.median),
        ninetieth_ms: millis(one.ninetieth),
        longest_ms: millis(one.longest),
    };
    out::Readiness {
        at: one.at,
        since: one.since,
        runs: one.runs,
        verdicts: one.verdicts,
        workflows: one.workflows,
        workflows_attested: one.workflows_attested,
        evidence_age: one.evidence_age.map(spread),
        time_to_attest: one.time_to_attest.map(spread),
    }
}

pub(crate) fn retention(one: view::Retention) -> out::Retention {
    let rule = |rule: view::RetentionRule| {
        let view::RetentionRule { keep_days, keep_released } = rule;
        out::RetentionRule { keep_days, keep_released }
    };
    out::Retention {
        rule: one.rule.map(rule),
        set_at: one.set_at,
        swept_at: one.swept_at,
        expiring_blobs: one.expiring.blobs,
        expiring_bytes: one.expiring.bytes,
    }
}

pub(crate) fn sweep_blobs(one: out::SweepBlobs) -> view::SweepBlobs {
    let out::SweepBlobs { after, dry_run } = one;
    view::SweepBlobs { after, dry_run }
}

pub(crate) fn swept_blobs(one: view::SweptBlobs) -> out::SweptBlobs {
    let view::SweptBlobs { looked_at, orphans, next } = one;
    out::SweptBlobs { looked_at, blobs: orphans.blobs, bytes: orphans.bytes, next }
}

pub(crate) fn moved_blobs(one: view::MovedBlobs) -> out::MovedBlobs {
    let unmoved =
        |one: view::UnmovedBlob| out::UnmovedBlob { digest: one.digest, reason: one.reason };
    out::MovedBlobs {
        blobs: one.moved.blobs,
        bytes: one.moved.bytes,
        unmoved: one.unmoved.into_iter().map(unmoved).collect(),
        next: one.next,
        left_blobs: one.left.blobs,
        left_bytes: one.left.bytes,
    }
}

pub(crate) const fn backend_role_in(role: out::BackendRole) -> Option<view::BackendRole> {
    match role {
        out::BackendRole::Default => Some(view::BackendRole::Default),
        out::BackendRole::Fallback => Some(view::BackendRole::Fallback),
        out::BackendRole::None => None,
    }
}

pub(crate) fn rotation(one: view::Rotation) -> out::Rotation {
    out::Rotation { key: one.key.to_string(), resealed: one.resealed }
}

pub(crate) fn project_version(one: view::ProjectVersion) -> out::ProjectVersion {
    let view::ProjectVersion { project, version, created_at, released_at, attested, open } = one;
    out::ProjectVersion { project, version, created_at, released_at, attested, open }
}

pub(crate) fn project(one: view::Project) -> out::Project {
    out::Project { id: one.id, name: one.name, created_at: one.created_at }
}

pub(crate) fn workflow(one: view::Workflow) -> out::Workflow {
    let view::Workflow {
        id,
        project,
        name,
        contract,
        contract_revision,
        created_at,
        deadline_minutes,
        deleted_at,
    } = one;
    out::Workflow {
        id,
        project,
        name,
        contract,
        contract_revision,
        created_at,
        deadline_minutes,
        deleted_at,
    }
}

pub(crate) fn contract(one: view::ContractRevision) -> out::ContractRevision {
    let view::ContractRevision { name, revision, digest, source, files, created_at, deleted_at } =
        one;
    out::ContractRevision { name, revision, digest, source, files, created_at, deleted_at }
}

pub(crate) fn gate(one: view::GateRevision) -> out::GateRevision {
    let view::GateRevision { id, name, revision, digest, source, files, created_at } = one;
    out::GateRevision { id, name, revision, digest, source, files, created_at }
}

pub(crate) fn key(one: view::Key) -> out::Key {
    let view::Key { id, name, digest, public_key, created_at, revoked_at } = one;
    out::Key { id, name, digest, public_key, created_at, revoked_at }
}

pub(crate) fn token(one: view::Token) -> out::Token {
    let view::Token { id, name, scopes, created_at, expires_at, revoked_at, last_used_at, grants } =
        one;
    let scopes = scopes.into_iter().map(scope).collect();
    out::Token { id, name, scopes, created_at, expires_at, revoked_at, last_used_at, grants }
}

pub(crate) fn new_token(one: view::NewToken) -> out::NewToken {
    out::NewToken { token: token(one.token), secret: one.secret }
}

pub(crate) fn run(one: view::Run) -> out::Run {
    out::Run {
        id: one.id,
        project: one.project,
        workflow: one.workflow,
        contract: one.contract,
        contract_revision: one.contract_revision,
        state: run_state(one.state),
        created_at: one.created_at,
        expires_at: one.expires_at,
        closed_at: one.closed_at,
        reason: one.reason,
        rerun_of: one.rerun_of,
        version: one.version,
        attestation: one.attestation,
        verdict: one.verdict,
        job: one.job.map(job),
    }
}

fn job(one: view::Job) -> out::Job {
    let view::Job { rule, kind, issuer, subject, claims, admitted_at } = one;
    out::Job { rule, kind: kind.name().to_owned(), issuer, subject, claims, admitted_at }
}

const fn run_state(state: view::RunState) -> out::RunState {
    match state {
        view::RunState::Open => out::RunState::Open,
        view::RunState::Closed => out::RunState::Closed,
        view::RunState::Cancelled => out::RunState::Cancelled,
        view::RunState::Failed => out::RunState::Failed,
        view::RunState::Expired => out::RunState::Expired,
    }
}

pub(crate) const fn run_state_in(state: out::RunState) -> view::RunState {
    match state {
        out::RunState::Open => view::RunState::Open,
        out::RunState::Closed => view::RunState::Closed,
        out::RunState::Cancelled => view::RunState::Cancelled,
        out::RunState::Failed => view::RunState::Failed,
        out::RunState::Expired => view::RunState::Expired,
    }
}

pub(crate) fn opened(one: view::OpenedRun) -> out::OpenedRun {
    out::OpenedRun {
        id: one.id,
        organization: one.organization,
        project: one.project,
        workflow: one.workflow,
        contract: contract(one.contract),
        expires_at: Some(one.expires_at),
        rerun_of: one.rerun_of,
        version: one.version,
        waivers: one.waivers,
    }
}

pub(crate) fn audit_event(one: engine::audit::Entry) -> out::AuditEvent {
    let engine::audit::Entry { digest, event } = one;
    out::AuditEvent {
        position: event.position,
        digest,
        previous: event.previous,
        organization: event.organization,
        id: event.id,
        at: event.at,
        seq: event.seq,
        actor: event.actor,
        action: event.action,
        target: event.target,
        before: event.before,
        after: event.after,
        detail: event.detail,
    }
}

pub(crate) fn audit_head(head: Option<engine::audit::Head>) -> out::AuditHead {
    out::AuditHead {
        position: head.map_or(0, |head| head.position),
        digest: head.map(|head| head.digest),
    }
}

fn subject(one: view::Subject) -> out::Subject {
    out::Subject { name: one.name, algorithm: one.algorithm, value: one.value }
}

pub(crate) fn attestation(one: view::Attestation) -> out::Attestation {
    out::Attestation {
        digest: one.digest,
        run: one.run,
        project: one.project,
        workflow: one.workflow,
        contract: one.contract,
        contract_revision: one.contract_revision,
        verdict: one.verdict,
        claimed_verdict: one.claimed_verdict,
        verdict_digest: one.verdict_digest,
        key_digest: one.key_digest,
        size: one.size,
        received_at: one.received_at,
        seq: one.seq,
        subjects: one.subjects.into_iter().map(subject).collect(),
        materials: one.materials,
        evaluations: one.evaluations,
    }
}

pub(crate) fn receipt(one: view::Receipt) -> out::Receipt {
    let view::Receipt { attestation: stored, new, reasons, waivers } = one;
    out::Receipt { attestation: attestation(stored), new, reasons, waivers }
}

pub(crate) fn waiver(one: view::Waiver) -> out::Waiver {
    out::Waiver {
        waiver: one.waiver,
        revision: one.revision,
        digest: one.digest,
        state: waiver_state(one.state),
        requested_by: one.requested_by,
        requested_at: one.requested_at,
        seq: one.seq,
        decided: one.decided.map(waiver_decided),
        revoked: one.revoked.map(waiver_decided),
        uses: one.uses,
        last_used_at: one.last_used_at,
    }
}

fn waiver_decided(one: view::WaiverDecided) -> out::WaiverDecided {
    let view::WaiverDecided { by, at, seq, reason, statement, key_digest } = one;
    out::WaiverDecided { by, at, seq, reason, statement, key_digest }
}

fn waiver_state(state: view::WaiverState) -> out::WaiverState {
    match state {
        view::WaiverState::Pending => out::WaiverState::Pending,
        view::WaiverState::Scheduled => out::WaiverState::Scheduled,
        view::WaiverState::InForce => out::WaiverState::InForce,
        view::WaiverState::Unused => out::WaiverState::Unused,
        view::WaiverState::Expired => out::WaiverState::Expired,
        view::WaiverState::Rejected => out::WaiverState::Rejected,
        view::WaiverState::Revoked => out::WaiverState::Revoked,
        view::WaiverState::Superseded => out::WaiverState::Superseded,
    }
}

pub(crate) fn waiver_state_in(state: out::WaiverState) -> view::WaiverState {
    match state {
        out::WaiverState::Pending => view::WaiverState::Pending,
        out::WaiverState::Scheduled => view::WaiverState::Scheduled,
        out::WaiverState::InForce => view::WaiverState::InForce,
        out::WaiverState::Unused => view::WaiverState::Unused,
        out::WaiverState::Expired => view::WaiverState::Expired,
        out::WaiverState::Rejected => view::WaiverState::Rejected,
        out::WaiverState::Revoked => view::WaiverState::Revoked,
        out::WaiverState::Superseded => view::WaiverState::Superseded,
    }
}

/// A list that has no pages.
pub(crate) fn list<T, U>(items: Vec<T>, convert: impl Fn(T) -> U) -> out::Page<U> {
    out::Page { items: items.into_iter().map(convert).collect(), next: None }
}

/// One page of a list.
pub(crate) fn page<T, U>(page: view::Page<T>, convert: impl Fn(T) -> U) -> out::Page<U> {
    out::Page { items: page.items.into_iter().map(convert).collect(), next: page.next }
}
