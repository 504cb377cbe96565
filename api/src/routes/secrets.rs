//! Secrets at rest.

use api_types::Rotation;
use axum::Json;

use crate::convert;
use crate::error::Failure;
use crate::extract::Caller;

pub(crate) async fn rotate(Caller { control, actor }: Caller) -> Result<Json<Rotation>, Failure> {
    Ok(Json(convert::rotation(control.rotate_secrets(&actor).await?)))
}
