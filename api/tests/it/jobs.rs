//! CI jobs without a secret, over HTTP.

use api::Access;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use testdata::peers::Issuer;

use crate::coverage::request;
use crate::support::{Server, problem};

const CONTRACT: &str = "
apiVersion: muster.dev/v1
kind: Contract
metadata: { name: web }
spec: { materials: [{ name: app, kind: artifact, output: true }] }
";

/// A workflow that the repository 7 of the issuer may run.
async fn furnish(server: &Server, issuer: &Issuer) {
    let rule = json!({
        "apiVersion": "muster.dev/v1", "kind": "TrustRule", "metadata": { "name": "web" },
        "spec": {
            "issuer": { "kind": "github", "url": issuer.url() }, "audience": "muster",
            "grants": ["web/release"], "claims": { "repository_id": 7 },
        },
    });
    let workflow = json!({ "project": "web", "name": "release", "contract": "web" });
    for (method, path, body, status) in [
        (Method::POST, "/v1/projects", json!({ "name": "web" }), 201),
        (Method::PUT, "/v1/contracts", json!({ "source": CONTRACT }), 200),
        (Method::POST, "/v1/workflows", workflow, 201),
        (Method::POST, "/v1/trust-rules", json!({ "source": rule.to_string() }), 201),
    ] {
        let made = server.ask(method, path, &server.owner).json(&body).send().await.unwrap();
        assert_eq!(made.status(), status, "{path}");
    }
}

fn form(token: &str) -> Value {
    json!({
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt", "subject_token": token,
        "organization": "acme", "workflow": "web/release",
    })
}

async fn exchange(server: &Server, form: &Value) -> Response {
    server.anonymous(Method::POST, "/v1/tokens/exchange").form(form).send().await.unwrap()
}

/// The token that a job of the repository was given.
async fn admitted(server: &Server, issuer: &Issuer) -> String {
    let answer = exchange(server, &form(&issuer.token(&json!({ "repository_id": "7" })))).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let mut body: Value = answer.json().await.unwrap();
    let Value::String(token) = body["access_token"].take() else { panic!("{body}") };
    let expected = json!({
        "access_token": null, "expires_in": 900, "token_type": "Bearer",
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
    });
    assert_eq!(body, expected);
    token
}

#[tokio::test]
async fn a_job_is_given_a_token_that_opens_its_run_and_no_other_route() {
    let server = Server::start().await;
    let issuer = Issuer::start();
    furnish(&server, &issuer).await;
    let token = admitted(&server, &issuer).await;
    let identity = server.ask(Method::GET, "/v1/identity", &token).send().await.unwrap();
    let identity: Value = identity.json().await.unwrap();
    assert_eq!((&identity["scopes"], &identity["token"]), (&json!(["job"]), &json!("web")));
    let mut denied = 0;
    for route in api::ROUTES {
        let opens =
            matches!((route.method, route.path), ("POST", "/v1/runs" | "/v1/runs/{id}/rerun"));
        if !matches!(route.access, Access::May(_)) || opens {
            continue;
        }
        let answer = request(&server, route).bearer_auth(&token).send().await.unwrap();
        assert_eq!(answer.status(), 403, "{} {}", route.method, route.path);
        denied += 1;
    }
    assert!(denied > 40, "{denied}");
    let query = json!({ "query": "{ runs { edges { cursor } } }" });
    let answer = server.ask(Method::POST, "/graphql", &token).json(&query).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["errors"][0]["extensions"]["code"], "forbidden");
    let open = || {
        let body = json!({ "workflow": "web/release" });
        server.ask(Method::POST, "/v1/runs", &token).json(&body).send()
    };
    let run: Value = open().await.unwrap().json().await.unwrap();
    let again = problem(open().await.unwrap()).await;
    assert_eq!(again["code"], "conflict");
    assert!(again["detail"].as_str().unwrap().contains(run["id"].as_str().unwrap()), "{again}");
    let cancel = format!("/v1/runs/{}/cancel", run["id"].as_str().unwrap());
    let body = json!({ "reason": "over" });
    let cancelled = server.ask(Method::POST, &cancel, &token).json(&body).send().await.unwrap();
    assert_eq!(cancelled.status(), 200);
    server.stop().await;
}

