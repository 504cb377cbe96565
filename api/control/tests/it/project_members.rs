//! What people may in a project, and nowhere else.

use control::{Actor, Error, ProjectRole, Role, Terms, Whom, WorkflowUpdate};
use engine::id::RunId;
use engine::run::WorkflowPath;
use engine::{Digest, Name};
use serde_json::json;
use testdata::peers::Issuer;

use crate::plane::{Plane, path};
use crate::sessions::{JANE, identity, join, log_in, planes};

/// A project, and what there is in it.
struct There {
    project: Name,
    path: WorkflowPath,
    run: RunId,
    attestation: Digest,
    evidence: Digest,
}

fn project(name: &str) -> Name {
    name.parse().unwrap()
}

impl Plane {
    async fn there(&self, name: &str) -> There {
        let (control, owner) = (&self.control, &self.owner);
        let path = WorkflowPath { project: project(name), ..path() };
        if name != "web" {
            control.create_project(owner, project(name)).await.unwrap();
            let terms = Terms::of("release".parse().unwrap());
            control.create_workflow(owner, path.clone(), terms).await.unwrap();
        }
        let run = control.open_run_of(owner, &path, Some("1".to_owned())).await.unwrap();
        let app = format!("the application of {name}");
        let crafted = self.craft_for(run, app.as_bytes(), "good").await;
        let attestation = self.push(&crafted).await.unwrap().attestation.digest;
        let (run, evidence) = (crafted.run.id, Digest::of(app));
        There { project: project(name), path, run, attestation, evidence }
    }
}

/// Everything that a role in a project gives, the least role, and whether it was let happen.
async fn tried(plane: &Plane, who: &Actor, at: &There) -> Vec<(&'static str, ProjectRole, bool)> {
    use ProjectRole::{Admin, Contributor, Viewer};
    fn done<T>(result: Result<T, Error>) -> bool {
        match result {
            Ok(_) | Err(Error::Conflict(_) | Error::Precondition(_)) => true,
            Err(Error::Forbidden(_) | Error::NotFound(_)) => false,
            Err(error) => panic!("{error:?}"),
        }
    }
    let control = &plane.control;
    let There { project, path, run, attestation, evidence } = at;
    let mine = control.open_run(&plane.owner, path).await.unwrap().id;
    let whom = || Whom::Group("web-team".to_owned());
    let update = WorkflowUpdate { deadline_minutes: Some(90), ..WorkflowUpdate::default() };
    let reason = "given up".to_owned();
    vec![
        ("run", Viewer, done(control.run(who, *run).await)),
        ("runs", Viewer, done(control.runs(who, Some(path), None, None, 10).await)),
        ("attestation", Viewer, done(control.attestation(who, *attestation).await)),
        ("bundle", Viewer, done(control.bundle(who, *attestation).await)),
        ("verdict", Viewer, done(control.verdict(who, *attestation).await)),
        ("evidence", Viewer, done(control.blob(who, *evidence).await)),
        ("workflow", Viewer, done(control.workflow(who, path).await)),
        ("versions", Viewer, done(control.project_versions(who, project).await)),
        ("members", Viewer, done(control.project_members(who, project).await)),
        ("open", Contributor, done(control.open_run(who, path).await)),
        ("rerun", Contributor, done(control.rerun(who, *run).await)),
        ("craft", Contributor, done(control.put_crafting(who, mine, b"x", None).await)),
        ("crafted", Contributor, done(control.crafting(who, mine).await)),
        ("cancel", Contributor, done(control.cancel_run(who, mine, reason).await)),
        ("update", Admin, done(control.update_workflow(who, path.clone(), update).await)),
        ("release", Admin, done(control.release_version(who, project, "1").await)),
        ("role", Admin, done(control.set_project_role(who, project, whom(), Viewer).await)),
        ("delete", Admin, done(control.delete_workflow(who, path.clone()).await)),
        ("restore", Admin, done(control.restore_workflow(who, path.clone()).await)),
    ]
}

