//! What auditors are told of a change.

use engine::id::OrganizationId;
use serde_json::Value;

use crate::actor::Actor;
use crate::store::AuditEvent;
use crate::{fresh, now};

/// An event about something that `actor` did to `target`.
pub(crate) fn event(
    actor: &Actor,
    org: Option<OrganizationId>,
    action: &str,
    target: impl std::fmt::Display,
    detail: Value,
) -> AuditEvent {
    AuditEvent {
        id: fresh(),
        org,
        actor: actor.label(),
        action: action.to_owned(),
        target: target.to_string(),
        detail,
        created_at: now(),
    }
}
