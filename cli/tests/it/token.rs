//! Tokens that are restricted to some workflows.

use crate::site::Site;

#[test]
fn a_token_attests_what_it_was_made_for_and_nothing_else() {
    for site in Site::all() {
        let server = site.serve(&[]);
        site.sandbox.write("app", "the application");
        site.run(&server, "project create api").with(0);
        site.run(&server, "workflow create api/release --contract release").with(0);
        let made = site.run(&server, "token create web --scope attest --grant web/*").with(0);
        let token = made.stdout.trim().to_owned();
        let as_web = |line: &str| {
            let variables = [("MUSTER_SERVER", server.url.as_str()), ("MUSTER_TOKEN", &token)];
            site.sandbox.run_with(&variables, line)
        };
        as_web("attest --workflow web/release --key ci.pem app=app sbom=good.json").with(0);
        let other = as_web("attest --workflow api/release --key ci.pem app=app sbom=good.json");
        assert!(other.with(5).stderr.contains("for the workflows `web/*`, not for `api/release`"));
        for (line, phrase) in [
            ("workflow list", "it attests runs of `web/*`, and nothing else"),
            ("run list", "may not read"),
            ("token list", "may not edit-tokens"),
        ] {
            let said = as_web(line).with(5).stderr;
            assert!(said.contains(phrase), "{line}: {said}");
        }
        // A run of another workflow, which the owner opened, is not its to end, to push to or to repeat.
        let run = site.run(&server, "attest init --workflow api/release").with(0);
        let listed = site.run(&server, "run list --workflow api/release -o json").with(0).json();
        let id = listed["items"][0]["id"].as_str().unwrap();
        drop(run);
        as_web(&format!("run cancel {id} --reason mine")).with(5);
        as_web(&format!("attest --rerun {id} --key ci.pem app=app sbom=good.json")).with(5);
        site.run(&server, &format!("run cancel {id} --reason done")).with(0);
        let listed = site.run(&server, "token list").with(0).stdout;
        assert!(listed.lines().any(|line| line.contains(" web attest for web/*")), "{listed}");
        for wrong in [
            "--scope read --grant web/*",
            "--scope attest --grant web",
            "--scope attest --scope read --grant web/*",
        ] {
            site.run(&server, &format!("token create x {wrong}")).with(2);
        }
        site.run(&server, "token revoke web").with(0);
        as_web("attest --workflow web/release --key ci.pem app=app sbom=good.json").with(5);
        site.run(&server, "token revoke web").with(6);
    }
}
