//! Claims: where one stands, what it says as text, and whether that is what was wanted.

use serde_json::{Map, Value};

/// The claim of that name. A name with dots leads into objects, where no member has the whole name:
/// `kubernetes.io.serviceaccount.uid` is `uid` in `serviceaccount` in `kubernetes.io`.
pub fn claim<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(name) {
        return Some(value);
    }
    name.match_indices('.').find_map(|(at, _)| {
        let (outer, inner) = (name.get(..at)?, name.get(at + 1..)?);
        claim(claims.get(outer)?.as_object()?, inner)
    })
}

/// What a claim says: its text, or that of each item of a list. Numbers that are not whole and objects say nothing.
pub fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Bool(truth) => vec![truth.to_string()],
        Value::Number(number) if !number.is_f64() => vec![number.to_string()],
        Value::Array(items) => {
            items.iter().filter(|item| !item.is_array()).flat_map(texts).collect()
        }
        Value::Number(_) | Value::Null | Value::Object(_) => Vec::new(),
    }
}

/// Whether a text is what the pattern says, in which each `*` is any text, also none.
pub fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut left) = text.strip_prefix(head) else { return false };
    let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*') {
        // The first place will do: what it leaves is the longest.
        let Some((_, after)) = left.split_once(part) else { return false };
        left = after;
    }
    left.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_star_is_any_text() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("a*", "ab/c", true),
            ("*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "a", false),
            ("aa*aa", "aaa", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("a**c", "abc", true),
            ("refs/tags/v*", "refs/heads/v1", false),
            ("a.c", "abc", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    proptest! {
        #[test]
        fn stars_agree_with_the_definition(pattern in "[ab*]{0,6}", text in "[ab]{0,8}") {
            fn slow(pattern: &[u8], text: &[u8]) -> bool {
                match (pattern, text) {
                    ([], []) => true,
                    ([b'*', rest @ ..], _) => {
                        (0..=text.len()).any(|skip| slow(rest, &text[skip..]))
                    }
                    ([a, pattern @ ..], [b, text @ ..]) => a == b && slow(pattern, text),
                    _ => false,
                }
            }
            prop_assert_eq!(matches(&pattern, &text), slow(pattern.as_bytes(), text.as_bytes()));
        }
    }

    #[test]
    fn a_name_with_dots_leads_into_objects() {
        let claims = json!({
            "kubernetes.io": { "namespace": "ci", "serviceaccount": { "uid": "7" } },
            "oidc.circleci.com/project-id": "p", "a": { "b": 1 }, "a.b": 2,
        });
        let claims = claims.as_object().unwrap();
        for (name, expected) in [
            ("kubernetes.io.serviceaccount.uid", Some(json!("7"))),
            ("kubernetes.io.namespace", Some(json!("ci"))),
            ("oidc.circleci.com/project-id", Some(json!("p"))),
            ("a.b", Some(json!(2))),
            ("kubernetes.io.serviceaccount.name", None),
            ("kubernetes", None),
            ("a.b.c", None),
            ("", None),
        ] {
            assert_eq!(claim(claims, name), expected.as_ref(), "{name}");
        }
    }

    #[test]
    fn what_is_no_text_says_nothing() {
        for (value, expected) in [
            (json!("a"), vec!["a"]),
            (json!(7), vec!["7"]),
            (json!(true), vec!["true"]),
            (json!(["a", 1, ["b"], null]), vec!["a", "1"]),
            (json!(7.0), vec![]),
            (json!(null), vec![]),
            (json!({ "a": 1 }), vec![]),
        ] {
            assert_eq!(texts(&value), expected, "{value}");
        }
    }
}
