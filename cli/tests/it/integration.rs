//! Telling others of what happens, from the command line and from a server that is killed.

use std::collections::{BTreeMap, BTreeSet};

use testdata::peers::{Received, Receiver, Reply};

use crate::crash::{ended, until};
use crate::site::{Site, attest, said};
use crate::support::{Sandbox, Server};

/// A server that may send to the loopback.
fn server() -> Server {
    let data = tempfile::tempdir().unwrap().keep();
    Server::start_with(&data, &["--allow-private-host", "127.0.0.1"], &[])
}

#[test]
fn an_integration_from_its_creation_to_its_end() {
    let receiver = Receiver::start(|_| Reply::status(202).saying("taken"));
    let server = server();
    let owner = Sandbox::new().and(server.organization("acme"));
    let hook = receiver.url("/hook");
    let create = format!("integration create webhook siem --address {hook} --event contract.*");
    let made = owner.run(&create).with(0);
    assert!(made.stdout.starts_with("whsec_"), "{}", made.stdout);
    assert!(made.stderr.contains("its secret is shown only now"), "{}", made.stderr);
    let shown = owner.run("integration show siem").with(0).stdout;
    assert_eq!(shown, format!("siem  webhook  {hook}  contract.*  enabled\n"));
    let tested = owner.run("integration test siem").with(0).stdout;
    assert!(tested.contains("dev.muster.integration.test.v1"), "{tested}");
    assert_eq!(receiver.seen().len(), 1);
    let updated = owner.run("integration update siem --event verdict.failed --event run.*").with(0);
    assert!(updated.stdout.contains("run.*, verdict.failed"), "{}", updated.stdout);
    let rotated = owner.run("integration rotate siem").with(0).stdout;
    assert!(rotated.starts_with("whsec_") && rotated != made.stdout, "{rotated}");
    let list = owner.run("delivery list --integration siem --state delivered -o json").with(0);
    let id = list.json()["items"][0]["id"].as_str().unwrap().to_owned();
    let shown = owner.run(&format!("delivery show {id}")).with(0).stdout;
    assert!(shown.contains("ms  taken: taken"), "{shown}");
    owner.run(&format!("delivery redeliver {id}")).with(0);
    let seen = receiver.wait(|seen| seen.len() == 2);
    assert_eq!(seen[0].header("webhook-id"), seen[1].header("webhook-id"));
    owner.run("integration disable siem --reason pause").with(0);
    owner.run("integration test siem").with(2);
    owner.run(&format!("delivery redeliver {id}")).with(2);
    let enabled = owner.run("integration enable siem").with(0).stdout;
    assert!(enabled.ends_with("enabled\n"), "{enabled}");
    owner.run("integration delete siem").with(0);
    owner.run("integration show siem").with(6);
    assert_eq!(owner.run("integration list").with(0).stdout, "");
    assert_eq!(owner.run("delivery list").with(0).stdout, "");
}

#[test]
fn the_address_of_a_chat_comes_from_a_file_and_is_not_shown() {
    let receiver = Receiver::start(|_| Reply::status(404).saying("no_service"));
    let server = server();
    let owner = Sandbox::new().and(server.organization("acme"));
    owner.write("chat.url", receiver.url("/services/hush\n"));
    let create = "integration create slack chat --address-file chat.url --event verdict.failed";
    owner.run(create).with(0);
    let tested = owner.run("integration test chat").with(3).stdout;
    assert!(tested.contains("the receiver answered 404"), "{tested}");
    owner.write("chat.url", receiver.url("/services/hush/again"));
    let moved = owner.run("integration update chat --address-file chat.url").with(0).stdout;
    let all = [tested, moved, owner.run("integration list -o json").with(0).stdout].concat();
    assert!(!all.contains("hush"), "{all}");
    assert!(all.contains("127.0.0.1"), "{all}");
    owner.run("integration test chat").with(3);
    assert_eq!(receiver.seen()[1].path, "/services/hush/again");
    let (_, log) = server.stop();
    assert!(!log.contains("hush"), "{log}");
}

#[test]
fn evidence_itself_is_handed_to_those_who_read_it() {
    let receiver = Receiver::start(|_| Reply::status(200).saying("{}"));
    let site = Site::embedded().with(&["--allow-private-host", "127.0.0.1"]);
    let server = site.serve(&[]);
    site.sandbox.write("track.key", "odt_hush\n");
    let address = receiver.url("/track");
    let track = "integration create dependency-track track --key-file track.key";
    let events = "--event attestation.received";
    site.run(&server, &format!("{track} --address {address} {events}")).with(0);
    let cd = "integration create webhook cd --format cdevents";
    site.run(&server, &format!("{cd} --address {} {events}", receiver.url("/cd"))).with(0);
    for name in ["track", "cd"] {
        site.run(&server, &format!("integration test {name}")).with(0);
    }
    if let Some(s3) = testdata::peers::s3() {
        let (id, key) = s3.key();
        s3.bucket("guac-cli");
        let credentials = format!("{{\"access_key_id\":\"{id}\",\"secret_access_key\":\"{key}\"}}");
        site.sandbox.write("guac.json", credentials);
        let place = format!("s3://guac-cli?endpoint={}", s3.endpoint());
        let guac = "integration create guac guac --credentials-file guac.json";
        site.run(&server, &format!("{guac} --place {place} {events}")).with(0);
        site.run(&server, "integration test guac").with(0);
        let other = "integration update guac --address s3://elsewhere";
        let refused = site.run(&server, other).with(2).stderr;
        assert!(refused.contains("what opens the bucket is missing"), "{refused}");
    }
    let (_, line) = site.attest("app");
    site.run(&server, &line).with(0);
    let seen = receiver.wait(|seen| seen.len() == 4);
    let of = |path: &str| seen.iter().filter(|one| one.path == path).collect::<Vec<_>>();
    let [uploaded] = of("/track/api/v1/bom")[..] else { panic!("{seen:?}") };
    assert_eq!(uploaded.header("x-api-key"), "odt_hush");
    assert!(String::from_utf8_lossy(&uploaded.body).contains("CycloneDX"));
    let types = of("/cd").into_iter().map(|one| one.json()["type"].as_str().unwrap().to_owned());
    let types: BTreeSet<String> = types.collect();
    assert!(
        types.iter().any(|one| one.starts_with("dev.cdevents.pipelinerun.finished")),
        "{types:?}"
    );
    let listed = site.run(&server, "integration list").with(0).stdout;
    assert!(listed.contains("track  dependency-track  http://127.0.0.1"), "{listed}");
    let (_, log) = server.stop();
    assert!(!log.contains("hush") && !listed.contains("hush"), "{log}");
}

