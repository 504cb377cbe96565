//! Sigstore bundles ([specification](https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_bundle.proto)).

use engine::Digest;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::envelope::{Envelope, Form, InvalidEnvelope};

/// The media type of the bundles that Muster makes.
pub const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// The media types that are read.
const READ: [&str; 4] = [
    MEDIA_TYPE,
    "application/vnd.dev.sigstore.bundle+json;version=0.3",
    "application/vnd.dev.sigstore.bundle+json;version=0.2",
    "application/vnd.dev.sigstore.bundle+json;version=0.1",
];

/// An envelope with what is needed to verify it. Parsed, not trusted.
#[derive(Debug, Clone)]
pub struct Bundle {
    bytes: Vec<u8>,
    envelope: Envelope,
    material: Material,
    evidence: Evidence,
}

/// Evidence that comes beside a key, and that nobody looks at yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// There are timestamps.
    pub(crate) timestamps: bool,
    /// There are entries of a transparency log.
    pub(crate) log_entries: bool,
}

/// What a bundle offers to verify its signature with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Material {
    /// The hint at a key that the verifier has.
    Key(String),
    /// A certificate, with whatever evidence comes beside it.
    Certificate,
    /// Nothing.
    Nothing,
}

/// Why bytes are not a bundle that can be verified.
#[derive(Debug, thiserror::Error)]
pub enum InvalidBundle {
    /// They are not JSON of that form.
    #[error("this is not a Sigstore bundle")]
    Form(#[from] serde_json::Error),
    /// It is of another version.
    #[error("the media type `{0}` is not that of a Sigstore bundle of version 0.1 to 0.3")]
    MediaType(String),
    /// It signs a file, not a statement.
    #[error("the bundle signs a message, not an envelope: only attestations are read here")]
    Message,
    /// It offers a key and a certificate.
    #[error("the bundle offers both a key and a certificate, and a bundle has one of them")]
    Ambiguous,
    /// There is no envelope in it.
    #[error("the bundle has no `dsseEnvelope`")]
    NoEnvelope,
    /// Its envelope is wrong.
    #[error("the envelope of the bundle is wrong: {0}")]
    Envelope(#[from] InvalidEnvelope),
    /// A bundle has exactly one signature.
    #[error("the envelope has {0} signatures, and a bundle has exactly one")]
    Signatures(usize),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BundleForm {
    media_type: String,
    #[serde(default)]
    verification_material: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dsse_envelope: Option<Form>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message_signature: Option<Value>,
}

impl Bundle {
    /// Reads a bundle of version 0.1 to 0.3.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidBundle> {
        let form: BundleForm = serde_json::from_slice(bytes)?;
        if !READ.contains(&form.media_type.as_str()) {
            return Err(InvalidBundle::MediaType(form.media_type));
        }
        let envelope = match (form.dsse_envelope, form.message_signature) {
            (Some(envelope), None) => Envelope::from_form(envelope)?,
            (_, Some(_)) => return Err(InvalidBundle::Message),
            (None, None) => return Err(InvalidBundle::NoEnvelope),
        };
        if envelope.signatures.len() != 1 {
            return Err(InvalidBundle::Signatures(envelope.signatures.len()));
        }
        let (material, evidence) = offered(&form.verification_material)?;
        Ok(Self { bytes: bytes.to_vec(), envelope, material, evidence })
    }

    /// A bundle signed by a key that the verifier knows under `hint`.
    pub fn with_key(envelope: Envelope, hint: &str) -> Result<Self, serde_json::Error> {
        let form = BundleForm {
            media_type: MEDIA_TYPE.to_owned(),
            verification_material: serde_json::json!({ "publicKey": { "hint": hint } }),
            dsse_envelope: Some(envelope.to_form()),
            message_signature: None,
        };
        Ok(Self {
            bytes: serde_json::to_vec(&form)?,
            envelope,
            material: Material::Key(hint.to_owned()),
            evidence: Evidence::default(),
        })
    }

    /// The bundle byte for byte.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The digest of the bytes: the identity of the attestation.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }

    /// The envelope in it.
    pub const fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// Whether it is signed with a certificate.
    pub(crate) const fn is_certified(&self) -> bool {
        matches!(self.material, Material::Certificate)
    }

    pub(crate) const fn material(&self) -> &Material {
        &self.material
    }

    pub(crate) const fn evidence(&self) -> Evidence {
        self.evidence
    }
}

/// What a bundle offers to verify with: a key or a certificate, not both. `null` is not there, as in protobuf's JSON.
fn offered(offer: &Value) -> Result<(Material, Evidence), InvalidBundle> {
    let there = |pointer: &str| offer.pointer(pointer).filter(|value| !value.is_null());
    let some = |pointer: &str| {
        there(pointer).and_then(Value::as_array).is_some_and(|list| !list.is_empty())
    };
    let certificate = there("/certificate").or_else(|| there("/x509CertificateChain"));
    let material = match (there("/publicKey"), certificate) {
        (Some(_), Some(_)) => return Err(InvalidBundle::Ambiguous),
        (Some(key), None) => {
            Material::Key(key.get("hint").and_then(Value::as_str).unwrap_or_default().to_owned())
        }
        (None, Some(_)) => Material::Certificate,
        (None, None) => Material::Nothing,
    };
    let timestamps = some("/timestampVerificationData/rfc3161Timestamps");
    Ok((material, Evidence { timestamps, log_entries: some("/tlogEntries") }))
}
