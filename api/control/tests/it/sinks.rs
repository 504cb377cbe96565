//! Others that are told in words of their own, or are handed the evidence itself.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};

use cdevents_sdk::CDEvent;
use control::{DeliveryState, Error, Target, WebhookFormat};
use engine::Digest;
use serde_json::{Value, json};
use testdata::peers::{Received, Receiver, Reply};

use crate::integrations::{name, names};
use crate::plane::{Plane, path, planes, sbom};

const KEY: &str = "odt_hush";

impl Plane {
    async fn sink(&self, target: Target, events: &[&str], secret: &str) -> Result<(), Error> {
        let secret = (!secret.is_empty()).then(|| secret.to_owned());
        let (owner, sink, events) = (&self.owner, name("sink"), names(events));
        self.control.create_integration(owner, sink, target, events, secret).await.map(drop)
    }

    /// Attests an application of that version; what its SBOM lists is called like it.
    async fn shipped(&self, app: &str, version: Option<&str>) -> Digest {
        let version = version.map(ToOwned::to_owned);
        let run = self.control.open_run_of(&self.owner, &path(), version).await.unwrap();
        let crafted = self.craft_for(run, app.as_bytes(), app).await;
        self.push(&crafted).await.unwrap().attestation.digest
    }

    /// The states and failures of all deliveries.
    async fn fates(&self) -> Vec<(DeliveryState, String)> {
        let told = self.control.deliveries(&self.owner, None, None, None, 100).await.unwrap();
        let fate = |one: control::Delivery| (one.state, one.failure.unwrap_or_default());
        told.items.into_iter().map(fate).collect()
    }
}

fn dependency_track(address: String) -> Target {
    Target::DependencyTrack { address }
}

/// Our name, that of `CDEvents`, a member and what it is; none is the digest of the attestation.
const TOLD: [(&str, &str, &str, Option<&str>); 10] = [
    ("attestation.received", "pipelinerun.finished", "/subject/content/outcome", Some("success")),
    (
        "attestation.received",
        "pipelinerun.finished",
        "/subject/content/pipelineName",
        Some("web/release"),
    ),
    ("attestation.received", "pipelinerun.finished", "/customData/data/attestation", None),
    ("verdict.passed", "testsuiterun.finished", "/subject/content/outcome", Some("success")),
    ("verdict.passed", "testsuiterun.finished", "/subject/content/testSuite/name", Some("release")),
    ("version.released", "artifact.published", "/subject/id", Some("pkg:generic/web@1.4.0%2Bx")),
    ("run.failed", "pipelinerun.finished", "/subject/content/errors", Some("it broke")),
    ("run.failed", "pipelinerun.finished", "/subject/content/outcome", Some("failure")),
    ("contract.revised", "muster-contract.revised", "/subject/content/contract", Some("release")),
    ("integration.test", "muster-integration.test", "/subject/content/integration", Some("cd")),
];

#[tokio::test]
async fn what_happens_is_told_in_the_words_of_cdevents() {
    for plane in planes().await {
        let receiver = Receiver::start(|_| Reply::status(200));
        let target =
            Target::Webhook { address: receiver.url("/"), format: WebhookFormat::CdEvents };
        plane.tell("cd", target, &["*"]).await;
        let (control, owner) = (&plane.control, &plane.owner);
        let attested = plane.shipped("cdevents", Some("1.4.0+x")).await;
        control.release_version(owner, &"web".parse().unwrap(), "1.4.0+x").await.unwrap();
        let contract = crate::plane::CONTRACT.replace("[evil]", "[bad]");
        control.put_contract(owner, contract, [].into()).await.unwrap();
        let failed = control.open_run(owner, &path()).await.unwrap();
        control.fail_run(owner, failed.id, "it broke".to_owned()).await.unwrap();
        control.test_integration(owner, &name("cd")).await.unwrap();
        while plane.deliver().await > 0 {}
        let mut told: BTreeMap<String, Value> = BTreeMap::new();
        for request in receiver.seen() {
            assert!(request.header("webhook-signature").starts_with("v1,"));
            assert_eq!(request.header("content-type"), "application/cloudevents+json");
            let outer = request.json();
            // What the library reads is what its specification allows, member by member.
            let inner: CDEvent = serde_json::from_value(outer["data"].clone()).unwrap();
            assert_eq!(outer["type"], inner.ty());
            assert_eq!(outer["id"], inner.id().as_str());
            assert_eq!(outer["subject"], inner.subject().id().as_str());
            assert_eq!(outer["time"], outer["data"]["context"]["timestamp"]);
            let ours = outer["data"]["customData"]["type"].as_str().unwrap().to_owned();
            assert!(told.insert(ours, outer["data"].clone()).is_none());
        }
        for (ours, theirs, pointer, expected) in TOLD {
            let expected = expected.map_or_else(|| json!(attested), |text| json!(text));
            let event = &told[&format!("dev.muster.{ours}.v1")];
            let ty = event["context"]["type"].as_str().unwrap();
            assert!(ty.contains(theirs), "{ours}: {ty}");
            assert_eq!(event.pointer(pointer), Some(&expected), "{ours}: {event}");
        }
        assert_eq!(told.len(), 6, "{:?}", told.keys());
    }
}

