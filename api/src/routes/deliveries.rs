//! Deliveries.

use api_types::{Delivery, DeliveryState, Page};
use axum::Json;
use engine::Name;
use engine::id::DeliveryId;
use serde::Deserialize;

use super::runs::PAGE;
use crate::convert::{self, delivery};
use crate::error::Failure;
use crate::extract::{Caller, Path, Query};

/// Which deliveries.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    integration: Option<Name>,
    state: Option<DeliveryState>,
    after: Option<String>,
    limit: Option<usize>,
}

pub(crate) async fn list(
    Caller { control, actor }: Caller,
    Query(which): Query<Which>,
) -> Result<Json<Page<Delivery>>, Failure> {
    let Which { integration, state, after, limit } = which;
    let state = state.map(delivery::state_in);
    let limit = limit.unwrap_or(PAGE);
    let page =
        control.deliveries(&actor, integration.as_ref(), state, after.as_deref(), limit).await?;
    Ok(Json(convert::page(page, delivery::shown)))
}

pub(crate) async fn show(
    Caller { control, actor }: Caller,
    Path(id): Path<DeliveryId>,
) -> Result<Json<Delivery>, Failure> {
    Ok(Json(delivery::shown(control.delivery(&actor, id).await?)))
}

pub(crate) async fn redeliver(
    Caller { control, actor }: Caller,
    Path(id): Path<DeliveryId>,
) -> Result<Json<Delivery>, Failure> {
    Ok(Json(delivery::shown(control.redeliver(&actor, id).await?)))
}
