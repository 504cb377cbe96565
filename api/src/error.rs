//! The one place where errors become responses: problem details, [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457).

use api_types::{Place, Problem};
use axum::extract::rejection::{BytesRejection, FormRejection, PathRejection, QueryRejection};
use axum::http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use engine::document::{Diagnostic, pointer};
use serde_path_to_error::Segment;

use crate::problem;

/// Why a request was not done. [`crate::observe`] writes the body, once it knows the request's identifier.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    /// The body to be.
    pub problem: Problem,
    headers: HeaderMap,
}

impl Failure {
    /// A failure with one of the codes of [`problem::KINDS`].
    pub(crate) fn new(code: &str, detail: impl Into<String>) -> Self {
        let kind = problem::kind(code);
        let problem = Problem {
            kind: format!("{}{}", problem::BASE, kind.code),
            title: kind.title.to_owned(),
            status: kind.status,
            detail: detail.into(),
            code: kind.code.to_owned(),
            step: None,
            errors: Vec::new(),
            request_id: None,
        };
        let mut headers = HeaderMap::new();
        match kind.status {
            401 => headers
                .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"muster\"")),
            503 => headers.insert(RETRY_AFTER, HeaderValue::from_static("5")),
            _ => None,
        };
        Self { problem, headers }
    }

    pub(crate) fn no_route() -> Self {
        Self::new("not-found", "there is no such path; /openapi.json lists those there are")
    }

    pub(crate) fn wrong_method() -> Self {
        Self::new("method-not-allowed", "the path exists, and does not know this method")
    }

    pub(crate) fn panicked() -> Response {
        tracing::error!("a handler panicked");
        Self::new("internal", "an internal error; the log has the details").into_response()
    }

    /// A GET that would have to be a POST.
    pub(crate) fn post_only(detail: &str) -> Self {
        let mut failure = Self::new("method-not-allowed", detail);
        failure.headers.insert(ALLOW, HeaderValue::from_static("POST"));
        failure
    }

    /// A JSON body that does not say what it should.
    pub(crate) fn json(error: &serde_path_to_error::Error<serde_json::Error>) -> Self {
        let inner = error.inner();
        let place = Place {
            pointer: error.path().iter().fold(String::new(), |parent, segment| match segment {
                Segment::Seq { index } => pointer(&parent, &index.to_string()),
                Segment::Map { key } => pointer(&parent, key),
                Segment::Enum { .. } | Segment::Unknown => parent,
            }),
            line: Some(inner.line()).filter(|line| *line > 0),
            column: Some(inner.column()).filter(|_| inner.line() > 0),
            detail: inner.to_string(),
            hint: None,
        };
        let mut failure =
            Self::new("invalid", format!("the body is not what is expected: {inner}"));
        failure.problem.errors.push(place);
        failure
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, self.headers.clone()).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<control::Error> for Failure {
    fn from(error: control::Error) -> Self {
        if let control::Error::Internal(_) | control::Error::Unavailable { .. } = &error {
            tracing::error!(error = control::chain(&error), "a request failed");
        }
        let mut failure = Self::new(error.code(), error.to_string());
        match error {
            control::Error::Refused { code, .. } | control::Error::NotAdmitted { code, .. } => {
                failure.problem.step = Some(code.to_owned());
            }
            control::Error::Invalid { diagnostics, .. } => {
                failure.problem.errors = diagnostics.into_iter().map(place).collect();
            }
            _ => {}
        }
        failure
    }
}

fn place(diagnostic: Diagnostic) -> Place {
    Place {
        pointer: diagnostic.pointer,
        line: diagnostic.position.map(|position| position.line),
        column: diagnostic.position.map(|position| position.column),
        detail: diagnostic.message,
        hint: diagnostic.hint,
    }
}

impl From<PathRejection> for Failure {
    fn from(rejection: PathRejection) -> Self {
        Self::new("invalid", rejection.body_text())
    }
}

impl From<QueryRejection> for Failure {
    fn from(rejection: QueryRejection) -> Self {
        Self::new("invalid", rejection.body_text())
    }
}

impl From<FormRejection> for Failure {
    fn from(rejection: FormRejection) -> Self {
        match rejection {
            FormRejection::BytesRejection(rejection) => rejection.into(),
            rejection => Self::new("invalid", rejection.body_text()),
        }
    }
}

impl From<BytesRejection> for Failure {
    fn from(rejection: BytesRejection) -> Self {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                Self::new("too-large", "the body is larger than this route accepts")
            }
            _ => Self::new("invalid", rejection.body_text()),
        }
    }
}
