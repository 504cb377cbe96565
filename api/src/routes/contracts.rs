//! Contracts.

use api_types::{ContractRevision, Page, PutDocument};
use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use engine::Name;
use serde::Deserialize;

use crate::error::Failure;
use crate::extract::{self, Caller, Deleted, Path, Query};
use crate::{conditional, convert};

/// Which revision.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    revision: Option<u32>,
}

pub(crate) async fn store(
    Caller { control, actor }: Caller,
    headers: HeaderMap,
    extract::Json(body): extract::Json<PutDocument>,
) -> Result<Response, Failure> {
    let expected = conditional::over(&headers)?;
    let PutDocument { source, files } = body;
    let revision = control.put_contract_over(&actor, source, files, expected).await?;
    Ok(tagged(&HeaderMap::new(), revision))
}

pub(crate) async fn list(
    Caller { control, actor }: Caller,
    Query(Deleted { deleted }): Query<Deleted>,
) -> Result<Json<Page<ContractRevision>>, Failure> {
    Ok(Json(convert::list(control.contracts(&actor, deleted).await?, convert::contract)))
}

pub(crate) async fn remove(
    Caller { control, actor }: Caller,
    Path(name): Path<Name>,
) -> Result<StatusCode, Failure> {
    control.delete_contract(&actor, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn restore(
    Caller { control, actor }: Caller,
    Path(name): Path<Name>,
) -> Result<Json<ContractRevision>, Failure> {
    Ok(Json(convert::contract(control.restore_contract(&actor, &name).await?)))
}

pub(crate) async fn show(
    Caller { control, actor }: Caller,
    Path(name): Path<Name>,
    Query(Which { revision }): Query<Which>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let revision = control.contract(&actor, &name, revision).await?;
    Ok(tagged(&headers, revision))
}

fn tagged(headers: &HeaderMap, revision: control::ContractRevision) -> Response {
    let tag = revision.tag();
    conditional::answer(headers, &tag, Json(convert::contract(revision)))
}
