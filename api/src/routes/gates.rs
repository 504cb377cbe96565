//! Gates and their decisions.

use api_types::{Decide, Decisions, GateRevision, Page, PutDocument};
use axum::Json;
use axum::http::HeaderMap;
use axum::response::Response;
use engine::Name;

use crate::error::Failure;
use crate::extract::{self, Caller, Path};
use crate::{conditional, convert};

pub(crate) async fn store(
    Caller { control, actor }: Caller,
    headers: HeaderMap,
    extract::Json(body): extract::Json<PutDocument>,
) -> Result<Response, Failure> {
    let (PutDocument { source, files }, over) = (body, conditional::over(&headers)?);
    let revision = control.put_gate_over(&actor, source, files, over).await?;
    Ok(tagged(&HeaderMap::new(), revision))
}

pub(crate) async fn show(
    Caller { control, actor }: Caller,
    Path(name): Path<Name>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    Ok(tagged(&headers, control.gate(&actor, &name).await?))
}

fn tagged(headers: &HeaderMap, revision: control::GateRevision) -> Response {
    let tag = revision.tag();
    conditional::answer(headers, &tag, Json(convert::gate(revision)))
}

pub(crate) async fn list(
    Caller { control, actor }: Caller,
) -> Result<Json<Page<GateRevision>>, Failure> {
    Ok(Json(convert::list(control.gates(&actor).await?, convert::gate)))
}

pub(crate) async fn decide(
    Caller { control, actor }: Caller,
    Path(name): Path<Name>,
    extract::Json(body): extract::Json<Decide>,
) -> Result<Json<Decisions>, Failure> {
    let decisions = control.decide(&actor, &name, &body.digests, body.as_of).await?;
    Ok(Json(Decisions { decisions }))
}
