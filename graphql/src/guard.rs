//! What a document may cost before anything looks at its meaning. Linear in its length.
//!
//! Validation visits fragments as often as they are spread, so that a few hundred bytes can keep it busy for seconds:
//! `fragment a on Q { ...b ...b } fragment b on Q { ...c ...c } …`. Here the expanded size is computed with each fragment
//! visited once, and a document that is too large never reaches validation.

mod fragments;
mod tokens;

use async_graphql::parser::types::ExecutableDocument;
use async_graphql::parser::{self, parse_query};

/// Longest document, in bytes.
pub const BYTES_MAX: usize = 100_000;
/// Most tokens in a document.
pub const TOKENS_MAX: usize = 2_000;
/// Deepest nesting of braces, brackets and parentheses.
pub const NESTING_MAX: usize = 32;
/// Most aliases in a document.
pub const ALIASES_MAX: usize = 50;
/// Most fields of a document with its fragments expanded.
pub const FIELDS_MAX: usize = 5_000;
/// Deepest selection of fields.
pub const DEPTH_MAX: usize = 20;
/// Most directives on one field.
pub const DIRECTIVES_MAX: usize = 10;

/// Why a document is not looked at.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It is not GraphQL.
    #[error("{0}")]
    Syntax(#[from] parser::Error),
    /// It has more of something than a limit allows.
    #[error("the document has more than {max} {what}")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        max: usize,
    },
    /// A fragment contains itself.
    #[error("the fragment `{0}` contains itself")]
    Cycle(String),
}

impl Refusal {
    /// The stable code of this refusal.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too-large",
            Self::Syntax(_) | Self::Cycle(_) => "invalid",
        }
    }
}

/// Parses a document within the limits.
pub fn parse(text: &str) -> Result<ExecutableDocument, Refusal> {
    at_most(text.len(), BYTES_MAX, "bytes")?;
    let counted = tokens::count(text, TOKENS_MAX);
    at_most(counted.tokens, TOKENS_MAX, "tokens")?;
    at_most(counted.nesting, NESTING_MAX, "levels of nesting")?;
    let document = parse_query(text)?;
    let size = fragments::expand(&document)?;
    at_most(size.aliases, ALIASES_MAX, "aliases")?;
    at_most(size.fields, FIELDS_MAX, "fields once its fragments are expanded")?;
    Ok(document)
}

const fn at_most(count: usize, max: usize, what: &'static str) -> Result<(), Refusal> {
    if count > max { Err(Refusal::TooLarge { what, max }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    fn doubling(levels: usize) -> String {
        let mut text = "{...f0}".to_owned();
        for level in 0..levels {
            write!(text, "fragment f{level} on Query{{...f{0} ...f{0}}}", level + 1).unwrap();
        }
        write!(text, "fragment f{levels} on Query{{__typename}}").unwrap();
        text
    }

    /// Anything that visits a fragment once for each spread would be busy with 2^120 of them for ever.
    #[test]
    fn doubling_fragments_are_visited_once_each() {
        let refusal = parse(&doubling(120)).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "the document has more than 5000 fields once its fragments are expanded"
        );
    }

    #[test]
    fn what_expands_within_the_limit_is_accepted() {
        assert!(parse(&doubling(12)).is_ok(), "4096 fields");
        assert!(parse(&doubling(13)).is_err(), "8192 fields");
    }

    #[test]
    fn each_limit_has_a_document_just_over_it() {
        let aliases = |count: usize| {
            let fields: Vec<String> = (0..count).map(|at| format!("a{at}:__typename")).collect();
            format!("{{{}}}", fields.join(" "))
        };
        let fields = |count: usize| format!("{{{}}}", "a ".repeat(count));
        let nested =
            |count: usize| format!("{}a{}", "{a".repeat(count - 1) + "{", "}".repeat(count));
        for (good, bad, what) in [
            (aliases(ALIASES_MAX), aliases(ALIASES_MAX + 1), "aliases"),
            (fields(TOKENS_MAX - 2), fields(TOKENS_MAX - 1), "tokens"),
            (nested(NESTING_MAX), nested(NESTING_MAX + 1), "levels of nesting"),
            (
                format!("#{}\n{{a}}", "x".repeat(90_000)),
                format!("#{}\n{{a}}", "x".repeat(BYTES_MAX)),
                "bytes",
            ),
        ] {
            assert!(parse(&good).is_ok(), "{what}: {:?}", parse(&good).unwrap_err().to_string());
            let refusal = parse(&bad).unwrap_err();
            assert!(
                matches!(refusal, Refusal::TooLarge { what: found, .. } if found == what),
                "{what}: {refusal}"
            );
            assert_eq!(refusal.code(), "too-large");
        }
    }

    #[test]
    fn a_fragment_that_contains_itself_is_refused() {
        for text in [
            "{...a} fragment a on Query {...a}",
            "{...a} fragment a on Query {...b} fragment b on Query {x{...a}}",
            "{__typename} fragment unused on Query {...unused}",
        ] {
            assert!(matches!(parse(text).unwrap_err(), Refusal::Cycle(_)), "{text}");
        }
    }

    #[test]
    fn syntax_errors_say_where() {
        assert!(matches!(parse("{ a ").unwrap_err(), Refusal::Syntax(_)));
        assert!(matches!(parse("").unwrap_err(), Refusal::Syntax(_)));
    }
}
