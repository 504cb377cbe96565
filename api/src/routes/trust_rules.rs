//! Trust rules, and what they make of a token.

use api_types::{CreateTrustRule, ExplainToken, Explanation, Page, TrustRule};
use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use engine::Name;

use super::runs::path;
use crate::conditional;
use crate::convert::{self, trust_rule};
use crate::error::Failure;
use crate::extract::{self, Caller, Path};

pub(crate) async fn create(
    Caller { control, actor }: Caller,
    extract::Json(body): extract::Json<CreateTrustRule>,
) -> Result<(StatusCode, Json<TrustRule>), Failure> {
    let rule = control.create_trust_rule(&actor, &body.source).await?;
    Ok((StatusCode::CREATED, Json(trust_rule::shown(rule))))
}

pub(crate) async fn store(
    Caller { control, actor }: Caller,
    headers: HeaderMap,
    extract::Json(body): extract::Json<CreateTrustRule>,
) -> Result<Response, Failure> {
    let over = conditional::over(&headers)?;
    let stored = control.put_trust_rule_over(&actor, &body.source, over).await?;
    Ok(tagged(&HeaderMap::new(), stored))
}

fn tagged(headers: &HeaderMap, one: control::TrustRule) -> Response {
    let tag = one.digest.to_string();
    conditional::answer(headers, &tag, Json(trust_rule::shown(one)))
}

pub(crate) async fn list(
    Caller { control, actor }: Caller,
) -> Result<Json<Page<TrustRule>>, Failure> {
    Ok(Json(convert::list(control.trust_rules(&actor).await?, trust_rule::shown)))
}

pub(crate) async fn show(
    Caller { control, actor }: Caller,
    Path(name): Path<Name>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    Ok(tagged(&headers, control.trust_rule(&actor, &name).await?))
}

pub(crate) async fn remove(
    Caller { control, actor }: Caller,
    Path(name): Path<Name>,
) -> Result<StatusCode, Failure> {
    control.delete_trust_rule(&actor, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn explain(
    Caller { control, actor }: Caller,
    extract::Json(body): extract::Json<ExplainToken>,
) -> Result<Json<Explanation>, Failure> {
    let workflow = body.workflow.as_deref().map(path).transpose()?;
    let explained = control.explain_token(&actor, &body.token, workflow.as_ref()).await?;
    Ok(Json(trust_rule::explanation(explained)))
}
