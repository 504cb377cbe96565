//! A waiver accepts what it names, where and while it holds, and nothing else.

use engine::document::Document;
use engine::judge::{Exhibit, Plan, Record};
use engine::run::{Circumstances, Workflow};
use engine::waiver::{Standing, WAIVERS_MAX};
use engine::{Digest, Kind, Limits, Outcome, Timestamp, Verdict, Waiver};
use proptest::prelude::*;
use proptest::sample::subsequence;

use crate::support::{compile, conclude, contract, exhibit, here, inline, now};

const APP: &[u8] = b"the application";
const SBOM: &[u8] = br#"{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[
  {"type":"library","name":"left-pad","version":"1.4.0"},{"type":"library","name":"evil","version":"2"}]}"#;

const SPEC: &str = "  materials:
    - { name: app, kind: artifact, output: true }
    - { name: sbom, kind: sbom-cyclonedx-json }
  policies:
    - { use: sbom-components, on: { material: sbom }, with: { banned: [left-pad, evil] } }
";

fn waiver(on: &str, accepts: &str) -> Waiver {
    parse(&format!("reason: because\n  expires_at: 2026-12-31\n  on: {on}\n  accepts: [{accepts}]"))
        .unwrap_or_else(|error| panic!("{accepts}: {error}"))
}

fn parse(spec: &str) -> Result<Waiver, String> {
    let text = format!(
        "apiVersion: muster.dev/v1\nkind: Waiver\nmetadata: {{ name: left-pad }}\nspec:\n  {spec}\n"
    );
    let document = Document::parse(&text, &Limits::DEFAULT).map_err(|error| error.to_string())?;
    let from = "2026-11-01".parse().unwrap();
    Waiver::parse(&document, from).map_err(|error| error.to_string())
}

fn circumstances() -> Circumstances {
    let name = |text: &str| text.parse().unwrap();
    let workflow = Workflow {
        organization: name("acme"),
        project: name("web"),
        name: name("release"),
        version: None,
    };
    Circumstances { workflow: Some(workflow), ..here() }
}

fn exhibits() -> Vec<Exhibit> {
    vec![exhibit("app", Kind::Artifact, APP), exhibit("sbom", Kind::SbomCycloneDxJson, SBOM)]
}

fn judged_at(waivers: Vec<Waiver>, at: Timestamp) -> Record {
    let compiled = compile(&contract(SPEC)).unwrap();
    let plan = Plan::new(&compiled, &circumstances(), exhibits(), at, &Limits::DEFAULT);
    conclude(&plan.waiving(waivers))
}

fn judged(waivers: Vec<Waiver>) -> Record {
    judged_at(waivers, now())
}

/// The components whose violations were waived.
fn waived(record: &Record) -> Vec<String> {
    let all = record.evaluations.iter().flat_map(|evaluation| &evaluation.waived);
    let component = |data: &serde_json::Value| data["component"].as_str().unwrap().to_owned();
    all.filter_map(|waived| waived.violation.data.as_ref().map(component)).collect()
}

const BOTH: &str = "{ policy: sbom-components, rule: banned-component }";

#[test]
fn a_waiver_accepts_what_it_names_and_the_record_says_so() {
    let before = judged(Vec::new());
    assert_eq!(before.verdict, Verdict::Failed);
    assert!(!String::from_utf8(before.to_bytes().unwrap()).unwrap().contains("waive"));
    let waiver = waiver("{ project: web }", BOTH);
    let digest = waiver.digest().unwrap();
    let record = judged(vec![waiver]);
    assert_eq!(record.verdict, Verdict::Passed, "{record:#?}");
    let evaluation = &record.evaluations[1];
    assert_eq!(evaluation.outcome, Outcome::Waived);
    assert!(evaluation.violations.is_empty());
    let kept: Vec<_> = evaluation.waived.iter().map(|waived| &waived.violation).collect();
    assert_eq!(kept, before.evaluations[1].violations.iter().collect::<Vec<_>>(), "all of it");
    assert!(evaluation.waived.iter().all(|waived| waived.waiver_digest == digest));
    let [applied] = &record.waivers[..] else { panic!("{:?}", record.waivers) };
    assert_eq!((applied.digest, applied.standing, applied.violations), (digest, Standing::Used, 2));
    assert_eq!(applied.reason, "because");
}

