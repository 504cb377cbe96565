//! Bad evidence: every way of being wrong has a name and a place.

use engine::material::read;
use engine::{Kind, Limits};
use serde_json::{Value, json};

use super::{problems, read_default, real, seen, with};

/// Good documents of every JSON format, to be broken in one place.
fn sbom() -> Value {
    json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "metadata": {"component": {"type": "application", "name": "app", "bom-ref": "app"}},
        "components": [
            {"type": "library", "name": "a", "bom-ref": "a", "scope": "optional",
             "licenses": [{"license": {"id": "MIT"}}],
             "components": [{"type": "file", "name": "b", "licenses": [{"expression": "MIT OR ISC"}]}]},
        ],
        "dependencies": [{"ref": "a", "dependsOn": []}],
    })
}

fn spdx() -> Value {
    json!({
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": "n",
        "documentNamespace": "https://example.test/n",
        "creationInfo": {"creators": ["Tool: t-1"], "created": "2026-01-02T03:04:05Z"},
        "packages": [{"name": "a", "SPDXID": "SPDXRef-a", "downloadLocation": "NONE"}],
        "relationships": [{"spdxElementId": "SPDXRef-DOCUMENT", "relatedSpdxElement": "SPDXRef-a",
                           "relationshipType": "DESCRIBES"}],
    })
}

fn sarif() -> Value {
    json!({"version": "2.1.0", "runs": [
        {"tool": {"driver": {"name": "t"}}, "results": [{"message": {"text": "m"}, "level": "error"}]},
    ]})
}

fn vex() -> Value {
    json!({
        "@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://example.test/v", "author": "a",
        "timestamp": "2026-01-10T09:00:00Z", "version": 1,
        "statements": [{"vulnerability": {"name": "CVE-2021-44228"}, "products": [{"@id": "pkg:npm/a@1"}],
                        "status": "not_affected", "justification": "component_not_present"}],
    })
}

fn image() -> Value {
    let digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "m", "digest": digest, "size": 1}, "layers": [],
    })
}

fn documents() -> [(Kind, Value); 5] {
    [
        (Kind::SbomCycloneDxJson, sbom()),
        (Kind::SbomSpdxJson, spdx()),
        (Kind::Sarif, sarif()),
        (Kind::OpenVex, vex()),
        (Kind::ContainerImage, image()),
    ]
}

#[test]
fn the_documents_are_good_before_they_are_broken() {
    for (kind, document) in documents() {
        assert_eq!(
            problems(&read_default(kind, document.to_string().as_bytes())),
            [""; 0],
            "{kind}"
        );
    }
}

/// Where a value is set, to what (`null` removes it), and what is then said.
type Row = (&'static str, Value, &'static str);

/// Each document is right but for that value.
#[test]
fn a_violation_is_named_where_it_is() {
    let tables: [(Kind, Vec<Row>); 5] = [
        (Kind::SbomCycloneDxJson, cyclonedx_rows()),
        (Kind::SbomSpdxJson, spdx_rows()),
        (Kind::Sarif, sarif_rows()),
        (Kind::OpenVex, vex_rows()),
        (Kind::ContainerImage, image_rows()),
    ];
    for (kind, rows) in tables {
        let (_, document) = documents().into_iter().find(|(of, _)| *of == kind).unwrap();
        for (pointer, value, expected) in rows {
            let bytes = with(&document, pointer, value.clone());
            let reading = read_default(kind, &bytes);
            let found = problems(&reading);
            assert!(
                found.iter().any(|p| p.starts_with(expected)),
                "{kind} {pointer} = {value}: {found:?}"
            );
            assert!(seen(&reading).is_object(), "{kind} {pointer}: policies still see it");
        }
    }
}

fn cyclonedx_rows() -> Vec<Row> {
    vec![
        ("/specVersion", json!("1.7"), "/specVersion: `1.7` is not a version"),
        ("/specVersion", json!(1.6), "/specVersion: "),
        ("/specVersion", Value::Null, "/specVersion: "),
        ("/bomFormat", json!("SPDX"), "/bomFormat: "),
        ("/componets", json!([]), "/componets: CycloneDX 1.6 has no key `componets`"),
        ("/signature", json!(7), "/signature: "),
        ("/version", json!(0), "/version: "),
        ("/version", json!("1"), "/version: "),
        ("/components/0/name", Value::Null, "/components/0: missing field `name`"),
        ("/components/0/name", json!(7), "/components/0/name: "),
        ("/components/0/type", json!("libary"), "/components/0/type: `libary`"),
        ("/components/0/scope", json!("some"), "/components/0/scope: "),
        ("/components/0/bom-ref", json!("app"), "/components/0/bom-ref: `app` occurs twice"),
        ("/components/0/bom-ref", json!(""), "/components/0/bom-ref: "),
        (
            "/components/0/licenses/0/license/id",
            json!("mit"),
            "/components/0/licenses/0/license/id: `mit` is not an SPDX licence id",
        ),
        (
            "/components/0/licenses/0/license/id",
            json!("MIT+"),
            "/components/0/licenses/0/license/id: ",
        ),
        ("/components/0/licenses/0/license/name", json!("x"), "/components/0/licenses/0/license: "),
        ("/components/0/components/0/type", json!("x"), "/components/0/components/0/type: "),
    ]
}

