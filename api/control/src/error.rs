//! One error for every use case, free of any transport; each edge converts it once, as its last step.

use engine::document::{Diagnostic, InvalidDocument};

use crate::blobs::BlobError;
use crate::store::StoreError;

/// Why a use case did not do what was asked. The message is for the caller; the cause stays inside.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The credential is missing, wrong, expired or revoked.
    #[error("{0}")]
    Unauthenticated(String),
    /// A CI job or a person was not let in. The code says at which step.
    #[error("{message}")]
    NotAdmitted {
        /// The stable name of the step, such as `audience` or `rules`.
        code: &'static str,
        /// What is wrong with the token that was shown.
        message: String,
    },
    /// The credential is good, and does not allow this.
    #[error("{0}")]
    Forbidden(String),
    /// It does not exist, or the caller may not know that it does.
    #[error("{0}")]
    NotFound(String),
    /// It contradicts what is stored.
    #[error("{0}")]
    Conflict(String),
    /// It was to be done only if something is as it is not.
    #[error("{0}")]
    Precondition(String),
    /// The request is wrong.
    #[error("{message}")]
    Invalid {
        /// What is wrong.
        message: String,
        /// The places in the document that was sent.
        diagnostics: Vec<Diagnostic>,
    },
    /// An attestation was refused. The code says at which step.
    #[error("{message}")]
    Refused {
        /// The stable name of the step, such as `signature` or `run`.
        code: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// It is larger than a limit.
    #[error("{0}")]
    TooLarge(String),
    /// A part of the system cannot be reached; try again.
    #[error("{message}")]
    Unavailable {
        /// What cannot be reached.
        message: String,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A fault of Muster's own. The cause is for the log, never for the caller.
    #[error("an internal error; the log has the details")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// A request that is wrong.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid { message: message.into(), diagnostics: Vec::new() }
    }

    /// A document that is wrong.
    pub fn invalid_document(what: &str, error: InvalidDocument) -> Self {
        Self::Invalid {
            message: format!("the {what} is not valid"),
            diagnostics: error.diagnostics,
        }
    }

    /// A thing that does not exist for the caller.
    pub fn not_found(what: &str, name: impl std::fmt::Display) -> Self {
        Self::NotFound(format!("there is no {what} `{name}`"))
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::Forbidden(message.into())
    }

    pub(crate) fn refused(code: &'static str, message: impl Into<String>) -> Self {
        Self::Refused { code, message: message.into() }
    }

    pub(crate) fn internal(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(error.into())
    }

    /// The stable code of this error, also used as the last part of its problem type.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unauthenticated(_) | Self::NotAdmitted { .. } => "unauthenticated",
            Self::Forbidden(_) => "forbidden",
            Self::NotFound(_) => "not-found",
            Self::Conflict(_) => "conflict",
            Self::Precondition(_) => "precondition-failed",
            Self::Invalid { .. } => "invalid",
            Self::Refused { .. } => "refused",
            Self::TooLarge(_) => "too-large",
            Self::Unavailable { .. } => "unavailable",
            Self::Internal(_) => "internal",
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { what } => Self::NotFound(format!("{what} does not exist")),
            StoreError::Conflict { what } => {
                Self::Conflict(format!("{what} exists already or was changed meanwhile"))
            }
            error @ StoreError::Unavailable { .. } => Self::Unavailable {
                message: "the database cannot be reached".to_owned(),
                source: Box::new(error),
            },
            error => Self::internal(error),
        }
    }
}

impl From<BlobError> for Error {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Mismatch { .. } | BlobError::Size { .. } => {
                Self::Refused { code: "digest", message: error.to_string() }
            }
            BlobError::TooLarge { .. } => Self::TooLarge(error.to_string()),
            BlobError::Interrupted(_) | BlobError::Config(_) | BlobError::Refused(_) => {
                Self::invalid(error.to_string())
            }
            error => Self::Unavailable {
                message: "the blob store cannot be reached".to_owned(),
                source: Box::new(error),
            },
        }
    }
}

/// An error with all its causes, for logs: `what: why: why that`.
pub fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |text, cause| text + ": " + &cause.to_string())
}

/// What is at the bottom of an error: of a client with many layers, the one that knows.
pub(crate) fn innermost(mut error: &dyn std::error::Error) -> String {
    while let Some(deeper) = error.source() {
        error = deeper;
    }
    error.to_string()
}
