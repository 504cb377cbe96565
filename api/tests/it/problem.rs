//! Whatever is wrong with a request, the answer is problem details that say what.

use engine::{Digest, Limits};
use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::support::{Server, problem};

#[tokio::test]
async fn bad_requests_end_in_named_problems() {
    let server = Server::start().await;
    let ask = |method: Method, path: &str| server.ask(method, path, &server.owner);
    let json = |request: RequestBuilder, body: &'static str| {
        request.header("content-type", "application/json").body(body)
    };
    let large = format!("{{\"name\":\"{}\"}}", "x".repeat(3 << 20));
    for (what, request, status, code, said) in [
        ("no such path", ask(Method::GET, "/v2/runs"), 404, "not-found", "/openapi.json"),
        ("no such method", ask(Method::PATCH, "/v1/runs"), 405, "method-not-allowed", "method"),
        ("not JSON", json(ask(Method::POST, "/v1/projects"), "{"), 400, "invalid", "EOF"),
        (
            "more than JSON",
            json(ask(Method::POST, "/v1/projects"), "{\"name\":\"a\"} x"),
            400,
            "invalid",
            "goes on",
        ),
        (
            "unknown member",
            json(ask(Method::POST, "/v1/projects"), "{\"name\":\"a\",\"nmae\":1}"),
            400,
            "invalid",
            "nmae",
        ),
        ("missing member", json(ask(Method::POST, "/v1/projects"), "{}"), 400, "invalid", "`name`"),
        (
            "bad name",
            json(ask(Method::POST, "/v1/projects"), "{\"name\":\"A b\"}"),
            400,
            "invalid",
            "`A b` is not a name",
        ),
        (
            "bad media type",
            ask(Method::POST, "/v1/projects").body("{\"name\":\"a\"}"),
            415,
            "unsupported-media-type",
            "application/json",
        ),
        (
            "too large",
            ask(Method::POST, "/v1/projects")
                .header("content-type", "application/json")
                .body(large),
            413,
            "too-large",
            "larger",
        ),
        ("bad digest", ask(Method::GET, "/v1/blobs/sha256:abc"), 400, "invalid", "is not a digest"),
        ("bad id", ask(Method::GET, "/v1/runs/42"), 400, "invalid", "UUID"),
        (
            "unknown run",
            ask(Method::GET, "/v1/runs/00000000-0000-0000-0000-000000000000"),
            404,
            "not-found",
            "run",
        ),
        ("unknown parameter", ask(Method::GET, "/v1/runs?page=2"), 400, "invalid", "page"),
        ("page too large", ask(Method::GET, "/v1/runs?limit=501"), 400, "invalid", "500"),
        ("empty page", ask(Method::GET, "/v1/runs?limit=0"), 400, "invalid", "1 to"),
        (
            "bad workflow",
            ask(Method::GET, "/v1/runs?workflow=web"),
            400,
            "invalid",
            "PROJECT/WORKFLOW",
        ),
        (
            "bad scope",
            json(ask(Method::POST, "/v1/tokens"), "{\"name\":\"a\",\"scopes\":[\"root\"]}"),
            400,
            "invalid",
            "root",
        ),
        (
            "bad direction",
            ask(Method::GET, &format!("/v1/artifacts/{}/lineage?direction=left", Digest::of(""))),
            400,
            "invalid",
            "left",
        ),
        (
            "bundle as text",
            ask(Method::POST, "/v1/runs/00000000-0000-0000-0000-000000000000/attestation")
                .body("{}"),
            415,
            "unsupported-media-type",
            "bundle",
        ),
        (
            "decide nothing",
            json(ask(Method::POST, "/v1/gates/web/decisions"), "{\"digests\":[]}"),
            400,
            "invalid",
            "1 to 500",
        ),
    ] {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status, "{what}");
        let body = problem(response).await;
        assert_eq!(body["code"], code, "{what}");
        assert!(body["detail"].as_str().unwrap().contains(said), "{what}: {body}");
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
