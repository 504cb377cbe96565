//! What a store promises, on every database.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use control::store::{
    AttestationFilter, AuditFilter, Page, RunFilter, RunState, Store, StoreError,
};
use engine::id::{OrganizationId, RunId};
use engine::{Digest, Verdict};
use futures::future::{OptionFuture, join_all};
use uuid::Uuid;

use crate::support::{
    NOW, attest, audit, blob, insert_receipt, insert_run, receipt, revision, run, sqlite, stores,
    tenant, token,
};

#[tokio::test(flavor = "multi_thread")]
async fn opening_twice_changes_nothing() {
    for opened in stores().await {
        let tenant = tenant(&opened.store, "acme").await;
        opened.store.close().await.unwrap();
        let again = Store::open(&opened.url).await.unwrap();
        assert_eq!(
            again.read().organization(tenant.org).await.unwrap().unwrap().name.as_str(),
            "acme"
        );
        again.check().await.unwrap();
        assert!(matches!(opened.store.check().await, Err(StoreError::Unavailable { .. })));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_may_open_a_new_database_at_once() {
    let Some(cluster) = testdata::peers::postgres() else { return };
    let url = cluster.database();
    for opened in join_all((0..4).map(|_| Store::open(&url))).await {
        assert_eq!(opened.unwrap().read().current_seq().await.unwrap(), 0);
    }
}

#[tokio::test]
async fn other_databases_are_refused_without_their_password() {
    for url in
        ["sqlite::memory:", "sqlite://x?mode=memory", "mysql://root:secret@host/db", "nonsense"]
    {
        let error = Store::open(url).await.unwrap_err();
        assert!(matches!(error, StoreError::Address { .. }), "{url}");
        assert!(!error.to_string().contains("secret"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_reads_back() {
    for opened in stores().await {
        let store = &opened.store;
        let t = tenant(store, "acme").await;
        let name = "web".parse().unwrap();
        let read = store.read();
        assert_eq!(
            read.organization_by_name(&"acme".parse().unwrap()).await.unwrap().unwrap().id,
            t.org
        );
        assert_eq!(read.project_by_name(t.org, &name).await.unwrap().unwrap().id, t.project);
        assert_eq!(
            read.workflow_by_name(t.org, t.project, &name).await.unwrap().unwrap().contract,
            t.contract
        );
        assert_eq!(read.contract_by_name(t.org, &name).await.unwrap().unwrap().id, t.contract);
        let latest = read.latest_contract_revision(t.org, t.contract).await.unwrap().unwrap();
        assert_eq!(latest.record, revision(&t, t.revision, 1));
        assert_eq!(
            read.contract_revision_by_digest(t.org, latest.record.digest).await.unwrap(),
            Some(latest)
        );
        let expected = token(&t);
        assert_eq!(read.token_by_hash(expected.secret_hash).await.unwrap(), Some(expected));

        let mut run = run(&t);
        insert_run(store, &run).await;
        let written = receipt(&run, "build", &["sbom", "tests"], &["image"]);
        let seq = insert_receipt(store, &written).await.unwrap();
        run.state = RunState::Closed;
        run.closed_at = Some(NOW);
        assert_eq!(read.run(t.org, run.id).await.unwrap(), Some(run.clone()));
        let found = read.attestation_by_digest(t.org, Digest::of("build")).await.unwrap().unwrap();
        assert_eq!((found.seq, &found.record), (seq, &written.attestation));
        let ids = [found.record.id];
        assert_eq!(read.subjects_of(t.org, &ids).await.unwrap()[&ids[0]], written.subjects);
        assert_eq!(read.materials_of(t.org, &ids).await.unwrap()[&ids[0]], written.materials);
        assert_eq!(read.evaluations_of(t.org, &ids).await.unwrap()[&ids[0]], written.evaluations);
        assert_eq!(
            read.verdicts_of(t.org, &ids).await.unwrap()[&ids[0]][0].record,
            written.verdict
        );
        let by_subject =
            read.attestations_by_subject(t.org, Digest::of("image"), Page::first(9)).await.unwrap();
        let by_material = read
            .attestations_by_material(t.org, Digest::of("tests"), Page::first(9))
            .await
            .unwrap();
        assert_eq!((by_subject, by_material), (vec![found.clone()], vec![found]));
        let leaves = read.log_leaves(0, 9).await.unwrap();
        assert_eq!(leaves.iter().map(|leaf| leaf.record).collect::<Vec<_>>(), written.log);
        assert_eq!(leaves.iter().map(|leaf| leaf.seq).collect::<Vec<_>>(), [seq, seq + 1]);
        assert_eq!(read.current_seq().await.unwrap(), seq + 1);
        assert_eq!(read.waiting_events(9).await.unwrap()[0].record, written.outbox[0]);
        let all = AuditFilter::default();
        let events = read.audit_events(Some(t.org), &all, Page::first(9)).await.unwrap();
        let event = &events[0].event;
        assert_eq!((event.position, event.previous, event.seq), (1, None, seq));
        assert_eq!((event.id, &event.after), (written.audit[0].id, &written.audit[0].after));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_revisions_are_taken_once() {
    for opened in stores().await {
        let t = tenant(&opened.store, "acme").await;
        let twice = revision(&t, Uuid::now_v7(), 1);
        let result = opened.store.write(move |tx| {
            let twice = twice.clone();
            Box::pin(async move { tx.insert_contract_revision(&twice).await })
        });
        let error: StoreError = result.await.unwrap_err();
        assert!(
            matches!(&error, StoreError::Conflict { what } if what == "contract_revision"),
            "{error}"
        );
        let mut orphan = run(&t);
        orphan.contract_revision = Uuid::now_v7();
        let result = opened.store.write(move |tx| {
            let orphan = orphan.clone();
            Box::pin(async move { tx.insert_run(&orphan).await })
        });
        assert!(matches!(result.await, Err(StoreError::NotFound { .. })));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writes_share_a_commit_and_one_that_fails_fails_alone() {
    const WRITES: usize = 200;
    let opened = sqlite().await;
    let t = tenant(&opened.store, "acme").await;
    let before = opened.store.commits();
    let writes = (0..WRITES).map(|number| {
        let (store, org) = (opened.store.clone(), t.org);
        async move {
            store
                .write(move |tx| {
                    Box::pin(async move {
                        tx.reference_blob(blob(org, &number.to_string()), None).await?;
                        let seven = || StoreError::Conflict { what: "seven".to_owned() };
                        (number != 7).then_some(number).ok_or_else(seven)
                    })
                })
                .await
        }
    });
    let results = join_all(writes.map(tokio::spawn)).await;
    for (number, result) in results.into_iter().enumerate() {
        let result = result.unwrap();
        assert_eq!(result.is_err(), number == 7);
        let stored = opened.store.read().blob(t.org, Digest::of(number.to_string())).await.unwrap();
        assert_eq!(stored.is_some(), number != 7, "{number}");
    }
    let commits = opened.store.commits() - before;
    assert!(commits < u64::try_from(WRITES).unwrap(), "{commits} commits");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_and_an_impatient_caller_leave_the_writer_alive() {
    let opened = sqlite().await;
    let t = tenant(&opened.store, "acme").await;
    let result: Result<(), StoreError> =
        opened.store.write(|_| Box::pin(async { panic!("on purpose") })).await;
    assert!(matches!(result, Err(StoreError::Unavailable { .. })));
    let (store, org) = (opened.store.clone(), t.org);
    let write = tokio::spawn(async move {
        store
            .write(move |tx| Box::pin(async move { tx.reference_blob(blob(org, "x"), None).await }))
            .await
    });
    write.abort();
    insert_run(&opened.store, &run(&t)).await;
    assert_eq!(
        opened
            .store
            .read()
            .list_runs(t.org, RunFilter::default(), Page::first(9))
            .await
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_receipts_for_a_run_one_wins() {
    for opened in stores().await {
        let t = tenant(&opened.store, "acme").await;
        let run = run(&t);
        insert_run(&opened.store, &run).await;
        let receipts =
            (0..12).map(|number| receipt(&run, &format!("build {number}"), &["sbom"], &["image"]));
        let tasks = receipts.map(|receipt| {
            let store = opened.store.clone();
            tokio::spawn(async move { insert_receipt(&store, &receipt).await })
        });
        let results: Vec<_> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        for error in results.into_iter().filter_map(Result::err) {
            assert!(
                matches!(&error, StoreError::Conflict { what } if what == "an open run"),
                "{error}"
            );
        }
        let read = opened.store.read();
        let stored = read
            .list_attestations(t.org, &AttestationFilter::default(), Page::first(99))
            .await
            .unwrap();
        assert_eq!(stored.len(), 1);
        assert_eq!(read.log_leaves(0, 99).await.unwrap().len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_that_arrive_together_share_a_commit() {
    const COUNT: usize = 24;
    for opened in stores().await {
        let t = tenant(&opened.store, "acme").await;
        let mut receipts = Vec::with_capacity(COUNT);
        for number in 0..COUNT {
            let run = run(&t);
            insert_run(&opened.store, &run).await;
            receipts.push(receipt(&run, &format!("build {number}"), &["sbom"], &["image"]));
        }
        let (start, commits) =
            (opened.store.read().current_seq().await.unwrap(), opened.store.commits());
        let all = join_all(receipts.iter().map(|receipt| insert_receipt(&opened.store, receipt)));
        let mut numbers: Vec<u64> = all.await.into_iter().map(Result::unwrap).collect();
        assert!(opened.store.commits() - commits < 4, "each was written by itself");
        numbers.sort_unstable();
        let expected: Vec<u64> = (start + 1..).step_by(2).take(COUNT).collect();
        assert_eq!(numbers, expected, "each has a number for each of its two leaves");
        let read = opened.store.read();
        for receipt in &receipts {
            let new = &receipt.attestation;
            let stored = read.attestation_by_digest(t.org, new.digest).await.unwrap().unwrap();
            assert_eq!(stored.record, *new);
            let run = read.run(t.org, new.run).await.unwrap().unwrap();
            assert_eq!((run.state, run.closed_at), (RunState::Closed, Some(new.created_at)));
            assert_eq!(
                read.subjects_of(t.org, &[new.id]).await.unwrap()[&new.id],
                receipt.subjects
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_that_cannot_be_written_does_not_take_others_with_it() {
    for opened in stores().await {
        let t = tenant(&opened.store, "acme").await;
        let (good, never) = (run(&t), run(&t));
        insert_run(&opened.store, &good).await;
        let good = receipt(&good, "good", &["sbom"], &["image"]);
        let bad = receipt(&never, "bad", &["sbom"], &["image"]);
        let (first, second) =
            tokio::join!(insert_receipt(&opened.store, &bad), insert_receipt(&opened.store, &good));
        assert!(matches!(first, Err(StoreError::Conflict { .. })), "{first:?}");
        second.unwrap();
    }
}

/// Whoever sees a sequence number sees everything below it: a reader that polls never finds a gap that fills later.
async fn note(store: &Store, org: OrganizationId) -> Result<u64, StoreError> {
    store.write(move |tx| Box::pin(async move { tx.insert_audit(&[audit(org)]).await })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn sequence_numbers_are_in_commit_order() {
    const WRITERS: u64 = 8;
    const EACH: u64 = 12;
    for opened in stores().await {
        let t = tenant(&opened.store, "acme").await;
        let start = opened.store.read().current_seq().await.unwrap();
        let writer = |_| {
            let (store, org) = (opened.store.clone(), t.org);
            tokio::spawn(async move {
                for _ in 0..EACH {
                    note(&store, org).await?;
                }
                Ok::<_, StoreError>(())
            })
        };
        let writers: Vec<_> = (0..WRITERS).map(writer).collect();
        let mut seen = 0;
        while seen < WRITERS * EACH {
            let read = opened.store.read();
            let all = AuditFilter::default();
            let events = read.audit_events(Some(t.org), &all, Page::first(1_000)).await.unwrap();
            let numbers: Vec<u64> = events.iter().rev().map(|entry| entry.event.seq).collect();
            let expected: Vec<u64> = (start + 1..).take(numbers.len()).collect();
            assert_eq!(numbers, expected);
            seen = u64::try_from(numbers.len()).unwrap();
        }
        for result in join_all(writers).await {
            result.unwrap().unwrap();
        }
        assert_eq!(opened.store.read().current_seq().await.unwrap(), start + WRITERS * EACH);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_runs_the_work_again() {
    let Some(cluster) = testdata::peers::postgres() else { return };
    let store = Store::open(&cluster.database()).await.unwrap();
    let (a, b) = (tenant(&store, "a").await, tenant(&store, "b").await);
    let meeting = Arc::new(tokio::sync::Barrier::new(2));
    let attempts = Arc::new(AtomicU32::new(0));
    let cross = |first: engine::id::TokenId, second: engine::id::TokenId| {
        let (store, meeting, attempts) =
            (store.clone(), Arc::clone(&meeting), Arc::clone(&attempts));
        tokio::spawn(async move {
            store
                .write(move |tx| {
                    let (meeting, attempts) = (Arc::clone(&meeting), Arc::clone(&attempts));
                    Box::pin(async move {
                        tx.touch_token(first, NOW.plus_days(1)).await?;
                        // Only the first attempts meet; the loser's second finds the way free.
                        let first_attempt = attempts.fetch_add(1, Ordering::SeqCst) < 2;
                        OptionFuture::from(first_attempt.then(|| meeting.wait())).await;
                        tx.touch_token(second, NOW.plus_days(1)).await
                    })
                })
                .await
        })
    };
    let (one, two) = (cross(a.token, b.token), cross(b.token, a.token));
    let (one, two): (Result<(), StoreError>, Result<(), StoreError>) =
        (one.await.unwrap(), two.await.unwrap());
    one.unwrap();
    two.unwrap();
    assert!(attempts.load(Ordering::SeqCst) > 2, "the transactions did not collide");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_page_without_gaps_or_repeats() {
    for opened in stores().await {
        let t = tenant(&opened.store, "acme").await;
        let read = opened.store.read();
        let mut expected = BTreeSet::new();
        for number in 0..7 {
            let run = run(&t);
            insert_run(&opened.store, &run).await;
            expected.insert(run.id);
            attest(&opened.store, &t, &number.to_string(), &[], &["image"]).await;
        }
        let filter = RunFilter {
            state: Some(RunState::Open),
            workflow: Some(t.workflow),
            ..RunFilter::default()
        };
        let mut page = Page::<RunId>::first(3);
        let mut found = Vec::new();
        loop {
            let runs = read.list_runs(t.org, filter.clone(), page).await.unwrap();
            let Some(last) = runs.last() else { break };
            page.after = Some(last.id);
            found.extend(runs.iter().map(|run| run.id));
        }
        assert_eq!(found, expected.into_iter().rev().collect::<Vec<_>>());

        let all = AttestationFilter {
            verdict: Some(Verdict::Failed.to_string()),
            ..AttestationFilter::default()
        };
        let seqs = |list: Vec<control::store::Sequenced<_>>| {
            list.iter().map(|a| a.seq).collect::<Vec<u64>>()
        };
        let first = seqs(read.list_attestations(t.org, &all, Page::first(4)).await.unwrap());
        let rest = seqs(
            read.list_attestations(t.org, &all, Page { after: first.last().copied(), limit: 9 })
                .await
                .unwrap(),
        );
        assert_eq!((first.len(), rest.len()), (4, 3));
        assert!(first.iter().chain(&rest).is_sorted_by(|a, b| a > b));
        let then = AttestationFilter { as_of: Some(rest[0]), ..all.clone() };
        assert_eq!(seqs(read.list_attestations(t.org, &then, Page::first(9)).await.unwrap()), rest);
        let passed = AttestationFilter { verdict: Some(Verdict::Passed.to_string()), ..all };
        assert!(read.list_attestations(t.org, &passed, Page::first(9)).await.unwrap().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_sees_nothing_of_another() {
    for opened in stores().await {
        let store = &opened.store;
        let (a, b) = (tenant(store, "a").await, tenant(store, "b").await);
        let run = run(&a);
        insert_run(store, &run).await;
        insert_receipt(store, &receipt(&run, "build", &["sbom"], &["image"])).await.unwrap();
        let read = store.read();
        let found =
            read.attestation_by_digest(a.org, Digest::of("build")).await.unwrap().unwrap().record;
        assert_eq!(read.run(b.org, run.id).await.unwrap(), None);
        assert_eq!(read.project(b.org, a.project).await.unwrap(), None);
        assert_eq!(read.workflow(b.org, a.workflow).await.unwrap(), None);
        assert_eq!(read.contract(b.org, a.contract).await.unwrap(), None);
        assert_eq!(read.contract_revision_by_id(b.org, a.revision).await.unwrap(), None);
        assert_eq!(read.attestation(b.org, found.id).await.unwrap(), None);
        assert_eq!(read.attestation_by_digest(b.org, found.digest).await.unwrap(), None);
        assert!(read.subjects_of(b.org, &[found.id]).await.unwrap().is_empty());
        assert!(read.materials_of(b.org, &[found.id]).await.unwrap().is_empty());
        assert!(read.evaluations_of(b.org, &[found.id]).await.unwrap().is_empty());
        assert!(read.verdicts_of(b.org, &[found.id]).await.unwrap().is_empty());
        assert!(
            read.attestations_by_subject(b.org, Digest::of("image"), Page::first(9))
                .await
                .unwrap()
                .is_empty()
        );
        assert!(
            read.list_runs(b.org, RunFilter::default(), Page::first(9)).await.unwrap().is_empty()
        );
        let cancelled = store.write(move |tx| {
            Box::pin(
                async move { tx.end_run(b.org, run.id, RunState::Cancelled, "mine", NOW).await },
            )
        });
        assert!(matches!(cancelled.await, Err(StoreError::Conflict { .. })));
    }
}
