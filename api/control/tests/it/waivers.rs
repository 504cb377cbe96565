//! Waivers from the request to the receipt: who may decide, what must be signed, what holds when.

use control::store::{
    LogKind, RunState, Store, StoreError, WAIVER_IN_FORCE, WaiverDecision, WaiverDecisionKind,
    WaiverRevision, WaiverUse,
};
use control::{Actor, Error, Scope, Waiver, WaiverState};
use engine::document::Document;
use engine::id::{TokenId, WaiverId};
use engine::waiver::{Approval, Party, Standing, TYPE};
use engine::{Digest, Limits, Outcome, Timestamp, Verdict};
use trust::{Bundle, Signer, SigningKey, Statement};

use crate::plane::{Plane, furnish, organization, planes};
use crate::support::{NOW, Tenant, insert_receipt, insert_run, receipt, run, stores, tenant};

/// A waiver for the banned component of the plane's contract.
fn document(name: &str, days: i64) -> String {
    document_until(name, now().plus_days(days))
}

fn document_until(name: &str, end: Timestamp) -> String {
    format!(
        "apiVersion: muster.dev/v1
kind: Waiver
metadata: {{ name: {name} }}
spec:
  reason: it is not reachable
  expires_at: \"{end}\"
  on: {{ project: web }}
  accepts: [{{ policy: sbom-components, rule: banned-component, component: {{ name: evil }} }}]
"
    )
}

fn now() -> Timestamp {
    Timestamp::from_datetime(chrono::Utc::now())
}

/// Someone else of the organization, with a token that `maker` made.
pub(crate) async fn colleague(plane: &Plane, maker: &Actor, name: &str, scopes: &[Scope]) -> Actor {
    let made = plane.control.create_token(maker, name.parse().unwrap(), scopes.to_vec(), None);
    plane.control.authenticate(&made.await.unwrap().secret).await.unwrap()
}

/// A requester and an approver, whose tokens the owner made.
async fn two(plane: &Plane) -> (Actor, Actor) {
    let all = [Scope::Admin, Scope::Attest, Scope::Read];
    (
        colleague(plane, &plane.owner, "dev", &all).await,
        colleague(plane, &plane.owner, "sec", &all).await,
    )
}

pub(crate) async fn ask(plane: &Plane, actor: &Actor, name: &str) -> Waiver {
    plane.control.request_waiver(actor, &document(name, 30)).await.unwrap()
}

fn party(actor: &Actor) -> Party {
    Party { token: actor.token, name: actor.name.clone() }
}

fn approval(asked: &Waiver, approver: &Actor) -> Approval {
    Approval {
        organization: approver.organization.clone().unwrap().1,
        waiver: asked.waiver.clone(),
        revision: asked.revision,
        requested_by: asked.requested_by.clone(),
        approved_by: party(approver),
    }
}

fn sign(key: &SigningKey, approval: &Approval, subject: Digest, kind: &str) -> Bundle {
    let subject = ("waiver".to_owned(), "sha256".to_owned(), subject.to_hex());
    key.sign(&Statement::new([subject], kind, serde_json::to_value(approval).unwrap())).unwrap()
}

pub(crate) async fn approve(
    plane: &Plane,
    asked: &Waiver,
    approver: &Actor,
) -> Result<Waiver, Error> {
    let bundle = sign(&plane.key, &approval(asked, approver), asked.digest, TYPE);
    send(plane, asked, approver, bundle.bytes()).await
}

async fn send(
    plane: &Plane,
    asked: &Waiver,
    approver: &Actor,
    bytes: &[u8],
) -> Result<Waiver, Error> {
    plane.control.approve_waiver(approver, &asked.waiver.name, bytes.to_vec()).await
}

