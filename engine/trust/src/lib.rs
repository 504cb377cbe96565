//! Trust, as pure functions: statements, DSSE envelopes, Sigstore bundles, keys; sign, verify, and seal secrets;
//! and the identity tokens of CI systems.
//!
//! Keys, requirements and the time are arguments; nothing here reads a clock, a file or the network. What was signed is
//! kept byte for byte. A [`Verified`] statement can only come from [`verify`], which says what it checked, and a [`VerifiedToken`] only from
//! [`verify_token`].

mod bundle;
mod envelope;
mod foreign;
mod key;
mod seal;
mod sign;
mod statement;
mod token;
mod verify;
mod webhook;

pub use bundle::{Bundle, InvalidBundle, MEDIA_TYPE};
pub use envelope::{Envelope, InvalidEnvelope, PAYLOAD_TYPE, Signature, pae};
pub use foreign::{
    Endorsed, ForeignRefusal, ForeignRoot, ForeignSigner, InvalidRoot, verify_foreign,
};
pub use key::{KeyError, PublicKey, SigningKey};
pub use seal::{
    Binding, KeyName, KeyRing, NONCE_BYTES, SECRET_BYTES_MAX, SealError, Sealed, Secret,
};
pub use sign::{SignError, Signer};
pub use statement::{InvalidStatement, STATEMENT_TYPE, Statement, Subject};
pub use token::{
    AGE_SECONDS_MAX, IdentityToken, InvalidKeySet, InvalidObject, KEY_SET_BYTES_MAX, KEYS_MAX,
    KeySet, LEEWAY_SECONDS, TOKEN_BYTES_MAX, TokenRefusal, TokenRequirements, VerifiedToken,
    object, verify_token,
};
pub use verify::{Check, Checked, Refusal, Requirements, TrustedKey, Verified, verify};
pub use webhook::{
    WEBHOOK_SECRET_BYTES, WEBHOOK_SECRET_PREFIX, webhook_seconds, webhook_secret, webhook_signature,
};