fn spdx_rows() -> Vec<Row> {
    vec![
        ("/spdxVersion", json!("SPDX-3.0"), "/spdxVersion: `SPDX-3.0` is not a version"),
        ("/spdxVersion", Value::Null, "/spdxVersion: "),
        ("/SPDXID", json!("SPDXRef-X"), "/SPDXID: "),
        ("/dataLicense", json!("MIT"), "/dataLicense: "),
        ("/documentNamespace", json!("https://a.test/#x"), "/documentNamespace: "),
        ("/documentNamespace", Value::Null, ": missing field `documentNamespace`"),
        ("/creationInfo/created", json!("yesterday"), ": "),
        ("/creationInfo/creators", json!([]), "/creationInfo/creators: "),
        ("/creationInfo/creators/0", json!("me"), "/creationInfo/creators/0: "),
        ("/packages/0/SPDXID", json!("a"), "/packages/0/SPDXID: `a` is not `SPDXRef-`"),
        (
            "/packages/0/SPDXID",
            json!("SPDXRef-DOCUMENT"),
            "/packages/0/SPDXID: `SPDXRef-DOCUMENT` occurs twice",
        ),
        ("/packages/0/downloadLocation", Value::Null, "/packages/0: missing field"),
        ("/packages/0/nmae", json!("x"), "/packages/0/nmae: unknown field"),
        (
            "/relationships/0/relatedSpdxElement",
            json!("SPDXRef-b"),
            "/relationships/0/relatedSpdxElement: ",
        ),
        ("/relationships/0/spdxElementId", json!("NONE"), "/relationships/0/spdxElementId: "),
    ]
}

fn sarif_rows() -> Vec<Row> {
    vec![
        ("/version", json!("2.0.0"), "/version: `2.0.0` is not a version"),
        ("/version", Value::Null, "/version: "),
        ("/runs", json!({}), "/runs: "),
        ("/runs/0/tool", Value::Null, "/runs/0: missing field `tool`"),
        ("/runs/0/results", Value::Null, "/runs/0/results: the run has no results"),
        ("/runs/0/results/0/message", Value::Null, "/runs/0/results/0: missing field"),
        ("/runs/0/results/0/level", json!("fatal"), "/runs/0/results/0/level: "),
    ]
}

fn vex_rows() -> Vec<Row> {
    vec![
        ("/@context", json!("https://openvex.dev/ns/v0.0.1"), "/@context: "),
        ("/@id", Value::Null, ": missing field `@id`"),
        ("/author", json!(""), "/author: "),
        ("/timestamp", json!("2026-01-10"), "/timestamp: "),
        ("/version", json!(0), "/version: "),
        ("/statements", json!([]), "/statements: "),
        ("/statements/0/status", json!("safe"), "/statements/0/status: `safe`"),
        ("/statements/0/status", json!("affected"), "/statements/0: affected needs"),
        ("/statements/0/justification", Value::Null, "/statements/0: not_affected needs"),
        ("/statements/0/justification", json!("trust me"), "/statements/0/justification: "),
        ("/statements/0/products", json!([]), "/statements/0/products: "),
        ("/statements/0/products/0", json!({}), "/statements/0/products/0: "),
        ("/statements/0/vulnerability", json!("CVE-1"), "/statements/0/vulnerability: "),
    ]
}

fn image_rows() -> Vec<Row> {
    vec![
        ("/schemaVersion", json!(1), "/schemaVersion: "),
        ("/config", Value::Null, ": it is neither"),
        ("/config/digest", json!("sha256:00"), "/config/digest: "),
        ("/manifests", json!([]), ": it is neither"),
        ("/mediaType", json!("application/vnd.oci.image.index.v1+json"), "/mediaType: "),
    ]
}

