//! Workflows of a project.

use engine::id::WorkflowId;
use engine::{Name, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::form;

/// Makes a workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateWorkflow {
    /// The project.
    #[schema(value_type = form::Name)]
    pub project: Name,
    /// Its name.
    #[schema(value_type = form::Name)]
    pub name: Name,
    /// The contract that its runs must meet.
    #[schema(value_type = form::Name)]
    pub contract: Name,
    /// The revision of it that they must meet; when absent the latest, whichever that is when a run is opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub contract_revision: Option<u32>,
    /// How long its runs wait for their attestation, in minutes; a day when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 43200)]
    pub deadline_minutes: Option<u32>,
}

/// Changes what the next runs of a workflow must meet; what is absent stays. Runs that are open are not touched.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateWorkflow {
    /// The contract. Named without a revision, the latest is followed from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<form::Name>)]
    pub contract: Option<Name>,
    /// The revision of it to stay at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub contract_revision: Option<u32>,
    /// How long runs wait for their attestation, in minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 43200)]
    pub deadline_minutes: Option<u32>,
}

/// A workflow of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Workflow {
    /// Its identifier.
    #[schema(value_type = String, format = "uuid")]
    pub id: WorkflowId,
    /// The project.
    #[schema(value_type = form::Name)]
    pub project: Name,
    /// Its name.
    #[schema(value_type = form::Name)]
    pub name: Name,
    /// The contract that its runs must meet.
    #[schema(value_type = form::Name)]
    pub contract: Name,
    /// The revision of it that they must meet; absent when it is the latest, whichever that is when a run is opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub contract_revision: Option<u32>,
    /// When it was made.
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
    /// How long its runs wait for their attestation, in minutes.
    pub deadline_minutes: u32,
    /// When it was deleted; it can be restored.
    #[schema(value_type = Option<String>, format = "date-time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
}
