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
            ("workflow list", "it is for `web/*`, and nothing else"),
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
            "--scope read --grant web/release",
            "--scope attest --grant web",
            "--scope attest --scope admin --grant web/* --grant api/release",
        ] {
            site.run(&server, &format!("token create x {wrong}")).with(2);
        }
        site.run(&server, "token revoke web").with(0);
        as_web("attest --workflow web/release --key ci.pem app=app sbom=good.json").with(5);
        site.run(&server, "token revoke web").with(6);
    }
}

#[test]
fn a_token_reads_and_administers_the_projects_that_it_is_for() {
    for site in Site::all() {
        let server = site.serve(&[]);
        let (app, line) = site.attest("app");
        site.run(&server, &line).with(0);
        site.run(&server, "project create api").with(0);
        site.run(&server, "workflow create api/release --contract release").with(0);
        let scopes = "--scope read --scope admin";
        let made = site.run(&server, &format!("token create web {scopes} --grant web/*")).with(0);
        let token = made.stdout.trim().to_owned();
        let as_web = |line: &str, code: i32| site.run_under(&server, &token, line).with(code);
        assert_eq!(as_web("project list", 0).stdout, "web\n");
        assert_eq!(as_web("workflow list", 0).stdout.lines().count(), 1);
        assert_eq!(as_web("run list", 0).stdout.lines().count(), 1);
        as_web("workflow update web/release --deadline-minutes 90", 0);
        as_web("project member set web --group web-team --role viewer", 0);
        as_web("workflow update api/release --deadline-minutes 90", 6);
        as_web("project member set api --group web-team --role viewer", 6);
        for line in ["project create mine", "token list", "contract push contract.yaml"] {
            let said = as_web(line, 5).stderr;
            assert!(said.contains("it is for `web/*`, and nothing else"), "{line}: {said}");
        }
        as_web(&format!("gate allow {app} --gate prod"), 5);
        let http = site.http(&server).under(&token);
        assert_eq!(http.get(&format!("/v1/blobs/{app}")).status, 200);
        let stray = engine::Digest::of("stray");
        let stored = site.http(&server).put_blob(stray, b"stray");
        assert_eq!(stored.status, 201);
        assert_eq!(http.get(&format!("/v1/blobs/{stray}")).status, 404);
        server.stop();
    }
}
