//! Integrations.

use api_types as out;
use control as view;

pub(crate) fn target(one: view::Target) -> out::Target {
    match one {
        view::Target::Webhook { address, format } => {
            let format = match format {
                view::WebhookFormat::CloudEvents => out::WebhookFormat::CloudEvents,
                view::WebhookFormat::CdEvents => out::WebhookFormat::CdEvents,
            };
            out::Target::Webhook { address, format }
        }
        view::Target::DependencyTrack { address } => out::Target::DependencyTrack { address },
        view::Target::Guac { place } => out::Target::Guac { place },
        view::Target::Registry { place } => out::Target::Registry { place },
        view::Target::Slack { address } => out::Target::Slack { address },
        view::Target::Discord { address } => out::Target::Discord { address },
        view::Target::Email(view::Mail { server, from, to, username }) => {
            out::Target::Email { server, from, to, username }
        }
    }
}

pub(crate) fn target_in(one: out::Target) -> view::Target {
    match one {
        out::Target::Webhook { address, format } => {
            let format = match format {
                out::WebhookFormat::CloudEvents => view::WebhookFormat::CloudEvents,
                out::WebhookFormat::CdEvents => view::WebhookFormat::CdEvents,
            };
            view::Target::Webhook { address, format }
        }
        out::Target::DependencyTrack { address } => view::Target::DependencyTrack { address },
        out::Target::Guac { place } => view::Target::Guac { place },
        out::Target::Registry { place } => view::Target::Registry { place },
        out::Target::Slack { address } => view::Target::Slack { address },
        out::Target::Discord { address } => view::Target::Discord { address },
        out::Target::Email { server, from, to, username } => {
            view::Target::Email(view::Mail { server, from, to, username })
        }
    }
}

pub(crate) fn update_in(one: out::UpdateIntegration) -> view::IntegrationUpdate {
    let out::UpdateIntegration { target, events, secret } = one;
    view::IntegrationUpdate { target: target.map(target_in), events, secret }
}

pub(crate) fn shown(one: view::Integration) -> out::Integration {
    out::Integration {
        name: one.name,
        target: target(one.target),
        events: one.events,
        created_at: one.created_at,
        previous_until: one.previous_until,
        disabled_at: one.disabled_at,
        disabled_reason: one.disabled_reason,
    }
}

pub(crate) fn made(one: view::NewIntegration) -> out::NewIntegration {
    out::NewIntegration { integration: shown(one.integration), secret: one.secret }
}
