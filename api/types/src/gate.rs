//! Gates and their decisions.

use std::collections::BTreeMap;

use engine::gate::Decision;
use engine::id::GateId;
use engine::{Digest, Name, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::form;

/// One immutable revision of a gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GateRevision {
    /// The gate's identifier.
    #[schema(value_type = String, format = "uuid")]
    pub id: GateId,
    /// The gate.
    #[schema(value_type = form::Name)]
    pub name: Name,
    /// The revision, from 1.
    pub revision: u32,
    /// The digest of its policy and arguments.
    #[schema(value_type = form::Digest)]
    pub digest: Digest,
    /// The document as it was written.
    pub source: String,
    /// The files that it names beside itself.
    pub files: BTreeMap<String, String>,
    /// When it was made.
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
}

/// Asks a gate about artifacts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Decide {
    /// The artifacts, at most 500.
    #[schema(value_type = Vec<form::Digest>, min_items = 1, max_items = 500)]
    pub digests: Vec<Digest>,
    /// The log sequence number to look back from; now when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<u64>,
}

/// What a gate answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Decisions {
    /// One decision per digest, in the order of the question, all as of one log sequence number.
    #[schema(value_type = Vec<Object>)]
    pub decisions: Vec<Decision>,
}
