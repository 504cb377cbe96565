//! The one verifier. It says what it checked; what it could not check it says too.

use std::fmt;

use engine::{Digest, Timestamp};
use serde::Serialize;

use crate::bundle::{Bundle, Evidence, Material};
use crate::envelope::{PAYLOAD_TYPE, pae};
use crate::key::PublicKey;
use crate::statement::{InvalidStatement, Statement};

/// Who may sign. There is no way to verify without saying so.
#[derive(Debug)]
pub struct Requirements {
    keys: Vec<TrustedKey>,
}

/// A key that may sign, and when.
#[derive(Debug, Clone)]
pub struct TrustedKey {
    /// The key.
    pub key: PublicKey,
    /// What its owner calls it.
    pub name: String,
    /// From when on it may sign.
    pub valid_from: Option<Timestamp>,
    /// From when on it may not.
    pub revoked_at: Option<Timestamp>,
}

/// A statement whose signature was verified. Only [`verify`] makes one.
#[derive(Debug)]
pub struct Verified {
    statement: Statement,
    payload: Vec<u8>,
    key: PublicKey,
    checks: Vec<Check>,
}

/// One piece of evidence, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at.
    pub name: &'static str,
    /// What became of it.
    pub outcome: Checked,
    /// The particulars.
    pub detail: String,
}

/// What became of a piece of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Checked {
    /// It was there and holds.
    Checked,
    /// It was not there, so nothing is known of it.
    Absent,
    /// It was there, and nobody looked.
    Unchecked,
}

/// Why a bundle does not verify. There is one variant for each step.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Nobody may sign.
    #[error("no key is trusted, so nothing can verify: register the public key first")]
    NoKeys,
    /// It is signed by certificate.
    #[error(
        "the bundle is signed by a certificate; verifying those is not built yet, only registered keys are"
    )]
    Certificate,
    /// It offers nothing to verify with.
    #[error("the bundle names neither a key nor a certificate")]
    NoMaterial,
    /// The envelope holds something else.
    #[error("the payload type is `{0}`, not `{PAYLOAD_TYPE}`")]
    PayloadType(String),
    /// No trusted key made the signature.
    #[error("the signature is not by any of the {0} trusted keys")]
    Signature(usize),
    /// The key that made it is not valid yet.
    #[error("the key `{name}` signed this, and is valid only from {from} on")]
    NotYetValid {
        /// The key's name.
        name: String,
        /// From when on it is valid.
        from: Timestamp,
    },
    /// The key that made it was revoked.
    #[error("the key `{name}` signed this, and was revoked at {at}")]
    Revoked {
        /// The key's name.
        name: String,
        /// Since when.
        at: Timestamp,
    },
    /// The hint names another key than the one that signed.
    #[error("the bundle hints at the key `{0}`, which is not the one that signed it")]
    Hint(String),
    /// The payload is not a statement.
    #[error("what was signed is not a statement: {0}")]
    Statement(#[from] InvalidStatement),
    /// The statement is about something else.
    #[error("the statement is not about {0}")]
    Subject(Digest),
}

impl Requirements {
    /// Any of `keys` may sign.
    pub const fn new(keys: Vec<TrustedKey>) -> Self {
        Self { keys }
    }
}

/// Verifies `bundle` as of `at`: payload type, signature, key validity, hint, statement.
pub fn verify(
    bundle: &Bundle,
    requirements: &Requirements,
    at: Timestamp,
) -> Result<Verified, Refusal> {
    let hint = match bundle.material() {
        Material::Certificate => return Err(Refusal::Certificate),
        Material::Nothing => return Err(Refusal::NoMaterial),
        Material::Key(hint) => hint,
    };
    if requirements.keys.is_empty() {
        return Err(Refusal::NoKeys);
    }
    let envelope = bundle.envelope();
    if envelope.payload_type != PAYLOAD_TYPE {
        return Err(Refusal::PayloadType(envelope.payload_type.clone()));
    }
    let trusted = signer(bundle, requirements)?;
    // A key that is listed twice is as good as its strictest entry.
    for entry in requirements.keys.iter().filter(|entry| entry.key.id() == trusted.key.id()) {
        check_validity(entry, at)?;
    }
    let hint = check_hint(hint, &trusted.key)?;
    let statement = Statement::parse(&envelope.payload)?;
    let checks = checks(trusted, &statement, hint, bundle.evidence());
    Ok(Verified { statement, payload: envelope.payload.clone(), key: trusted.key.clone(), checks })
}

