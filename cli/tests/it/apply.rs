//! An organization is what the documents of a folder say: applied once, and again without a change.

use crate::site::{GATE, Site};
use crate::support::{Sandbox, Server};

const CONTRACT: &str = "
apiVersion: muster.dev/v1
kind: Contract
metadata: { name: release }
spec:
  materials:
    - { name: app, kind: artifact, output: true }
    - { name: sbom, kind: sbom-cyclonedx-json }
  policies:
    - { use: licenses.yaml, on: { material: sbom } }
";
const POLICY: &str = "
apiVersion: muster.dev/v1
kind: Policy
metadata: { name: licenses }
spec:
  kinds: [sbom-cyclonedx-json]
  rego: |
    package licenses
    import rego.v1
    deny contains {\"rule\": \"none\", \"message\": \"no components\"} if count(input.components) == 0
";
const WORKFLOW: &str = "
apiVersion: muster.dev/v1
kind: Workflow
metadata: { name: release }
spec: { project: api, contract: release, deadline_minutes: 90 }
";
const RULE: &str = "
apiVersion: muster.dev/v1
kind: TrustRule
metadata: { name: api }
spec:
  issuer: { kind: github }
  audience: muster
  grants: [api/*]
  claims: { repository_id: 7 }
";
const WAIVER: &str = "
apiVersion: muster.dev/v1
kind: Waiver
metadata: { name: later }
spec:
  reason: the vendor mends it in spring
  expires_at: EXPIRY
  on: { project: api }
  accepts: [{ policy: licenses, rule: none }]
";

/// An organization that has nothing yet, and a folder that says what it is to have.
fn organization(server: &Server) -> Sandbox {
    folder().and(server.organization("globex"))
}

fn folder() -> Sandbox {
    let sandbox = Sandbox::new();
    let soon = in_days(30);
    for (path, text) in [
        ("policy/contracts/release.yaml", CONTRACT.to_owned()),
        ("policy/contracts/licenses.yaml", POLICY.to_owned()),
        ("policy/gate.yml", GATE.to_owned()),
        ("policy/api.yaml", WORKFLOW.to_owned()),
        ("policy/rule.yaml", RULE.to_owned()),
        ("policy/waiver.yaml", WAIVER.replace("EXPIRY", &soon)),
        ("policy/README.md", "kind: nothing".to_owned()),
        ("policy/package.json", "{ \"name\": \"not ours\" }".to_owned()),
        ("policy/.git/muster.yaml", "apiVersion: muster.dev/v1\nkind: Nothing\n".to_owned()),
    ] {
        sandbox.write(path, text);
    }
    sandbox
}

fn in_days(days: u64) -> String {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let then = i64::try_from((now + days * 86_400) * 1_000).unwrap();
    engine::Timestamp::from_millis(then).to_string()
}

const ALL: &str = "apply -f policy";

#[test]
fn what_is_applied_once_is_there_and_applied_again_changes_nothing() {
    for site in Site::all() {
        let server = site.serve(&[]);
        // The site has an organization of its own; this one is beside it.
        let operator = Sandbox::new().and(server.variables(&site.instance));
        let token = operator.run("org create globex").with(0).stdout;
        let sandbox = folder().and(server.variables(token.trim()));
        let plan = sandbox.run(&format!("{ALL} --dry-run --exit-code")).with(3).stdout;
        for line in [
            "+ contract release",
            "+ gate prod",
            "+ project api",
            "+ workflow api/release",
            "+ trust rule api",
            "+ waiver later: someone else has to approve it",
            "6 to create, 0 to change, 0 to restore, 0 to delete, 0 as they are",
        ] {
            assert!(plan.lines().any(|one| one == line), "{line}: {plan}");
        }
        assert_eq!(sandbox.run("workflow list").with(0).stdout, "", "a dry run changes nothing");
        sandbox.run(ALL).with(0);
        let listed = sandbox.run("workflow list").with(0).stdout;
        assert_eq!(listed, "api/release under release within 90 minutes\n");
        let again = sandbox.run(&format!("{ALL} --dry-run --exit-code")).with(0).stdout;
        assert!(again.contains("0 to create, 0 to change"), "{again}");
        sandbox.run(ALL).with(0);
        assert_eq!(sandbox.run("contract list").with(0).stdout.matches("revision 1").count(), 1);
        assert_eq!(sandbox.run("waiver list").with(0).stdout.lines().count(), 1, "asked once");
    }
}

#[test]
fn a_change_is_shown_and_made_and_what_is_gone_goes_only_when_told() {
    let server = Server::start();
    let sandbox = organization(&server);
    sandbox.run(ALL).with(0);
    sandbox.write("policy/contracts/licenses.yaml", POLICY.replace("== 0", "< 1"));
    sandbox.write("policy/gate.yml", GATE.replace("30", "7"));
    sandbox.write("policy/api.yaml", WORKFLOW.replace("90", "60"));
    sandbox.write("policy/rule.yaml", RULE.replace("api/*", "api/release"));
    let plan = sandbox.run(&format!("{ALL} --dry-run")).with(0).stdout;
    for part in [
        "~ contract release: revision 2",
        "~ gate prod\n    - spec: { use: released, with: { contract: release, max_age_days: 30 } }\n    + spec",
        "~ workflow api/release\n    -   \"deadline_minutes\": 90\n    +   \"deadline_minutes\": 60\n",
        "~ trust rule api: tokens that jobs were given under it end\n    -     \"api/*\"\n",
    ] {
        assert!(plan.contains(part), "{part}: {plan}");
    }
    sandbox.run(ALL).with(0);
    assert!(sandbox.run("contract list").with(0).stdout.contains("release revision 2"));
    assert!(sandbox.run("workflow show api/release").with(0).stdout.contains("within 60 minutes"));
    let json = sandbox.run(&format!("{ALL} --dry-run -o json")).with(0).json();
    assert!(json.as_array().unwrap().iter().all(|one| one["action"] == "keep"), "{json}");

    for gone in ["policy/api.yaml", "policy/rule.yaml", "policy/contracts/release.yaml"] {
        std::fs::remove_file(sandbox.path(gone)).unwrap();
    }
    sandbox.run(ALL).with(0);
    assert!(sandbox.run("workflow list").with(0).stdout.contains("api/release"));
    sandbox.run(&format!("{ALL} --prune")).with(0);
    for list in ["workflow list", "contract list", "trust list"] {
        assert_eq!(sandbox.run(list).with(0).stdout, "", "{list}");
    }
    assert!(sandbox.run("workflow list --deleted").with(0).stdout.contains("api/release"));
    // And back again, as the documents have it.
    sandbox.write("policy/contracts/release.yaml", CONTRACT);
    sandbox.write("policy/api.yaml", WORKFLOW);
    let plan = sandbox.run(&format!("{ALL} --dry-run")).with(0).stdout;
    assert!(plan.contains("^ contract release\n"), "{plan}");
    assert!(plan.contains("^ workflow api/release\n    -   \"deadline_minutes\": 60\n"), "{plan}");
    sandbox.run(ALL).with(0);
    assert!(sandbox.run("workflow show api/release").with(0).stdout.contains("within 90 minutes"));
}

#[test]
fn nothing_is_changed_when_a_document_is_wrong_and_everything_wrong_is_said() {
    let server = Server::start();
    let sandbox = organization(&server);
    sandbox.write("policy/gate.yml", GATE.replace("use:", "uses:"));
    sandbox.write("policy/api.yaml", WORKFLOW.replace("contract:", "contrakt:"));
    sandbox.write("policy/more.yaml", "apiVersion: muster.dev/v1\nkind: Gait\n");
    sandbox.write("policy/twice.yaml", RULE);
    let wrong = sandbox.run(ALL).with(2).stderr;
    for part in
        ["gate.yml:5:9", "did you mean `contract`?", "`kind: Gait`", "the TrustRule `api` already"]
    {
        assert!(wrong.contains(part), "{part}: {wrong}");
    }
    assert_eq!(sandbox.run("contract list").with(0).stdout, "");
    // What cannot be read is not taken for nothing: it would be pruned.
    sandbox.write("bytes/wrong.yaml", b"apiVersion: muster.dev/v1\nkind: Gate\n\xff");
    assert!(sandbox.run("apply -f bytes --prune").with(2).stderr.contains("wrong.yaml"));
    std::os::unix::fs::symlink("nowhere", sandbox.path("bytes/gone.yaml")).unwrap();
    assert!(sandbox.run("apply -f bytes --prune").with(2).stderr.contains("bytes"));
    sandbox.write("empty/notes.yaml", "a: b");
    assert!(sandbox.run("apply -f empty").with(2).stderr.contains("no document of Muster"));
    sandbox.run("apply -f nowhere").with(2);
}

#[test]
fn what_fails_in_the_middle_is_gone_on_with_by_applying_again() {
    let server = Server::start();
    let sandbox = organization(&server);
    sandbox.write("policy/api.yaml", WORKFLOW.replace("contract: release", "contract: missing"));
    let failed = sandbox.run(ALL).with(6).stderr;
    assert!(failed.contains("workflow api/release: there is no contract `missing`"), "{failed}");
    assert!(failed.contains("3 changes were made before"), "{failed}");
    sandbox.write("policy/api.yaml", WORKFLOW);
    sandbox.run(ALL).with(0);
    assert!(sandbox.run("workflow list").with(0).stdout.contains("api/release"));
}
