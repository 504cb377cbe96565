//! `muster check`: verdicts over real evidence, and how evidence is named.

use crate::support::Sandbox;

const SBOM: &str = "materials/sbom-cyclonedx-json/python-env-small.cdx.json";
const LINT: &str = "materials/sarif/bandit.sarif.json";
const IMAGE: &str =
    "ghcr.io/acme/web@sha256:4b0225bcce315b0cbcb2d6ba64be034243a38bb1257c3b2449deb88a13f16d38";

/// A contract with one policy, and materials that show how evidence finds its name.
const NAMING: &str = r"
apiVersion: muster.dev/v1
kind: Contract
metadata: { name: naming }
spec:
  materials:
    - { name: image, kind: container-image, optional: true, output: true }
    - { name: first, kind: sarif, optional: true }
    - { name: second, kind: sarif, optional: true }
    - { name: note, kind: string, optional: true }
    - { name: sbom, kind: sbom-cyclonedx-json }
  policies:
    - { use: sbom-components, on: { material: sbom } }
";

#[test]
fn the_exit_code_is_the_verdict() {
    let sandbox = Sandbox::with_testdata();
    let check = "check --contract tour/contract.yaml --annotation team=web app=tour/app.txt";
    let banned = sandbox.read("tour/contract.yaml").replace("log4j-core", "bandit");
    sandbox.write("tour/banned.yaml", banned);
    sandbox.write("tour/empty.json", br#"{"bomFormat":"CycloneDX","specVersion":"1.6"}"#);
    let cases = [
        (format!("{check} {SBOM} {LINT}"), 0, "PASSED"),
        (format!("{check} lint={LINT} sbom={SBOM}"), 0, "PASSED"),
        (format!("{check} {SBOM}"), 3, "`lint` (sarif) is missing"),
        (
            format!("check -c tour/contract.yaml app=tour/app.txt {SBOM} {LINT}"),
            3,
            "--annotation team=VALUE",
        ),
        (
            format!(
                "check -c tour/banned.yaml --annotation team=web app=tour/app.txt {SBOM} {LINT}"
            ),
            3,
            "bandit 1.9.4 must not be used",
        ),
        // An SBOM of nothing is no proof of anything.
        (format!("{check} sbom=tour/empty.json {LINT}"), 4, "INDETERMINATE"),
        (format!("{check} --exit-zero {SBOM}"), 0, "FAILED"),
        // An error is not a verdict.
        (format!("{check} --exit-zero sbom=not-there.json"), 2, ""),
    ];
    for (line, code, phrase) in cases {
        let ended = sandbox.run(&line).with(code);
        assert!(ended.stdout.contains(phrase), "{line}: {}", ended.stdout);
    }
}

#[test]
fn evidence_finds_its_name() {
    let sandbox = Sandbox::with_testdata();
    sandbox.write("naming.yaml", NAMING);
    sandbox.write("a=b.json", testdata::bytes(LINT));
    let cases: [(&[&str], &[(&str, &str, &str)]); 9] = [
        (&[], &[]),
        (&["image=materials/container-image/layout"], &[("image", "container-image", "layout")]),
        (&["materials/container-image/layout"], &[("image", "container-image", "layout")]),
        (&[IMAGE], &[("image", "container-image", IMAGE)]),
        (&["note=text:hello there"], &[("note", "string", "text")]),
        (&["text:hello"], &[("note", "string", "text")]),
        // The one that is named is no longer open, so the other one is meant.
        (
            &[LINT, "first=materials/sarif/semgrep.sarif.json"],
            &[("second", "sarif", "bandit.sarif.json"), ("first", "sarif", "semgrep.sarif.json")],
        ),
        // What the contract does not know is named after its file, by numbers where that is taken.
        (
            &["tour/app.txt", "tour/../tour/app.txt", "materials/openvex/openvex-handmade.json"],
            &[
                ("app-txt", "artifact", "app.txt"),
                ("app-txt-1", "artifact", "app.txt"),
                ("openvex-handmade-json", "openvex", "openvex-handmade.json"),
            ],
        ),
        // A path may hold `=`: `./a` is no name.
        (&["first=./a=b.json"], &[("first", "sarif", "a=b.json")]),
    ];
    for (given, expected) in cases {
        let sbom = format!("sbom={SBOM}");
        let fixed = ["check", "-c", "naming.yaml", "-o", "json", &sbom];
        let record = sandbox.args(fixed.iter().chain(given)).with(0).json();
        let of =
            |material: &serde_json::Value, key: &str| material[key].as_str().unwrap().to_owned();
        let found: Vec<_> = record["materials"]
            .as_array()
            .unwrap()
            .iter()
            .map(|material| (of(material, "name"), of(material, "kind"), of(material, "source")))
            .filter(|(name, _, _)| name != "sbom")
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, kind, source)| {
                ((*name).to_owned(), (*kind).to_owned(), (*source).to_owned())
            })
            .collect();
        assert_eq!(found, expected, "{given:?}");
    }
}

