//! What is at the other end of an integration, and what of it is secret.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use trust::WEBHOOK_SECRET_BYTES;

use super::mail::Mail;
use crate::blobs::{BlobsConfig, Credentials, InvalidPlace};
use crate::outbound::Outbound;
use crate::{Error, Result, events};

/// Longest address, in bytes.
pub(super) const ADDRESS_BYTES_MAX: usize = 2_000;

/// What is at the other end. As it is stored and shown, without what is secret in it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Target {
    /// A receiver of Standard Webhooks with `CloudEvents`. Its secret is made here.
    Webhook {
        /// Where to post to.
        address: String,
        /// What the events are in.
        #[serde(default)]
        format: WebhookFormat,
    },
    /// An incoming webhook of Slack, or of what understands the same. The address is the secret.
    Slack {
        /// Where to post to; only the host of it is stored and shown.
        address: String,
    },
    /// A webhook of Discord. The address is the secret.
    Discord {
        /// Where to post to; only the host of it is stored and shown.
        address: String,
    },
    /// People who read mail. The password of the server is the secret, if it wants one.
    Email(Mail),
    /// A server of Dependency-Track, which is handed the CycloneDX SBOMs. The key of its API is the secret.
    DependencyTrack {
        /// Where the server is, without `/api`.
        address: String,
    },
    /// A bucket that GUAC collects from: SBOMs, OpenVEX and envelopes. What opens the bucket is the secret.
    Guac {
        /// `s3://BUCKET[/PREFIX][?region=REGION&endpoint=URL&path-style=true]`.
        place: String,
    },
    /// A registry where attestations are pushed beside the images that they are about. What opens it is the secret, if it
    /// is not open.
    Registry {
        /// `oci://HOST[:PORT]/REPOSITORY[?plain-http=true]`: the images in that repository and below it.
        place: String,
    },
}

/// What is in a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WebhookFormat {
    /// Events of Muster's own.
    #[default]
    CloudEvents,
    /// [CDEvents](https://cdevents.dev), with the event of Muster's own as their custom data.
    CdEvents,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("kind", &self.kind()).finish_non_exhaustive()
    }
}

/// A target that was looked at.
pub(super) struct Checked {
    /// Without what is secret in it.
    pub(super) target: Target,
    /// What is secret of it.
    pub(super) secret: Option<Vec<u8>>,
    /// What the receiver has to be told of the secret, once.
    pub(super) shown: Option<String>,
}

impl Target {
    /// The kind in lower case.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Webhook { .. } => "webhook",
            Self::Slack { .. } => "slack",
            Self::Discord { .. } => "discord",
            Self::Email(_) => "email",
            Self::DependencyTrack { .. } => "dependency-track",
            Self::Guac { .. } => "guac",
            Self::Registry { .. } => "registry",
        }
    }

    /// Whether it can be told of events of that name: evidence is of attestations.
    pub(super) fn takes(&self, event: &str) -> bool {
        let any = matches!(
            self,
            Self::Webhook { .. } | Self::Slack { .. } | Self::Discord { .. } | Self::Email(_)
        );
        any || event == events::ATTESTATION_RECEIVED || event.starts_with("verdict.")
    }

    /// Whether its secret is made here, and not given.
    pub(super) const fn makes_its_secret(&self) -> bool {
        matches!(self, Self::Webhook { .. })
    }

    /// Whether the secret of `old` is one of this target too: it is never sent to where it was not given for.
    pub(super) fn shares_secret(&self, old: &Self) -> bool {
        match (self, old) {
            (Self::Email(new), Self::Email(old)) => {
                new.username.is_some()
                    && (&new.server, &new.username) == (&old.server, &old.username)
            }
            (Self::Webhook { .. }, Self::Webhook { .. }) => true,
            (Self::DependencyTrack { .. }, Self::DependencyTrack { .. })
            | (Self::Guac { .. }, Self::Guac { .. })
            | (Self::Registry { .. }, Self::Registry { .. }) => self == old,
            _ => false,
        }
    }

    /// The target as it may be stored, given what the administrator said about its secret; `kept` is whether the secret
    /// that is stored stays.
    pub(super) fn checked(
        self,
        outbound: &Outbound,
        secret: Option<&str>,
        kept: bool,
    ) -> Result<Checked> {
        self.check_secret(secret)?;
        Ok(match self {
            Self::Webhook { address, format } => {
                let address = address_of(outbound, &address)?.to_string();
                let key = random_key()?;
                let shown = Some(trust::webhook_secret(&key));
                let target = Self::Webhook { address, format };
                Checked { target, secret: Some(key.into()), shown }
            }
            Self::Slack { address } => {
                let (address, secret) = hidden(outbound, address)?;
                Checked { target: Self::Slack { address }, secret: Some(secret), shown: None }
            }
            Self::Discord { address } => {
                let (address, secret) = hidden(outbound, address)?;
                Checked { target: Self::Discord { address }, secret: Some(secret), shown: None }
            }
            Self::Email(mail) => {
                mail.checked(outbound, kept || secret.is_some())?;
                let secret = secret.map(|secret| secret.as_bytes().to_vec());
                Checked { target: Self::Email(mail), secret, shown: None }
            }
            Self::DependencyTrack { address } => {
                let secret = given(secret, kept, "the key of the API")?;
                let address = base_of(outbound, &address)?;
                Checked { target: Self::DependencyTrack { address }, secret, shown: None }
            }
            Self::Guac { place } => {
                let secret = given(secret, kept, "what opens the bucket")?;
                let place = bucket_of(outbound, &place, secret.as_deref())?;
                Checked { target: Self::Guac { place }, secret, shown: None }
            }
            Self::Registry { place } => {
                let place = registry_of(outbound, &place, secret)?;
                let secret = secret.map(|secret| secret.trim().as_bytes().to_vec());
                Checked { target: Self::Registry { place }, secret, shown: None }
            }
        })
    }

    fn check_secret(&self, secret: Option<&str>) -> Result<()> {
        let message = match self {
            _ if secret.is_none() => return Ok(()),
            Self::Webhook { .. } => "the secret of a webhook is made here: give none",
            Self::Slack { .. } | Self::Discord { .. } => "the address is the secret: give no other",
            Self::Email(_) if secret.is_some_and(str::is_empty) => "the password is empty",
            Self::Email(_)
            | Self::DependencyTrack { .. }
            | Self::Guac { .. }
            | Self::Registry { .. } => return Ok(()),
        };
        Err(Error::invalid(message))
    }

    /// The forms in which a receiver could echo a secret.
    pub(crate) fn spelled(secret: &[u8]) -> Vec<String> {
        let text = std::str::from_utf8(secret).ok().map(ToOwned::to_owned);
        std::iter::once(STANDARD.encode(secret)).chain(text).collect()
    }
}