#[tokio::test]
async fn who_is_not_let_in_is_told_at_which_step() {
    let server = Server::start().await;
    let issuer = Issuer::start();
    furnish(&server, &issuer).await;
    let good = issuer.token(&json!({ "repository_id": "7" }));
    for (token, step) in [
        ("a.b.c".to_owned(), "form"),
        (issuer.token(&json!({ "repository_id": "8" })), "rules"),
        (issuer.token(&json!({ "aud": "other" })), "audience"),
    ] {
        let refused = problem(exchange(&server, &form(&token)).await).await;
        assert_eq!((&refused["status"], &refused["step"]), (&json!(401), &json!(step)));
        assert!(!refused.to_string().contains(&token));
    }
    let mut cases: Vec<(Value, u16, &str)> = Vec::new();
    for (member, value, said) in [
        ("grant_type", json!("client_credentials"), "`grant_type` must be"),
        ("subject_token_type", json!("urn:x"), "`subject_token_type` must be"),
        ("workflow", json!("web"), "PROJECT/WORKFLOW"),
        ("organization", json!("A b"), "is not a name"),
        ("scope", json!("admin"), "unknown field"),
    ] {
        let mut form = form(&good);
        form[member] = value;
        cases.push((form, 400, said));
    }
    let mut without = form(&good);
    without.as_object_mut().unwrap().remove("subject_token");
    cases.push((without, 400, "missing field"));
    cases.push((form(&"x".repeat(3 << 20)), 413, "larger"));
    for (form, status, said) in cases {
        let answer = exchange(&server, &form).await;
        assert_eq!(answer.status(), status, "{said}");
        let problem = problem(answer).await;
        assert!(problem["detail"].as_str().unwrap().contains(said), "{problem}");
        assert!(!problem.to_string().contains(&good));
    }
    let json = server.anonymous(Method::POST, "/v1/tokens/exchange").json(&form(&good));
    assert_eq!(json.send().await.unwrap().status(), 415);
    assert_eq!(exchange(&server, &form(&good)).await.status(), 200, "nothing spent it");
    server.stop().await;
}

#[tokio::test]
async fn administrators_make_show_explain_and_delete_rules() {
    let server = Server::start().await;
    let issuer = Issuer::start();
    furnish(&server, &issuer).await;
    let ask = async |method: Method, path: &str| {
        server.ask(method, path, &server.owner).send().await.unwrap()
    };
    let listed: Value = ask(Method::GET, "/v1/trust-rules").await.json().await.unwrap();
    let shown: Value = ask(Method::GET, "/v1/trust-rules/web").await.json().await.unwrap();
    assert_eq!(listed["items"], json!([shown]));
    assert_eq!(shown["rule"]["claims"], json!({ "repository_id": ["7"] }));
    let body = json!({
        "token": issuer.token(&json!({ "repository_id": "7" })), "workflow": "web/nightly",
    });
    let explained = server.ask(Method::POST, "/v1/tokens/explain", &server.owner).json(&body);
    let explained: Value = explained.send().await.unwrap().json().await.unwrap();
    let missed = json!({ "claim": "workflow", "wanted": ["web/release"], "got": "web/nightly" });
    let rules = json!([{ "name": "web", "misses": [missed] }]);
    assert_eq!(explained, json!({ "issuer": issuer.url(), "rules": rules }));
    assert_eq!(ask(Method::DELETE, "/v1/trust-rules/web").await.status(), 204);
    assert_eq!(ask(Method::GET, "/v1/trust-rules/web").await.status(), 404);
    let body =
        json!({ "source": "apiVersion: muster.dev/v1\nkind: TrustRule\nspec: { claims: {} }" });
    let wrong = server.ask(Method::POST, "/v1/trust-rules", &server.owner).json(&body);
    let wrong = problem(wrong.send().await.unwrap()).await;
    assert_eq!(wrong["code"], "invalid");
    assert!(!wrong["errors"].as_array().unwrap().is_empty(), "{wrong}");
    server.stop().await;
}
