//! Workflows of a project.

use engine::id::WorkflowId;
use engine::{Name, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Makes a workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateWorkflow {
    /// The project.
    #[schema(value_type = String)]
    pub project: Name,
    /// Its name.
    #[schema(value_type = String)]
    pub name: Name,
    /// The contract that its runs must meet.
    #[schema(value_type = String)]
    pub contract: Name,
    /// How long its runs wait for their attestation, in minutes; a day when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_minutes: Option<u32>,
}

/// A workflow of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Workflow {
    /// Its identifier.
    #[schema(value_type = String, format = "uuid")]
    pub id: WorkflowId,
    /// The project.
    #[schema(value_type = String)]
    pub project: Name,
    /// Its name.
    #[schema(value_type = String)]
    pub name: Name,
    /// The contract that its runs must meet.
    #[schema(value_type = String)]
    pub contract: Name,
    /// When it was made.
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
    /// How long its runs wait for their attestation, in minutes.
    pub deadline_minutes: u32,
}