/// The tool gives the files of a library and of a program of one crate the same identifier.
#[test]
fn a_real_documents_repeated_identifiers_are_named_and_its_facts_told() {
    let bytes = real("sbom-spdx-json/nushell-workspace.spdx.json");
    let reading = read_default(Kind::SbomSpdxJson, &bytes);
    let found = problems(&reading);
    assert_eq!(
        found[0],
        "/files/34/SPDXID: `SPDXRef-File-nu_plugin_example` occurs twice, and must be unique"
    );
    assert_eq!(found.len(), 6, "{found:?}");
    for (fact, value) in [
        ("spec_version", json!("SPDX-2.3")),
        ("packages", json!(947)),
        ("relationships", json!(3393)),
        ("tool", json!({"name": "cargo-sbom", "version": "v0.10.0"})),
    ] {
        assert_eq!(reading.facts[fact], value, "{fact}");
    }
}

#[test]
fn a_component_type_is_judged_by_the_declared_version() {
    for (version, kind, good) in [
        ("1.4", "data", false),
        ("1.5", "data", true),
        ("1.5", "cryptographic-asset", false),
        ("1.6", "cryptographic-asset", true),
    ] {
        let mut document = sbom();
        document["specVersion"] = version.into();
        document["components"][0]["type"] = kind.into();
        let found =
            problems(&read_default(Kind::SbomCycloneDxJson, document.to_string().as_bytes()));
        assert_eq!(found.is_empty(), good, "{version} {kind}: {found:?}");
    }
}

const JSON_KINDS: [Kind; 8] = [
    Kind::Attestation,
    Kind::ContainerImage,
    Kind::Evidence,
    Kind::OpenVex,
    Kind::Sarif,
    Kind::SbomCycloneDxJson,
    Kind::SbomSpdxJson,
    Kind::SlsaProvenance,
];

