//! Whatever is wrong with a request, the answer is problem details that say what.

use engine::{Digest, Limits};
use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::support::{Server, problem};

/// What is wrong, the path, the status, the code, a part of what is said.
type Case<'a> = (&'a str, &'a str, u16, &'a str, &'a str);

const NOBODY: &str = "/v1/runs/00000000-0000-0000-0000-000000000000";

async fn expect(request: RequestBuilder, (what, _, status, code, said): Case<'_>) {
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), status, "{what}");
    let body = problem(response).await;
    assert_eq!(body["code"], code, "{what}");
    assert!(body["detail"].as_str().unwrap().contains(said), "{what}: {body}");
}

#[tokio::test]
async fn bad_addresses_end_in_named_problems() {
    let server = Server::start().await;
    let lineage = format!("/v1/artifacts/{}/lineage?direction=left", Digest::of(""));
    let cases: [Case<'_>; 9] = [
        ("no such path", "/v2/runs", 404, "not-found", "/openapi.json"),
        ("bad digest", "/v1/blobs/sha256:abc", 400, "invalid", "is not a digest"),
        ("bad id", "/v1/runs/42", 400, "invalid", "UUID"),
        ("unknown run", NOBODY, 404, "not-found", "run"),
        ("unknown parameter", "/v1/runs?page=2", 400, "invalid", "page"),
        ("page too large", "/v1/runs?limit=501", 400, "invalid", "500"),
        ("empty page", "/v1/runs?limit=0", 400, "invalid", "1 to"),
        ("bad workflow", "/v1/runs?workflow=web", 400, "invalid", "PROJECT/WORKFLOW"),
        ("bad direction", &lineage, 400, "invalid", "left"),
    ];
    for case in cases {
        expect(server.ask(Method::GET, case.1, &server.owner), case).await;
    }
    let case = ("no such method", "/v1/runs", 405, "method-not-allowed", "method");
    expect(server.ask(Method::PATCH, case.1, &server.owner), case).await;
    server.stop().await;
}

#[tokio::test]
async fn bad_bodies_end_in_named_problems() {
    let server = Server::start().await;
    let projects = "/v1/projects";
    let large = format!("{{\"name\":\"{}\"}}", "x".repeat(3 << 20));
    let root = "{\"name\":\"a\",\"scopes\":[\"root\"]}";
    let cases: [(&str, Case<'_>); 8] = [
        ("{", ("not JSON", projects, 400, "invalid", "EOF")),
        ("{\"name\":\"a\"} x", ("more than JSON", projects, 400, "invalid", "goes on")),
        ("{\"name\":\"a\",\"nmae\":1}", ("unknown member", projects, 400, "invalid", "nmae")),
        ("{}", ("missing member", projects, 400, "invalid", "`name`")),
        ("{\"name\":\"A b\"}", ("bad name", projects, 400, "invalid", "`A b` is not a name")),
        (&large, ("too large", projects, 413, "too-large", "larger")),
        (root, ("bad scope", "/v1/tokens", 400, "invalid", "root")),
        (
            "{\"digests\":[]}",
            ("decide nothing", "/v1/gates/web/decisions", 400, "invalid", "1 to 500"),
        ),
    ];
    for (body, case) in cases {
        let request = server.ask(Method::POST, case.1, &server.owner);
        expect(request.header("content-type", "application/json").body(body.to_owned()), case)
            .await;
    }
    let attestation = format!("{NOBODY}/attestation");
    for (body, case) in [
        (
            "{\"name\":\"a\"}",
            ("bad media type", projects, 415, "unsupported-media-type", "application/json"),
        ),
        ("{}", ("bundle as text", attestation.as_str(), 415, "unsupported-media-type", "bundle")),
    ] {
        expect(server.ask(Method::POST, case.1, &server.owner).body(body), case).await;
    }
    server.stop().await;
}

#[tokio::test]
async fn a_wrong_body_says_where() {
    let server = Server::start().await;
    let body = "{\n  \"name\": \"a\",\n  \"scopes\": [\"read\", \"root\"]\n}";
    let request = server
        .ask(Method::POST, "/v1/tokens", &server.owner)
        .header("content-type", "application/json");
    let body = problem(request.body(body).send().await.unwrap()).await;
    assert_eq!(body["errors"][0]["pointer"], "/scopes/1");
    assert_eq!(body["errors"][0]["line"], 3);
    server.stop().await;
}

#[tokio::test]
async fn a_wrong_contract_says_where_and_what_to_do() {
    let server = Server::start().await;
    let source = "apiVersion: muster.dev/v1\nkind: Contract\nmetadata: { name: web }\nspec:\n  materails: []\n";
    let request =
        server.ask(Method::PUT, "/v1/contracts", &server.owner).json(&json!({ "source": source }));
    let body = problem(request.send().await.unwrap()).await;
    assert_eq!((&body["status"], &body["code"]), (&json!(400), &json!("invalid")));
    let place = body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .find(|place| place["pointer"] == "/spec/materails")
        .unwrap();
    assert_eq!(place["line"], 5);
    assert!(place["hint"].as_str().unwrap().contains("materials"), "{place}");
    server.stop().await;
}

#[tokio::test]
async fn the_same_name_twice_is_a_conflict() {
    let server = Server::start().await;
    let make = || {
        server
            .ask(Method::POST, "/v1/projects", &server.owner)
            .json(&json!({ "name": "web" }))
            .send()
    };
    assert_eq!(make().await.unwrap().status(), 201);
    let response = make().await.unwrap();
    assert_eq!(response.status(), 409);
    assert_eq!(problem(response).await["code"], "conflict");
    server.stop().await;
}

#[tokio::test]
async fn a_bundle_over_the_limit_is_too_large() {
    let server = Server::with_limits(Limits { bundle_bytes_max: 1_000, ..Limits::DEFAULT }).await;
    let path = format!("/v1/runs/{}/attestation", uuid::Uuid::nil());
    for (size, status) in [(1_000, 422), (1_001, 413)] {
        let request = server
            .ask(Method::POST, &path, &server.owner)
            .header("content-type", api_types::BUNDLE_MEDIA_TYPE);
        let response = request.body("x".repeat(size)).send().await.unwrap();
        assert_eq!(response.status(), status, "{size}");
        assert_eq!(problem(response).await.get("step").is_some(), status == 422, "{size}");
    }
    server.stop().await;
}

#[tokio::test]
async fn metrics_count_routes_and_never_paths() {
    let server = Server::start().await;
    let digest = Digest::of("secret path");
    for path in [format!("/v1/blobs/{digest}"), format!("/nowhere/{digest}")] {
        assert_eq!(
            server.ask(Method::GET, &path, &server.owner).send().await.unwrap().status(),
            404
        );
    }
    let text =
        server.anonymous(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    for line in [
        "muster_http_requests_total{method=\"GET\",route=\"/v1/blobs/{digest}\",status=\"404\"} 1",
        "muster_http_requests_total{method=\"GET\",route=\"unmatched\",status=\"404\"} 1",
        "muster_http_request_duration_seconds_count{method=\"GET\",route=\"/v1/blobs/{digest}\"} 1",
        "muster_build_info{version=",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(!text.contains(&digest.to_string()));
    server.stop().await;
}