#[test]
fn evidence_that_is_not_clear_is_refused_with_a_way_out() {
    let sandbox = Sandbox::with_testdata();
    sandbox.write("naming.yaml", NAMING);
    sandbox.write("empty-folder/readme", "");
    let cases = [
        (LINT, "could be any of first, second"),
        (LINT, "hint: say which: first=materials/sarif/bandit.sarif.json"),
        ("image=ghcr.io/acme/web:1.0", "has no digest, and a tag may mean another image tomorrow"),
        ("image=ghcr.io/acme/web:1.0", "hint: name it as IMAGE@sha256:"),
        ("note=hello", "hint: a text is given as note=text:hello"),
        ("nowhere.json", "there is no file `nowhere.json`"),
        ("first=nowhere.json", "there is no file `nowhere.json`"),
        ("empty-folder", "a directory without an image layout: oci-layout"),
        ("- -", "the standard input was given twice"),
        ("first=- second=-", "the standard input was given twice"),
        ("first=tour/app.txt first=tour/app.txt", "the material `first` was given twice"),
        ("first=", "after `first=` a file, an image or a text is missing"),
    ];
    for (given, phrase) in cases {
        let ended = sandbox.run(&format!("check -c naming.yaml {given}")).with(2);
        assert!(ended.stderr.contains(phrase), "{given}: {}", ended.stderr);
        assert_eq!(ended.stdout, "", "no verdict");
    }
}

#[test]
fn a_layout_whose_manifest_was_changed_is_refused() {
    let sandbox = Sandbox::with_testdata();
    sandbox.write("naming.yaml", NAMING);
    let blobs = "materials/container-image/layout/blobs/sha256";
    let index = sandbox.read("materials/container-image/layout/index.json");
    let index: serde_json::Value = serde_json::from_str(&index).unwrap();
    let digest = index["manifests"][0]["digest"].as_str().unwrap();
    let manifest = format!("{blobs}/{}", digest.strip_prefix("sha256:").unwrap());
    let changed = sandbox.read(&manifest) + " ";
    sandbox.write(&manifest, changed);
    let ended = sandbox.run("check -c naming.yaml materials/container-image/layout").with(2);
    assert!(ended.stderr.contains(&format!("not {digest}")), "{}", ended.stderr);
}

#[test]
fn the_standard_input_is_evidence_like_any_other() {
    let sandbox = Sandbox::with_testdata();
    sandbox.write("naming.yaml", NAMING);
    let named = sandbox.fed("check -c naming.yaml -o json sbom=-", &testdata::bytes(SBOM)).with(0);
    let by_kind = sandbox.fed("check -c naming.yaml -o json -", &testdata::bytes(SBOM)).with(0);
    let from_file = sandbox.run(&format!("check -c naming.yaml -o json {SBOM}")).with(0);
    for ended in [&named, &by_kind] {
        let (record, file) = (ended.json(), from_file.json());
        assert_eq!(record["materials"][0]["digest"], file["materials"][0]["digest"]);
        assert_eq!(record["materials"][0]["source"], "stdin");
        assert_eq!(record["evaluations"], file["evaluations"]);
    }
    let nothing = sandbox.fed("check -c naming.yaml sbom=-", b"").with(3);
    assert!(nothing.stdout.contains("[material-invalid]"), "{}", nothing.stdout);
}

#[test]
fn the_time_is_an_argument_and_the_answer_the_same_bytes() {
    let sandbox = Sandbox::with_testdata();
    let made = "2026-11-23";
    let fresh =
        NAMING.replace("use: sbom-components", "use: sbom-freshness, with: { max_age_days: 7 }");
    sandbox.write("fresh.yaml", fresh);
    let check = |at: &str, rest: &str| {
        sandbox.run(&format!("check -c fresh.yaml --at {at} -o json {rest}"))
    };
    let (sbom, lint) = (format!("sbom={SBOM}"), format!("second={LINT}"));
    let first = check("2026-11-25", &format!("{sbom} {lint}")).with(0);
    assert_eq!(first, check("2026-11-25", &format!("{sbom} {lint}")), "made on {made}");
    assert_eq!(
        first,
        check("2026-11-25T00:00:00Z", &format!("{sbom} {lint}")),
        "a date is its first moment"
    );
    check("2027-01-01", &format!("{sbom} {lint}")).with(3);

    let flags = ["--annotation a=1", "--annotation b=2", "--exit-zero"];
    let orders = [[0, 1, 2], [2, 1, 0], [1, 2, 0]];
    let answers: Vec<_> = orders
        .iter()
        .map(|order| {
            let flags: Vec<_> = order.iter().map(|at| flags[*at]).collect();
            check("2026-11-25", &format!("{} {sbom} {lint}", flags.join(" "))).with(0)
        })
        .collect();
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:#?}");
}

#[test]
fn the_job_page_is_appended_to() {
    let sandbox = Sandbox::with_testdata();
    sandbox.write("naming.yaml", NAMING);
    let page = sandbox.write("page.md", "# What was there\n");
    let page = [("GITHUB_STEP_SUMMARY", page.to_str().unwrap())];
    sandbox.run_with(&page, &format!("check -c naming.yaml {SBOM}")).with(0);
    sandbox.run_with(&page, "check -c naming.yaml").with(3);
    let text = sandbox.read("page.md");
    assert!(text.starts_with("# What was there\n## ✅ Muster: passed under `naming`"), "{text}");
    assert!(text.contains("## ❌ Muster: failed under `naming`"), "{text}");

    let nowhere = [("GITHUB_STEP_SUMMARY", "no/such/folder/page.md")];
    let ended = sandbox.run_with(&nowhere, &format!("check -c naming.yaml {SBOM}")).with(0);
    assert!(
        ended.stderr.contains("warning: the job page could not be written"),
        "{}",
        ended.stderr
    );
}

#[test]
fn an_exported_bundle_gets_its_input() {
    let sandbox = Sandbox::with_testdata();
    sandbox.write("naming.yaml", NAMING);
    sandbox.run(&format!("check -c naming.yaml --opa-input input.json {SBOM}")).with(0);
    let input: serde_json::Value = serde_json::from_str(&sandbox.read("input.json")).unwrap();
    assert!(input.is_object());
    sandbox.run(&format!("check -c naming.yaml --opa-input no/such/input.json {SBOM}")).with(1);
}
