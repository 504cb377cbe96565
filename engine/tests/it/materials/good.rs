//! Good evidence is recognised, has no problems, and tells its facts.

use engine::Kind;
use engine::material::recognise;
use serde_json::{Value, json};

use super::{problems, read_default, real, seen};

const CDX_1_4: &str = r#"{"bomFormat":"CycloneDX","specVersion":"1.4","version":1,"metadata":{"tools":[{"vendor":"v","name":"old","version":"0.1"}]}}"#;
const CDX_SIGNED: &str = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[{"type":"library","name":"a","signature":{"algorithm":"ES256","value":"x"}}],"signature":{"algorithm":"ES256","value":"x"}}"#;
const INDEX: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":2,"platform":{"os":"linux","architecture":"arm","variant":"v7"}}]}"#;
const MANIFEST: &str = r#"{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":2},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":40}]}"#;
const SPDX_2_2: &str = r#"{"spdxVersion":"SPDX-2.2","dataLicense":"CC0-1.0","SPDXID":"SPDXRef-DOCUMENT","name":"n","documentNamespace":"https://example.test/n","creationInfo":{"creators":["Tool: syft-1.2.3"],"created":"2026-01-02T03:04:05Z"},"documentDescribes":["SPDXRef-a"],"packages":[{"name":"a","versionInfo":"1","SPDXID":"SPDXRef-a","downloadLocation":"NOASSERTION","licenseConcluded":"NOASSERTION","licenseDeclared":"MIT OR Apache-2.0","externalRefs":[{"referenceCategory":"PERSISTENT-ID","referenceType":"gitoid","referenceLocator":"gitoid:blob:sha1:00"}]}]}"#;
const SARIF: &str = r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"t","semanticVersion":"1.0.0","rules":[{"id":"r","defaultConfiguration":{"level":"error"}}]}},"results":[{"ruleId":"r","message":{"text":"m"}},{"ruleId":"x","message":{"text":"m"}},{"ruleId":"r","level":"note","message":{"text":"m"}}]}]}"#;

struct Good {
    name: &'static str,
    bytes: Vec<u8>,
    kind: Kind,
    facts: Value,
}

fn good(name: &'static str, bytes: Vec<u8>, kind: Kind, facts: Value) -> Good {
    Good { name, bytes, kind, facts }
}

fn file(path: &'static str, kind: Kind, facts: Value) -> Good {
    good(path, real(path), kind, facts)
}

fn text(name: &'static str, text: &str, kind: Kind, facts: Value) -> Good {
    good(name, text.into(), kind, facts)
}

fn table() -> Vec<Good> {
    let mut table = bills_of_materials();
    table.extend(reports_and_images());
    table
}

fn bills_of_materials() -> Vec<Good> {
    vec![
        file(
            "sbom-cyclonedx-json/python-env-small.cdx.json",
            Kind::SbomCycloneDxJson,
            json!({"spec_version": "1.6", "components": 96}),
        ),
        file(
            "sbom-cyclonedx-json/nushell-nu.cdx.json",
            Kind::SbomCycloneDxJson,
            json!({
                "spec_version": "1.5", "components": 600, "vulnerabilities": 0,
                "tool": {"name": "cargo-cyclonedx", "version": "0.5.9"},
                "component": {"name": "nu", "version": "0.114.1"},
            }),
        ),
        text(
            "CycloneDX 1.4 with tools as a list",
            CDX_1_4,
            Kind::SbomCycloneDxJson,
            json!({"spec_version": "1.4", "tool": {"name": "old", "version": "0.1"}}),
        ),
        text(
            "CycloneDX 1.6 with signatures",
            CDX_SIGNED,
            Kind::SbomCycloneDxJson,
            json!({"components": 1}),
        ),
        text(
            "SPDX 2.2 with a persistent id",
            SPDX_2_2,
            Kind::SbomSpdxJson,
            json!({
                "tool": {"name": "syft", "version": "1.2.3"},
                "component": {"name": "a", "version": "1"},
                "timestamp": "2026-01-02T03:04:05.000Z",
            }),
        ),
    ]
}

