//! The audit trail: nothing is missing, nothing can be taken away unnoticed.

use control::store::{AuditEvent, AuditFilter, Page, Store, StoreError};
use control::{
    Actor, BlobsConfig, Config, Control, Credential, Denial, Error, RECORDED_PER_CREDENTIAL,
};
use engine::audit::{Chain, End, Entry, Line};
use engine::id::OrganizationId;
use engine::{Digest, Limits};
use futures::TryStreamExt;
use futures::future::join_all;
use sea_orm::{ConnectionTrait, Database};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::plane::{Plane, planes};
use crate::support::{Opened, audit, stores, tenant};

/// The lines of the organization's chain as they are stored.
async fn lines(store: &Store, org: Option<OrganizationId>) -> Vec<Line> {
    let read = store.read();
    let head = read.audit_head(org).await.unwrap();
    let until = head.map_or(0, |head| head.position);
    let rows = read.audit_trail(org, until, Page::first(1_000)).await.unwrap();
    let mut lines: Vec<Line> = rows
        .into_iter()
        .map(|row| match row {
            control::store::TrailRow::Entry(entry) => Line::Entry(entry),
            control::store::TrailRow::Damaged(damage) => Line::Damaged(damage),
        })
        .collect();
    let outside = read.audit_outside(org).await.unwrap();
    lines.push(Line::End(End { organization: org, head, outside }));
    lines
}

/// What a walk along the lines says: the number of events, or the first that does not fit.
fn walk(lines: &[Line]) -> Result<u64, String> {
    let mut chain = Chain::new();
    for line in lines {
        chain.line(line).map_err(|broken| broken.to_string())?;
    }
    Ok(chain.len())
}

async fn append(store: &Store, events: Vec<AuditEvent>) {
    store
        .write(move |tx| {
            let events = events.clone();
            Box::pin(async move { tx.insert_audit(&events).await })
        })
        .await
        .unwrap();
}

