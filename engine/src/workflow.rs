//! Workflows as documents: what runs, and the contract that its runs must meet.

use serde::Deserialize;

use crate::document::{Document, InvalidDocument, Metadata};
use crate::run::WorkflowPath;
use crate::{Name, schema};

/// A workflow as its author wrote it, checked against its schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workflow {
    /// The project, and its name there.
    pub path: WorkflowPath,
    /// The contract that its runs must meet.
    pub contract: Name,
    /// The revision to stay at; the latest is followed when none.
    pub contract_revision: Option<u32>,
    /// How long its runs wait for their attestation, in minutes.
    pub deadline_minutes: Option<u32>,
}

#[derive(Deserialize)]
struct WorkflowDocument {
    metadata: Metadata,
    spec: Spec,
}

#[derive(Deserialize)]
struct Spec {
    project: Name,
    contract: Name,
    contract_revision: Option<u32>,
    deadline_minutes: Option<u32>,
}

impl Workflow {
    /// Reads a `kind: Workflow` document and says everything that is wrong with it.
    pub fn parse(document: &Document) -> Result<Self, InvalidDocument> {
        schema::check(&schema::WORKFLOW_FORM, document)?;
        let WorkflowDocument { metadata, spec } = serde_json::from_value(document.value().clone())
            .map_err(|error| document.diagnostic("", error.to_string()))?;
        let Spec { project, contract, contract_revision, deadline_minutes } = spec;
        let path = WorkflowPath { project, workflow: metadata.name };
        Ok(Self { path, contract, contract_revision, deadline_minutes })
    }
}
