//! What policies found, and the verdict that follows from it.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::waiver::Waived;
use crate::{Digest, Name};

/// What Muster says about a run. There are three, never two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Everything that was demanded is there and holds.
    Passed,
    /// Something that was demanded is missing or does not hold.
    Failed,
    /// It could not be decided: evidence over a limit, or a policy that could not run. Never a success.
    Indeterminate,
}

/// What one policy says about one subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It ran and found nothing against the subject.
    Passed,
    /// It found something, and its mode says to report it only.
    Warned,
    /// All that it found is accepted by waivers.
    Waived,
    /// It found something, and it is enforced.
    Failed,
    /// It had nothing to look at; the evaluation says why.
    Skipped,
    /// It could not run to its end; the evaluation says why.
    Indeterminate,
}

/// Whether a policy decides or only reports.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Recorded, shown to operators.
    Audit,
    /// Recorded, shown to the job too.
    Warn,
    /// Decides.
    #[default]
    Enforce,
}

/// How bad a violation is, in the policy author's eyes. It does not change the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// For information.
    Info,
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
    /// Critical.
    Critical,
}

/// One thing that a policy holds against its subject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Violation {
    /// What is wrong, in a sentence.
    pub message: String,
    /// The rule that found it.
    pub rule: String,
    /// How bad it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// The JSON Pointer into the evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// A stable code that waivers name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Whatever else the policy said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

/// What a policy looked at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Subject {
    /// The run as a whole.
    Run,
    /// One material of it.
    Material {
        /// Its name.
        name: Name,
        /// The digest of its bytes.
        digest: Digest,
    },
}

/// One policy against one subject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// The policy's name; `contract` for the contract's own demands.
    pub policy: String,
    /// The digest of the policy's text and parameters.
    pub policy_digest: Digest,
    /// What it looked at.
    pub subject: Subject,
    /// Whether it decided or only reported, at the evaluation time.
    pub mode: Mode,
    /// What it says.
    pub outcome: Outcome,
    /// What it holds against the subject.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<Violation>,
    /// What it would hold against the subject, had a waiver not accepted it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waived: Vec<Waived>,
    /// What it wants to be noticed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Violation>,
    /// Why it was skipped or could not decide.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// Controls of frameworks that it contributes to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controls: Vec<String>,
}

impl Evaluation {
    /// What this evaluation alone makes of the run, `None` when it has no say.
    pub fn verdict(&self) -> Option<Verdict> {
        if self.mode != Mode::Enforce {
            return None;
        }
        match self.outcome {
            Outcome::Passed | Outcome::Warned | Outcome::Waived => Some(Verdict::Passed),
            Outcome::Failed => Some(Verdict::Failed),
            Outcome::Indeterminate => Some(Verdict::Indeterminate),
            Outcome::Skipped => None,
        }
    }
}

impl Verdict {
    /// The verdict over many: one failure fails, one doubt makes doubtful, nothing to go by proves nothing.
    pub fn over(verdicts: impl IntoIterator<Item = Self>) -> Self {
        let mut over = None;
        for verdict in verdicts {
            over = match (over, verdict) {
                (Some(Self::Failed), _) | (_, Self::Failed) => Some(Self::Failed),
                (Some(Self::Indeterminate), _) | (_, Self::Indeterminate) => {
                    Some(Self::Indeterminate)
                }
                (_, Self::Passed) => Some(Self::Passed),
            };
        }
        over.unwrap_or(Self::Indeterminate)
    }

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Indeterminate => "indeterminate",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Verdict {
    type Err = UnknownVerdict;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Passed, Self::Failed, Self::Indeterminate]
            .into_iter()
            .find(|verdict| verdict.as_str() == text)
            .ok_or_else(|| UnknownVerdict(text.chars().take(100).collect()))
    }
}

/// A text that is none of the three verdicts.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a verdict: expected passed, failed or indeterminate")]
pub struct UnknownVerdict(String);

#[cfg(test)]
mod tests {
    use super::Verdict::{Failed, Indeterminate, Passed};
    use super::*;

    #[test]
    fn nothing_proves_nothing_and_one_failure_fails() {
        for (verdicts, expected) in [
            (vec![], Indeterminate),
            (vec![Passed], Passed),
            (vec![Passed, Indeterminate], Indeterminate),
            (vec![Indeterminate, Failed, Passed], Failed),
            (vec![Failed, Indeterminate], Failed),
        ] {
            assert_eq!(Verdict::over(verdicts), expected);
        }
    }
}
