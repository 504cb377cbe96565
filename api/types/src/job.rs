//! CI jobs that are let in without a secret.

use std::collections::BTreeMap;
use std::fmt;

use engine::id::RunId;
use engine::{Name, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::form;

/// The grant of an exchange ([RFC 8693](https://www.rfc-editor.org/rfc/rfc8693#section-2.1)).
pub const EXCHANGE_GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// What an identity token may be called ([RFC 8693](https://www.rfc-editor.org/rfc/rfc8693#section-3)).
pub const JWT_TYPE: &str = "urn:ietf:params:oauth:token-type:jwt";
/// What else an identity token may be called.
pub const ID_TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:id_token";
/// What a token of ours is called.
pub const ACCESS_TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:access_token";

/// Exchanges an identity token of a CI system for a token that is good for one run of one workflow; sent as a form
/// ([RFC 8693](https://www.rfc-editor.org/rfc/rfc8693#section-2.1)).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExchangeToken {
    /// `urn:ietf:params:oauth:grant-type:token-exchange`.
    pub grant_type: String,
    /// The identity token, a signed JWT. It can be exchanged once.
    pub subject_token: String,
    /// `urn:ietf:params:oauth:token-type:jwt` or `…:id_token`.
    pub subject_token_type: String,
    /// The organization whose trust rules are to let the job in.
    #[schema(value_type = form::Name)]
    pub organization: Name,
    /// The workflow that the job runs.
    #[schema(value_type = form::WorkflowPath)]
    pub workflow: String,
    /// The open run that the same job goes on with, and whose token ends; a token to open a run when absent.
    #[schema(value_type = Option<String>, format = "uuid")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
}

impl fmt::Debug for ExchangeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExchangeToken").field("workflow", &self.workflow).finish_non_exhaustive()
    }
}

/// The token that a CI job was given ([RFC 8693](https://www.rfc-editor.org/rfc/rfc8693#section-2.2)).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExchangedToken {
    /// The secret, `muster_pat_…`.
    pub access_token: String,
    /// `urn:ietf:params:oauth:token-type:access_token`.
    pub issued_token_type: String,
    /// `Bearer`.
    pub token_type: String,
    /// For how many seconds it may be used.
    pub expires_in: u64,
}

impl fmt::Debug for ExchangedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ExchangedToken");
        shown.field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}

/// A CI job that was let in by a trust rule: who it is by the word of its issuer, which was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Job {
    /// The rule, which may have been deleted since.
    #[schema(value_type = form::Name)]
    pub rule: Name,
    /// Which CI system it ran on, such as `github`.
    pub kind: String,
    /// Who says who it is.
    pub issuer: String,
    /// What its issuer calls it.
    pub subject: String,
    /// The claims that the rule stands on, and those that say who ran what, where.
    pub claims: BTreeMap<String, String>,
    /// When it was let in.
    #[schema(value_type = String, format = "date-time")]
    pub admitted_at: Timestamp,
}
