//! Projects.

use api_types::{CreateProject, Page, Project, ProjectVersion};
use axum::Json;
use axum::http::StatusCode;
use engine::Name;

use crate::convert;
use crate::error::Failure;
use crate::extract::{self, Caller, Path};

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

pub(crate) async fn versions(
    Caller { control, actor }: Caller,
    Path(project): Path<Name>,
) -> Result<Json<Page<ProjectVersion>>, Failure> {
    let versions = control.project_versions(&actor, &project).await?;
    Ok(Json(convert::list(versions, convert::project_version)))
}

pub(crate) async fn release(
    Caller { control, actor }: Caller,
    Path((project, version)): Path<(Name, String)>,
) -> Result<Json<ProjectVersion>, Failure> {
    let released = control.release_version(&actor, &project, &version).await?;
    Ok(Json(convert::project_version(released)))
}
