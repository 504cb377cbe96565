//! A server that is killed between any two steps of a receipt leaves nothing or everything, and the same bytes pushed
//! again complete what is missing.

use std::collections::BTreeSet;
use std::process::Child;
use std::time::{Duration, Instant, SystemTime};

use control::store::{AuditFilter, Page, Store};
use engine::Digest;
use serde_json::{Value, json};

use crate::http::Http;
use crate::site::{Site, predicate, said};
use crate::support::{Ended, Server};

/// How long anything here may take before the test fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// The steps of a receipt, and whether it is in the database when the step begins.
const STEPS: [(&str, bool); 5] = [
    ("before-evidence", false),
    ("before-blob", false),
    ("before-transaction", false),
    ("in-transaction", false),
    ("before-answer", true),
];

#[test]
fn a_server_killed_at_any_step_leaves_nothing_or_everything() {
    for site in Site::all() {
        let mut stored = 0;
        for (step, committed) in STEPS {
            let (app, line) = site.attest(step);
            kill_at(&site, step, &line);
            let bundle = site.bundle(step);
            let server = site.serve(&[]);
            let what = format!("{}, {step}", site.name);
            let case = Case { what, site: &site, server: &server, app, bundle: &bundle };
            if committed {
                case.whole();
            } else {
                case.nothing();
            }
            case.push_again(if committed { 200 } else { 201 });
            case.whole();
            server.stop();
            stored += 1;
            assert_eq!(records(&site), [2 * stored, stored, stored], "{}, {step}", site.name);
        }
    }
}

/// Starts a server that stops at `step`, pushes, and kills the server there.
fn kill_at(site: &Site, step: &str, line: &str) {
    let point = format!("receipt::{step}");
    let server = site.serve(&[
        ("FAILPOINTS", &format!("{point}=pause")),
        ("RUST_LOG", "control::receipt=trace"),
        ("NO_COLOR", "1"),
    ]);
    let job = site.start(&server, line);
    until(&server, &point);
    server.kill();
    assert_eq!(ended(job).code, 75, "the job was not answered, and may try again: {step}");
}

/// Waits until the server says that it comes to `point`.
pub(crate) fn until(server: &Server, point: &str) {
    let begun = Instant::now();
    while !server.log().contains(point) {
        assert!(begun.elapsed() < PATIENCE, "it never came to {point}: {}", server.log());
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub(crate) fn ended(job: Child) -> Ended {
    let output = job.wait_with_output().unwrap();
    Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// An attestation whose receipt was interrupted, and the server that came after.
struct Case<'a> {
    what: String,
    site: &'a Site,
    server: &'a Server,
    app: Digest,
    bundle: &'a [u8],
}

impl Case<'_> {
    fn http(&self) -> Http {
        self.site.http(self.server)
    }

    fn run(&self) -> String {
        predicate(self.bundle)["run"].as_str().unwrap().to_owned()
    }

    /// Nobody finds any trace of the attestation.
    fn nothing(&self) {
        let (http, what, app) = (self.http(), &self.what, self.app);
        let digest = Digest::of(self.bundle);
        let run = http.get(&format!("/v1/runs/{}", self.run())).with(200).json();
        assert_eq!(run["state"], "open", "{what}");
        for part in ["", "/bundle", "/verdict"] {
            http.get(&format!("/v1/attestations/{digest}{part}")).with(404);
        }
        // The bundle's bytes may be in the blob store already, and belong to nobody.
        http.get(&format!("/v1/blobs/{digest}")).with(404);
        let about = http.get(&format!("/v1/artifacts/{app}")).with(200).json();
        assert_eq!(about["items"], json!([]), "{what}");
        let lineage = http.get(&format!("/v1/artifacts/{app}/lineage?direction=both")).with(200);
        assert_eq!(lineage.json()["edges"], json!([]), "{what}");
        let data = http.graphql(&format!(
            "{{ artifact(digest: \"{app}\") {{ attestations(first: 5) {{ edges {{ node {{ digest }} }} }} }} }}"
        ));
        let found = data.pointer("/artifact/attestations/edges");
        assert_eq!(found, Some(&json!([])), "{what}: {data}");
        self.site.run(self.server, &format!("gate allow {app} --gate prod")).with(4);
    }

    /// Everything that a receipt writes is there.
    fn whole(&self) {
        let digest = Digest::of(self.bundle);
        whole(&self.http(), &digest.to_string(), &self.what);
        let bundle = self.http().get(&format!("/v1/attestations/{digest}/bundle")).with(200);
        assert!(bundle.body == self.bundle, "{}: the bundle is another", self.what);
        self.site.run(self.server, &format!("gate allow {} --gate prod", self.app)).with(0);
    }

    fn push_again(&self, status: u16) {
        let receipt = self.http().push(&self.run(), self.bundle).with(status).json();
        let digest = Digest::of(self.bundle).to_string();
        assert_eq!(receipt["attestation"]["digest"], json!(digest), "{}", self.what);
        assert_eq!(receipt["attestation"]["verdict"], "passed", "{}", self.what);
        assert_eq!(receipt["new"], json!(status == 201), "{}", self.what);
    }
}

/// An attestation with all of its parts: evidence, evaluations, verdict record, bundle, edges, closed run.
fn whole(http: &Http, digest: &str, what: &str) {
    let shown = http.get(&format!("/v1/attestations/{digest}")).with(200).json();
    let count = |part: &str| shown[part].as_array().map_or(0, Vec::len);
    assert_eq!((count("subjects"), count("materials")), (1, 2), "{what}: {shown}");
    assert!(count("evaluations") >= 2, "{what}: {shown}");
    assert_eq!(shown["verdict"], "passed", "{what}");
    let record = http.get(&format!("/v1/attestations/{digest}/verdict")).with(200).body;
    assert_eq!(json!(Digest::of(&record)), shown["verdict_digest"], "{what}");
    let bundle = http.get(&format!("/v1/attestations/{digest}/bundle")).with(200).body;
    assert_eq!(Digest::of(&bundle).to_string(), digest, "{what}");
    let run = http.get(&format!("/v1/runs/{}", shown["run"].as_str().unwrap())).with(200).json();
    assert_eq!((&run["state"], &run["attestation"]), (&json!("closed"), &json!(digest)), "{what}");
    let app = shown["subjects"][0]["value"].as_str().unwrap();
    let lineage = http.get(&format!("/v1/artifacts/sha256:{app}/lineage")).with(200).json();
    let kinds: BTreeSet<&str> = lineage["edges"].as_array().unwrap().iter().map(kind).collect();
    assert_eq!(kinds, ["material", "subject"].into(), "{what}: {lineage}");
    for material in shown["materials"].as_array().unwrap() {
        let digest: Digest = material["digest"].as_str().unwrap().parse().unwrap();
        assert_eq!(http.fetch_blob(digest).0, digest, "{what}");
    }
}

fn kind(edge: &Value) -> &str {
    edge["kind"].as_str().unwrap()
}

/// More records than any test here makes.
const RECORDS_MAX: u64 = 100_000;

/// How many log leaves, events to deliver and audited receipts there are. No server runs.
fn records(site: &Site) -> [usize; 3] {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(&site.database).await.unwrap();
        let leaves = store.read().log_leaves(0, RECORDS_MAX).await.unwrap();
        let attested = leaves.iter().filter(|leaf| leaf.record.kind.as_str() != "contract");
        let mut events = store.read().events(RECORDS_MAX).await.unwrap();
        events.retain(|event| event.record.kind == "dev.muster.attestation.received.v1");
        let org = events.first().map(|event| event.record.org);
        let action = Some("attestation.receive".to_owned());
        let receipts = AuditFilter { action, ..AuditFilter::default() };
        let audited =
            store.read().audit_events(org, &receipts, Page::first(RECORDS_MAX)).await.unwrap();
        let counts = [attested.count(), events.len(), audited.len()];
        store.close().await.unwrap();
        counts
    })
}

