//! From parser events to a value: one pass, no recursion, every limit checked as it goes.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput, Tag};
use serde_json::{Map, Number, Value};

use super::{Diagnostic, InvalidDocument, Places, Position, pointer};
use crate::Limits;

pub(super) fn read(text: &str, limits: &Limits) -> Result<(Value, Places), InvalidDocument> {
    let mut reader = Reader::new(limits);
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut parser: Parser<'_, StrInput<'_>> = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        match event {
            Ok((Event::StreamEnd, _)) => break,
            Ok((event, span)) => reader.on_event(event, span)?,
            Err(error) => {
                return Err(Diagnostic {
                    position: Some(Position {
                        line: error.marker().line(),
                        column: error.marker().col() + 1,
                    }),
                    pointer: String::new(),
                    message: format!("this is not valid YAML: {}", error.info()),
                    hint: None,
                }
                .into());
            }
        }
    }
    let value = reader.root.ok_or_else(|| Diagnostic::whole("the document is empty"))?;
    Ok((value, reader.places))
}

/// A list or map that is still open.
struct Open {
    pointer: String,
    anchor: usize,
    nodes_before: usize,
    container: Container,
}

enum Container {
    List(Vec<Value>),
    Map { members: Map<String, Value>, key: Option<String> },
}

struct Reader<'a> {
    limits: &'a Limits,
    open: Vec<Open>,
    root: Option<Value>,
    documents: usize,
    nodes: usize,
    anchors: BTreeMap<usize, (Value, usize)>,
    places: Places,
}

impl<'a> Reader<'a> {
    fn new(limits: &'a Limits) -> Self {
        Self {
            limits,
            open: Vec::new(),
            root: None,
            documents: 0,
            nodes: 0,
            anchors: BTreeMap::new(),
            places: Places::default(),
        }
    }

    fn on_event(&mut self, event: Event<'_>, span: Span) -> Result<(), Diagnostic> {
        let at = Position { line: span.start.line(), column: span.start.col() + 1 };
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(self
                        .wrong(at, "a second document starts here")
                        .with_hint("put each document in a file of its own"));
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.on_scalar(&text, style, anchor, tag.as_deref(), at)
            }
            Event::SequenceStart(anchor, tag) => {
                self.open(at, anchor, tag.as_deref(), Container::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => self.open(
                at,
                anchor,
                tag.as_deref(),
                Container::Map { members: Map::new(), key: None },
            ),
            Event::SequenceEnd | Event::MappingEnd => self.close(at),
            Event::Alias(anchor) => self.on_alias(anchor, at),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn on_scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        at: Position,
    ) -> Result<(), Diagnostic> {
        if let Some(Open {
            container: Container::Map { members, key: key @ None },
            pointer: map,
            ..
        }) = self.open.last_mut()
        {
            if members.contains_key(text) {
                let message = format!("the key `{text}` stands here a second time");
                return Err(self.wrong(at, message).with_hint("remove one of the two"));
            }
            self.places.keys.insert(pointer(map, text), at);
            *key = Some(text.to_owned());
            return Ok(());
        }
        if let Some(tag) = tag.filter(|tag| !(tag.is_yaml_core_schema() && tag.suffix == "str")) {
            return Err(self
                .wrong(at, format!("the tag `{}{}` has no meaning here", tag.handle, tag.suffix)));
        }
        let value = if style == ScalarStyle::Plain && tag.is_none() {
            plain(text).map_err(|message| self.wrong(at, message))?
        } else {
            Value::String(text.to_owned())
        };
        self.count(1, at)?;
        if anchor > 0 {
            self.anchors.insert(anchor, (value.clone(), 1));
        }
        self.add(value, Some(at));
        Ok(())
    }

    fn on_alias(&mut self, anchor: usize, at: Position) -> Result<(), Diagnostic> {
        if let Some(Open { container: Container::Map { key: None, .. }, .. }) = self.open.last() {
            return Err(self.wrong(at, "a key must be a text, not an alias"));
        }
        let Some((value, nodes)) = self.anchors.get(&anchor) else {
            return Err(self.wrong(at, "this alias refers to a value that contains it"));
        };
        let (value, nodes) = (value.clone(), *nodes);
        self.count(nodes, at)?;
        self.add(value, Some(at));
        Ok(())
    }

    fn open(
        &mut self,
        at: Position,
        anchor: usize,
        tag: Option<&Tag>,
        container: Container,
    ) -> Result<(), Diagnostic> {
        if let Some(tag) = tag {
            return Err(self
                .wrong(at, format!("the tag `{}{}` has no meaning here", tag.handle, tag.suffix)));
        }
        if let Some(Open { container: Container::Map { key: None, .. }, .. }) = self.open.last() {
            return Err(self.wrong(at, "a key must be a text, not a list or a map"));
        }
        if self.open.len() >= self.limits.depth_max {
            let message = format!(
                "the document is nested deeper than the limit of {}",
                self.limits.depth_max
            );
            return Err(self.wrong(at, message));
        }
        self.count(1, at)?;
        let pointer = self.next_pointer();
        self.places.values.insert(pointer.clone(), at);
        self.open.push(Open { pointer, anchor, nodes_before: self.nodes, container });
        Ok(())
    }

    fn close(&mut self, at: Position) -> Result<(), Diagnostic> {
        let Some(closed) = self.open.pop() else {
            return Err(self.wrong(at, "a list or map ends that never began"));
        };
        let value = match closed.container {
            Container::List(items) => Value::Array(items),
            Container::Map { members, .. } => Value::Object(members),
        };
        if closed.anchor > 0 {
            let nodes = self.nodes.saturating_sub(closed.nodes_before).saturating_add(1);
            self.anchors.insert(closed.anchor, (value.clone(), nodes));
        }
        self.add(value, None);
        Ok(())
    }

    /// Puts a finished value where it belongs. `at` is absent for a container, whose place is known already.
    fn add(&mut self, value: Value, at: Option<Position>) {
        if let Some(at) = at {
            self.places.values.insert(self.next_pointer(), at);
        }
        match self.open.last_mut().map(|open| &mut open.container) {
            None => self.root = Some(value),
            Some(Container::List(items)) => items.push(value),
            Some(Container::Map { members, key }) => {
                if let Some(key) = key.take() {
                    members.insert(key, value);
                }
            }
        }
    }

    fn next_pointer(&self) -> String {
        self.open.last().map_or_else(String::new, |open| match &open.container {
            Container::List(items) => pointer(&open.pointer, &items.len().to_string()),
            Container::Map { key, .. } => {
                pointer(&open.pointer, key.as_deref().unwrap_or_default())
            }
        })
    }

    fn count(&mut self, nodes: usize, at: Position) -> Result<(), Diagnostic> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > self.limits.document_nodes_max {
            let message = format!(
                "the document expands to more than the limit of {} values",
                self.limits.document_nodes_max
            );
            return Err(self.wrong(at, message).with_hint("use fewer aliases"));
        }
        Ok(())
    }

