//! Attestations that are crafted over many steps of a job.

use std::fs;
use std::path::PathBuf;

use crate::http::Http;
use crate::support::{Sandbox, Server, end, toured};

const INIT: &str = "attest init --workflow web/release";
const PUSH: &str = "attest push --key ci.key --annotation team=web";
const ALL: &str = "attest add app=tour/app.txt \
    sbom=materials/sbom-cyclonedx-json/python-env-small.cdx.json materials/sarif/bandit.sarif.json";

/// The variables of one job of GitHub Actions.
fn job(run: &str) -> [(&str, &str); 4] {
    [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_REPOSITORY", "acme/web"),
        ("GITHUB_RUN_ID", run),
        ("GITHUB_JOB", "release"),
    ]
}

fn state_files(sandbox: &Sandbox) -> Vec<PathBuf> {
    let entries = fs::read_dir(sandbox.state()).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "json")).collect()
}

fn materials(sandbox: &Sandbox, variables: &[(&str, &str)]) -> Vec<String> {
    let record = sandbox.run_with(variables, "attest status -o json").with(0).json();
    let materials = record["materials"].as_array().unwrap();
    let mut names: Vec<_> =
        materials.iter().map(|material| material["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

#[test]
fn steps_come_in_order_and_end_once() {
    let server = Server::start();
    let sandbox = toured(&server, "acme");
    for early in [ALL, "attest status", PUSH, "attest reset"] {
        let ended = sandbox.run(early).with(2);
        assert!(ended.stderr.contains("hint: begin with: muster attest init"), "{}", ended.stderr);
    }
    let opened = sandbox.run(INIT).with(0).stdout;
    let run = opened.split_whitespace().next().unwrap();
    assert!(opened.contains("under web-release revision 1"), "{opened}");
    let again = sandbox.run(INIT).with(2);
    assert!(
        again.stderr.contains(&format!("the run {run} of web/release open")),
        "{}",
        again.stderr
    );
    let other = sandbox.run(&format!("{INIT} --replace")).with(0).stdout;
    assert_ne!(other, opened);

    let status = sandbox.run("attest status").with(0).stdout;
    assert!(status.contains("`sbom` (sbom-cyclonedx-json) is missing"), "{status}");
    let added = sandbox.run(ALL).with(0).stdout;
    assert_eq!(added.lines().count(), 3, "{added}");
    assert_eq!(materials(&sandbox, &[]), ["app", "lint", "sbom"]);

    let pushed = sandbox.run(PUSH).with(0);
    assert!(pushed.stdout.starts_with("PASSED  web-release revision 1"), "{}", pushed.stdout);
    assert!(!pushed.stderr.contains("own check"), "{}", pushed.stderr);
    assert_eq!(state_files(&sandbox), [""; 0].map(PathBuf::from));
    let twice = sandbox.run(PUSH).with(2);
    assert!(twice.stderr.contains("this job has opened no run"), "{}", twice.stderr);
}

#[test]
fn the_exit_code_of_a_push_is_the_servers_verdict() {
    let server = Server::start();
    let sandbox = toured(&server, "acme");
    sandbox.write("hollow.json", br#"{"bomFormat":"CycloneDX","specVersion":"1.6"}"#);
    let cases = [
        ("attest add app=tour/app.txt", 3, "FAILED"),
        (
            "attest add app=tour/app.txt sbom=hollow.json materials/sarif/bandit.sarif.json",
            4,
            "INDETERMINATE",
        ),
        (ALL, 0, "PASSED"),
    ];
    for (add, code, word) in cases {
        sandbox.run(INIT).with(0);
        sandbox.run(add).with(0);
        let pushed = sandbox.run(PUSH).with(code);
        assert!(pushed.stdout.starts_with(word), "{}", pushed.stdout);
        assert!(state_files(&sandbox).is_empty(), "a verdict ends the run, whatever it is");
    }
}

#[test]
fn evidence_that_is_no_file_is_found_again() {
    let server = Server::start();
    let sandbox = toured(&server, "acme");
    sandbox.run(INIT).with(0);
    sandbox.run(ALL).with(0);
    sandbox.run("attest add image=materials/container-image/layout note=text:hello").with(0);
    // A later step may run in another folder.
    let pushed = sandbox.run(PUSH).with(0);
    assert!(!pushed.stderr.contains("own check"), "{}", pushed.stderr);
}

#[test]
fn a_run_that_is_given_up_is_cancelled_on_the_server() {
    let server = Server::start();
    let sandbox = toured(&server, "acme");
    let opened = sandbox.run(INIT).with(0).stdout;
    let run = opened.split_whitespace().next().unwrap();
    let reset = sandbox.run("attest reset").with(0).stdout;
    assert_eq!(reset, format!("{run} cancelled\n"));
    assert!(state_files(&sandbox).is_empty());
    let owner = server.variables("");
    let token = sandbox.run("token create reader --scope read").with(0).stdout;
    let stored = Http::new(&owner[0].1, token.trim()).get(&format!("/v1/runs/{run}")).with(200);
    assert!(stored.json().to_string().contains("cancelled"), "{}", stored.json());
    sandbox.run(INIT).with(0);
}

#[test]
fn two_jobs_on_one_machine_do_not_meet() {
    let server = Server::start();
    let sandbox = toured(&server, "acme");
    let (first, second) = (job("1"), job("2"));
    sandbox.run_with(&first, INIT).with(0);
    sandbox.run_with(&second, INIT).with(0);
    sandbox.run_with(&first, "attest add app=tour/app.txt").with(0);
    sandbox
        .run_with(
            &second,
            "attest add sbom=materials/sbom-cyclonedx-json/python-env-small.cdx.json",
        )
        .with(0);
    assert_eq!(materials(&sandbox, &first), ["app"]);
    assert_eq!(materials(&sandbox, &second), ["sbom"]);
    sandbox.run("attest status").with(2);
    sandbox.run_with(&first, "attest reset").with(0);
    assert_eq!(materials(&sandbox, &second), ["sbom"]);
}

#[test]
fn concurrent_steps_lose_nothing() {
    let server = Server::start();
    let sandbox = toured(&server, "acme");
    sandbox.run(INIT).with(0);
    let names = ["one", "two", "three", "four", "five", "six"];
    for name in names {
        sandbox.write(&format!("{name}.bin"), name);
    }
    std::thread::scope(|scope| {
        for name in names {
            let sandbox = &sandbox;
            scope.spawn(move || {
                let given = format!("{name}={name}.bin");
                end(&mut sandbox.command(["attest", "add", &given]), &[]).with(0);
            });
        }
    });
    let mut expected: Vec<String> = names.map(ToOwned::to_owned).into();
    expected.sort();
    assert_eq!(materials(&sandbox, &[]), expected);
}

#[test]
fn a_state_that_is_torn_or_of_another_version_is_refused() {
    let server = Server::start();
    let sandbox = toured(&server, "acme");
    sandbox.run(INIT).with(0);
    let file = state_files(&sandbox).remove(0);
    let whole = fs::read_to_string(&file).unwrap();
    let torn = whole[..whole.len() / 2].to_owned();
    let version = whole.replacen("\"version\": 1", "\"version\": 2", 1);
    assert_ne!(version, whole);
    for damaged in [torn, version, String::new()] {
        fs::write(&file, &damaged).unwrap();
        for line in [ALL, "attest status", PUSH, "attest reset", INIT] {
            let ended = sandbox.run(line).with(2);
            assert!(ended.stderr.contains("cannot be read"), "{line}: {}", ended.stderr);
            assert!(
                ended.stderr.contains("hint: begin anew: muster attest init --workflow"),
                "{}",
                ended.stderr
            );
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), damaged, "nothing repairs it unasked");
    }
    sandbox.run(&format!("{INIT} --replace")).with(0);
    assert_eq!(materials(&sandbox, &[]), [""; 0]);
}

#[test]
fn a_run_is_pushed_where_it_was_opened() {
    let (server, other) = (Server::start(), Server::start());
    let sandbox = toured(&server, "acme");
    sandbox.run(INIT).with(0);
    sandbox.run(ALL).with(0);
    let ended = sandbox.run(&format!("{PUSH} --server {}", other.url)).with(2);
    assert!(
        ended.stderr.contains(&format!("opened on {}, not on {}", server.url, other.url)),
        "{}",
        ended.stderr
    );
    assert_eq!(state_files(&sandbox).len(), 1, "it can still be pushed");
    sandbox.run(PUSH).with(0);
}
