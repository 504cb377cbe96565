//! DSSE envelopes ([specification](https://github.com/secure-systems-lab/dsse)).

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde::{Deserialize, Serialize};

/// The payload type of an in-toto statement.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// A payload and the signatures over it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// What the payload is.
    pub payload_type: String,
    /// The payload, byte for byte as it was signed.
    pub payload: Vec<u8>,
    /// The signatures.
    pub signatures: Vec<Signature>,
}

/// One signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// A hint at the key; not authenticated.
    pub keyid: String,
    /// The signature over the [`pae`].
    pub sig: Vec<u8>,
}

/// Why a JSON value is not an envelope.
#[derive(Debug, thiserror::Error)]
pub enum InvalidEnvelope {
    /// It does not have the form.
    #[error("it is not a DSSE envelope")]
    Form(#[from] serde_json::Error),
    /// A member is not base64.
    #[error("`{0}` is not base64")]
    Base64(&'static str),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Form {
    payload: String,
    payload_type: String,
    signatures: Vec<SignatureForm>,
}

#[derive(Serialize, Deserialize)]
struct SignatureForm {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    keyid: String,
    sig: String,
}

/// The bytes that a signature covers: type and payload with their lengths.
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes =
        format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

impl Envelope {
    /// Reads a bare envelope.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidEnvelope> {
        Self::from_form(serde_json::from_slice(bytes)?)
    }

    pub(crate) fn from_form(form: Form) -> Result<Self, InvalidEnvelope> {
        let signature = |form: SignatureForm| {
            Ok(Signature {
                keyid: form.keyid,
                sig: decode(&form.sig).ok_or(InvalidEnvelope::Base64("sig"))?,
            })
        };
        Ok(Self {
            payload: decode(&form.payload).ok_or(InvalidEnvelope::Base64("payload"))?,
            payload_type: form.payload_type,
            signatures: form
                .signatures
                .into_iter()
                .map(signature)
                .collect::<Result<_, InvalidEnvelope>>()?,
        })
    }

    pub(crate) fn to_form(&self) -> Form {
        let signature = |signature: &Signature| SignatureForm {
            keyid: signature.keyid.clone(),
            sig: STANDARD.encode(&signature.sig),
        };
        Form {
            payload: STANDARD.encode(&self.payload),
            payload_type: self.payload_type.clone(),
            signatures: self.signatures.iter().map(signature).collect(),
        }
    }

    /// The envelope as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(&self.to_form())
    }
}

/// Standard or URL-safe base64, as DSSE asks verifiers to accept.
fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).or_else(|_standard| URL_SAFE.decode(text)).ok()
}
