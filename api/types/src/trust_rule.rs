//! Trust rules: which CI jobs are let in without a secret.

use std::fmt;

use engine::id::TrustRuleId;
use engine::trust_rule::Miss;
use engine::{Digest, Name, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::form;

/// Makes a trust rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateTrustRule {
    /// The `kind: TrustRule` document, YAML or JSON.
    pub source: String,
}

/// A rule under which CI jobs are let in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrustRule {
    /// Its identifier.
    #[schema(value_type = String, format = "uuid")]
    pub id: TrustRuleId,
    /// Who issues the tokens, what they must say, and which workflows their jobs may run.
    #[schema(value_type = Object)]
    pub rule: engine::TrustRule,
    /// The digest of its canonical form.
    #[schema(value_type = form::Digest)]
    pub digest: Digest,
    /// When it was made.
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
}

/// Asks which rule lets an identity token in. The token is not spent.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainToken {
    /// The identity token.
    pub token: String,
    /// The workflow that its job is to run, `project/workflow`; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
}

impl fmt::Debug for ExplainToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExplainToken").field("workflow", &self.workflow).finish_non_exhaustive()
    }
}

/// Why an identity token lets a CI job in or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// The rule that lets it in; absent when it is not let in.
    #[schema(value_type = Option<form::Name>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Name>,
    /// Who the token says issued it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Why it is not accepted, whatever the rules say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<ExplainedRefusal>,
    /// What each rule missed, by name; of a token that does not verify, in what it claims.
    pub rules: Vec<ExplainedRule>,
}

/// Why an identity token is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExplainedRefusal {
    /// The stable name of the step, such as `signature` or `replay`.
    pub step: String,
    /// What is wrong.
    pub message: String,
}

/// What one rule missed in an identity token; nothing when it lets it in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExplainedRule {
    /// The rule.
    #[schema(value_type = form::Name)]
    pub name: Name,
    /// What it missed: the claim, what would have done, and what there was.
    #[schema(value_type = Vec<Object>)]
    pub misses: Vec<Miss>,
}
