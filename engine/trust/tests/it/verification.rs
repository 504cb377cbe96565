//! One bundle, right but for one thing, again and again.

use engine::{Digest, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};
use trust::{
    Bundle, Checked, PublicKey, Requirements, Signer, SigningKey, Statement, TrustedKey, verify,
};

fn now() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

fn statement() -> Statement {
    let subject = ("app".to_owned(), "sha256".to_owned(), Digest::of("app").to_hex());
    Statement::new([subject], "https://example.com/predicate", json!({"a": 1}))
}

fn trusted(key: &PublicKey) -> TrustedKey {
    TrustedKey { key: key.clone(), name: "ci".to_owned(), valid_from: None, revoked_at: None }
}

/// The code of the step that refuses `bytes`, `parse` when they are no bundle, or nothing when they verify.
fn refused(bytes: &[u8], keys: Vec<TrustedKey>) -> Option<&'static str> {
    let Ok(bundle) = Bundle::parse(bytes) else { return Some("parse") };
    verify(&bundle, &Requirements::new(keys), now()).err().map(|refusal| refusal.code())
}

#[test]
fn what_was_signed_verifies_and_says_what_was_checked() {
    let key = SigningKey::generate().unwrap();
    let bundle = key.sign(&statement()).unwrap();
    let again = Bundle::parse(bundle.bytes()).unwrap();
    let verified = verify(&again, &Requirements::new(vec![trusted(key.public())]), now()).unwrap();
    assert_eq!(verified.statement(), &statement());
    let absent: Vec<&str> = verified
        .checks()
        .iter()
        .filter(|check| check.outcome == Checked::Absent)
        .map(|check| check.name)
        .collect();
    assert_eq!(absent, ["signing time", "transparency log"]);
    assert!(verified.require_subject(Digest::of("app")).is_ok());
    assert_eq!(verified.require_subject(Digest::of("other")).unwrap_err().code(), "subject");
}

type Damage = Box<dyn Fn(&mut Value)>;

#[test]
fn a_bundle_that_is_right_but_for_one_thing_is_refused_there() {
    let key = SigningKey::generate().unwrap();
    let other = SigningKey::generate().unwrap();
    let good = key.sign(&statement()).unwrap();
    let good: Value = serde_json::from_slice(good.bytes()).unwrap();
    let forged = other.sign(&statement()).unwrap();
    let forged: Value = serde_json::from_slice(forged.bytes()).unwrap();
    let set = |pointer: &'static str, value: Value| -> Damage {
        Box::new(move |bundle| *bundle.pointer_mut(pointer).unwrap() = value.clone())
    };
    let signature = forged.pointer("/dsseEnvelope/signatures/0").unwrap().clone();
    let payload =
        forged.pointer("/dsseEnvelope/payload").unwrap().as_str().unwrap().replacen('e', "f", 1);
    let cases: Vec<(&str, Damage)> = vec![
        ("signature", set("/dsseEnvelope/payload", payload.into())),
        ("payload-type", set("/dsseEnvelope/payloadType", "text/plain".into())),
        ("signature", set("/dsseEnvelope/signatures/0", signature.clone())),
        ("hint", set("/verificationMaterial/publicKey/hint", Digest::of("x").to_hex().into())),
        ("certificate", set("/verificationMaterial", json!({"certificate": {"rawBytes": "AAAA"}}))),
        ("no-material", set("/verificationMaterial", json!({}))),
        ("parse", set("/mediaType", "application/json".into())),
        ("parse", set("/dsseEnvelope/signatures", json!([]))),
        ("parse", set("/dsseEnvelope/signatures", json!([signature, signature]))),
        ("parse", set("/dsseEnvelope", Value::Null)),
        ("parse", set("/dsseEnvelope/payload", "%%%".into())),
        (
            "parse",
            Box::new(|bundle| {
                drop(bundle.as_object_mut().unwrap().insert("messageSignature".into(), json!({})));
            }),
        ),
    ];
    assert_eq!(refused(good.to_string().as_bytes(), vec![trusted(key.public())]), None);
    for (index, (step, damage)) in cases.into_iter().enumerate() {
        let mut bundle = good.clone();
        damage(&mut bundle);
        assert_eq!(
            refused(bundle.to_string().as_bytes(), vec![trusted(key.public())]),
            Some(step),
            "case {index}"
        );
    }
}

#[test]
fn keys_must_be_trusted_valid_and_not_revoked() {
    let key = SigningKey::generate().unwrap();
    let bundle = key.sign(&statement()).unwrap();
    let good = trusted(key.public());
    let at = |text: &str| Some(text.parse::<Timestamp>().unwrap());
    for (step, keys) in [
        (Some("no-keys"), vec![]),
        (Some("signature"), vec![trusted(SigningKey::generate().unwrap().public())]),
        (Some("not-yet-valid"), vec![TrustedKey { valid_from: at("2026-11-25"), ..good.clone() }]),
        (Some("revoked"), vec![TrustedKey { revoked_at: at("2026-11-24"), ..good.clone() }]),
        (
            None,
            vec![TrustedKey { valid_from: at("2026-11-24"), revoked_at: at("2026-11-25"), ..good }],
        ),
    ] {
        assert_eq!(refused(bundle.bytes(), keys), step);
    }
}

