//! Counts what a lexer would find, without keeping any of it.

/// What was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counted {
    /// The tokens.
    pub tokens: usize,
    /// The deepest nesting of braces, brackets and parentheses.
    pub nesting: usize,
}

/// Counts the tokens of `text`, and stops soon after `max`.
pub(super) fn count(text: &str, max: usize) -> Counted {
    let mut rest = text;
    let mut open: usize = 0;
    let mut counted = Counted::default();
    while counted.tokens <= max {
        rest = rest.trim_start_matches([' ', '\t', '\r', '\n', ',', '\u{feff}']);
        let Some(first) = rest.chars().next() else { break };
        if first == '#' {
            rest = rest.find('\n').and_then(|at| rest.get(at..)).unwrap_or_default();
            continue;
        }
        counted.tokens += 1;
        match first {
            '{' | '[' | '(' => open += 1,
            '}' | ']' | ')' => open = open.saturating_sub(1),
            _ => {}
        }
        counted.nesting = counted.nesting.max(open);
        rest = rest.get(length(rest, first)..).unwrap_or_default();
    }
    counted
}

/// The length in bytes of the token at the beginning of `text`.
fn length(text: &str, first: char) -> usize {
    if first == '"' {
        return string_length(text);
    }
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if word(first) {
        return text.find(|c| !word(c)).unwrap_or(text.len());
    }
    if text.starts_with("...") { 3 } else { first.len_utf8() }
}

fn string_length(text: &str) -> usize {
    let (quote, escape) =
        if text.starts_with("\"\"\"") { ("\"\"\"", "\\\"\"\"") } else { ("\"", "\\") };
    let mut at = quote.len();
    loop {
        let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) else { return text.len() };
        if rest.starts_with(quote) {
            return at + quote.len();
        }
        let skipped = if rest.starts_with(escape) { escape.len() } else { 0 };
        // A backslash in a short string takes the next character with it.
        let character = |text: &str| text.chars().next().map_or(0, char::len_utf8);
        at += match (skipped, quote.len()) {
            (0, _) => character(rest),
            (skipped, 1) => skipped + rest.get(skipped..).map_or(0, character),
            (skipped, _) => skipped,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_those_of_the_language() {
        for (text, tokens, nesting) in [
            ("", 0, 0),
            ("  ,\n# { only a comment", 0, 0),
            ("{ a }", 3, 1),
            ("query Q($a: [Int!]! = 1) { a(b: $a) { ...F @skip(if: true) } }", 34, 3),
            (r#"{ a(b: "x { \" } y") }"#, 8, 2),
            ("{ a(b: \"\"\"x \\\"\"\" { \" \"\"\") }", 8, 2),
            ("{ a(b: \"never ends", 6, 2),
            ("}}}{", 4, 1),
        ] {
            assert_eq!(count(text, 100), Counted { tokens, nesting }, "{text}");
        }
    }

    #[test]
    fn counting_stops_at_the_limit() {
        assert_eq!(count(&"a ".repeat(1_000), 10).tokens, 11);
    }
}
