//! Secrets at rest: sealed under a key that the database does not hold.
//!
//! AES-256-GCM. What a secret is for is bound into the seal as associated data, so a sealed value that is copied to
//! another row, another organization or another purpose does not open there. The sealed form names its key, so that keys
//! can be replaced one row at a time:
//!
//! ```text
//! s1.<key id, 16 hexadecimal digits>.<base64 of nonce ‖ ciphertext ‖ tag>
//! ```
//!
//! Nonces are random and 96 bits long: one key may seal 2³² times
//! ([NIST SP 800-38D, §8.3](https://csrc.nist.gov/pubs/sp/800/38/d/final)).

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use engine::Digest;
use engine::id::OrganizationId;

/// The version of the sealed form.
const VERSION: &str = "s1";
/// The length of a key.
const KEY_BYTES: usize = 32;
/// The length of a nonce.
pub const NONCE_BYTES: usize = 12;
/// Most keys in a ring.
const KEYS_MAX: usize = 16;
/// Largest secret, in bytes.
pub const SECRET_BYTES_MAX: usize = 1 << 20;
/// Keys are read with padding or without: people paste what `openssl rand -base64 32` prints.
const KEY_TEXT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a secret is for. A sealed value opens only for what it was sealed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding<'a> {
    /// Whose it is; none for the instance.
    pub organization: Option<OrganizationId>,
    /// The table and column that it stands in, such as `backend.credentials_sealed`.
    pub purpose: &'a str,
    /// The row that it stands in.
    pub row: uuid::Uuid,
}

impl Binding<'_> {
    /// One text per binding: every part has a fixed length but the last.
    fn to_bytes(self, key: KeyName) -> Vec<u8> {
        let mut bytes = VERSION.as_bytes().to_vec();
        bytes.extend_from_slice(&key.0);
        bytes.push(u8::from(self.organization.is_some()));
        bytes
            .extend_from_slice(self.organization.map_or(uuid::Uuid::nil(), |org| org.0).as_bytes());
        bytes.extend_from_slice(self.row.as_bytes());
        bytes.extend_from_slice(self.purpose.as_bytes());
        bytes
    }
}

/// Names a key without telling anything of it: the beginning of a digest over it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyName([u8; 8]);

impl KeyName {
    fn of(key: &[u8; KEY_BYTES]) -> Self {
        let digest = Digest::of([b"muster sealing key\0".as_slice(), key].concat());
        let mut name = [0; 8];
        name.iter_mut().zip(digest.as_bytes()).for_each(|(to, from)| *to = *from);
        Self(name)
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for KeyName {
    type Err = SealError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |pair: &[u8]| {
            let pair = std::str::from_utf8(pair).ok()?;
            let lower = pair.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c));
            lower.then(|| u8::from_str_radix(pair, 16).ok()).flatten()
        };
        let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(number).collect();
        let name = bytes.and_then(|bytes| bytes.try_into().ok()).filter(|_| text.len() == 16);
        name.map(Self).ok_or(SealError::Form)
    }
}

/// A key to seal with.
struct SealingKey {
    name: KeyName,
    key: LessSafeKey,
}

/// The keys of an installation: the first seals, all open.
pub struct KeyRing {
    first: SealingKey,
    others: Vec<SealingKey>,
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

/// Why something could not be sealed or opened. No variant holds any part of a key or a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// There is no key at all.
    #[error("there is no key: expected 32 bytes in base64, one key on each line")]
    NoKey,
    /// A line of the ring is no key.
    #[error("key {line} is not one: expected 32 bytes in base64")]
    Key {
        /// The number of the key, from 1; empty lines and comments do not count.
        line: usize,
    },
    /// The same key is there twice.
    #[error("the key {name} is there twice")]
    Twice {
        /// Its name.
        name: KeyName,
    },
    /// The ring is too large.
    #[error("there are more than {KEYS_MAX} keys")]
    TooManyKeys,
    /// The secret is larger than the limit.
    #[error("the secret is larger than {SECRET_BYTES_MAX} bytes")]
    TooLarge,
    /// The value has not the form of a sealed one.
    #[error("this is not a sealed value")]
    Form,
    /// No key of the ring sealed this.
    #[error(
        "it was sealed with the key {name}, which is not in the key ring: add that key and start again"
    )]
    UnknownKey {
        /// The name of the key that is missing.
        name: KeyName,
    },
    /// The value was changed, or sealed for something else.
    #[error(
        "the seal does not hold: the value was changed, or belongs to another row or organization"
    )]
    Broken,
}

