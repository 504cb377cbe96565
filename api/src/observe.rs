//! Around every request: an identifier, a span, a deadline, metrics, and the bodies of failures.

use std::time::{Duration, Instant};

use api_types::PROBLEM_MEDIA_TYPE;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use opentelemetry::global;
use opentelemetry_http::HeaderExtractor;
use tracing::Instrument;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use uuid::Uuid;

use crate::App;
use crate::error::Failure;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Identifies, traces and counts a request. Neither headers nor bodies reach the log: they hold secrets and evidence.
pub(crate) async fn request(State(app): State<App>, request: Request, next: Next) -> Response {
    let id = Uuid::now_v7().to_string();
    let method = method_label(request.method());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("unmatched", MatchedPath::as_str)
        .to_owned();
    let span = tracing::info_span!("request", id, method, route);
    // The caller's trace goes on here. Fails where nothing is traced.
    let caller =
        global::get_text_map_propagator(|it| it.extract(&HeaderExtractor(request.headers())));
    let _untraced = span.set_parent(caller);
    let start = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    if let Some(failure) = response.extensions_mut().remove::<Failure>() {
        write(&mut response, failure, &id);
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    let (status, duration) = (response.status().as_u16(), start.elapsed());
    app.metrics.observe(method, &route, status, duration);
    span.in_scope(|| {
        tracing::info!(status, duration_ms = duration.as_secs_f64() * 1000.0, "answered");
    });
    response
}

/// Writes the body of a failure.
fn write(response: &mut Response, mut failure: Failure, id: &str) {
    failure.problem.request_id = Some(id.to_owned());
    let body = serde_json::to_vec(&failure.problem).unwrap_or_default();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_MEDIA_TYPE));
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    *response.body_mut() = Body::from(body);
}

/// Gives a request up that takes longer than `deadline`.
pub(crate) async fn deadline(deadline: Duration, request: Request, next: Next) -> Response {
    tokio::time::timeout(deadline, next.run(request)).await.unwrap_or_else(|_elapsed| {
        let detail = format!("there was no answer within {} seconds", deadline.as_secs());
        Failure::new("timeout", detail).into_response()
    })
}

/// The method, or `other`: a client must not be able to make up labels.
fn method_label(method: &Method) -> &'static str {
    let known = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"];
    known.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}
