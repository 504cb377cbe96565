//! In-toto statements ([v1](https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md)).

use std::collections::BTreeMap;

use engine::Digest;
use serde::{Deserialize, Serialize};

/// The `_type` of the statements that Muster makes.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// The `_type` of statements that older tools make, read as well.
const STATEMENT_TYPE_V0_1: &str = "https://in-toto.io/Statement/v0.1";

/// What someone says about subjects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Statement {
    /// The version of the form.
    #[serde(rename = "_type")]
    pub kind: String,
    /// What it is about; matched by digest only.
    pub subject: Vec<Subject>,
    /// What kind of thing is said.
    #[serde(rename = "predicateType")]
    pub predicate_type: String,
    /// What is said.
    #[serde(default)]
    pub predicate: serde_json::Value,
}

/// One thing that a statement is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Its name within the statement.
    #[serde(default)]
    pub name: String,
    /// Its digests by algorithm.
    pub digest: BTreeMap<String, String>,
}

/// Why bytes are not a statement.
#[derive(Debug, thiserror::Error)]
pub enum InvalidStatement {
    /// They do not have the form.
    #[error("the payload is not an in-toto statement")]
    Form(#[from] serde_json::Error),
    /// It is of another type or version.
    #[error("the statement has the type `{0}`, not `{STATEMENT_TYPE}`")]
    Type(String),
    /// It is about nothing.
    #[error("the statement has no subject")]
    NoSubject,
    /// It does not say what it says.
    #[error("the statement has no predicate type, or a predicate that is not an object")]
    Predicate,
    /// A subject cannot be matched.
    #[error("the subject `{0}` has no digest that is lower-case hexadecimal of the right length")]
    Digest(String),
}

impl Statement {
    /// A statement about `subjects`, given as (name, algorithm, digest).
    pub fn new(
        subjects: impl IntoIterator<Item = (String, String, String)>,
        predicate_type: &str,
        predicate: serde_json::Value,
    ) -> Self {
        let subject = |(name, algorithm, value)| Subject {
            name,
            digest: BTreeMap::from([(algorithm, value)]),
        };
        Self {
            kind: STATEMENT_TYPE.to_owned(),
            subject: subjects.into_iter().map(subject).collect(),
            predicate_type: predicate_type.to_owned(),
            predicate,
        }
    }

    /// Reads a statement. Unknown members are ignored, as the specification asks.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidStatement> {
        let statement: Self = serde_json::from_slice(bytes)?;
        if statement.kind != STATEMENT_TYPE && statement.kind != STATEMENT_TYPE_V0_1 {
            return Err(InvalidStatement::Type(statement.kind));
        }
        if statement.predicate_type.is_empty()
            || !(statement.predicate.is_object() || statement.predicate.is_null())
        {
            return Err(InvalidStatement::Predicate);
        }
        if statement.subject.is_empty() {
            return Err(InvalidStatement::NoSubject);
        }
        match statement.subject.iter().find(|subject| !subject.is_matchable()) {
            Some(subject) => Err(InvalidStatement::Digest(subject.name.clone())),
            None => Ok(statement),
        }
    }

    /// The bytes to sign.
    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// Whether one of the subjects is `digest`.
    pub fn is_about(&self, digest: Digest) -> bool {
        let hex = digest.to_hex();
        self.subject.iter().any(|subject| subject.digest.get("sha256") == Some(&hex))
    }
}

impl Subject {
    /// At least one digest, and each of the algorithms that we know in its form.
    fn is_matchable(&self) -> bool {
        !self.digest.is_empty()
            && self.digest.iter().all(|(algorithm, value)| {
                let lower_hex =
                    value.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
                match algorithm.as_str() {
                    "sha1" | "gitTree" | "gitBlob" => lower_hex && value.len() == 40,
                    "gitCommit" => lower_hex && (value.len() == 40 || value.len() == 64),
                    "sha256" => lower_hex && value.len() == 64,
                    "sha512" => lower_hex && value.len() == 128,
                    _ => !value.is_empty(),
                }
            })
    }
}
