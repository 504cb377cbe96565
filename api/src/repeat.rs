//! `Idempotency-Key`: a request that is sent again because its answer was lost is answered, and not done again.
//! <https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use control::store::KeptAnswer;
use control::{Actor, Begun, Control, REPEAT_CHARS_MAX};
use engine::Digest;
use tracing::Instrument;

use crate::App;
use crate::error::Failure;
use crate::extract::Caller;
use crate::routes::{Answer, JSON_BYTES_MAX, Route};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer is the one that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Largest answer that is kept, in bytes.
const ANSWER_BYTES_MAX: usize = 256 << 10;
/// Answers that hold a secret, which is shown once and kept nowhere.
const SECRET: [&str; 4] = ["CreatedOrganization", "NewIntegration", "NewSession", "NewToken"];

/// Whether an answer of this route may be given again.
pub(crate) fn keeps(route: &Route) -> bool {
    !matches!(route.answer, Answer::Json(name) if SECRET.contains(&name))
}

/// Does a request once that has a key, whatever becomes of its client.
pub(crate) async fn once(
    State(app): State<App>,
    keeps: bool,
    request: Request,
    next: Next,
) -> Response {
    if !request.headers().contains_key(KEY) {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    // Who may not ask is told so by the handler.
    let Ok(Caller { control, actor }) = Caller::from_request_parts(&mut parts, &app).await else {
        return next.run(Request::from_parts(parts, body)).await;
    };
    let asked = async {
        let key = key(parts.headers.get(KEY))?;
        let body = to_bytes(body, JSON_BYTES_MAX).await.map_err(|_large_or_cut| {
            Failure::new("invalid", "the body ended early, or is larger than it may be")
        })?;
        let fingerprint = fingerprint(&parts.method, &parts.uri, &body);
        Ok::<_, Failure>((Asked { control, actor, key, fingerprint, keeps }, body))
    };
    match asked.await {
        Err(failure) => failure.into_response(),
        Ok((asked, body)) => {
            let request = Request::from_parts(parts, Body::from(body));
            // Not on the task of the connection: that ends with its client.
            let work = asked.done(next.run(request)).in_current_span();
            tokio::spawn(work).await.unwrap_or_else(|_panicked| Failure::panicked())
        }
    }
}

/// A request that is to be done once.
struct Asked {
    control: Control,
    actor: Actor,
    key: String,
    fingerprint: Digest,
    keeps: bool,
}

impl Asked {
    /// Answers what was answered before, or does the request and notes what came of it. Refused requests did nothing, and
    /// may be repaired under the same key; of one that broke nobody knows.
    async fn done(self, work: impl Future<Output = Response>) -> Response {
        let Self { control, actor, key, fingerprint, keeps } = self;
        match control.begin_repeat(&actor, &key, fingerprint).await {
            Ok(Begun::New) => {}
            Ok(begun) => return again(begun).unwrap_or_else(IntoResponse::into_response),
            Err(error) => return Failure::from(error).into_response(),
        }
        let response = work.await;
        let status = response.status();
        if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT {
            return response;
        }
        let (response, answer) = if status.is_success() {
            match kept(response, keeps).await {
                Ok((response, answer)) => (response, Some(answer)),
                Err(failure) => return failure.into_response(),
            }
        } else {
            (response, None)
        };
        if let Err(error) = control.end_repeat(&actor, &key, answer).await {
            tracing::error!(%error, "what was answered to a request could not be noted");
        }
        response
    }
}

/// The key: a string as [RFC 9651](https://www.rfc-editor.org/rfc/rfc9651#section-3.3.3) writes it, or bare as many do.
fn key(value: Option<&HeaderValue>) -> Result<String, Failure> {
    let text = value.and_then(|value| value.to_str().ok()).unwrap_or_default().trim();
    let quoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let text = quoted.unwrap_or(text);
    let graphic = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte));
    if text.is_empty() || text.len() > REPEAT_CHARS_MAX || !graphic {
        let message = format!(
            "`Idempotency-Key` is 1 to {REPEAT_CHARS_MAX} visible ASCII characters without quotes in them, such as a UUID"
        );
        return Err(Failure::new("invalid", message));
    }
    Ok(text.to_owned())
}

fn fingerprint(method: &Method, uri: &Uri, body: &Bytes) -> Digest {
    Digest::of([format!("{method} {uri}\n").as_bytes(), body].concat())
}

/// The response, and what of it is kept.
async fn kept(response: Response, keeps: bool) -> Result<(Response, KeptAnswer), Failure> {
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await;
    let body = body.map_err(|_broken| Failure::new("internal", "the answer broke off"))?;
    let media_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let answer = KeptAnswer {
        status: parts.status.as_u16().into(),
        media_type: media_type.map(ToOwned::to_owned),
        body: (keeps && body.len() <= ANSWER_BYTES_MAX).then(|| body.to_vec()),
    };
    Ok((Response::from_parts(parts, Body::from(body)), answer))
}

/// What is answered to a request that was begun before.
fn again(begun: Begun) -> Result<Response, Failure> {
    match begun {
        Begun::Answered(answer) => replayed(answer),
        Begun::Unknown(at) => Err(Failure::new(
            "conflict",
            format!(
                "this request was begun at {at}, and its answer is not known: it is under way, or was cut off; look whether it was done before you ask under another key"
            ),
        )),
        Begun::New | Begun::Other => Err(Failure::new(
            "idempotency-key-reused",
            "another request had this `Idempotency-Key`: give each its own",
        )),
    }
}

fn replayed(answer: KeptAnswer) -> Result<Response, Failure> {
    let Some(body) = answer.body else {
        return Err(Failure::new(
            "conflict",
            "this request was done, and its answer is not kept: what is secret is shown once",
        ));
    };
    let status = u16::try_from(answer.status).ok().and_then(|code| StatusCode::from_u16(code).ok());
    let broken = || Failure::new("internal", "the kept answer is damaged");
    let status = status.ok_or_else(broken)?;
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.remove(CONTENT_TYPE);
    if let Some(kind) = answer.media_type.and_then(|kind| HeaderValue::try_from(kind).ok()) {
        headers.insert(CONTENT_TYPE, kind);
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_string_in_quotes_or_bare() {
        let long = "x".repeat(REPEAT_CHARS_MAX);
        for (value, expected) in [
            ("\"8e03978e-40d5\"", Some("8e03978e-40d5")),
            ("8e03978e-40d5", Some("8e03978e-40d5")),
            (long.as_str(), Some(long.as_str())),
            (&format!("{long}x"), None),
            ("", None),
            ("\"\"", None),
            ("a b", None),
            ("\"a", None),
            ("a\"b", None),
        ] {
            let found = key(Some(&value.parse().unwrap())).ok();
            assert_eq!(found.as_deref(), expected, "{value}");
        }
        assert!(key(None).is_err());
    }

    #[test]
    fn every_answer_with_a_secret_is_known() {
        let document = crate::openapi::document();
        let schemas = &serde_json::to_value(document).unwrap()["components"]["schemas"];
        for (name, schema) in schemas.as_object().unwrap() {
            let secret = schema.pointer("/properties/secret").is_some()
                || schema.to_string().contains("schemas/NewToken\"");
            let answered = crate::ROUTES.iter().any(|route| {
                route.method == "POST" && matches!(route.answer, Answer::Json(one) if one == name)
            });
            assert_eq!(secret && answered, SECRET.contains(&name.as_str()), "{name}");
        }
    }
}
