//! What a trust rule may be, and whom it lets in.

use engine::document::{Document, InvalidDocument};
use engine::trust_rule::{IssuerKind, Miss};
use engine::{Limits, Timestamp, TrustRule};
use serde_json::{Value, json};

const NOW: i64 = 1_764_000_000;

fn document(issuer: &Value, claims: &Value) -> Value {
    json!({
        "apiVersion": "muster.dev/v1", "kind": "TrustRule", "metadata": { "name": "web" },
        "spec": { "issuer": issuer, "audience": "muster", "grants": ["web/*"], "claims": claims },
    })
}

fn parse(document: &Value) -> Result<TrustRule, InvalidDocument> {
    let document = Document::parse(&document.to_string(), &Limits::DEFAULT).unwrap();
    TrustRule::parse(&document)
}

fn github(claims: &Value) -> TrustRule {
    parse(&document(&json!({ "kind": "github" }), claims)).unwrap()
}

#[test]
fn each_system_has_claims_that_a_rule_can_stand_on() {
    let url = "https://issuer.example";
    for (kind, issuer, claim, value, address) in [
        (
            IssuerKind::GitHub,
            json!({ "kind": "github" }),
            "repository_id",
            json!(7),
            "https://token.actions.githubusercontent.com",
        ),
        (
            IssuerKind::GitHub,
            json!({ "kind": "github", "url": url }),
            "repository_owner_id",
            json!(["1", "2"]),
            url,
        ),
        (
            IssuerKind::GitLab,
            json!({ "kind": "gitlab" }),
            "project_id",
            json!("22"),
            "https://gitlab.com",
        ),
        (
            IssuerKind::Buildkite,
            json!({ "kind": "buildkite" }),
            "pipeline_id",
            json!("p"),
            "https://agent.buildkite.com",
        ),
        (
            IssuerKind::CircleCi,
            json!({ "kind": "circleci", "url": url }),
            "oidc.circleci.com/project-id",
            json!("p"),
            url,
        ),
        (
            IssuerKind::Kubernetes,
            json!({ "kind": "kubernetes", "url": url }),
            "kubernetes.io.serviceaccount.uid",
            json!("u"),
            url,
        ),
        (
            IssuerKind::Custom,
            json!({ "kind": "custom", "url": url, "immutable": ["tenant"] }),
            "tenant",
            json!(["a", "b"]),
            url,
        ),
    ] {
        let rule = parse(&document(&issuer, &json!({ claim: value }))).unwrap();
        assert_eq!((rule.issuer.kind, rule.issuer.url.as_str()), (kind, address));
        assert_eq!(rule.max_age_minutes, 60);
        let again: TrustRule = serde_json::from_value(json!(rule)).unwrap();
        assert_eq!(again.digest().unwrap(), rule.digest().unwrap());
    }
}

#[test]
fn what_no_rule_may_be_is_refused_with_its_place() {
    let good = || document(&json!({ "kind": "github" }), &json!({ "repository_id": "7" }));
    let cases: [(&str, Value, &str, &str); 19] = [
        ("/spec/claims", json!({ "ref": "main" }), "/spec/claims", "`ref` alone"),
        (
            "/spec/claims",
            json!({ "repository": "acme/web" }),
            "/spec/claims",
            "pass to someone else",
        ),
        ("/spec/claims", json!({ "repository_id": "7*" }), "/spec/claims", "open with a `*`"),
        ("/spec/claims", json!({ "repository_id": ["7", "*"] }), "/spec/claims", "open with a `*`"),
        ("/spec/claims", json!({ "job_workflow_ref": "a/b.yml@main" }), "/spec/claims", "alone"),
        ("/spec/claims", json!({ "repository_owner_id": "*" }), "/spec/claims", "`*`"),
        ("/spec/claims", json!({}), "/spec/claims", ""),
        ("/spec/claims", json!({ "repository_id": 7.5 }), "/spec/claims/repository_id", ""),
        (
            "/spec/claims",
            json!({ "repository_id": "7", "aud": "x" }),
            "/spec/claims/aud",
            "`audience`",
        ),
        (
            "/spec/claims",
            json!({ "repository_id": "7", "iss": "x" }),
            "/spec/claims/iss",
            "`issuer`",
        ),
        ("/spec/issuer", json!({ "kind": "travis" }), "/spec/issuer/kind", ""),
        ("/spec/issuer", json!({ "kind": "circleci" }), "/spec/issuer", "`url` is missing"),
        (
            "/spec/issuer",
            json!({ "kind": "custom", "url": "https://i.example" }),
            "/spec/issuer",
            "never gives to someone else",
        ),
        (
            "/spec/issuer",
            json!({ "kind": "github", "immutable": ["ref"] }),
            "/spec/issuer/immutable",
            "are known",
        ),
        (
            "/spec/issuer",
            json!({ "kind": "github", "url": "https://me@i.example" }),
            "/spec/issuer/url",
            "not the address of an issuer",
        ),
        ("/spec/grants", json!(["web"]), "/spec/grants/0", "is not PROJECT/WORKFLOW"),
        ("/spec/grants", json!([]), "/spec/grants", ""),
        ("/spec/max_age_minutes", json!(1_441), "/spec/max_age_minutes", ""),
        ("/spec/who", json!("x"), "/spec/who", ""),
    ];
    assert!(parse(&good()).is_ok());
    for (at, value, place, said) in cases {
        let mut document = good();
        let (parent, member) = at.rsplit_once('/').unwrap();
        document.pointer_mut(parent).unwrap()[member] = value.clone();
        let problems = parse(&document).unwrap_err().diagnostics;
        let found = problems.iter().find(|one| one.pointer == place);
        let found = found.unwrap_or_else(|| panic!("{at} {value}: {problems:?}"));
        assert!(found.message.contains(said), "{at} {value}: {}", found.message);
    }
}

