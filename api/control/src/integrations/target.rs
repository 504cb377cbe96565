//! What is at the other end of an integration, and what of it is secret.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use trust::WEBHOOK_SECRET_BYTES;

use super::mail::Mail;
use crate::outbound::Outbound;
use crate::{Error, Result};

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
        }
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
            Self::Email(mail) => {
                mail.checked(outbound, kept || secret.is_some())?;
                let secret = secret.map(|secret| secret.as_bytes().to_vec());
                Checked { target: Self::Email(mail), secret, shown: None }
            }
        })
    }

    fn check_secret(&self, secret: Option<&str>) -> Result<()> {
        let message = match self {
            _ if secret.is_none() => return Ok(()),
            Self::Webhook { .. } => "the secret of a webhook is made here: give none",
            Self::Slack { .. } | Self::Discord { .. } => "the address is the secret: give no other",
            Self::Email(_) if secret.is_some_and(str::is_empty) => "the password is empty",
            Self::Email(_) => return Ok(()),
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
