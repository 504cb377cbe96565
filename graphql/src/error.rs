//! The one place where errors of use cases become GraphQL errors.

use async_graphql::{Error, ErrorExtensions};

/// The code of an error that names its kind, as in problem details.
pub(crate) const CODE: &str = "code";

/// Converts, and logs a fault of our own with its causes: its message says nothing to the caller.
#[expect(clippy::needless_pass_by_value, reason = "it ends here, and fits `map_err`")]
pub(crate) fn convert(error: control::Error) -> Error {
    if let control::Error::Internal(_) | control::Error::Unavailable { .. } = &error {
        tracing::error!(error = control::chain(&error), "a GraphQL field failed");
    }
    let code = error.code();
    Error::new(error.to_string()).extend_with(|_, extensions| extensions.set(CODE, code))
}

/// An error about an argument.
pub(crate) fn invalid(message: impl Into<String>) -> Error {
    convert(control::Error::invalid(message))
}