/// What a run with the banned component is judged, and what waivers did.
async fn judged(plane: &Plane, app: &str) -> (Verdict, Vec<(String, Standing)>) {
    let receipt = plane.push(&plane.craft(app.as_bytes(), "evil").await).await.unwrap();
    let waivers = receipt.waivers.iter().map(|one| (one.name.to_string(), one.standing)).collect();
    (receipt.attestation.verdict, waivers)
}

async fn state(plane: &Plane, name: &str) -> WaiverState {
    plane.control.waiver(&plane.owner, &name.parse().unwrap(), None).await.unwrap().state
}

fn step(result: Result<Waiver, Error>) -> String {
    match result {
        Ok(waiver) => waiver.state.to_string(),
        Err(Error::Refused { code, .. }) => format!("refused: {code}"),
        Err(error) => error.code().to_owned(),
    }
}

#[tokio::test]
async fn a_waiver_holds_from_its_approval_to_its_revocation() {
    for plane in planes().await {
        let (dev, sec) = two(&plane).await;
        assert_eq!(judged(&plane, "before").await, (Verdict::Failed, vec![]));
        let asked = ask(&plane, &dev, "evil").await;
        assert_eq!((asked.state, asked.revision, asked.uses), (WaiverState::Pending, 1, 0));
        assert_eq!(asked.requested_by, party(&dev));
        assert_eq!(judged(&plane, "asked").await, (Verdict::Failed, vec![]), "not approved yet");
        let held = approve(&plane, &asked, &sec).await.unwrap();
        assert_eq!(held.state, WaiverState::Unused);
        let decided = held.decided.unwrap();
        assert_eq!(decided.by, party(&sec));
        assert_eq!(decided.key_digest, Some(plane.key.public().id()));
        let crafted = plane.craft(b"held", "evil").await;
        assert_eq!(
            crafted.run.waivers,
            std::slice::from_ref(&asked.waiver),
            "handed out with the run"
        );
        let receipt = plane.push(&crafted).await.unwrap();
        assert_eq!(receipt.attestation.verdict, Verdict::Passed);
        let evaluation = &receipt.attestation.evaluations[1];
        assert_eq!(evaluation.outcome, Outcome::Waived);
        assert_eq!(evaluation.waived[0].waiver_digest, asked.digest);
        assert_eq!(receipt.waivers[0].violations, 1);
        let record = plane.control.verdict(&plane.owner, receipt.attestation.digest).await.unwrap();
        let record = String::from_utf8(record).unwrap();
        assert!(record.contains(&asked.digest.to_string()), "the record names it: {record}");
        assert_eq!(judged(&plane, "again").await.0, Verdict::Passed);
        let used = plane.control.waiver(&plane.owner, &asked.waiver.name, None).await.unwrap();
        assert_eq!((used.state, used.uses), (WaiverState::InForce, 2));
        assert!(used.last_used_at.is_some_and(|last| last >= receipt.attestation.received_at));
        let revoked =
            plane.control.revoke_waiver(&sec, &asked.waiver.name, None, "fixed".to_owned());
        let revoked = revoked.await.unwrap();
        assert_eq!(revoked.state, WaiverState::Revoked);
        assert_eq!(revoked.revoked.unwrap().reason.as_deref(), Some("fixed"));
        assert_eq!(judged(&plane, "after").await, (Verdict::Failed, vec![]));
        let run = plane.control.run(&plane.owner, crafted.run.id).await.unwrap();
        assert_eq!(run.verdict, Some(Verdict::Passed), "what was judged stays judged");
    }
}

