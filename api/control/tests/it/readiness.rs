//! How an organization stands, whatever it has.

use std::time::Duration;

use control::Terms;

use crate::plane::{Plane, organization, path, planes};

impl Plane {
    async fn judged(&self, app: &str, component: &str) {
        self.push(&self.craft(app.as_bytes(), component).await).await.unwrap();
    }
}

#[tokio::test]
async fn figures_are_of_ones_own_runs_and_attestations() {
    for plane in planes().await {
        let (control, owner) = (&plane.control, &plane.owner);
        let empty = control.readiness(owner).await.unwrap();
        assert!(empty.runs.values().chain(empty.verdicts.values()).all(|count| *count == 0));
        assert_eq!((empty.workflows, empty.workflows_attested), (1, 0));
        assert_eq!((empty.evidence_age, empty.time_to_attest), (None, None));

        let other = "web/other".parse().unwrap();
        control.create_workflow(owner, other, Terms::of("release".parse().unwrap())).await.unwrap();
        plane.judged("one", "good").await;
        plane.judged("two", "good").await;
        plane.judged("three", "evil").await;
        let failed = control.open_run(owner, &path()).await.unwrap();
        control.fail_run(owner, failed.id, "broke".to_owned()).await.unwrap();
        control.open_run(owner, &path()).await.unwrap();
        let found = control.readiness(owner).await.unwrap();
        for (state, count) in
            [("open", 1), ("closed", 3), ("failed", 1), ("cancelled", 0), ("expired", 0)]
        {
            assert_eq!(found.runs[state], count, "{state}");
        }
        for (verdict, count) in [("passed", 2), ("failed", 1), ("indeterminate", 0)] {
            assert_eq!(found.verdicts[verdict], count, "{verdict}");
        }
        assert_eq!((found.workflows, found.workflows_attested), (2, 1));
        let (age, took) = (found.evidence_age.unwrap(), found.time_to_attest.unwrap());
        assert_eq!((age.median, age.ninetieth), (age.longest, age.longest), "of one workflow");
        assert!(took.median <= took.ninetieth && took.longest < Duration::from_mins(1));

        let stranger = organization(control, &plane.instance, "globex").await;
        let theirs = control.readiness(&stranger).await.unwrap();
        assert_eq!((theirs.workflows, theirs.runs["closed"]), (0, 0));
        control.delete_workflow(owner, path()).await.unwrap();
        let deleted = control.readiness(owner).await.unwrap();
        assert_eq!((deleted.workflows, deleted.workflows_attested), (1, 0));
    }
}
