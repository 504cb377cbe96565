//! Integrations.

use api_types::{
    CreateIntegration, Delivery, DisableIntegration, Integration, NewIntegration, Page,
    UpdateIntegration,
};
use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use engine::Name;

use crate::conditional;
use crate::convert::{self, delivery, integration};
use crate::error::Failure;
use crate::extract::{self, Caller, Path};

pub(crate) async fn create(
    Caller { control, actor }: Caller,
    extract::Json(body): extract::Json<CreateIntegration>,
) -> Result<(StatusCode, Json<NewIntegration>), Failure> {
    let CreateIntegration { name, target, events, secret } = body;
    let target = integration::target_in(target);
    let made = control.create_integration(&actor, name, target, events, secret).await?;
    Ok((StatusCode::CREATED, Json(integration::made(made))))
}

pub(crate) async fn list(
    Caller { control, actor }: Caller,
) -> Result<Json<Page<Integration>>, Failure> {
    Ok(Json(convert::list(control.integrations(&actor).await?, integration::shown)))
}

pub(crate) async fn show(
    Caller { control, actor }: Caller,
    Path(name): Path<Name>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    Ok(tagged(&headers, control.integration(&actor, &name).await?))
}

fn tagged(headers: &HeaderMap, one: control::Integration) -> Response {
    let tag = one.tag();
    conditional::answer(headers, &tag, Json(integration::shown(one)))
}

pub(crate) async fn update(
    Caller { control, actor }: Caller,
    Path(name): Path<Name>,
    headers: HeaderMap,
    extract::Json(body): extract::Json<UpdateIntegration>,
) -> Result<Response, Failure> {
    let (update, over) = (integration::update_in(body), conditional::over(&headers)?);
    let updated = control.update_integration_over(&actor, &name, update, over).await?;
    Ok(tagged(&HeaderMap::new(), updated))
}

pub(crate) async fn remove(
    Caller { control, actor }: Caller,
    Path(name): Path<Name>,
) -> Result<StatusCode, Failure> {
    control.delete_integration(&actor, name).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn enable(
    Caller { control, actor }: Caller,
    Path(name): Path<Name>,
) -> Result<Json<Integration>, Failure> {
    Ok(Json(integration::shown(control.enable_integration(&actor, name).await?)))
}

pub(crate) async fn disable(
    Caller { control, actor }: Caller,
    Path(name): Path<Name>,
    extract::Json(body): extract::Json<DisableIntegration>,
) -> Result<Json<Integration>, Failure> {
    let disabled = control.disable_integration(&actor, name, body.reason).await?;
    Ok(Json(integration::shown(disabled)))
}

pub(crate) async fn rotate(
    Caller { control, actor }: Caller,
    Path(name): Path<Name>,
) -> Result<Json<NewIntegration>, Failure> {
    Ok(Json(integration::made(control.rotate_integration(&actor, &name).await?)))
}

pub(crate) async fn test(
    Caller { control, actor }: Caller,
    Path(name): Path<Name>,
) -> Result<Json<Delivery>, Failure> {
    Ok(Json(delivery::shown(control.test_integration(&actor, &name).await?)))
}