#[test]
fn what_is_not_json_is_unreadable_for_every_json_kind() {
    let deep = "[".repeat(1_000_000);
    let deep_in_key = format!(r#"{{"a":{}1{}}}"#, r#"{"a":"#.repeat(500_000), "}".repeat(500_000));
    let sbom = real("sbom-cyclonedx-json/python-env-small.cdx.json");
    for (bytes, expected) in [
        (&b""[..], "it is empty"),
        (b" \n", "it is empty"),
        (b"\xEF\xBB\xBF{}", "it starts with a byte order mark"),
        (b"{\"a\":\"\xff\"}", "it is not UTF-8: the byte at offset 6"),
        (deep.as_bytes(), "it nests deeper than 128 levels"),
        (deep_in_key.as_bytes(), "it nests deeper than 128 levels"),
        (&sbom[..sbom.len() - 10], "it is not JSON: EOF"),
        (b"{} {}", "it is not JSON: trailing characters"),
        (b"{\"a\":NaN}", "it is not JSON: "),
        (b"{'a':1}", "it is not JSON: "),
    ] {
        for kind in JSON_KINDS {
            let reading = read_default(kind, bytes);
            let found = problems(&reading);
            let start = String::from_utf8_lossy(&bytes[..bytes.len().min(20)]).into_owned();
            assert!(found.len() == 1 && found[0].contains(expected), "{kind} {start}: {found:?}");
            assert_eq!(reading.json, None, "{kind} {start}");
        }
    }
}

#[test]
fn a_repeated_top_level_key_is_a_problem_for_every_json_kind() {
    for kind in JSON_KINDS {
        let found = problems(&read_default(kind, br#"{"a/b":1,"a/b":2}"#));
        assert!(
            found.contains(&"/a~1b: the key `a/b` occurs twice".to_owned()),
            "{kind}: {found:?}"
        );
    }
}

#[test]
fn the_deepest_allowed_nesting_is_read_without_exhausting_the_stack() {
    let nested = |levels: usize| {
        let open = r#"{"type":"library","name":"a","components":["#.repeat(levels);
        let components = format!("{open}{}", "]}".repeat(levels));
        format!(
            r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[{components}]}}"#
        )
    };
    for levels in [10, 11, 12, 62] {
        let bytes = nested(levels);
        let reading = read_default(Kind::SbomCycloneDxJson, bytes.as_bytes());
        assert_eq!(problems(&reading), [""; 0], "{levels}");
        assert_eq!(reading.facts["components"], json!(levels), "{levels}");
        let broken = bytes.replacen("\"name\":\"a\"", "\"name\":0", 1);
        let broken = read_default(Kind::SbomCycloneDxJson, broken.as_bytes());
        assert_eq!(broken.problems[0].pointer, "/components/0/name", "{levels}");
    }
    let found = problems(&read_default(Kind::SbomCycloneDxJson, nested(64).as_bytes()));
    assert_eq!(found, [": it nests deeper than 128 levels"]);
    let shallow = Limits { depth_max: 3, ..Limits::DEFAULT };
    let found = problems(&read(Kind::Evidence, b"[[[[]]]]", &shallow));
    assert_eq!(found, [": it nests deeper than 3 levels"]);
}

#[test]
fn deep_values_where_any_value_may_stand_are_read() {
    let deep = format!("{}{}", "[".repeat(120), "]".repeat(120));
    for (kind, document) in documents() {
        let text = document.to_string();
        let key = if kind == Kind::SbomCycloneDxJson { "properties" } else { "x-deep" };
        let bytes = text.replacen('{', &format!(r#"{{"{key}":{deep},"#), 1);
        let found = problems(&read_default(kind, bytes.as_bytes()));
        // The bills of materials know all their keys.
        let strict = [Kind::SbomSpdxJson, Kind::SbomCycloneDxJson].contains(&kind);
        assert_eq!(found.len(), usize::from(strict), "{kind}: {found:?}");
    }
}

#[test]
fn evidence_over_the_size_limit_is_undecided_and_an_artifact_is_not() {
    let limits = Limits { evidence_bytes_max: 10, ..Limits::DEFAULT };
    for (kind, name) in Kind::ALL {
        let reading = read(kind, b"{\"aaaaaaaa\":1}", &limits);
        let expected = format!("{name} of 14 bytes is over the limit evidence_bytes_max of 10");
        assert_eq!(reading.undecided, (kind != Kind::Artifact).then_some(expected));
        assert_eq!((reading.json, reading.problems.len()), (None, 0), "{name}");
    }
}

#[test]
fn problems_are_bounded_and_their_number_is_said() {
    let limits = Limits { findings_max: 3, ..Limits::DEFAULT };
    let licenses: Vec<Value> = (0..10).map(|_| json!({"license": {"id": "x"}})).collect();
    let mut document = sbom();
    document["components"][0]["licenses"] = licenses.into();
    let bytes = document.to_string();
    let found = problems(&read(Kind::SbomCycloneDxJson, bytes.as_bytes(), &limits));
    assert_eq!(found.len(), 3);
    assert_eq!(found[2], ": 10 problems, of which the first are shown");
}

#[test]
fn junit_that_is_not_is_refused() {
    let deep = format!("<testsuite>{}", "<a>".repeat(1_000_000));
    let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><testsuite name=\"&b;\"/>";
    for (bytes, expected) in [
        (&b""[..], "it is empty"),
        (b"\xEF\xBB\xBF ", "it is empty"),
        (b"<testsuite name='\xff'/>", "it is not UTF-8: the byte at offset 17"),
        (bomb.as_bytes(), "document type"),
        (b"<testsuite name='&b;'/>", "the attribute `name` has a bad reference"),
        (b"<testsuite><testcase><failure>&b;</failure></testcase></testsuite>", "the entity `&b;`"),
        (
            b"<?xml version='1.0' encoding='ISO-8859-1'?><testsuite/>",
            "its encoding is `ISO-8859-1`",
        ),
        (b"<html/>", "its root element is `html`"),
        (b"<testsuites/>", "it holds no test suite"),
        (b"<testsuite/><testsuite/>", "`testsuite` stands where it does not belong"),
        (b"<testsuites><testcase/></testsuites>", "`testcase` stands where"),
        (b"<testsuite><testcase>", "it ends inside an element"),
        (b"<testsuite></testsuites>", "it is not XML"),
        (b"<testsuite a='1' a='2'/>", "an attribute is not XML"),
        (b"<testsuite failures='many'/>", "`many` is not a count"),
        (b"<testsuite failures='-1'/>", "`-1` is not a count"),
        (b"text", "it ends inside an element, or before the first"),
        (deep.as_bytes(), "it nests deeper than 128 levels"),
    ] {
        let found = problems(&read_default(Kind::JunitXml, bytes));
        let start = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        assert!(found.len() == 1 && found[0].contains(expected), "{start}: {found:?}");
    }
}

#[test]
fn plain_kinds_have_their_own_limits() {
    let long = "x".repeat((64 << 10) + 1);
    for (kind, bytes, expected) in [
        (Kind::Artifact, &b""[..], ": it is empty"),
        (
            Kind::String,
            long.as_bytes(),
            ": a string of 65537 bytes is longer than 65536; hand it over as a file",
        ),
        (Kind::String, b"\xff", ": it is not UTF-8: the byte at offset 0 is invalid"),
        (Kind::Evidence, b"1", ": evidence is a JSON object or array"),
        (Kind::Evidence, b"\"text\"", ": evidence is a JSON object or array"),
    ] {
        assert_eq!(problems(&read_default(kind, bytes)), [expected]);
    }
}
