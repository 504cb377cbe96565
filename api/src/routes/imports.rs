//! Attestations that were made elsewhere.

use api_types::{Imported, Page};
use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderName, StatusCode, header};
use engine::Digest;

use super::attestations::Which;
use super::runs::{PAGE, bundle};
use crate::App;
use crate::convert::{self, imported};
use crate::error::Failure;
use crate::extract::{Caller, Path, Query};

pub(crate) async fn import(
    Caller { control, actor }: Caller,
    State(app): State<App>,
    request: Request,
) -> Result<(StatusCode, Json<Imported>), Failure> {
    let bytes = bundle(request, &app).await?;
    let (found, new) = control.import(&actor, bytes).await?;
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(imported::shown(found))))
}

pub(crate) async fn list(
    Caller { control, actor }: Caller,
    Query(Which { after, limit }): Query<Which>,
) -> Result<Json<Page<Imported>>, Failure> {
    let page = control.imports(&actor, after.as_deref(), limit.unwrap_or(PAGE)).await?;
    Ok(Json(convert::page(page, imported::shown)))
}

pub(crate) async fn show(
    Caller { control, actor }: Caller,
    Path(digest): Path<Digest>,
) -> Result<Json<Imported>, Failure> {
    Ok(Json(imported::shown(control.imported(&actor, digest).await?)))
}

pub(crate) async fn bytes(
    Caller { control, actor }: Caller,
    Path(digest): Path<Digest>,
) -> Result<([(HeaderName, &'static str); 1], Vec<u8>), Failure> {
    let bytes = control.imported_bytes(&actor, digest).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], bytes))
}
