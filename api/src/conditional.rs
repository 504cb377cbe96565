//! Entity tags: whoever has the current representation is not sent it again.

use axum::http::header::IF_NONE_MATCH;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Answers 304 when the request names `tag` already, and `body` with the tag otherwise.
pub(crate) fn answer(headers: &HeaderMap, tag: &str, body: impl IntoResponse) -> Response {
    let quoted = format!("\"{tag}\"");
    let tag = HeaderValue::from_str(&quoted).ok().map(|value| [(header::ETAG, value)]);
    let cache: [(HeaderName, HeaderValue); 1] =
        [(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"))];
    if has(headers, &quoted) {
        return (StatusCode::NOT_MODIFIED, tag, cache).into_response();
    }
    (tag, cache, body).into_response()
}

/// Whether `If-None-Match` names the tag. Weak comparison, as
/// [RFC 9110](https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2) has it.
fn has(headers: &HeaderMap, quoted: &str) -> bool {
    let values = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = values.flat_map(|value| value.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == quoted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_matches_in_a_list_weak_or_as_any() {
        for (value, expected) in [
            ("\"a\"", true),
            ("W/\"a\"", true),
            ("\"b\", \"a\"", true),
            ("*", true),
            ("\"b\"", false),
            ("a", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(IF_NONE_MATCH, value.parse().unwrap())]);
            assert_eq!(has(&headers, "\"a\""), expected, "{value}");
        }
        assert!(!has(&HeaderMap::new(), "\"a\""));
    }
}
