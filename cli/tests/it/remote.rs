//! Runs that are crafted by several jobs, on several machines.

use std::thread;

use serde_json::{Value, json};
use testdata::peers::Issuer;

use crate::site::{Site, sbom};
use crate::support::{Ended, Server};
use crate::trust::{in_job, repository, sites, trusting};

const INIT: &str = "attest init --workflow web/release --remote-state";

/// A command of a machine, which has a directory for its state of its own.
fn on(site: &Site, server: &Server, machine: &str, line: &str) -> Ended {
    let state = site.sandbox.path(machine).display().to_string();
    let job = [
        ("MUSTER_SERVER", server.url.as_str()),
        ("MUSTER_TOKEN", site.owner.as_str()),
        ("MUSTER_STATE", state.as_str()),
    ];
    site.sandbox.run_with(&job, line)
}

fn opened(ended: &Ended) -> String {
    ended.stdout.split_whitespace().next().unwrap().to_owned()
}

fn names(record: &Value) -> Vec<&str> {
    let materials = record["materials"].as_array().unwrap().iter();
    let mut names: Vec<&str> = materials.map(|one| one["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    names
}

#[test]
fn machines_craft_one_attestation_and_the_last_judges_what_it_never_had() {
    for site in Site::all() {
        let server = site.serve(&[]);
        site.sandbox.write("app", "the application");
        site.sandbox.write("there.json", sbom("good"));
        let run = opened(&on(&site, &server, "first", INIT).with(0));
        let add = format!("attest add sbom=there.json --run {run}");
        on(&site, &server, "second", &add).with(0);
        std::fs::remove_file(site.sandbox.path("there.json")).unwrap();
        // Once is enough: the second machine knows its run now.
        let status = on(&site, &server, "second", "attest status -o json").with(0).json();
        assert_eq!(names(&status), ["sbom"]);
        on(&site, &server, "first", "attest add app=app").with(0);

        let push = format!("attest push --key ci.pem --run {run}");
        let pushed = on(&site, &server, "third", &push).with(0);
        assert!(pushed.stdout.starts_with("PASSED"), "{}", pushed.stdout);
        assert!(!pushed.stderr.contains("own check"), "{}", pushed.stderr);
        for machine in ["first", "fourth"] {
            let late = on(&site, &server, machine, &format!("attest add app=app --run {run}"));
            assert!(late.with(2).stderr.contains(&format!("the run {run} is closed")));
        }
        server.stop();
    }
}

#[test]
fn nothing_is_lost_when_many_machines_add_at_once() {
    for site in Site::all() {
        let server = site.serve(&[]);
        let run = opened(&on(&site, &server, "first", INIT).with(0));
        let machines: Vec<String> = (0..6).map(|number| format!("machine-{number}")).collect();
        thread::scope(|scope| {
            for machine in &machines {
                let line = format!("attest add {machine}=text:{machine} --run {run}");
                let (site, server) = (&site, &server);
                scope.spawn(move || on(site, server, machine, &line).with(0));
            }
        });
        let status = on(&site, &server, "first", "attest status -o json").with(0).json();
        assert_eq!(names(&status), machines);
        server.stop();
    }
}

#[test]
fn a_run_that_is_not_shared_is_joined_by_nobody() {
    let site = Site::embedded();
    let server = site.serve(&[]);
    let line = "attest init --workflow web/release";
    let run = opened(&on(&site, &server, "first", line).with(0));
    let add = |run: &str| format!("attest add text:x --run {run}");
    let refused = on(&site, &server, "second", &add(&run)).with(2).stderr;
    assert!(refused.contains("is not kept on the server"), "{refused}");
    assert!(refused.contains("hint: the job that opens it says so"), "{refused}");
    let other = opened(&on(&site, &server, "second", INIT).with(0));
    let refused = on(&site, &server, "first", &add(&other)).with(2).stderr;
    assert!(refused.contains(&format!("this job has the run {run}")), "{refused}");
    let unknown = add("00000000-0000-0000-0000-000000000000");
    on(&site, &server, "third", &unknown).with(6);
    on(&site, &server, "third", "attest add text:x --run web").with(2);

    let token = site.run(&server, "token create reader --scope read").with(0).stdout;
    let token = token.lines().next_back().unwrap().trim().to_owned();
    let http = site.http(&server).under(&token);
    http.get(&format!("/v1/runs/{other}/crafting")).with(403);
    server.stop();
}

#[test]
fn a_server_that_could_not_keep_it_secret_keeps_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite://{}?mode=rwc", folder.path().join("muster.db").display());
    let server = Server::start_with(folder.path(), &["--database", &database], &[]);
    let sandbox = crate::support::toured(&server, "acme");
    let refused = sandbox.run(INIT).with(2).stderr;
    assert!(refused.contains("no key to seal secrets with"), "{refused}");
    let runs = sandbox.run("run list --state failed").with(0).stdout;
    assert_eq!(runs.lines().count(), 1, "{runs}");
}

#[test]
fn jobs_of_one_pipeline_need_no_token_to_go_on_with_its_run() {
    for site in sites() {
        let issuer = Issuer::start();
        let server = trusting(&site, &issuer);
        let under = |run_id: &str, machine: &str, sub: &str, line: &str| {
            let mut claims = repository("7");
            claims["run_id"] = json!(run_id);
            claims["sub"] = json!(sub);
            claims["aud"] = json!(server.url);
            let token = issuer.token(&claims);
            let state = site.sandbox.path(machine).display().to_string();
            let job = [("MUSTER_ID_TOKEN", token.as_str()), ("MUSTER_STATE", state.as_str())];
            in_job(&site, &server, &job, line)
        };
        let plain = "attest init --workflow web/release";
        let alone = opened(&under("1", "alone", "build", plain).with(0));
        let run = opened(&under("1", "build", "build", INIT).with(0));
        under("1", "build", "build", "attest add sbom=good.json").with(0);

        let join = |run: &str| format!("attest add app=app --workflow web/release --run {run}");
        let refused = under("2", "stranger", "build", &join(&run)).with(5).stderr;
        assert!(refused.contains("was not opened by this job"), "{refused}");
        under("1", "stranger", "scan", &join(&alone)).with(5);
        under("1", "scan", "scan", &join(&run)).with(0);
        // Neither has taken the token of the other away.
        under("1", "build", "build", "attest status").with(0);
        let pushed = under("1", "scan", "scan", "attest push --key ci.pem").with(0).stdout;
        assert!(pushed.starts_with("PASSED"), "{pushed}");
        server.stop();
    }
}