#[test]
fn a_violation_is_named_by_policy_rule_term_and_component() {
    for (accepts, expected) in [
        (BOTH, &["evil", "left-pad"][..]),
        ("{ policy: sbom-components, rule: no-purl }", &[]),
        ("{ policy: sbom-licenses, rule: banned-component }", &[]),
        ("{ policy: contract, rule: banned-component }", &[]),
        (
            "{ policy: sbom-components, rule: banned-component, terms: ['banned-component:evil'] }",
            &["evil"],
        ),
        ("{ policy: sbom-components, rule: banned-component, terms: [evil] }", &[]),
        (
            "{ policy: sbom-components, rule: banned-component, component: { name: left-pad } }",
            &["left-pad"],
        ),
        (
            "{ policy: sbom-components, rule: banned-component, component: { name: left-pad, version: 1.4.0 } }",
            &["left-pad"],
        ),
        (
            "{ policy: sbom-components, rule: banned-component, component: { name: left-pad, version: 1.4.1 } }",
            &[],
        ),
        (
            "{ policy: sbom-components, rule: banned-component, component: { name: left-pad, range: '>=1.4, <2' } }",
            &["left-pad"],
        ),
        (
            "{ policy: sbom-components, rule: banned-component, component: { name: left-pad, range: '>1.4.0' } }",
            &[],
        ),
        // `2` is not a semantic version, so no range has it.
        (
            "{ policy: sbom-components, rule: banned-component, component: { name: evil, range: '>=0.1' } }",
            &[],
        ),
    ] {
        let record = judged(vec![waiver("{ everywhere: true }", accepts)]);
        assert_eq!(waived(&record), expected, "{accepts}");
        let standing = if expected.is_empty() { Standing::Unused } else { Standing::Used };
        assert_eq!(record.waivers[0].standing, standing, "{accepts}");
        let verdict = if expected.len() == 2 { Verdict::Passed } else { Verdict::Failed };
        assert_eq!(record.verdict, verdict, "{accepts}");
    }
}

#[test]
fn every_term_of_a_violation_has_to_be_named() {
    let rego = "package probe\nimport rego.v1\ndeny contains {\"rule\": \"cve\", \"message\": \"two\", \"term\": [\"CVE-1\", \"CVE-2\"]}";
    let compiled = compile(&inline(rego)).unwrap();
    for (terms, verdict) in [
        ("[CVE-1]", Verdict::Failed),
        ("[CVE-1, CVE-3]", Verdict::Failed),
        ("[CVE-1, CVE-2, CVE-3]", Verdict::Passed),
    ] {
        let accepts = format!("{{ policy: probe, rule: cve, terms: {terms} }}");
        let note = vec![exhibit("note", Kind::Evidence, b"{}")];
        let plan = Plan::new(&compiled, &circumstances(), note, now(), &Limits::DEFAULT);
        let record = conclude(&plan.waiving(vec![waiver("{ everywhere: true }", &accepts)]));
        assert_eq!(record.verdict, verdict, "{terms}");
    }
}

