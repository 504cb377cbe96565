//! Gates and their decisions.

use api_types::{Decide, Decisions, GateRevision, Page, PutDocument};
use axum::Json;
use engine::Name;

use crate::convert;
use crate::error::Failure;
use crate::extract::{self, Caller, Path};

pub(crate) async fn store(
    Caller { control, actor }: Caller,
    extract::Json(body): extract::Json<PutDocument>,
) -> Result<Json<GateRevision>, Failure> {
    let revision = control.put_gate(&actor, body.source, body.files).await?;
    Ok(Json(convert::gate(revision)))
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