/// Adds two events in one transaction, which may then still fail.
async fn append_two(store: &Store, event: AuditEvent, fails: bool) {
    let second = AuditEvent { id: Uuid::now_v7(), ..event.clone() };
    let written = store
        .write(move |tx| {
            let events = [event.clone(), second.clone()];
            Box::pin(async move {
                tx.insert_audit(&events).await?;
                let given_up = StoreError::Unavailable { what: "given up", source: None };
                if fails { Err(given_up) } else { Ok(()) }
            })
        })
        .await;
    assert_eq!(written.is_err(), fails);
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_at_once_make_one_chain_without_a_gap() {
    for opened in stores().await {
        let store = &opened.store;
        let (a, b) = (tenant(store, "acme").await, tenant(store, "globex").await);
        let chains = [Some(a.org), Some(b.org), None];
        // SQLite has one writing process; PostgreSQL has as many as there are replicas.
        let mut replica = store.clone();
        if opened.url.starts_with("postgres") {
            replica = Store::open(&opened.url).await.unwrap();
        }
        let replicas = [store, &replica];
        let writes = (0..120).map(|n| {
            let event = AuditEvent { org: chains[n % 3], ..audit(a.org) };
            append_two(replicas[n / 3 % 2], event, n % 5 == 0)
        });
        join_all(writes).await;
        for org in chains {
            let walked = walk(&lines(store, org).await);
            assert_eq!(walked, Ok(64), "40 writes of two, 8 of them undone");
        }
    }
}

/// What is done to the fourth of eight events by hand, and what a walk says then.
const TAMPERINGS: [(&str, &str); 19] = [
    ("UPDATE audit_event SET actor = 'nobody' WHERE position = 4 AND org = ORG", "event 4 ("),
    ("UPDATE audit_event SET action = 'run.open' WHERE position = 4 AND org = ORG", "event 4 ("),
    ("UPDATE audit_event SET target = 'other' WHERE position = 4 AND org = ORG", "event 4 ("),
    (
        "UPDATE audit_event SET created_at = created_at + 1 WHERE position = 4 AND org = ORG",
        "event 4 (",
    ),
    ("UPDATE audit_event SET seq = seq + 1 WHERE position = 4 AND org = ORG", "event 4 ("),
    (
        "UPDATE audit_event SET before = '{\"state\":\"open\"}' WHERE position = 4 AND org = ORG",
        "event 4 (",
    ),
    ("UPDATE audit_event SET after = NULL WHERE position = 4 AND org = ORG", "event 4 ("),
    ("UPDATE audit_event SET detail = 'not json' WHERE position = 4 AND org = ORG", "is damaged"),
    ("UPDATE audit_event SET digest = NULL WHERE position = 4 AND org = ORG", "it has no digest"),
    (
        "DELETE FROM audit_event WHERE position = 4 AND org = ORG",
        "event 4 was removed: event 5 comes next",
    ),
    (
        "DELETE FROM audit_event WHERE position = 1 AND org = ORG",
        "event 1 was removed: event 2 comes next",
    ),
    (
        "DELETE FROM audit_event WHERE position >= 7 AND org = ORG",
        "event 7 was removed: the head of the chain is at position 8",
    ),
    (
        "UPDATE audit_event SET org = NULL, position = 99 WHERE position = 4 AND org = ORG",
        "event 4 was removed",
    ),
    (
        "UPDATE audit_event SET position = 0 WHERE position = 8 AND org = ORG",
        "event 8 was removed: the head of the chain is at position 8",
    ),
    (
        "UPDATE audit_event SET position = 99 WHERE position = 4 AND org = ORG; \
         UPDATE audit_event SET position = 4 WHERE position = 5 AND org = ORG; \
         UPDATE audit_event SET position = 5 WHERE position = 99 AND org = ORG",
        "event 4 (",
    ),
    ("DELETE FROM audit_head WHERE org = ORG", "it is in no chain"),
    (
        "INSERT INTO audit_event (id, org, seq, actor, action, target, detail, created_at, position, previous, digest) \
         SELECT OTHER, org, seq, actor, action, target, detail, created_at, 0, previous, digest FROM audit_event \
         WHERE position = 4 AND org = ORG",
        "it is in no chain",
    ),
    (
        "INSERT INTO audit_event (id, org, seq, actor, action, target, detail, created_at, position, previous, digest) \
         SELECT OTHER, org, seq, actor, action, target, detail, created_at, 9, digest, digest FROM audit_event \
         WHERE position = 8 AND org = ORG",
        "it is in no chain",
    ),
    (
        "INSERT INTO audit_event (id, org, seq, actor, action, target, detail, created_at) \
         SELECT OTHER, org, seq, actor, action, target, detail, created_at FROM audit_event WHERE position = 4 AND org = ORG",
        "it is in no chain",
    ),
];

async fn by_hand(opened: &Opened, org: OrganizationId, sql: &str) {
    let db = Database::connect(&opened.url).await.unwrap();
    let literal = |id: Uuid| match db.get_database_backend() {
        sea_orm::DbBackend::Postgres => format!("'{id}'"),
        _ => format!("x'{}'", id.simple()),
    };
    let sql = sql.replace("ORG", &literal(org.0)).replace("OTHER", &literal(Uuid::now_v7()));
    let done = db.execute_unprepared(&sql).await.unwrap();
    assert!(done.rows_affected() > 0, "{sql}");
    db.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_to_a_row_by_hand_is_found_and_named() {
    for opened in stores().await {
        for (n, (sql, expected)) in TAMPERINGS.into_iter().enumerate() {
            let org = tenant(&opened.store, &format!("acme-{n}")).await.org;
            append(
                &opened.store,
                vec![audit(org); 8]
                    .into_iter()
                    .map(|event| AuditEvent { id: Uuid::now_v7(), ..event })
                    .collect(),
            )
            .await;
            assert_eq!(walk(&lines(&opened.store, Some(org)).await), Ok(8));
            by_hand(&opened, org, sql).await;
            let said = walk(&lines(&opened.store, Some(org)).await).unwrap_err();
            assert!(said.contains(expected), "{sql}: {said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_that_was_cut_off_with_the_head_moved_is_found_by_a_head_noted_elsewhere() {
    for opened in stores().await {
        let org = tenant(&opened.store, "acme").await.org;
        for _ in 0..8 {
            append(&opened.store, vec![audit(org)]).await;
        }
        let noted = opened.store.read().audit_head(Some(org)).await.unwrap().unwrap();
        by_hand(
            &opened,
            org,
            "UPDATE audit_head SET position = 6, digest = \
             (SELECT digest FROM audit_event WHERE position = 6 AND org = ORG) WHERE org = ORG; \
             DELETE FROM audit_event WHERE position > 6 AND org = ORG",
        )
        .await;
        let lines = lines(&opened.store, Some(org)).await;
        assert_eq!(walk(&lines), Ok(6), "what is left is a chain");
        let mut chain = Chain::new().expect(noted);
        let said = lines.iter().try_for_each(|line| chain.line(line).map(drop)).unwrap_err();
        assert_eq!(said.to_string(), "event 7 was removed: an event was noted at position 8");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_holds_what_was_asked_for() {
    for opened in stores().await {
        let store = &opened.store;
        let org = tenant(store, "acme").await.org;
        let event = |n: i64, actor: &str, action: &str| AuditEvent {
            id: Uuid::now_v7(),
            actor: actor.to_owned(),
            action: action.to_owned(),
            target: format!("t{n}"),
            created_at: engine::Timestamp::from_millis(n),
            ..audit(org)
        };
        append(
            store,
            vec![
                event(1, "token:a", "run.open"),
                event(2, "token:b", "run.cancel"),
                event(3, "Token:a", "key.create"),
                event(4, "token:ab", "run.open"),
            ],
        )
        .await;
        let none = AuditFilter::default;
        let text = |text: &str| Some(text.to_owned());
        let at = |ms| Some(engine::Timestamp::from_millis(ms));
        for (filter, expected) in [
            (none(), vec![4, 3, 2, 1]),
            (AuditFilter { actor: text("token:a"), ..none() }, vec![1]),
            (AuditFilter { actor: text("token:a*"), ..none() }, vec![4, 1]),
            (AuditFilter { actor: text("token:%"), ..none() }, vec![]),
            (AuditFilter { actor: text("*"), ..none() }, vec![4, 3, 2, 1]),
            (AuditFilter { action: text("run.*"), ..none() }, vec![4, 2, 1]),
            (AuditFilter { action: text("run.open"), target: text("t4"), ..none() }, vec![4]),
            (AuditFilter { since: at(2), until: at(4), ..none() }, vec![3, 2]),
        ] {
            let found =
                store.read().audit_events(Some(org), &filter, Page::first(9)).await.unwrap();
            let positions: Vec<u64> = found.iter().map(|entry| entry.event.position).collect();
            assert_eq!(positions, expected, "{filter:?}");
        }
        let page = Page { after: Some(3), limit: 1 };
        let found = store.read().audit_events(Some(org), &none(), page).await.unwrap();
        assert_eq!(found[0].event.position, 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_is_too_large_or_does_not_read_back_is_kept_as_its_digest() {
    for opened in stores().await {
        let org = tenant(&opened.store, "acme").await.org;
        let large = json!({ "text": "x".repeat(20_000) });
        let event = AuditEvent {
            before: Some(large.clone()),
            after: Some(Value::Null),
            detail: Some(json!({ "n": [1, 2.5, "ä", 1e300] })),
            ..audit(org)
        };
        append(&opened.store, vec![event.clone()]).await;
        assert_eq!(walk(&lines(&opened.store, Some(org)).await), Ok(1));
        let found = opened
            .store
            .read()
            .audit_events(Some(org), &AuditFilter::default(), Page::first(1))
            .await
            .unwrap()
            .remove(0)
            .event;
        let digest = engine::canonical::digest(&large).unwrap();
        assert_eq!(found.before, Some(json!({ "omitted_bytes": 20_011, "digest": digest })));
        assert_eq!((found.after, found.detail), (None, event.detail));
    }
}

async fn trail(control: &Control, actor: &Actor) -> Vec<Entry> {
    let lines: Vec<Line> =
        control.audit_trail(actor, 0).await.unwrap().try_collect().await.unwrap();
    walk(&lines).unwrap();
    lines
        .into_iter()
        .filter_map(|line| match line {
            Line::Entry(entry) => Some(*entry),
            _ => None,
        })
        .collect()
}

async fn last(plane: &Plane) -> engine::audit::Event {
    trail(&plane.control, &plane.owner).await.pop().unwrap().event
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_receipt_is_an_event_with_its_step() {
    for plane in planes().await {
        let crafted = plane.craft(b"app", "good").await;
        let run = crafted.run.id;
        let receive = |bytes: Vec<u8>| plane.control.receive(&plane.owner, run, bytes);
        let stranger = trust::SigningKey::generate().unwrap();
        let good = plane.sign(&crafted).bytes().to_vec();
        let forged = Plane {
            key: stranger,
            database: plane.database.clone(),
            control: plane.control.clone(),
            owner: plane.owner.clone(),
            instance: plane.instance.clone(),
            directory: tempfile::tempdir().unwrap(),
        };
        let mut other = plane.craft(b"app", "good").await;
        other.run.id = run;
        for (bytes, step) in [
            (b"{}".to_vec(), "bundle"),
            (forged.sign(&crafted).bytes().to_vec(), "signature"),
            (plane.sign(&other).bytes().to_vec(), "run"),
            (vec![b' '; usize::try_from(Limits::DEFAULT.bundle_bytes_max).unwrap() + 1], "size"),
        ] {
            let digest = Digest::of(&bytes);
            let error = receive(bytes).await.unwrap_err();
            let event = last(&plane).await;
            assert_eq!(
                (event.action.as_str(), event.target),
                ("attestation.refuse", run.to_string())
            );
            assert_eq!(event.actor, format!("token:{}:{}", plane.owner.name, plane.owner.token));
            let detail = event.detail.unwrap();
            assert_eq!(detail["step"], step);
            assert_eq!(detail["reason"], error.to_string());
            assert_eq!(detail["attestation"], json!(digest));
        }
        receive(good.clone()).await.unwrap();
        let event = last(&plane).await;
        assert_eq!(event.action, "attestation.receive");
        assert_eq!(event.before.unwrap()["state"], "open");
        assert_eq!(event.after.unwrap()["verdict"], "passed");
        let count = trail(&plane.control, &plane.owner).await.len();
        receive(good).await.unwrap();
        assert_eq!(
            trail(&plane.control, &plane.owner).await.len(),
            count,
            "the same bytes change nothing"
        );
        for _ in 0..RECORDED_PER_CREDENTIAL {
            receive(b"{}".to_vec()).await.unwrap_err();
        }
        let all = trail(&plane.control, &plane.owner).await;
        let refused = all.iter().filter(|entry| entry.event.action == "attestation.refuse").count();
        assert_eq!(refused, usize::try_from(RECORDED_PER_CREDENTIAL).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn denied_attempts_are_recorded_where_they_belong_and_bounded() {
    for plane in planes().await {
        let Plane { control, owner, instance, .. } = &plane;
        let scopes = vec![control::Scope::Read];
        let revoked =
            control.create_token(owner, "old".parse().unwrap(), scopes, None).await.unwrap();
        control.revoke_token(owner, revoked.token.id).await.unwrap();
        let deny = async |credential: Credential<'_>| {
            let source = Some("192.0.2.7".parse().unwrap());
            let attempt = "POST /v1/projects".to_owned();
            control
                .record_denial(Denial { credential, source, attempt, code: "x", reason: "y" })
                .await;
        };
        for _ in 0..15 {
            deny(Credential::Refused(&revoked.secret)).await;
        }
        deny(Credential::Accepted(owner)).await;
        deny(Credential::Refused("hunter2")).await;
        deny(Credential::Missing).await;
        control.settle_denials().await.unwrap();
        let of = |all: Vec<Entry>| {
            let denied = all.into_iter().filter(|entry| entry.event.action == "access.deny");
            denied.map(|entry| entry.event).collect::<Vec<_>>()
        };
        let ours = of(trail(control, owner).await);
        assert_eq!(ours.len(), 11, "ten of the revoked token, one of the owner");
        assert_eq!(ours[0].actor, format!("token:old:{}", revoked.token.id));
        assert_eq!(ours[0].target, "POST /v1/projects");
        assert_eq!(
            ours[0].detail,
            Some(json!({ "code": "x", "reason": "y", "source": "192.0.2.7" }))
        );
        let strangers = of(trail(control, instance).await);
        let labels: Vec<&str> = strangers.iter().map(|event| event.actor.as_str()).collect();
        assert_eq!(labels, ["unknown", "anonymous"]);
        let everything = json!([ours, strangers]).to_string();
        assert!(!everything.contains("hunter2") && !everything.contains(&revoked.secret));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_only_counted_is_told_before_the_server_stops() {
    for opened in stores().await {
        let folder = tempfile::tempdir().unwrap();
        let blobs = BlobsConfig::Directory(folder.path().to_owned());
        let config = Config::new(opened.url.clone(), blobs);
        let control = Control::open(config).await.unwrap();
        for n in 1..=255 {
            let source = Some([192, 0, 2, n].into());
            let (credential, attempt) = (Credential::Missing, "GET /v1/runs".to_owned());
            let denial = Denial { credential, source, attempt, code: "x", reason: "y" };
            control.record_denial(denial).await;
        }
        control.close().await.unwrap();
        let read = opened.store.read();
        let events =
            read.audit_events(None, &AuditFilter::default(), Page::first(999)).await.unwrap();
        assert_eq!(events.len(), usize::try_from(RECORDED_PER_CREDENTIAL).unwrap() + 1);
        let last = &events[0].event;
        assert_eq!((last.actor.as_str(), last.action.as_str()), ("anonymous", "access.deny"));
        assert_eq!(last.detail.as_ref().unwrap()["suppressed"], 255 - RECORDED_PER_CREDENTIAL);
        assert!(walk(&lines(&opened.store, None).await).is_ok());
    }
}

#[tokio::test]
async fn only_administrators_read_the_trail() {
    for plane in planes().await {
        let made = plane.control.create_token(
            &plane.owner,
            "ci".parse().unwrap(),
            vec![control::Scope::Read, control::Scope::Attest],
            None,
        );
        let ci = plane.control.authenticate(&made.await.unwrap().secret).await.unwrap();
        assert!(matches!(plane.control.audit_head(&ci).await, Err(Error::Forbidden(_))));
        assert!(matches!(
            plane.control.audit_trail(&ci, 0).await.map(drop),
            Err(Error::Forbidden(_))
        ));
        let ours = trail(&plane.control, &plane.owner).await;
        let theirs = trail(&plane.control, &plane.instance).await;
        assert!(ours.iter().all(|entry| entry.event.organization.is_some()));
        let actions: Vec<&str> = theirs.iter().map(|entry| entry.event.action.as_str()).collect();
        assert_eq!(actions, ["token.create", "organization.create"]);
        let end = plane.control.audit_trail(&plane.owner, 1_000).await.map(drop).unwrap_err();
        assert!(end.to_string().contains("the chain ends at position"), "{end}");
    }
}
