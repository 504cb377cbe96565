//! Bad contracts, policies and evidence: each ends in an error that names what is wrong; none in a panic or a pass.

use engine::contract::Compiled;
use engine::document::Document;
use engine::judge::Record;
use engine::policy::Files;
use engine::{Kind, Limits, Outcome, Verdict};
use testdata::hostile;

use crate::support::{compile, contract, exhibit, inline, judge, library};

fn refusal(bytes: &[u8]) -> String {
    Document::parse_bytes(bytes, &Limits::DEFAULT)
        .and_then(|document| {
            Compiled::compile(&document, &Files::new(), &library(), &Limits::DEFAULT)
        })
        .map(|compiled| compiled.digest)
        .unwrap_err()
        .to_string()
}

#[test]
fn a_bad_contract_is_refused_by_name() {
    let good = contract("  materials: [{ name: a, kind: sarif }]\n");
    compile(&good).unwrap();
    let with = |line: &str| format!("{good}{line}").into_bytes();
    let mut oversize = good.clone().into_bytes();
    oversize.resize((1 << 20) + 1, b'\n');
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"kind: [Contract\n".to_vec(), "2:1: this is not valid YAML"),
        (b"".to_vec(), "empty"),
        (b"{\"apiVersion\": \"muster.dev/v1\", \"kind\": \"Contr".to_vec(), "1:"),
        (hostile::yaml_bomb(), "more than the limit of 50000 values"),
        (hostile::deep_json(1_000_000), "more than the limit of 1048576"),
        (hostile::deep_json(500_000), "recursion limit exceeded"),
        (vec![b'['; 1_000_000], "recursion limit exceeded"),
        (hostile::deep_json(129), "deeper than the limit of 128"),
        (with("  polices: []\n"), "did you mean `policies`?"),
        (with("  policies: 7\n"), "expected a value of type array"),
        (
            contract("  materials: [{ name: a, kind: sarif }, { name: a, kind: sarif }]\n")
                .into_bytes(),
            "declared a second time",
        ),
        (with("  materials: []\n"), "`materials`"),
        ([good.as_bytes(), b"# caf\xe9\n"].concat(), "not UTF-8"),
        (oversize, "more than the limit of 1048576"),
        (with("---\nkind: Contract\n"), "document"),
    ];
    for (bytes, expected) in cases {
        let error = refusal(&bytes);
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
        assert!(error.contains(expected), "{shown}\n{error}");
        assert!(error.len() < 2_000, "an error that can be read: {} bytes", error.len());
    }
}

/// `reason` is in what some evaluation says.
fn says(record: &Record, reason: &str) -> bool {
    record.evaluations.iter().any(|evaluation| {
        let violations = evaluation.violations.iter().map(|violation| &violation.message);
        violations.chain(&evaluation.reasons).any(|text| text.contains(reason))
    })
}

#[test]
fn bad_evidence_never_passes() {
    let cut = hostile::truncated(&hostile::sbom(10));
    let cases: Vec<(Kind, Vec<u8>, Verdict, &str)> = vec![
        (Kind::Evidence, hostile::deep_json(1_000_000), Verdict::Failed, "deeper than 128"),
        (
            Kind::SbomCycloneDxJson,
            hostile::deep_json(1_000_000),
            Verdict::Failed,
            "deeper than 128",
        ),
        (Kind::SbomCycloneDxJson, cut, Verdict::Failed, "EOF"),
        (Kind::SbomCycloneDxJson, hostile::non_utf8(), Verdict::Failed, "UTF-8"),
        (Kind::SbomCycloneDxJson, hostile::duplicate_keys(), Verdict::Failed, "twice"),
        (Kind::SbomCycloneDxJson, hostile::duplicate_keys_escaped(), Verdict::Failed, "twice"),
        (
            Kind::JunitXml,
            hostile::zip_claiming(3 << 30),
            Verdict::Indeterminate,
            "over the limit archive_bytes_max",
        ),
        (Kind::Sarif, Vec::new(), Verdict::Failed, "empty"),
    ];
    for (kind, bytes, verdict, reason) in cases {
        let spec = format!("  materials: [{{ name: it, kind: {kind} }}]\n");
        let compiled = compile(&contract(&spec)).unwrap();
        let record = judge(&compiled, vec![exhibit("it", kind, &bytes)], &Limits::DEFAULT);
        assert_eq!(record.verdict, verdict, "{kind}: {:?}", record.evaluations);
        assert!(says(&record, reason), "{kind}: {:?}", record.evaluations);
    }
}

#[test]
fn evidence_over_its_limit_is_indeterminate() {
    let limits = Limits { evidence_bytes_max: 1_000, ..Limits::DEFAULT };
    let compiled =
        compile(&inline("package probe\nimport rego.v1\ndeny contains \"x\" if false")).unwrap();
    let large = format!("{{\"a\": \"{}\"}}", "x".repeat(1_000));
    let label = engine::judge::Label {
        name: "note".parse().unwrap(),
        kind: Kind::Evidence,
        digest: engine::Digest::of(&large),
        source: "note".to_owned(),
        size: 1_009,
    };
    let exhibit = engine::judge::Exhibit::read(label, large.as_bytes(), &limits);
    let record = judge(&compiled, vec![exhibit], &limits);
    assert_eq!(record.verdict, Verdict::Indeterminate);
    assert!(says(&record, "1000"), "{:?}", record.evaluations);
}

#[test]
fn a_policy_that_must_not_run_is_refused() {
    for (rules, reason) in [
        ("f(x) := f(x - 1)\ndeny contains \"x\" if f(1)", "refers to itself"),
        (
            "a contains x if some x in b\nb contains x if some x in a\ndeny contains x if some x in a",
            "refers to itself",
        ),
        ("deny contains \"x\" if {", "does not compile"),
        ("deny contains \"x\" if undefined_name == 1", "does not compile"),
        (
            &format!("deny contains \"x\" if {}1{} == 1", "(".repeat(5_000), ")".repeat(5_000)),
            "does not compile",
        ),
    ] {
        let error = compile(&inline(&format!("package probe\nimport rego.v1\n{rules}")))
            .unwrap_err()
            .to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn a_policy_that_will_not_end_is_stopped() {
    let limits = Limits { evaluation_ms_max: 300, findings_max: 1_000, ..Limits::DEFAULT };
    let loops = "n := numbers.range(1, 2000)\ndeny contains \"x\" if { count([1 | some a in n; some b in n; some c in n; a + b == c]) == 0 }";
    for (rules, reason) in [
        (loops, "longer than the limit of 300 ms"),
        (
            "deny contains x if some x in [sprintf(\"%d\", [n]) | some n in numbers.range(1, 5000)]",
            "more than the limit of 1000 findings",
        ),
        (
            "deny contains concat(\"\", [\"abcdefghij\" | some n in numbers.range(1, 5000)])",
            "more than the limit of 16384",
        ),
        (
            "deny contains \"x\" if count(numbers.range(1, 1000000000000000000)) == 0",
            "numbers.range",
        ),
        (
            "deny contains \"x\" if count(numbers.range_step(1, 1000000000000000000, 1)) == 0",
            "numbers.range_step",
        ),
    ] {
        let compiled =
            compile(&inline(&format!("package probe\nimport rego.v1\n{rules}"))).unwrap();
        let record = judge(&compiled, vec![exhibit("note", Kind::Evidence, b"{}")], &limits);
        assert_eq!(record.evaluations[1].outcome, Outcome::Indeterminate, "{rules}");
        assert_eq!(record.verdict, Verdict::Indeterminate);
        assert!(says(&record, reason), "{rules}\n{:?}", record.evaluations);
    }
}
