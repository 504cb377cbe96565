//! CI jobs without a secret: who is let in, how far, how often, and what is said of those who are not.

use control::store::AuditFilter;
use control::{Actor, Error, Exchange, JOB_MINUTES, Terms};
use engine::Digest;
use engine::audit::Event;
use engine::id::RunId;
use sea_orm::{ConnectionTrait, Database, DbBackend, Statement};
use serde_json::{Value, json};
use testdata::peers::Issuer;
use testdata::tokens::{TokenKey, encoded};

use crate::plane::{Plane, furnish, organization, path, planes, store};

const SUBJECT: &str = "repo:acme/web:ref:refs/heads/main";

/// A rule for the repository 7, which may run anything in `web`.
pub(crate) fn rule(name: &str, issuer: &str, claims: &Value) -> String {
    json!({
        "apiVersion": "muster.dev/v1", "kind": "TrustRule", "metadata": { "name": name },
        "spec": {
            "issuer": { "kind": "github", "url": issuer }, "audience": "muster",
            "grants": ["web/*"], "claims": claims, "max_age_minutes": 10,
        },
    })
    .to_string()
}

pub(crate) async fn trusting(plane: &Plane, issuer: &str) {
    let rule = rule("repo-7", issuer, &json!({ "repository_id": 7 }));
    plane.control.create_trust_rule(&plane.owner, &rule).await.unwrap();
}

fn asked(token: &str) -> Exchange {
    let organization = "acme".parse().unwrap();
    Exchange { organization, workflow: path(), run: None, token: token.to_owned(), source: None }
}

/// A job that was let in.
async fn job(plane: &Plane, issuer: &Issuer) -> Actor {
    let token = issuer.token(&json!({ "repository_id": "7" }));
    let token = plane.control.exchange(&asked(&token)).await.unwrap();
    plane.control.authenticate(&token.secret).await.unwrap()
}

/// What auditors are told with that action, newest first.
async fn told(plane: &Plane, action: &str) -> Vec<Event> {
    let filter = AuditFilter { action: Some(action.to_owned()), ..AuditFilter::default() };
    let page = plane.control.audit_events(&plane.owner, &filter, None, 100).await.unwrap();
    page.items.into_iter().map(|entry| entry.event).collect()
}

async fn count(plane: &Plane, table: &str) -> i64 {
    let db = Database::connect(&plane.database).await.unwrap();
    let backend = if plane.database.starts_with("postgres") {
        DbBackend::Postgres
    } else {
        DbBackend::Sqlite
    };
    let asked = Statement::from_string(backend, format!("SELECT count(*) AS n FROM {table}"));
    let n = db.query_one_raw(asked).await.unwrap().unwrap().try_get("", "n").unwrap();
    db.close().await.unwrap();
    n
}

