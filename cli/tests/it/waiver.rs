//! Waivers through the binary and a real server: asked for, approved with a key, seen in every report.

use serde_json::{Value, json};

use crate::site::{Site, attest};
use crate::support::Server;

const WAIVER: &str = "
apiVersion: muster.dev/v1
kind: Waiver
metadata: { name: evil }
spec:
  reason: it is not reachable
  starts_at: START
  expires_at: END
  on: { project: web, workflow: release }
  accepts:
    - { policy: sbom-components, rule: banned-component, terms: ['banned-component:evil'] }
";

/// Writes `waiver.yaml`, which began yesterday and ends in a month.
fn write(site: &Site) {
    let day = |days: i64| {
        let at = engine::Timestamp::from_datetime(chrono::Utc::now()).plus_days(days).to_string();
        at.split('T').next().unwrap().to_owned()
    };
    let text = WAIVER.replace("START", &day(-1)).replace("END", &day(30));
    site.sandbox.write("waiver.yaml", text);
}

/// The token of someone else.
fn colleague(site: &Site, server: &Server, name: &str) -> String {
    let line = format!("token create {name} --scope admin --scope attest --scope read");
    site.run(server, &line).with(0).stdout.trim().to_owned()
}

fn pushed(site: &Site, server: &Server, app: &str, code: i32) -> Value {
    site.attest(app);
    site.run(server, &attest(app, "evil.json")).with(code).json()
}

#[test]
fn a_waiver_is_asked_for_approved_used_and_revoked() {
    for site in Site::all() {
        let server = site.serve(&[]);
        write(&site);
        let (dev, sec) = (colleague(&site, &server, "dev"), colleague(&site, &server, "sec"));
        let as_dev = |line: &str| site.run_under(&server, &dev, line);
        let as_sec = |line: &str| site.run_under(&server, &sec, line);
        pushed(&site, &server, "before", 3);
        let said = as_dev("waiver request waiver.yaml").with(0).stdout;
        assert!(said.starts_with("pending") && said.contains("evil revision 1"), "{said}");
        let own = as_dev("waiver approve evil --key ci.pem").with(5).stderr;
        assert!(own.contains("asked for by the token `dev`"), "{own}");
        site.sandbox.write("stranger.pem", "no key");
        as_sec("waiver approve evil --key stranger.pem").with(2);
        as_sec("waiver approve nowhere --key ci.pem").with(6);
        pushed(&site, &server, "asked", 3);
        let approved =
            as_sec("waiver approve evil --key ci.pem --bundle-out approval.json").with(0);
        assert!(approved.stdout.starts_with("unused"), "{}", approved.stdout);
        site.sandbox.run("verify approval.json --key ci.pub").with(0);
        assert_eq!(
            as_sec("waiver list --state unused -o json").with(0).json()["items"][0]["uses"],
            0
        );
        let record = pushed(&site, &server, "held", 0);
        assert_eq!(record["verdict"], "passed");
        assert_eq!(record["evaluations"][1]["outcome"], "waived");
        assert_eq!(record["waivers"][0]["reason"], "it is not reachable");
        let shown = as_dev("waiver show evil -o json").with(0).json();
        assert_eq!((&shown["state"], &shown["uses"]), (&json!("in-force"), &json!(1)));
        let text = as_dev("waiver show evil").with(0).stdout;
        for part in
            ["it is not reachable", "requested by dev", "decided by sec", "signed statement"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
        as_dev("waiver reject evil --reason late").with(2);
        let revoked = as_sec("waiver revoke evil --reason fixed").with(0).stdout;
        assert!(revoked.starts_with("revoked"), "{revoked}");
        pushed(&site, &server, "after", 3);
        let listed = as_dev("waiver list").with(0).stdout;
        assert!(listed.starts_with("revoked") && listed.contains("used 1 times"), "{listed}");
    }
}

#[test]
fn a_waiver_is_tried_without_a_server_and_every_report_shows_what_it_waived() {
    let site = Site::embedded();
    write(&site);
    site.sandbox.write("app", "app");
    let check = |more: &str| {
        site.sandbox.run(&format!("check --contract contract.yaml {more} app=app sbom=evil.json"))
    };
    check("").with(3);
    // Bound to a workflow, and a check has none.
    check("--waiver waiver.yaml").with(3);
    let text = site.sandbox.read("waiver.yaml");
    let everywhere = "everywhere: true";
    site.sandbox.write("waiver.yaml", text.replace("project: web, workflow: release", everywhere));
    let table = check("--waiver waiver.yaml").with(0).stdout;
    assert!(table.contains("waived by evil sha256:"), "{table}");
    assert!(table.contains("waiver evil accepts 1 until"), "{table}");
    let sarif = check("--waiver waiver.yaml -o sarif").with(0).json();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    assert_eq!(results.len(), 1);
    let suppression = &results[0]["suppressions"][0];
    assert_eq!(suppression["kind"], "external");
    let justification = suppression["justification"].as_str().unwrap();
    assert!(justification.ends_with("it is not reachable"), "{justification}");
    let junit = check("--waiver waiver.yaml -o junit").with(0).stdout;
    assert!(junit.contains("waived by evil: evil 1 must not be used"), "{junit}");
    let markdown = check("--waiver waiver.yaml -o markdown").with(0).stdout;
    assert!(markdown.contains("| waived | 0 | 1 |"), "{markdown}");
    // One that matches nothing, or is over, is named.
    let text = site.sandbox.read("waiver.yaml");
    site.sandbox.write("unused.yaml", text.replace("component:evil", "component:other"));
    let unused = check("--waiver unused.yaml").with(3).stdout;
    assert!(unused.contains("waiver evil matched nothing"), "{unused}");
    let later = check("--waiver waiver.yaml --at 2099-01-01").with(3).stdout;
    assert!(later.contains("waiver evil expired at"), "{later}");
    site.sandbox.write("wrong.yaml", text.replace("reason:", "reasn:"));
    let wrong = check("--waiver wrong.yaml").with(2).stderr;
    assert!(
        wrong.contains("wrong.yaml:6:3") && wrong.contains("did you mean `reason`?"),
        "{wrong}"
    );
}