/// The value of a text in a form.
fn field(request: &Received, name: &str) -> Option<String> {
    let body = String::from_utf8(request.body.clone()).unwrap();
    let (_, after) = body.split_once(&format!("name=\"{name}\"\r\n\r\n"))?;
    Some(after.split_once("\r\n").unwrap().0.to_owned())
}

#[tokio::test]
async fn dependency_track_is_handed_the_sbom_of_what_is_attested() {
    for plane in planes().await {
        let status = std::sync::Arc::new(AtomicU16::new(200));
        let answers = std::sync::Arc::clone(&status);
        let receiver = Receiver::start(move |request| {
            let known = request.header("x-api-key") == KEY;
            let status = if known { answers.load(Ordering::Relaxed) } else { 401 };
            Reply::status(status).saying(format!("for {KEY}"))
        });
        let address = receiver.url("/dtrack/");
        plane.sink(dependency_track(address), &["verdict.passed"], KEY).await.unwrap();
        let tested = plane.control.test_integration(&plane.owner, &name("sink")).await.unwrap();
        assert_eq!(tested.state, DeliveryState::Delivered);
        plane.shipped("track", Some("2.0.0")).await;
        plane.shipped("evil", None).await;
        plane.shipped("track-unversioned", None).await;
        assert_eq!(plane.deliver().await, 2, "what failed is not told of");
        let seen = receiver.seen();
        assert_eq!(
            (seen[0].method.as_str(), seen[0].path.as_str()),
            ("GET", "/dtrack/api/v1/team/self")
        );
        let uploaded: BTreeMap<Option<String>, &Received> =
            seen[1..].iter().map(|one| (field(one, "projectVersion"), one)).collect();
        for (version, app) in [(Some("2.0.0".to_owned()), "track"), (None, "track-unversioned")] {
            let request = uploaded[&version];
            assert_eq!(
                (request.method.as_str(), request.path.as_str()),
                ("POST", "/dtrack/api/v1/bom")
            );
            assert_eq!(field(request, "projectName").as_deref(), Some("web/sbom"));
            assert_eq!(field(request, "autoCreate").as_deref(), Some("true"));
            let body = String::from_utf8(request.body.clone()).unwrap();
            assert!(body.contains(std::str::from_utf8(&sbom(app)).unwrap()), "{body}");
        }
        status.store(503, Ordering::Relaxed);
        plane.shipped("track-later", None).await;
        plane.deliver().await;
        let fates = plane.fates().await;
        assert_eq!(fates[0].0, DeliveryState::Pending);
        assert!(fates[0].1.contains("503"), "{fates:?}");
        assert!(!plane.trail().await.contains(KEY));
        let told = plane.control.deliveries(&plane.owner, None, None, None, 100).await.unwrap();
        assert!(!format!("{told:?}").contains(KEY), "{told:?}");
    }
}

