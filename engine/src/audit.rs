//! The audit trail of an organization: events in a chain, so that none can be altered or removed unnoticed.
//!
//! Events have positions from 1 without a gap. An [`Entry`] is an event and the digest of its canonical form
//! ([RFC 8785](https://www.rfc-editor.org/rfc/rfc8785)), which includes the digest of the event before. Whoever kept a
//! [`Head`] can tell later whether everything up to it is still what it was: [`Chain`] walks the entries and names the
//! first that does not fit. It cannot tell a chain that was rewritten from its first altered event to its end, unless a
//! head noted elsewhere is given; that is what [`Chain::expect`] is for.

mod chain;

use std::fmt;
use std::str::FromStr;

pub use chain::{Break, Chain};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::canonical::{self, CanonicalError};
use crate::id::OrganizationId;
use crate::{Digest, Timestamp};

/// Who did, or tried to do, what to what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Whose chain it is in; none for that of the installation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<OrganizationId>,
    /// Its place in the chain, from 1.
    pub position: u64,
    /// The digest of the event before; none for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Digest>,
    /// Its identifier.
    pub id: Uuid,
    /// When.
    pub at: Timestamp,
    /// The log sequence number under which it was stored.
    pub seq: u64,
    /// Who: a token, a person, or a part of the server.
    pub actor: String,
    /// What, such as `contract.revise`.
    pub action: String,
    /// To what.
    pub target: String,
    /// What was there before; none for what is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What is there since; none for what is gone, and for an attempt that was denied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// Anything else worth keeping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Value>,
}

impl Event {
    /// The digest of its canonical form.
    pub fn digest(&self) -> Result<Digest, CanonicalError> {
        canonical::digest(self)
    }

    /// The event with its digest.
    pub fn seal(self) -> Result<Entry, CanonicalError> {
        Ok(Entry { digest: self.digest()?, event: self })
    }
}

/// An event and its digest, as they are stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The digest of the event.
    pub digest: Digest,
    /// The event.
    pub event: Event,
}

/// The end of a chain: everything up to there is fixed by it. Printed as `DIGEST@POSITION`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The position of the last event.
    pub position: u64,
    /// Its digest.
    pub digest: Digest,
}

/// Why a text is not a head.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not the head of a chain: expected DIGEST@POSITION, such as `sha256:…@42`")]
pub struct ParseHeadError(String);

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.digest, self.position)
    }
}

impl FromStr for Head {
    type Err = ParseHeadError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = |(digest, position): (&str, &str)| {
            let position = position.parse().ok().filter(|position| *position > 0)?;
            Some(Self { position, digest: digest.parse().ok()? })
        };
        text.rsplit_once('@')
            .and_then(parse)
            .ok_or_else(|| ParseHeadError(text.chars().take(120).collect()))
    }
}

/// One line of an exported trail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Line {
    /// The next event.
    Entry(Box<Entry>),
    /// A row that does not read as an event any more.
    Damaged(Damage),
    /// The end; nothing follows.
    End(End),
}

/// A row that does not read as an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Damage {
    /// The row's identifier.
    pub id: Uuid,
    /// Its place in the chain.
    pub position: u64,
    /// What is wrong with it.
    pub why: String,
}

/// How an exported trail ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Whose chain it is; none for that of the installation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<OrganizationId>,
    /// The head of the chain when the export began; none for a chain without events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Head>,
    /// Rows that are stored as events, and are in no chain; not all when there are many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outside: Vec<Uuid>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_prints_as_it_is_parsed() {
        let head = Head { position: 42, digest: Digest::of("event") };
        assert_eq!(head.to_string().parse(), Ok(head));
        let digest = Digest::of("event");
        for text in ["", "42", "@42", &digest.to_string(), &format!("{digest}@0"), "sha256:x@1"] {
            assert!(text.parse::<Head>().is_err(), "{text}");
        }
    }
}
