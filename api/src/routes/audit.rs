//! The audit trail: asked in pages, exported as lines.

use api_types::{AuditEvent, AuditHead, Page};
use axum::Json;
use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use control::AuditFilter;
use engine::Timestamp;
use engine::audit::Line;
use futures::TryStreamExt;
use serde::Deserialize;

use super::runs::PAGE;
use crate::convert;
use crate::error::Failure;
use crate::extract::{Caller, Query};

/// The media type of an export: one JSON text on each line.
pub(crate) const LINES: &str = "application/jsonl";

/// Which events.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    actor: Option<String>,
    action: Option<String>,
    target: Option<String>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    after: Option<String>,
    limit: Option<usize>,
}

/// From where on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct From {
    after: Option<u64>,
}

pub(crate) async fn list(
    Caller { control, actor }: Caller,
    Query(which): Query<Which>,
) -> Result<Json<Page<AuditEvent>>, Failure> {
    let Which { actor: by, action, target, since, until, after, limit } = which;
    let filter = AuditFilter { actor: by, action, target, since, until };
    let limit = limit.unwrap_or(PAGE);
    let page = control.audit_events(&actor, &filter, after.as_deref(), limit).await?;
    Ok(Json(convert::page(page, convert::audit_event)))
}

pub(crate) async fn head(Caller { control, actor }: Caller) -> Result<Json<AuditHead>, Failure> {
    Ok(Json(convert::audit_head(control.audit_head(&actor).await?)))
}

pub(crate) async fn export(
    Caller { control, actor }: Caller,
    Query(From { after }): Query<From>,
) -> Result<Response, Failure> {
    let lines = control.audit_trail(&actor, after.unwrap_or(0)).await?;
    let lines = lines.map_err(std::io::Error::other).and_then(async |line| text(&line));
    Ok(([(CONTENT_TYPE, LINES)], Body::from_stream(lines)).into_response())
}

fn text(line: &Line) -> std::io::Result<String> {
    Ok(serde_json::to_string(line)? + "\n")
}
