//! From a contract and evidence to a verdict.

use engine::{Kind, Limits, Outcome, Verdict};

use crate::support::{compile, contract, exhibit, inline, judge};

const SBOM: &[u8] = br#"{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"metadata":{"timestamp":"2026-11-20T00:00:00Z"},
  "components":[{"type":"library","name":"left-pad","version":"1.0.0","licenses":[{"license":{"id":"GPL-3.0-only"}}]}]}"#;

#[test]
fn the_contracts_own_demands_come_out_of_rego() {
    let compiled = compile(&contract(
        "  runner: { kinds: [github-actions] }
  environment: { required: [GITHUB_SHA] }
  annotations: [{ name: team }]
  materials:
    - { name: sbom, kind: sbom-cyclonedx-json }
    - { name: tests, kind: junit-xml, group: quality }
    - { name: lint, kind: sarif, group: quality }
    - { name: extra, kind: artifact, optional: true }
",
    ))
    .unwrap();
    let record = judge(&compiled, Vec::new(), &Limits::DEFAULT);
    assert_eq!(record.verdict, Verdict::Failed);
    let rules: Vec<&str> =
        record.evaluations[0].violations.iter().map(|violation| violation.rule.as_str()).collect();
    assert_eq!(
        rules,
        [
            "annotation-missing",
            "environment-missing",
            "group-empty",
            "material-missing",
            "runner-kind"
        ]
    );
}

#[test]
fn shipped_policies_judge_real_shapes() {
    let compiled = compile(&contract(
        "  materials: [{ name: sbom, kind: sbom-cyclonedx-json }]
  policies:
    - { use: sbom-freshness, on: { material: sbom }, with: { max_age_days: 30 } }
    - { use: sbom-licenses, on: { kind: sbom-cyclonedx-json }, with: { banned: [GPL-3.0-only] } }
    - { use: sbom-components, on: { prefix: sb } }
    - { use: tests-pass, on: { kind: junit-xml } }
",
    ))
    .unwrap();
    let record =
        judge(&compiled, vec![exhibit("sbom", Kind::SbomCycloneDxJson, SBOM)], &Limits::DEFAULT);
    let outcomes: Vec<Outcome> =
        record.evaluations.iter().map(|evaluation| evaluation.outcome).collect();
    assert_eq!(
        outcomes,
        [Outcome::Passed, Outcome::Passed, Outcome::Failed, Outcome::Passed, Outcome::Skipped],
        "{:#?}",
        record.evaluations
    );
    let violation = &record.evaluations[2].violations[0];
    assert_eq!(violation.pointer.as_deref(), Some("/components/0/licenses"));
    assert_eq!(record.verdict, Verdict::Failed);
}

#[test]
fn a_contract_that_demands_nothing_and_a_run_without_evidence_prove_nothing() {
    let empty = compile(&contract("  annotations: []\n")).unwrap();
    let record = judge(&empty, vec![exhibit("note", Kind::Evidence, b"{}")], &Limits::DEFAULT);
    assert_eq!(record.verdict, Verdict::Indeterminate, "{record:#?}");
    let optional = compile(&contract(
        "  materials: [{ name: sbom, kind: sbom-cyclonedx-json, optional: true }]
  policies: [{ use: sbom-components, on: { material: sbom } }]
",
    ))
    .unwrap();
    assert_eq!(judge(&optional, Vec::new(), &Limits::DEFAULT).verdict, Verdict::Indeterminate);
}

#[test]
fn policies_see_the_evaluation_time_and_their_material() {
    let compiled = compile(&inline(
        "package probe\nimport rego.v1\nwarn contains sprintf(\"%d\", [time.now_ns()])\nwarn contains input.muster.material.name\nwarn contains input.secret",
    ))
    .unwrap();
    let evidence = br#"{"secret": "s", "muster": {"material": {"name": "forged"}}}"#;
    let record =
        judge(&compiled, vec![exhibit("note", Kind::Evidence, evidence)], &Limits::DEFAULT);
    let warnings: Vec<&str> =
        record.evaluations[1].warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(warnings, ["1795521600000000000", "note", "s"]);
    assert_eq!(record.verdict, Verdict::Passed);
}

#[test]
fn a_policy_that_cannot_run_to_its_end_is_indeterminate() {
    let long = "package probe\nimport rego.v1\nn := numbers.range(1, 3000)\ndeny contains \"x\" if { some a in n; some b in n; some c in n; a + b + c == 0 }";
    let big = "package probe\nimport rego.v1\ndeny contains sprintf(\"%d\", [n]) if some n in numbers.range(1, 200)";
    let shape = "package probe\nimport rego.v1\ndeny := 7";
    let doubt = "package probe\nimport rego.v1\nundecided contains \"who knows\"";
    let failing = "package probe\nimport rego.v1\ndeny contains to_number(\"x\")";
    let limits = Limits { evaluation_ms_max: 200, findings_max: 100, ..Limits::DEFAULT };
    for (rego, reason) in [
        (long, "longer than the limit of 200 ms"),
        (big, "more than the limit of 100 findings"),
        (shape, "must be a set of violations, not a number"),
        (doubt, "who knows"),
        (failing, "could not run"),
    ] {
        let compiled = compile(&inline(rego)).unwrap();
        let record = judge(&compiled, vec![exhibit("note", Kind::Evidence, b"{}")], &limits);
        let evaluation = &record.evaluations[1];
        assert_eq!(evaluation.outcome, Outcome::Indeterminate, "{evaluation:?}");
        assert!(evaluation.reasons[0].contains(reason), "{:?}", evaluation.reasons);
        assert_eq!(record.verdict, Verdict::Indeterminate);
    }
}

