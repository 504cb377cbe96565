//! Runs and their attestations.

use api_types::{
    BUNDLE_MEDIA_TYPE, CancelRun, FailRun, OpenRun, OpenedRun, Page, Receipt, Run, RunState,
};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::StatusCode;
use engine::id::RunId;
use engine::run::WorkflowPath;
use serde::Deserialize;

use crate::error::Failure;
use crate::extract::{self, Caller, Path, Query};
use crate::{App, convert};

/// How many entries a page has when it is not said.
pub(crate) const PAGE: usize = 50;

/// Which runs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    workflow: Option<String>,
    state: Option<RunState>,
    after: Option<String>,
    limit: Option<usize>,
}

pub(crate) async fn open(
    Caller { control, actor }: Caller,
    extract::Json(body): extract::Json<OpenRun>,
) -> Result<(StatusCode, Json<OpenedRun>), Failure> {
    let workflow = path(&body.workflow)?;
    let run = control.open_run_of(&actor, &workflow, body.version).await?;
    Ok((StatusCode::CREATED, Json(convert::opened(run))))
}

pub(crate) async fn list(
    Caller { control, actor }: Caller,
    Query(which): Query<Which>,
) -> Result<Json<Page<Run>>, Failure> {
    let workflow = which.workflow.as_deref().map(path).transpose()?;
    let limit = which.limit.unwrap_or(PAGE);
    let state = which.state.map(convert::run_state_in);
    let page =
        control.runs(&actor, workflow.as_ref(), state, which.after.as_deref(), limit).await?;
    Ok(Json(convert::page(page, convert::run)))
}

pub(crate) async fn show(
    Caller { control, actor }: Caller,
    Path(id): Path<RunId>,
) -> Result<Json<Run>, Failure> {
    Ok(Json(convert::run(control.run(&actor, id).await?)))
}

pub(crate) async fn cancel(
    Caller { control, actor }: Caller,
    Path(id): Path<RunId>,
    extract::Json(body): extract::Json<CancelRun>,
) -> Result<Json<Run>, Failure> {
    Ok(Json(convert::run(control.cancel_run(&actor, id, body.reason).await?)))
}

pub(crate) async fn fail(
    Caller { control, actor }: Caller,
    Path(id): Path<RunId>,
    extract::Json(body): extract::Json<FailRun>,
) -> Result<Json<Run>, Failure> {
    Ok(Json(convert::run(control.fail_run(&actor, id, body.reason).await?)))
}

pub(crate) async fn rerun(
    Caller { control, actor }: Caller,
    Path(id): Path<RunId>,
) -> Result<(StatusCode, Json<OpenedRun>), Failure> {
    Ok((StatusCode::CREATED, Json(convert::opened(control.rerun(&actor, id).await?))))
}

pub(crate) async fn attest(
    Caller { control, actor }: Caller,
    State(app): State<App>,
    Path(id): Path<RunId>,
    request: Request,
) -> Result<(StatusCode, Json<Receipt>), Failure> {
    let bundle = bundle(request, &app).await?;
    let receipt = control.receive(&actor, id, bundle).await?;
    let status = if receipt.new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(convert::receipt(receipt))))
}

/// The bundle that is the body of a request.
pub(crate) async fn bundle(request: Request, app: &App) -> Result<Vec<u8>, Failure> {
    if !extract::has_media_type(request.headers(), &[BUNDLE_MEDIA_TYPE, "application/json"]) {
        return Err(Failure::new(
            "unsupported-media-type",
            format!("send `Content-Type: {BUNDLE_MEDIA_TYPE}`"),
        ));
    }
    Ok(Bytes::from_request(request, app).await?.to_vec())
}

/// The workflow that a text names.
pub(crate) fn path(text: &str) -> Result<WorkflowPath, Failure> {
    text.parse().map_err(|error: engine::run::ParseWorkflowPathError| {
        Failure::new("invalid", error.to_string())
    })
}
