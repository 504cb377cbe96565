//! Trust rules: made, deleted, explained.

use control::store::AuditFilter;
use control::{Error, Exchange, Scope};
use engine::trust_rule::TRUST_RULES_MAX;
use serde_json::json;
use testdata::peers::Issuer;

use crate::jobs::{rule, trusting};
use crate::plane::{Plane, organization, path, planes};

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_is_made_shown_and_deleted_and_its_tokens_end_with_it() {
    for plane in planes().await {
        let Plane { control, owner, .. } = &plane;
        let issuer = Issuer::start();
        trusting(&plane, &issuer.url()).await;
        let name = "repo-7".parse().unwrap();
        let shown = control.trust_rule(owner, &name).await.unwrap();
        assert_eq!(control.trust_rules(owner).await.unwrap(), std::slice::from_ref(&shown));
        assert_eq!(shown.digest, shown.rule.digest().unwrap());
        let twice = rule("repo-7", &issuer.url(), &json!({ "repository_id": 8 }));
        let twice = control.create_trust_rule(owner, &twice).await.unwrap_err();
        assert!(matches!(twice, Error::Conflict(_)), "{twice:?}");

        let token = issuer.token(&json!({ "repository_id": "7" }));
        let organization = "acme".parse().unwrap();
        let asked = Exchange { organization, workflow: path(), run: None, token, source: None };
        let token = control.exchange(&asked).await.unwrap();
        control.authenticate(&token.secret).await.unwrap();
        control.delete_trust_rule(owner, &name).await.unwrap();
        let ended = control.authenticate(&token.secret).await.unwrap_err();
        assert!(matches!(ended, Error::Unauthenticated(_)), "{ended:?}");
        assert!(ended.to_string().contains("`repo-7`, which let this job in, was deleted"));
        let gone = control.delete_trust_rule(owner, &name).await;
        assert!(matches!(gone, Err(Error::NotFound(_))), "{gone:?}");
        // Another rule of that name is another rule.
        trusting(&plane, &issuer.url()).await;
        assert!(control.authenticate(&token.secret).await.is_err());

        let filter =
            AuditFilter { action: Some("trust-rule.*".to_owned()), ..AuditFilter::default() };
        let events = control.audit_events(owner, &filter, None, 9).await.unwrap().items;
        let actions: Vec<&str> = events.iter().map(|entry| entry.event.action.as_str()).collect();
        assert_eq!(actions, ["trust-rule.create", "trust-rule.delete", "trust-rule.create"]);
        assert_eq!(events[1].event.before.as_ref().unwrap()["digest"], json!(shown.digest));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_may_not_be_asked_is_refused() {
    for plane in planes().await {
        for (issuer, said) in [
            ("https://10.0.0.1", "--allow-private-host"),
            ("https://169.254.169.254/latest", "--allow-private-host"),
            ("http://issuer.example", "is not `https`"),
            ("ftp://issuer.example", "the trust rule is not valid"),
        ] {
            let rule = rule("bad", issuer, &json!({ "repository_id": 7 }));
            let refused = plane.control.create_trust_rule(&plane.owner, &rule).await.unwrap_err();
            assert!(matches!(refused, Error::Invalid { .. }), "{refused:?}");
            assert!(refused.to_string().contains(said), "{issuer}: {refused}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_administrators_of_the_organization_have_to_do_with_its_rules() {
    for plane in planes().await {
        let Plane { control, owner, .. } = &plane;
        trusting(&plane, "https://issuer.example").await;
        let name = "repo-7".parse().unwrap();
        let stranger = organization(control, &plane.instance, "globex").await;
        assert!(matches!(control.trust_rule(&stranger, &name).await, Err(Error::NotFound(_))));
        assert!(matches!(
            control.delete_trust_rule(&stranger, &name).await,
            Err(Error::NotFound(_))
        ));
        assert_eq!(control.trust_rules(&stranger).await.unwrap(), []);
        let scopes = vec![Scope::Attest, Scope::Read];
        let made = control.create_token(owner, "dev".parse().unwrap(), scopes, None).await.unwrap();
        let dev = control.authenticate(&made.secret).await.unwrap();
        assert!(matches!(control.trust_rules(&dev).await, Err(Error::Forbidden(_))));
        assert!(matches!(control.explain_token(&dev, "x", None).await, Err(Error::Forbidden(_))));
        let job = control.create_token(owner, "job".parse().unwrap(), vec![Scope::Job], None).await;
        assert!(matches!(job, Err(Error::Invalid { .. })), "nobody makes the token of a job");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_only_so_many_rules() {
    let plane = planes().await.remove(0);
    let source = |n: usize| {
        rule(&format!("rule-{n}"), "https://issuer.example", &json!({ "repository_id": n }))
    };
    for n in 0..TRUST_RULES_MAX {
        plane.control.create_trust_rule(&plane.owner, &source(n)).await.unwrap();
    }
    let over = plane.control.create_trust_rule(&plane.owner, &source(TRUST_RULES_MAX)).await;
    let over = over.unwrap_err();
    assert!(over.to_string().contains("there are 200 trust rules"), "{over}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_explained_by_every_rule_and_not_spent() {
    for plane in planes().await {
        let Plane { control, owner, .. } = &plane;
        let issuer = Issuer::start();
        trusting(&plane, &issuer.url()).await;
        let branch = json!({ "repository_id": 7, "ref": "refs/tags/*" });
        let rules = [
            rule("tags", &issuer.url(), &branch),
            rule("other", "https://issuer.example", &json!({ "repository_id": 7 })),
        ];
        for rule in rules {
            control.create_trust_rule(owner, &rule).await.unwrap();
        }
        let explain = async |token: &str| {
            let workflow = path();
            control.explain_token(owner, token, Some(&workflow)).await.unwrap()
        };
        let good = issuer.token(&json!({ "repository_id": "7", "ref": "refs/heads/main" }));
        for _ in 0..2 {
            let explained = explain(&good).await;
            assert_eq!(explained.rule, Some("repo-7".parse().unwrap()));
            assert_eq!((explained.refusal, explained.issuer), (None, Some(issuer.url())));
            let missed: Vec<(&str, Vec<&str>)> = explained
                .rules
                .iter()
                .map(|rule| {
                    let misses = rule.misses.iter().map(|miss| miss.claim.as_str());
                    (rule.name.as_str(), misses.collect())
                })
                .collect();
            assert_eq!(missed, [("other", vec!["iss"]), ("repo-7", vec![]), ("tags", vec!["ref"])]);
            let tags = &explained.rules[2].misses[0];
            assert_eq!(tags.wanted, ["refs/tags/*"]);
            assert_eq!(tags.got.as_deref(), Some("refs/heads/main"));
        }
        let organization = "acme".parse().unwrap();
        let asked = Exchange {
            organization,
            workflow: path(),
            run: None,
            token: good.clone(),
            source: None,
        };
        control.exchange(&asked).await.unwrap();
        let step = async |token: &str| {
            let explained = explain(token).await;
            assert_eq!(explained.rule, None);
            explained.refusal.unwrap().step
        };
        assert_eq!(step(&good).await, "replay");
        assert_eq!(step("nonsense").await, "form");
        assert_eq!(step(&issuer.token(&json!({ "exp": 1 }))).await, "expiry");
        assert_eq!(
            step(&issuer.token(&json!({ "iss": "https://nobody.example" }))).await,
            "issuer"
        );
        let silent = Issuer::start();
        silent.fail(503);
        let rule = rule("silent", &silent.url(), &json!({ "repository_id": 7 }));
        control.create_trust_rule(owner, &rule).await.unwrap();
        assert_eq!(step(&silent.token(&json!({}))).await, "keys");
        let wrong = issuer.token(&json!({ "repository_id": "8" }));
        let explained = explain(&wrong).await;
        assert_eq!(
            (explained.rule, explained.refusal),
            (None, None),
            "it holds, and no rule is met"
        );
    }
}