fn address_of(outbound: &Outbound, address: &str) -> Result<reqwest::Url> {
    if address.len() > ADDRESS_BYTES_MAX {
        let message = format!("an address has at most {ADDRESS_BYTES_MAX} bytes");
        return Err(Error::invalid(message));
    }
    outbound.check(address).map_err(|refused| Error::invalid(refused.to_string()))
}

/// A secret that has to be given, unless the one that is stored stays.
fn given(secret: Option<&str>, kept: bool, what: &str) -> Result<Option<Vec<u8>>> {
    match secret.map(str::trim) {
        Some("") => Err(Error::invalid(format!("{what} is empty"))),
        None if !kept => Err(Error::invalid(format!("{what} is missing"))),
        secret => Ok(secret.map(|secret| secret.as_bytes().to_vec())),
    }
}

/// The address of a server, to which paths are added.
fn base_of(outbound: &Outbound, address: &str) -> Result<String> {
    let url = address_of(outbound, address)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(Error::invalid("the address of a server has no query: expected https://HOST"));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

fn bucket_of(outbound: &Outbound, place: &str, secret: Option<&[u8]>) -> Result<String> {
    let wrong = |error: InvalidPlace| Error::invalid(error.to_string());
    let place: BlobsConfig = place.parse().map_err(wrong)?;
    if !matches!(place, BlobsConfig::S3(_)) {
        return Err(Error::invalid(format!("`{place}` is no bucket: expected s3://BUCKET")));
    }
    if let Some(url) = place.url() {
        outbound.check(&url).map_err(|refused| Error::invalid(refused.to_string()))?;
    }
    let text = secret.map(|secret| String::from_utf8_lossy(secret));
    match text.map(|text| Credentials::parse(&text)).transpose() {
        Ok(None | Some(Credentials::Keys { .. })) => Ok(place.to_string()),
        Ok(Some(_)) => Err(Error::invalid("a bucket is opened with an access key")),
        Err(error) => Err(Error::invalid(error.to_string())),
    }
}

fn registry_of(outbound: &Outbound, place: &str, secret: Option<&str>) -> Result<String> {
    let wrong = |error: InvalidPlace| Error::invalid(error.to_string());
    let place: BlobsConfig = place.parse().map_err(wrong)?;
    if !matches!(place, BlobsConfig::Registry { .. }) {
        let message = format!("`{place}` is no registry: expected oci://HOST/REPOSITORY");
        return Err(Error::invalid(message));
    }
    if let Some(url) = place.url() {
        outbound.check(&url).map_err(|refused| Error::invalid(refused.to_string()))?;
    }
    match secret.map(Credentials::parse).transpose() {
        Ok(None | Some(Credentials::Password { .. })) => Ok(place.to_string()),
        Ok(Some(_)) => Err(Error::invalid("a registry is entered with a user name and a password")),
        Err(error) => Err(Error::invalid(error.to_string())),
    }
}

/// What may be shown of an address that is a secret, and the whole of it.
fn hidden(outbound: &Outbound, address: String) -> Result<(String, Vec<u8>)> {
    let origin = address_of(outbound, &address)?.origin().ascii_serialization();
    Ok((format!("{origin}/…"), address.into_bytes()))
}

fn random_key() -> Result<[u8; WEBHOOK_SECRET_BYTES]> {
    let mut key = [0; WEBHOOK_SECRET_BYTES];
    getrandom::fill(&mut key).map_err(|error| Error::internal(error.to_string()))?;
    Ok(key)
}