#[tokio::test]
async fn an_approval_is_a_statement_that_anybody_can_verify_and_a_leaf_of_the_log() {
    for plane in planes().await {
        let (dev, sec) = two(&plane).await;
        let asked = ask(&plane, &dev, "evil").await;
        let bundle = sign(&plane.key, &approval(&asked, &sec), asked.digest, TYPE);
        let decided = send(&plane, &asked, &sec, bundle.bytes()).await.unwrap().decided.unwrap();
        assert_eq!(decided.statement, Some(bundle.digest()));
        let (_known, blob) = plane.control.blob(&plane.owner, bundle.digest()).await.unwrap();
        let kept: Vec<_> = futures::TryStreamExt::try_collect(blob.stream).await.unwrap();
        assert_eq!(kept.concat(), bundle.bytes(), "byte for byte");
        let store = Store::open(&plane.database).await.unwrap();
        let leaf = store.read().log_leaf(bundle.digest()).await.unwrap().unwrap();
        assert_eq!((leaf.record.kind, leaf.seq), (LogKind::Waiver, decided.seq));
        let events = plane
            .control
            .audit_events(&plane.owner, &control::AuditFilter::default(), None, 10)
            .await
            .unwrap();
        let actions: Vec<&str> =
            events.items.iter().map(|event| event.event.action.as_str()).collect();
        assert_eq!(actions[..2], ["waiver.approve", "waiver.request"], "{actions:?}");
    }
}

#[tokio::test]
async fn whoever_asked_may_not_approve_nor_may_a_token_that_it_made() {
    for plane in planes().await {
        let all = [Scope::Admin, Scope::Attest, Scope::Read];
        let (dev, sec) = two(&plane).await;
        let child = colleague(&plane, &dev, "child", &all).await;
        let grandchild = colleague(&plane, &child, "grandchild", &all).await;
        let reader = colleague(&plane, &dev, "reader", &[Scope::Attest, Scope::Read]).await;
        let asked = ask(&plane, &dev, "evil").await;
        for approver in [&dev, &child, &grandchild, &reader] {
            let refused = approve(&plane, &asked, approver).await;
            assert!(matches!(refused, Err(Error::Forbidden(_))), "{}: {refused:?}", approver.name);
        }
        assert_eq!(state(&plane, "evil").await, WaiverState::Pending);
        assert_eq!(step(approve(&plane, &asked, &sec).await), "unused");
        // Who made the asking token is another: a job asks, its administrator approves.
        let asked = ask(&plane, &grandchild, "other").await;
        assert_eq!(step(approve(&plane, &asked, &plane.owner).await), "unused");
    }
}

