//! Reports: each form is read back by a reader of that form.

use engine::document::Document;
use engine::judge::Record;
use engine::{Kind, Limits};
use serde_json::{Value, json};

use crate::support::{Ended, Sandbox};

/// A run with something of everything: passed, failed, undecided, warned.
fn mixed() -> Sandbox {
    let sandbox = Sandbox::with_testdata();
    let contract = r"
apiVersion: muster.dev/v1
kind: Contract
metadata: { name: mixed }
spec:
  materials:
    - { name: good, kind: sbom-cyclonedx-json }
    - { name: hollow, kind: sbom-cyclonedx-json }
    - { name: lint, kind: sarif }
    - { name: gone, kind: openvex }
  policies:
    - { use: sbom-components, on: { material: good } }
    - { use: sbom-components, on: { material: hollow } }
    - { use: sarif-severity, on: { material: lint }, with: { fail_on: warning } }
    - { use: sarif-severity, on: { material: lint }, with: { fail_on: note }, mode: warn }
";
    sandbox.write("mixed.yaml", contract);
    sandbox.write("hollow.json", br#"{"bomFormat":"CycloneDX","specVersion":"1.6"}"#);
    sandbox
}

fn check(sandbox: &Sandbox, outputs: &str) -> Ended {
    let good = "materials/sbom-cyclonedx-json/python-env-small.cdx.json";
    let lint = "materials/sarif/semgrep.sarif.json";
    sandbox.run(&format!(
        "check -c mixed.yaml --at 2026-11-25 {outputs} good={good} hollow=hollow.json lint={lint}"
    ))
}

fn outcomes(record: &Value) -> Vec<&str> {
    let evaluations = record["evaluations"].as_array().unwrap();
    evaluations.iter().map(|evaluation| evaluation["outcome"].as_str().unwrap()).collect()
}

#[test]
fn json_is_the_record_and_yaml_says_the_same() {
    let sandbox = mixed();
    let mut record = check(&sandbox, "-o json").with(3).json();
    let yaml = check(&sandbox, "-o yaml").with(3).stdout;
    let yaml = Document::parse(&yaml, &Limits::DEFAULT).unwrap().into_value();
    assert_eq!(yaml, record);
    assert_eq!(outcomes(&record), ["failed", "passed", "indeterminate", "failed", "warned"]);

    let members = record.as_object_mut().unwrap();
    assert_eq!(members.remove("apiVersion"), Some(json!("muster.dev/v1")));
    assert_eq!(members.remove("kind"), Some(json!("Verdict")));
    let parsed: Record = serde_json::from_value(record.clone()).unwrap();
    assert_eq!(
        serde_json::to_value(&parsed).unwrap(),
        record,
        "nothing that the record does not know"
    );
}

#[test]
fn a_table_has_no_colour_unless_somebody_looks() {
    let sandbox = mixed();
    let plain = check(&sandbox, "").with(3).stdout;
    assert!(plain.starts_with("FAILED  mixed\n"), "{plain}");
    assert!(!plain.contains('\u{1b}'), "piped");
    assert_eq!(check(&sandbox, "-o table").stdout, plain, "a table is what there is without -o");
    let forced = mixed().and([("FORCE_COLOR", "1")]);
    assert!(check(&forced, "").stdout.contains("\u{1b}["), "forced");
    let refused = mixed().and([("FORCE_COLOR", "1"), ("NO_COLOR", "1")]);
    assert_eq!(check(&refused, "").stdout, plain, "NO_COLOR wins");
    let file = check(&forced, "-o table=table.txt").with(3);
    assert_eq!((file.stdout.as_str(), forced.read("table.txt")), ("", plain), "files are plain");
}

#[test]
fn sarif_is_sarif() {
    let sandbox = mixed();
    let text = check(&sandbox, "-o sarif").with(3).stdout;
    let reading = engine::material::read(Kind::Sarif, text.as_bytes(), &Limits::DEFAULT);
    assert!(reading.problems.is_empty() && reading.undecided.is_none(), "{:?}", reading.problems);
    let log: Value = serde_json::from_str(&text).unwrap();
    let run = &log["runs"][0];
    let results = run["results"].as_array().unwrap();
    let rules: Vec<_> =
        run["tool"]["driver"]["rules"].as_array().unwrap().iter().map(|rule| &rule["id"]).collect();
    assert!(results.len() > 3, "{text}");
    for result in results {
        let location = &result["locations"][0]["physicalLocation"];
        assert!(
            location["artifactLocation"]["uri"].as_str().is_some_and(|uri| !uri.is_empty()),
            "{result}"
        );
        assert!(location["region"]["startLine"].as_u64() >= Some(1), "{result}");
        assert_eq!(
            result["partialFingerprints"]["muster/v1"].as_str().map(str::len),
            Some(64),
            "{result}"
        );
        assert!(
            result["message"]["text"].as_str().is_some_and(|text| !text.is_empty()),
            "{result}"
        );
        assert!(rules.contains(&&result["ruleId"]), "{result}");
    }
    let level = |rule: &str| {
        let of_rule = results.iter().filter(|result| result["ruleId"] == rule);
        of_rule.map(|result| result["level"].as_str().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(level("sbom-components/indeterminate"), ["error"], "undecided is not clean");
    assert_eq!(level("contract/material-missing"), ["error"]);
    let findings = level("sarif-severity/finding");
    assert!(findings.contains(&"error") && findings.contains(&"warning"), "{findings:?}");
    assert_eq!(text, check(&sandbox, "-o sarif").stdout, "fingerprints stay, so that alerts do");
}

#[test]
fn junit_is_junit() {
    let sandbox = mixed();
    let text = check(&sandbox, "-o junit").with(3).stdout;
    let reading = engine::material::read(Kind::JunitXml, text.as_bytes(), &Limits::DEFAULT);
    assert!(reading.problems.is_empty() && reading.undecided.is_none(), "{:?}", reading.problems);
    let projection: Value = serde_json::from_slice(&reading.json.unwrap()).unwrap();
    let cases = projection["suites"][0]["cases"].as_array().unwrap();
    let statuses: Vec<_> = cases.iter().map(|case| case["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["failed", "passed", "error", "failed", "passed"], "{projection:#}");
}

#[test]
fn many_forms_at_once() {
    let sandbox = mixed();
    let all = "-o table -o json=out.json -o yaml=out.yaml -o sarif=out.sarif -o junit=out.xml -o markdown=out.md";
    let ended = check(&sandbox, all).with(3);
    assert_eq!(ended.stdout, check(&sandbox, "").stdout, "only the table");
    for (form, file) in [
        ("json", "out.json"),
        ("yaml", "out.yaml"),
        ("sarif", "out.sarif"),
        ("junit", "out.xml"),
        ("markdown", "out.md"),
    ] {
        assert_eq!(sandbox.read(file), check(&sandbox, &format!("-o {form}")).stdout, "{form}");
    }
    let ended = check(&sandbox, "-o json=no/such/folder/out.json").with(1);
    assert!(ended.stderr.contains("cannot write no/such/folder/out.json"), "{}", ended.stderr);
    for (wrong, phrase) in [("xml", "expected table, json"), ("json=", "a file is missing")] {
        let ended = check(&sandbox, &format!("-o {wrong}")).with(2);
        assert!(ended.stderr.contains(phrase), "{}", ended.stderr);
    }
}

/// A component whose name would break a report if it could.
fn hostile(name: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let contract = json!({
        "apiVersion": "muster.dev/v1", "kind": "Contract", "metadata": { "name": "hostile" },
        "spec": {
            "materials": [{ "name": "sbom", "kind": "sbom-cyclonedx-json" }],
            "policies": [{ "use": "sbom-components", "on": { "material": "sbom" }, "with": { "banned": [name] } }],
        },
    });
    let sbom = json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "components": [{ "type": "library", "name": name, "version": "1" }],
    });
    sandbox.write("contract.json", contract.to_string());
    sandbox.write("sbom.json", sbom.to_string());
    sandbox
}

const HOSTILE: [&str; 6] = [
    "| <script>alert(1)</script> \n",
    "a\\| b | c",
    "x\n\n# Passed\n| policy | on |\n",
    "[click](https://evil.example) ![i](https://evil.example/i.png)",
    "`tick` **bold** &lt;",
    "\r\n::error::forged\u{1b}[2J\u{7}",
];

#[test]
fn evidence_cannot_break_out_of_markdown() {
    for name in HOSTILE {
        let sandbox = hostile(name);
        let text = sandbox.run("check -c contract.json -o markdown sbom.json").with(3).stdout;
        let harmless = hostile("harmless");
        let expected = harmless.run("check -c contract.json -o markdown sbom.json").with(3).stdout;
        assert_eq!(text.lines().count(), expected.lines().count(), "{name:?}: {text}");
        let line = text.lines().find(|line| line.contains("must not be used")).unwrap();
        let (_, message) = line.split_once("** ").unwrap();
        let (message, _) = message.split_once(" at `").unwrap();
        let markup = message.chars().find(|c| "|<>`[]\\*".contains(*c) || c.is_control());
        assert_eq!(markup, None, "{name:?}: {message}");
    }
}

#[test]
fn evidence_cannot_write_lines_or_codes_to_a_terminal() {
    for name in HOSTILE {
        let sandbox = hostile(name);
        for form in ["table", "markdown", "json", "yaml", "sarif"] {
            let text =
                sandbox.run(&format!("check -c contract.json -o {form} sbom.json")).with(3).stdout;
            let wild = text.chars().find(|c| c.is_control() && *c != '\n');
            assert_eq!(wild, None, "{form} {name:?}: {text}");
            assert!(
                !text.lines().any(|line| line.starts_with("::") || line.starts_with("# ")),
                "{form}: {text}"
            );
        }
    }
}
