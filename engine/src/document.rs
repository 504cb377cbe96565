//! Documents that people write: YAML 1.2 or JSON, strict, with the line and column of every value.
//!
//! JSON is read by the same parser: YAML 1.2 is a superset of it, and one reader means one set of limits.

mod reader;

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use crate::{Digest, Limits, Name};

/// A parsed document and where each of its values stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    value: Value,
    places: Places,
}

/// Where values and the keys of members stand, by JSON Pointer.
#[derive(Debug, Clone, Default, PartialEq)]
struct Places {
    values: BTreeMap<String, Position>,
    keys: BTreeMap<String, Position>,
}

/// A place in a document; both count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// One thing that is wrong with a document: where, what, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Where in the text, when it is about a place in it.
    pub position: Option<Position>,
    /// The [JSON Pointer](https://www.rfc-editor.org/rfc/rfc6901) of the value; empty for the whole document.
    pub pointer: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// The `metadata` of a document whose schema held; the schema says which kinds have a description.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) name: Name,
    pub(crate) description: Option<String>,
}

/// Everything that is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidDocument {
    /// At least one diagnostic, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

impl Document {
    /// Reads exactly one YAML or JSON document.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, InvalidDocument> {
        let size = u64::try_from(text.len()).unwrap_or(u64::MAX);
        if size > limits.document_bytes_max {
            return Err(Diagnostic::whole(format!(
                "the document has {size} bytes, more than the limit of {}",
                limits.document_bytes_max
            ))
            .into());
        }
        let (value, places) = reader::read(text, limits)?;
        Ok(Self { value, places })
    }

    /// Reads exactly one document from bytes that must be UTF-8.
    pub fn parse_bytes(bytes: &[u8], limits: &Limits) -> Result<Self, InvalidDocument> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            Diagnostic::whole(format!(
                "the document is not UTF-8: byte {} is not part of a character",
                error.valid_up_to()
            ))
            .with_hint("save it as UTF-8")
        })?;
        Self::parse(text, limits)
    }

    /// A document for a value that has no text, such as one inside another document.
    pub fn from_value(value: Value) -> Self {
        Self { value, places: Places::default() }
    }

    /// The whole value.
    pub const fn value(&self) -> &Value {
        &self.value
    }

    /// Takes the value out.
    pub fn into_value(self) -> Value {
        self.value
    }

    /// Where the value at `pointer` stands, or its nearest ancestor that has a place.
    pub fn position(&self, pointer: &str) -> Option<Position> {
        let mut pointer = pointer;
        loop {
            if let Some(position) = self.places.values.get(pointer) {
                return Some(*position);
            }
            pointer = pointer.rsplit_once('/')?.0;
        }
    }

    /// A diagnostic about the value at `pointer`.
    pub fn diagnostic(&self, pointer: &str, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            position: self.position(pointer),
            pointer: pointer.to_owned(),
            message: message.into(),
            hint: None,
        }
    }

    /// A diagnostic about the key of the member at `pointer`.
    pub fn key_diagnostic(&self, pointer: &str, message: impl Into<String>) -> Diagnostic {
        let position = self.places.keys.get(pointer).copied().or_else(|| self.position(pointer));
        Diagnostic { position, ..self.diagnostic(pointer, message) }
    }

    /// The digest of the canonical form.
    pub fn digest(&self) -> Result<Digest, crate::canonical::CanonicalError> {
        crate::canonical::digest(&self.value)
    }
}

impl Diagnostic {
    /// A diagnostic about the document as a whole.
    pub fn whole(message: impl Into<String>) -> Self {
        Self { position: None, pointer: String::new(), message: message.into(), hint: None }
    }

    /// The same with advice.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Position { line, column }) = self.position {
            write!(f, "{line}:{column}: ")?;
        }
        f.write_str(&self.message)?;
        if !self.pointer.is_empty() {
            write!(f, " (at `{}`)", self.pointer)?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "; {hint}")?;
        }
        Ok(())
    }
}

impl From<Diagnostic> for InvalidDocument {
    fn from(diagnostic: Diagnostic) -> Self {
        Self { diagnostics: vec![diagnostic] }
    }
}

impl InvalidDocument {
    /// An error when there is at least one diagnostic.
    pub fn unless_empty(mut diagnostics: Vec<Diagnostic>) -> Result<(), Self> {
        diagnostics.sort_by_key(|diagnostic| diagnostic.position);
        diagnostics.dedup();
        if diagnostics.is_empty() { Ok(()) } else { Err(Self { diagnostics }) }
    }
}

impl fmt::Display for InvalidDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.diagnostics.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for InvalidDocument {}

/// The name among `names` that `text` was probably meant to be.
pub fn nearest<'a>(text: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    names
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(text, name), name))
        .filter(|(distance, name)| *distance <= name.len().max(text.len()) / 3 + 1)
        .min()
        .map(|(_, name)| name)
}

/// `parent` extended by one member or index, escaped as RFC 6901 has it.
pub fn pointer(parent: &str, token: &str) -> String {
    format!("{parent}/{}", token.replace('~', "~0").replace('/', "~1"))
}
