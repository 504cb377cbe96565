//! CI jobs that are let in without a secret.

use api_types::{
    ACCESS_TOKEN_TYPE, EXCHANGE_GRANT, ExchangeToken, ExchangedToken, ID_TOKEN_TYPE, JWT_TYPE,
};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderName;
use axum::http::header::CACHE_CONTROL;
use control::{Exchange, JOB_MINUTES};

use super::runs::path;
use crate::App;
use crate::error::Failure;
use crate::extract::{Form, Source};

/// Nobody on the way may keep the token ([RFC 6749](https://www.rfc-editor.org/rfc/rfc6749#section-5.1)).
type Unkept<T> = ([(HeaderName, &'static str); 1], T);

pub(crate) async fn exchange(
    State(app): State<App>,
    Source(source): Source,
    Form(body): Form<ExchangeToken>,
) -> Result<Unkept<Json<ExchangedToken>>, Failure> {
    let token = app.control.exchange(&asked(body, source)?).await?;
    let body = ExchangedToken {
        access_token: token.secret,
        issued_token_type: ACCESS_TOKEN_TYPE.to_owned(),
        token_type: "Bearer".to_owned(),
        expires_in: u64::try_from(JOB_MINUTES).unwrap_or_default() * 60,
    };
    Ok(([(CACHE_CONTROL, "no-store")], Json(body)))
}

fn asked(body: ExchangeToken, source: Option<std::net::IpAddr>) -> Result<Exchange, Failure> {
    for (name, value, known) in [
        ("grant_type", &body.grant_type, [EXCHANGE_GRANT; 2]),
        ("subject_token_type", &body.subject_token_type, [JWT_TYPE, ID_TOKEN_TYPE]),
    ] {
        if !known.contains(&value.as_str()) {
            let detail =
                format!("`{name}` must be `{}`", known.first().copied().unwrap_or_default());
            return Err(Failure::new("invalid", detail));
        }
    }
    let workflow = path(&body.workflow)?;
    let ExchangeToken { organization, run, subject_token: token, .. } = body;
    Ok(Exchange { organization, workflow, run, token, source })
}
