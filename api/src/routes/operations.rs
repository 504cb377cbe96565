//! What is not about any noun: identity, health, metrics, documents.

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use engine::schema;

use crate::error::Failure;
use crate::extract::Caller;
use crate::{App, convert, metrics, openapi};

type Typed<T> = ([(axum::http::HeaderName, &'static str); 1], T);

const fn typed<T>(media_type: &'static str, body: T) -> Typed<T> {
    ([(CONTENT_TYPE, media_type)], body)
}

pub(crate) async fn identity(caller: Caller) -> Json<api_types::Identity> {
    Json(convert::identity(caller.actor))
}

pub(crate) async fn live() -> &'static str {
    "alive\n"
}

pub(crate) async fn ready(State(app): State<App>) -> Result<&'static str, Failure> {
    app.control.ready().await?;
    Ok("ready\n")
}

pub(crate) async fn metrics(State(app): State<App>) -> Result<impl IntoResponse, Failure> {
    let text = app.metrics.text().map_err(|error| Failure::new("internal", error.to_string()))?;
    Ok(typed(metrics::MEDIA_TYPE, text))
}

pub(crate) async fn openapi() -> Json<serde_json::Value> {
    Json(openapi::document())
}

pub(crate) async fn contract_schema() -> Typed<&'static str> {
    typed("application/schema+json", schema::CONTRACT)
}

pub(crate) async fn policy_schema() -> Typed<&'static str> {
    typed("application/schema+json", schema::POLICY)
}

pub(crate) async fn gate_schema() -> Typed<&'static str> {
    typed("application/schema+json", schema::GATE)
}

pub(crate) async fn workflow_schema() -> Typed<&'static str> {
    typed("application/schema+json", schema::WORKFLOW)
}

pub(crate) async fn trust_root_schema() -> Typed<&'static str> {
    typed("application/schema+json", schema::TRUST_ROOT)
}

pub(crate) async fn trust_rule_schema() -> Typed<&'static str> {
    typed("application/schema+json", schema::TRUST_RULE)
}
