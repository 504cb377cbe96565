//! People who log in: who is let in, as what, and until when.

use control::{Actor, Error, LogIn, LoginProvider, NewSession, Role, SESSION_HOURS, Scope};
use engine::Digest;
use serde_json::{Value, json};
use testdata::peers::Issuer;
use testdata::tokens::{TokenKey, encoded};

use crate::plane::{Plane, organization, planes_with};

pub(crate) const JANE: &str = "jane@acme.test";

/// The planes on which people log in with that issuer.
pub(crate) async fn planes(issuer: &Issuer) -> Vec<Plane> {
    planes_with(Some(LoginProvider {
        issuer: issuer.url(),
        client_id: "muster-cli".to_owned(),
        groups_claim: "groups".to_owned(),
    }))
    .await
}

/// What the provider says of somebody who just logged in there, with those claims besides or instead.
pub(crate) fn identity(issuer: &Issuer, email: &str, claims: &Value) -> String {
    let mut all = json!({
        "sub": format!("sub of {email}"), "aud": "muster-cli", "email": email, "email_verified": true,
    });
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    issuer.token(&all)
}

fn asked(id_token: String) -> LogIn {
    LogIn { id_token, secret: None, organization: None }
}

/// Whoever has that address, logged in to `acme`.
pub(crate) async fn log_in(plane: &Plane, issuer: &Issuer, email: &str) -> Actor {
    let asked = LogIn {
        organization: Some("acme".parse().unwrap()),
        ..asked(identity(issuer, email, &json!({})))
    };
    let session = plane.control.log_in(&asked).await.unwrap();
    plane.control.authenticate(&session.secret).await.unwrap()
}

/// The same for somebody who is invited as that first.
pub(crate) async fn join(plane: &Plane, issuer: &Issuer, email: &str, role: Role) -> Actor {
    let acme = "acme".parse().unwrap();
    plane.control.invite_for(&plane.instance, &acme, email, role).await.unwrap();
    log_in(plane, issuer, email).await
}

