//! The forms of a report.

mod junit;
mod markdown;
mod sarif;
mod structured;
mod table;

use engine::evaluation::Subject;
use engine::waiver::{Applied, Standing};
use engine::{Evaluation, Outcome, Violation};
pub(crate) use junit::junit;
pub(crate) use markdown::markdown;
pub(crate) use sarif::sarif;
pub(crate) use structured::{json, value_to_yaml, yaml};
pub(crate) use table::{decisions, lineage, table};

/// The word for an outcome.
pub(crate) const fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Warned => "warned",
        Outcome::Waived => "waived",
        Outcome::Failed => "failed",
        Outcome::Skipped => "skipped",
        Outcome::Indeterminate => "indeterminate",
    }
}

/// What a waiver did in a judgement, in a line.
pub(crate) fn waiver_line(waiver: &Applied) -> String {
    let Applied { name, reason, expires_at, standing, violations, .. } = waiver;
    match standing {
        Standing::Used => {
            format!("waiver {name} accepts {violations} until {expires_at}: {reason}")
        }
        Standing::Unused => format!("waiver {name} matched nothing"),
        Standing::Expired => format!("waiver {name} expired at {expires_at} and accepts nothing"),
        Standing::Early => format!("waiver {name} has not started and accepts nothing"),
    }
}

/// What an evaluation is about, in a word.
pub(crate) fn about(evaluation: &Evaluation) -> String {
    match &evaluation.subject {
        Subject::Run => "run".to_owned(),
        Subject::Material { name, .. } => name.to_string(),
    }
}

/// The material that a violation is about: its subject, or what the contract's own rules say in their data.
pub(crate) fn material(evaluation: &Evaluation, violation: &Violation) -> Option<String> {
    match &evaluation.subject {
        Subject::Material { name, .. } => Some(name.to_string()),
        Subject::Run => {
            let named = violation.data.as_ref()?.get("material")?;
            named.as_str().map(ToOwned::to_owned)
        }
    }
}
