//! Workflows.

use api_types::{CreateWorkflow, Page, UpdateWorkflow, Workflow};
use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use control::{Terms, WorkflowUpdate};
use engine::Name;
use engine::run::WorkflowPath;

use crate::error::Failure;
use crate::extract::{self, Caller, Deleted};
use crate::{conditional, convert};

pub(crate) async fn create(
    Caller { control, actor }: Caller,
    extract::Json(body): extract::Json<CreateWorkflow>,
) -> Result<(StatusCode, Json<Workflow>), Failure> {
    let path = WorkflowPath { project: body.project, workflow: body.name };
    let CreateWorkflow { contract, contract_revision, deadline_minutes, .. } = body;
    let terms = Terms { contract, contract_revision, deadline_minutes };
    let workflow = control.create_workflow(&actor, path, terms).await?;
    Ok((StatusCode::CREATED, Json(convert::workflow(workflow))))
}

pub(crate) async fn show(
    Caller { control, actor }: Caller,
    extract::Path((project, workflow)): extract::Path<(Name, Name)>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let path = WorkflowPath { project, workflow };
    Ok(tagged(&headers, control.workflow(&actor, &path).await?))
}

fn tagged(headers: &HeaderMap, workflow: control::Workflow) -> Response {
    let tag = workflow.tag();
    conditional::answer(headers, &tag, Json(convert::workflow(workflow)))
}

pub(crate) async fn update(
    Caller { control, actor }: Caller,
    extract::Path((project, workflow)): extract::Path<(Name, Name)>,
    headers: HeaderMap,
    extract::Json(body): extract::Json<UpdateWorkflow>,
) -> Result<Response, Failure> {
    let path = WorkflowPath { project, workflow };
    let UpdateWorkflow { contract, contract_revision, deadline_minutes } = body;
    let update = WorkflowUpdate { contract, contract_revision, deadline_minutes };
    let over = conditional::over(&headers)?;
    let updated = control.update_workflow_over(&actor, path, update, over).await?;
    Ok(tagged(&HeaderMap::new(), updated))
}

pub(crate) async fn remove(
    Caller { control, actor }: Caller,
    extract::Path((project, workflow)): extract::Path<(Name, Name)>,
) -> Result<StatusCode, Failure> {
    control.delete_workflow(&actor, WorkflowPath { project, workflow }).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn restore(
    Caller { control, actor }: Caller,
    extract::Path((project, workflow)): extract::Path<(Name, Name)>,
) -> Result<Json<Workflow>, Failure> {
    let path = WorkflowPath { project, workflow };
    Ok(Json(convert::workflow(control.restore_workflow(&actor, path).await?)))
}

pub(crate) async fn list(
    Caller { control, actor }: Caller,
    extract::Query(Deleted { deleted }): extract::Query<Deleted>,
) -> Result<Json<Page<Workflow>>, Failure> {
    Ok(Json(convert::list(control.workflows(&actor, deleted).await?, convert::workflow)))
}
