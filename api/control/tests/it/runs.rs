//! What becomes of runs: ended with a reason, abandoned, repeated.

use control::{
    BlobsConfig, Config, Control, DEADLINE_MINUTES, DEADLINE_MINUTES_MAX, Error, REASON_CHARS_MAX,
    Run, RunState, Terms,
};
use engine::Limits;
use engine::audit::{Event, Line};
use engine::id::RunId;
use futures::TryStreamExt;
use sea_orm::{ConnectionTrait, Database};

use crate::plane::{Plane, furnish, organization, path, planes};

/// Moves the deadlines of all open runs into the past.
async fn overdue(plane: &Plane) {
    let db = Database::connect(&plane.database).await.unwrap();
    let done = db.execute_unprepared("UPDATE run SET expires_at = 1 WHERE state = 'open'").await;
    assert!(done.unwrap().rows_affected() > 0);
    db.close().await.unwrap();
}

async fn opened(plane: &Plane) -> RunId {
    plane.control.open_run(&plane.owner, &path()).await.unwrap().id
}

async fn show(plane: &Plane, run: RunId) -> Run {
    plane.control.run(&plane.owner, run).await.unwrap()
}

/// The audit events about a run, oldest first.
async fn told(plane: &Plane, run: RunId) -> Vec<Event> {
    let lines = plane.control.audit_trail(&plane.owner, 0).await.unwrap();
    let lines: Vec<Line> = lines.try_collect().await.unwrap();
    let events = lines.into_iter().filter_map(|line| match line {
        Line::Entry(entry) => Some(entry.event),
        _ => None,
    });
    events.filter(|event| event.target == run.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_ended_says_why_and_takes_no_attestation() {
    for plane in planes().await {
        let Plane { control, owner, .. } = &plane;
        for (state, action) in [(RunState::Cancelled, "run.cancel"), (RunState::Failed, "run.fail")]
        {
            let crafted = plane.craft(b"app", "good").await;
            let id = crafted.run.id;
            let end = async |reason: &str| match state {
                RunState::Failed => control.fail_run(owner, id, reason.to_owned()).await,
                _ => control.cancel_run(owner, id, reason.to_owned()).await,
            };
            for wrong in ["", " ", &"x".repeat(REASON_CHARS_MAX + 1)] {
                let refused = end(wrong).await.unwrap_err();
                assert!(refused.to_string().contains("1 to 1000 characters"), "{refused}");
            }
            let run = end("the runner was lost").await.unwrap();
            assert_eq!((run.state, run.reason.as_deref()), (state, Some("the runner was lost")));
            let event = told(&plane, id).await.pop().unwrap();
            assert_eq!(
                (event.action.as_str(), event.before.unwrap()["state"].as_str()),
                (action, Some("open"))
            );
            assert_eq!(event.after.unwrap()["reason"], "the runner was lost");
            assert!(matches!(end("again").await, Err(Error::Conflict(_))), "once");
            assert!(matches!(plane.push(&crafted).await, Err(Error::Conflict(_))));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_run_expires_when_it_is_looked_at() {
    for plane in planes().await {
        let run = opened(&plane).await;
        let waiting = show(&plane, run).await;
        let minutes =
            (waiting.expires_at.unwrap().as_millis() - waiting.created_at.as_millis()) / 60_000;
        assert_eq!((waiting.state, minutes), (RunState::Open, i64::from(DEADLINE_MINUTES)));
        overdue(&plane).await;
        let expired = show(&plane, run).await;
        assert_eq!(expired.state, RunState::Expired);
        assert!(expired.closed_at.is_some());
        assert_eq!(expired.reason.unwrap(), "no attestation came before its deadline");
        let event = told(&plane, run).await.pop().unwrap();
        assert_eq!((event.actor.as_str(), event.action.as_str()), ("server:expiry", "run.expire"));
        assert_eq!(event.after.unwrap()["state"], "expired");
        let listed = async |state| {
            let page = plane.control.runs(&plane.owner, None, Some(state), None, 9).await.unwrap();
            page.items.into_iter().map(|run| run.id).collect::<Vec<_>>()
        };
        assert_eq!(listed(RunState::Expired).await, [run]);
        let other = opened(&plane).await;
        assert_eq!(listed(RunState::Open).await, [other]);
        overdue(&plane).await;
        assert_eq!(listed(RunState::Open).await, []);
        assert_eq!(listed(RunState::Expired).await, [other, run]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_after_the_deadline_is_refused_before_any_sweep() {
    for plane in planes().await {
        let crafted = plane.craft(b"app", "good").await;
        overdue(&plane).await;
        let late = plane.push(&crafted).await.unwrap_err();
        assert!(late.to_string().contains("expired at 1970-01-01"), "{late}");
        let cancelled = plane.control.cancel_run(&plane.owner, crafted.run.id, "late".to_owned());
        let cancelled = cancelled.await.unwrap_err();
        assert!(cancelled.to_string().ends_with("is expired, not open"), "{cancelled}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_sweep_at_once_end_each_run_once() {
    for plane in planes().await {
        let mut runs = Vec::new();
        for _ in 0..120 {
            runs.push(opened(&plane).await);
        }
        let mut replica = plane.control.clone();
        let folder = tempfile::tempdir().unwrap();
        if plane.database.starts_with("postgres") {
            let blobs = BlobsConfig::Directory(folder.path().to_owned());
            let (database, limits) = (plane.database.clone(), Limits::DEFAULT);
            replica =
                Control::open(Config { limits, ..Config::new(database, blobs) }).await.unwrap();
        }
        overdue(&plane).await;
        let swept = tokio::join!(plane.control.expire_runs(), replica.expire_runs());
        assert!(swept.0.is_ok() && swept.1.is_ok(), "{swept:?}");
        for run in runs {
            let actions: Vec<String> =
                told(&plane, run).await.into_iter().map(|event| event.action).collect();
            assert_eq!(actions, ["run.open", "run.expire"]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_says_how_long_its_runs_wait() {
    for plane in planes().await {
        let Plane { control, owner, .. } = &plane;
        let within = |minutes| {
            let contract = "release".parse().unwrap();
            Terms { deadline_minutes: Some(minutes), ..Terms::of(contract) }
        };
        for wrong in [0, DEADLINE_MINUTES_MAX + 1] {
            let path = "web/wrong".parse().unwrap();
            let refused = control.create_workflow(owner, path, within(wrong)).await;
            assert!(matches!(refused, Err(Error::Invalid { .. })), "{wrong}");
        }
        let quick: engine::run::WorkflowPath = "web/quick".parse().unwrap();
        control.create_workflow(owner, quick.clone(), within(5)).await.unwrap();
        let id = control.open_run(owner, &quick).await.unwrap().id;
        let run = show(&plane, id).await;
        let waits_ms = run.expires_at.unwrap().as_millis() - run.created_at.as_millis();
        assert_eq!(waits_ms, 5 * 60_000);
        let workflows = control.workflows(owner, false).await.unwrap();
        let minutes: Vec<u32> = workflows.iter().map(|one| one.deadline_minutes).collect();
        assert_eq!(minutes, [5, DEADLINE_MINUTES]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_repeated_once_it_is_over() {
    for plane in planes().await {
        let Plane { control, owner, .. } = &plane;
        let run = opened(&plane).await;
        let early = control.rerun(owner, run).await.unwrap_err();
        assert!(early.to_string().contains("is still open"), "{early}");
        overdue(&plane).await;
        let again = control.rerun(owner, run).await.unwrap();
        assert_eq!((again.rerun_of, again.workflow.as_str()), (Some(run), "release"));
        assert_eq!(show(&plane, again.id).await.rerun_of, Some(run));
        let event = told(&plane, again.id).await.pop().unwrap();
        assert_eq!(event.action, "run.rerun");
        assert_eq!(event.after.unwrap()["rerun_of"], run.to_string());
        let attested = plane.craft(b"app", "good").await;
        plane.push(&attested).await.unwrap();
        control.rerun(owner, attested.run.id).await.unwrap();

        let stranger = organization(control, &plane.instance, "globex").await;
        furnish(control, &stranger, &plane.key).await;
        assert!(matches!(control.rerun(&stranger, run).await, Err(Error::NotFound(_))));
        let foreign = control.fail_run(&stranger, run, "mine".to_owned()).await;
        assert!(matches!(foreign, Err(Error::NotFound(_))));
    }
}
