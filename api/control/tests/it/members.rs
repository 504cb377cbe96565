//! Members: who makes what of whom, and that somebody always owns what somebody owned.

use control::store::AuditFilter;
use control::{Actor, Error, Role, Scope};
use serde_json::json;
use testdata::peers::Issuer;

use crate::plane::Plane;
use crate::sessions::{JANE, join, log_in, planes};
use crate::waivers::{approve, ask, colleague};

const JOHN: &str = "john@acme.test";

fn id(actor: &Actor) -> engine::id::PersonId {
    actor.person.as_ref().unwrap().id
}

#[tokio::test(flavor = "multi_thread")]
async fn only_owners_make_and_unmake_owners() {
    let issuer = Issuer::start();
    for plane in planes(&issuer).await {
        let Plane { control, owner: machine, .. } = &plane;
        let jane = join(&plane, &issuer, JANE, Role::Owner).await;
        let john = join(&plane, &issuer, JOHN, Role::Admin).await;
        for administrator in [&john, machine] {
            let denied = [
                control.set_member_role(administrator, id(&john), Role::Owner).await.map(drop),
                control.set_member_role(administrator, id(&jane), Role::Viewer).await.map(drop),
                control.remove_member(administrator, id(&jane)).await,
                control.invite(administrator, "x@acme.test", Role::Owner).await.map(drop),
                control.set_group_role(administrator, "g".to_owned(), Role::Owner).await.map(drop),
            ];
            for denied in denied {
                let error = denied.unwrap_err();
                assert!(
                    matches!(&error, Error::Forbidden(why) if why.contains("only an owner")),
                    "{error:?}"
                );
            }
        }
        let invited = control.invite(&jane, "x@acme.test", Role::Owner).await.unwrap();
        assert!(control.revoke_invitation(&john, invited.id).await.is_err());
        control.set_member_role(&jane, id(&john), Role::Owner).await.unwrap();
        let john = log_in(&plane, &issuer, JOHN).await;
        control.remove_member(&john, id(&jane)).await.unwrap();
        let members = control.members(&john).await.unwrap();
        assert_eq!(members.len(), 1);
        assert_eq!((members[0].email.as_str(), members[0].role), (JOHN, Role::Owner));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_owner_stays_even_when_two_unmake_each_other() {
    let issuer = Issuer::start();
    for plane in planes(&issuer).await {
        let Plane { control, .. } = &plane;
        let jane = join(&plane, &issuer, JANE, Role::Owner).await;
        for alone in [
            control.remove_member(&jane, id(&jane)).await,
            control.set_member_role(&jane, id(&jane), Role::Admin).await.map(drop),
        ] {
            let error = alone.unwrap_err();
            assert!(error.to_string().contains("the last owner"), "{error}");
        }
        let john = join(&plane, &issuer, JOHN, Role::Owner).await;
        let (one, two) = tokio::join!(
            control.remove_member(&jane, id(&john)),
            control.set_member_role(&john, id(&jane), Role::Viewer)
        );
        assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
        let members = control.members(&plane.owner).await.unwrap();
        assert_eq!(members.iter().filter(|one| one.role == Role::Owner).count(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_ends_by_another_by_being_revoked_and_by_time() {
    let issuer = Issuer::start();
    for plane in planes(&issuer).await {
        let Plane { control, owner, .. } = &plane;
        let first = control.invite(owner, JANE, Role::Admin).await.unwrap();
        let second = control.invite(owner, JANE, Role::Viewer).await.unwrap();
        let open = control.invitations(owner).await.unwrap();
        assert_eq!(open, std::slice::from_ref(&second));
        let lives = second.expires_at.as_millis() - second.created_at.as_millis();
        assert_eq!(lives, 7 * 24 * 3_600_000);
        assert!(matches!(
            control.revoke_invitation(owner, first.id).await,
            Err(Error::NotFound(_))
        ));
        control.revoke_invitation(owner, second.id).await.unwrap();
        assert!(control.invitations(owner).await.unwrap().is_empty());
        for wrong in ["", "jane", "a@b@c"] {
            assert!(matches!(
                control.invite(owner, wrong, Role::Viewer).await,
                Err(Error::Invalid { .. })
            ));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn auditors_see_people_by_their_address() {
    let issuer = Issuer::start();
    for plane in planes(&issuer).await {
        let Plane { control, owner, .. } = &plane;
        let jane = join(&plane, &issuer, JANE, Role::Owner).await;
        let john = join(&plane, &issuer, JOHN, Role::Viewer).await;
        control.set_member_role(&jane, id(&john), Role::Admin).await.unwrap();
        control.remove_member(&jane, id(&john)).await.unwrap();
        let page = control.audit_events(owner, &AuditFilter::default(), None, 100).await.unwrap();
        let of = |action: &str| {
            let found =
                page.items.iter().map(|entry| &entry.event).find(|one| one.action == action);
            found.unwrap().clone()
        };
        let name = |actor: &Actor, email: &str| format!("person:{email}:{}", id(actor));
        let role = of("member.role");
        assert_eq!((role.actor, role.target.as_str()), (name(&jane, JANE), JOHN));
        assert_eq!(role.before.unwrap()["role"], json!("viewer"));
        assert_eq!(role.after.unwrap()["role"], json!("admin"));
        assert_eq!(of("member.delete").actor, name(&jane, JANE));
        let joined = of("member.join");
        assert_eq!((joined.actor, joined.target.as_str()), (name(&john, JOHN), JOHN));
        let begun = of("session.begin").after.unwrap();
        assert_eq!(begun["issuer"], json!(issuer.url()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_approves_what_they_or_a_token_of_theirs_asked_for() {
    let issuer = Issuer::start();
    for plane in planes(&issuer).await {
        let jane = join(&plane, &issuer, JANE, Role::Admin).await;
        let again = log_in(&plane, &issuer, JANE).await;
        let machine = colleague(&plane, &jane, "machine", &[Scope::Admin, Scope::Attest]).await;
        let john = join(&plane, &issuer, JOHN, Role::Admin).await;
        for (number, requester) in [&jane, &machine].into_iter().enumerate() {
            let asked = ask(&plane, requester, &format!("w{number}")).await;
            for own in [&jane, &again, &machine] {
                let refused = approve(&plane, &asked, own).await;
                assert!(matches!(refused, Err(Error::Forbidden(_))), "{}: {refused:?}", own.name);
            }
            approve(&plane, &asked, &john).await.unwrap();
        }
    }
}
