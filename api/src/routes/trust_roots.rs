//! Trust roots: whose attestations, made elsewhere, are believed.

use api_types::{Page, PutTrustRoot, TrustRoot};
use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use engine::Name;

use crate::conditional;
use crate::convert::{self, imported};
use crate::error::Failure;
use crate::extract::{self, Caller, Path};

pub(crate) async fn store(
    Caller { control, actor }: Caller,
    headers: HeaderMap,
    extract::Json(body): extract::Json<PutTrustRoot>,
) -> Result<Response, Failure> {
    let over = conditional::over(&headers)?;
    let stored = control.put_trust_root_over(&actor, &body.source, over).await?;
    Ok(tagged(&HeaderMap::new(), stored))
}

fn tagged(headers: &HeaderMap, one: control::TrustRoot) -> Response {
    let tag = one.digest.to_string();
    conditional::answer(headers, &tag, Json(imported::root(one)))
}

pub(crate) async fn list(
    Caller { control, actor }: Caller,
) -> Result<Json<Page<TrustRoot>>, Failure> {
    Ok(Json(convert::list(control.trust_roots(&actor).await?, imported::root)))
}

pub(crate) async fn show(
    Caller { control, actor }: Caller,
    Path(name): Path<Name>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    Ok(tagged(&headers, control.trust_root(&actor, &name).await?))
}

pub(crate) async fn remove(
    Caller { control, actor }: Caller,
    Path(name): Path<Name>,
) -> Result<StatusCode, Failure> {
    control.delete_trust_root(&actor, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
