//! Workflows.

use async_graphql::{ID, Object};

use crate::scalar::Timestamp;

/// A workflow of a project.
#[derive(Debug)]
pub(crate) struct Workflow(pub(crate) control::Workflow);

/// A workflow of a project.
#[Object]
impl Workflow {
    /// Its identifier.
    async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// The project.
    async fn project(&self) -> &str {
        self.0.project.as_str()
    }

    /// Its name.
    async fn name(&self) -> &str {
        self.0.name.as_str()
    }

    /// The contract that its runs must meet.
    async fn contract(&self) -> &str {
        self.0.contract.as_str()
    }

    /// The revision of it that they must meet; null when it is the latest, whichever that is when a run is opened.
    async fn contract_revision(&self) -> Option<u32> {
        self.0.contract_revision
    }

    /// When it was made.
    async fn created_at(&self) -> Timestamp {
        Timestamp(self.0.created_at)
    }

    /// How long its runs wait for their attestation, in minutes.
    async fn deadline_minutes(&self) -> u32 {
        self.0.deadline_minutes
    }
}
