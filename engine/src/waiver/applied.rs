//! What waivers make of a judgement.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{WAIVERS_MAX, Waiver};
use crate::evaluation::{Evaluation, Violation};
use crate::run::Workflow;
use crate::{Digest, Name, Timestamp};

/// A violation that a waiver accepts: visible, and no failure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waived {
    /// The violation.
    pub violation: Violation,
    /// The name of the waiver.
    pub waiver: Name,
    /// The digest of the waiver.
    pub waiver_digest: Digest,
}

/// A waiver that reaches the run, and what it did there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Applied {
    /// Its name.
    pub name: Name,
    /// Its digest.
    pub digest: Digest,
    /// Why the violations are accepted.
    pub reason: String,
    /// From when on it does not hold any more.
    pub expires_at: Timestamp,
    /// Whether it did anything.
    pub standing: Standing,
    /// How many violations it accepted.
    pub violations: u64,
}

/// Whether a waiver did anything in a judgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// It accepted violations.
    Used,
    /// It held, and matched nothing.
    Unused,
    /// It did not hold any more.
    Expired,
    /// It did not hold yet.
    Early,
}

impl Standing {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Used => "used",
            Self::Unused => "unused",
            Self::Expired => "expired",
            Self::Early => "early",
        }
    }
}

/// What waivers know of a run.
#[derive(Debug, Default)]
pub(crate) struct Run {
    /// Which workflow ran.
    pub(crate) workflow: Option<Workflow>,
    /// The digests of its materials.
    pub(crate) materials: BTreeSet<Digest>,
    /// Those that the contract makes outputs.
    pub(crate) outputs: BTreeSet<Digest>,
}

/// The waivers of one judgement, in an order that does not depend on how they came.
#[derive(Debug, Default)]
pub(crate) struct Waivers {
    run: Run,
    reaching: Vec<(Digest, Waiver)>,
    problem: Option<String>,
}

impl Waivers {
    /// No waivers yet, for this run.
    pub(crate) const fn none(run: Run) -> Self {
        Self { run, reaching: Vec::new(), problem: None }
    }

    /// Those of `waivers` that reach the run, the longest-lived first.
    pub(crate) fn with(self, waivers: Vec<Waiver>) -> Self {
        let Self { run, .. } = self;
        if waivers.len() > WAIVERS_MAX {
            let problem = format!(
                "there are {} waivers, more than the limit of {WAIVERS_MAX}",
                waivers.len()
            );
            return Self { run, reaching: Vec::new(), problem: Some(problem) };
        }
        let (mut reaching, mut problem) = (Vec::new(), None);
        for waiver in waivers.into_iter().filter(|waiver| waiver.on.reaches(&run)) {
            match waiver.digest() {
                Ok(digest) => reaching.push((digest, waiver)),
                Err(error) => problem = Some(format!("the waiver `{}`: {error}", waiver.name)),
            }
        }
        reaching.sort_by(|(a, first), (b, second)| {
            second.expires_at.cmp(&first.expires_at).then(a.cmp(b))
        });
        reaching.dedup_by_key(|(digest, _)| *digest);
        Self { run, reaching, problem }
    }

    /// Why nothing is proven.
    pub(crate) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// Moves what is accepted as of `at` from the violations of `evaluation` to what it has waived.
    pub(crate) fn apply(&self, evaluation: &mut Evaluation, at: Timestamp) {
        let accepting: Vec<_> = self
            .reaching
            .iter()
            .filter(|(_, waiver)| standing(waiver, at) == Standing::Unused)
            .filter(|(_, waiver)| waiver.on.covers(&self.run, &evaluation.subject))
            .flat_map(|held| held.1.accepts.iter().map(move |accepts| (held, accepts)))
            .filter(|(_, accepts)| accepts.policy.as_str() == evaluation.policy)
            .collect();
        if accepting.is_empty() {
            return;
        }
        for violation in std::mem::take(&mut evaluation.violations) {
            match accepting.iter().find(|(_, accepts)| accepts.names(&violation)) {
                None => evaluation.violations.push(violation),
                Some(((digest, waiver), _)) => evaluation.waived.push(Waived {
                    violation,
                    waiver: waiver.name.clone(),
                    waiver_digest: *digest,
                }),
            }
        }
    }

    /// What each waiver that reaches the run did as of `at`, by name.
    pub(crate) fn applied(&self, evaluations: &[Evaluation], at: Timestamp) -> Vec<Applied> {
        let mut counts: BTreeMap<Digest, u64> = BTreeMap::new();
        for waived in evaluations.iter().flat_map(|evaluation| &evaluation.waived) {
            *counts.entry(waived.waiver_digest).or_default() += 1;
        }
        let mut applied: Vec<Applied> = self
            .reaching
            .iter()
            .map(|(digest, waiver)| {
                let violations = counts.get(digest).copied().unwrap_or_default();
                let standing = if violations > 0 { Standing::Used } else { standing(waiver, at) };
                Applied {
                    name: waiver.name.clone(),
                    digest: *digest,
                    reason: waiver.reason.clone(),
                    expires_at: waiver.expires_at,
                    standing,
                    violations,
                }
            })
            .collect();
        applied.sort_by(|a, b| (&a.name, a.digest).cmp(&(&b.name, b.digest)));
        applied
    }
}

/// Whether it holds as of `at`, before it matched anything.
fn standing(waiver: &Waiver, at: Timestamp) -> Standing {
    if waiver.expires_at <= at {
        Standing::Expired
    } else if at < waiver.starts_at {
        Standing::Early
    } else {
        Standing::Unused
    }
}
