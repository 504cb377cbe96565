//! Audit events.

use async_graphql::{ID, InputObject, Object};
use engine::audit::Entry;

use crate::scalar::{Digest, Timestamp, UInt64};

/// Which audit events. A text that ends in `*` matches what begins so.
#[derive(Debug, Default, InputObject)]
pub(crate) struct AuditFilter {
    /// By whom.
    actor: Option<String>,
    /// What.
    action: Option<String>,
    /// To what.
    target: Option<String>,
    /// At or after this time.
    since: Option<Timestamp>,
    /// Before this time.
    until: Option<Timestamp>,
}

impl From<AuditFilter> for control::AuditFilter {
    fn from(filter: AuditFilter) -> Self {
        Self {
            actor: filter.actor,
            action: filter.action,
            target: filter.target,
            since: filter.since.map(|at| at.0),
            until: filter.until.map(|at| at.0),
        }
    }
}

/// Who did, or tried to do, what to what.
#[derive(Debug)]
pub(crate) struct AuditEvent(pub(crate) Entry);

/// Who did, or tried to do, what to what.
#[Object]
impl AuditEvent {
    /// Its identifier.
    async fn id(&self) -> ID {
        ID(self.0.event.id.to_string())
    }

    /// Its place in the chain, from 1.
    async fn position(&self) -> UInt64 {
        UInt64(self.0.event.position)
    }

    /// The digest of its canonical form, which includes `previous`.
    async fn digest(&self) -> Digest {
        Digest(self.0.digest)
    }

    /// The digest of the event before; null for the first.
    async fn previous(&self) -> Option<Digest> {
        self.0.event.previous.map(Digest)
    }

    /// When.
    async fn at(&self) -> Timestamp {
        Timestamp(self.0.event.at)
    }

    /// The log sequence number under which it was stored.
    async fn seq(&self) -> UInt64 {
        UInt64(self.0.event.seq)
    }

    /// Who: a token, a person, or a part of the server.
    async fn actor(&self) -> &str {
        &self.0.event.actor
    }

    /// What, such as `contract.revise`.
    async fn action(&self) -> &str {
        &self.0.event.action
    }

    /// To what.
    async fn target(&self) -> &str {
        &self.0.event.target
    }

    /// What was there before, as a JSON text; null for what is new.
    async fn before(&self) -> Option<String> {
        self.0.event.before.as_ref().map(ToString::to_string)
    }

    /// What is there since, as a JSON text; null for what is gone, and for an attempt that was denied.
    async fn after(&self) -> Option<String> {
        self.0.event.after.as_ref().map(ToString::to_string)
    }

    /// Anything else worth keeping, as a JSON text, such as why an attempt was denied.
    async fn detail(&self) -> Option<String> {
        self.0.event.detail.as_ref().map(ToString::to_string)
    }
}
