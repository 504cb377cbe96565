//! stub
#![allow(missing_docs)]
use engine::{Digest, Timestamp};
#[derive(Debug)]
pub struct E;
impl std::fmt::Display for E {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Ok(())
    }
}
impl std::error::Error for E {}
#[derive(Debug)]
pub struct Bundle;
impl Bundle {
    pub fn parse(_: &[u8]) -> Result<Self, E> {
        Err(E)
    }
    pub fn bytes(&self) -> &[u8] {
        &[]
    }
}
#[derive(Debug)]
pub struct PublicKey;
impl PublicKey {
    pub fn from_pem(_: &str) -> Result<Self, E> {
        Err(E)
    }
    pub fn id(&self) -> Digest {
        Digest::of("")
    }
}
#[derive(Debug)]
pub struct TrustedKey {
    pub key: PublicKey,
    pub name: String,
    pub valid_from: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}
#[derive(Debug)]
pub struct Requirements;
impl Requirements {
    pub fn new(_: Vec<TrustedKey>) -> Self {
        Self
    }
}
#[derive(Debug)]
pub struct Subject {
    pub name: String,
    pub digest: std::collections::BTreeMap<String, String>,
}
#[derive(Debug)]
pub struct Statement {
    pub subject: Vec<Subject>,
    pub predicate_type: String,
    pub predicate: serde_json::Value,
}
#[derive(Debug)]
pub struct Verified;
impl Verified {
    pub fn statement(&self) -> &Statement {
        unimplemented!()
    }
    pub fn payload(&self) -> &[u8] {
        &[]
    }
    pub fn key(&self) -> &PublicKey {
        unimplemented!()
    }
}
pub fn verify(_: &Bundle, _: &Requirements, _: Timestamp) -> Result<Verified, E> {
    Err(E)
}
