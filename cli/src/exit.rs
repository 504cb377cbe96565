//! How the program ends: documented codes, never reused.

use std::process::ExitCode;

use engine::Verdict;
use engine::gate::Answer;

/// The exit codes. They are part of the interface: scripts branch on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Passed, allowed, or done.
    Success,
    /// Something unexpected.
    Unexpected,
    /// Wrong usage or invalid input.
    Usage,
    /// Failed or denied.
    Failed,
    /// It could not be decided.
    Indeterminate,
    /// Not authenticated or not permitted.
    Forbidden,
    /// Not found.
    NotFound,
    /// Try again.
    TryAgain,
}

impl Exit {
    /// The code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Unexpected => 1,
            Self::Usage => 2,
            Self::Failed => 3,
            Self::Indeterminate => 4,
            Self::Forbidden => 5,
            Self::NotFound => 6,
            Self::TryAgain => 75,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

impl From<Verdict> for Exit {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Passed => Self::Success,
            Verdict::Failed => Self::Failed,
            Verdict::Indeterminate => Self::Indeterminate,
        }
    }
}

impl From<Answer> for Exit {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Allow => Self::Success,
            Answer::Deny => Self::Failed,
            Answer::Indeterminate => Self::Indeterminate,
        }
    }
}

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    /// How the program ends.
    pub exit: Exit,
    /// What went wrong, for a person.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure with its exit code.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None }
    }

    /// Wrong usage or invalid input.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Something unexpected, with its cause.
    pub(crate) fn unexpected(context: &str, error: impl std::fmt::Display) -> Self {
        Self::new(Exit::Unexpected, format!("{context}: {error}"))
    }

    /// The same with everything that led to the error.
    pub(crate) fn caused(context: &str, error: &dyn std::error::Error) -> Self {
        Self::unexpected(context, control::chain(error))
    }

    /// The same with advice.
    #[must_use]
    pub(crate) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// What a command answers.
pub(crate) type Result<T = Exit> = std::result::Result<T, Failure>;
