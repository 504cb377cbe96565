//! Attestations.

use api_types::{Attestation, BUNDLE_MEDIA_TYPE, Page};
use axum::Json;
use axum::http::HeaderName;
use axum::http::header::CONTENT_TYPE;
use engine::Digest;
use serde::Deserialize;

use super::runs::PAGE;
use crate::convert;
use crate::error::Failure;
use crate::extract::{Caller, Path, Query};

/// Which page.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    pub(super) after: Option<String>,
    pub(super) limit: Option<usize>,
}

type Exact = ([(HeaderName, &'static str); 1], Vec<u8>);

pub(crate) async fn list(
    Caller { control, actor }: Caller,
    Query(which): Query<Which>,
) -> Result<Json<Page<Attestation>>, Failure> {
    let page =
        control.attestations(&actor, which.after.as_deref(), which.limit.unwrap_or(PAGE)).await?;
    Ok(Json(convert::page(page, convert::attestation)))
}

pub(crate) async fn show(
    Caller { control, actor }: Caller,
    Path(digest): Path<Digest>,
) -> Result<Json<Attestation>, Failure> {
    Ok(Json(convert::attestation(control.attestation(&actor, digest).await?)))
}

pub(crate) async fn bundle(
    Caller { control, actor }: Caller,
    Path(digest): Path<Digest>,
) -> Result<Exact, Failure> {
    Ok(([(CONTENT_TYPE, BUNDLE_MEDIA_TYPE)], control.bundle(&actor, digest).await?))
}

pub(crate) async fn verdict(
    Caller { control, actor }: Caller,
    Path(digest): Path<Digest>,
) -> Result<Exact, Failure> {
    Ok(([(CONTENT_TYPE, "application/json")], control.verdict(&actor, digest).await?))
}
