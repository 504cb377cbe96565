//! Which revision of which contract the runs of a workflow must meet.

use control::{Control, Error, OpenedRun, Terms, WorkflowUpdate};
use engine::Name;

use crate::plane::{Plane, organization, path, planes};

const NEXT: &str = "
apiVersion: muster.dev/v1
kind: Contract
metadata: { name: release, description: the next }
spec:
  materials: [{ name: sbom, kind: sbom-cyclonedx-json }]
";

const OTHER: &str = "
apiVersion: muster.dev/v1
kind: Contract
metadata: { name: other }
spec:
  materials: [{ name: notes, kind: evidence }]
";

fn named(contract: &str, revision: Option<u32>) -> WorkflowUpdate {
    let contract = Some(contract.parse().unwrap());
    WorkflowUpdate { contract, contract_revision: revision, deadline_minutes: None }
}

impl Plane {
    async fn open(&self) -> OpenedRun {
        self.control.open_run(&self.owner, &path()).await.unwrap()
    }

    /// What the next run would be opened under.
    async fn next(&self) -> (Name, u32) {
        let contract = self.open().await.contract;
        (contract.name, contract.revision)
    }

    async fn update(&self, update: WorkflowUpdate) -> Result<control::Workflow, Error> {
        self.control.update_workflow(&self.owner, path(), update).await
    }
}

