//! Organizations.

use api_types::{CreateOrganization, CreatedOrganization, Organization, Page};
use axum::Json;
use axum::http::StatusCode;

use crate::convert;
use crate::error::Failure;
use crate::extract::{self, Caller};

pub(crate) async fn create(
    Caller { control, actor }: Caller,
    extract::Json(body): extract::Json<CreateOrganization>,
) -> Result<(StatusCode, Json<CreatedOrganization>), Failure> {
    let (organization, token) =
        control.create_organization(&actor, body.name, body.owner.as_deref()).await?;
    let made = CreatedOrganization {
        organization: convert::organization(organization),
        token: convert::new_token(token),
    };
    Ok((StatusCode::CREATED, Json(made)))
}

pub(crate) async fn list(
    Caller { control, actor }: Caller,
) -> Result<Json<Page<Organization>>, Failure> {
    Ok(Json(convert::list(control.organizations(&actor).await?, convert::organization)))
}
