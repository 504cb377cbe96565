//! What handlers take: who is asking, and typed parts of the request.

use std::convert::Infallible;
use std::net::IpAddr;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::request::Parts;
use control::{Actor, Control};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::Failure;
use crate::{App, denial};

/// The media type of a form.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// Someone whose token was accepted, and whom they ask.
#[derive(Debug)]
pub(crate) struct Caller {
    pub control: Control,
    pub actor: Actor,
}

impl FromRequestParts<App> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &App) -> Result<Self, Failure> {
        let bearer = bearer(&parts.headers)?;
        let actor = state.control.authenticate(bearer).await?;
        if let Some(slot) = parts.extensions.get::<denial::Slot>() {
            slot.fill(&actor);
        }
        Ok(Self { control: state.control.clone(), actor })
    }
}

fn bearer(headers: &HeaderMap) -> Result<&str, Failure> {
    let missing = |detail: &str| Failure::new("unauthenticated", detail);
    let value = headers
        .get(AUTHORIZATION)
        .ok_or_else(|| missing("send `Authorization: Bearer` and a token"))?;
    let wrong = || missing("the `Authorization` header is not `Bearer` and a token");
    let (scheme, token) =
        value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(wrong)?;
    Some(token.trim()).filter(|_| scheme.eq_ignore_ascii_case("bearer")).ok_or_else(wrong)
}

/// A JSON body.
#[derive(Debug)]
pub(crate) struct Json<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for Json<T> {
    type Rejection = Failure;

    async fn from_request(req: Request, state: &App) -> Result<Self, Failure> {
        if !has_media_type(req.headers(), &["application/json"]) {
            return Err(Failure::new(
                "unsupported-media-type",
                "send `Content-Type: application/json`",
            ));
        }
        let bytes = Bytes::from_request(req, state).await?;
        let mut reader = serde_json::Deserializer::from_slice(&bytes);
        let value =
            serde_path_to_error::deserialize(&mut reader).map_err(|error| Failure::json(&error))?;
        let trailing = |error: serde_json::Error| {
            Failure::new("invalid", format!("the body goes on after its value: {error}"))
        };
        reader.end().map_err(trailing)?;
        Ok(Self(value))
    }
}

/// A form ([URL Standard](https://url.spec.whatwg.org/#application/x-www-form-urlencoded)).
#[derive(Debug)]
pub(crate) struct Form<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for Form<T> {
    type Rejection = Failure;

    async fn from_request(req: Request, state: &App) -> Result<Self, Failure> {
        if !has_media_type(req.headers(), &[FORM]) {
            return Err(Failure::new(
                "unsupported-media-type",
                format!("send `Content-Type: {FORM}`"),
            ));
        }
        let axum::extract::Form(value) = axum::extract::Form::from_request(req, state).await?;
        Ok(Self(value))
    }
}

/// Where a request came from.
#[derive(Debug)]
pub(crate) struct Source(pub Option<IpAddr>);

impl FromRequestParts<App> for Source {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &App) -> Result<Self, Infallible> {
        Ok(Self(denial::source(&parts.extensions)))
    }
}

/// Parts of the path.
#[derive(Debug)]
pub(crate) struct Path<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Path<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &App) -> Result<Self, Failure> {
        let axum::extract::Path(value) =
            axum::extract::Path::from_request_parts(parts, state).await?;
        Ok(Self(value))
    }
}

/// The query of the address.
#[derive(Debug)]
pub(crate) struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<App> for Query<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &App) -> Result<Self, Failure> {
        let axum::extract::Query(value) =
            axum::extract::Query::from_request_parts(parts, state).await?;
        Ok(Self(value))
    }
}

/// Whether those that were deleted are asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Deleted {
    #[serde(default)]
    pub deleted: bool,
}

/// Whether the body is said to be one of `media_types`; parameters do not matter, but another charset than UTF-8 does.
pub(crate) fn has_media_type(headers: &HeaderMap, media_types: &[&str]) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let mut parts = value.split(';').map(str::trim);
    let known = parts
        .next()
        .is_some_and(|found| media_types.iter().any(|known| known.eq_ignore_ascii_case(found)));
    let charset = parts
        .find_map(|part| part.to_ascii_lowercase().strip_prefix("charset=").map(str::to_owned));
    known && charset.is_none_or(|charset| charset.trim_matches('"') == "utf-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_token_is_found_or_missed() {
        for (value, expected) in [
            (None, None),
            (Some("Bearer abc"), Some("abc")),
            (Some("bearer  abc "), Some("abc")),
            (Some("Basic abc"), None),
            (Some("Bearer"), None),
            (Some("Bearerabc"), None),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(value) = value {
                headers.insert(AUTHORIZATION, value.parse().unwrap());
            }
            assert_eq!(bearer(&headers).ok(), expected, "{value:?}");
        }
    }

    #[test]
    fn media_types_ignore_case_and_parameters_but_not_the_charset() {
        for (value, expected) in [
            ("application/json", true),
            ("Application/JSON; charset=UTF-8", true),
            ("application/json; charset=\"utf-8\"", true),
            ("application/json; charset=latin1", false),
            ("application/json5", false),
            ("text/plain", false),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, value.parse().unwrap())]);
            assert_eq!(has_media_type(&headers, &["application/json"]), expected, "{value}");
        }
        assert!(!has_media_type(&HeaderMap::new(), &["application/json"]));
    }
}
