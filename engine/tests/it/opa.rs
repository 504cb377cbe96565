//! A stock Rego engine comes to the same verdict from the exported bundle.
//!
//! The engine is `opa`, from the path in `MUSTER_OPA` or else from `PATH`.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use engine::contract::opa_bundle;
use engine::judge::{Exhibit, Plan};
use engine::{Kind, Limits, Verdict};

use crate::support::{compile, conclude, contract, exhibit, here, inline, now};

const SBOM: &[u8] = br#"{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"metadata":{"timestamp":"2026-11-20T00:00:00Z"},
  "components":[{"type":"library","name":"left-pad","version":"1.0.0","licenses":[{"license":{"id":"GPL-3.0-only"}}]}]}"#;
const PLAIN: &str = "  materials: [{ name: sbom, kind: sbom-cyclonedx-json }]\n  policies:\n";

/// A contract, the evidence, and what follows from them.
struct Case {
    contract: String,
    exhibits: Vec<Exhibit>,
    verdict: Verdict,
}

/// The path of `opa`; without one, says so once.
fn opa() -> Option<OsString> {
    if let Some(path) = std::env::var_os("MUSTER_OPA") {
        return Some(path);
    }
    let found = Command::new("opa").arg("version").output().is_ok();
    if !found {
        // Past the test harness, which captures what tests print.
        writeln!(std::io::stderr(), "skipped: opa is not on PATH, and MUSTER_OPA is not set")
            .unwrap();
    }
    found.then(|| "opa".into())
}

#[expect(clippy::disallowed_methods, reason = "another process reads the files")]
fn ask(opa: &OsString, case: &Plan<'_>, files: &Path, input: &Path) -> Output {
    std::fs::write(input, case.opa_input().to_string()).unwrap();
    Command::new(opa)
        .args(["eval", "--format", "json", "--strict-builtin-errors", "--data"])
        .arg(files)
        .arg("--input")
        .arg(input)
        .arg("data.muster.verdict.verdict")
        .output()
        .unwrap()
}