/// What is tampered with in an approval that is right but for that, and the step that notices.
type Tampering = (&'static str, fn(&mut Approval));

const TAMPERINGS: [Tampering; 7] = [
    ("refused: waiver", |it| it.organization = "globex".parse().unwrap()),
    ("refused: waiver", |it| it.waiver.reason.push('!')),
    ("refused: waiver", |it| it.waiver.expires_at = it.waiver.expires_at.plus_days(1)),
    ("refused: waiver", |it| it.waiver.accepts[0].component = None),
    ("refused: waiver", |it| it.requested_by.token = TokenId(uuid::Uuid::nil())),
    ("refused: waiver", |it| it.approved_by.name = "boss".parse().unwrap()),
    ("not-found", |it| it.revision = 7),
];

#[tokio::test]
async fn an_approval_that_is_not_just_this_one_is_refused() {
    for plane in planes().await {
        let (dev, sec) = two(&plane).await;
        let asked = ask(&plane, &dev, "evil").await;
        let good = approval(&asked, &sec);
        for (index, (expected, tamper)) in TAMPERINGS.iter().enumerate() {
            let mut tampered = good.clone();
            tamper(&mut tampered);
            let bundle = sign(&plane.key, &tampered, asked.digest, TYPE);
            let refused = send(&plane, &asked, &sec, bundle.bytes()).await;
            assert_eq!(step(refused), *expected, "case {index}");
        }
        let stranger = SigningKey::generate().unwrap();
        let signed = sign(&plane.key, &good, asked.digest, TYPE);
        let text = String::from_utf8(signed.bytes().to_vec()).unwrap();
        let other = sign(&plane.key, &approval(&asked, &dev), asked.digest, TYPE);
        let payload = |bundle: &Bundle| {
            let value: serde_json::Value = serde_json::from_slice(bundle.bytes()).unwrap();
            value["dsseEnvelope"]["payload"].as_str().unwrap().to_owned()
        };
        let swapped = text.replace(&payload(&signed), &payload(&other));
        assert_ne!(swapped, text);
        for (expected, bytes) in [
            ("refused: signature", sign(&stranger, &good, asked.digest, TYPE).bytes().to_vec()),
            ("refused: signature", swapped.into_bytes()),
            ("refused: subjects", sign(&plane.key, &good, Digest::of("x"), TYPE).bytes().to_vec()),
            (
                "refused: predicate",
                sign(&plane.key, &good, asked.digest, "https://example.com/v1").bytes().to_vec(),
            ),
            ("refused: bundle", b"{}".to_vec()),
        ] {
            assert_eq!(step(send(&plane, &asked, &sec, &bytes).await), expected);
        }
        let max = usize::try_from(plane.control.limits().bundle_bytes_max).unwrap();
        assert_eq!(step(send(&plane, &asked, &sec, &vec![b' '; max + 1]).await), "too-large");
        assert_eq!(state(&plane, "evil").await, WaiverState::Pending, "a refusal changes nothing");
        // A key that was revoked signs nothing any more.
        let key = plane.control.keys(&plane.owner).await.unwrap().remove(0);
        plane.control.revoke_key(&plane.owner, key.id).await.unwrap();
        assert_eq!(step(approve(&plane, &asked, &sec).await), "refused: signature");
    }
}

#[tokio::test]
async fn a_revision_is_decided_once_and_only_the_latest() {
    for plane in planes().await {
        let (dev, sec) = two(&plane).await;
        let control = &plane.control;
        let because = || "because".to_owned();
        let first = ask(&plane, &dev, "evil").await;
        let name = first.waiver.name.clone();
        let early = control.revoke_waiver(&sec, &name, None, because()).await;
        assert_eq!(step(early), "conflict", "nothing was approved");
        let empty = control.reject_waiver(&sec, &name, None, " ".to_owned()).await;
        assert_eq!(step(empty), "invalid");
        assert_eq!(step(control.reject_waiver(&sec, &name, None, because()).await), "rejected");
        assert_eq!(step(approve(&plane, &first, &sec).await), "conflict");
        let second = ask(&plane, &dev, "evil").await;
        let third = ask(&plane, &dev, "evil").await;
        assert_eq!((second.revision, third.revision), (2, 3));
        assert_eq!(
            step(approve(&plane, &second, &sec).await),
            "conflict",
            "the third took its place"
        );
        assert_eq!(step(approve(&plane, &third, &sec).await), "unused");
        assert_eq!(step(approve(&plane, &third, &sec).await), "conflict", "once");
        // A renewal that waits leaves the one that holds alone; its approval takes its place for good.
        let fourth = ask(&plane, &dev, "evil").await;
        assert_eq!(judged(&plane, "one").await.0, Verdict::Passed);
        assert_eq!(step(approve(&plane, &fourth, &sec).await), "unused");
        assert_eq!(step(control.revoke_waiver(&sec, &name, Some(3), because()).await), "conflict");
        assert_eq!(step(control.revoke_waiver(&sec, &name, None, because()).await), "revoked");
        assert_eq!(judged(&plane, "two").await, (Verdict::Failed, vec![]), "the third is not back");
        let listed = control.waivers(&plane.owner, None, None, 10).await.unwrap();
        let states: Vec<String> = listed.items.iter().map(|one| one.state.to_string()).collect();
        assert_eq!(states, ["revoked", "superseded", "superseded", "rejected"]);
        let page = control.waivers(&plane.owner, None, None, 3).await.unwrap();
        let rest = control.waivers(&plane.owner, None, page.next.as_deref(), 3).await.unwrap();
        assert_eq!((page.items.len(), rest.items.len(), rest.next), (3, 1, None));
        let one =
            control.waivers(&plane.owner, Some(WaiverState::Rejected), None, 10).await.unwrap();
        assert_eq!(one.items.iter().map(|one| one.revision).collect::<Vec<_>>(), [1]);
    }
}

#[tokio::test]
async fn of_two_who_decide_at_once_one_wins() {
    for plane in planes().await {
        let (dev, sec) = two(&plane).await;
        let asked = ask(&plane, &dev, "evil").await;
        let reject =
            plane.control.reject_waiver(&plane.owner, &asked.waiver.name, None, "no".to_owned());
        let (approved, rejected) = tokio::join!(approve(&plane, &asked, &sec), reject);
        assert_ne!(approved.is_ok(), rejected.is_ok(), "{approved:?} {rejected:?}");
        let now = state(&plane, "evil").await;
        assert_eq!(now, if approved.is_ok() { WaiverState::Unused } else { WaiverState::Rejected });
    }
}

#[tokio::test]
async fn a_waiver_ends_and_one_that_has_not_started_waits() {
    for plane in planes().await {
        let (dev, sec) = two(&plane).await;
        // It ends soon after its approval.
        let end = Timestamp::from_millis(now().as_millis() + 3_000);
        let source = document_until("brief", end);
        let asked = plane.control.request_waiver(&dev, &source).await.unwrap();
        assert_eq!(step(approve(&plane, &asked, &sec).await), "unused");
        let left = u64::try_from(end.as_millis() - now().as_millis()).unwrap_or(0);
        tokio::time::sleep(std::time::Duration::from_millis(left + 1)).await;
        assert_eq!(state(&plane, "brief").await, WaiverState::Expired);
        assert_eq!(judged(&plane, "late").await, (Verdict::Failed, vec![]));
        let expired =
            plane.control.waivers(&plane.owner, Some(WaiverState::Expired), None, 10).await;
        assert_eq!(expired.unwrap().items.len(), 1, "listed");
        let later = document("later", 30)
            .replace("  reason", &format!("  starts_at: \"{}\"\n  reason", now().plus_days(1)));
        let asked = plane.control.request_waiver(&dev, &later).await.unwrap();
        assert_eq!(step(approve(&plane, &asked, &sec).await), "scheduled");
        assert_eq!(judged(&plane, "early").await, (Verdict::Failed, vec![]));
    }
}

#[tokio::test]
async fn a_request_that_could_never_hold_is_refused() {
    for plane in planes().await {
        let control = &plane.control;
        let good = document("evil", 30);
        for (source, reason) in [
            (
                document("evil", -1).replace("  reason", "  starts_at: 2020-01-01\n  reason"),
                "longer",
            ),
            (
                document("evil", -1).replace(
                    "  reason",
                    &format!("  starts_at: \"{}\"\n  reason", now().plus_days(-9)),
                ),
                "expired already",
            ),
            (document("evil", 400), "longer than the limit of 366 days"),
            (good.replace("project: web", "project: nowhere"), "no project `nowhere`"),
            (good.replace("project: web", "project: web, workflow: nightly"), "no workflow"),
            (good.replace("kind: Waiver", "kind: Gate"), "expected"),
            (good.replace("reason", "reasn"), "did you mean"),
        ] {
            let Err(Error::Invalid { message, diagnostics }) =
                control.request_waiver(&plane.owner, &source).await
            else {
                panic!("accepted: {source}")
            };
            let said = format!("{message} {diagnostics:?}");
            assert!(said.contains(reason), "{reason}: {said}");
        }
    }
}

#[tokio::test]
async fn another_organization_neither_sees_nor_uses_nor_decides() {
    for plane in planes().await {
        let (dev, sec) = two(&plane).await;
        let globex = organization(&plane.control, &plane.instance, "globex").await;
        furnish(&plane.control, &globex, &plane.key).await;
        let asked = ask(&plane, &dev, "evil").await;
        let name = asked.waiver.name.clone();
        let because = || "because".to_owned();
        assert_eq!(step(plane.control.waiver(&globex, &name, None).await), "not-found");
        assert_eq!(step(approve(&plane, &asked, &globex).await), "not-found");
        assert_eq!(
            step(plane.control.reject_waiver(&globex, &name, None, because()).await),
            "not-found"
        );
        approve(&plane, &asked, &sec).await.unwrap();
        assert_eq!(
            step(plane.control.revoke_waiver(&globex, &name, None, because()).await),
            "not-found"
        );
        let page = plane.control.waivers(&globex, None, None, 10).await.unwrap();
        assert!(page.items.is_empty());
        let path = "web/release".parse().unwrap();
        assert!(plane.control.open_run(&globex, &path).await.unwrap().waivers.is_empty());
        assert_eq!(plane.control.open_run(&plane.owner, &path).await.unwrap().waivers.len(), 1);
    }
}

/// Between the judgement and its transaction a waiver may be revoked: then the transaction has to refuse.
#[tokio::test]
async fn what_was_judged_under_a_waiver_that_was_revoked_meanwhile_is_not_stored() {
    for opened in stores().await {
        let tenant = tenant(&opened.store, "acme").await;
        let run = run(&tenant);
        insert_run(&opened.store, &run).await;
        let mut receipt = receipt(&run, "build", &["sbom"], &["image"]);
        let revision = revision(&tenant);
        decide(&opened.store, &tenant, &revision).await;
        receipt.waivers = vec![WaiverUse {
            revision: revision.id,
            attestation: receipt.attestation.id,
            org: tenant.org,
            violations: 1,
            created_at: NOW,
        }];
        let refused = insert_receipt(&opened.store, &receipt).await.unwrap_err();
        assert!(
            matches!(&refused, StoreError::Conflict { what } if what == WAIVER_IN_FORCE),
            "{refused:?}"
        );
        let read = opened.store.read();
        assert_eq!(read.run(tenant.org, run.id).await.unwrap().unwrap().state, RunState::Open);
        assert!(read.waiver_uses_of(tenant.org, &[revision.id]).await.unwrap().is_empty());
    }
}

fn revision(tenant: &Tenant) -> WaiverRevision {
    let source = Document::parse(&document("evil", 30), &Limits::DEFAULT).unwrap();
    let document = engine::Waiver::parse(&source, now()).unwrap();
    WaiverRevision {
        id: uuid::Uuid::now_v7(),
        waiver: WaiverId(uuid::Uuid::now_v7()),
        org: tenant.org,
        revision: 1,
        digest: document.digest().unwrap(),
        document,
        requested_by: tenant.token,
        requester: "ci".parse().unwrap(),
        created_at: NOW,
    }
}

/// Stores the revision, approved and revoked.
async fn decide(store: &Store, tenant: &Tenant, revision: &WaiverRevision) {
    let (tenant, revision) = (tenant.clone(), revision.clone());
    store
        .write(move |tx| {
            let (tenant, revision) = (tenant.clone(), revision.clone());
            Box::pin(async move {
                let name = revision.document.name.clone();
                let (id, org) = (revision.waiver, tenant.org);
                tx.insert_waiver(&control::store::Waiver { id, org, name, created_at: NOW })
                    .await?;
                let seq = tx.insert_waiver_revision(&revision).await?;
                for kind in [WaiverDecisionKind::Approved, WaiverDecisionKind::Revoked] {
                    let decision = WaiverDecision {
                        revision: revision.id,
                        org,
                        kind,
                        decided_by: tenant.token,
                        decider: "sec".parse().unwrap(),
                        reason: None,
                        statement: None,
                        key_digest: None,
                        created_at: NOW,
                    };
                    tx.insert_waiver_decision(&decision, seq).await?;
                }
                Ok::<_, StoreError>(())
            })
        })
        .await
        .unwrap();
}