impl KeyRing {
    /// Reads keys, 32 bytes in base64 each, separated by lines, spaces or commas. `#` begins a comment.
    pub fn parse(text: &str) -> Result<Self, SealError> {
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
        let words = lines.flat_map(|line| line.split([' ', '\t', ',']));
        let mut keys: Vec<SealingKey> = Vec::new();
        for word in words.map(str::trim).filter(|word| !word.is_empty()) {
            let key = SealingKey::parse(word).ok_or(SealError::Key { line: keys.len() + 1 })?;
            if keys.iter().any(|known| known.name == key.name) {
                return Err(SealError::Twice { name: key.name });
            }
            keys.push(key);
        }
        if keys.len() > KEYS_MAX {
            return Err(SealError::TooManyKeys);
        }
        let mut keys = keys.into_iter();
        let first = keys.next().ok_or(SealError::NoKey)?;
        Ok(Self { first, others: keys.collect() })
    }

    /// How a key is written that has these bytes, which must be random.
    pub fn encode_key(random: [u8; KEY_BYTES]) -> String {
        STANDARD_NO_PAD.encode(random)
    }

    /// The name of the key that seals.
    pub const fn first(&self) -> KeyName {
        self.first.name
    }

    /// The names of all keys, the one that seals first.
    pub fn names(&self) -> impl Iterator<Item = KeyName> {
        self.keys().map(|key| key.name)
    }

    fn keys(&self) -> impl Iterator<Item = &SealingKey> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// Seals a secret. `nonce` must be random, and new for each call.
    pub fn seal(
        &self,
        binding: Binding<'_>,
        nonce: [u8; NONCE_BYTES],
        secret: &[u8],
    ) -> Result<Sealed, SealError> {
        if secret.len() > SECRET_BYTES_MAX {
            return Err(SealError::TooLarge);
        }
        let name = self.first.name;
        let mut text = secret.to_vec();
        self.first
            .key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(binding.to_bytes(name)),
                &mut text,
            )
            .map_err(|_unspecified| SealError::Broken)?;
        let body = STANDARD_NO_PAD.encode([nonce.as_slice(), &text].concat());
        Ok(Sealed { key: name, text: Sealed::prefix(name) + &body })
    }

    /// Opens what was sealed for this binding by any key of the ring.
    pub fn open(&self, binding: Binding<'_>, sealed: &Sealed) -> Result<Secret, SealError> {
        let name = sealed.key;
        let key = self.keys().find(|key| key.name == name).ok_or(SealError::UnknownKey { name })?;
        let mut bytes = sealed.body()?;
        let nonce = bytes.get(..NONCE_BYTES).and_then(|nonce| nonce.try_into().ok());
        let nonce = Nonce::assume_unique_for_key(nonce.ok_or(SealError::Form)?);
        let aad = Aad::from(binding.to_bytes(name));
        let text = bytes.get_mut(NONCE_BYTES..).ok_or(SealError::Form)?;
        let opened = key.key.open_in_place(nonce, aad, text);
        Ok(Secret(opened.map_err(|_unspecified| SealError::Broken)?.to_vec()))
    }
}

impl SealingKey {
    fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; KEY_BYTES] = KEY_TEXT.decode(text).ok()?.try_into().ok()?;
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &bytes).ok()?);
        Some(Self { name: KeyName::of(&bytes), key })
    }
}

/// A sealed secret, as it is stored. Printing it for debugging shows the name of its key only.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    key: KeyName,
    text: String,
}

impl Sealed {
    /// The name of the key that sealed it.
    pub const fn key(&self) -> KeyName {
        self.key
    }

    /// How everything begins that this key sealed.
    pub fn prefix(key: KeyName) -> String {
        format!("{VERSION}.{key}.")
    }

    /// The stored form.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn body(&self) -> Result<Vec<u8>, SealError> {
        let (_, body) = self.text.rsplit_once('.').ok_or(SealError::Form)?;
        STANDARD_NO_PAD.decode(body).map_err(|_what| SealError::Form)
    }
}

impl FromStr for Sealed {
    type Err = SealError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('.');
        let (Some(VERSION), Some(key), Some(_), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(SealError::Form);
        };
        let sealed = Self { key: key.parse()?, text: text.to_owned() };
        sealed.body()?;
        Ok(sealed)
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed").field("key", &self.key).finish_non_exhaustive()
    }
}

/// An opened secret. Printing it for debugging shows nothing.
pub struct Secret(Vec<u8>);

impl Secret {
    /// The secret itself: for the one who must show it, and nobody else.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
