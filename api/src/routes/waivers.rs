//! Waivers.

use api_types::{EndWaiver, Page, RequestWaiver, Waiver, WaiverState};
use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use engine::Name;
use serde::Deserialize;

use super::runs::{PAGE, bundle};
use crate::error::Failure;
use crate::extract::{self, Caller, Path, Query};
use crate::{App, convert};

/// Which revisions.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    state: Option<WaiverState>,
    after: Option<String>,
    limit: Option<usize>,
}

/// Which revision of one waiver.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct At {
    revision: Option<u32>,
}

pub(crate) async fn request(
    Caller { control, actor }: Caller,
    extract::Json(body): extract::Json<RequestWaiver>,
) -> Result<(StatusCode, Json<Waiver>), Failure> {
    let waiver = control.request_waiver(&actor, &body.source).await?;
    Ok((StatusCode::CREATED, Json(convert::waiver(waiver))))
}

pub(crate) async fn list(
    Caller { control, actor }: Caller,
    Query(which): Query<Which>,
) -> Result<Json<Page<Waiver>>, Failure> {
    let Which { state, after, limit } = which;
    let state = state.map(convert::waiver_state_in);
    let page = control.waivers(&actor, state, after.as_deref(), limit.unwrap_or(PAGE)).await?;
    Ok(Json(convert::page(page, convert::waiver)))
}

pub(crate) async fn show(
    Caller { control, actor }: Caller,
    Path(name): Path<Name>,
    Query(At { revision }): Query<At>,
) -> Result<Json<Waiver>, Failure> {
    Ok(Json(convert::waiver(control.waiver(&actor, &name, revision).await?)))
}

pub(crate) async fn approve(
    Caller { control, actor }: Caller,
    State(app): State<App>,
    Path(name): Path<Name>,
    request: Request,
) -> Result<Json<Waiver>, Failure> {
    let bundle = bundle(request, &app).await?;
    Ok(Json(convert::waiver(control.approve_waiver(&actor, &name, bundle).await?)))
}

pub(crate) async fn reject(
    Caller { control, actor }: Caller,
    Path(name): Path<Name>,
    extract::Json(EndWaiver { revision, reason }): extract::Json<EndWaiver>,
) -> Result<Json<Waiver>, Failure> {
    Ok(Json(convert::waiver(control.reject_waiver(&actor, &name, revision, reason).await?)))
}

pub(crate) async fn revoke(
    Caller { control, actor }: Caller,
    Path(name): Path<Name>,
    extract::Json(EndWaiver { revision, reason }): extract::Json<EndWaiver>,
) -> Result<Json<Waiver>, Failure> {
    Ok(Json(convert::waiver(control.revoke_waiver(&actor, &name, revision, reason).await?)))
}
