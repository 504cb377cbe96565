//! The in-toto Statement inside a DSSE envelope or a Sigstore bundle.
//!
//! This reads what an attestation *says*. Nothing here verifies a signature: that is the work of the `trust` crate,
//! and until it has been done an attestation's words are a claim.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde::Deserialize;
use serde_json::{Value, json};

use super::json::{self, Outline, shown};
use super::{Problem, Reading};
use crate::{Digest, Limits};

const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
const STATEMENT_V1: &str = "https://in-toto.io/Statement/v1";
const STATEMENT_V0_1: &str = "https://in-toto.io/Statement/v0.1";
const BUNDLE_TYPES: [&str; 4] = [
    "application/vnd.dev.sigstore.bundle+json;version=0.1",
    "application/vnd.dev.sigstore.bundle+json;version=0.2",
    "application/vnd.dev.sigstore.bundle+json;version=0.3",
    "application/vnd.dev.sigstore.bundle.v0.3+json",
];
/// Most subjects that the facts repeat; the Statement that policies see has them all.
const SUBJECTS_SHOWN: usize = 100;

#[derive(Deserialize)]
struct Bundle {
    #[serde(rename = "mediaType")]
    media_type: String,
    #[serde(rename = "verificationMaterial")]
    verification_material: Option<serde_json::Map<String, Value>>,
    #[serde(rename = "dsseEnvelope")]
    envelope: Option<Envelope>,
}

#[derive(Deserialize)]
struct Envelope {
    payload: String,
    #[serde(rename = "payloadType")]
    payload_type: String,
    signatures: Vec<Signature>,
}

#[derive(Deserialize)]
struct Signature {
    sig: String,
}

/// A Statement of either version, with the predicate left as it is.
#[derive(Deserialize)]
pub(super) struct Statement {
    #[serde(rename = "_type")]
    type_: String,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    pub(super) predicate_type: String,
    #[serde(default)]
    pub(super) predicate: Value,
}

#[derive(Deserialize)]
struct Subject {
    name: Option<String>,
    #[serde(default)]
    digest: BTreeMap<String, String>,
}

/// Whether the top-level keys are those of an envelope or of a bundle that holds one.
pub(super) fn is_attestation(outline: &Outline) -> bool {
    let envelope = outline.has("payloadType") && outline.has("signatures");
    let bundle = outline.text("mediaType").is_some_and(|kind| kind.contains("sigstore.bundle"))
        || outline.has("verificationMaterial");
    envelope || (bundle && outline.has("dsseEnvelope"))
}

/// The predicate type of an attestation, when it can be read that far.
pub(super) fn predicate_type(bytes: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Peek {
        #[serde(rename = "predicateType")]
        predicate_type: String,
    }
    let (outline, _) = Outline::of(bytes);
    let envelope = envelope(bytes, &outline, &mut Vec::new()).ok()?;
    let payload = decode(&envelope.payload)?;
    serde_json::from_slice::<Peek>(&payload).ok().map(|peek| peek.predicate_type)
}

/// Reads an attestation: policies see the decoded Statement, byte for byte as it was signed.
pub(super) fn read(bytes: &[u8], limits: &Limits) -> (Reading<'static>, Option<Statement>) {
    let mut problems = Vec::new();
    match payload(bytes, limits, &mut problems) {
        Ok(payload) => {
            let mut reading = Reading { problems, ..Reading::default() };
            let statement = statement(&payload, limits, &mut reading);
            reading.json = statement.is_some().then_some(payload.into());
            (reading, statement)
        }
        Err(problem) => {
            problems.push(problem);
            (Reading { problems, ..Reading::default() }, None)
        }
    }
}

fn payload(bytes: &[u8], limits: &Limits, problems: &mut Vec<Problem>) -> Result<Vec<u8>, Problem> {
    let outline = json::outline(bytes, limits)?;
    problems.extend(outline.duplicates());
    let envelope = envelope(bytes, &outline, problems)?;
    if envelope.payload_type != PAYLOAD_TYPE {
        let found = shown(&envelope.payload_type);
        problems.push(Problem::whole(format!(
            "the envelope's payload type is `{found}`, not `{PAYLOAD_TYPE}`"
        )));
    }
    if envelope.signatures.is_empty() {
        problems.push(Problem::whole("the envelope carries no signature"));
    }
    if envelope
        .signatures
        .iter()
        .any(|signature| decode(&signature.sig).is_none_or(|sig| sig.is_empty()))
    {
        problems.push(Problem::whole("a signature of the envelope is empty or not base64"));
    }
    decode(&envelope.payload).ok_or_else(|| Problem::whole("the envelope's payload is not base64"))
}

