//! Trust rules: which jobs of which CI system may run which workflows, by what their issuer says about them.
//!
//! A rule stands on at least one claim that an issuer never gives to someone else. A rule on names alone would let in
//! whoever takes a name over: a deleted organization, a renamed repository.

mod claims;
mod issuer;
mod matching;

use std::collections::BTreeMap;

pub use claims::{claim, matches, texts};
pub use issuer::{Issuer, IssuerKind};
pub use matching::{Miss, granted};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::canonical::{self, CanonicalError};
use crate::document::{Diagnostic, Document, InvalidDocument, Metadata, pointer};
use crate::{Digest, Name, schema};

/// Most rules of one organization.
pub const TRUST_RULES_MAX: usize = 200;
/// How old a token may be where the rule does not say, in minutes.
pub const AGE_MINUTES: u32 = 60;

/// A trust rule as its author wrote it, checked against its schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustRule {
    /// Its name.
    pub name: Name,
    /// Who issues the tokens.
    pub issuer: Issuer,
    /// For whom the tokens must be.
    pub audience: String,
    /// The workflows that the jobs may run, `PROJECT/WORKFLOW` with `*` for any text within a name.
    pub grants: Vec<String>,
    /// What the tokens must say: of each claim one of the values, in which `*` is any text.
    pub claims: BTreeMap<String, Vec<String>>,
    /// How old a token may be, in minutes.
    pub max_age_minutes: u32,
}

#[derive(Deserialize)]
struct RuleDocument {
    metadata: Metadata,
    spec: Spec,
}

#[derive(Deserialize)]
struct Spec {
    issuer: issuer::Written,
    audience: String,
    grants: Vec<String>,
    claims: Map<String, Value>,
    max_age_minutes: Option<u32>,
}

impl TrustRule {
    /// Reads a `kind: TrustRule` document and says everything that is wrong with it.
    pub fn parse(document: &Document) -> Result<Self, InvalidDocument> {
        schema::check(&schema::TRUST_RULE_FORM, document)?;
        let RuleDocument { metadata, spec } = serde_json::from_value(document.value().clone())
            .map_err(|error| document.diagnostic("", error.to_string()))?;
        let claims = spec.claims.iter().map(|(name, value)| (name.clone(), texts(value)));
        let rule = Self {
            name: metadata.name,
            issuer: Issuer::of(spec.issuer, document)?,
            audience: spec.audience,
            grants: spec.grants,
            claims: claims.collect(),
            max_age_minutes: spec.max_age_minutes.unwrap_or(AGE_MINUTES),
        };
        InvalidDocument::unless_empty(rule.problems(document))?;
        Ok(rule)
    }

    /// The digest of the canonical form.
    pub fn digest(&self) -> Result<Digest, CanonicalError> {
        canonical::digest(self)
    }

    /// What a schema cannot say.
    fn problems(&self, document: &Document) -> Vec<Diagnostic> {
        let mut problems = self.issuer.problems(document);
        for (index, grant) in self.grants.iter().enumerate() {
            if !is_grant(grant) {
                let at = format!("/spec/grants/{index}");
                let message = format!("`{grant}` is not PROJECT/WORKFLOW");
                let hint = "write it as `web/release` or `web/*`";
                problems.push(document.diagnostic(&at, message).with_hint(hint));
            }
        }
        for name in self.claims.keys().filter(|name| matches!(name.as_str(), "iss" | "aud")) {
            let at = pointer("/spec/claims", name);
            let message = format!("`{name}` is checked by `issuer` and `audience`");
            problems.push(document.diagnostic(&at, message).with_hint("remove it"));
        }
        if !self.claims.iter().any(|(name, values)| self.issuer.anchors(name, values)) {
            problems.push(self.unanchored(document));
        }
        problems
    }

    /// Why a rule without a firm claim is refused.
    fn unanchored(&self, document: &Document) -> Diagnostic {
        let immutable = self.issuer.immutable_claims();
        let loose: Vec<&str> = self
            .claims
            .keys()
            .map(String::as_str)
            .filter(|name| immutable.iter().any(|known| known == name))
            .collect();
        let message = if loose.is_empty() {
            let names: Vec<String> = self.claims.keys().map(|name| format!("`{name}`")).collect();
            format!(
                "the rule stands on {} alone, which can pass to someone else: whoever takes such a name over would be let in",
                names.join(", ")
            )
        } else {
            format!(
                "the rule leaves `{}` open with a `*`: it would let in others too",
                loose.join("`, `")
            )
        };
        let hint = format!("require one of {} with an exact value", immutable.join(", "));
        document.key_diagnostic("/spec/claims", message).with_hint(hint)
    }
}

/// `PROJECT/WORKFLOW` in which names may have `*`.
pub fn is_grant(text: &str) -> bool {
    let legal = |part: &str| {
        let known =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'*');
        (1..=63).contains(&part.len()) && part.bytes().all(known)
    };
    text.split_once('/').is_some_and(|(project, workflow)| legal(project) && legal(workflow))
}