#[tokio::test]
async fn a_workflow_follows_its_contract_or_stays_at_a_revision() {
    for plane in planes().await {
        let under = |name: &str, revision: u32| (name.parse::<Name>().unwrap(), revision);
        let before = plane.open().await;
        plane.control.put_contract(&plane.owner, NEXT.to_owned(), [].into()).await.unwrap();
        plane.control.put_contract(&plane.owner, OTHER.to_owned(), [].into()).await.unwrap();
        assert_eq!(plane.next().await, under("release", 2), "it follows");
        let run = plane.control.run(&plane.owner, before.id).await.unwrap();
        assert_eq!(run.contract_revision, 1, "what is open stays under what it was opened under");

        let pinned = plane.update(named("release", Some(1))).await.unwrap();
        assert_eq!(pinned.contract_revision, Some(1));
        assert_eq!(plane.next().await, under("release", 1));
        plane.control.cancel_run(&plane.owner, before.id, "again".to_owned()).await.unwrap();
        let again = plane.control.rerun(&plane.owner, before.id).await.unwrap();
        assert_eq!(again.contract.revision, 1, "so does what is repeated");

        // A deadline changes nothing else.
        let minutes = WorkflowUpdate { deadline_minutes: Some(5), ..WorkflowUpdate::default() };
        let hurried = plane.update(minutes).await.unwrap();
        assert_eq!((hurried.contract_revision, hurried.deadline_minutes), (Some(1), 5));
        plane.update(named("release", None)).await.unwrap();
        assert_eq!(plane.next().await, under("release", 2), "it follows again");
        plane.update(named("other", None)).await.unwrap();
        assert_eq!(plane.next().await, under("other", 1));
        let shown = plane.control.workflow(&plane.owner, &path()).await.unwrap();
        assert_eq!((shown.contract.as_str(), shown.deadline_minutes), ("other", 5));
        assert_eq!(plane.control.workflows(&plane.owner, false).await.unwrap(), [shown]);
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_met_and_nothing_is_changed() {
    for plane in planes().await {
        let stranger = organization(&plane.control, &plane.instance, "other").await;
        let before = plane.control.workflow(&plane.owner, &path()).await.unwrap();
        for (update, code) in [
            (WorkflowUpdate::default(), "invalid"),
            (named("release", Some(2)), "not-found"),
            (named("nothing", None), "not-found"),
            (WorkflowUpdate { deadline_minutes: Some(0), ..WorkflowUpdate::default() }, "invalid"),
        ] {
            assert_eq!(plane.update(update.clone()).await.unwrap_err().code(), code, "{update:?}");
        }
        let control: &Control = &plane.control;
        let foreign = control.update_workflow(&stranger, path(), named("release", None)).await;
        assert_eq!(foreign.unwrap_err().code(), "not-found");
        assert_eq!(control.workflow(&stranger, &path()).await.unwrap_err().code(), "not-found");
        let terms = Terms { contract_revision: Some(9), ..Terms::of("release".parse().unwrap()) };
        let nightly = "web/nightly".parse().unwrap();
        let made = control.create_workflow(&plane.owner, nightly, terms).await;
        assert_eq!(made.unwrap_err().code(), "not-found");
        assert_eq!(control.workflows(&plane.owner, false).await.unwrap(), [before]);
    }
}

#[tokio::test]
async fn auditors_see_both_sides_of_a_change_and_none_where_nothing_changed() {
    for plane in planes().await {
        plane.update(named("release", Some(1))).await.unwrap();
        plane.update(named("release", Some(1))).await.unwrap();
        let filter = control::store::AuditFilter {
            action: Some("workflow.update".to_owned()),
            ..Default::default()
        };
        let page = plane.control.audit_events(&plane.owner, &filter, None, 9).await.unwrap();
        assert_eq!(page.items.len(), 1, "{:?}", page.items);
        let said = format!("{:?}", page.items[0]);
        assert!(said.contains("contract_revision"), "{said}");
    }
}

#[tokio::test]
async fn a_deleted_workflow_opens_no_run_and_comes_back_as_it_was() {
    for plane in planes().await {
        let Plane { control, owner, .. } = &plane;
        let open = plane.open().await;
        let before = control.workflow(owner, &path()).await.unwrap();
        control.delete_workflow(owner, path()).await.unwrap();
        let gone = |error: Error| {
            assert!(
                matches!(&error, Error::NotFound(why) if why.contains("was deleted at")),
                "{error:?}"
            );
        };
        gone(control.open_run(owner, &path()).await.unwrap_err());
        gone(control.delete_workflow(owner, path()).await.unwrap_err());
        gone(plane.update(named("release", Some(1))).await.unwrap_err());
        assert!(control.workflows(owner, false).await.unwrap().is_empty());
        let deleted = control.workflows(owner, true).await.unwrap();
        assert!(deleted[0].deleted_at.is_some());
        let taken = Terms::of("release".parse().unwrap());
        let taken = control.create_workflow(owner, path(), taken).await;
        assert!(matches!(taken, Err(Error::Conflict(_))), "{taken:?}");
        // What is open is finished, and what was attested is found.
        let crafted = plane.craft_for(open, b"app", "good").await;
        plane.push(&crafted).await.unwrap();
        gone(control.rerun(owner, crafted.run.id).await.unwrap_err());
        assert_eq!(
            control.runs(owner, Some(&path()), None, None, 10).await.unwrap().items.len(),
            1
        );
        assert_eq!(control.restore_workflow(owner, path()).await.unwrap(), before);
        let again = control.restore_workflow(owner, path()).await;
        assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
        plane.open().await;
    }
}

#[tokio::test]
async fn a_contract_is_deleted_once_no_workflow_is_under_it() {
    for plane in planes().await {
        let Plane { control, owner, .. } = &plane;
        let release: Name = "release".parse().unwrap();
        let used = control.delete_contract(owner, &release).await.unwrap_err();
        assert!(used.to_string().contains("`web/release`"), "{used}");
        control.delete_workflow(owner, path()).await.unwrap();
        control.delete_contract(owner, &release).await.unwrap();
        assert!(control.contracts(owner, false).await.unwrap().is_empty());
        assert!(control.contracts(owner, true).await.unwrap()[0].deleted_at.is_some());
        let other: engine::run::WorkflowPath = "web/other".parse().unwrap();
        for error in [
            control
                .create_workflow(owner, other.clone(), Terms::of(release.clone()))
                .await
                .unwrap_err(),
            control.restore_workflow(owner, path()).await.unwrap_err(),
            control.put_contract(owner, NEXT.to_owned(), [].into()).await.unwrap_err(),
            control.delete_contract(owner, &release).await.unwrap_err(),
        ] {
            assert!(error.to_string().contains("the contract `release` was deleted at"), "{error}");
        }
        let shown = control.contract(owner, &release, Some(1)).await.unwrap();
        assert!(shown.deleted_at.is_some(), "its revisions are history");
        let restored = control.restore_contract(owner, &release).await.unwrap();
        assert_eq!((restored.revision, restored.deleted_at), (1, None));
        control.restore_workflow(owner, path()).await.unwrap();
        control.create_workflow(owner, other, Terms::of(release)).await.unwrap();
    }
}