fn envelope(
    bytes: &[u8],
    outline: &Outline,
    problems: &mut Vec<Problem>,
) -> Result<Envelope, Problem> {
    let inside = |problem: Problem| {
        Problem::whole(format!("at `{}` of the envelope: {}", problem.pointer, problem.message))
    };
    if !outline.has("mediaType") && !outline.has("verificationMaterial") {
        return json::parse(bytes).map_err(inside);
    }
    let bundle: Bundle = json::parse(bytes).map_err(inside)?;
    if !BUNDLE_TYPES.contains(&bundle.media_type.as_str()) {
        let found = shown(&bundle.media_type);
        problems.push(Problem::whole(format!("`{found}` is not a known Sigstore bundle type")));
    }
    if bundle.verification_material.is_none_or(|material| material.is_empty()) {
        problems.push(Problem::whole("the bundle has no verification material"));
    }
    bundle.envelope.ok_or_else(|| {
        Problem::whole("the bundle signs a blob and holds no DSSE envelope, so it attests nothing")
    })
}

/// DSSE allows both base64 alphabets.
fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()
}

fn statement(payload: &[u8], limits: &Limits, reading: &mut Reading<'_>) -> Option<Statement> {
    let parsed = json::outline(payload, limits).and_then(|outline| {
        reading.problems.extend(outline.duplicates());
        json::parse::<Statement>(payload)
    });
    let statement = match parsed {
        Ok(statement) => statement,
        Err(problem) => {
            let message = format!("the payload is not an in-toto Statement: {}", problem.message);
            reading.problems.push(Problem::at(problem.pointer, message));
            return None;
        }
    };
    reading.problems.extend(statement.problems());
    reading.fact("statement_type", statement.type_.as_str());
    reading.fact("predicate_type", statement.predicate_type.as_str());
    reading.fact("signature", "not verified");
    reading.fact("subject_count", statement.subject.len());
    let shown: Vec<Value> =
        statement.subject.iter().take(SUBJECTS_SHOWN).map(Subject::fact).collect();
    reading.fact("subjects", shown);
    Some(statement)
}

impl Statement {
    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if ![STATEMENT_V1, STATEMENT_V0_1].contains(&self.type_.as_str()) {
            let message = format!("`{}` is not a known Statement type", shown(&self.type_));
            problems.push(Problem::at("/_type", message));
        }
        if self.predicate_type.is_empty() {
            problems.push(Problem::at("/predicateType", "it is empty"));
        }
        if !self.predicate.is_object() && !self.predicate.is_null() {
            problems.push(Problem::at("/predicate", "it is not an object"));
        }
        if self.subject.is_empty() {
            problems
                .push(Problem::at("/subject", "the Statement is about nothing: it has no subject"));
        }
        for (index, subject) in self.subject.iter().enumerate() {
            if self.type_ == STATEMENT_V0_1 && subject.name.is_none() {
                problems.push(Problem::at(format!("/subject/{index}/name"), "it is missing"));
            }
            problems.extend(subject.problem(&format!("/subject/{index}/digest")));
        }
        problems
    }
}

impl Subject {
    fn problem(&self, pointer: &str) -> Option<Problem> {
        if self.digest.is_empty() {
            return Some(Problem::at(pointer, "the subject has no digest"));
        }
        self.digest.iter().find_map(|(algorithm, hex)| {
            let valid = match algorithm.as_str() {
                "sha256" => Digest::from_hex(hex).is_ok(),
                _ => !hex.is_empty(),
            };
            let place = format!("{pointer}{}", json::pointer([algorithm]));
            (!valid).then(|| {
                Problem::at(place, format!("`{}` is not a {algorithm} digest", shown(hex)))
            })
        })
    }

    fn fact(&self) -> Value {
        let sha256 = self.digest.get_key_value("sha256");
        let digest = sha256.or_else(|| self.digest.first_key_value());
        json!({
            "name": self.name,
            "digest": digest.map(|(algorithm, hex)| format!("{algorithm}:{hex}")),
        })
    }
}
