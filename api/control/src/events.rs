//! What happens in an organization, as others are told of it: written in the transaction of what happened.

use engine::Timestamp;
use engine::id::OrganizationId;
use serde_json::Value;

use crate::fresh;
use crate::store::OutboxEvent;

/// The name of every event.
pub const EVENTS: [&str; 14] = [
    ATTESTATION_RECEIVED,
    "contract.revised",
    "gate.revised",
    "run.cancelled",
    "run.expired",
    "run.failed",
    "verdict.failed",
    "verdict.indeterminate",
    "verdict.passed",
    "version.released",
    "waiver.approved",
    "waiver.rejected",
    "waiver.requested",
    "waiver.revoked",
];
/// An attestation was verified, judged and stored.
pub(crate) const ATTESTATION_RECEIVED: &str = "attestation.received";
/// What a test sends; nobody has to ask for it.
pub(crate) const TEST: &str = "integration.test";

/// What an event of that name is called outside is this, its name, and [`VERSION`].
const PREFIX: &str = "dev.muster.";
const VERSION: &str = ".v1";

/// An event of that name that has to be handed on.
pub(crate) fn event(
    org: OrganizationId,
    name: &str,
    created_at: Timestamp,
    payload: Value,
) -> OutboxEvent {
    let kind = format!("{PREFIX}{name}{VERSION}");
    OutboxEvent { id: fresh(), org, kind, payload, created_at, delivered_at: None }
}

/// The name of events of that type.
pub(crate) fn name(kind: &str) -> &str {
    let name = kind.strip_prefix(PREFIX).unwrap_or(kind);
    name.strip_suffix(VERSION).unwrap_or(name)
}

/// What follows from an event: a receipt is a verdict too. Made when the event is handed on, and only if somebody wants
/// it, so that a receipt writes one row.
pub(crate) fn following(event: &OutboxEvent) -> Option<OutboxEvent> {
    if name(&event.kind) != ATTESTATION_RECEIVED {
        return None;
    }
    let verdict = event.payload.get("verdict").and_then(Value::as_str)?;
    let mut payload = event.payload.clone();
    if let Some(members) = payload.as_object_mut() {
        members.remove("claimed_verdict");
    }
    let name = format!("verdict.{verdict}");
    Some(self::event(event.org, &name, event.created_at, payload))
}

/// Whether an event of that name is one that `patterns` name: one that ends in `*` names all that begin so.
pub(crate) fn wanted(patterns: &[String], name: &str) -> bool {
    name == TEST
        || patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => pattern == name,
        })
}