fn claims() -> Value {
    json!({
        "iss": "https://token.actions.githubusercontent.com", "aud": ["other", "muster"],
        "iat": NOW - 600, "repository_id": "7", "ref": "refs/heads/main", "environment": "prod",
        "repository": "acme/web", "actor": "someone", "runner_environment": "github-hosted",
    })
}

fn misses(rule: &TrustRule, claims: &Value, workflow: Option<&str>) -> Vec<Miss> {
    let workflow = workflow.map(|path| path.parse().unwrap());
    let at = Timestamp::from_millis(NOW * 1_000);
    rule.misses(claims.as_object().unwrap(), workflow.as_ref(), at)
}

#[test]
fn a_rule_names_everything_that_it_misses() {
    let rule = github(&json!({ "repository_id": 7, "ref": ["refs/heads/main", "refs/tags/v*"] }));
    assert_eq!(misses(&rule, &claims(), Some("web/release")), []);
    assert_eq!(misses(&rule, &claims(), None), []);
    let cases: [(&str, Value, &str, Option<&str>); 9] = [
        ("iss", json!("https://gitlab.com"), "iss", Some("https://gitlab.com")),
        ("aud", json!("*"), "aud", Some("*")),
        ("repository_id", json!("8"), "repository_id", Some("8")),
        ("repository_id", json!(["8", "9"]), "repository_id", Some("8, 9")),
        ("repository_id", Value::Null, "repository_id", None),
        ("ref", json!("refs/heads/evil"), "ref", Some("refs/heads/evil")),
        ("ref", json!("*"), "ref", Some("*")),
        ("iat", json!(NOW - 3_601), "age", Some("60 minutes")),
        ("iat", Value::Null, "age", None),
    ];
    for (claim, value, missed, got) in cases {
        let mut claims = claims();
        claims[claim] = value.clone();
        let misses = misses(&rule, &claims, None);
        let found: Vec<(&str, Option<&str>)> =
            misses.iter().map(|miss| (miss.claim.as_str(), miss.got.as_deref())).collect();
        assert_eq!(found, [(missed, got)], "{claim}: {value}");
    }
    let mut tagged = claims();
    tagged["ref"] = json!("refs/tags/v1.2");
    assert_eq!(misses(&rule, &tagged, Some("web/nightly")), []);
    let other = misses(&rule, &claims(), Some("api/release"));
    assert_eq!((other[0].claim.as_str(), other[0].wanted[0].as_str()), ("workflow", "web/*"));
    let mut long = claims();
    long["ref"] = json!("x".repeat(1_000));
    assert_eq!(misses(&rule, &long, None)[0].got.as_ref().unwrap().len(), 200);
}

#[test]
fn what_is_kept_of_a_job_is_what_its_rule_and_its_system_name() {
    let rule = github(&json!({ "repository_id": 7, "ref": "refs/heads/*" }));
    let kept = rule.identity(claims().as_object().unwrap());
    let names: Vec<&str> = kept.keys().map(String::as_str).collect();
    let expected = ["environment", "ref", "repository", "repository_id", "runner_environment"];
    assert_eq!(names, expected, "not the person, not what is for verification");
}
