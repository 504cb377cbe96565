//! How an organization stands.

use api_types::Readiness;
use axum::Json;

use crate::convert;
use crate::error::Failure;
use crate::extract::Caller;

pub(crate) async fn show(Caller { control, actor }: Caller) -> Result<Json<Readiness>, Failure> {
    Ok(Json(convert::readiness(control.readiness(&actor).await?)))
}