#[tokio::test]
async fn guac_finds_in_its_bucket_what_it_reads() {
    let Some(server) = testdata::peers::s3() else { return };
    let (id, key) = server.key();
    for (number, plane) in planes().await.into_iter().enumerate() {
        let bucket = format!("guac-{number}");
        let folder = server.bucket(&bucket);
        let place = format!("s3://{bucket}/in?endpoint={}", server.endpoint());
        let credentials = json!({ "access_key_id": id, "secret_access_key": key }).to_string();
        let target = || Target::Guac { place: place.clone() };
        plane.sink(target(), &["attestation.received"], &credentials).await.unwrap();
        let tested = plane.control.test_integration(&plane.owner, &name("sink")).await.unwrap();
        assert_eq!(tested.state, DeliveryState::Delivered, "{tested:?}");
        let attested = plane.shipped("guac", None).await;
        plane.deliver().await;
        assert_eq!(plane.fates().await[0], (DeliveryState::Delivered, String::new()));
        let found = objects(&folder.join("in/sha256"));
        assert_eq!(found[&Digest::of(sbom("guac")).to_hex()], sbom("guac"));
        assert_eq!(found.len(), 2, "the SBOM and the envelope, and no application");
        let envelope = found.into_values().find(|bytes| *bytes != sbom("guac")).unwrap();
        let envelope: Value = serde_json::from_slice(&envelope).unwrap();
        let bundle = plane.control.bundle(&plane.owner, attested).await.unwrap();
        let bundle: Value = serde_json::from_slice(&bundle).unwrap();
        assert_eq!(envelope["payloadType"], "application/vnd.in-toto+json");
        assert_eq!(envelope, bundle["dsseEnvelope"]);
        // The credentials are of that bucket alone.
        let elsewhere = format!("s3://{bucket}-other?endpoint={}", server.endpoint());
        let update = control::IntegrationUpdate {
            target: Some(Target::Guac { place: elsewhere }),
            ..Default::default()
        };
        let refused = plane.control.update_integration(&plane.owner, &name("sink"), update).await;
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("what opens the bucket is missing"), "{refused}");
    }
}

/// The objects in a folder of the server, by their names.
fn objects(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let named = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.unwrap();
        (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap())
    };
    std::fs::read_dir(folder).unwrap().map(named).collect()
}

#[tokio::test]
async fn a_sink_that_cannot_be_handed_anything_is_refused() {
    let plane = planes().await.swap_remove(0);
    let track = |address: &str| dependency_track(address.to_owned());
    let guac = |place: &str| Target::Guac { place: place.to_owned() };
    let images = |place: &str| Target::Registry { place: place.to_owned() };
    let keys = json!({ "access_key_id": "web", "secret_access_key": "hush" }).to_string();
    let user = json!({ "username": "web", "password": "hush" }).to_string();
    let (public, received) = ("https://dtrack.example.com", "attestation.received");
    for (target, event, secret, phrase) in [
        (track(public), received, "", "the key of the API is missing"),
        (track(public), received, " ", "the key of the API is empty"),
        (track(public), "*", KEY, "which has no evidence"),
        (track(public), "run.failed", KEY, "told of attestation.received or verdict.*"),
        (track("https://10.0.0.1"), received, KEY, "is not a public address"),
        (track("http://dtrack.example.com"), received, KEY, "`http` is not `https`"),
        (track("https://dtrack.example.com/?a=b"), received, KEY, "has no query"),
        (guac("s3://guac"), received, "", "what opens the bucket is missing"),
        (guac("s3://guac"), received, "hush", "have not their form"),
        (guac("s3://guac"), received, &user, "with an access key"),
        (guac("file:///guac"), received, &keys, "is no bucket"),
        (guac("oci://registry.example.com/guac"), received, &keys, "is no bucket"),
        (images("s3://guac"), received, "", "is no registry"),
        (images("oci://registry.example.com"), received, "", "the repository is missing"),
        (images("oci://10.0.0.1/acme"), received, "", "is not a public address"),
        (images("oci://registry.example.com/acme"), received, &keys, "a user name and a password"),
        (images("oci://registry.example.com/acme"), "run.failed", &user, "attestation.received or"),
        (guac("s3://guac?endpoint=https://10.0.0.1"), received, &keys, "is not a public address"),
    ] {
        let refused = plane.sink(target, &[event], secret).await.unwrap_err();
        assert!(matches!(refused, Error::Invalid { .. }), "{phrase}: {refused:?}");
        assert!(refused.to_string().contains(phrase), "{phrase}: {refused}");
        assert!(!refused.to_string().contains("hush"), "{refused}");
    }
}

#[tokio::test]
async fn evidence_that_was_removed_meanwhile_is_not_waited_for() {
    for plane in planes().await {
        let receiver = Receiver::start(|_| Reply::status(200));
        let target = dependency_track(receiver.url("/"));
        plane.sink(target, &["attestation.received"], KEY).await.unwrap();
        plane.shipped("removed", None).await;
        let rule = control::RetentionRule { keep_days: 1, keep_released: true };
        plane.control.set_retention(&plane.owner, rule).await.unwrap();
        let at = engine::Timestamp::from_datetime(chrono::Utc::now());
        for days in [3, 5] {
            plane.control.apply_retention(at.plus_days(days)).await.unwrap();
        }
        plane.deliver().await;
        let fates = plane.fates().await;
        assert_eq!(fates[0].0, DeliveryState::Dead);
        assert!(fates[0].1.contains("was removed meanwhile"), "{fates:?}");
        assert!(receiver.seen().is_empty());
    }
}