#[test]
fn a_waiver_holds_where_it_says() {
    let (app, sbom, other) = (Digest::of(APP), Digest::of(SBOM), Digest::of("other"));
    for (on, holds, reaches) in [
        ("{ everywhere: true }".to_owned(), true, true),
        ("{ project: web }".to_owned(), true, true),
        ("{ project: web, workflow: release }".to_owned(), true, true),
        ("{ project: web, workflow: nightly }".to_owned(), false, false),
        ("{ project: api }".to_owned(), false, false),
        (format!("{{ subjects: ['{app}'] }}"), true, true),
        (format!("{{ subjects: ['{sbom}'] }}"), true, true),
        (format!("{{ subjects: ['{other}'] }}"), false, false),
        (format!("{{ project: api, subjects: ['{app}'] }}"), false, false),
    ] {
        let record = judged(vec![waiver(&on, BOTH)]);
        assert_eq!(record.verdict == Verdict::Passed, holds, "{on}");
        assert_eq!(!record.waivers.is_empty(), reaches, "{on}");
    }
    // Without a workflow, what is bound to one does not hold.
    let compiled = compile(&contract(SPEC)).unwrap();
    let plan = Plan::new(&compiled, &here(), exhibits(), now(), &Limits::DEFAULT);
    let record = conclude(&plan.waiving(vec![waiver("{ project: web }", BOTH)]));
    assert_eq!(record.verdict, Verdict::Failed);
}

#[test]
fn a_waiver_for_one_output_is_none_for_another() {
    let spec = "  materials:
    - { name: one, kind: sbom-cyclonedx-json, output: true }
    - { name: two, kind: artifact, output: true }
    - { name: three, kind: sbom-cyclonedx-json }
  policies:
    - { use: sbom-components, on: { kind: sbom-cyclonedx-json }, with: { banned: [evil] } }
";
    let compiled = compile(&contract(spec)).unwrap();
    let evil = |name: &str| {
        let text = format!(
            r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"serialNumber":"urn:uuid:3e671687-395b-41f5-a30f-a58921a69b7{name}","components":[{{"type":"library","name":"evil"}}]}}"#
        );
        text.into_bytes()
    };
    let (one, three) = (evil("1"), evil("3"));
    let outputs = [Digest::of(&one), Digest::of(APP)];
    for (subjects, failing) in [
        (&outputs[..1], vec!["three"]),
        (&outputs[1..], vec!["one", "three"]),
        (&outputs[..], vec![]),
    ] {
        let on = format!("{{ subjects: {} }}", serde_json::to_string(subjects).unwrap());
        let exhibits = vec![
            exhibit("one", Kind::SbomCycloneDxJson, &one),
            exhibit("two", Kind::Artifact, APP),
            exhibit("three", Kind::SbomCycloneDxJson, &three),
        ];
        let plan = Plan::new(&compiled, &circumstances(), exhibits, now(), &Limits::DEFAULT);
        let record = conclude(&plan.waiving(vec![waiver(&on, BOTH)]));
        let failed: Vec<_> = record
            .evaluations
            .iter()
            .filter(|evaluation| evaluation.outcome == Outcome::Failed)
            .map(|evaluation| match &evaluation.subject {
                engine::Subject::Material { name, .. } => name.as_str(),
                engine::Subject::Run => "run",
            })
            .collect();
        assert_eq!(failed, failing, "{on}");
    }
}

#[test]
fn a_waiver_holds_from_its_start_until_before_its_end() {
    for (at, standing) in [
        ("2026-10-31T23:59:59.999Z", Standing::Early),
        ("2026-11-01T00:00:00Z", Standing::Used),
        ("2026-12-30T23:59:59.999Z", Standing::Used),
        ("2026-12-31T00:00:00Z", Standing::Expired),
    ] {
        let record = judged_at(vec![waiver("{ project: web }", BOTH)], at.parse().unwrap());
        assert_eq!(record.waivers[0].standing, standing, "{at}");
        assert_eq!(record.verdict == Verdict::Passed, standing == Standing::Used, "{at}");
    }
}

