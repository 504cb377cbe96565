//! Keys: PKCS#8 and cosign key files to sign with, `SubjectPublicKeyInfo` to verify with.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::Digest;
use sigstore::crypto::signing_key::{SigStoreKeyPair, SigStoreSigner};
use sigstore::crypto::{CosignVerificationKey, Signature, SigningScheme};
use sigstore::errors::SigstoreError;

/// The label of cosign's encrypted key files.
const COSIGN_LABELS: [&str; 2] = ["ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY"];

/// The length of the nonce in them.
const NONCE_BYTES: usize = 24;

/// A private key.
pub struct SigningKey {
    signer: SigStoreSigner,
    pair: SigStoreKeyPair,
    public: PublicKey,
}

/// A public key.
#[derive(Clone)]
pub struct PublicKey {
    der: Vec<u8>,
    pem: String,
    key: CosignVerificationKey,
}

/// Why a key cannot be used. The cause names no secret.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file is no private key of a kind that can sign here.
    #[error(
        "this is not a private key that can sign: expected PKCS#8 or a cosign key file of ECDSA P-256 or P-384, or Ed25519"
    )]
    Private(#[source] SigstoreError),
    /// The file is encrypted, and no password was given.
    #[error(
        "the key file is encrypted: give its password in MUSTER_KEY_PASSWORD or COSIGN_PASSWORD"
    )]
    NeedsPassword,
    /// The password does not open the file.
    #[error("the key file cannot be opened: the password is wrong, or the file is damaged")]
    Password(#[source] SigstoreError),
    /// The text is no public key.
    #[error("this is not a public key: expected PEM with the label PUBLIC KEY")]
    Public(#[source] SigstoreError),
    /// A key of this kind cannot be made or written.
    #[error("the key cannot be made or written")]
    Write(#[source] SigstoreError),
}

impl SigningKey {
    /// A new ECDSA P-256 key.
    pub fn generate() -> Result<Self, KeyError> {
        let scheme = SigningScheme::ECDSA_P256_SHA256_ASN1;
        let signer = scheme.create_signer().map_err(KeyError::Write)?;
        let pair = signer.to_sigstore_keypair().map_err(KeyError::Write)?;
        Self::from_pair(pair)
    }

    /// Reads a key file: PKCS#8 PEM, or cosign's encrypted form with its password.
    pub fn from_pem(text: &str, password: Option<&str>) -> Result<Self, KeyError> {
        if is_encrypted(text) {
            let password = password.ok_or(KeyError::NeedsPassword)?;
            check_sealed(text)?;
            let pair = SigStoreKeyPair::from_encrypted_pem(text.as_bytes(), password.as_bytes());
            return Self::from_pair(pair.map_err(KeyError::Password)?);
        }
        Self::from_pair(SigStoreKeyPair::from_pem(text.as_bytes()).map_err(KeyError::Private)?)
    }

    fn from_pair(pair: SigStoreKeyPair) -> Result<Self, KeyError> {
        let public = PublicKey::from_pem(&pair.public_key_to_pem().map_err(KeyError::Private)?)?;
        let schemes = [
            SigningScheme::ECDSA_P256_SHA256_ASN1,
            SigningScheme::ECDSA_P384_SHA384_ASN1,
            SigningScheme::ED25519,
        ];
        let mut refused = None;
        for scheme in schemes {
            match pair.to_sigstore_signer(&scheme) {
                Ok(signer) => return Ok(Self { signer, pair, public }),
                Err(error) => refused = Some(error),
            }
        }
        let unsupported = || SigstoreError::KeyParsingError("no scheme fits".to_owned());
        Err(KeyError::Private(refused.unwrap_or_else(unsupported)))
    }

    /// The public half.
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The key as a cosign key file, encrypted with `password`.
    pub fn to_encrypted_pem(&self, password: &str) -> Result<String, KeyError> {
        let pem =
            self.pair.private_key_to_encrypted_pem(password.as_bytes()).map_err(KeyError::Write)?;
        Ok(pem.to_string())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigstoreError> {
        self.signer.sign(message)
    }
}

/// A nonce of another length makes the library behind us panic, so it is refused before.
fn check_sealed(text: &str) -> Result<(), KeyError> {
    let damaged = || {
        KeyError::Password(SigstoreError::KeyParsingError(
            "the file is not sealed as cosign does".to_owned(),
        ))
    };
    let body = COSIGN_LABELS.iter().find_map(|label| block(text, label)).ok_or_else(damaged)?;
    let sealed: serde_json::Value = serde_json::from_slice(&body).map_err(|_error| damaged())?;
    let nonce =
        sealed.pointer("/cipher/nonce").and_then(serde_json::Value::as_str).ok_or_else(damaged)?;
    let nonce = STANDARD.decode(nonce).map_err(|_error| damaged())?;
    if nonce.len() == NONCE_BYTES { Ok(()) } else { Err(damaged()) }
}

/// Whether a key file needs a password.
pub(crate) fn is_encrypted(text: &str) -> bool {
    COSIGN_LABELS.iter().any(|label| text.contains(label))
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("public", &self.public.id()).finish_non_exhaustive()
    }
}

impl PublicKey {
    /// Reads `-----BEGIN PUBLIC KEY-----`.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        // One block, and everything from its bytes: a file with two keys must not be one by name and another by use.
        let der = block(text, "PUBLIC KEY").ok_or_else(|| {
            let what = "expected one PEM block with the label PUBLIC KEY".to_owned();
            KeyError::Public(SigstoreError::KeyParsingError(what))
        })?;
        let key = CosignVerificationKey::try_from_der(&der).map_err(KeyError::Public)?;
        Ok(Self { der, pem: text.to_owned(), key })
    }

    /// The digest of the `SubjectPublicKeyInfo`, DER: how keys are named, and hinted at in bundles.
    pub fn id(&self) -> Digest {
        Digest::of(&self.der)
    }

    /// The key as PEM.
    pub fn to_pem(&self) -> &str {
        &self.pem
    }

    /// Whether `signature` is this key's over `message`. ECDSA signatures may be DER or the two raw numbers.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let verifies = |signature: &[u8]| {
            self.key.verify_signature(Signature::Raw(signature), message).is_ok()
        };
        verifies(signature) || raw_to_der(signature).is_some_and(|der| verifies(&der))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id())
    }
}

/// The bytes of the only PEM block in `text`, which must have that label.
fn block(text: &str, label: &str) -> Option<Vec<u8>> {
    if text.matches("-----BEGIN ").count() != 1 {
        return None;
    }
    let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let compact: String = body.split_whitespace().collect();
    STANDARD.decode(compact).ok()
}

/// `r‖s` of P-256 (64 bytes) or P-384 (96) as the DER that verifiers want.
fn raw_to_der(raw: &[u8]) -> Option<Vec<u8>> {
    if raw.len() != 64 && raw.len() != 96 {
        return None;
    }
    let (r, s) = raw.split_at(raw.len() / 2);
    let mut body = integer(r)?;
    body.extend(integer(s)?);
    let mut der = vec![0x30, u8::try_from(body.len()).ok().filter(|length| *length < 128)?];
    der.extend(body);
    Some(der)
}

fn integer(bytes: &[u8]) -> Option<Vec<u8>> {
    let start = bytes.iter().position(|byte| *byte != 0)?;
    let digits = bytes.get(start..)?;
    let pad = digits.first().is_some_and(|byte| *byte >= 0x80);
    let mut der = vec![0x02, u8::try_from(digits.len() + usize::from(pad)).ok()?];
    der.extend(pad.then_some(0));
    der.extend_from_slice(digits);
    Some(der)
}
