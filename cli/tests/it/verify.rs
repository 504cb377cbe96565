//! `muster key generate` and `muster verify`: offline, with nothing but files.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;
use trust::{Bundle, Envelope};

use crate::support::{PASSWORD, Sandbox, Server, toured};

const COSIGN: &str = "materials/attestation/cosign-attest.sigstore.json";
const COSIGN_KEY: &str = "materials/attestation/cosign.pub";

#[test]
fn a_pair_of_keys_is_private_and_never_overwritten() {
    let sandbox = Sandbox::new().and([("MUSTER_KEY_PASSWORD", PASSWORD)]);
    let made = sandbox.run("key generate --out ci.key").with(0);
    assert!(made.stdout.starts_with("sha256:"), "{}", made.stdout);
    let permissions =
        |file: &str| fs::metadata(sandbox.path(file)).unwrap().permissions().mode() & 0o777;
    assert_eq!((permissions("ci.key"), permissions("ci.key.pub")), (0o600, 0o644));
    let (private, public) = (sandbox.read("ci.key"), sandbox.read("ci.key.pub"));
    assert!(private.contains("-----BEGIN ENCRYPTED"), "{private}");
    assert!(public.starts_with("-----BEGIN PUBLIC KEY-----"), "{public}");

    let again = sandbox.run("key generate --out ci.key").with(2);
    assert!(again.stderr.contains("cannot write ci.key"), "{}", again.stderr);
    assert_eq!((sandbox.read("ci.key"), sandbox.read("ci.key.pub")), (private, public.clone()));
    // With only the public half in the way, no half of a new pair is left behind.
    fs::remove_file(sandbox.path("ci.key")).unwrap();
    sandbox.run("key generate --out ci.key").with(2);
    assert!(!sandbox.path("ci.key").exists());
    assert_eq!(sandbox.read("ci.key.pub"), public);

    let asked = Sandbox::new().run("key generate --out ci.key").with(2);
    assert!(asked.stderr.contains("hint: set MUSTER_KEY_PASSWORD"), "{}", asked.stderr);
}

#[test]
fn what_cosign_signed_verifies_and_says_what_was_not_checked() {
    let sandbox = Sandbox::with_testdata();
    let subject = "materials/sbom-cyclonedx-json/npm-large.cdx.json";
    let digest = "sha256:4b0225bcce315b0cbcb2d6ba64be034243a38bb1257c3b2449deb88a13f16d38";
    for about in [subject, digest] {
        let line = format!("verify {COSIGN} --key {COSIGN_KEY} --subject {about} -o json");
        let answer = sandbox.run(&line).with(0).json();
        assert_eq!(answer["verified"], true);
        assert_eq!(outcome(&answer, "signature"), "checked");
        assert_eq!(outcome(&answer, "transparency log"), "absent");
        assert_eq!(outcome(&answer, "signing time"), "absent");
    }
    let said = sandbox.run(&format!("verify {COSIGN} --key {COSIGN_KEY}")).with(0).stdout;
    assert!(said.starts_with("VERIFIED  sha256:"), "{said}");
    assert!(said.contains("  absent     transparency log: "), "{said}");
    let blob = "verify materials/attestation/cosign-blob.sigstore.json";
    let refused = sandbox.run(&format!("{blob} --key {COSIGN_KEY}")).with(3);
    assert!(refused.stderr.contains("only attestations are read here"), "{}", refused.stderr);
}

fn outcome<'a>(answer: &'a Value, name: &str) -> &'a str {
    let checks = answer["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == name).unwrap();
    check["outcome"].as_str().unwrap()
}

/// The bundle with another envelope, and all else as it was.
fn with_envelope(bundle: &[u8], change: impl FnOnce(&mut Envelope)) -> Vec<u8> {
    let bundle = Bundle::parse(bundle).unwrap();
    let mut envelope = bundle.envelope().clone();
    change(&mut envelope);
    Bundle::with_key(envelope, "a hint").unwrap().bytes().to_vec()
}

#[test]
fn what_was_pushed_verifies_and_nothing_else_does() {
    let server = Server::start();
    let sandbox = toured(&server, "acme");
    sandbox
        .run(
            "attest --workflow web/release --key ci.key --annotation team=web --bundle-out run.json \
             app=tour/app.txt sbom=materials/sbom-cyclonedx-json/python-env-small.cdx.json \
             lint=materials/sarif/bandit.sarif.json",
        )
        .with(0);
    drop(server);
    sandbox.run("key generate --out other.key").with(0);

    let bundle = fs::read(sandbox.path("run.json")).unwrap();
    sandbox.write("untouched.json", with_envelope(&bundle, |_| ()));
    sandbox.write(
        "payload.json",
        with_envelope(&bundle, |envelope| {
            let payload = String::from_utf8(envelope.payload.clone()).unwrap();
            assert!(payload.contains("\"passed\""), "{payload}");
            envelope.payload = payload.replace("\"passed\"", "\"failed\"").into_bytes();
        }),
    );
    sandbox.write(
        "signature.json",
        with_envelope(&bundle, |envelope| {
            let last = envelope.signatures[0].sig.last_mut().unwrap();
            *last ^= 1;
        }),
    );
    sandbox.write("unsigned.json", with_envelope(&bundle, |envelope| envelope.signatures.clear()));
    sandbox.write(
        "type.json",
        with_envelope(&bundle, |envelope| {
            envelope.payload_type = "text/plain".to_owned();
        }),
    );
    sandbox.write("cut.json", testdata::hostile::truncated(&bundle));
    let cases = [
        ("run.json --key ci.key.pub", 0),
        ("untouched.json --key ci.key.pub", 0),
        ("run.json --key other.key.pub --key ci.key.pub --subject tour/app.txt", 0),
        ("run.json --key other.key.pub", 3),
        ("run.json --key ci.key.pub --subject materials/sarif/bandit.sarif.json", 3),
        ("payload.json --key ci.key.pub", 3),
        ("signature.json --key ci.key.pub", 3),
        ("unsigned.json --key ci.key.pub", 3),
        ("type.json --key ci.key.pub", 3),
        ("cut.json --key ci.key.pub", 3),
        // What cannot be read is not something that does not verify.
        ("not-there.json --key ci.key.pub", 2),
        ("run.json --key run.json", 2),
        ("run.json --key ci.key.pub --subject not-there", 2),
    ];
    for (rest, code) in cases {
        let ended = sandbox.run(&format!("verify {rest}"));
        assert_eq!(ended.code, code, "{rest}: {}", ended.stderr);
        assert_eq!(ended.stdout.contains("VERIFIED"), code == 0, "{rest}: {}", ended.stdout);
        assert_eq!(ended.stderr.contains("does not verify"), code == 3, "{rest}: {}", ended.stderr);
    }
}