#[test]
fn what_is_undecided_is_never_waived() {
    let doubt = "package probe\nimport rego.v1\nundecided contains \"who knows\"\ndeny contains {\"rule\": \"bad\", \"message\": \"bad\"}";
    let failing = "package probe\nimport rego.v1\ndeny contains to_number(\"x\")";
    let big = "package probe\nimport rego.v1\ndeny contains {\"rule\": \"bad\", \"message\": sprintf(\"%d\", [n])} if some n in numbers.range(1, 200)";
    let rules = ["bad", "deny", "undecided", "indeterminate", "who knows"];
    let accepts: Vec<String> =
        rules.iter().map(|rule| format!("{{ policy: probe, rule: {rule} }}")).collect();
    let limits = Limits { findings_max: 100, ..Limits::DEFAULT };
    for rego in [doubt, failing, big] {
        let compiled = compile(&inline(rego)).unwrap();
        let note = vec![exhibit("note", Kind::Evidence, b"{}")];
        let plan = Plan::new(&compiled, &circumstances(), note, now(), &limits);
        let all = waiver("{ everywhere: true }", &accepts.join(", "));
        let record = conclude(&plan.waiving(vec![all]));
        assert_eq!(record.verdict, Verdict::Indeterminate, "{rego}");
        assert_eq!(record.evaluations[1].outcome, Outcome::Indeterminate, "{rego}");
    }
    // Nor is a run without evidence.
    let compiled = compile(&contract(SPEC)).unwrap();
    let plan = Plan::new(&compiled, &circumstances(), Vec::new(), now(), &Limits::DEFAULT);
    let missing = waiver("{ project: web }", "{ policy: contract, rule: material-missing }");
    assert_eq!(conclude(&plan.waiving(vec![missing])).verdict, Verdict::Indeterminate);
}

#[test]
fn more_waivers_than_the_limit_prove_nothing() {
    let record = judged(vec![waiver("{ project: web }", BOTH); WAIVERS_MAX + 1]);
    assert!(record.reasons[0].contains("more than the limit of 1000"), "{:?}", record.reasons);
    assert_ne!(record.verdict, Verdict::Passed);
    let record = judged(vec![waiver("{ project: web }", BOTH); WAIVERS_MAX]);
    assert_eq!((record.verdict, record.waivers.len()), (Verdict::Passed, 1), "one is one");
}

#[test]
fn a_document_that_is_wrong_says_where_and_why() {
    const GOOD: &str = "reason: x\n  expires_at: 2026-12-31\n  on: { project: web }\n  accepts: [{ policy: p, rule: r }]";
    assert!(parse(GOOD).is_ok());
    for (from, to, reason) in [
        ("reason: x", "reason: '  '", "does not match"),
        ("reason: x\n  ", "", "the key \"reason\" is missing"),
        ("expires_at: 2026-12-31\n  ", "", "the key \"expires_at\" is missing"),
        ("expires_at: 2026-12-31", "expires_at: soon", "is not a time"),
        (
            "expires_at: 2026-12-31",
            "expires_at: 2026-11-01",
            "end at 2026-11-01T00:00:00.000Z, before it starts",
        ),
        ("expires_at: 2026-12-31", "expires_at: 2027-11-03", "longer than the limit of 366 days"),
        ("{ project: web }", "{}", "less than 1"),
        ("{ project: web }", "{ everywhere: false }", "expected true"),
        ("{ project: web }", "{ everywhere: true, project: web }", "stands alone"),
        ("{ project: web }", "{ workflow: release }", "add `project`"),
        ("{ project: web }", "{ subjects: [sha1:abc] }", "does not match"),
        ("{ project: web }", "{ projct: web }", "did you mean `project`?"),
        ("[{ policy: p, rule: r }]", "[]", "less than 1"),
        ("policy: p, ", "", "the key \"policy\" is missing"),
        (", rule: r", "", "the key \"rule\" is missing"),
        ("rule: r", "rule: r, terms: []", "less than 1"),
        ("rule: r", "rule: r, term: [a]", "did you mean `terms`?"),
        ("rule: r", "rule: r, component: { name: c, range: new }", "not a range of versions"),
        (
            "rule: r",
            "rule: r, component: { name: c, version: '1', range: '1' }",
            "exclude each other",
        ),
    ] {
        let spec = GOOD.replace(from, to);
        assert_ne!(spec, GOOD, "{from}");
        let error = parse(&spec).unwrap_err();
        assert!(error.contains(reason), "{spec}\n{error}");
    }
    assert!(parse(&GOOD.replace("2026-12-31", "2027-11-02")).is_ok(), "just within the limit");
}

