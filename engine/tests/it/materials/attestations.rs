//! Attestations: envelopes, bundles, Statements, provenance.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use engine::Kind;
use engine::material::recognise;
use serde_json::{Value, json};

use super::{problems, read_default, real, with};

const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

pub(super) fn provenance_v1() -> Value {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "a>?", "digest": {"sha256": HEX}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "https://type.example/1",
                "externalParameters": {},
                "resolvedDependencies": [{"uri": "git+https://example.test/r"}],
            },
            "runDetails": {"builder": {"id": "https://builder.example/1"}},
        },
    })
}

fn provenance_v0_2() -> Value {
    let mut statement = provenance_v1();
    statement["_type"] = "https://in-toto.io/Statement/v0.1".into();
    statement["predicateType"] = "https://slsa.dev/provenance/v0.2".into();
    statement["predicate"] = json!({"builder": {"id": "b"}, "buildType": "t", "materials": []});
    statement
}

fn envelope_value(statement: &Value) -> Value {
    json!({
        "payloadType": "application/vnd.in-toto+json",
        "payload": STANDARD.encode(statement.to_string()),
        "signatures": [{"sig": "c2ln"}],
    })
}

/// A DSSE envelope around a Statement, with a signature that nothing here looks at.
pub(super) fn envelope(statement: &Value) -> Vec<u8> {
    envelope_value(statement).to_string().into_bytes()
}

#[test]
fn policies_see_the_statement_as_it_was_signed() {
    let text = "{ \"_type\":\"https://in-toto.io/Statement/v1\", \"subject\":[{\"digest\":{\"sha512\":\"00\"}}],\n\"predicateType\":\"urn:x\" }";
    let mut envelope = envelope_value(&json!({}));
    for payload in [STANDARD.encode(text), URL_SAFE.encode(text)] {
        envelope["payload"] = payload.into();
        let bytes = envelope.to_string();
        let reading = read_default(Kind::Attestation, bytes.as_bytes());
        assert_eq!(problems(&reading), [""; 0]);
        assert_eq!(reading.json.as_deref(), Some(text.as_bytes()));
        assert_eq!(reading.facts["subjects"], json!([{"name": null, "digest": "sha512:00"}]));
    }
}

#[test]
fn provenance_is_told_from_other_attestations() {
    let bundle = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle+json;version=0.1",
        "verificationMaterial": {"publicKey": {"hint": "x"}},
        "dsseEnvelope": envelope_value(&provenance_v1()),
    });
    let unknown =
        with(&provenance_v1(), "/predicateType", "https://slsa.dev/provenance/v0.1".into());
    let unknown: Value = serde_json::from_slice(&unknown).unwrap();
    for (name, bytes, kind, count) in [
        ("v1", envelope(&provenance_v1()), Kind::SlsaProvenance, 0),
        ("v0.2", envelope(&provenance_v0_2()), Kind::SlsaProvenance, 0),
        ("v1 in a bundle", bundle.to_string().into_bytes(), Kind::SlsaProvenance, 0),
        ("unknown version", envelope(&unknown), Kind::SlsaProvenance, 1),
        ("cosign", real("attestation/cosign-attest.sigstore.json"), Kind::Attestation, 0),
        ("no payload", envelope(&json!(1)), Kind::Attestation, 1),
    ] {
        assert_eq!(recognise(&bytes), kind, "{name}");
        let reading = read_default(kind, &bytes);
        assert_eq!(reading.problems.len(), count, "{name}: {:?}", problems(&reading));
        assert!(reading.facts.get("signature").is_none_or(|fact| fact == "not verified"), "{name}");
    }
}