fn signer<'r>(bundle: &Bundle, requirements: &'r Requirements) -> Result<&'r TrustedKey, Refusal> {
    let envelope = bundle.envelope();
    let message = pae(&envelope.payload_type, &envelope.payload);
    let signed = |trusted: &&TrustedKey| {
        envelope.signatures.iter().any(|signature| trusted.key.verifies(&message, &signature.sig))
    };
    requirements.keys.iter().find(signed).ok_or(Refusal::Signature(requirements.keys.len()))
}

fn check_validity(trusted: &TrustedKey, at: Timestamp) -> Result<(), Refusal> {
    let name = || trusted.name.clone();
    if let Some(from) = trusted.valid_from.filter(|from| at < *from) {
        return Err(Refusal::NotYetValid { name: name(), from });
    }
    match trusted.revoked_at.filter(|revoked| *revoked <= at) {
        Some(at) => Err(Refusal::Revoked { name: name(), at }),
        None => Ok(()),
    }
}

/// A hint that is a digest, in hexadecimal or base64, must be that of the key; others are free text.
fn check_hint(hint: &str, key: &PublicKey) -> Result<Checked, Refusal> {
    use base64::Engine as _;
    let hexadecimal = Digest::from_hex(hint).or_else(|_other| hint.parse()).ok();
    let base64 = || {
        let bytes = base64::engine::general_purpose::STANDARD.decode(hint).ok()?;
        Some(Digest::from_sha256(bytes.try_into().ok()?))
    };
    match hexadecimal.or_else(base64) {
        Some(named) if named == key.id() => Ok(Checked::Checked),
        Some(_) => Err(Refusal::Hint(hint.to_owned())),
        None => Ok(Checked::Absent),
    }
}

fn checks(
    trusted: &TrustedKey,
    statement: &Statement,
    hint: Checked,
    evidence: Evidence,
) -> Vec<Check> {
    let checked = |name, detail| Check { name, outcome: Checked::Checked, detail };
    let absent =
        |name, detail: &str| Check { name, outcome: Checked::Absent, detail: detail.to_owned() };
    let mut checks = vec![
        checked("payload type", PAYLOAD_TYPE.to_owned()),
        checked("signature", format!("by the key `{}` ({})", trusted.name, trusted.key.id())),
        checked(
            "statement",
            format!("{} with {} subjects", statement.kind, statement.subject.len()),
        ),
    ];
    checks.push(if hint == Checked::Checked {
        checked("key hint", "names the key that signed".to_owned())
    } else {
        absent("key hint", "names no digest of a key")
    });
    checks.push(beside(
        evidence.timestamps,
        "signing time",
        "not attested: the bundle carries no timestamp",
    ));
    checks.push(beside(
        evidence.log_entries,
        "transparency log",
        "the bundle carries no log entry",
    ));
    checks
}

/// Evidence that is not looked at yet: said to be there or not, never said to hold.
fn beside(there: bool, name: &'static str, absent: &str) -> Check {
    if there {
        let detail =
            "it is there, and checking it is not built yet: nothing follows from it".to_owned();
        return Check { name, outcome: Checked::Unchecked, detail };
    }
    Check { name, outcome: Checked::Absent, detail: absent.to_owned() }
}

impl Verified {
    /// What was signed.
    pub const fn statement(&self) -> &Statement {
        &self.statement
    }

    /// The payload, byte for byte.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The key that signed.
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// What was checked, and what could not be.
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// Refuses a statement that is not about `digest`.
    pub fn require_subject(&self, digest: Digest) -> Result<(), Refusal> {
        if self.statement.is_about(digest) { Ok(()) } else { Err(Refusal::Subject(digest)) }
    }
}

impl Refusal {
    /// The stable name of the step that refused.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoKeys => "no-keys",
            Self::Certificate => "certificate",
            Self::NoMaterial => "no-material",
            Self::PayloadType(_) => "payload-type",
            Self::Signature(_) => "signature",
            Self::NotYetValid { .. } => "not-yet-valid",
            Self::Revoked { .. } => "revoked",
            Self::Hint(_) => "hint",
            Self::Statement(_) => "statement",
            Self::Subject(_) => "subject",
        }
    }
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Checked => "checked",
            Self::Absent => "absent",
            Self::Unchecked => "unchecked",
        })
    }
}
