//! Tokens.

use api_types::{CreateToken, NewToken, Page, Token};
use axum::Json;
use axum::http::StatusCode;
use engine::id::TokenId;

use crate::convert;
use crate::error::Failure;
use crate::extract::{self, Caller, Path};

pub(crate) async fn create(
    Caller { control, actor }: Caller,
    extract::Json(body): extract::Json<CreateToken>,
) -> Result<(StatusCode, Json<NewToken>), Failure> {
    let CreateToken { name, scopes, expires_at, grants } = body;
    let scopes = scopes.into_iter().map(convert::scope_in).collect();
    let made = match grants {
        None => control.create_token(&actor, name, scopes, expires_at).await?,
        Some(grants) => {
            control.create_granted_token(&actor, name, scopes, expires_at, grants).await?
        }
    };
    Ok((StatusCode::CREATED, Json(convert::new_token(made))))
}

pub(crate) async fn list(Caller { control, actor }: Caller) -> Result<Json<Page<Token>>, Failure> {
    Ok(Json(convert::list(control.tokens(&actor).await?, convert::token)))
}

pub(crate) async fn revoke(
    Caller { control, actor }: Caller,
    Path(id): Path<TokenId>,
) -> Result<StatusCode, Failure> {
    control.revoke_token(&actor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
