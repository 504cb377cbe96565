//! What policies found.

use async_graphql::{Enum, Json, Object};

use crate::cost;
use crate::scalar::Digest;

/// What Muster says about a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "engine::Verdict")]
pub(crate) enum Verdict {
    /// Everything that was demanded is there and holds.
    Passed,
    /// Something that was demanded is missing or does not hold.
    Failed,
    /// It could not be decided. Never a success.
    Indeterminate,
}

/// What one policy says about one subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "engine::Outcome")]
pub(crate) enum Outcome {
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "engine::Mode")]
pub(crate) enum Mode {
    /// Recorded, shown to operators.
    Audit,
    /// Recorded, shown to the job too.
    Warn,
    /// Decides.
    Enforce,
}

/// How bad a violation is, in the policy author's eyes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "engine::Severity")]
pub(crate) enum Severity {
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
#[derive(Debug)]
pub(crate) struct Violation(pub(crate) engine::Violation);

/// One thing that a policy holds against its subject.
#[Object]
impl Violation {
    /// What is wrong, in a sentence.
    async fn message(&self) -> &str {
        &self.0.message
    }

    /// The rule that found it.
    async fn rule(&self) -> &str {
        &self.0.rule
    }

    /// How bad it is.
    async fn severity(&self) -> Option<Severity> {
        self.0.severity.map(Into::into)
    }

    /// The JSON Pointer into the evidence.
    async fn pointer(&self) -> Option<&str> {
        self.0.pointer.as_deref()
    }

    /// What to do about it.
    async fn fix(&self) -> Option<&str> {
        self.0.fix.as_deref()
    }

    /// A stable code that waivers name.
    async fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// Whatever else the policy said.
    async fn data(&self) -> Option<Json<&serde_json::Value>> {
        self.0.data.as_ref().map(Json)
    }
}

/// A violation that a waiver accepts: visible, and no failure.
#[derive(Debug)]
pub(crate) struct Waived(engine::waiver::Waived);

/// A violation that a waiver accepts: visible, and no failure.
#[Object]
impl Waived {
    /// The violation.
    async fn violation(&self) -> Violation {
        Violation(self.0.violation.clone())
    }

    /// The name of the waiver.
    async fn waiver(&self) -> &str {
        self.0.waiver.as_str()
    }

    /// The digest of the waiver.
    async fn waiver_digest(&self) -> Digest {
        Digest(self.0.waiver_digest)
    }
}

/// One policy against one subject.
#[derive(Debug)]
pub(crate) struct Evaluation(pub(crate) engine::Evaluation);

/// One policy against one subject.
#[Object]
impl Evaluation {
    /// The policy's name; `contract` for the contract's own demands.
    async fn policy(&self) -> &str {
        &self.0.policy
    }

    /// The digest of the policy's text and parameters.
    async fn policy_digest(&self) -> Digest {
        Digest(self.0.policy_digest)
    }

    /// The material that it looked at; null when it looked at the run as a whole.
    async fn material(&self) -> Option<&str> {
        match &self.0.subject {
            engine::Subject::Run => None,
            engine::Subject::Material { name, .. } => Some(name.as_str()),
        }
    }

    /// The digest of the material that it looked at.
    async fn material_digest(&self) -> Option<Digest> {
        match &self.0.subject {
            engine::Subject::Run => None,
            engine::Subject::Material { digest, .. } => Some(Digest(*digest)),
        }
    }

    /// Whether it decided or only reported.
    async fn mode(&self) -> Mode {
        self.0.mode.into()
    }

    /// What it says.
    async fn outcome(&self) -> Outcome {
        self.0.outcome.into()
    }

    /// What it holds against the subject.
    #[graphql(complexity = "cost::inner(child_complexity)")]
    async fn violations(&self) -> Vec<Violation> {
        self.0.violations.iter().cloned().map(Violation).collect()
    }

    /// What it would hold against the subject, had a waiver not accepted it.
    #[graphql(complexity = "cost::inner(child_complexity)")]
    async fn waived(&self) -> Vec<Waived> {
        self.0.waived.iter().cloned().map(Waived).collect()
    }

    /// What it wants to be noticed.
    #[graphql(complexity = "cost::inner(child_complexity)")]
    async fn warnings(&self) -> Vec<Violation> {
        self.0.warnings.iter().cloned().map(Violation).collect()
    }

    /// Why it was skipped or could not decide.
    #[graphql(complexity = 5)]
    async fn reasons(&self) -> &[String] {
        &self.0.reasons
    }

    /// Controls of frameworks that it contributes to.
    #[graphql(complexity = 5)]
    async fn controls(&self) -> &[String] {
        &self.0.controls
    }
}