fn reports_and_images() -> Vec<Good> {
    vec![
        file(
            "sarif/semgrep.sarif.json",
            Kind::Sarif,
            json!({"results": 9, "runs": 1, "tool": {"name": "Semgrep OSS", "version": "1.182.0"}}),
        ),
        file("sarif/bandit.sarif.json", Kind::Sarif, json!({"results": 16})),
        text(
            "SARIF with default levels",
            SARIF,
            Kind::Sarif,
            json!({"levels": {"error": 1, "none": 0, "note": 1, "warning": 1}}),
        ),
        file(
            "junit-xml/pytest-mixed.junit.xml",
            Kind::JunitXml,
            json!({"tests": 8, "failures": 2, "errors": 1, "skipped": 2, "suites": 1, "time": 0.042}),
        ),
        file(
            "openvex/openvex-handmade.json",
            Kind::OpenVex,
            json!({"statements": 5, "spec_version": "0.2.0", "version": 2}),
        ),
        file(
            "attestation/cosign-attest.sigstore.json",
            Kind::Attestation,
            json!({
                "predicate_type": "https://cosign.sigstore.dev/attestation/v1",
                "signature": "not verified",
                "subjects": [{
                    "name": "b.json",
                    "digest": "sha256:4b0225bcce315b0cbcb2d6ba64be034243a38bb1257c3b2449deb88a13f16d38",
                }],
            }),
        ),
        good(
            "SLSA provenance v1",
            super::attestations::envelope(&super::attestations::provenance_v1()),
            Kind::SlsaProvenance,
            json!({"builder_id": "https://builder.example/1", "build_type": "https://type.example/1", "inputs": 1}),
        ),
        text("image index", INDEX, Kind::ContainerImage, json!({"platforms": ["linux/arm/v7"]})),
        text("image manifest", MANIFEST, Kind::ContainerImage, json!({"layers": 1, "size": 42})),
        text(
            "evidence by convention",
            r#"{"id": "review-7", "schema": "https://example.test/s", "data": {"ok": true}}"#,
            Kind::Evidence,
            json!({"id": "review-7", "schema": "https://example.test/s"}),
        ),
    ]
}

#[test]
fn good_evidence_is_recognised_by_its_content() {
    for good in table() {
        assert_eq!(recognise(&good.bytes), good.kind, "{}", good.name);
    }
}

#[test]
fn good_evidence_has_no_problems_and_tells_its_facts() {
    for Good { name, bytes, kind, facts } in table() {
        let reading = read_default(kind, &bytes);
        assert_eq!(problems(&reading), [""; 0], "{name}");
        assert_eq!(reading.undecided, None, "{name}");
        assert!(seen(&reading).is_object(), "{name}");
        for (fact, value) in facts.as_object().unwrap() {
            assert_eq!(
                reading.facts.get(fact),
                Some(value),
                "{name}: {fact} in {:?}",
                reading.facts
            );
        }
    }
}

#[test]
fn every_kind_has_a_name_a_reader_and_a_test_of_its_recognition() {
    let tested: Vec<Kind> = table().iter().map(|good| good.kind).collect();
    let never = [Kind::Artifact, Kind::String];
    for (kind, name) in Kind::ALL {
        assert_eq!(name.parse::<Kind>().unwrap(), kind);
        assert_eq!(kind.is_recognised(), !never.contains(&kind), "{name}");
        assert_eq!(tested.contains(&kind), kind.is_recognised(), "{name}");
        let bytes: &[u8] = if kind == Kind::String { b"\xff" } else { b"" };
        assert_eq!(read_default(kind, bytes).problems.len(), 1, "{name}");
    }
}

