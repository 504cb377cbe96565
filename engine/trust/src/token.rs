//! Identity tokens of CI systems: JSON Web Tokens ([RFC 7519](https://www.rfc-editor.org/rfc/rfc7519)) whose keys an
//! issuer publishes. What is not signed by an asymmetric algorithm of the list is no token at all.
//!
//! Keys, requirements and the time are arguments. Messages name what was wrong, never the token.

mod keys;
mod strict;
mod verify;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
pub use keys::{InvalidKeySet, KEY_SET_BYTES_MAX, KEYS_MAX, KeySet};
use serde_json::{Map, Value};
pub use strict::{InvalidObject, object};
pub use verify::{AGE_SECONDS_MAX, LEEWAY_SECONDS, TokenRequirements, VerifiedToken, verify_token};

/// Largest identity token, in bytes.
pub const TOKEN_BYTES_MAX: usize = 16 << 10;
/// Longest text of a token that a message repeats, in characters.
const SHOWN_CHARS_MAX: usize = 100;

/// The algorithms that a token may be signed with. All have a public key: `none` and shared secrets are not among them.
const ALGORITHMS: [(&str, Algorithm); 9] = [
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
    ("PS256", Algorithm::PS256),
    ("PS384", Algorithm::PS384),
    ("PS512", Algorithm::PS512),
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
    ("EdDSA", Algorithm::EdDSA),
];

/// A token that has its form. Nothing that it says is believed before [`verify_token`] answers.
#[derive(Clone)]
pub struct IdentityToken {
    /// What was signed: the first two parts, as they were sent.
    signed: String,
    signature: String,
    algorithm: Algorithm,
    key: String,
    claims: Map<String, Value>,
}

/// Why an identity token is not accepted. There is one variant for each step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenRefusal {
    /// It is too large.
    #[error("the token has {0} bytes, more than the limit of {TOKEN_BYTES_MAX}")]
    Size(usize),
    /// It is no token.
    #[error("this is not an identity token (a signed JWT): {0}")]
    Form(String),
    /// Its algorithm is none of the list.
    #[error("the token is signed with `{0}`; only {known} are accepted", known = algorithms())]
    Algorithm(String),
    /// It does not say which key signed it, or names one that the issuer does not publish.
    #[error("{0}")]
    Key(String),
    /// The key that it names is of another type than its algorithm.
    #[error("the issuer's key `{key}` cannot sign with `{algorithm}`")]
    KeyType {
        /// The key.
        key: String,
        /// What the token says that it was signed with.
        algorithm: &'static str,
    },
    /// The signature is not that key's.
    #[error("the signature is not one of the issuer's key `{0}`")]
    Signature(String),
    /// It was issued by someone else.
    #[error("the token was issued by {got}, not by `{wanted}`")]
    Issuer {
        /// The issuer whose keys were asked.
        wanted: String,
        /// What the token says.
        got: String,
    },
    /// It is meant for someone else.
    #[error("the token is for the audience {got}; wanted is {wanted}")]
    Audience {
        /// The audiences that are accepted.
        wanted: String,
        /// What the token says.
        got: String,
    },
    /// It ended, or does not say when it ends.
    #[error("{0}")]
    Expiry(String),
    /// It does not hold yet.
    #[error("{0}")]
    NotBefore(String),
    /// It is too old, from the future, or does not say when it was issued.
    #[error("{0}")]
    Age(String),
    /// Somebody is on the machine of the job.
    #[error(
        "the job was started again with SSH (`{CLAIM}` is true): someone may be on its machine, so its token is never accepted",
        CLAIM = verify::SSH_RERUN
    )]
    SshRerun,
}

impl TokenRefusal {
    /// The stable name of the step.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Size(_) => "size",
            Self::Form(_) => "form",
            Self::Algorithm(_) => "algorithm",
            Self::Key(_) => "key",
            Self::KeyType { .. } => "key-type",
            Self::Signature(_) => "signature",
            Self::Issuer { .. } => "issuer",
            Self::Audience { .. } => "audience",
            Self::Expiry(_) => "expiry",
            Self::NotBefore(_) => "not-before",
            Self::Age(_) => "age",
            Self::SshRerun => "ssh-rerun",
        }
    }
}

impl IdentityToken {
    /// Reads a token in the compact form ([RFC 7515](https://www.rfc-editor.org/rfc/rfc7515#section-7.1)).
    pub fn parse(text: &str) -> Result<Self, TokenRefusal> {
        let text = text.trim();
        if text.len() > TOKEN_BYTES_MAX {
            return Err(TokenRefusal::Size(text.len()));
        }
        let form = |what: &str| TokenRefusal::Form(what.to_owned());
        let (signed, signature) = text.rsplit_once('.').ok_or_else(|| form("it has no parts"))?;
        let (header, claims) = signed.split_once('.').ok_or_else(|| form("it has two parts"))?;
        if claims.contains('.') {
            return Err(form("it has more than three parts"));
        }
        let part = |name: &str, text: &str| {
            let bytes = URL_SAFE_NO_PAD
                .decode(text)
                .map_err(|_cause| form(&format!("its {name} is not base64url")))?;
            object(&bytes).map_err(|error| TokenRefusal::Form(format!("its {name}: {error}")))
        };
        let header = part("header", header)?;
        let (algorithm, key) = read_header(&header)?;
        let claims = part("claims", claims)?;
        Ok(Self {
            signed: signed.to_owned(),
            signature: signature.to_owned(),
            algorithm,
            key,
            claims,
        })
    }

    /// What it says. Not verified.
    pub const fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// Who it says issued it. Not verified.
    pub fn issuer(&self) -> Option<&str> {
        self.claims.get("iss").and_then(Value::as_str)
    }

    /// The key that it says signed it. Not verified.
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl fmt::Debug for IdentityToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityToken").field("issuer", &self.issuer()).finish_non_exhaustive()
    }
}

/// The algorithm and the key. An extension that has to be understood is one that is not understood here.
fn read_header(header: &Map<String, Value>) -> Result<(Algorithm, String), TokenRefusal> {
    let named = header.get("alg").and_then(Value::as_str).unwrap_or_default();
    let algorithm = ALGORITHMS.iter().find(|(name, _)| *name == named);
    let (_, algorithm) = algorithm.ok_or_else(|| TokenRefusal::Algorithm(shown(named)))?;
    for extension in ["crit", "b64", "zip"] {
        if header.contains_key(extension) {
            return Err(TokenRefusal::Form(format!("its header has `{extension}`")));
        }
    }
    let key = header.get("kid").and_then(Value::as_str).filter(|key| !key.is_empty());
    let key = key.ok_or_else(|| {
        TokenRefusal::Key("the token does not say which key signed it (`kid`)".to_owned())
    })?;
    Ok((*algorithm, key.to_owned()))
}

/// The name of an algorithm of the list.
fn name(algorithm: Algorithm) -> &'static str {
    ALGORITHMS.iter().find(|(_, known)| *known == algorithm).map_or("", |(name, _)| name)
}

fn algorithms() -> String {
    ALGORITHMS.map(|(name, _)| name).join(", ")
}

/// As much of a stranger's text as a message repeats.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(SHOWN_CHARS_MAX).collect()
}
