//! How an organization stands.

use std::collections::BTreeMap;

use engine::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How an organization stands, in figures of its newest runs and attestations: those of 30 days, at most 1,000 of each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Readiness {
    /// When that was.
    #[schema(value_type = String, format = "date-time")]
    pub at: Timestamp,
    /// From when on runs and attestations count.
    #[schema(value_type = String, format = "date-time")]
    pub since: Timestamp,
    /// How many runs are in each state: `open`, `closed` (attested), `cancelled`, `failed`, `expired`.
    pub runs: BTreeMap<String, u64>,
    /// How many attestations were received with each verdict: `passed`, `failed`, `indeterminate`.
    pub verdicts: BTreeMap<String, u64>,
    /// How many workflows there are.
    pub workflows: u64,
    /// How many of them were attested.
    pub workflows_attested: u64,
    /// How old the newest attestation of each of those is; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence_age: Option<Spread>,
    /// How long it took from the opening of a run to the receipt of its attestation; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_to_attest: Option<Spread>,
}

/// How long something takes, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Spread {
    /// Half of them are no longer.
    pub median_ms: u64,
    /// Nine of ten are no longer.
    pub ninetieth_ms: u64,
    /// None is longer.
    pub longest_ms: u64,
}
