//! Backends: places that an organization keeps its blobs in.

use api_types::{
    Backend, BackendCredentials, CreateBackend, MoveBlobs, MovedBlobs, Page, SetBackendCredentials,
    SetBackendRole, SweepBlobs, SweptBlobs,
};
use axum::Json;
use axum::http::StatusCode;
use control::{Credentials, NewBackend};
use engine::Name;
use serde::Deserialize;

use crate::convert;
use crate::error::Failure;
use crate::extract::{self, Caller, Path};

/// Whether bytes that are still to be removed may stay.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Leaving {
    #[serde(default)]
    leave_bytes: bool,
}

pub(crate) async fn create(
    Caller { control, actor }: Caller,
    extract::Json(body): extract::Json<CreateBackend>,
) -> Result<(StatusCode, Json<Backend>), Failure> {
    let made = control.create_backend(&actor, new(body)?).await?;
    Ok((StatusCode::CREATED, Json(convert::backend(made))))
}

pub(crate) async fn create_for(
    Caller { control, actor }: Caller,
    Path(organization): Path<Name>,
    extract::Json(body): extract::Json<CreateBackend>,
) -> Result<(StatusCode, Json<Backend>), Failure> {
    let made = control.create_backend_for(&actor, &organization, new(body)?).await?;
    Ok((StatusCode::CREATED, Json(convert::backend(made))))
}

pub(crate) async fn list(
    Caller { control, actor }: Caller,
) -> Result<Json<Page<Backend>>, Failure> {
    Ok(Json(convert::list(control.backends(&actor).await?, convert::backend)))
}

pub(crate) async fn show(
    Caller { control, actor }: Caller,
    Path(name): Path<Name>,
) -> Result<Json<Backend>, Failure> {
    Ok(Json(convert::backend(control.backend(&actor, &name).await?)))
}

pub(crate) async fn check(
    Caller { control, actor }: Caller,
    Path(name): Path<Name>,
) -> Result<Json<Backend>, Failure> {
    Ok(Json(convert::backend(control.check_backend(&actor, &name).await?)))
}

pub(crate) async fn set_credentials(
    Caller { control, actor }: Caller,
    Path(name): Path<Name>,
    extract::Json(body): extract::Json<SetBackendCredentials>,
) -> Result<Json<Backend>, Failure> {
    let credentials = credentials(&body.credentials)?;
    let backend = control.set_backend_credentials(&actor, &name, &credentials).await?;
    Ok(Json(convert::backend(backend)))
}

pub(crate) async fn set_role(
    Caller { control, actor }: Caller,
    Path(name): Path<Name>,
    extract::Json(SetBackendRole { role }): extract::Json<SetBackendRole>,
) -> Result<Json<Backend>, Failure> {
    let role = convert::backend_role_in(role);
    Ok(Json(convert::backend(control.set_backend_role(&actor, &name, role).await?)))
}

pub(crate) async fn remove(
    Caller { control, actor }: Caller,
    Path(name): Path<Name>,
    extract::Query(Leaving { leave_bytes }): extract::Query<Leaving>,
) -> Result<StatusCode, Failure> {
    control.delete_backend(&actor, &name, leave_bytes).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn move_blobs(
    Caller { control, actor }: Caller,
    extract::Json(body): extract::Json<MoveBlobs>,
) -> Result<Json<MovedBlobs>, Failure> {
    let MoveBlobs { from, to, after, dry_run } = body;
    let asked = control::MoveBlobs { from, to, after, dry_run };
    Ok(Json(convert::moved_blobs(control.move_blobs(&actor, &asked).await?)))
}

pub(crate) async fn sweep(
    Caller { control, actor }: Caller,
    Path(name): Path<Name>,
    extract::Json(body): extract::Json<SweepBlobs>,
) -> Result<Json<SweptBlobs>, Failure> {
    let swept = control.sweep_backend(&actor, &name, convert::sweep_blobs(body)).await?;
    Ok(Json(convert::swept_blobs(swept)))
}

pub(crate) async fn sweep_instance(
    Caller { control, actor }: Caller,
    extract::Json(body): extract::Json<SweepBlobs>,
) -> Result<Json<SweptBlobs>, Failure> {
    let swept = control.sweep_instance(&actor, convert::sweep_blobs(body)).await?;
    Ok(Json(convert::swept_blobs(swept)))
}

fn new(body: CreateBackend) -> Result<NewBackend, Failure> {
    let CreateBackend { name, place, credentials: given } = body;
    let credentials = given.as_ref().map(credentials).transpose()?;
    Ok(NewBackend { name, place, credentials })
}

fn credentials(given: &BackendCredentials) -> Result<Credentials, Failure> {
    Credentials::parse(&given.0.to_string())
        .map_err(|error| Failure::new("invalid", error.to_string()))
}