/// The step at which a login ended, and what was said.
fn refused(result: Result<NewSession, Error>) -> (&'static str, String) {
    match result.unwrap_err() {
        Error::NotAdmitted { code, message } => (code, message),
        error => panic!("{error:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invited_person_becomes_a_member_by_logging_in_and_stays_one() {
    let issuer = Issuer::start();
    for plane in planes(&issuer).await {
        let Plane { control, owner, .. } = &plane;
        control.invite(owner, "Jane@Acme.test", Role::Member).await.unwrap();
        let session = control.log_in(&asked(identity(&issuer, JANE, &json!({})))).await.unwrap();
        assert_eq!((session.email.as_str(), session.role), (JANE, Role::Member));
        assert_eq!(session.organization.as_str(), "acme");
        let jane = control.authenticate(&session.secret).await.unwrap();
        assert_eq!((jane.name.as_str(), &jane.scopes[..]), ("jane", &[Scope::Session][..]));
        let person = jane.person.clone().unwrap();
        assert_eq!((person.email.as_str(), person.role), (JANE, Role::Member));
        assert!(control.invitations(owner).await.unwrap().is_empty(), "it was accepted");
        assert_eq!(control.members(&jane).await.unwrap()[0].id, person.id);
        assert_eq!(control.tokens(owner).await.unwrap().len(), 1, "not those of people");

        // Another login, under another address: the same person.
        let moved = json!({ "sub": format!("sub of {JANE}") });
        let again = identity(&issuer, "jane.doe@acme.test", &moved);
        let again = control.log_in(&asked(again)).await.unwrap();
        let again = control.authenticate(&again.secret).await.unwrap().person.unwrap();
        assert_eq!((again.id, again.email.as_str()), (person.id, "jane.doe@acme.test"));
        assert_eq!(control.members(owner).await.unwrap().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_by_time_by_logging_out_and_with_the_membership() {
    let issuer = Issuer::start();
    for plane in planes(&issuer).await {
        let Plane { control, owner, .. } = &plane;
        control.invite(owner, JANE, Role::Viewer).await.unwrap();
        let begin =
            async || control.log_in(&asked(identity(&issuer, JANE, &json!({})))).await.unwrap();
        let session = begin().await;
        let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
        let (lives, most) = (session.expires_at.as_millis() - now, SESSION_HOURS * 3_600_000);
        assert!((most - 60_000..=most).contains(&lives), "{lives}");
        let jane = control.authenticate(&session.secret).await.unwrap();
        control.log_out(&jane).await.unwrap();
        let ended = control.authenticate(&session.secret).await.unwrap_err();
        assert!(ended.to_string().contains("was revoked"), "{ended}");
        assert!(control.log_out(owner).await.is_err(), "a machine does not log out");

        let session = begin().await;
        let person = jane.person.unwrap();
        control.remove_member(owner, person.id).await.unwrap();
        let gone = control.authenticate(&session.secret).await.unwrap_err();
        assert_eq!(gone.to_string(), format!("`{JANE}` is no member any more"));
        let (step, _) = refused(control.log_in(&asked(identity(&issuer, JANE, &json!({})))).await);
        assert_eq!(step, "member");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_is_holds_from_the_next_request_on() {
    let issuer = Issuer::start();
    for plane in planes(&issuer).await {
        let Plane { control, owner, .. } = &plane;
        control.invite(owner, JANE, Role::Viewer).await.unwrap();
        let session = control.log_in(&asked(identity(&issuer, JANE, &json!({})))).await.unwrap();
        let now = async || control.authenticate(&session.secret).await.unwrap();
        let make = async |name: &str| {
            control.create_project(&now().await, name.parse().unwrap()).await.map(drop)
        };
        let refused = make("api").await.unwrap_err();
        let expected = "as `viewer` you may not edit-projects: that takes the role `admin`";
        assert_eq!(refused.to_string(), expected);
        let id = now().await.person.unwrap().id;
        control.set_member_role(owner, id, Role::Admin).await.unwrap();
        make("api").await.unwrap();
        control.set_member_role(owner, id, Role::Member).await.unwrap();
        assert!(make("db").await.is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_of_the_provider_make_members_of_people_and_never_less_of_them() {
    let issuer = Issuer::start();
    for plane in planes(&issuer).await {
        let Plane { control, owner, .. } = &plane;
        let of_security = || {
            let groups = json!({ "groups": ["security", "everyone"] });
            let asked = asked(identity(&issuer, JANE, &groups));
            LogIn { organization: Some("acme".parse().unwrap()), ..asked }
        };
        assert_eq!(refused(control.log_in(&of_security()).await).0, "member");
        control.set_group_role(owner, "security".to_owned(), Role::Admin).await.unwrap();
        let everyone = control.set_group_role(owner, "everyone".to_owned(), Role::Viewer).await;
        let session = control.log_in(&of_security()).await.unwrap();
        assert_eq!(session.role, Role::Admin);
        let now = async || {
            let actor = control.authenticate(&session.secret).await?;
            Ok::<_, Error>(actor.person.unwrap().role)
        };
        assert_eq!(now().await.unwrap(), Role::Admin);
        let groups = control.group_roles(owner).await.unwrap();
        let security = groups.iter().find(|one| one.group == "security").unwrap();
        control.delete_group_role(owner, security.id).await.unwrap();
        assert_eq!(now().await.unwrap(), Role::Viewer);
        // As a member by invitation she is more than her group.
        control.invite(owner, JANE, Role::Member).await.unwrap();
        assert_eq!(control.log_in(&of_security()).await.unwrap().role, Role::Member);
        assert_eq!(now().await.unwrap(), Role::Member);
        control.delete_group_role(owner, everyone.unwrap().id).await.unwrap();
        let id = control.members(owner).await.unwrap()[0].id;
        control.remove_member(owner, id).await.unwrap();
        assert!(now().await.unwrap_err().to_string().contains("no member any more"));
        for wrong in [String::new(), "a\nb".to_owned(), "x".repeat(257)] {
            assert!(control.set_group_role(owner, wrong, Role::Viewer).await.is_err());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_is_used_once_whoever_is_first() {
    let issuer = Issuer::start();
    for plane in planes(&issuer).await {
        let Plane { control, owner, .. } = &plane;
        control.invite(owner, JANE, Role::Viewer).await.unwrap();
        let token = identity(&issuer, JANE, &json!({}));
        let (one, two) = (asked(token.clone()), asked(token));
        let (one, two) = tokio::join!(control.log_in(&one), control.log_in(&two));
        assert_eq!([one.is_ok(), two.is_ok()].into_iter().filter(|ok| *ok).count(), 1);
        assert_eq!(control.members(owner).await.unwrap().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_step_of_a_login_refuses_what_is_right_but_for_it() {
    let issuer = Issuer::start();
    let other = Issuer::start();
    let plane = planes(&issuer).await.remove(0);
    let Plane { control, owner, .. } = &plane;
    control.invite(owner, JANE, Role::Viewer).await.unwrap();
    let said = |claims: Value| identity(&issuer, JANE, &claims);
    let stranger = TokenKey::p256("first");
    let signed = said(json!({}));
    let (head, _) = signed.split_once('.').unwrap();
    let forged = stranger.token(&json!({ "iss": issuer.url(), "aud": "muster-cli" }));
    let secret = "what only the program knows";
    let nonce = {
        let digest = Digest::of(secret);
        // The digest as bytes, in base64url.
        encoded_bytes(digest.as_bytes())
    };
    let cases: Vec<(&str, String, Option<&str>)> = vec![
        ("form", "no token".to_owned(), None),
        ("form", format!("{head}.{}.x", encoded("[]")), None),
        ("signature", forged, None),
        ("issuer", identity(&other, JANE, &json!({})), None),
        ("audience", said(json!({ "aud": "another" })), None),
        ("expiry", said(json!({ "exp": 1 })), None),
        ("age", said(json!({ "iat": 1 })), None),
        ("party", said(json!({ "azp": "another" })), None),
        ("party", said(json!({ "aud": ["muster-cli", "another"] })), None),
        ("nonce", said(json!({ "nonce": nonce })), None),
        ("nonce", said(json!({ "nonce": nonce })), Some("another secret")),
        ("nonce", said(json!({ "nonce": 7 })), None),
        ("nonce", said(json!({})), Some(secret)),
        ("member", said(json!({ "email_verified": false })), None),
        ("member", said(json!({ "email_verified": null })), None),
        ("member", said(json!({ "email": null })), None),
        ("member", said(json!({ "email": "Jane <jane@acme.test>" })), None),
        ("member", said(json!({ "email": "john@acme.test" })), None),
    ];
    for (expected, id_token, secret) in cases {
        let secret = secret.map(ToOwned::to_owned);
        let asked = LogIn { id_token: id_token.clone(), secret, organization: None };
        let (step, message) = refused(control.log_in(&asked).await);
        assert_eq!(step, expected, "{message}");
        assert!(!message.contains(&id_token), "{message}");
    }
    let named = LogIn { organization: Some("nowhere".parse().unwrap()), ..asked(said(json!({}))) };
    assert_eq!(refused(control.log_in(&named).await).0, "member");
    let good = LogIn {
        secret: Some(secret.to_owned()),
        ..asked(said(json!({ "nonce": nonce, "azp": "muster-cli" })))
    };
    assert_eq!(control.log_in(&good).await.unwrap().role, Role::Viewer);
}

fn encoded_bytes(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_in_several_organizations_says_which_and_strangers_cannot_be_drawn_elsewhere() {
    let issuer = Issuer::start();
    for plane in planes(&issuer).await {
        let Plane { control, owner, instance, .. } = &plane;
        let other = organization(control, instance, "globex").await;
        control.invite(&other, JANE, Role::Owner).await.unwrap_err();
        control.invite(owner, JANE, Role::Member).await.unwrap();
        control.invite(&other, JANE, Role::Admin).await.unwrap();
        let token = || identity(&issuer, JANE, &json!({}));
        let (step, message) = refused(control.log_in(&asked(token())).await);
        assert_eq!(step, "member");
        assert_eq!(message, "say which organization: `acme`, `globex`");
        let acme = LogIn { organization: Some("acme".parse().unwrap()), ..asked(token()) };
        assert_eq!(control.log_in(&acme).await.unwrap().role, Role::Member);
        // Now there is one of which she is a member; that others invite her does not change where she logs in.
        let session = control.log_in(&asked(token())).await.unwrap();
        assert_eq!(session.organization.as_str(), "acme");
        assert_eq!(control.members(&other).await.unwrap().len(), 0);
        let jane = control.authenticate(&session.secret).await.unwrap();
        assert!(control.organizations(&jane).await.is_err());
        assert!(control.create_organization(&jane, "mine".parse().unwrap(), None).await.is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_logs_in_where_there_is_no_provider() {
    let plane = crate::plane::planes().await.remove(0);
    assert!(plane.control.login_provider().is_none());
    let refused = plane.control.log_in(&asked("a.b.c".to_owned())).await.unwrap_err();
    assert!(matches!(refused, Error::NotFound(_)), "{refused:?}");
}