/// Evaluates both ways. An answer that is no verdict is the text of what went wrong.
#[expect(clippy::disallowed_methods, reason = "another process reads the files")]
fn both(opa: &OsString, contract: &str, exhibits: Vec<Exhibit>) -> (Verdict, String) {
    let compiled = compile(contract).unwrap_or_else(|error| panic!("{contract}\n{error}"));
    let circumstances = here();
    let plan = Plan::new(&compiled, &circumstances, exhibits, now(), &Limits::DEFAULT);
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bundle");
    for (path, text) in opa_bundle(&compiled, now()).unwrap() {
        let path = bundle.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let output = ask(opa, &plan, &bundle, &folder.path().join("input.json"));
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let verdict = answer.pointer("/result/0/expressions/0/value").and_then(|value| value.as_str());
    let said = verdict.filter(|_| output.status.success()).map_or_else(
        || String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
        str::to_owned,
    );
    (conclude(&plan).verdict, said)
}

#[test]
fn opa_comes_to_the_same_verdict() {
    let Some(opa) = opa() else { return };
    let cases = demands().into_iter().chain(attached()).chain(reported()).chain(disguised());
    for Case { contract, exhibits, verdict } in cases {
        let (ours, theirs) = both(&opa, &contract, exhibits);
        assert_eq!(ours, verdict, "{contract}");
        assert_eq!(theirs, verdict.as_str(), "{contract}");
    }
}

#[test]
fn opa_does_not_pass_what_could_not_run() {
    let Some(opa) = opa() else { return };
    let failing = inline("package probe\nimport rego.v1\ndeny contains x if x := to_number(\"x\")");
    let (ours, theirs) = both(&opa, &failing, vec![exhibit("note", Kind::Evidence, b"{}")]);
    assert_eq!(ours, Verdict::Indeterminate);
    assert!(theirs.contains("eval_builtin_error"), "{theirs}");
}

#[test]
fn packages_that_the_bundle_fills_are_refused() {
    for package in ["contract", "muster.verdict", "muster.contract.more"] {
        let compiled =
            compile(&inline(&format!("package {package}\nimport rego.v1\ndeny contains \"x\"")))
                .unwrap();
        let error = opa_bundle(&compiled, now()).unwrap_err().to_string();
        assert!(error.contains(&format!("`{package}`, which the bundle fills itself")), "{error}");
    }
}

fn case(spec: &str, exhibits: Vec<Exhibit>, verdict: Verdict) -> Case {
    Case { contract: contract(spec), exhibits, verdict }
}

fn sbom() -> Vec<Exhibit> {
    vec![exhibit("sbom", Kind::SbomCycloneDxJson, SBOM)]
}

fn note(content: &str) -> Vec<Exhibit> {
    vec![exhibit("note", Kind::Evidence, content.as_bytes())]
}

/// What contracts demand without a policy.
fn demands() -> Vec<Case> {
    use Verdict::{Failed, Indeterminate, Passed};
    let sarif = |bytes| vec![exhibit("lint", Kind::Sarif, bytes)];
    let archive = exhibit("tests", Kind::JunitXml, &testdata::hostile::zip_claiming(3 << 30));
    let one = "  materials: [{ name: lint, kind: sarif }]\n";
    let note_with = |schema: &str| {
        format!("  materials: [{{ name: note, kind: evidence, schema: {schema} }}]\n")
    };
    vec![
        case("  materials: [{ name: sbom, kind: sbom-cyclonedx-json }]\n", sbom(), Passed),
        case("  materials: [{ name: sbom, kind: sbom-cyclonedx-json }]\n", Vec::new(), Failed),
        case(one, sbom(), Failed),
        case(one, sarif(b"{}"), Failed),
        case("  materials: [{ name: tests, kind: junit-xml }]\n", vec![archive], Indeterminate),
        case(
            "  materials: [{ name: lint, kind: sarif, group: q }, { name: sbom, kind: sbom-cyclonedx-json, group: q }]\n",
            sbom(),
            Passed,
        ),
        case("  materials: [{ name: lint, kind: sarif, group: q }]\n", sbom(), Failed),
        case(
            "  materials: [{ name: lint, kind: sarif, optional: true }]\n",
            Vec::new(),
            Indeterminate,
        ),
        case("  annotations: []\n", sbom(), Indeterminate),
        case(&format!("  annotations: [{{ name: team }}]\n{one}"), sbom(), Failed),
        case(&note_with("{ required: [owner] }"), note("{}"), Failed),
        case(&note_with("{ required: [owner] }"), note(r#"{"owner": "me"}"#), Passed),
        case(
            "  runner: { environment: managed }\n  materials: [{ name: note, kind: evidence }]\n",
            note("{}"),
            Indeterminate,
        ),
    ]
}

/// How policies are attached.
fn attached() -> Vec<Case> {
    use Verdict::{Failed, Passed};
    let plain = |policies: &str, verdict| case(&format!("{PLAIN}{policies}"), sbom(), verdict);
    vec![
        plain("    - { use: sbom-components, on: { material: sbom } }\n", Passed),
        plain(
            "    - { use: sbom-licenses, on: { kind: sbom-cyclonedx-json }, with: { banned: [GPL-3.0-only] } }\n",
            Failed,
        ),
        plain(
            "    - { use: sbom-licenses, on: { prefix: sb }, with: { banned: [GPL-3.0-only] } }\n",
            Failed,
        ),
        plain(
            "    - { use: sbom-licenses, on: { material: sbom }, with: { banned: [MIT] } }\n",
            Passed,
        ),
        plain(
            "    - { use: sbom-licenses, on: { material: sbom }, with: { banned: [MIT] } }\n    - { use: sbom-licenses, on: { material: sbom }, with: { banned: [GPL-3.0-only] } }\n",
            Failed,
        ),
        plain(
            "    - { use: sbom-licenses, on: { material: sbom }, with: { banned: [GPL-3.0-only] }, mode: warn }\n",
            Passed,
        ),
        plain(
            "    - { use: sbom-licenses, on: { material: sbom }, with: { banned: [GPL-3.0-only] }, enforce_after: 2026-11-25 }\n",
            Passed,
        ),
        plain("    - { use: tests-pass, on: { kind: junit-xml } }\n", Passed),
        plain(
            "    - { use: sbom-freshness, on: { material: sbom }, with: { max_age_days: 30 } }\n",
            Passed,
        ),
        plain(
            "    - { use: sbom-freshness, on: { material: sbom }, with: { max_age_days: 3 } }\n",
            Failed,
        ),
    ]
}

/// What a policy says, and how.
fn reported() -> Vec<Case> {
    use Verdict::{Failed, Indeterminate, Passed};
    let probe = |rules: &str, verdict| Case {
        contract: inline(&format!("package probe\nimport rego.v1\n{rules}")),
        exhibits: note(r#"{"a": 1}"#),
        verdict,
    };
    vec![
        probe("warn contains \"x\"", Passed),
        probe("deny contains \"x\" if input.a == 2", Passed),
        probe("violation contains {\"msg\": \"x\"}", Failed),
        probe("deny := [\"x\"]", Failed),
        probe("deny := 7", Indeterminate),
        probe("deny contains 7", Indeterminate),
        probe("deny contains {\"message\": \"x\", \"severity\": \"awful\"}", Indeterminate),
        probe("undecided contains \"x\"", Indeterminate),
        probe("undecided contains \"x\"\ndeny contains \"y\"", Failed),
        probe("deny contains \"late\" if time.now_ns() != 1795521600000000000", Passed),
    ]
}

/// Evidence cannot pose as what is said about it, and a run policy sees the run without its content.
fn disguised() -> Vec<Case> {
    use Verdict::{Failed, Passed};
    let probe = |rules: &str, content: &str, verdict| Case {
        contract: inline(&format!("package probe\nimport rego.v1\n{rules}")),
        exhibits: note(content),
        verdict,
    };
    let run = |rule: &str, verdict| Case {
        contract: inline(&format!("package probe\nimport rego.v1\n{rule}"))
            .replace("on: { material: note }\n      policy:", "policy:"),
        exhibits: note(r#"{"a": 1}"#),
        verdict,
    };
    vec![
        probe("deny contains \"x\" if input.args.lax", r#"{"args": {"lax": true}}"#, Passed),
        probe("deny contains \"x\" if input.muster.lax", r#"{"muster": {"lax": true}}"#, Passed),
        probe("deny contains \"x\" if input.muster.material.name == \"note\"", "{}", Failed),
        probe("deny contains \"x\" if input.muster.run.runner.kind == \"generic\"", "{}", Failed),
        probe("deny contains \"x\" if input.elements[1] == 7", "[1, 7]", Failed),
        run("deny contains \"x\" if input.materials[0].name == \"note\"", Failed),
        run("deny contains \"x\" if input.materials[_].content", Passed),
        run("deny contains \"x\" if input.runner.kind == \"generic\"", Failed),
    ]
}
