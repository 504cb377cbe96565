//! What is refused, and what is left behind when it is.

use std::sync::atomic::{AtomicUsize, Ordering};

use testdata::peers::{Receiver, Reply};

use crate::http::Http;
use crate::support::{PASSWORD, Sandbox, Server, toured};

const BUNDLE: &str = "materials/attestation/cosign-attest.sigstore.json";

#[test]
fn a_refused_bundle_says_the_step_to_people_and_programs() {
    let sandbox = Sandbox::with_testdata().and([("MUSTER_KEY_PASSWORD", PASSWORD)]);
    sandbox.run("key generate --out other").with(0);
    let bundle = sandbox.read(BUNDLE);
    sandbox.write("truncated.json", bundle.get(..bundle.len() / 2).unwrap());
    let cosign = "materials/attestation/cosign.pub";
    for (line, code, step) in [
        (format!("verify {BUNDLE} --key {cosign}"), 0, None),
        (format!("verify {BUNDLE} --key other.pub"), 3, Some("signature")),
        (format!("verify {BUNDLE} --key {cosign} --subject tour/app.txt"), 3, Some("subject")),
        (format!("verify truncated.json --key {cosign}"), 3, Some("bundle")),
    ] {
        let answer = sandbox.run(&format!("{line} -o json")).with(code).json();
        assert_eq!(answer["verified"], step.is_none(), "{line}");
        assert_eq!(answer["refusal"]["step"].as_str(), step, "{line}");
        let ended = sandbox.run(&line).with(code);
        assert_eq!(ended.stderr.contains("does not verify"), step.is_some(), "{line}");
        assert_eq!(ended.stdout.contains("VERIFIED"), step.is_none(), "{line}");
    }
}

#[test]
fn devices_and_pipes_are_read_within_their_limit() {
    let sandbox = Sandbox::with_testdata();
    let check = "check --contract tour/contract.yaml --annotation team=web app=tour/app.txt";
    for endless in ["sbom=/dev/zero", "/dev/zero"] {
        let ended = sandbox.run(&format!("{check} {endless}")).with(2);
        assert!(ended.stderr.contains("more than the limit"), "{}", ended.stderr);
    }
    sandbox.run("check --contract /dev/zero").with(2);
    sandbox.run("verify /dev/zero --key materials/attestation/cosign.pub").with(2);
}

#[test]
fn a_run_that_could_not_be_prepared_is_given_up() {
    let server = Server::start();
    let sandbox = toured(&server, "acme");
    let created = sandbox.run("token create reader --scope read").with(0);
    let http = Http::new(&server.url, created.stdout.trim());
    let attest = "attest --workflow web/release --key ci.key app=tour/app.txt sbom=missing.json";
    let ended = sandbox.run(attest).with(2);
    assert!(ended.stderr.contains("there is no file `missing.json`"), "{}", ended.stderr);
    let runs = http.get("/v1/runs").with(200).json();
    assert_eq!(runs["items"][0]["state"], "failed", "{runs}");
    assert_eq!(runs["items"][0]["reason"], "there is no file `missing.json`");
    // What cannot be printed is refused before anything is opened.
    sandbox.run(&format!("{attest} -o json -o yaml")).with(2);
    let runs = http.get("/v1/runs").with(200).json();
    assert_eq!(runs["items"].as_array().unwrap().len(), 1, "{runs}");
}

#[test]
fn a_stepwise_run_checks_itself_on_all_forms_of_evidence() {
    let server = Server::start();
    let sandbox = toured(&server, "acme");
    let contract = "apiVersion: muster.dev/v1\nkind: Contract\nmetadata: { name: forms }\nspec:\n  materials:\n    - { name: image, kind: container-image, output: true }\n    - { name: note, kind: string }\n";
    sandbox.write("forms.yaml", contract);
    sandbox.run("contract push forms.yaml").with(0);
    sandbox.run("workflow create web/forms --contract forms").with(0);
    sandbox.run("attest init --workflow web/forms").with(0);
    sandbox.run("attest add materials/container-image/layout note=text:hello").with(0);
    let pushed = sandbox.run("attest push --key ci.key").with(0);
    assert!(!pushed.stderr.contains("this job's own check said"), "{}", pushed.stderr);
}

#[test]
fn a_server_with_too_many_requests_is_waited_for_within_reason() {
    let project = r#"{"id":"00000000-0000-0000-0000-000000000000","name":"web","created_at":"2026-01-01T00:00:00Z"}"#;
    for (wait, refusals, code, sent) in
        [("0", 2, 0, 3), ("0", usize::MAX, 75, 5), ("3600", usize::MAX, 75, 1)]
    {
        let answered = AtomicUsize::new(0);
        let receiver = Receiver::start(move |_| {
            if answered.fetch_add(1, Ordering::Relaxed) < refusals {
                Reply::status(429).with("retry-after", wait)
            } else {
                Reply::status(201).saying(project)
            }
        });
        let server = receiver.url("");
        let sandbox =
            Sandbox::new().and([("MUSTER_SERVER", server.as_str()), ("MUSTER_TOKEN", "t")]);
        sandbox.run("project create web").with(code);
        assert_eq!(receiver.seen().len(), sent, "Retry-After: {wait}");
    }
}
