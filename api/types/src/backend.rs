//! Backends: places that an organization keeps its blobs in.

use std::fmt;

use engine::id::BackendId;
use engine::{Digest, Name, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::form;

/// What opens a place for blobs. Never answered, and Debug shows nothing of it.
///
/// A JSON object: `username` and `password` for a registry; `access_key_id`, `secret_access_key` and maybe
/// `session_token` for a bucket.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object)]
pub struct BackendCredentials(pub serde_json::Value);

impl fmt::Debug for BackendCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BackendCredentials(…)")
    }
}

/// Makes a backend, once it was found to work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateBackend {
    /// Its name.
    #[schema(value_type = form::Name)]
    pub name: Name,
    /// Where it is: `oci://HOST[:PORT]/REPOSITORY[?plain-http=true]`,
    /// `s3://BUCKET[/PREFIX][?region=REGION&endpoint=URL&path-style=true]`, or `file:///DIRECTORY` for the operator.
    pub place: String,
    /// What opens it; absent where it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<BackendCredentials>,
}

/// Replaces what opens a backend, once it was found to open it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetBackendCredentials {
    /// What opens it from now on.
    pub credentials: BackendCredentials,
}

/// Gives a backend a role, which the one that had it loses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetBackendRole {
    /// The role.
    pub role: BackendRole,
}

/// Which new blobs a backend takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum BackendRole {
    /// All of them.
    Default,
    /// Those that the default cannot take because it does not answer.
    Fallback,
    /// None: it keeps what it has.
    None,
}

/// A place that an organization keeps its blobs in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Backend {
    /// Its identifier; its blobs are kept under it.
    #[schema(value_type = String, format = "uuid")]
    pub id: BackendId,
    /// Its name.
    #[schema(value_type = form::Name)]
    pub name: Name,
    /// Where it is.
    pub place: String,
    /// Whether it is opened with credentials.
    pub has_credentials: bool,
    /// Which new blobs it takes.
    pub role: BackendRole,
    /// How many blobs of the organization are in it.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many blobs left it whose bytes are still to be removed from it.
    pub removing: u64,
    /// Why it did not let go of one of them, when that was tried last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removal_failure: Option<String>,
    /// When it was made.
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
    /// When it was last looked at: every minute, and when somebody asks.
    #[schema(value_type = Option<String>, format = "date-time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked_at: Option<Timestamp>,
    /// Since when it does not work; absent while it does.
    #[schema(value_type = Option<String>, format = "date-time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// What is wrong with it then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// Moves blobs of the organization from one place to another, some of them in each request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MoveBlobs {
    /// The backend that they are in; absent for the store of the server.
    #[schema(value_type = Option<form::Name>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Name>,
    /// The backend that they are to be in; absent for the store of the server.
    #[schema(value_type = Option<form::Name>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Name>,
    /// The `next` of the answer before; absent to begin.
    #[schema(value_type = Option<form::Digest>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Digest>,
    /// Say only what would be moved.
    #[serde(default)]
    pub dry_run: bool,
}

/// What one request moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MovedBlobs {
    /// How many blobs are in the other place since.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Blobs that could not be moved, and stay where they are.
    pub unmoved: Vec<UnmovedBlob>,
    /// Where the next request has to go on; absent when all were looked at.
    #[schema(value_type = Option<form::Digest>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Digest>,
    /// How many blobs are still in the place that they are moved from.
    pub left_blobs: u64,
    /// Their bytes.
    pub left_bytes: u64,
}

/// A blob that could not be moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnmovedBlob {
    /// The blob.
    #[schema(value_type = form::Digest)]
    pub digest: Digest,
    /// Why.
    pub reason: String,
}

/// Looks for blobs in a place to which nothing refers, in some of it in each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SweepBlobs {
    /// The `next` of the answer before; absent to begin.
    #[schema(value_type = Option<form::Digest>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Digest>,
    /// Say only what would be removed.
    #[serde(default)]
    pub dry_run: bool,
}

/// What one request found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SweptBlobs {
    /// How many blobs it looked at.
    pub looked_at: u64,
    /// To how many of them nothing refers. They are removed some ten minutes later, unless somebody hands them in.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Where the next request has to go on; absent when all were looked at.
    #[schema(value_type = Option<form::Digest>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Digest>,
}
