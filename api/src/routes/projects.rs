//! Projects.

use api_types::{CreateProject, Page, Project, ProjectMember, ProjectVersion, SetProjectRole};
use axum::Json;
use axum::http::StatusCode;
use engine::Name;
use engine::id::ProjectRoleId;

use crate::convert::{self, member};
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

pub(crate) async fn members(
    Caller { control, actor }: Caller,
    Path(name): Path<Name>,
) -> Result<Json<Page<ProjectMember>>, Failure> {
    let members = control.project_members(&actor, &name).await?;
    Ok(Json(convert::list(members, member::project_member)))
}

pub(crate) async fn set_role(
    Caller { control, actor }: Caller,
    Path(name): Path<Name>,
    extract::Json(body): extract::Json<SetProjectRole>,
) -> Result<Json<ProjectMember>, Failure> {
    let SetProjectRole { email, group, role } = body;
    let whom = member::whom_in(email, group)
        .ok_or_else(|| Failure::new("invalid", "give either `email` or `group`"))?;
    let role = member::project_role_in(role);
    let set = control.set_project_role(&actor, &name, whom, role).await?;
    Ok(Json(member::project_member(set)))
}

pub(crate) async fn remove_member(
    Caller { control, actor }: Caller,
    Path((name, id)): Path<(Name, ProjectRoleId)>,
) -> Result<StatusCode, Failure> {
    control.remove_project_member(&actor, &name, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