/// Each is right but for one thing.
#[test]
fn a_broken_statement_is_named() {
    for (pointer, value, expected) in [
        ("/_type", json!("https://in-toto.io/Statement/v9"), "/_type: "),
        ("/_type", Value::Null, ": the payload is not an in-toto Statement: missing field `_type`"),
        ("/subject", json!([]), "/subject: the Statement is about nothing"),
        (
            "/subject",
            Value::Null,
            ": the payload is not an in-toto Statement: missing field `subject`",
        ),
        ("/subject/0/digest", Value::Null, "/subject/0/digest: the subject has no digest"),
        ("/subject/0/digest", json!({}), "/subject/0/digest: the subject has no digest"),
        ("/subject/0/digest/sha256", json!(HEX.to_uppercase()), "/subject/0/digest/sha256: `E3B0"),
        ("/subject/0/digest/sha256", json!("e3"), "/subject/0/digest/sha256: `e3`"),
        ("/subject/0/digest/sha256", json!(7), "/subject/0/digest/sha256: "),
        ("/predicateType", json!("urn:x"), "/predicateType: `urn:x` is neither"),
        ("/predicate", json!([]), "/predicate: it is not an object"),
        ("/predicate/runDetails/builder/id", Value::Null, "/predicate/runDetails/builder/id: "),
        ("/predicate/runDetails/builder/id", json!(""), "/predicate/runDetails/builder/id: "),
        (
            "/predicate/buildDefinition/buildType",
            json!(1),
            "/predicate/buildDefinition/buildType: ",
        ),
        (
            "/predicate/buildDefinition/externalParameters",
            Value::Null,
            "/predicate/buildDefinition/externalParameters: ",
        ),
        (
            "/predicate/buildDefinition/resolvedDependencies",
            json!({}),
            "/predicate/buildDefinition/resolvedDependencies: ",
        ),
    ] {
        let statement = with(&provenance_v1(), pointer, value.clone());
        let bytes = envelope(&serde_json::from_slice(&statement).unwrap());
        let found = problems(&read_default(Kind::SlsaProvenance, &bytes));
        assert!(found.iter().any(|p| p.starts_with(expected)), "{pointer} = {value}: {found:?}");
    }
}

/// Each is right but for one thing.
#[test]
fn a_broken_envelope_is_named() {
    let good = envelope_value(&provenance_v1());
    let bundle = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {}},
        "dsseEnvelope": good,
    });
    for (document, pointer, value, expected) in [
        (&good, "/payloadType", json!("text/plain"), "payload type is `text/plain`"),
        (&good, "/signatures", json!([]), "carries no signature"),
        (&good, "/signatures/0/sig", json!(""), "a signature of the envelope is empty"),
        (&good, "/signatures/0/sig", json!("ä"), "a signature of the envelope is empty"),
        (&good, "/payload", json!("ä"), "payload is not base64"),
        (&good, "/payload", Value::Null, "missing field `payload`"),
        (&good, "/payload", json!(STANDARD.encode(b"{}\xff")), "it is not UTF-8"),
        (&good, "/payload", json!(STANDARD.encode("[".repeat(1_000_000))), "nests deeper than 128"),
        (
            &bundle,
            "/mediaType",
            json!("application/vnd.dev.sigstore.bundle.v0.9+json"),
            "is not a known",
        ),
        (&bundle, "/verificationMaterial", json!({}), "no verification material"),
        (&bundle, "/dsseEnvelope", Value::Null, "signs a blob"),
    ] {
        let bytes = with(document, pointer, value.clone());
        let found = problems(&read_default(Kind::SlsaProvenance, &bytes));
        assert!(found.iter().any(|p| p.contains(expected)), "{pointer} = {value}: {found:?}");
    }
    let blob = real("attestation/cosign-blob.sigstore.json");
    assert_eq!(read_default(Kind::Attestation, &blob).problems.len(), 1);
}

#[test]
fn a_statement_with_a_repeated_key_is_refused() {
    let text = provenance_v1().to_string();
    let doubled = text.replacen('{', "{\"predicateType\":\"urn:x\",", 1);
    let mut envelope = envelope_value(&json!({}));
    envelope["payload"] = STANDARD.encode(doubled).into();
    let bytes = envelope.to_string();
    let reading = read_default(Kind::Attestation, bytes.as_bytes());
    assert_eq!(problems(&reading)[0], "/predicateType: the key `predicateType` occurs twice");
    assert_eq!(reading.json, None);
}