#[test]
fn what_is_nothing_known_is_an_artifact() {
    for bytes in [
        &b""[..],
        b"\x7fELF",
        b"{}",
        b"[]",
        b"{",
        b"null",
        b"<html/>",
        b"<",
        b"<?xml version='1.0'?>",
        br#"{"version":"1","runs_":[]}"#,
        br#"{"id": 1, "data": 2}"#,
        b"PK\x03\x04",
        b"\x1f\x8b",
        &real("attestation/cosign-blob.sigstore.json"),
        &real("attestation/cosign.pub"),
    ] {
        assert_eq!(recognise(bytes), Kind::Artifact, "{}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn damaged_evidence_is_still_recognised_so_that_reading_it_says_what_is_wrong() {
    let sbom = real("sbom-cyclonedx-json/nushell-nu.cdx.json");
    let mut marked = b"\xEF\xBB\xBF".to_vec();
    marked.extend(CDX_1_4.bytes());
    for (name, bytes, kind) in [
        ("truncated", &sbom[..sbom.len() / 2], Kind::SbomCycloneDxJson),
        ("byte order mark", &marked, Kind::SbomCycloneDxJson),
        ("not UTF-8", b"<testsuite name='\xff'/>", Kind::JunitXml),
        ("document type", b"<!DOCTYPE x [<!ENTITY a 'b'>]><testsuites/>", Kind::JunitXml),
        ("trailing text", br#"{"spdxVersion":"SPDX-2.3"} x"#, Kind::SbomSpdxJson),
        (
            "unknown version",
            br#"{"bomFormat":"CycloneDX","specVersion":"9"}"#,
            Kind::SbomCycloneDxJson,
        ),
    ] {
        assert_eq!(recognise(bytes), kind, "{name}");
        assert_ne!(problems(&read_default(kind, bytes)), [""; 0], "{name}");
    }
}

#[test]
fn junit_is_projected_to_json() {
    let bytes = real("junit-xml/pytest-mixed.junit.xml");
    let report = seen(&read_default(Kind::JunitXml, &bytes));
    let cases = report["suites"][0]["cases"].as_array().unwrap();
    let status: Vec<_> = cases.iter().map(|case| case["status"].as_str().unwrap()).collect();
    let expected =
        ["passed", "failed", "skipped", "error", "skipped", "passed", "passed", "failed"];
    assert_eq!(status, expected);
    assert_eq!(cases[2]["message"], "not on this platform");
    assert_eq!(cases[2]["type"], "pytest.skip");
    assert_eq!(cases[5]["properties"], json!({"n": "1"}));
    assert_eq!(cases[7]["message"], "assert 3 < 3");
}

#[test]
fn junit_counts_are_the_larger_of_declared_and_shown() {
    for (name, xml, counts) in [
        ("a bare suite", "<testsuite name='a'><testcase name='x'/></testsuite>", [1, 0, 0, 0]),
        (
            "a clean lie",
            "<testsuite failures='0'><testcase><failure/></testcase></testsuite>",
            [1, 1, 0, 0],
        ),
        (
            "a summary",
            "<testsuites><testsuite tests='3' errors='2' skipped='1'/></testsuites>",
            [3, 0, 2, 1],
        ),
        (
            "only the root says so",
            "<testsuites failures='4'><testsuite/></testsuites>",
            [0, 4, 0, 0],
        ),
        (
            "nested, the outer with the sum",
            "<testsuite tests='2' failures='1'><testsuite tests='2' failures='1'><testcase/><testcase><failure/></testcase></testsuite></testsuite>",
            [2, 1, 0, 0],
        ),
        (
            "the worst mark counts",
            "<testsuite><testcase><skipped/><error/><failure/></testcase></testsuite>",
            [1, 0, 1, 0],
        ),
        (
            "a flaky pass",
            "<testsuite><testcase><flakyFailure/></testcase></testsuite>",
            [1, 0, 0, 0],
        ),
    ] {
        let reading = read_default(Kind::JunitXml, xml.as_bytes());
        assert_eq!(problems(&reading), [""; 0], "{name}");
        let report = seen(&reading);
        let found =
            ["tests", "failures", "errors", "skipped"].map(|key| report[key].as_u64().unwrap());
        assert_eq!(found, counts, "{name}");
    }
}

#[test]
fn texts_and_artifacts_are_taken_as_they_are() {
    let reading = read_default(Kind::String, "grüße \"x\"".as_bytes());
    assert_eq!(seen(&reading), json!({"value": "grüße \"x\""}));
    let reading = read_default(Kind::Artifact, b"\x00\xff");
    assert_eq!((reading.json, reading.problems.len()), (None, 0));
    let reading = read_default(Kind::Evidence, b"[1]");
    assert_eq!((seen(&reading), reading.problems.len()), (json!([1]), 0));
}
