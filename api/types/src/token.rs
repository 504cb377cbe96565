//! API tokens.

use std::fmt;

use engine::id::TokenId;
use engine::{Name, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::form;

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Make and list organizations. Only tokens of the instance have it.
    Instance,
    /// Change projects, workflows, contracts, gates, keys and tokens of the organization.
    Admin,
    /// Open runs, store evidence, push attestations.
    Attest,
    /// Read everything of the organization, ask gates.
    Read,
    /// Run one workflow once. Only tokens that CI jobs were given have it.
    Job,
    /// What the role of a person allows. Only the tokens of people who logged in have it.
    Session,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Instance => "instance",
            Self::Admin => "admin",
            Self::Attest => "attest",
            Self::Read => "read",
            Self::Job => "job",
            Self::Session => "session",
        })
    }
}

/// Makes a token for the organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateToken {
    /// Its name.
    #[schema(value_type = form::Name)]
    pub name: Name,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it ends; never when absent.
    #[schema(value_type = Option<String>, format = "date-time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The workflows that alone it is good for, `PROJECT/WORKFLOW` with `*` for any text within a name. With other scopes
    /// than `attest` they are whole projects, `PROJECT/*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<form::Grant>>, min_items = 1, max_items = 100)]
    pub grants: Option<Vec<String>>,
}

/// An API token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// Its identifier.
    #[schema(value_type = String, format = "uuid")]
    pub id: TokenId,
    /// Its name.
    #[schema(value_type = form::Name)]
    pub name: Name,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it was made.
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
    /// When it ends.
    #[schema(value_type = Option<String>, format = "date-time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[schema(value_type = Option<String>, format = "date-time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    #[schema(value_type = Option<String>, format = "date-time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Timestamp>,
    /// The workflows that alone it is good for; absent where it is not restricted so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<form::Grant>>, max_items = 100)]
    pub grants: Option<Vec<String>>,
}

/// A token with its secret, which is shown this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewToken {
    /// The token.
    pub token: Token,
    /// The secret, `muster_pat_…`.
    pub secret: String,
}

impl fmt::Debug for NewToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewToken").field("token", &self.token).finish_non_exhaustive()
    }
}
