//! Versions of projects: runs are of one, and a released one takes no more.

use control::{Actor, Error, OpenedRun};
use engine::Name;

use crate::plane::{Plane, organization, path, planes};

fn web() -> Name {
    "web".parse().unwrap()
}

impl Plane {
    async fn open_version(&self, version: &str) -> Result<OpenedRun, Error> {
        self.control.open_run_of(&self.owner, &path(), Some(version.to_owned())).await
    }

    async fn release(&self, by: &Actor, version: &str) -> Result<control::ProjectVersion, Error> {
        self.control.release_version(by, &web(), version).await
    }
}

fn conflict<T: std::fmt::Debug>(result: Result<T, Error>, part: &str) {
    match result {
        Err(Error::Conflict(message)) if message.contains(part) => {}
        other => panic!("{part}: {other:?}"),
    }
}

#[tokio::test]
async fn a_version_is_released_once_it_is_attested_and_takes_no_more_runs() {
    for plane in planes().await {
        let Plane { control, owner, .. } = &plane;
        assert!(matches!(plane.release(owner, "1.4.0").await, Err(Error::NotFound(_))));
        let first = plane.open_version("1.4.0").await.unwrap();
        let second = plane.open_version("1.4.0").await.unwrap();
        plane.open_version("1.5.0").await.unwrap();
        assert_eq!(first.version.as_deref(), Some("1.4.0"));
        conflict(plane.release(owner, "1.4.0").await, "2 runs of `web@1.4.0` are open");
        control.cancel_run(owner, second.id, "not needed".to_owned()).await.unwrap();
        let id = first.id;
        let crafted = plane.craft_for(first, b"app", "good").await;
        plane.push(&crafted).await.unwrap();
        assert_eq!(control.run(owner, id).await.unwrap().version.as_deref(), Some("1.4.0"));
        let released = plane.release(owner, "1.4.0").await.unwrap();
        assert_eq!((released.attested, released.open), (1, 0));
        assert!(released.released_at.is_some());

        conflict(plane.open_version("1.4.0").await, "takes no more runs");
        conflict(control.rerun(owner, id).await, "takes no more runs");
        conflict(control.rerun(owner, second.id).await, "takes no more runs");
        conflict(plane.release(owner, "1.4.0").await, "was released at");
        let listed = control.project_versions(owner, &web()).await.unwrap();
        let listed: Vec<(&str, bool)> =
            listed.iter().map(|one| (one.version.as_str(), one.released_at.is_some())).collect();
        assert_eq!(listed, [("1.5.0", false), ("1.4.0", true)]);
        conflict(plane.release(owner, "1.5.0").await, "1 runs of `web@1.5.0` are open");
        plane.open_version("1.6.0").await.unwrap();
    }
}

#[tokio::test]
async fn a_version_that_nobody_attested_is_not_released() {
    for plane in planes().await {
        let run = plane.open_version("2.0.0").await.unwrap();
        plane.control.cancel_run(&plane.owner, run.id, "broken".to_owned()).await.unwrap();
        conflict(plane.release(&plane.owner, "2.0.0").await, "nobody attested `web@2.0.0`");
    }
}

#[tokio::test]
async fn a_statement_names_the_version_that_its_run_was_opened_for() {
    for plane in planes().await {
        for (opened, claimed) in
            [(Some("1.0.0"), None), (Some("1.0.0"), Some("1.0.1")), (None, Some("1.0.0"))]
        {
            let version = opened.map(ToOwned::to_owned);
            let run = plane.control.open_run_of(&plane.owner, &path(), version).await.unwrap();
            let mut crafted = plane.craft_for(run, b"app", "good").await;
            let workflow = crafted.predicate.circumstances.workflow.as_mut().unwrap();
            workflow.version = claimed.map(ToOwned::to_owned);
            let refused = plane.push(&crafted).await.unwrap_err();
            assert!(matches!(refused, Error::Refused { code: "workflow", .. }), "{refused:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_one_who_opens_and_one_who_releases_at_once_one_is_first() {
    for plane in planes().await {
        for round in 0..8 {
            let version = format!("3.0.{round}");
            let run = plane.open_version(&version).await.unwrap();
            let crafted = plane.craft_for(run, format!("app {round}").as_bytes(), "good").await;
            plane.push(&crafted).await.unwrap();
            let (opened, released) =
                tokio::join!(plane.open_version(&version), plane.release(&plane.owner, &version));
            assert!(opened.is_ok() != released.is_ok(), "{opened:?} {released:?}");
        }
    }
}

#[tokio::test]
async fn versions_are_of_one_organization_and_have_a_form() {
    for plane in planes().await {
        let Plane { control, owner, instance, .. } = &plane;
        plane.open_version("1.0.0").await.unwrap();
        let other = organization(control, instance, "globex").await;
        assert!(matches!(control.project_versions(&other, &web()).await, Err(Error::NotFound(_))));
        assert!(matches!(plane.release(&other, "1.0.0").await, Err(Error::NotFound(_))));
        for wrong in ["", "a/b", "..", "1 0"] {
            let refused = plane.open_version(wrong).await;
            assert!(matches!(refused, Err(Error::Invalid { .. })), "{wrong}: {refused:?}");
        }
        assert_eq!(control.project_versions(owner, &web()).await.unwrap().len(), 1);
    }
}
