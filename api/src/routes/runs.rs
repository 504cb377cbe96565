//! Runs and their attestations.

use api_types::{
    BUNDLE_MEDIA_TYPE, CancelRun, Crafted, Crafting, FailRun, OpenRun, OpenedRun, Page, Receipt,
    Run, RunState,
};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::header::ETAG;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use control::CRAFTED_BYTES_MAX;
use engine::Digest;
use engine::id::RunId;
use engine::run::WorkflowPath;
use serde::Deserialize;

use crate::error::Failure;
use crate::extract::{self, Caller, Path, Query};
use crate::{App, conditional, convert};

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

pub(crate) async fn crafting(
    Caller { control, actor }: Caller,
    Path(id): Path<RunId>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let (run, crafted) = control.crafting(&actor, id).await?;
    let tag = crafted.as_ref().map(|crafted| crafted.digest.to_string());
    let crafted = crafted.map(|crafted| serde_json::from_slice(&crafted.state)).transpose();
    let crafted: Option<Crafted> =
        crafted.map_err(|error| Failure::from(control::Error::Internal(error.into())))?;
    let answer = Json(Crafting { run: convert::opened(run), crafted });
    Ok(match tag {
        Some(tag) => conditional::answer(&headers, &tag, answer),
        None => answer.into_response(),
    })
}

pub(crate) async fn craft(
    Caller { control, actor }: Caller,
    Path(id): Path<RunId>,
    headers: HeaderMap,
    extract::Json(body): extract::Json<Crafted>,
) -> Result<Response, Failure> {
    let over = conditional::expected(&headers)?.map(over).transpose()?;
    let state =
        serde_json::to_vec(&body).map_err(|error| Failure::new("invalid", error.to_string()))?;
    if state.len() > CRAFTED_BYTES_MAX {
        let message =
            format!("what was crafted has {} bytes, more than {CRAFTED_BYTES_MAX}", state.len());
        return Err(Failure::new("too-large", message));
    }
    let digest = control.put_crafting(&actor, id, &state, over).await?;
    Ok((StatusCode::NO_CONTENT, [(ETAG, format!("\"{digest}\""))]).into_response())
}

/// The one state over which another is written.
fn over(tags: Vec<String>) -> Result<Digest, Failure> {
    let one = <[String; 1]>::try_from(tags).ok().and_then(|[tag]| tag.parse().ok());
    one.ok_or_else(|| {
        Failure::new("invalid", "`If-Match` names the one state that was read, by its `ETag`")
    })
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
