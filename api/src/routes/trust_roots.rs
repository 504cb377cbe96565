//! Trust roots: whose attestations, made elsewhere, are believed.

use api_types::{Page, PutTrustRoot, TrustRoot};
use axum::Json;
use axum::http::StatusCode;
use engine::Name;

use crate::convert::{self, imported};
use crate::error::Failure;
use crate::extract::{self, Caller, Path};

pub(crate) async fn store(
    Caller { control, actor }: Caller,
    extract::Json(body): extract::Json<PutTrustRoot>,
) -> Result<Json<TrustRoot>, Failure> {
    Ok(Json(imported::root(control.put_trust_root(&actor, &body.source).await?)))
}

pub(crate) async fn list(
    Caller { control, actor }: Caller,
) -> Result<Json<Page<TrustRoot>>, Failure> {
    Ok(Json(convert::list(control.trust_roots(&actor).await?, imported::root)))
}

pub(crate) async fn show(
    Caller { control, actor }: Caller,
    Path(name): Path<Name>,
) -> Result<Json<TrustRoot>, Failure> {
    Ok(Json(imported::root(control.trust_root(&actor, &name).await?)))
}

pub(crate) async fn remove(
    Caller { control, actor }: Caller,
    Path(name): Path<Name>,
) -> Result<StatusCode, Failure> {
    control.delete_trust_root(&actor, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
