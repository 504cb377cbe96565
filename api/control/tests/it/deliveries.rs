//! What becomes of an event that somebody is to be told of.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use control::store::Store;
use control::{DELIVERY_DAYS, Delivery, DeliveryState, Error, ROTATION_HOURS};
use engine::Timestamp;
use futures::future::join;
use testdata::peers::{Received, Receiver, Reply};
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::oneshot;

use crate::integrations::{name, webhook};
use crate::plane::{Plane, organization, path, planes};

fn now() -> Timestamp {
    Timestamp::from_datetime(chrono::Utc::now())
}

fn later(seconds: i64) -> Timestamp {
    Timestamp::from_millis(now().as_millis() + seconds * 1_000)
}

impl Plane {
    /// Delivers what is due, and answers how many attempts there were.
    pub(crate) async fn deliver(&self) -> usize {
        self.deliver_at(now()).await
    }

    async fn deliver_at(&self, at: Timestamp) -> usize {
        self.control.deliver_due(at).await.unwrap()
    }

    async fn attest(&self, app: &str) {
        self.push(&self.craft(app.as_bytes(), "good").await).await.unwrap();
    }

    /// Every delivery, newest first.
    async fn told(&self) -> Vec<Delivery> {
        self.control.deliveries(&self.owner, None, None, None, 100).await.unwrap().items
    }

    /// The only delivery, with its log.
    async fn only(&self) -> Delivery {
        let told = self.told().await;
        assert_eq!(told.len(), 1, "{told:?}");
        self.control.delivery(&self.owner, told[0].id).await.unwrap()
    }
}

/// The identifiers of events, as receivers tell repeats by them.
fn ids(seen: &[Received]) -> Vec<&str> {
    seen.iter().map(|request| request.header("webhook-id")).collect()
}

/// Waits until it was sent so many requests.
async fn wait(receiver: &Receiver, count: usize) {
    let receiver = receiver.clone();
    let waiting = move || receiver.wait(|seen| seen.len() >= count);
    tokio::task::spawn_blocking(waiting).await.unwrap();
}

/// Which of the secrets signed the request, in the order of the signatures.
fn signed_by(request: &Received, secrets: &[&str]) -> Vec<Option<usize>> {
    let seconds: i64 = request.header("webhook-timestamp").parse().unwrap();
    let at = Timestamp::from_millis(seconds * 1_000);
    let expected: Vec<String> = secrets
        .iter()
        .map(|secret| {
            let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
            trust::webhook_signature(&[&key], request.header("webhook-id"), at, &request.body)
        })
        .collect();
    let signatures = request.header("webhook-signature").split(' ');
    signatures.map(|signature| expected.iter().position(|one| one == signature)).collect()
}

#[tokio::test]
async fn a_webhook_is_a_signed_cloud_event() {
    for plane in planes().await {
        let receiver = Receiver::start(|_| Reply::status(204));
        let events = ["attestation.received", "verdict.failed"];
        let secret = plane.tell("siem", webhook(receiver.url("/hook")), &events).await.unwrap();
        let crafted = plane.craft(b"app", "evil").await;
        let receipt = plane.push(&crafted).await.unwrap();
        assert_eq!(plane.deliver().await, 2);
        assert_eq!(plane.deliver().await, 0, "what was delivered is due again");
        let seen = receiver.seen();
        let types: BTreeSet<String> = seen.iter().map(kind).collect();
        let expected = ["dev.muster.attestation.received.v1", "dev.muster.verdict.failed.v1"];
        assert_eq!(types, expected.map(str::to_owned).into());
        for request in &seen {
            let event = request.json();
            assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/hook"));
            assert_eq!(request.header("content-type"), "application/cloudevents+json");
            assert_eq!(event["specversion"], "1.0");
            assert_eq!(event["id"], request.header("webhook-id"));
            let (org, _) = plane.owner.organization.as_ref().unwrap();
            assert_eq!(event["source"], format!("urn:uuid:{org}"));
            assert_eq!(event["data"]["attestation"], receipt.attestation.digest.to_string());
            assert_eq!(event["data"]["verdict"], "failed");
            assert_eq!(event["data"]["workflow"], "release");
            assert!(event["time"].as_str().unwrap().parse::<Timestamp>().is_ok());
            assert_eq!(signed_by(request, &[&secret]), [Some(0)]);
        }
    }
}