#[test]
fn a_signed_payload_must_be_a_statement_with_subjects() {
    let key = SigningKey::generate().unwrap();
    let mut no_subject = statement();
    no_subject.subject.clear();
    let mut other_type = statement();
    other_type.kind = "https://example.com/Statement".to_owned();
    let mut upper_case = statement();
    upper_case.subject[0].digest.insert("sha256".to_owned(), "AB".repeat(32));
    for wrong in [no_subject, other_type, upper_case] {
        let bundle = key.sign(&wrong).unwrap();
        assert_eq!(refused(bundle.bytes(), vec![trusted(key.public())]), Some("statement"));
    }
}

#[test]
fn a_bundle_of_cosign_verifies() {
    let key = testdata::text("materials/attestation/cosign.pub");
    let key = PublicKey::from_pem(&key).unwrap();
    let bundle = testdata::bytes("materials/attestation/cosign-attest.sigstore.json");
    assert_eq!(refused(&bundle, vec![trusted(&key)]), None);
    let message = testdata::bytes("materials/attestation/cosign-blob.sigstore.json");
    assert_eq!(refused(&message, vec![trusted(&key)]), Some("parse"));
    assert_eq!(refused(&bundle[..bundle.len() / 2], vec![trusted(&key)]), Some("parse"));
}

#[test]
fn a_key_listed_twice_is_as_good_as_its_strictest_entry() {
    let key = SigningKey::generate().unwrap();
    let bundle = key.sign(&statement()).unwrap();
    let active = trusted(key.public());
    let revoked = TrustedKey { revoked_at: Some(now()), ..active.clone() };
    for keys in [vec![active.clone(), revoked.clone()], vec![revoked, active]] {
        assert_eq!(refused(bundle.bytes(), keys), Some("revoked"));
    }
}

#[test]
fn a_hint_at_another_key_is_refused_in_every_form() {
    use base64::Engine as _;
    let key = SigningKey::generate().unwrap();
    let bundle = key.sign(&statement()).unwrap();
    let base64 =
        |digest: Digest| base64::engine::general_purpose::STANDARD.encode(digest.as_bytes());
    let (own, other) = (key.public().id(), Digest::of("other"));
    for (hint, step) in [
        (own.to_hex(), None),
        (base64(own), None),
        (own.to_string(), None),
        ("the key of the build".to_owned(), None),
        (other.to_hex(), Some("hint")),
        (base64(other), Some("hint")),
        (other.to_string(), Some("hint")),
    ] {
        let bundle = Bundle::with_key(bundle.envelope().clone(), &hint).unwrap();
        assert_eq!(refused(bundle.bytes(), vec![trusted(key.public())]), step, "{hint}");
    }
}

#[test]
fn evidence_that_is_not_looked_at_is_said_to_be_there() {
    let key = SigningKey::generate().unwrap();
    let bundle = key.sign(&statement()).unwrap();
    let mut form: Value = serde_json::from_slice(bundle.bytes()).unwrap();
    form["verificationMaterial"]["tlogEntries"] = json!([{}]);
    let bundle = Bundle::parse(form.to_string().as_bytes()).unwrap();
    let verified = verify(&bundle, &Requirements::new(vec![trusted(key.public())]), now()).unwrap();
    let log = verified.checks().iter().find(|check| check.name == "transparency log").unwrap();
    assert_eq!(log.outcome, Checked::Unchecked);
    form["verificationMaterial"]["certificate"] = json!({"rawBytes": "AAAA"});
    assert_eq!(refused(form.to_string().as_bytes(), vec![trusted(key.public())]), Some("parse"));
    form["verificationMaterial"]["publicKey"] = Value::Null;
    assert_eq!(
        refused(form.to_string().as_bytes(), vec![trusted(key.public())]),
        Some("certificate")
    );
}

proptest! {
    #[test]
    fn one_flipped_bit_of_the_payload_is_noticed(position in 0_usize..100, bit in 0_u8..8) {
        let key = SigningKey::generate().unwrap();
        let bundle = key.sign(&statement()).unwrap();
        let mut envelope = bundle.envelope().clone();
        let position = position % envelope.payload.len();
        envelope.payload[position] ^= 1 << bit;
        let bundle = Bundle::with_key(envelope, &key.public().id().to_hex()).unwrap();
        prop_assert_eq!(refused(bundle.bytes(), vec![trusted(key.public())]), Some("signature"));
    }
}
