//! The kinds of problem that a request can end in: codes, statuses and titles. Documented, and never reused.

/// One kind of problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// The stable code, also the last part of the problem's type.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The title.
    pub title: &'static str,
}

/// Where the types of problems are named.
pub const BASE: &str = "https://muster.dev/problems/";

/// Every kind.
pub const KINDS: &[Kind] = &[
    Kind { code: "invalid", status: 400, title: "the request is not valid" },
    Kind { code: "unauthenticated", status: 401, title: "a valid token is needed" },
    Kind { code: "forbidden", status: 403, title: "the token does not allow this" },
    Kind { code: "not-found", status: 404, title: "there is no such thing" },
    Kind { code: "method-not-allowed", status: 405, title: "the method is not known here" },
    Kind { code: "not-acceptable", status: 406, title: "no answer in an accepted media type" },
    Kind { code: "conflict", status: 409, title: "it contradicts what is stored" },
    Kind { code: "precondition-failed", status: 412, title: "it is not what the request expects" },
    Kind { code: "too-large", status: 413, title: "it is larger than a limit" },
    Kind { code: "unsupported-media-type", status: 415, title: "the media type is not known here" },
    Kind { code: "refused", status: 422, title: "the attestation was refused" },
    Kind { code: "idempotency-key-reused", status: 422, title: "another request had the same key" },
    Kind { code: "too-many-requests", status: 429, title: "there were too many requests" },
    INTERNAL,
    Kind { code: "unavailable", status: 503, title: "a part of the system cannot be reached" },
    Kind { code: "timeout", status: 503, title: "it took too long" },
];

const INTERNAL: Kind = Kind { code: "internal", status: 500, title: "an internal error" };

/// The kind with that code; an unknown code is a fault of ours.
pub(crate) fn kind(code: &str) -> Kind {
    KINDS.iter().find(|kind| kind.code == code).copied().unwrap_or(INTERNAL)
}
