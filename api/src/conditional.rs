//! Entity tags: whoever has the current representation is not sent it again, and whoever has not does not replace it.

use axum::http::header::{IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use control::Expected;

use crate::error::Failure;

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

/// What has to be there (`If-Match`).
pub(crate) fn over(headers: &HeaderMap) -> Result<Expected, Failure> {
    expected(headers).map(Expected::one_of)
}

/// The tags of which the current one must be one (`If-Match`), or `*` for any; none when it may be what it is. Strong
/// comparison, as [RFC 9110](https://www.rfc-editor.org/rfc/rfc9110#section-13.1.1) has it.
pub(crate) fn expected(headers: &HeaderMap) -> Result<Option<Vec<String>>, Failure> {
    let wrong = || Failure::new("invalid", "`If-Match` is a list of tags in quotes, or `*`");
    let mut tags = Vec::new();
    for value in headers.get_all(IF_MATCH) {
        for tag in value.to_str().map_err(|_binary| wrong())?.split(',').map(str::trim) {
            let inner = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
            let weak = tag.starts_with("W/\"") && tag.ends_with('"');
            match inner {
                Some(inner) => tags.push(inner.to_owned()),
                None if tag == "*" => tags.push(tag.to_owned()),
                // A weak tag is never the same as another.
                None if weak => {}
                None => return Err(wrong()),
            }
        }
    }
    Ok(headers.contains_key(IF_MATCH).then_some(tags))
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
    fn what_is_expected_is_read_strictly() {
        let read = |value: &str| {
            let headers = HeaderMap::from_iter([(IF_MATCH, value.parse().unwrap())]);
            expected(&headers).ok().flatten()
        };
        let tags = |tags: &[&str]| Some(tags.iter().map(|&tag| tag.to_owned()).collect());
        assert_eq!(read("\"a\", \"b\""), tags(&["a", "b"]));
        assert_eq!(read("*"), tags(&["*"]));
        assert_eq!(read("W/\"a\""), tags(&[]), "nothing is expected that could be");
        for wrong in ["a", "", "\"a", "\"a\" \"b"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert!(expected(&HeaderMap::new()).unwrap().is_none());
    }

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
