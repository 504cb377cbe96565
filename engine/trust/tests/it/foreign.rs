//! Attestations of others: real ones, and each right but for one thing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::document::Document;
use engine::{Limits, TrustRoot};
use serde_json::{Value, json};
use trust::{
    Endorsed, ForeignRefusal, ForeignRoot, ForeignSigner, Signer, SigningKey, Statement,
    verify_foreign,
};

const NPM: &str = "materials/slsa-provenance/npm-sigstore-2.0.0.sigstore.json";
const CONDA: &str = "materials/attestation/conda-publish.sigstore.json";
const GITHUB: &str = "materials/attestation/github-release.sigstore.json";
const COSIGN: &str = "materials/attestation/cosign-attest.sigstore.json";
const ACTIONS: &str = "https://token.actions.githubusercontent.com";

fn root(name: &str, spec: &Value) -> ForeignRoot {
    let text = json!({
        "apiVersion": "muster.dev/v1", "kind": "TrustRoot", "metadata": { "name": name }, "spec": spec,
    });
    let document = Document::parse(&text.to_string(), &Limits::DEFAULT).unwrap();
    ForeignRoot::new(TrustRoot::parse(&document).unwrap()).unwrap()
}

fn sigstore(instance: &str, issuer: &str, subject: &str) -> Value {
    let mut identity = json!({ "issuer": issuer, "subject": subject });
    if issuer.is_empty() {
        identity = json!({ "subject": subject });
    }
    json!({ "sigstore": { "root": instance, "identities": [identity] } })
}

fn npm() -> ForeignRoot {
    root("npm", &sigstore("public-good", ACTIONS, "https://github.com/sigstore/sigstore-js/*"))
}

fn conda() -> ForeignRoot {
    let owner = "https://github.com/prefix-dev/sigstore-example/*";
    root("conda", &sigstore("public-good", ACTIONS, owner))
}

fn keys(pem: &str) -> ForeignRoot {
    root("keys", &json!({ "keys": [pem] }))
}

fn code(found: &Result<Endorsed, ForeignRefusal>) -> &'static str {
    found.as_ref().map_or_else(ForeignRefusal::code, |_believed| "believed")
}

#[test]
fn real_ones_are_believed_under_the_root_that_names_who_signed() {
    let github = root("github", &sigstore("github", "", "https://dotcom.releases.github.com"));
    let cosign = keys(&testdata::text("materials/attestation/cosign.pub"));
    let roots = [npm(), conda(), github, cosign];
    for (file, position, predicate, signed_at) in [
        (NPM, 0, "https://slsa.dev/provenance/v1", Some("2023-08-18")),
        (
            CONDA,
            1,
            "https://schemas.conda.org/attestations-publish-1.schema.json",
            Some("2025-09-01"),
        ),
        (GITHUB, 2, "https://in-toto.io/attestation/release/v0.2", Some("202")),
        (COSIGN, 3, "https://cosign.sigstore.dev/attestation/v1", None),
    ] {
        let believed = verify_foreign(&testdata::bytes(file), &roots).unwrap();
        assert_eq!(believed.root(), position, "{file}");
        assert_eq!(believed.statement().predicate_type, predicate, "{file}");
        let at = believed.signed_at().map(|at| at.to_string());
        assert_eq!(at.is_some(), signed_at.is_some(), "{file}: {at:?}");
        assert!(at.unwrap_or_default().starts_with(signed_at.unwrap_or_default()), "{file}");
        let by_key = matches!(believed.signer(), ForeignSigner::Key(_));
        assert_eq!(by_key, file == COSIGN, "{file}: {}", believed.signer());
    }
}

#[test]
fn nobody_else_is_believed() {
    let with = |subject: &str| root("other", &sigstore("public-good", ACTIONS, subject));
    let npm_bytes = testdata::bytes(NPM);
    for (roots, expected) in [
        (vec![], "no-roots"),
        (vec![keys(&testdata::text("materials/attestation/cosign.pub"))], "certificate"),
        (vec![conda()], "identity"),
        (vec![with("https://github.com/sigstore/sigstore-js-evil/*")], "identity"),
        (
            vec![with("https://github.com/sigstore/sigstore-js/.github/workflows/ci.yml@*")],
            "identity",
        ),
        (
            vec![root(
                "x",
                &sigstore("public-good", "https://gitlab.com", "https://github.com/sigstore/*"),
            )],
            "identity",
        ),
        (
            vec![root("x", &sigstore("public-good", "", "https://github.com/sigstore/*"))],
            "identity",
        ),
        (
            vec![root("x", &sigstore("github", ACTIONS, "https://github.com/sigstore/*"))],
            "certificate",
        ),
        (vec![conda(), npm()], "believed"),
    ] {
        assert_eq!(code(&verify_foreign(&npm_bytes, &roots)), expected, "{roots:?}");
    }
    let mut spec = sigstore("public-good", ACTIONS, "https://github.com/sigstore/*");
    spec["predicate_types"] = json!(["https://spdx.dev/Document"]);
    assert_eq!(code(&verify_foreign(&npm_bytes, &[root("x", &spec)])), "predicate");
    // Another root may allow what the first does not.
    assert_eq!(code(&verify_foreign(&npm_bytes, &[root("x", &spec), npm()])), "believed");
}

