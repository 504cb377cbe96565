//! Whatever the bytes are, reading ends in a named answer.

use engine::Kind;
use engine::material::recognise;
use proptest::prelude::*;

use super::{read_default, real};

const FILES: [&str; 6] = [
    "sarif/semgrep.sarif.json",
    "junit-xml/pytest-mixed.junit.xml",
    "openvex/openvex-handmade.json",
    "attestation/cosign-attest.sigstore.json",
    "attestation/cosign-blob.sigstore.json",
    "sbom-cyclonedx-json/python-env-small.cdx.json",
];

/// What is without problems is seen by policies, unless it is opaque by nature.
fn check(bytes: &[u8]) {
    let recognised = recognise(bytes);
    for (kind, name) in Kind::ALL {
        let reading = read_default(kind, bytes);
        let clean = reading.problems.is_empty() && reading.undecided.is_none();
        assert!(!clean || kind == Kind::Artifact || reading.json.is_some(), "{name}");
        assert!(reading.undecided.is_none() || reading.json.is_none(), "{name}");
    }
    assert!(recognised == Kind::Artifact || recognised.is_recognised());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_have_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check(&bytes);
    }

    #[test]
    fn any_damage_to_real_evidence_has_an_answer(
        file in 0..FILES.len(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = real(FILES[file]);
        let place = at.index(bytes.len());
        bytes[place] = byte;
        check(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        check(&bytes);
    }
}