fn kind(request: &Received) -> String {
    request.json()["type"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn while_a_secret_changes_both_sign() {
    for plane in planes().await {
        let receiver = Receiver::start(|_| Reply::status(200));
        let events = ["attestation.received"];
        let old = plane.tell("siem", webhook(receiver.url("/")), &events).await.unwrap();
        let new = plane.control.rotate_integration(&plane.owner, &name("siem")).await.unwrap();
        let new = new.secret.unwrap();
        plane.attest("during").await;
        plane.deliver().await;
        plane.attest("after").await;
        plane.deliver_at(later((ROTATION_HOURS * 60 + 1) * 60)).await;
        let seen = receiver.seen();
        assert_eq!(signed_by(&seen[0], &[&new, &old]), [Some(0), Some(1)]);
        assert_eq!(signed_by(&seen[1], &[&new, &old]), [Some(0)]);
    }
}

#[tokio::test]
async fn everything_that_happens_is_told_under_its_name() {
    for plane in planes().await {
        let receiver = Receiver::start(|_| Reply::status(200));
        plane.tell("siem", webhook(receiver.url("/")), &["*"]).await;
        let (control, owner) = (&plane.control, &plane.owner);
        plane.attest("app").await;
        let contract = crate::plane::CONTRACT.replace("[evil]", "[bad]");
        control.put_contract(owner, contract.clone(), [].into()).await.unwrap();
        control.put_contract(owner, contract, [].into()).await.unwrap();
        let gate = crate::plane::GATE.replace("30", "31");
        control.put_gate(owner, gate, [].into()).await.unwrap();
        let failed = control.open_run(owner, &path()).await.unwrap();
        control.fail_run(owner, failed.id, "it broke".to_owned()).await.unwrap();
        let cancelled = control.open_run(owner, &path()).await.unwrap();
        control.cancel_run(owner, cancelled.id, "not needed".to_owned()).await.unwrap();
        while plane.deliver().await > 0 {}
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for request in receiver.seen() {
            *counts.entry(kind(&request)).or_default() += 1;
        }
        let expected = [
            "attestation.received",
            "contract.revised",
            "gate.revised",
            "run.cancelled",
            "run.failed",
            "verdict.passed",
        ];
        let expected = expected.map(|name| (format!("dev.muster.{name}.v1"), 1));
        assert_eq!(counts, expected.into());
    }
}

#[tokio::test]
async fn a_failed_delivery_is_tried_again_no_sooner_than_it_was_asked_to() {
    for plane in planes().await {
        let answered = AtomicUsize::new(0);
        let receiver = Receiver::start(move |_| match answered.fetch_add(1, Ordering::Relaxed) {
            0 => Reply::status(503).with("retry-after", "600").saying("overloaded"),
            _ => Reply::status(200).saying("thanks"),
        });
        plane.tell("siem", webhook(receiver.url("/")), &["attestation.received"]).await;
        plane.attest("app").await;
        assert_eq!(plane.deliver().await, 1);
        let waiting = plane.only().await;
        assert_eq!((waiting.state, waiting.attempts), (DeliveryState::Pending, 1));
        assert_eq!(
            waiting.failure.as_deref(),
            Some("the receiver answered 503 Service Unavailable")
        );
        assert_eq!(plane.deliver_at(later(590)).await, 0);
        assert_eq!(plane.deliver_at(later(602)).await, 1);
        let done = plane.only().await;
        assert_eq!(
            (done.state, done.attempts, done.status),
            (DeliveryState::Delivered, 2, Some(200))
        );
        assert_eq!((done.failure.as_ref(), done.due_at), (None, None));
        let log: Vec<_> = done.log.iter().map(|one| (one.status, one.excerpt.as_deref())).collect();
        assert_eq!(log, [(Some(200), Some("thanks")), (Some(503), Some("overloaded"))]);
        let seen = receiver.seen();
        assert_eq!(ids(&seen), vec![done.event.to_string(); 2], "a repeat has the same identifier");
        assert_eq!(seen[0].body, seen[1].body);
    }
}

#[tokio::test]
async fn after_days_a_delivery_is_dead_and_is_delivered_when_asked_for() {
    for plane in planes().await {
        let answered = AtomicUsize::new(0);
        let receiver = Receiver::start(move |_| {
            Reply::status(if answered.fetch_add(1, Ordering::Relaxed) < 2 { 500 } else { 200 })
        });
        plane.tell("siem", webhook(receiver.url("/")), &["attestation.received"]).await;
        plane.attest("app").await;
        plane.deliver().await;
        plane.deliver_at(later(4 * 24 * 3_600)).await;
        let dead = plane.only().await;
        assert_eq!((dead.state, dead.attempts), (DeliveryState::Dead, 2));
        let dead_only = Some(DeliveryState::Dead);
        let siem = name("siem");
        let page = plane.control.deliveries(&plane.owner, Some(&siem), dead_only, None, 9);
        assert_eq!(page.await.unwrap().items.len(), 1);
        assert_eq!(plane.deliver_at(later(9 * 24 * 3_600)).await, 0, "what is dead was tried");
        let again = plane.control.redeliver(&plane.owner, dead.id).await.unwrap();
        assert_eq!((again.state, again.attempts), (DeliveryState::Pending, 0));
        assert_eq!(plane.deliver().await, 1);
        let done = plane.only().await;
        assert_eq!((done.state, done.log.len()), (DeliveryState::Delivered, 3));
        assert_eq!(BTreeSet::from_iter(ids(&receiver.seen())).len(), 1);
        plane.control.redeliver(&plane.owner, dead.id).await.unwrap();
        assert_eq!(
            plane.deliver().await,
            1,
            "what was delivered is delivered again when asked for"
        );
        assert!(plane.trail().await.contains("delivery.redeliver"));
        let stranger = organization(&plane.control, &plane.instance, "other").await;
        let refused = plane.control.redeliver(&stranger, dead.id).await.unwrap_err();
        assert_eq!(refused.code(), "not-found");
        let refused = plane.control.delivery(&stranger, dead.id).await.unwrap_err();
        assert_eq!(refused.code(), "not-found");
    }
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_left_alone_until_it_is_enabled() {
    for plane in planes().await {
        let answered = AtomicUsize::new(0);
        let receiver = Receiver::start(move |_| {
            Reply::status(if answered.fetch_add(1, Ordering::Relaxed) == 0 { 410 } else { 200 })
        });
        plane.tell("siem", webhook(receiver.url("/")), &["attestation.received"]).await;
        plane.attest("first").await;
        plane.deliver().await;
        let dead = plane.only().await;
        assert_eq!(dead.state, DeliveryState::Dead);
        let siem = plane.control.integration(&plane.owner, &name("siem")).await.unwrap();
        assert_eq!(siem.disabled_reason.as_deref(), Some("the receiver answered 410 Gone"));
        assert!(plane.trail().await.contains("server:delivery"), "auditors are not told");
        plane.attest("second").await;
        assert_eq!(plane.deliver().await, 0);
        let refused = plane.control.redeliver(&plane.owner, dead.id).await.unwrap_err();
        assert!(matches!(&refused, Error::Conflict(why) if why.contains("enable it")), "{refused}");
        let refused = plane.control.test_integration(&plane.owner, &name("siem")).await;
        assert_eq!(refused.unwrap_err().code(), "conflict");
        plane.control.enable_integration(&plane.owner, name("siem")).await.unwrap();
        assert_eq!(plane.deliver().await, 1, "what waited is sent");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (elsewhere, receiver) = {
        let elsewhere = Receiver::start(|_| Reply::status(200));
        let there = elsewhere.url("/");
        let receiver = Receiver::start(move |_| Reply::status(307).with("location", there.clone()));
        (elsewhere, receiver)
    };
    for plane in planes().await {
        plane.tell("siem", webhook(receiver.url("/")), &["*"]).await;
        let tried = plane.control.test_integration(&plane.owner, &name("siem")).await.unwrap();
        assert_eq!((tried.state, tried.status), (DeliveryState::Pending, Some(307)));
        assert!(tried.failure.unwrap().ends_with("redirects are not followed"));
    }
    assert!(elsewhere.seen().is_empty());
}

#[tokio::test]
async fn many_replicas_deliver_each_event_once() {
    for plane in planes().await {
        let receiver = Receiver::start(|_| Reply::status(200));
        for number in 0..3 {
            let hook = webhook(receiver.url(&format!("/{number}")));
            plane.tell(&format!("n{number}"), hook, &["attestation.received"]).await;
        }
        for number in 0..4 {
            plane.attest(&format!("app-{number}")).await;
        }
        let replica = plane.replica().await;
        let at = now();
        let (ours, theirs) = join(plane.control.deliver_due(at), replica.deliver_due(at)).await;
        assert_eq!(ours.unwrap() + theirs.unwrap(), 12);
        let seen = receiver.seen();
        let distinct: BTreeSet<_> =
            seen.iter().map(|one| (one.path.as_str(), one.header("webhook-id"))).collect();
        assert_eq!((seen.len(), distinct.len()), (12, 12));
        assert_eq!(plane.deliver().await, 0);
    }
}

#[tokio::test]
async fn what_a_replica_died_over_is_tried_when_its_lease_ends() {
    for plane in planes().await {
        let answered = AtomicUsize::new(0);
        let receiver = Receiver::start(move |_| match answered.fetch_add(1, Ordering::Relaxed) {
            0 => Reply::hang(),
            _ => Reply::status(200),
        });
        plane.tell("siem", webhook(receiver.url("/")), &["attestation.received"]).await;
        plane.attest("app").await;
        let replica = plane.replica().await;
        let dying = tokio::spawn(async move { replica.deliver_due(now()).await });
        wait(&receiver, 1).await;
        dying.abort();
        assert!(dying.await.unwrap_err().is_cancelled());
        let refused = plane.control.redeliver(&plane.owner, plane.told().await[0].id).await;
        assert!(refused.unwrap_err().to_string().contains("is under way"));
        assert_eq!(plane.deliver_at(later(15)).await, 0, "its lease goes on");
        assert_eq!(plane.deliver_at(later(22)).await, 1);
        let done = plane.only().await;
        assert_eq!((done.state, done.attempts), (DeliveryState::Delivered, 2));
        assert_eq!(ids(&receiver.seen()), vec![done.event.to_string(); 2]);
    }
}

#[tokio::test]
async fn a_receiver_that_hangs_does_not_hold_up_another() {
    for plane in planes().await {
        let (slow, quick) =
            (Receiver::start(|_| Reply::hang()), Receiver::start(|_| Reply::status(200)));
        plane.tell("slow", webhook(slow.url("/")), &["attestation.received"]).await;
        plane.tell("quick", webhook(quick.url("/")), &["attestation.received"]).await;
        for number in 0..6 {
            plane.attest(&format!("app-{number}")).await;
        }
        let control = plane.control.clone();
        let dispatching =
            tokio::spawn(async move { control.dispatch(std::future::pending()).await });
        wait(&quick, 6).await;
        wait(&slow, 4).await;
        assert_eq!(slow.seen().len(), 4, "more attempts to one receiver than may be at once");
        dispatching.abort();
        let _cancelled = dispatching.await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_until_the_attempts_under_way_are_settled() {
    for plane in planes().await {
        let ((answer, allowed), (ask, mut asked)) = (mpsc::channel(), unbounded_channel());
        let allowed = Mutex::new(allowed);
        let receiver = Receiver::start(move |_| {
            ask.send(()).unwrap();
            allowed.lock().unwrap().recv().unwrap();
            Reply::status(200)
        });
        plane.tell("siem", webhook(receiver.url("/")), &["attestation.received"]).await.unwrap();
        plane.attest("app").await;
        let control = plane.control.clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async { stopped.await.unwrap_or_default() };
        let dispatching = tokio::spawn(async move { control.dispatch(stopped).await });
        asked.recv().await.unwrap();
        drop(stop);
        answer.send(()).unwrap();
        dispatching.await.unwrap();
        let told = plane.only().await;
        assert_eq!((told.state, told.attempts), (DeliveryState::Delivered, 1));
    }
}

#[tokio::test]
async fn without_integrations_a_receipt_is_one_event_and_nothing_more() {
    for plane in planes().await {
        plane.attest("app").await;
        let store = Store::open(&plane.database).await.unwrap();
        let received = |kind: &str| kind.ends_with("attestation.received.v1");
        let events = store.read().events(100).await.unwrap();
        assert_eq!(events.iter().filter(|event| received(&event.record.kind)).count(), 1);
        assert_eq!(plane.deliver().await, 0);
        assert!(store.read().waiting_events(9).await.unwrap().is_empty());
        assert_eq!(store.read().events(100).await.unwrap().len(), events.len());
        plane.tell("late", webhook("https://8.8.8.8/"), &["*"]).await;
        assert_eq!(plane.deliver().await, 0, "what happened before is not told");
    }
}

#[tokio::test]
async fn what_was_told_long_ago_is_forgotten_and_what_waits_long_is_given_up() {
    for plane in planes().await {
        let receiver = Receiver::start(|_| Reply::status(200));
        plane.tell("siem", webhook(receiver.url("/")), &["attestation.received"]).await;
        plane.attest("told").await;
        plane.deliver().await;
        let told = plane.only().await;
        let off = plane.control.disable_integration(&plane.owner, name("siem"), "off".to_owned());
        off.await.unwrap();
        plane.attest("waits").await;
        plane.deliver().await;
        plane.control.forget_deliveries(now()).await.unwrap();
        assert_eq!(plane.told().await.len(), 2, "nothing is old yet");
        let month = now().plus_days(DELIVERY_DAYS + 1);
        plane.control.forget_deliveries(month).await.unwrap();
        let left = plane.only().await;
        assert_ne!(left.id, told.id);
        assert_eq!(left.state, DeliveryState::Dead);
        assert_eq!(left.failure.as_deref(), Some("the integration was disabled for 30 days"));
        let store = Store::open(&plane.database).await.unwrap();
        assert_eq!(store.read().events(100).await.unwrap().len(), 1, "the event of what is left");
        plane.control.forget_deliveries(month.plus_days(DELIVERY_DAYS + 1)).await.unwrap();
        assert!(plane.told().await.is_empty());
        plane.control.delete_integration(&plane.owner, name("siem")).await.unwrap();
    }
}

#[tokio::test]
async fn a_host_that_the_operator_does_not_allow_any_more_is_not_asked() {
    use control::{BlobsConfig, Config, Control, KeyRing};
    for plane in planes().await {
        let receiver = Receiver::start(|_| Reply::status(200));
        plane.tell("siem", webhook(receiver.url("/")), &["attestation.received"]).await;
        plane.attest("app").await;
        let folder = tempfile::tempdir().unwrap();
        let blobs = BlobsConfig::Directory(folder.path().to_owned());
        let keys = KeyRing::parse(&KeyRing::encode_key([7; 32])).unwrap();
        let strict = Config { keys: Some(keys), ..Config::new(plane.database.clone(), blobs) };
        Control::open(strict).await.unwrap().deliver_due(now()).await.unwrap();
        let tried = plane.only().await;
        assert_eq!(tried.failure.as_deref(), Some("`http` is not `https`"));
        assert!(receiver.seen().is_empty());
    }
}