    fn wrong(&self, at: Position, message: impl Into<String>) -> Diagnostic {
        let pointer = self.open.last().map_or_else(String::new, |open| open.pointer.clone());
        Diagnostic { position: Some(at), pointer, message: message.into(), hint: None }
    }
}

/// A plain scalar by the [core schema](https://yaml.org/spec/1.2.2/#1032-tag-resolution): `yes` is a text.
fn plain(text: &str) -> Result<Value, String> {
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => match number(text)? {
            Some(number) => Value::Number(number),
            None => Value::String(text.to_owned()),
        },
    })
}

fn number(text: &str) -> Result<Option<Number>, String> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN") {
        return Err(format!("`{text}` has no place in JSON"));
    }
    let digits = |text: &str, radix| {
        i64::from_str_radix(text, radix)
            .map(|number| Some(number.into()))
            .map_err(|_error| format!("the number `{text}` is not a whole number of 64 bits"))
    };
    if let Some(octal) = text.strip_prefix("0o") {
        return if octal.is_empty() { Ok(None) } else { digits(octal, 8) };
    }
    if let Some(hexadecimal) = text.strip_prefix("0x") {
        return if hexadecimal.is_empty() { Ok(None) } else { digits(hexadecimal, 16) };
    }
    if !unsigned.is_empty() && unsigned.bytes().all(|b| b.is_ascii_digit()) {
        return digits(text, 10);
    }
    let begins = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let float = begins
        && unsigned.contains(|c: char| c.is_ascii_digit())
        && unsigned.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'));
    Ok(if float { text.parse().ok().and_then(Number::from_f64) } else { None })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value(text: &str) -> Result<Value, String> {
        read(text, &Limits::DEFAULT).map(|(value, _)| value).map_err(|error| error.to_string())
    }

    #[test]
    fn plain_scalars_follow_yaml_1_2() {
        for (text, expected) in [
            ("a: yes", json!({"a": "yes"})),
            ("a: no\nb: on", json!({"a": "no", "b": "on"})),
            ("a: 010", json!({"a": 10})),
            ("a: 0o10", json!({"a": 8})),
            ("a: 0x1F", json!({"a": 31})),
            ("a: 1.5e3", json!({"a": 1500.0})),
            ("a: 1.2.3", json!({"a": "1.2.3"})),
            ("a: 2027-01-15", json!({"a": "2027-01-15"})),
            ("a: \"1\"", json!({"a": "1"})),
            ("a: ~", json!({"a": null})),
            ("- !!str 1", json!(["1"])),
            ("{\"a\": [1, {\"b\": \"\\u00e9\"}]}", json!({"a": [1, {"b": "é"}]})),
        ] {
            assert_eq!(value(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn errors_say_where_and_what() {
        for (text, expected) in [
            ("", "the document is empty"),
            ("a: 1\na: 2", "2:1: the key `a` stands here a second time; remove one of the two"),
            (
                "a: 1\n---\nb: 2",
                "2:1: a second document starts here; put each document in a file of its own",
            ),
            ("a: .nan", "1:4: `.nan` has no place in JSON"),
            ("a: !!binary aaaa", "1:4: the tag `tag:yaml.org,2002:binary` has no meaning here"),
            ("[1]: 2", "1:1: a key must be a text, not a list or a map"),
        ] {
            assert_eq!(value(text), Err(expected.to_owned()), "{text}");
        }
        assert!(value("a: [1").unwrap_err().contains("not valid YAML"));
    }

    #[test]
    fn a_bomb_ends_in_the_named_limit() {
        let mut bomb = "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n".to_owned();
        for level in 1..12 {
            let aliases = vec![format!("*a{}", level - 1); 10].join(",");
            bomb = format!("{bomb}a{level}: &a{level} [{aliases}]\n");
        }
        assert!(value(&bomb).unwrap_err().contains("more than the limit of 50000 values"));
        let deep = |depth| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert!(value(&deep(150)).unwrap_err().contains("deeper than the limit of 128"));
        assert!(value(&deep(1_000_000)).is_err());
    }

    #[test]
    fn every_value_knows_its_place() {
        let (_, places) = read("a:\n  - b: 1\n", &Limits::DEFAULT).unwrap();
        assert_eq!(places.values.get("/a/0/b"), Some(&Position { line: 2, column: 8 }));
        assert_eq!(places.values.get("/a/0"), Some(&Position { line: 2, column: 5 }));
    }
}
