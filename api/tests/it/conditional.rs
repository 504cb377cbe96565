//! Whoever has the current contract is not sent it again.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::Server;

fn contract(description: &str) -> Value {
    let source = format!(
        "apiVersion: muster.dev/v1\nkind: Contract\nmetadata: {{ name: web, description: {description} }}\nspec:\n  materials:\n    - {{ name: sbom, kind: sbom-cyclonedx-json }}\n"
    );
    json!({ "source": source })
}

async fn put(server: &Server, description: &str) -> (String, Value) {
    let request =
        server.ask(Method::PUT, "/v1/contracts", &server.owner).json(&contract(description));
    let response = request.send().await.unwrap();
    let status = response.status();
    let tag = response.headers().get("etag").map(|tag| tag.to_str().unwrap().to_owned());
    let body: Value = response.json().await.unwrap();
    assert_eq!(status, 200, "{body}");
    (tag.unwrap(), body)
}

async fn get(server: &Server, tag: &str) -> u16 {
    let request =
        server.ask(Method::GET, "/v1/contracts/web", &server.owner).header("if-none-match", tag);
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_current_tag_answers_304_and_an_old_one_does_not() {
    let server = Server::start().await;
    let (first, body) = put(&server, "one").await;
    assert!(first.contains(body["digest"].as_str().unwrap()), "{first}");
    assert_eq!(put(&server, "one").await.0, first, "the same text makes no new revision");
    assert_eq!(get(&server, &first).await, 304);
    assert_eq!(get(&server, &format!("\"other\", W/{first}")).await, 304);
    assert_eq!(get(&server, "\"other\"").await, 200);

    let old = server
        .ask(Method::GET, "/v1/contracts/web?revision=1", &server.owner)
        .header("if-none-match", &first);
    assert_eq!(old.send().await.unwrap().status(), 304);
    server.stop().await;
}

#[tokio::test]
async fn going_back_to_an_older_text_is_not_mistaken_for_it() {
    let server = Server::start().await;
    let (first, body) = put(&server, "one").await;
    assert_eq!(body["revision"], 1);
    let changed = json!({ "source": contract("one")["source"].as_str().unwrap().replace("sbom-cyclonedx-json", "sarif") });
    let changed = server
        .ask(Method::PUT, "/v1/contracts", &server.owner)
        .json(&changed)
        .send()
        .await
        .unwrap();
    assert_eq!(changed.json::<Value>().await.unwrap()["revision"], 2);
    assert_eq!(get(&server, &first).await, 200);
    let (third, body) = put(&server, "one").await;
    assert_eq!(body["revision"], 3);
    assert_ne!(third, first);
    assert_eq!(get(&server, &first).await, 200);
    assert_eq!(get(&server, &third).await, 304);
    server.stop().await;
}

#[tokio::test]
async fn of_two_who_change_what_both_read_the_second_is_told() {
    let server = Server::start().await;
    let store = async |description: &str, tag: &str| {
        let request = server.ask(Method::PUT, "/v1/contracts", &server.owner);
        let request = request.header("if-match", tag).json(&contract(description));
        request.send().await.unwrap()
    };
    assert_eq!(store("one", "*").await.status(), 412, "there is none yet");
    let (first, _) = put(&server, "one").await;
    let kind = |name: &str| {
        let source = contract("one")["source"].as_str().unwrap().to_owned();
        json!({ "source": source.replace("sbom-cyclonedx-json", name) })
    };
    let change = async |name: &str| {
        let request = server.ask(Method::PUT, "/v1/contracts", &server.owner);
        request.header("if-match", &first).json(&kind(name)).send().await.unwrap()
    };
    let (one, two) = tokio::join!(change("sarif"), change("evidence"));
    let mut statuses = [one.status().as_u16(), two.status().as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
    let late = change("sbom-spdx-json").await;
    assert_eq!(crate::support::problem(late).await["code"], "precondition-failed");
    assert_eq!(store("two", "W/\"weak\"").await.status(), 412);
    assert_eq!(store("two", "not a tag").await.status(), 400);
    assert_eq!(store("two", "*").await.status(), 200);
    server.stop().await;
}

/// What can be read with a tag and changed over it: where it is read, how it is changed, and two bodies.
fn changed_over() -> Vec<(&'static str, Method, &'static str, [Value; 2])> {
    let document = |kind: &str, spec: Value| {
        let document = json!({
            "apiVersion": "muster.dev/v1", "kind": kind, "metadata": { "name": "web" }, "spec": spec,
        });
        json!({ "source": document.to_string() })
    };
    let gate = |days: u32| {
        document(
            "Gate",
            json!({ "use": "released", "with": { "contract": "web", "max_age_days": days } }),
        )
    };
    let key = testdata::text("materials/attestation/cosign.pub");
    let root =
        |kind: &str| document("TrustRoot", json!({ "keys": [key], "predicate_types": [kind] }));
    let rule = |audience: &str| {
        let issuer = json!({ "kind": "github" });
        let claims = json!({ "repository_id": 7 });
        document(
            "TrustRule",
            json!({
                "issuer": issuer, "audience": audience, "grants": ["web/*"], "claims": claims,
            }),
        )
    };
    let deadline = |minutes: u32| json!({ "deadline_minutes": minutes });
    vec![
        ("/v1/gates/web", Method::PUT, "/v1/gates", [gate(30), gate(60)]),
        ("/v1/trust-roots/web", Method::PUT, "/v1/trust-roots", [root("a"), root("b")]),
        ("/v1/trust-rules/web", Method::PUT, "/v1/trust-rules", [rule("a"), rule("b")]),
        (
            "/v1/integrations/web",
            Method::PATCH,
            "/v1/integrations/web",
            [json!({ "events": ["run.*"] }), json!({ "events": ["verdict.*"] })],
        ),
        (
            "/v1/workflows/web/release",
            Method::PATCH,
            "/v1/workflows/web/release",
            [deadline(60), deadline(90)],
        ),
    ]
}

#[tokio::test]
async fn the_same_holds_for_gates_workflows_integrations_and_trust() {
    let server = Server::start().await;
    put(&server, "one").await;
    for (path, body) in [
        ("/v1/projects", json!({ "name": "web" })),
        ("/v1/workflows", json!({ "project": "web", "name": "release", "contract": "web" })),
        ("/v1/integrations", {
            let target = json!({ "kind": "webhook", "address": "https://example.com/hook" });
            json!({ "name": "web", "target": target, "events": ["*"] })
        }),
    ] {
        let made = server.ask(Method::POST, path, &server.owner).json(&body).send().await.unwrap();
        assert_eq!(made.status(), 201, "{path}");
    }
    for (read, method, write, [first, second]) in changed_over() {
        let change = async |body: &Value, over: Option<&str>| {
            let mut request = server.ask(method.clone(), write, &server.owner).json(body);
            if let Some(over) = over {
                request = request.header("if-match", over);
            }
            request.send().await.unwrap()
        };
        assert_eq!(change(&first, None).await.status(), 200, "{write}");
        let shown = server.ask(Method::GET, read, &server.owner).send().await.unwrap();
        let tag = shown.headers()["etag"].to_str().unwrap().to_owned();
        let again = server.ask(Method::GET, read, &server.owner).header("if-none-match", &tag);
        assert_eq!(again.send().await.unwrap().status(), 304, "{read}");
        let changed = change(&second, Some(&tag)).await;
        assert_eq!(changed.status(), 200, "{write}");
        let newer = changed.headers()["etag"].to_str().unwrap().to_owned();
        assert_ne!(newer, tag, "{write}");
        let refused = change(&first, Some(&tag)).await;
        assert_eq!(refused.status(), 412, "{write}");
        let still = server.ask(Method::GET, read, &server.owner).send().await.unwrap();
        assert_eq!(still.headers()["etag"], newer, "{read}");
    }
    server.stop().await;
}
