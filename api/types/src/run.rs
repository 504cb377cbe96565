//! Runs: single executions of a workflow.

use engine::id::RunId;
use engine::{Digest, Material, Name, Timestamp, Verdict};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{ContractRevision, Job, form};

/// Opens a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenRun {
    /// The workflow, `project/workflow`.
    #[schema(value_type = form::WorkflowPath)]
    pub workflow: String,
    /// The version of the project that it builds.
    #[schema(value_type = Option<form::Version>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// Gives a run up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelRun {
    /// Why.
    #[schema(min_length = 1, max_length = 1000, pattern = "\\S")]
    pub reason: String,
}

/// Says that the job of a run broke.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FailRun {
    /// Why.
    #[schema(min_length = 1, max_length = 1000, pattern = "\\S")]
    pub reason: String,
}

/// What a run is waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// Its attestation.
    Open,
    /// Nothing: its attestation was received and judged.
    Closed,
    /// Nothing: the job gave it up.
    Cancelled,
    /// Nothing: the job broke.
    Failed,
    /// Nothing: it waited too long.
    Expired,
}

/// One execution of a workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Run {
    /// Its identifier.
    #[schema(value_type = String, format = "uuid")]
    pub id: RunId,
    /// The project.
    #[schema(value_type = form::Name)]
    pub project: Name,
    /// The workflow.
    #[schema(value_type = form::Name)]
    pub workflow: Name,
    /// The contract.
    #[schema(value_type = form::Name)]
    pub contract: Name,
    /// The revision that it must meet.
    pub contract_revision: u32,
    /// What it is waiting for.
    pub state: RunState,
    /// When it was opened.
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
    /// When it stops waiting, at the latest.
    #[schema(value_type = Option<String>, format = "date-time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When it stopped waiting.
    #[schema(value_type = Option<String>, format = "date-time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
    /// Why it will get no attestation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The run that it repeats.
    #[schema(value_type = Option<String>, format = "uuid")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rerun_of: Option<RunId>,
    /// The version of the project that it builds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The digest of its attestation, once received.
    #[schema(value_type = Option<form::Digest>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attestation: Option<Digest>,
    /// What the server judged: `passed`, `failed` or `indeterminate`.
    #[schema(value_type = Option<String>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// The CI job that opened it, when it was let in by a trust rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<Job>,
}

/// A run that was just opened, with everything that a job needs to craft its attestation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OpenedRun {
    /// Its identifier.
    #[schema(value_type = String, format = "uuid")]
    pub id: RunId,
    /// The organization, as statements name it.
    #[schema(value_type = form::Name)]
    pub organization: Name,
    /// The project.
    #[schema(value_type = form::Name)]
    pub project: Name,
    /// The workflow.
    #[schema(value_type = form::Name)]
    pub workflow: Name,
    /// The contract revision that it must meet.
    pub contract: ContractRevision,
    /// When it stops waiting for its attestation.
    #[schema(value_type = Option<String>, format = "date-time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The run that it repeats.
    #[schema(value_type = Option<String>, format = "uuid")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rerun_of: Option<RunId>,
    /// The version of the project that it builds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The waivers in force that may reach it, for the job's own check.
    #[schema(value_type = Vec<Object>)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waivers: Vec<engine::Waiver>,
}

/// What a job has crafted so far for a run, so that another job goes on with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Crafted {
    /// When the first job began.
    #[schema(value_type = String, format = "date-time")]
    pub started_at: Timestamp,
    /// The evidence so far.
    #[schema(max_items = 1000)]
    pub materials: Vec<Added>,
}

/// A material that was added, and what it was read from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Added {
    /// The material, as statements name it.
    #[schema(value_type = Object)]
    pub material: Material,
    /// The file, an image reference or a layout, as it was named; absolute when it is a path.
    pub path: String,
}

/// An open run, and what was crafted for it so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Crafting {
    /// The run, with the contract that it must meet.
    pub run: OpenedRun,
    /// What was crafted; absent where no job keeps it here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crafted: Option<Crafted>,
}