/// Waivers that name everything, something, nothing that is there, or are over.
fn some_waivers() -> Vec<Waiver> {
    let app = Digest::of(APP);
    let here = format!("{{ subjects: ['{app}'] }}");
    let left = "{ policy: sbom-components, rule: banned-component, component: { name: left-pad } }";
    let mut waivers = vec![
        waiver("{ project: web }", BOTH),
        waiver("{ everywhere: true }", left),
        waiver(
            &here,
            "{ policy: sbom-components, rule: banned-component, terms: ['banned-component:evil'] }",
        ),
        waiver("{ project: web }", "{ policy: contract, rule: material-missing }"),
        waiver("{ project: web }", "{ policy: doubt, rule: undecided }"),
        waiver("{ project: api }", BOTH),
        waiver("{ everywhere: true }", BOTH),
    ];
    waivers[6].expires_at = "2026-11-02".parse().unwrap();
    waivers
}

/// Evidence and contracts of every kind: failing, doubtful, missing.
fn record_of(case: usize, waivers: Vec<Waiver>) -> Record {
    let doubt = "    - { policy: { apiVersion: muster.dev/v1, kind: Policy, metadata: { name: doubt }, spec: { rego: \"package doubt\\nimport rego.v1\\nundecided contains \\\"x\\\"\\ndeny contains \\\"y\\\"\" } } }\n";
    let spec = if case & 1 == 0 { SPEC.to_owned() } else { format!("{SPEC}{doubt}") };
    let mut exhibits = exhibits();
    if case & 2 != 0 {
        exhibits.remove(0);
    }
    if case & 4 != 0 {
        exhibits.pop();
    }
    let compiled = compile(&contract(&spec)).unwrap();
    let plan = Plan::new(&compiled, &circumstances(), exhibits, now(), &Limits::DEFAULT);
    conclude(&plan.waiving(waivers))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_waivers_does_not_matter(
        case in 0_usize..8,
        (chosen, shuffled) in subsequence(some_waivers(), 0..=7)
            .prop_flat_map(|chosen| (Just(chosen.clone()), Just(chosen).prop_shuffle()))
    ) {
        let (one, other) = (record_of(case, chosen), record_of(case, shuffled));
        prop_assert_eq!(one.to_bytes().unwrap(), other.to_bytes().unwrap());
    }

    #[test]
    fn one_more_waiver_moves_named_violations_and_nothing_else(
        case in 0_usize..8,
        mut chosen in subsequence(some_waivers(), 1..=7).prop_shuffle(),
    ) {
        let more = chosen.clone();
        let added = chosen.pop().unwrap();
        let (before, after) = (record_of(case, chosen), record_of(case, more));
        if before.verdict == Verdict::Indeterminate {
            prop_assert_eq!(after.verdict, Verdict::Indeterminate);
        }
        for (was, is) in before.evaluations.iter().zip(&after.evaluations) {
            prop_assert_eq!(&was.reasons, &is.reasons);
            prop_assert_eq!(&was.warnings, &is.warnings);
            prop_assert!(is.violations.iter().all(|left| was.violations.contains(left)));
            prop_assert_eq!(was.violations.len() + was.waived.len(), is.violations.len() + is.waived.len());
            for gone in was.violations.iter().filter(|gone| !is.violations.contains(gone)) {
                let named = added.accepts.iter().any(|accepts| {
                    accepts.policy.as_str() == was.policy && accepts.rule == gone.rule
                });
                prop_assert!(named, "{:?} is not named by {:?}", gone, added);
            }
            if !was.reasons.is_empty() && was.outcome != Outcome::Skipped {
                prop_assert!(matches!(is.outcome, Outcome::Failed | Outcome::Indeterminate));
            }
        }
    }
}
