//! The audit trail.

use engine::id::OrganizationId;
use engine::{Digest, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::form;

/// Who did, or tried to do, what to what. The digest is that of the canonical form (RFC 8785) of everything else here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditEvent {
    /// Its place in the chain, from 1.
    pub position: u64,
    /// Its digest.
    #[schema(value_type = form::Digest)]
    pub digest: Digest,
    /// The digest of the event before; absent for the first.
    #[schema(value_type = Option<form::Digest>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Digest>,
    /// Whose chain it is in; absent for that of the installation.
    #[schema(value_type = Option<String>, format = "uuid")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<OrganizationId>,
    /// Its identifier.
    #[schema(value_type = String, format = "uuid")]
    pub id: Uuid,
    /// When.
    #[schema(value_type = String, format = "date-time")]
    pub at: Timestamp,
    /// The log sequence number under which it was stored.
    pub seq: u64,
    /// Who: a token, a person, or a part of the server.
    pub actor: String,
    /// What, such as `contract.revise`.
    pub action: String,
    /// To what.
    pub target: String,
    /// What was there before; absent for what is new.
    #[schema(value_type = Option<Object>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What is there since; absent for what is gone, and for an attempt that was denied.
    #[schema(value_type = Option<Object>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// Anything else worth keeping, such as why an attempt was denied.
    #[schema(value_type = Option<Object>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Value>,
}

/// The end of a chain of audit events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditHead {
    /// The position of the last event; 0 when there is none.
    pub position: u64,
    /// Its digest.
    #[schema(value_type = Option<form::Digest>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}
