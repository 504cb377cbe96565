//! People who log in.

use api_types::{CreateSession, LoginProvider, NewSession};
use axum::Json;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderName, StatusCode};
use control::LogIn;

use crate::App;
use crate::convert::member;
use crate::error::Failure;
use crate::extract::{self, Caller};

pub(crate) async fn provider(State(app): State<App>) -> Result<Json<LoginProvider>, Failure> {
    let Some(provider) = app.control.login_provider() else {
        return Err(Failure::new(
            "not-found",
            "nobody logs in here: the server has no login provider",
        ));
    };
    let (issuer, client_id) = (provider.issuer.clone(), provider.client_id.clone());
    Ok(Json(LoginProvider { issuer, client_id }))
}

/// Nobody on the way may keep the secret ([RFC 6749](https://www.rfc-editor.org/rfc/rfc6749#section-5.1)).
type Unkept = (StatusCode, [(HeaderName, &'static str); 1], Json<NewSession>);

pub(crate) async fn create(
    State(app): State<App>,
    extract::Json(body): extract::Json<CreateSession>,
) -> Result<Unkept, Failure> {
    let CreateSession { id_token, secret, organization } = body;
    let session = app.control.log_in(&LogIn { id_token, secret, organization }).await?;
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], Json(member::session(session))))
}

pub(crate) async fn end(Caller { control, actor }: Caller) -> Result<StatusCode, Failure> {
    control.log_out(&actor).await?;
    Ok(StatusCode::NO_CONTENT)
}