#[test]
fn a_policy_that_is_refused_says_the_line_and_the_reason() {
    for (rego, reason) in [
        ("package probe\nimport rego.v1\nf(x) := f(x)\ndeny contains f(1)", "refers to itself"),
        (
            "package probe\nimport rego.v1\na if b\nb if a\ndeny contains \"x\" if a",
            "refers to itself",
        ),
        (
            "package probe\nimport rego.v1\ndeny contains p if [p, _] := walk(input)",
            "yields nothing",
        ),
        (
            "package probe\nimport rego.v1\ndeny contains x if x := http.send({}).body",
            "`http.send` is refused",
        ),
        (
            "package probe\nimport rego.v1\ndeny contains x if x := rand.intn(\"a\", 3)",
            "`rand.intn` is refused",
        ),
        (
            "package probe\nimport rego.v1\ndeny contains x if x := sprintff(\"a\", [])",
            "did you mean `sprintf`?",
        ),
        ("package probe\nimport rego.v1\nallow if true", "no rule of this policy reports anything"),
        ("package probe\nimport rego.v1\ndeny contains x if y", "does not compile"),
        ("package probe\nimport rego.v1\ndeny contains", "does not compile"),
    ] {
        let error = compile(&inline(rego)).unwrap_err().to_string();
        assert!(error.contains(reason), "{rego}\n{error}");
        assert!(error.contains("/spec/policies/0"), "{error}");
    }
}

#[test]
fn until_its_date_an_enforced_policy_warns() {
    let spec = |date: &str, mode: &str| {
        contract(&format!(
            "  materials: [{{ name: sbom, kind: sbom-cyclonedx-json }}]
  policies: [{{ use: sbom-licenses, on: {{ material: sbom }}, with: {{ banned: [GPL-3.0-only] }}, mode: {mode}, enforce_after: {date} }}]
"
        ))
    };
    for (date, mode, verdict) in [
        ("2026-11-25", "enforce", Verdict::Passed),
        ("2026-11-24", "enforce", Verdict::Failed),
        ("2026-11-01", "audit", Verdict::Passed),
    ] {
        let compiled = compile(&spec(date, mode)).unwrap();
        let record = judge(
            &compiled,
            vec![exhibit("sbom", Kind::SbomCycloneDxJson, SBOM)],
            &Limits::DEFAULT,
        );
        assert_eq!(record.verdict, verdict, "{date} {mode}");
        assert_eq!(record.evaluations[1].violations.len(), 1);
    }
}

#[test]
fn content_is_held_against_the_contracts_schema() {
    let compiled = compile(&contract(
        "  materials:
    - name: note
      kind: evidence
      schema: { type: object, required: [owner], properties: { level: { maximum: 3 } } }
",
    ))
    .unwrap();
    let record = judge(
        &compiled,
        vec![exhibit("note", Kind::Evidence, br#"{"level": 7}"#)],
        &Limits::DEFAULT,
    );
    let mut pointers: Vec<_> =
        record.evaluations[0].violations.iter().map(|v| v.pointer.clone().unwrap()).collect();
    pointers.sort();
    assert_eq!(pointers, ["", "/level"]);
}

#[test]
fn bad_contracts_say_what_where_and_what_to_do() {
    for (text, expected) in [
        (
            contract("  material: []\n"),
            "5:3: the key `material` is not known here (at `/spec/material`); did you mean `materials`?",
        ),
        (
            contract("  materials: [{ name: sbom, kind: sbom-cyclondx-json }]\n"),
            "did you mean `sbom-cyclonedx-json`?",
        ),
        (contract("  materials: {}\n"), "expected a value of type array, found a map"),
        (
            contract("  materials: [{ name: a, kind: sarif }, { name: a, kind: sarif }]\n"),
            "declared a second time",
        ),
        (contract("  policies: [{ use: sbom-freshnes }]\n"), "did you mean `sbom-freshness`?"),
        (contract("  policies: [{ use: missing.rego }]\n"), "there is no file `missing.rego`"),
        (contract("  policies: [{}]\n"), "either `use` or `policy`"),
        (
            contract(
                "  materials: [{ name: s, kind: sarif }]\n  policies: [{ use: sbom-freshness, on: { material: s } }]\n",
            ),
            "judges sbom-cyclonedx-json, not sarif",
        ),
        (
            contract("  policies: [{ use: sbom-freshness, with: { max_age: 3 } }]\n"),
            "has no input `max_age`; did you mean `max_age_days`?",
        ),
        (
            contract("  policies: [{ use: sbom-licenses }]\n"),
            "needs a value for its input `banned`",
        ),
        (contract("  policies: [{ use: 'sbom-freshness@sha256:00' }]\n"), "is not a digest"),
        (
            contract(
                "  materials: [{ name: s, kind: sarif, schema: { $ref: 'https://example.com/x' } }]\n",
            ),
            "read offline",
        ),
        ("kind: Contract\n".to_owned(), "the key \"apiVersion\" is missing"),
    ] {
        let error = compile(&text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}\n{error}");
    }
}
