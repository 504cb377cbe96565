//! `muster contract` and `muster schema`: documents and the files beside them.

use engine::schema;
use serde_json::Value;

use crate::support::Sandbox;

/// A contract with a policy of the library, one in a file, one in a document with a file, and one written here.
const MIXED: &str = r#"
apiVersion: muster.dev/v1
kind: Contract
metadata: { name: mixed }
spec:
  materials:
    - { name: sbom, kind: sbom-cyclonedx-json }
    - { name: doc, kind: evidence, optional: true, output: true }
    - { name: tests, kind: junit-xml, group: quality }
    - { name: lint, kind: sarif, group: quality }
  policies:
    - { use: sbom-components, on: { material: sbom } }
    - { use: rules/signed.rego, on: { material: doc } }
    - { use: rules/team.yaml, with: { team: web } }
    - policy:
        apiVersion: muster.dev/v1
        kind: Policy
        metadata: { name: written-here }
        spec:
          rego: |
            package here
            import rego.v1
            deny contains {"rule": "never", "message": "never"} if input.annotations.never
      enforce_after: 2030-01-01
"#;

const SIGNED: &str = r#"
package signed
import rego.v1
deny contains {"rule": "unsigned", "message": "it is not signed"} if not input.signed
"#;

const TEAM: &str = r"
apiVersion: muster.dev/v1
kind: Policy
metadata: { name: team }
spec:
  path: team.rego
  inputs:
    - { name: team, type: string }
";

const TEAM_RULES: &str = r#"
package team
import rego.v1
deny contains {"rule": "team", "message": "another team"} if input.annotations.team != input.args.team
"#;

fn mixed() -> Sandbox {
    let sandbox = Sandbox::with_testdata();
    sandbox.write("contracts/mixed.yaml", MIXED);
    sandbox.write("contracts/rules/signed.rego", SIGNED);
    sandbox.write("contracts/rules/team.yaml", TEAM);
    sandbox.write("contracts/rules/team.rego", TEAM_RULES);
    sandbox
}

#[test]
fn a_contract_says_what_it_means() {
    let said = mixed().run("contract check contracts/mixed.yaml").with(0).stdout;
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].starts_with("mixed sha256:"), "{said}");
    assert_eq!(
        lines[1..],
        [
            "  material sbom             sbom-cyclonedx-json  required",
            "  material doc              evidence             optional, a subject",
            "  material tests            junit-xml            at least one of `quality`",
            "  material lint             sarif                at least one of `quality`",
            "  policy   sbom-components  on sbom, enforce",
            "  policy   signed           on doc, enforce",
            "  policy   team             on the run, enforce",
            "  policy   written-here     on the run, enforce after 2030-01-01T00:00:00.000Z",
        ]
    );
}

#[test]
fn the_digest_is_of_the_meaning_and_not_of_the_spelling() {
    let sandbox = mixed();
    let digest = |file: &str| {
        let said = sandbox.run(&format!("contract check {file}")).with(0).stdout;
        said.lines().next().unwrap().to_owned()
    };
    let first = digest("contracts/mixed.yaml");
    sandbox.write("contracts/again.yaml", format!("# a remark\n{MIXED}\n"));
    assert_eq!(digest("contracts/again.yaml"), first);
    sandbox.write("contracts/rules/signed.rego", SIGNED.replace("not signed", "unsigned"));
    assert_ne!(digest("contracts/mixed.yaml"), first, "the files beside it are part of it");
}

#[test]
fn policies_of_every_origin_judge() {
    let sandbox = mixed();
    sandbox.write("doc.json", r#"{"signed": false}"#);
    let sbom = "sbom=materials/sbom-cyclonedx-json/python-env-small.cdx.json";
    let lint = "materials/sarif/bandit.sarif.json";
    let check = format!("check -c contracts/mixed.yaml {sbom} {lint} -o json");
    let cases = [
        ("--annotation team=web", 0, ["passed", "skipped", "passed", "passed"]),
        ("--annotation team=api", 3, ["passed", "skipped", "failed", "passed"]),
        ("--annotation team=web doc=doc.json", 3, ["passed", "failed", "passed", "passed"]),
        (
            "--annotation team=web --annotation never=1",
            0,
            ["passed", "skipped", "passed", "warned"],
        ),
    ];
    for (rest, code, expected) in cases {
        let record = sandbox.run(&format!("{check} {rest}")).with(code).json();
        let all = record["evaluations"].as_array().unwrap();
        let of = |policy: &str| {
            let found = all.iter().find(|evaluation| evaluation["policy"] == policy);
            found.map(|evaluation| evaluation["outcome"].as_str().unwrap())
        };
        let names = ["sbom-components", "signed", "team", "written-here"];
        assert_eq!(names.map(of), expected.map(Some), "{rest}");
    }
}

#[test]
fn an_export_is_a_bundle_in_a_folder_of_its_own() {
    let sandbox = mixed();
    let ended = sandbox.run("contract export contracts/mixed.yaml --opa bundle").with(0);
    assert!(ended.stderr.contains("query data.muster.verdict.verdict"), "{}", ended.stderr);
    let data: Value = serde_json::from_str(&sandbox.read("bundle/data.json")).unwrap();
    assert!(data.is_object());
    for file in [
        "verdict.rego",
        "contract/contract.rego",
        "policies/0-sbom-components/policy.rego",
        "policies/1-signed/signed.rego",
        "policies/2-team/team.rego",
    ] {
        assert!(sandbox.read(&format!("bundle/{file}")).contains("package "), "{file}");
    }
    let again = sandbox.run("contract export contracts/mixed.yaml --opa bundle").with(2);
    assert!(again.stderr.contains("bundle is not empty"), "{}", again.stderr);
    std::fs::create_dir(sandbox.path("empty")).unwrap();
    sandbox.run("contract export contracts/mixed.yaml --opa empty").with(0);
    assert_eq!(sandbox.read("empty/verdict.rego"), sandbox.read("bundle/verdict.rego"));
    sandbox.run("contract export contracts/mixed.yaml --opa contracts/mixed.yaml").with(1);
}

#[test]
fn schemas_are_the_published_ones() {
    let sandbox = Sandbox::new();
    for (kind, published) in [
        ("contract", schema::CONTRACT),
        ("policy", schema::POLICY),
        ("gate", schema::GATE),
        ("waiver", schema::WAIVER),
        ("trust-rule", schema::TRUST_RULE),
        ("workflow", schema::WORKFLOW),
    ] {
        let said = sandbox.run(&format!("schema {kind}")).with(0).stdout;
        assert_eq!(said, published);
        let schema: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{kind}");
    }
}
