//! Artifacts: whatever a digest names.

use api_types::{Attestation, Page};
use axum::Json;
use control::LineageQuestion;
use engine::Digest;
use engine::lineage::{Closure, Direction};
use serde::Deserialize;

use crate::convert;
use crate::error::Failure;
use crate::extract::{Caller, Path, Query};

const HOPS: u32 = 16;
const NODES: usize = 500;

/// How to walk.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Walk {
    direction: Option<Direction>,
    max_hops: Option<u32>,
    max_nodes: Option<usize>,
    as_of: Option<u64>,
}

pub(crate) async fn show(
    Caller { control, actor }: Caller,
    Path(digest): Path<Digest>,
) -> Result<Json<Page<Attestation>>, Failure> {
    Ok(Json(convert::list(control.attestations_of(&actor, digest).await?, convert::attestation)))
}

pub(crate) async fn lineage(
    Caller { control, actor }: Caller,
    Path(root): Path<Digest>,
    Query(walk): Query<Walk>,
) -> Result<Json<Closure>, Failure> {
    let question = LineageQuestion {
        root,
        direction: walk.direction.unwrap_or(Direction::Up),
        max_hops: walk.max_hops.unwrap_or(HOPS),
        max_nodes: walk.max_nodes.unwrap_or(NODES),
        as_of: walk.as_of,
    };
    Ok(Json(control.lineage(&actor, question).await?))
}