/// The bundle with another payload.
fn restated(bundle: &Value, pointer: &str, value: Value) -> Value {
    let text = bundle["dsseEnvelope"]["payload"].as_str().unwrap();
    let mut statement: Value = serde_json::from_slice(&STANDARD.decode(text).unwrap()).unwrap();
    *statement.pointer_mut(pointer).unwrap() = value;
    let mut changed = bundle.clone();
    changed["dsseEnvelope"]["payload"] = json!(STANDARD.encode(statement.to_string()));
    changed
}

fn changed(bundle: &Value, pointer: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut changed = bundle.clone();
    change(changed.pointer_mut(pointer).unwrap());
    changed
}

fn flip(value: &mut Value) {
    let mut bytes = STANDARD.decode(value.as_str().unwrap()).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    *value = json!(STANDARD.encode(bytes));
}

#[test]
fn one_that_is_right_but_for_one_thing_is_refused_there() {
    let bundle: Value = serde_json::from_slice(&testdata::bytes(CONDA)).unwrap();
    let roots = [conda()];
    let refused = |what: &str, bundle: &Value, expected: &str| {
        let found = verify_foreign(bundle.to_string().as_bytes(), &roots);
        assert_eq!(code(&found), expected, "{what}: {found:?}");
    };
    refused("nothing", &bundle, "believed");
    for (pointer, value, expected) in [
        ("/predicate/targetChannel", json!("evil"), "certificate"),
        ("/subject/0/digest/sha256", json!("0".repeat(64)), "certificate"),
        ("/subject", json!([]), "statement"),
        ("/_type", json!("x"), "statement"),
    ] {
        refused(pointer, &restated(&bundle, pointer, value), expected);
    }
    let entry = "/verificationMaterial/tlogEntries/0";
    for pointer in [
        "/dsseEnvelope/signatures/0/sig",
        "/verificationMaterial/certificate/rawBytes",
        &format!("{entry}/canonicalizedBody"),
        &format!("{entry}/inclusionPromise/signedEntryTimestamp"),
        &format!("{entry}/inclusionProof/rootHash"),
    ] {
        refused(pointer, &changed(&bundle, pointer, flip), "certificate");
    }
    for (pointer, value, expected) in [
        ("/dsseEnvelope/payloadType", json!("text/plain"), "payload-type"),
        ("/dsseEnvelope", json!(null), "bundle"),
        ("/verificationMaterial/tlogEntries", json!([]), "certificate"),
        (&format!("{entry}/integratedTime"), json!("1700000000"), "certificate"),
    ] {
        refused(pointer, &changed(&bundle, pointer, |place| *place = value), expected);
    }
    let many = |place: &mut Value| *place = json!(vec![place[0].clone(); 17]);
    let entries = "/verificationMaterial/tlogEntries";
    refused("many entries", &changed(&bundle, entries, many), "bundle");
    for text in ["", "{}", "[]", "null", "{\"mediaType\":\"x\"}"] {
        assert_eq!(code(&verify_foreign(text.as_bytes(), &roots)), "bundle", "{text}");
    }
}

#[test]
fn a_bare_envelope_is_believed_by_its_key() {
    let (mine, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    let subject = ("app".to_owned(), "sha256".to_owned(), engine::Digest::of("app").to_hex());
    let statement = Statement::new([subject], "https://slsa.dev/provenance/v1", json!({}));
    let bundle = mine.sign(&statement).unwrap();
    let envelope = bundle.envelope().to_bytes().unwrap();
    let roots = [npm(), keys(other.public().to_pem()), keys(mine.public().to_pem())];
    let believed = verify_foreign(&envelope, &roots).unwrap();
    assert_eq!((believed.root(), believed.signed_at()), (2, None));
    assert_eq!(believed.signer(), &ForeignSigner::Key(mine.public().id()));
    assert_eq!(code(&verify_foreign(&envelope, &roots[..2])), "signature");
    // Two signatures, one of them by somebody whom nobody knows.
    let mut two: Value = serde_json::from_slice(&envelope).unwrap();
    let strange = other.sign(&statement).unwrap().envelope().to_bytes().unwrap();
    let strange: Value = serde_json::from_slice(&strange).unwrap();
    two["signatures"].as_array_mut().unwrap().insert(0, strange["signatures"][0].clone());
    let mine = [keys(mine.public().to_pem())];
    assert_eq!(code(&verify_foreign(two.to_string().as_bytes(), &mine)), "believed");
    let one = two["signatures"][1].clone();
    two["signatures"] = json!(vec![one; 17]);
    assert_eq!(code(&verify_foreign(two.to_string().as_bytes(), &mine)), "bundle");
    two["signatures"] = json!([]);
    assert_eq!(code(&verify_foreign(two.to_string().as_bytes(), &mine)), "signature");
}

#[test]
fn a_root_that_cannot_be_used_says_why() {
    let read = |spec: Value| {
        let text = json!({
            "apiVersion": "muster.dev/v1", "kind": "TrustRoot", "metadata": { "name": "x" }, "spec": spec,
        });
        let document = Document::parse(&text.to_string(), &Limits::DEFAULT).unwrap();
        ForeignRoot::new(TrustRoot::parse(&document).unwrap()).unwrap_err().to_string()
    };
    assert!(read(json!({ "keys": ["x"] })).contains("key 1 of the root is wrong"));
    let mut spec = sigstore("github", ACTIONS, "https://github.com/acme/*");
    spec["sigstore"]["root"] = json!({ "mediaType": "x", "certificateAuthorities": [] });
    assert!(read(spec).contains("trusted_root.json"));
}