#[test]
fn without_leave_of_the_operator_nothing_private_is_named() {
    let server = Server::start();
    let owner = Sandbox::new().and(server.organization("acme"));
    for (address, phrase) in [
        ("https://127.0.0.1/", "--allow-private-host"),
        ("http://hooks.example.com/", "`http` is not `https`"),
    ] {
        let create = format!("integration create webhook siem --event * --address {address}");
        let ended = owner.run(&create).with(2);
        assert!(ended.stderr.contains(phrase), "{}", ended.stderr);
    }
    owner.run("integration create webhook siem --address https://hooks.example.com/").with(2);
    owner.run("integration update siem").with(2);
}

#[test]
fn a_verdict_is_told_soon_after_its_receipt() {
    let receiver = Receiver::start(|_| Reply::status(200));
    let site = Site::embedded().with(&["--allow-private-host", "127.0.0.1"]);
    let server = site.serve(&[]);
    let hook = receiver.url("/");
    let create = format!("integration create webhook siem --event verdict.* --address {hook}");
    site.run(&server, &create).with(0);
    for (app, sbom, code) in [("good", "good.json", 0), ("evil", "evil.json", 3)] {
        site.attest(app);
        site.run(&server, &attest(app, sbom)).with(code);
    }
    let seen = receiver.wait(|seen| seen.len() == 2);
    let types: BTreeSet<_> = seen.iter().map(|one| one.json()["type"].to_string()).collect();
    let expected =
        ["failed", "passed"].map(|verdict| format!("\"dev.muster.verdict.{verdict}.v1\""));
    assert_eq!(types, expected.into());
}

const PUSHERS: usize = 3;

/// The identifiers of the events about each attestation.
fn told(seen: &[Received]) -> BTreeMap<String, BTreeSet<String>> {
    let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for request in seen {
        let attestation = request.json()["data"]["attestation"].as_str().unwrap().to_owned();
        told.entry(attestation).or_default().insert(request.header("webhook-id").to_owned());
    }
    told
}

/// Killed between any two steps of a delivery, and while jobs push, a server tells of every attestation that it
/// acknowledged; when it tells twice, then under the same identifier.
#[test]
fn every_acknowledged_attestation_is_told_although_the_server_is_killed() {
    for site in Site::all() {
        let site = site.with(&["--allow-private-host", "127.0.0.1"]);
        let receiver = Receiver::start(|_| Reply::status(200));
        let server = site.serve(&[]);
        let hook = receiver.url("/");
        let line = format!(
            "integration create webhook siem --event attestation.received --address {hook}"
        );
        site.run(&server, &line).with(0);
        server.stop();
        let mut acknowledged = BTreeSet::new();
        for (round, point) in ["before-send", "before-settle"].into_iter().enumerate() {
            let point = format!("delivery::{point}");
            let server = site.serve(&[
                ("FAILPOINTS", &format!("{point}=pause")),
                ("RUST_LOG", "control::dispatch=trace"),
                ("NO_COLOR", "1"),
            ]);
            let jobs: Vec<_> = (0..PUSHERS)
                .map(|pusher| site.attest(&format!("app-{round}-{pusher}")).1)
                .map(|line| site.start(&server, &line))
                .collect();
            until(&server, &point);
            server.kill();
            for job in jobs {
                let ended = ended(job);
                match ended.code {
                    0 => _ = acknowledged.insert(said(&ended.stderr)),
                    75 => {}
                    _ => panic!("{}: {ended:?}", site.name),
                }
            }
        }
        assert!(!acknowledged.is_empty(), "{}: every kill came before every answer", site.name);
        let sent = receiver.seen().len();
        assert!(sent > 0, "{}: nothing was sent before the kill at before-settle", site.name);
        let server = site.serve(&[]);
        let seen = receiver.wait(|seen| {
            let told: BTreeSet<String> = told(seen).into_keys().collect();
            told.is_superset(&acknowledged) && seen.len() > sent
        });
        let told = told(&seen);
        assert!(told.values().all(|ids| ids.len() == 1), "{}: {told:?}", site.name);
        // What was sent and not settled is sent again when its lease ends.
        let repeated = receiver.wait(|seen| seen.len() > told.len());
        assert_eq!(self::told(&repeated).len(), told.len(), "{}", site.name);
        server.stop();
    }
}