async fn change(plane: &Plane, statement: &str) {
    let db = Database::connect(&plane.database).await.unwrap();
    assert!(db.execute_unprepared(statement).await.unwrap().rows_affected() > 0, "{statement}");
    db.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_attests_its_run_with_the_token_that_it_was_given() {
    for plane in planes().await {
        let issuer = Issuer::start();
        trusting(&plane, &issuer.url()).await;
        let owner = plane.owner.clone();
        let mut as_job = Plane { owner: job(&plane, &issuer).await, ..plane };
        // A request authenticates anew: the token is bound by then.
        let run = as_job.control.open_run(&as_job.owner, &path()).await.unwrap();
        as_job.owner.job.as_mut().unwrap().run = Some(run.id);
        let crafted = as_job.craft_for(run, b"app", "good").await;
        let receipt = as_job.push(&crafted).await.unwrap();
        assert_eq!(receipt.attestation.run, crafted.run.id);
        let run = as_job.control.run(&owner, crafted.run.id).await.unwrap();
        let shown = run.job.unwrap();
        assert_eq!((shown.rule.as_str(), shown.kind.name()), ("repo-7", "github"));
        assert_eq!((shown.issuer, shown.subject.as_str()), (issuer.url(), SUBJECT));
        assert_eq!(shown.claims, [("repository_id".to_owned(), "7".to_owned())].into());
        let other = as_job.control.open_run(&owner, &path()).await.unwrap().id;
        assert_eq!(as_job.control.run(&owner, other).await.unwrap().job, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_of_a_job_ends_soon_and_is_told_of_without_secrets() {
    for plane in planes().await {
        let issuer = Issuer::start();
        trusting(&plane, &issuer.url()).await;
        let identity = issuer.token(&json!({ "repository_id": "7", "ref": "refs/heads/main" }));
        let token = plane.control.exchange(&asked(&identity)).await.unwrap();
        let ends_ms = token.token.expires_at.unwrap().as_millis();
        let (lives_ms, most_ms) =
            (ends_ms - token.token.created_at.as_millis(), JOB_MINUTES * 60_000);
        assert!((most_ms - 10_000..=most_ms).contains(&lives_ms), "{lives_ms}");
        let actor = plane.control.authenticate(&token.secret).await.unwrap();
        assert_eq!(actor.scopes, [control::Scope::Job]);
        let event = told(&plane, "job.admit").await.pop().unwrap();
        assert_eq!(event.actor, format!("token:repo-7:{}", actor.token));
        assert_eq!(event.target, "web/release");
        let after = event.after.unwrap();
        assert_eq!(after["claims"], json!({ "ref": "refs/heads/main", "repository_id": "7" }));
        assert!(
            !after.to_string().contains(&token.secret) && !after.to_string().contains(&identity)
        );
        let listed = plane.control.tokens(&plane.owner).await.unwrap();
        assert_eq!(listed.len(), 1, "not those of jobs");
        change(&plane, "UPDATE api_token SET expires_at = 1 WHERE scopes LIKE '%job%'").await;
        let ended = plane.control.authenticate(&token.secret).await.unwrap_err();
        assert!(ended.to_string().contains("expired at 1970"), "{ended}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_of_a_job_opens_one_run_and_nothing_else() {
    for plane in planes().await {
        let Plane { control, owner, .. } = &plane;
        let issuer = Issuer::start();
        trusting(&plane, &issuer.url()).await;
        let other: engine::run::WorkflowPath = "web/nightly".parse().unwrap();
        let terms = Terms::of("release".parse().unwrap());
        control.create_workflow(owner, other.clone(), terms).await.unwrap();
        let others_run = control.open_run(owner, &other).await.unwrap().id;
        control.cancel_run(owner, others_run, "over".to_owned()).await.unwrap();

        let mut job = job(&plane, &issuer).await;
        let refused = |error: Error| match error {
            Error::Forbidden(message) => message,
            error => panic!("{error:?}"),
        };
        let (digest, blob) = (Digest::of("x"), b"x");
        let early = refused(store(control, &job, digest, blob).await.unwrap_err());
        assert!(early.contains("open it first"), "{early}");
        refused(control.blob_known(&job, digest).await.unwrap_err());
        let said = refused(control.open_run(&job, &other).await.unwrap_err());
        assert!(said.contains("another workflow than `web/nightly`"), "{said}");
        refused(control.rerun(&job, others_run).await.unwrap_err());
        refused(control.receive(&job, others_run, Vec::new()).await.unwrap_err());

        let own = path();
        let both = tokio::join!(control.open_run(&job, &own), control.open_run(&job, &own));
        let (won, lost) = match both {
            (Ok(won), Err(lost)) | (Err(lost), Ok(won)) => (won.id, lost),
            both => panic!("{both:?}"),
        };
        assert!(matches!(lost, Error::Conflict(_)), "{lost:?}");
        let runs = control.runs(owner, Some(&path()), None, None, 9).await.unwrap();
        assert_eq!(runs.items.len(), 1, "the other was not opened");
        job.job.as_mut().unwrap().run = Some(won);
        for again in [control.open_run(&job, &path()).await, control.rerun(&job, won).await] {
            let again = again.unwrap_err();
            assert!(again.to_string().contains(&format!("opened the run {won}")), "{again}");
        }
        let end = "mine now".to_owned();
        let said = refused(control.cancel_run(&job, others_run, end.clone()).await.unwrap_err());
        assert!(said.contains(&format!("good for the run {won} alone")), "{said}");
        refused(control.fail_run(&job, others_run, end.clone()).await.unwrap_err());
        refused(control.receive(&job, others_run, Vec::new()).await.unwrap_err());
        refused(control.run(&job, won).await.unwrap_err());
        refused(control.audit_head(&job).await.unwrap_err());
        refused(control.tokens(&job).await.unwrap_err());
        assert_eq!(store(control, &job, digest, blob).await.unwrap(), 1);
        assert_eq!(control.blob_known(&job, digest).await.unwrap().size, 1);
        control.cancel_run(&job, won, end).await.unwrap();
    }
}

/// A token that is wrong in one thing, and the step at which it ends.
fn refusals(issuer: &Issuer) -> Vec<(&'static str, String)> {
    let with = |claims: Value| {
        let mut all = json!({ "repository_id": "7" });
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        issuer.token(&all)
    };
    let good = with(json!({}));
    let (body, signature) = good.rsplit_once('.').unwrap();
    let (header, claims) = body.split_once('.').unwrap();
    let none = encoded(r#"{"alg":"none","kid":"first"}"#);
    let forged = json!({ "iss": issuer.url() });
    let stranger = TokenKey::p256("second").token(&forged);
    vec![
        ("form", "nonsense".to_owned()),
        ("size", "x".repeat(20_000)),
        ("algorithm", format!("{none}.{claims}.")),
        ("signature", format!("{header}.{}.{signature}", encoded(&forged.to_string()))),
        ("key", stranger),
        ("issuer", with(json!({ "iss": "https://token.actions.githubusercontent.com" }))),
        ("issuer", with(json!({ "iss": null }))),
        ("audience", with(json!({ "aud": "sigstore" }))),
        ("expiry", with(json!({ "exp": 1_000_000 }))),
        ("not-before", with(json!({ "nbf": 4_000_000_000_i64 }))),
        ("age", with(json!({ "iat": 1_000_000 }))),
        ("ssh-rerun", with(json!({ "oidc.circleci.com/ssh-rerun": true }))),
        ("rules", with(json!({ "repository_id": "8" }))),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn each_step_refuses_says_so_and_is_told_to_auditors() {
    for plane in planes().await {
        let issuer = Issuer::start();
        let (control, silent) = (&plane.control, Issuer::start());
        trusting(&plane, &issuer.url()).await;
        let admit = async |asked: &Exchange| match control.exchange(asked).await {
            Err(Error::NotAdmitted { code, message }) => (code, message),
            other => panic!("{other:?}"),
        };
        for (step, token) in refusals(&issuer) {
            let (code, message) = admit(&asked(&token)).await;
            assert_eq!(code, step, "{message}");
            let event = told(&plane, "job.refuse").await.remove(0);
            assert_eq!((event.actor.as_str(), event.target.as_str()), ("job", "web/release"));
            let detail = event.detail.unwrap();
            assert_eq!((&detail["step"], &detail["reason"]), (&json!(step), &json!(message)));
            assert!(!detail.to_string().contains(&token));
        }
        let (_, message) = admit(&asked(&issuer.token(&json!({ "repository_id": "8" })))).await;
        assert!(!message.contains('7'), "a stranger does not learn what was wanted: {message}");
        let detail = told(&plane, "job.refuse").await.remove(0).detail.unwrap();
        assert_eq!(detail["missed"], json!({ "repo-7": ["repository_id"] }));

        let good = issuer.token(&json!({ "repository_id": "7" }));
        let granted = Exchange { workflow: "api/release".parse().unwrap(), ..asked(&good) };
        assert_eq!(admit(&granted).await.0, "rules");
        let missing = Exchange { workflow: "web/nowhere".parse().unwrap(), ..asked(&good) };
        assert!(matches!(control.exchange(&missing).await, Err(Error::NotFound(_))));
        let nobody = Exchange { organization: "nobody".parse().unwrap(), ..asked(&good) };
        let (code, message) = admit(&nobody).await;
        assert_eq!(code, "issuer");
        let url = issuer.url();
        assert_eq!(message, format!("no trust rule of `nobody` is about tokens of `{url}`"));
        let unknown = silent.token(&json!({ "repository_id": "7" }));
        assert_eq!(admit(&asked(&unknown)).await.0, "issuer");
        assert_eq!(silent.asked("/jwks"), 0, "who is in no rule is not asked");

        control.exchange(&asked(&good)).await.unwrap();
        let (code, message) = admit(&asked(&good)).await;
        assert_eq!(code, "replay", "{message}");
        assert_eq!(issuer.asked("/jwks"), 1, "keys are kept");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_replicas_that_are_shown_one_token_one_accepts_it() {
    for plane in planes().await {
        let issuer = Issuer::start();
        trusting(&plane, &issuer.url()).await;
        let replica = plane.replica().await;
        for _ in 0..5 {
            let asked = asked(&issuer.token(&json!({ "repository_id": "7" })));
            let shown = tokio::join!(plane.control.exchange(&asked), replica.exchange(&asked));
            match shown {
                (Ok(_), Err(lost)) | (Err(lost), Ok(_)) => {
                    assert!(matches!(lost, Error::NotAdmitted { code: "replay", .. }), "{lost:?}");
                }
                shown => panic!("{shown:?}"),
            }
        }
        assert_eq!((count(&plane, "job").await, count(&plane, "spent_token").await), (5, 5));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_does_not_answer_is_no_refusal_and_not_asked_again_at_once() {
    for plane in planes().await {
        let issuer = Issuer::start();
        trusting(&plane, &issuer.url()).await;
        issuer.fail(500);
        for _ in 0..3 {
            let token = issuer.token(&json!({ "repository_id": "7" }));
            let failed = plane.control.exchange(&asked(&token)).await.unwrap_err();
            assert!(matches!(failed, Error::Unavailable { .. }), "{failed:?}");
            assert!(failed.to_string().contains("it answered 500"), "{failed}");
        }
        assert_eq!(issuer.asked("/.well-known/openid-configuration"), 1);
        assert!(told(&plane, "job.refuse").await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rule_of_one_organization_lets_nobody_into_another() {
    for plane in planes().await {
        let issuer = Issuer::start();
        trusting(&plane, &issuer.url()).await;
        let globex = organization(&plane.control, &plane.instance, "globex").await;
        furnish(&plane.control, &globex, &plane.key).await;
        let token = issuer.token(&json!({ "repository_id": "7" }));
        let theirs = Exchange { organization: "globex".parse().unwrap(), ..asked(&token) };
        let refused = plane.control.exchange(&theirs).await.unwrap_err();
        assert!(matches!(refused, Error::NotAdmitted { code: "issuer", .. }), "{refused:?}");
        plane.control.exchange(&asked(&token)).await.unwrap();
        let rule = rule("mine", &issuer.url(), &json!({ "repository_id": 7 }));
        plane.control.create_trust_rule(&globex, &rule).await.unwrap();
        let again = plane.control.exchange(&theirs).await.unwrap_err();
        assert!(matches!(again, Error::NotAdmitted { code: "replay", .. }), "{again:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_spent_is_forgotten_once_it_can_never_be_accepted() {
    for plane in planes().await {
        let issuer = Issuer::start();
        trusting(&plane, &issuer.url()).await;
        let used = job(&plane, &issuer).await;
        plane.control.open_run(&used, &path()).await.unwrap();
        job(&plane, &issuer).await;
        let rows = async || {
            (
                count(&plane, "spent_token").await,
                count(&plane, "job").await,
                count(&plane, "api_token").await,
            )
        };
        let before = rows().await;
        plane.control.forget_spent_tokens().await.unwrap();
        assert_eq!(rows().await, before, "too early");
        for table in ["spent_token", "job"] {
            change(&plane, &format!("UPDATE {table} SET expires_at = 1")).await;
        }
        plane.control.forget_spent_tokens().await.unwrap();
        let (spent, jobs, tokens) = before;
        assert_eq!(rows().await, (spent - 2, jobs - 1, tokens - 1), "the job of the run stays");
    }
}

/// An open run that a job of the repository opened, and the secret of its token.
async fn opened(plane: &Plane, issuer: &Issuer, claims: &Value) -> (RunId, String) {
    let token = plane.control.exchange(&asked(&issuer.token(claims))).await.unwrap();
    let job = plane.control.authenticate(&token.secret).await.unwrap();
    (plane.control.open_run(&job, &path()).await.unwrap().id, token.secret)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_goes_on_with_its_run_under_another_token() {
    for plane in planes().await {
        let Plane { control, owner, .. } = &plane;
        let issuer = Issuer::start();
        trusting(&plane, &issuer.url()).await;
        let claims = json!({ "repository_id": "7", "run_id": "1" });
        let (run, before) = opened(&plane, &issuer, &claims).await;
        let again = Exchange { run: Some(run), ..asked(&issuer.token(&claims)) };
        let renewed = control.exchange(&again).await.unwrap();
        let spent = control.exchange(&again).await.unwrap_err();
        assert!(matches!(spent, Error::NotAdmitted { code: "replay", .. }), "{spent:?}");
        let job = control.authenticate(&renewed.secret).await.unwrap();
        assert_eq!(job.job.unwrap().run, Some(run));
        assert!(control.authenticate(&before).await.is_err(), "the token before ended");
        let event = told(&plane, "job.renew").await.pop().unwrap();
        assert_eq!(event.after.unwrap()["run"], json!(run));
        assert_eq!(control.run(owner, run).await.unwrap().job.unwrap().claims["run_id"], "1");
        control.cancel_run(&job, run, "over".to_owned()).await.unwrap();
        let late = Exchange { run: Some(run), ..asked(&issuer.token(&claims)) };
        let late = control.exchange(&late).await.unwrap_err();
        assert!(matches!(late, Error::Conflict(_)), "{late:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_job_goes_on_with_the_run_of_another() {
    for plane in planes().await {
        let Plane { control, owner, .. } = &plane;
        let issuer = Issuer::start();
        trusting(&plane, &issuer.url()).await;
        let second = rule("other", &issuer.url(), &json!({ "repository_id": [7, 8] }));
        control.create_trust_rule(owner, &second).await.unwrap();
        let claims = json!({ "repository_id": "8", "run_id": "1" });
        let (run, before) = opened(&plane, &issuer, &claims).await;
        let owners = control.open_run(owner, &path()).await.unwrap().id;
        let refused = async |run: RunId, claims: Value| {
            let asked = Exchange { run: Some(run), ..asked(&issuer.token(&claims)) };
            let refused = control.exchange(&asked).await.unwrap_err();
            assert!(
                matches!(refused, Error::NotAdmitted { code: "run", .. }),
                "{claims}: {refused:?}"
            );
        };
        refused(run, json!({ "repository_id": "8", "run_id": "2" })).await;
        refused(run, json!({ "repository_id": "8" })).await;
        refused(run, json!({ "repository_id": "8", "run_id": "1", "sub": "another" })).await;
        refused(run, json!({ "repository_id": "7", "run_id": "1" })).await;
        refused(owners, claims.clone()).await;
        refused(RunId(uuid::Uuid::nil()), claims).await;
        assert!(control.authenticate(&before).await.is_ok(), "nothing was taken away");

        let custom = json!({ "tenant": "t", "repository_id": null });
        let rule = rule("custom", &issuer.url(), &json!({ "tenant": "t" }))
            .replace("\"kind\":\"github\"", "\"kind\":\"custom\",\"immutable\":[\"tenant\"]");
        control.create_trust_rule(owner, &rule).await.unwrap();
        let (run, _) = opened(&plane, &issuer, &custom).await;
        refused(run, custom).await;
    }
}
