//! Deliveries.

use api_types as out;
use control as view;

pub(crate) const fn state(state: view::DeliveryState) -> out::DeliveryState {
    match state {
        view::DeliveryState::Pending => out::DeliveryState::Pending,
        view::DeliveryState::Delivered => out::DeliveryState::Delivered,
        view::DeliveryState::Dead => out::DeliveryState::Dead,
    }
}

pub(crate) const fn state_in(state: out::DeliveryState) -> view::DeliveryState {
    match state {
        out::DeliveryState::Pending => view::DeliveryState::Pending,
        out::DeliveryState::Delivered => view::DeliveryState::Delivered,
        out::DeliveryState::Dead => view::DeliveryState::Dead,
    }
}

pub(crate) fn shown(one: view::Delivery) -> out::Delivery {
    out::Delivery {
        id: one.id,
        integration: one.integration,
        event: one.event,
        event_type: one.event_type,
        state: state(one.state),
        attempts: one.attempts,
        due_at: one.due_at,
        status: one.status,
        failure: one.failure,
        created_at: one.created_at,
        attempted_at: one.attempted_at,
        settled_at: one.settled_at,
        log: one.log.into_iter().map(attempt).collect(),
    }
}

fn attempt(one: view::Attempt) -> out::Attempt {
    out::Attempt {
        began_at: one.began_at,
        duration_ms: one.duration_ms,
        status: one.status,
        failure: one.failure,
        excerpt: one.excerpt,
    }
}
