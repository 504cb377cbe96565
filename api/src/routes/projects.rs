//! Projects.

use api_types::{CreateProject, Page, Project};
use axum::Json;
use axum::http::StatusCode;

use crate::convert;
use crate::error::Failure;
use crate::extract::{self, Caller};

pub(crate) async fn create(
    Caller { control, actor }: Caller,
    extract::Json(body): extract::Json<CreateProject>,
) -> Result<(StatusCode, Json<Project>), Failure> {
    let project = control.create_project(&actor, body.name).await?;
    Ok((StatusCode::CREATED, Json(convert::project(project))))
}

pub(crate) async fn list(
    Caller { control, actor }: Caller,
) -> Result<Json<Page<Project>>, Failure> {
    Ok(Json(convert::list(control.projects(&actor).await?, convert::project)))
}
