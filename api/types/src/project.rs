//! Projects of an organization.

use engine::id::ProjectId;
use engine::{Name, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::form;

/// Makes a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateProject {
    /// Its name.
    #[schema(value_type = form::Name)]
    pub name: Name,
}

/// A project of an organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Project {
    /// Its identifier.
    #[schema(value_type = String, format = "uuid")]
    pub id: ProjectId,
    /// Its name.
    #[schema(value_type = form::Name)]
    pub name: Name,
    /// When it was made.
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
}

/// A version of a project, since its first run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProjectVersion {
    /// The project.
    #[schema(value_type = form::Name)]
    pub project: Name,
    /// The version.
    pub version: String,
    /// When the first run of it was opened.
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
    /// When it was released: it takes no more runs since.
    #[schema(value_type = Option<String>, format = "date-time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released_at: Option<Timestamp>,
    /// How many of its runs have an attestation.
    pub attested: u64,
    /// How many of its runs are open.
    pub open: u64,
}
