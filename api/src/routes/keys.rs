//! Keys.

use api_types::{CreateKey, Key, Page};
use axum::Json;
use axum::http::StatusCode;
use engine::id::KeyId;

use crate::convert;
use crate::error::Failure;
use crate::extract::{self, Caller, Path};

pub(crate) async fn create(
    Caller { control, actor }: Caller,
    extract::Json(body): extract::Json<CreateKey>,
) -> Result<(StatusCode, Json<Key>), Failure> {
    let key = control.add_key(&actor, body.name, body.public_key).await?;
    Ok((StatusCode::CREATED, Json(convert::key(key))))
}

pub(crate) async fn list(Caller { control, actor }: Caller) -> Result<Json<Page<Key>>, Failure> {
    Ok(Json(convert::list(control.keys(&actor).await?, convert::key)))
}

pub(crate) async fn revoke(
    Caller { control, actor }: Caller,
    Path(id): Path<KeyId>,
) -> Result<StatusCode, Failure> {
    control.revoke_key(&actor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
