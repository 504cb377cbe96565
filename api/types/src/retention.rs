//! How long an organization keeps its evidence.

use engine::{Digest, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::form;

/// Which evidence is kept. Attestations, verdicts and the log are kept for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetentionRule {
    /// For how many days after it was handed in, or was used in an attestation.
    #[schema(minimum = 1, maximum = 36500)]
    pub keep_days: u32,
    /// Whether what a released version was attested with is kept for good.
    #[serde(default = "yes")]
    pub keep_released: bool,
}

/// Asks what a rule would remove, some of the blobs in each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewRetention {
    /// For how many days the rule would keep evidence.
    #[schema(minimum = 1, maximum = 36500)]
    pub keep_days: u32,
    /// Whether it would keep what a released version was attested with for good.
    #[serde(default = "yes")]
    pub keep_released: bool,
    /// The `next` of the answer before; absent to begin.
    #[schema(value_type = Option<form::Digest>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Digest>,
}

const fn yes() -> bool {
    true
}

/// The rule of an organization, and what it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Retention {
    /// The rule; absent while everything is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<RetentionRule>,
    /// When it was set.
    #[schema(value_type = Option<String>, format = "date-time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_at: Option<Timestamp>,
    /// When all blobs had been held against it last.
    #[schema(value_type = Option<String>, format = "date-time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swept_at: Option<Timestamp>,
    /// How many blobs are removed within a day unless somebody uses them again.
    pub expiring_blobs: u64,
    /// Their bytes.
    pub expiring_bytes: u64,
}

/// What a rule would remove, of the blobs that one request looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RetentionPreview {
    /// How many blobs.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Where the next request has to go on; absent when all were looked at.
    #[schema(value_type = Option<form::Digest>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Digest>,
}
