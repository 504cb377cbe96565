//! Integrations: who is told of what happens.

use engine::{Name, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::form;

/// What is at the other end of an integration. What is secret of it is never shown again.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Target {
    /// A receiver of Standard Webhooks with `CloudEvents`.
    Webhook {
        /// Where to post to, `https://…`.
        address: String,
        /// What the events are in.
        #[serde(default)]
        format: WebhookFormat,
    },
    /// An incoming webhook of Slack, or of what understands the same.
    Slack {
        /// Where to post to. It is a secret: only its host is shown.
        address: String,
    },
    /// A webhook of Discord.
    Discord {
        /// Where to post to. It is a secret: only its host is shown.
        address: String,
    },
    /// People who read mail. Its secret is the password of the server, if that wants one.
    Email {
        /// The server: `smtps://HOST[:465]`, or `smtp://HOST[:587]` with `STARTTLS`. `smtp://HOST[:25]?tls=none` does
        /// without TLS, to hosts that the operator of the server allowed.
        server: String,
        /// Who it is from, as in `Muster <muster@example.com>`.
        from: String,
        /// Whom it is for, 1 to 20.
        to: Vec<String>,
        /// The name to log in under, if the server wants one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        username: Option<String>,
    },
    /// A server of Dependency-Track, which is handed the CycloneDX SBOMs of what is attested, as the project
    /// `PROJECT/MATERIAL`. Its secret is a key of its API that may upload BOMs and create projects.
    DependencyTrack {
        /// Where the server is, `https://…` without `/api`.
        address: String,
    },
    /// A bucket that GUAC collects from: SBOMs, OpenVEX documents and envelopes of attestations. Its secret is what opens
    /// the bucket, a JSON object.
    Guac {
        /// `s3://BUCKET[/PREFIX][?region=REGION&endpoint=URL&path-style=true]`.
        place: String,
    },
    /// A registry where attestations are pushed beside the images that they are about, as referrers. Its secret is a JSON
    /// object with `username` and `password`, if the registry wants them.
    Registry {
        /// `oci://HOST[:PORT]/REPOSITORY[?plain-http=true]`: the images in that repository and below it.
        place: String,
    },
}

/// What is in a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum WebhookFormat {
    /// Events of Muster's own, as `CloudEvents`.
    #[default]
    CloudEvents,
    /// `CDEvents`, as `CloudEvents`; the event of Muster's own is their custom data.
    CdEvents,
}

impl Target {
    /// The kind in lower case.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Webhook { .. } => "webhook",
            Self::Slack { .. } => "slack",
            Self::Discord { .. } => "discord",
            Self::Email { .. } => "email",
            Self::DependencyTrack { .. } => "dependency-track",
            Self::Guac { .. } => "guac",
            Self::Registry { .. } => "registry",
        }
    }
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target").field("kind", &self.kind()).finish_non_exhaustive()
    }
}

/// Makes an integration.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateIntegration {
    /// Its name.
    #[schema(value_type = form::Name)]
    pub name: Name,
    /// What is at the other end.
    pub target: Target,
    /// The names of the events to tell of, such as `verdict.failed`; one that ends in `*` names all that begin so.
    pub events: Vec<String>,
    /// What is secret of it, for kinds whose secret is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

impl std::fmt::Debug for CreateIntegration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreateIntegration")
            .field("name", &self.name)
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

/// Changes an integration; what is absent stays.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateIntegration {
    /// What is at the other end, of the same kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// The names of the events to tell of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<String>>,
    /// What is secret of it, for kinds whose secret is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

impl std::fmt::Debug for UpdateIntegration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UpdateIntegration")
            .field("target", &self.target)
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}

/// Stops sending to an integration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DisableIntegration {
    /// Why.
    #[schema(min_length = 1, max_length = 1000, pattern = "\\S")]
    pub reason: String,
}

/// An integration, without any secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Integration {
    /// Its name.
    #[schema(value_type = form::Name)]
    pub name: Name,
    /// What is at the other end.
    pub target: Target,
    /// The names of the events that it is told of.
    pub events: Vec<String>,
    /// When it was made.
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
    /// Until when the secret before the present one signs too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "date-time")]
    pub previous_until: Option<Timestamp>,
    /// Since when nothing is sent to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "date-time")]
    pub disabled_at: Option<Timestamp>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_reason: Option<String>,
}

/// An integration with its secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewIntegration {
    /// The integration.
    pub integration: Integration,
    /// The secret with which a receiver of webhooks checks signatures, shown only now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

impl std::fmt::Debug for NewIntegration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewIntegration")
            .field("integration", &self.integration)
            .finish_non_exhaustive()
    }
}
