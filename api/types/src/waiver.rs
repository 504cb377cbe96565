//! Waivers: named violations that somebody accepts, for a reason, until a date.

use engine::waiver::Party;
use engine::{Digest, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::form;

/// Asks for a waiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestWaiver {
    /// The `kind: Waiver` document, YAML or JSON.
    pub source: String,
}

/// Rejects or revokes a waiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndWaiver {
    /// Which revision; the latest that it can be done to when absent.
    #[schema(minimum = 1)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u32>,
    /// Why.
    #[schema(min_length = 1, max_length = 1000, pattern = "\\S")]
    pub reason: String,
}

/// What a revision of a waiver is, now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WaiverState {
    /// It waits for someone to decide.
    Pending,
    /// It was approved, and starts later.
    Scheduled,
    /// It holds, and accepted something.
    InForce,
    /// It holds, and matched nothing yet.
    Unused,
    /// It ended, decided or not.
    Expired,
    /// It was rejected.
    Rejected,
    /// It was approved, and taken back.
    Revoked,
    /// A later revision took its place.
    Superseded,
}

/// One revision of a waiver, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Waiver {
    /// What is accepted, where, why and until when.
    #[schema(value_type = Object)]
    pub waiver: engine::Waiver,
    /// The revision, from 1.
    pub revision: u32,
    /// The digest of its canonical form: what verdict records name.
    #[schema(value_type = form::Digest)]
    pub digest: Digest,
    /// What it is now.
    pub state: WaiverState,
    /// The token that asked for it.
    #[schema(value_type = Object)]
    pub requested_by: Party,
    /// When.
    #[schema(value_type = String, format = "date-time")]
    pub requested_at: Timestamp,
    /// The log sequence number of the request.
    pub seq: u64,
    /// Its approval or rejection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<WaiverDecided>,
    /// Its revocation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<WaiverDecided>,
    /// How many attestations it was used for.
    pub uses: u64,
    /// When it was last used.
    #[schema(value_type = Option<String>, format = "date-time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Timestamp>,
}

/// Who decided about a waiver, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WaiverDecided {
    /// The token that decided.
    #[schema(value_type = Object)]
    pub by: Party,
    /// When.
    #[schema(value_type = String, format = "date-time")]
    pub at: Timestamp,
    /// The log sequence number from which it holds.
    pub seq: u64,
    /// Why, of a rejection or revocation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The digest of the signed statement's bundle, of an approval; fetch it as a blob.
    #[schema(value_type = Option<form::Digest>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<Digest>,
    /// The digest of the key that signed it.
    #[schema(value_type = Option<form::Digest>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_digest: Option<Digest>,
}
