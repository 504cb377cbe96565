//! How long an organization keeps its evidence.

use api_types::{PreviewRetention, Retention, RetentionPreview, RetentionRule};
use axum::Json;
use axum::http::StatusCode;

use crate::convert;
use crate::error::Failure;
use crate::extract::{self, Caller};

pub(crate) async fn show(Caller { control, actor }: Caller) -> Result<Json<Retention>, Failure> {
    Ok(Json(convert::retention(control.retention(&actor).await?)))
}

pub(crate) async fn set(
    Caller { control, actor }: Caller,
    extract::Json(RetentionRule { keep_days, keep_released }): extract::Json<RetentionRule>,
) -> Result<Json<Retention>, Failure> {
    let rule = control::RetentionRule { keep_days, keep_released };
    Ok(Json(convert::retention(control.set_retention(&actor, rule).await?)))
}

pub(crate) async fn remove(Caller { control, actor }: Caller) -> Result<StatusCode, Failure> {
    control.delete_retention(&actor).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn preview(
    Caller { control, actor }: Caller,
    extract::Json(body): extract::Json<PreviewRetention>,
) -> Result<Json<RetentionPreview>, Failure> {
    let PreviewRetention { keep_days, keep_released, after } = body;
    let rule = control::RetentionRule { keep_days, keep_released };
    let preview = control.preview_retention(&actor, rule, after).await?;
    let control::RetentionPreview { removable, next } = preview;
    Ok(Json(RetentionPreview { blobs: removable.blobs, bytes: removable.bytes, next }))
}
