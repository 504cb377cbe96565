//! Identity tokens as CI systems issue them, signed by keys that live as long as the test does.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};

/// What precedes the key of the library's own form in PKCS#8, for RSA of 2048 bits.
const RSA_PKCS8_HEAD_BYTES: usize = 26;

/// A private key that signs tokens, and how its public half is published.
#[derive(Debug)]
pub struct TokenKey {
    id: String,
    algorithm: Algorithm,
    key: EncodingKey,
}

impl TokenKey {
    /// A new P-256 key: made in no time.
    pub fn p256(id: &str) -> Self {
        Self::ec(id, Algorithm::ES256, &ECDSA_P256_SHA256_FIXED_SIGNING)
    }

    /// A new P-384 key.
    pub fn p384(id: &str) -> Self {
        Self::ec(id, Algorithm::ES384, &ECDSA_P384_SHA384_FIXED_SIGNING)
    }

    /// A new RSA key of 2048 bits, which signs with that algorithm.
    pub fn rsa(id: &str, algorithm: &str) -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap_or_else(|error| failed(&error));
        let pkcs8: Pkcs8V1Der<'_> = pair.as_der().unwrap_or_else(|error| failed(&error));
        let (_, key) = pkcs8.as_ref().split_at(RSA_PKCS8_HEAD_BYTES);
        let algorithm = algorithm.parse().unwrap_or_else(|error| failed(&error));
        Self { id: id.to_owned(), algorithm, key: EncodingKey::from_rsa_der(key) }
    }

    /// A new Ed25519 key.
    pub fn ed25519(id: &str) -> Self {
        let made = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new());
        let pkcs8 = made.unwrap_or_else(|error| failed(&error));
        let key = EncodingKey::from_ed_der(pkcs8.as_ref());
        Self { id: id.to_owned(), algorithm: Algorithm::EdDSA, key }
    }

    fn ec(id: &str, algorithm: Algorithm, signing: &'static EcdsaSigningAlgorithm) -> Self {
        let made = EcdsaKeyPair::generate_pkcs8(signing, &SystemRandom::new());
        let pkcs8 = made.unwrap_or_else(|error| failed(&error));
        Self { id: id.to_owned(), algorithm, key: EncodingKey::from_ec_der(pkcs8.as_ref()) }
    }

    /// The public half, as it stands in a key set.
    pub fn jwk(&self) -> Value {
        let made = Jwk::from_encoding_key(&self.key, self.algorithm);
        let key = made.unwrap_or_else(|error| failed(&error));
        let mut key = serde_json::to_value(key).unwrap_or_else(|error| failed(&error));
        if let Some(members) = key.as_object_mut() {
            members.insert("kid".to_owned(), json!(self.id));
            members.insert("use".to_owned(), json!("sig"));
        }
        key
    }

    /// The header of its tokens.
    pub fn header(&self) -> Value {
        json!({ "alg": format!("{:?}", self.algorithm), "kid": self.id, "typ": "JWT" })
    }

    /// A token with those claims.
    pub fn token(&self, claims: &Value) -> String {
        self.sign(&self.header().to_string(), &claims.to_string())
    }

    /// A token with that header and those claims, whatever they are.
    pub fn sign(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", encoded(header), encoded(claims));
        let signature = crypto::sign(signed.as_bytes(), &self.key, self.algorithm);
        format!("{signed}.{}", signature.unwrap_or_else(|error| failed(&error)))
    }
}

/// A token with a shared secret for a key, as whoever knows only public keys can make one.
pub fn with_secret(header: &str, claims: &str, secret: &[u8]) -> String {
    let signed = format!("{}.{}", encoded(header), encoded(claims));
    let key = EncodingKey::from_secret(secret);
    let signature = crypto::sign(signed.as_bytes(), &key, Algorithm::HS256);
    format!("{signed}.{}", signature.unwrap_or_else(|error| failed(&error)))
}

/// A part of a token.
pub fn encoded(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn failed<T>(error: &dyn std::fmt::Display) -> T {
    panic!("a key for tokens cannot be made or used: {error}")
}