/// What crosses projects, to somebody who is something in projects alone.
async fn refused_everywhere(plane: &Plane, who: &Actor, at: &There) {
    let control = &plane.control;
    let question = control::LineageQuestion {
        root: at.evidence,
        direction: engine::lineage::Direction::Up,
        max_hops: 5,
        max_nodes: 10,
        as_of: None,
    };
    let prod = "prod".parse().unwrap();
    for (what, refused) in [
        ("lineage", control.lineage(who, question).await.map(drop)),
        ("decide", control.decide(who, &prod, &[at.evidence], None).await.map(drop)),
        ("gates", control.gates(who).await.map(drop)),
        ("members", control.members(who).await.map(drop)),
        ("keys", control.keys(who).await.map(drop)),
        ("imports", control.imports(who, None, 10).await.map(drop)),
        ("projects", control.create_project(who, project("mine")).await.map(drop)),
        ("tokens", control.tokens(who).await.map(drop)),
    ] {
        assert!(matches!(refused, Err(Error::Forbidden(_))), "{what}: {refused:?}");
    }
    assert_eq!(control.contracts(who, false).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_in_a_project_is_good_there_and_nowhere_else() {
    let issuer = Issuer::start();
    for plane in planes(&issuer).await {
        let Plane { control, owner, .. } = &plane;
        let (web, other) = (plane.there("web").await, plane.there("other").await);
        let mut jane = join(&plane, &issuer, JANE, Role::Guest).await;
        for role in std::iter::once(None).chain(ProjectRole::ALL.map(|(role, _)| Some(role))) {
            if let Some(role) = role {
                let whom = Whom::Email(JANE.to_owned());
                control.set_project_role(owner, &web.project, whom, role).await.unwrap();
                jane = log_in(&plane, &issuer, JANE).await;
            }
            for (what, least, done) in tried(&plane, &jane, &web).await {
                assert_eq!(done, role.is_some_and(|role| role >= least), "{what} as {role:?}");
            }
            for (what, _, done) in tried(&plane, &jane, &other).await {
                assert!(!done, "{what} elsewhere as {role:?}");
            }
            refused_everywhere(&plane, &jane, &web).await;
            if role.is_none() {
                continue;
            }
            let names = |all: Vec<Name>| all.into_iter().all(|name| name.as_str() == "web");
            let projects = control.projects(&jane).await.unwrap();
            assert!(names(projects.into_iter().map(|one| one.name).collect()));
            let workflows = control.workflows(&jane, false).await.unwrap();
            assert!(names(workflows.into_iter().map(|one| one.project).collect()));
            let runs = control.runs(&jane, None, None, None, 100).await.unwrap().items;
            assert!(!runs.is_empty() && names(runs.into_iter().map(|one| one.project).collect()));
            let attested = control.attestations(&jane, None, 100).await.unwrap().items;
            assert_eq!(attested.len(), 1);
            assert!(control.attestations_of(&jane, other.evidence).await.unwrap().is_empty());
            assert_eq!(control.attestations_of(&jane, web.evidence).await.unwrap().len(), 1);
        }
        // Whoever is something in the organization is not less for a role in a project.
        control.set_member_role(owner, jane.person.unwrap().id, Role::Member).await.unwrap();
        let jane = log_in(&plane, &issuer, JANE).await;
        control.open_run(&jane, &other.path).await.unwrap();
        control.run(&jane, other.run).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_comes_by_a_group_and_goes_with_the_membership() {
    let issuer = Issuer::start();
    for plane in planes(&issuer).await {
        let Plane { control, owner, .. } = &plane;
        let web = plane.there("web").await;
        let group = || Whom::Group("web-team".to_owned());
        let set = control.set_project_role(owner, &web.project, group(), ProjectRole::Viewer);
        let by_group = set.await.unwrap();
        let again = control.set_project_role(owner, &web.project, group(), ProjectRole::Admin);
        assert_eq!(again.await.unwrap().id, by_group.id, "one role for each");
        let nobody = Whom::Email(JANE.to_owned());
        let unknown = control.set_project_role(owner, &web.project, nobody, ProjectRole::Viewer);
        assert!(matches!(unknown.await, Err(Error::NotFound(_))));
        join(&plane, &issuer, JANE, Role::Guest).await;

        let asked = control::LogIn {
            id_token: identity(&issuer, JANE, &json!({ "groups": ["web-team"] })),
            secret: None,
            organization: None,
        };
        let session = control.log_in(&asked).await.unwrap();
        let jane = async || control.authenticate(&session.secret).await;
        let administrator = jane().await.unwrap();
        assert_eq!(administrator.person.as_ref().unwrap().projects.len(), 1);
        let own = Whom::Email(JANE.to_owned());
        let own = control.set_project_role(&administrator, &web.project, own, ProjectRole::Viewer);
        own.await.unwrap();
        let members = control.project_members(&administrator, &web.project).await.unwrap();
        assert_eq!(members.len(), 2);
        control.remove_project_member(&administrator, &web.project, by_group.id).await.unwrap();
        let viewer = jane().await.unwrap();
        control.run(&viewer, web.run).await.unwrap();
        assert!(control.open_run(&viewer, &web.path).await.is_err(), "at once");

        let id = viewer.person.unwrap().id;
        control.remove_member(owner, id).await.unwrap();
        assert!(jane().await.is_err());
        assert!(control.project_members(owner, &web.project).await.unwrap().is_empty());
        let jane = join(&plane, &issuer, JANE, Role::Guest).await;
        assert!(control.run(&jane, web.run).await.is_err(), "who comes back begins anew");
    }
}
