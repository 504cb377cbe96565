//! The keys that an issuer publishes: a JSON Web Key Set ([RFC 7517](https://www.rfc-editor.org/rfc/rfc7517#section-5)).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use serde_json::{Map, Value};

use super::strict;

/// Largest key set, in bytes.
pub const KEY_SET_BYTES_MAX: usize = 256 << 10;
/// Most keys in a set.
pub const KEYS_MAX: usize = 100;
/// Shortest RSA modulus, in bytes: 2048 bits.
const MODULUS_BYTES_MIN: usize = 256;

/// The public keys of an issuer that can verify a signature.
#[derive(Clone)]
pub struct KeySet {
    keys: Vec<Key>,
}

/// One public key.
#[derive(Clone)]
pub(super) struct Key {
    /// What tokens call it.
    pub(super) id: String,
    /// The only algorithm that it may be used with, where it says so.
    only: Option<String>,
    kind: Kind,
    pub(super) public: DecodingKey,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

/// Why bytes are not a usable key set.
#[derive(Debug, thiserror::Error)]
pub enum InvalidKeySet {
    /// There are too many bytes.
    #[error("the key set has {0} bytes, more than the limit of {KEY_SET_BYTES_MAX}")]
    Size(usize),
    /// They are no key set.
    #[error("this is not a JSON Web Key Set: {0}")]
    Form(String),
    /// There are too many keys.
    #[error("the key set has {0} keys, more than the limit of {KEYS_MAX}")]
    Keys(usize),
    /// No key can verify anything.
    #[error(
        "the key set has no key with a `kid` that can verify: expected RSA of at least 2048 bits, P-256, P-384 or Ed25519"
    )]
    Empty,
}

impl KeySet {
    /// Reads a key set. Keys of another type, for another use or without an identifier are left out, as
    /// [RFC 7517](https://www.rfc-editor.org/rfc/rfc7517#section-5) has it; a shared secret is never a key here.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidKeySet> {
        if bytes.len() > KEY_SET_BYTES_MAX {
            return Err(InvalidKeySet::Size(bytes.len()));
        }
        let set = strict::object(bytes).map_err(|error| InvalidKeySet::Form(error.to_string()))?;
        let listed = set.get("keys").and_then(Value::as_array);
        let listed = listed.ok_or_else(|| InvalidKeySet::Form("it has no `keys`".to_owned()))?;
        if listed.len() > KEYS_MAX {
            return Err(InvalidKeySet::Keys(listed.len()));
        }
        let keys: Vec<Key> = listed.iter().filter_map(|key| Key::read(key.as_object()?)).collect();
        if keys.is_empty() { Err(InvalidKeySet::Empty) } else { Ok(Self { keys }) }
    }

    /// Whether there is a key of that identifier.
    pub fn has(&self, id: &str) -> bool {
        self.named(id).next().is_some()
    }

    pub(super) fn named<'a>(&'a self, id: &str) -> impl Iterator<Item = &'a Key> {
        self.keys.iter().filter(move |key| key.id == id)
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| &key.id)).finish()
    }
}

impl Key {
    fn read(key: &Map<String, Value>) -> Option<Self> {
        let text = |member: &str| key.get(member).and_then(Value::as_str);
        if text("use").is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        let operations = key.get("key_ops").and_then(Value::as_array);
        if operations.is_some_and(|list| !list.iter().any(|one| one == "verify")) {
            return None;
        }
        let id = text("kid").filter(|id| !id.is_empty())?.to_owned();
        let bytes = |member: &str| URL_SAFE_NO_PAD.decode(text(member)?).ok();
        let point = |length: usize| {
            let (x, y) = (bytes("x")?, bytes("y")?);
            let whole = x.len() == length && y.len() == length;
            whole.then(|| DecodingKey::from_ec_der(&[vec![4], x, y].concat()))
        };
        let (kind, public) = match (text("kty")?, text("crv")) {
            ("RSA", _) => {
                let (modulus, exponent) = (bytes("n")?, bytes("e")?);
                if modulus.len() < MODULUS_BYTES_MIN {
                    return None;
                }
                (Kind::Rsa, DecodingKey::from_rsa_raw_components(&modulus, &exponent))
            }
            ("EC", Some("P-256")) => (Kind::P256, point(32)?),
            ("EC", Some("P-384")) => (Kind::P384, point(48)?),
            ("OKP", Some("Ed25519")) => {
                (Kind::Ed25519, DecodingKey::from_ed_der(&bytes("x").filter(|x| x.len() == 32)?))
            }
            _ => return None,
        };
        Some(Self { id, only: text("alg").map(ToOwned::to_owned), kind, public })
    }

    /// Whether a signature with that algorithm can be this key's.
    pub(super) fn fits(&self, algorithm: Algorithm) -> bool {
        let kind = match algorithm {
            Algorithm::ES256 => Kind::P256,
            Algorithm::ES384 => Kind::P384,
            Algorithm::EdDSA => Kind::Ed25519,
            other if other.family() == AlgorithmFamily::Rsa => Kind::Rsa,
            _ => return false,
        };
        kind == self.kind && self.only.as_deref().is_none_or(|only| only == super::name(algorithm))
    }
}
