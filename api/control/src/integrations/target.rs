//! What is at the other end of an integration, and what of it is secret.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use trust::WEBHOOK_SECRET_BYTES;

use crate::outbound::Outbound;
use crate::{Error, Result};

/// Longest address, in bytes.
const ADDRESS_BYTES_MAX: usize = 2_000;

/// What is at the other end. As it is stored and shown, without what is secret in it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Target {
    /// A receiver of Standard Webhooks with `CloudEvents`. Its secret is made here.
    Webhook {
        /// Where to post to.
        address: String,
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
        }
    }

    /// Whether its secret is made here, and not given.
    pub(super) const fn makes_its_secret(&self) -> bool {
        matches!(self, Self::Webhook { .. })
    }

    /// The target as it may be stored, given what the administrator said about its secret.
    pub(super) fn checked(self, outbound: &Outbound, secret: Option<&str>) -> Result<Checked> {
        if secret.is_some() {
            return Err(Error::invalid(match self {
                Self::Webhook { .. } => "the secret of a webhook is made here: give none",
                Self::Slack { .. } | Self::Discord { .. } => {
                    "the address is the secret: give no other"
                }
            }));
        }
        Ok(match self {
            Self::Webhook { address } => {
                let address = address_of(outbound, &address)?.to_string();
                let key = random_key()?;
                let shown = Some(trust::webhook_secret(&key));
                Checked { target: Self::Webhook { address }, secret: Some(key.into()), shown }
            }
            Self::Slack { address } => {
                let (address, secret) = hidden(outbound, address)?;
                Checked { target: Self::Slack { address }, secret: Some(secret), shown: None }
            }
            Self::Discord { address } => {
                let (address, secret) = hidden(outbound, address)?;
                Checked { target: Self::Discord { address }, secret: Some(secret), shown: None }
            }
        })
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
