//! JSON evidence: one strict look at the whole before any part of it is believed.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_path_to_error::{Path, Segment};

use super::Problem;
use crate::Limits;

/// The byte order mark that some tools put in front of UTF-8.
pub(super) const BOM: &[u8] = b"\xEF\xBB\xBF";
/// Longest text of a top-level value that an outline keeps, in bytes.
const TEXT_BYTES_MAX: usize = 256;
/// Deepest nesting that is read on the stack of the caller; real evidence hardly goes beyond 15.
const DEPTH_IN_PLACE_MAX: usize = 24;
/// Why nothing was judged when [`with_stack`] gives nothing.
pub(super) const NO_STACK: &str =
    "it nests so deeply that it needs a thread, and none could be started";
/// The stack for deeper nesting, in bytes; only what is used of it is ever backed by memory.
const STACK_BYTES: usize = 64 << 20;

/// The top level of a JSON document.
#[derive(Debug, Default)]
pub(super) struct Outline {
    keys: BTreeSet<String>,
    texts: Vec<(String, String)>,
    duplicates: BTreeSet<String>,
    depth: usize,
    /// Whether the document is an object.
    pub(super) object: bool,
    /// Whether the document is an array.
    pub(super) array: bool,
}

impl Outline {
    /// The outline of the readable beginning of `bytes`, and the error that ended it.
    pub(super) fn of(bytes: &[u8]) -> (Self, Option<serde_json::Error>) {
        let mut outline = Self::default();
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        let result =
            TopLevel(&mut outline).deserialize(&mut deserializer).and_then(|()| deserializer.end());
        (outline, result.err())
    }

    /// Whether the document has the top-level key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.keys.contains(key)
    }

    /// The top-level keys, each once.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(String::as_str)
    }

    /// The text of a top-level key, when it is a short text.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.texts.iter().find(|(name, _)| name == key).map(|(_, text)| text.as_str())
    }

    /// A problem for each top-level key that occurs twice: readers disagree on which one counts.
    pub(super) fn duplicates(&self) -> impl Iterator<Item = Problem> {
        self.duplicates.iter().map(|key| {
            Problem::at(pointer([key.as_str()]), format!("the key `{}` occurs twice", shown(key)))
        })
    }
}

/// Checks that `bytes` are one UTF-8 JSON document no deeper than `limits.depth_max`, and outlines it.
pub(super) fn outline(bytes: &[u8], limits: &Limits) -> Result<Outline, Problem> {
    if bytes.trim_ascii().is_empty() {
        return Err(Problem::whole("it is empty"));
    }
    if bytes.starts_with(BOM) {
        return Err(Problem::whole("it starts with a byte order mark, which JSON does not allow"));
    }
    utf8(bytes)?;
    let depth = depth(bytes);
    if depth > limits.depth_max {
        return Err(Problem::whole(format!("it nests deeper than {} levels", limits.depth_max)));
    }
    let (mut outline, error) = Outline::of(bytes);
    outline.depth = depth;
    error.map_or(Ok(outline), |error| Err(Problem::whole(format!("it is not JSON: {error}"))))
}

/// The text of `bytes`, or where they stop being UTF-8.
pub(super) fn utf8(bytes: &[u8]) -> Result<&str, Problem> {
    std::str::from_utf8(bytes).map_err(|error| {
        Problem::whole(format!(
            "it is not UTF-8: the byte at offset {} is invalid",
            error.valid_up_to()
        ))
    })
}

/// Reads `bytes` as a `T`; an error names the place by its JSON Pointer.
///
/// The place costs a second pass, so it is looked for only when the first one failed.
pub(super) fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).or_else(|_| located(bytes))
}

fn located<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Problem> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let place = path_pointer(error.path());
        Problem::at(place, error.into_inner().to_string())
    })
}

fn path_pointer(path: &Path) -> String {
    pointer(path.iter().filter_map(|segment| match segment {
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Map { key } => Some(key.clone()),
        Segment::Enum { .. } | Segment::Unknown => None,
    }))
}

/// The JSON Pointer ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)) of a path.
pub(super) fn pointer<S: AsRef<str>>(path: impl IntoIterator<Item = S>) -> String {
    path.into_iter().fold(String::new(), |mut pointer, segment| {
        pointer.push('/');
        pointer.push_str(&segment.as_ref().replace('~', "~0").replace('/', "~1"));
        pointer
    })
}

/// A stranger's text, short enough for a message.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}

/// How deep brackets nest. Counts in a loop, so that no depth can exhaust the stack.
fn depth(bytes: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_text, mut escaped) = (0_usize, 0, false, false);
    for byte in bytes {
        if in_text {
            in_text = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
            continue;
        }
        match byte {
            b'"' => in_text = true,
            b'{' | b'[' => {
                depth = depth.saturating_add(1);
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Runs `work`, which recurses into types as large as those of a bill of materials, with a stack that suffices.
///
/// A hundred levels of such types overflow the two megabytes that threads of a server have, which ends the process.
/// `None` when the system has no thread to give.
pub(super) fn with_stack<T: Send>(outline: &Outline, work: impl FnOnce() -> T + Send) -> Option<T> {
    if outline.depth <= DEPTH_IN_PLACE_MAX {
        return Some(work());
    }
    let builder = std::thread::Builder::new().stack_size(STACK_BYTES);
    std::thread::scope(|scope| builder.spawn_scoped(scope, work).ok()?.join().ok())
}

/// Fills an outline, so that what was seen before an error is kept.
struct TopLevel<'o>(&'o mut Outline);

impl<'de> DeserializeSeed<'de> for TopLevel<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for TopLevel<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.0.object = true;
        while let Some(key) = map.next_key::<String>()? {
            if !self.0.keys.insert(key.clone()) {
                self.0.duplicates.insert(key.clone());
            }
            if let Glance(Some(text)) = map.next_value()? {
                self.0.texts.push((key, text));
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        self.0.array = true;
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// A top-level value: its text when it is a short one; anything else is skipped.
struct Glance(Option<String>);

impl<'de> Deserialize<'de> for Glance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(GlanceVisitor).map(Self)
    }
}

struct GlanceVisitor;

impl<'de> Visitor<'de> for GlanceVisitor {
    type Value = Option<String>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_str<E>(self, v: &str) -> Result<Self::Value, E> {
        Ok((v.len() <= TEXT_BYTES_MAX).then(|| v.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_texts_do_not_nest() {
        for (json, depth) in
            [("[]", 1), (r#"{"a":["[[[\"[[",1]}"#, 2), (r#"["\\",[[]]]"#, 3), ("1", 0)]
        {
            assert_eq!(super::depth(json.as_bytes()), depth, "{json}");
        }
    }

    #[test]
    fn pointers_escape_what_rfc_6901_escapes() {
        assert_eq!(pointer(["a/b", "0", "~c"]), "/a~1b/0/~0c");
    }

    #[test]
    fn a_structural_error_names_its_place() {
        let problem = parse::<std::collections::BTreeMap<String, Vec<u8>>>(br#"{"a/b":[1,"x"]}"#);
        assert_eq!(problem.unwrap_err().pointer, "/a~1b/1");
    }
}
