//! Projects of an organization.

use engine::id::ProjectId;
use engine::{Name, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Makes a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateProject {
    /// Its name.
    #[schema(value_type = String)]
    pub name: Name,
}

/// A project of an organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Project {
    /// Its identifier.
    #[schema(value_type = String, format = "uuid")]
    pub id: ProjectId,
    /// Its name.
    #[schema(value_type = String)]
    pub name: Name,
    /// When it was made.
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
}
