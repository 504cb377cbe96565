//! Workflows.

use api_types::{CreateWorkflow, Page, Workflow};
use axum::Json;
use axum::http::StatusCode;
use engine::run::WorkflowPath;

use crate::convert;
use crate::error::Failure;
use crate::extract::{self, Caller};

pub(crate) async fn create(
    Caller { control, actor }: Caller,
    extract::Json(body): extract::Json<CreateWorkflow>,
) -> Result<(StatusCode, Json<Workflow>), Failure> {
    let path = WorkflowPath { project: body.project, workflow: body.name };
    let workflow =
        control.create_workflow(&actor, path, body.contract, body.deadline_minutes).await?;
    Ok((StatusCode::CREATED, Json(convert::workflow(workflow))))
}

pub(crate) async fn list(
    Caller { control, actor }: Caller,
) -> Result<Json<Page<Workflow>>, Failure> {
    Ok(Json(convert::list(control.workflows(&actor).await?, convert::workflow)))
}
