//! Which contract a workflow meets, from the command line.

use crate::support::{Server, toured};

#[test]
fn a_workflow_stays_at_a_revision_and_follows_again() {
    let server = Server::start();
    let owner = toured(&server, "acme");
    let contract = owner.read("tour/contract.yaml");
    owner.write("tour/contract.yaml", contract.replace("mode: warn", "mode: audit"));
    owner.run("contract push tour/contract.yaml").with(0);
    let pin = "workflow update web/release --contract web-release@1";
    let pinned = owner.run(pin).with(0).stdout;
    assert_eq!(pinned, "web/release under web-release@1 within 1440 minutes\n");
    let create = "workflow create web/nightly --contract web-release@2 --deadline-minutes 9";
    owner.run(create).with(0);
    let listed = owner.run("workflow list --contract web-release").with(0).stdout;
    assert_eq!(listed, format!("web/nightly under web-release@2 within 9 minutes\n{pinned}"));
    assert_eq!(owner.run("workflow list --contract other").with(0).stdout, "");
    let followed = owner.run("workflow update web/release --contract web-release").with(0).stdout;
    assert_eq!(followed, "web/release under web-release within 1440 minutes\n");
    let shown = owner.run("workflow show web/nightly -o json").with(0).json();
    assert_eq!((&shown["contract_revision"], &shown["deadline_minutes"]), (&2.into(), &9.into()));
    for (line, code, phrase) in [
        ("workflow update web/release", 2, "--contract"),
        ("workflow update web/release --contract web-release@0", 2, "is not the number"),
        ("workflow update web/release --contract web-release@x", 2, "is not the number"),
        ("workflow update web/release --contract web-release@7", 6, "`web-release@7`"),
        ("workflow update web/none --contract web-release", 6, "`web/none`"),
        ("workflow show web/none", 6, "`web/none`"),
    ] {
        let said = owner.run(line).with(code).stderr;
        assert!(said.contains(phrase), "{line}: {said}");
    }
}

#[test]
fn revisions_of_a_contract_are_listed_shown_and_compared() {
    let server = Server::start();
    let owner = toured(&server, "acme");
    let first = owner.read("tour/contract.yaml");
    let second = first.replace("mode: warn", "mode: audit");
    let listed = owner.run("contract list").with(0).stdout;
    assert!(listed.starts_with("web-release revision 1 sha256:"), "{listed}");
    assert_eq!(owner.run("contract diff tour/contract.yaml --exit-code").with(0).stdout, "");

    owner.write("tour/contract.yaml", &second);
    let planned = owner.run("contract diff tour/contract.yaml --exit-code").with(3).stdout;
    assert!(planned.starts_with("~ policies/"), "{planned}");
    assert!(planned.ends_with("/mode  \"warn\" -> \"audit\"\n"), "{planned}");
    owner.run("contract push tour/contract.yaml").with(0);
    let passed = owner.run("contract diff web-release@1 --exit-code").with(3).stdout;
    assert_eq!(passed, planned);
    owner.run("contract diff web-release@1").with(0);
    let back = owner.run("contract diff web-release@2 --to web-release@1 -o json").with(0).json();
    assert_eq!((&back[0]["before"], &back[0]["after"]), (&"audit".into(), &"warn".into()));
    assert_eq!(owner.run("contract show web-release@1").with(0).stdout.trim(), first.trim());
    let shown = owner.run("contract show web-release -o json").with(0).json();
    assert_eq!((&shown["revision"], &shown["source"]), (&2.into(), &second.into()));
    for (line, code, phrase) in [
        ("contract diff web-release@9", 6, "web-release"),
        ("contract diff Nothing.yaml", 2, "there is no file `Nothing.yaml`"),
        ("contract show none", 6, "`none`"),
    ] {
        let said = owner.run(line).with(code).stderr;
        assert!(said.contains(phrase), "{line}: {said}");
    }
}

#[test]
fn a_released_version_takes_no_more_runs() {
    let server = Server::start();
    let owner = toured(&server, "acme");
    let attest = "attest --workflow web/release --project-version 1.4.0 --key ci.key --annotation team=web \
        app=tour/app.txt sbom=materials/sbom-cyclonedx-json/python-env-small.cdx.json lint=materials/sarif/bandit.sarif.json";
    owner.run("project release web 1.4.0").with(6);
    owner.run(&format!("{attest} --bundle-out run.json")).with(0);
    let bundle = owner.run("verify run.json --key ci.key.pub -o json");
    assert_eq!(bundle.code, 0, "{bundle:?}");
    assert_eq!(
        owner.run("project versions web").with(0).stdout,
        "web@1.4.0: 1 runs attested, 0 open\n"
    );
    let released = owner.run("project release web 1.4.0").with(0).stdout;
    assert!(released.starts_with("web@1.4.0: 1 runs attested, 0 open, released at "), "{released}");
    let late = owner.run(attest).with(2).stderr;
    assert!(late.contains("the version `web@1.4.0` was released at"), "{late}");
    assert_eq!(owner.run("project list").with(0).stdout, "web\n");
}
