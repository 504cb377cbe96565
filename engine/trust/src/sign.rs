//! Signing statements. Keyless signing comes behind the same trait.

use crate::bundle::Bundle;
use crate::envelope::{Envelope, PAYLOAD_TYPE, Signature, pae};
use crate::key::SigningKey;
use crate::statement::Statement;

/// Someone who can sign a statement.
pub trait Signer {
    /// Signs `statement` and wraps it with what a verifier needs.
    fn sign(&self, statement: &Statement) -> Result<Bundle, SignError>;
}

/// Why a statement was not signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// It has no JSON form.
    #[error("the statement cannot be written")]
    Statement(#[from] serde_json::Error),
    /// The key refused.
    #[error("the key could not sign")]
    Key(#[source] sigstore::errors::SigstoreError),
}

impl Signer for SigningKey {
    fn sign(&self, statement: &Statement) -> Result<Bundle, SignError> {
        let payload = statement.to_bytes()?;
        let sig = Self::sign(self, &pae(PAYLOAD_TYPE, &payload)).map_err(SignError::Key)?;
        // The bundle has the hint. One here too, which is not what they make of the key, and others skip the signature.
        let signatures = vec![Signature { keyid: String::new(), sig }];
        let envelope = Envelope { payload_type: PAYLOAD_TYPE.to_owned(), payload, signatures };
        Ok(Bundle::with_key(envelope, &self.public().id().to_hex())?)
    }
}
