//! Whether a rule lets a job in, and if not, everything that it misses.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::TrustRule;
use super::claims::{claim, matches, texts};
use crate::Timestamp;
use crate::run::WorkflowPath;

/// Longest text of a claim that is repeated, in characters.
const SHOWN_CHARS_MAX: usize = 200;

/// One thing that a rule wanted and did not get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Miss {
    /// The claim; `workflow` for what was asked for, `age` for that of the token.
    pub claim: String,
    /// What would have done.
    pub wanted: Vec<String>,
    /// What there was; absent when there was nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub got: Option<String>,
}

/// Whether one of the grants, `PROJECT/WORKFLOW` with `*` for any text within a name, is about that workflow.
pub fn granted(grants: &[String], workflow: &WorkflowPath) -> bool {
    grants.iter().any(|grant| {
        grant.split_once('/').is_some_and(|(project, name)| {
            matches(project, workflow.project.as_str()) && matches(name, workflow.workflow.as_str())
        })
    })
}

impl TrustRule {
    /// Whether its jobs may run that workflow.
    pub fn grants(&self, workflow: &WorkflowPath) -> bool {
        granted(&self.grants, workflow)
    }

    /// Everything that the rule misses in a token, as of `now`; nothing when it lets the job in. Whether the token holds
    /// at all is not the rule's to say.
    pub fn misses(
        &self,
        claims: &Map<String, Value>,
        workflow: Option<&WorkflowPath>,
        now: Timestamp,
    ) -> Vec<Miss> {
        let said = |name: &str| claim(claims, name).map(texts).unwrap_or_default();
        let mut misses = Vec::new();
        // Never by pattern: a `*` in an address or an audience is one.
        for (name, wanted) in [("iss", &self.issuer.url), ("aud", &self.audience)] {
            let got = said(name);
            if !got.contains(wanted) {
                misses.push(Miss::new(name, std::slice::from_ref(wanted), &got));
            }
        }
        for (name, wanted) in &self.claims {
            let got = said(name);
            if !got.iter().any(|got| wanted.iter().any(|wanted| matches(wanted, got))) {
                misses.push(Miss::new(name, wanted, &got));
            }
        }
        misses.extend(self.too_old(claims, now));
        if let Some(workflow) = workflow.filter(|workflow| !self.grants(workflow)) {
            misses.push(Miss::new("workflow", &self.grants, &[workflow.to_string()]));
        }
        misses
    }

    fn too_old(&self, claims: &Map<String, Value>, now: Timestamp) -> Option<Miss> {
        let issued_at = claims.get("iat").and_then(Value::as_i64);
        let age = issued_at.map(|at| now.as_millis().div_euclid(1_000).saturating_sub(at));
        let max = i64::from(self.max_age_minutes) * 60;
        let minutes = |seconds: i64| format!("{} minutes", seconds.div_euclid(60));
        let wanted = format!("at most {} minutes", self.max_age_minutes);
        age.is_none_or(|age| age > max)
            .then(|| Miss::new("age", &[wanted], age.map(minutes).as_slice()))
    }

    /// Who the job is: the claims that the rule stands on, and those that say who ran what, where.
    pub fn identity(&self, claims: &Map<String, Value>) -> BTreeMap<String, String> {
        let known = self.issuer.identity_claims();
        let named = self.claims.keys().map(String::as_str);
        named
            .chain(known.iter().map(|name| &**name))
            .filter_map(|name| {
                let said = texts(claim(claims, name)?);
                (!said.is_empty()).then(|| (name.to_owned(), said.join(", ")))
            })
            .collect()
    }
}

impl Miss {
    fn new(claim: &str, wanted: &[String], got: &[String]) -> Self {
        let shown = |text: String| text.chars().take(SHOWN_CHARS_MAX).collect();
        let got = (!got.is_empty()).then(|| shown(got.join(", ")));
        Self { claim: claim.to_owned(), wanted: wanted.to_vec(), got }
    }
}