/// Kills of each site, unless `MUSTER_KILLS` asks for more.
const KILLS: usize = 8;
const PUSHERS: usize = 4;

#[test]
fn what_was_acknowledged_before_a_kill_at_any_moment_is_there() {
    let kills = std::env::var("MUSTER_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    for site in Site::all() {
        let (mut acknowledged, mut pushed) = (BTreeSet::new(), 0);
        for round in 0..kills {
            let mut new = BTreeSet::new();
            for ended in killed_while_pushing(&site, round) {
                pushed += 1;
                match ended.code {
                    0 => _ = new.insert(said(&ended.stderr)),
                    75 => {}
                    _ => panic!("{}: {ended:?}", site.name),
                }
            }
            let server = site.serve(&[]);
            for digest in &new {
                whole(&site.http(&server), digest, site.name);
            }
            acknowledged.append(&mut new);
            server.stop();
        }
        let server = site.serve(&[]);
        let listed = all_whole(&site.http(&server), site.name);
        assert!(listed.is_superset(&acknowledged), "{}: {listed:?}", site.name);
        site.run(&server, "audit verify").with(0);
        server.stop();
        let count = listed.len();
        assert_eq!(records(&site), [2 * count, count, count], "{}", site.name);
        assert!(!acknowledged.is_empty(), "{}: every kill came before every answer", site.name);
        println!(
            "{}: {kills} kills, {} of {pushed} pushes acknowledged, {count} stored",
            site.name,
            acknowledged.len()
        );
    }
}

/// Kills a server while several jobs push, at a random moment of their receipts.
fn killed_while_pushing(site: &Site, round: usize) -> Vec<Ended> {
    let server = site.serve(&[("RUST_LOG", "control::receipt=trace"), ("NO_COLOR", "1")]);
    let jobs: Vec<Child> = (0..PUSHERS)
        .map(|pusher| site.start(&server, &site.attest(&format!("app-{round}-{pusher}")).1))
        .collect();
    // Every other time soon after the first receipt began, else after it was stored.
    let (step, most) =
        if round.is_multiple_of(2) { ("before-evidence", 60) } else { ("before-answer", 300) };
    until(&server, &format!("receipt::{step}"));
    let nanos = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().subsec_nanos();
    // Not to wait for something: the moment must be any.
    std::thread::sleep(Duration::from_millis(u64::from(nanos / 1_000 % most)));
    server.kill();
    jobs.into_iter().map(ended).collect()
}

/// Every attestation that is listed, each of which is whole, and the only reason for a run to be closed.
fn all_whole(http: &Http, what: &str) -> BTreeSet<String> {
    let digest = |item: &Value| item["digest"].as_str().unwrap().to_owned();
    let listed: BTreeSet<String> = items(http, "attestations").iter().map(digest).collect();
    for digest in &listed {
        whole(http, digest, what);
    }
    let runs = items(http, "runs");
    let closed = runs.iter().filter(|run| run["state"] == "closed").count();
    assert_eq!(closed, listed.len(), "{what}: {runs:?}");
    listed
}

/// The entries of a list, on all of its pages.
pub(crate) fn items(http: &Http, list: &str) -> Vec<Value> {
    let (mut items, mut after) = (Vec::new(), String::new());
    loop {
        let page = http.get(&format!("/v1/{list}?limit=100{after}")).with(200).json();
        items.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next"].as_str() else { return items };
        after = format!("&after={next}");
    }
}
