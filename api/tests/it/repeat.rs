//! A request with an `Idempotency-Key` is done once.

use api::{Access, ROUTES};
use futures::future::join_all;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::support::{Server, problem};

async fn invite(server: &Server, token: &str, key: &str, email: &str) -> Response {
    let body = json!({ "email": email, "role": "viewer" });
    let request = server.ask(Method::POST, "/v1/invitations", token).json(&body);
    request.header("idempotency-key", key).send().await.unwrap()
}

async fn invited(server: &Server) -> usize {
    let list = server.ask(Method::GET, "/v1/invitations", &server.owner).send().await.unwrap();
    list.json::<Value>().await.unwrap()["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_request_that_comes_again_gets_the_answer_that_it_got() {
    let server = Server::start().await;
    let first = invite(&server, &server.owner, "\"one\"", "a@acme.test").await;
    assert_eq!(first.status(), 201);
    assert!(first.headers().get("idempotency-replayed").is_none());
    let first: Value = first.json().await.unwrap();
    for key in ["one", "\"one\""] {
        let again = invite(&server, &server.owner, key, "a@acme.test").await;
        assert_eq!(
            (again.status().as_u16(), &again.headers()["idempotency-replayed"]),
            (201, &"true".parse().unwrap())
        );
        assert_eq!(again.headers()["content-type"], "application/json");
        assert_eq!(again.json::<Value>().await.unwrap(), first);
    }
    assert_eq!(invited(&server).await, 1);
    // The key is of the token, and of one request.
    let other = server.token("other", &["admin"]).await;
    assert_eq!(invite(&server, &other, "one", "b@acme.test").await.status(), 201);
    let reused = invite(&server, &server.owner, "one", "c@acme.test").await;
    assert_eq!(problem(reused).await["code"], "idempotency-key-reused");
    for wrong in ["", "a b", "\"a"] {
        assert_eq!(
            invite(&server, &server.owner, wrong, "d@acme.test").await.status(),
            400,
            "{wrong}"
        );
    }
    assert_eq!(invited(&server).await, 2);
    let nobody = invite(&server, "muster_pat_wrong", "one", "a@acme.test").await;
    assert_eq!(nobody.status(), 401);
    server.stop().await;
}

#[tokio::test]
async fn what_was_refused_may_be_repaired_under_the_same_key() {
    let server = Server::start().await;
    assert_eq!(invite(&server, &server.owner, "k", "no address").await.status(), 400);
    assert_eq!(invite(&server, &server.owner, "k", "a@acme.test").await.status(), 201);
    assert_eq!(invited(&server).await, 1);
    server.stop().await;
}

#[tokio::test]
async fn of_many_at_once_one_is_done() {
    let server = Server::start().await;
    let all = (0..16).map(|_| invite(&server, &server.owner, "storm", "a@acme.test"));
    let mut done = 0;
    for response in join_all(all).await {
        let replayed = response.headers().contains_key("idempotency-replayed");
        match response.status().as_u16() {
            201 => done += usize::from(!replayed),
            // Of the one that is under way the answer is not known yet.
            409 => {}
            status => panic!("{status}"),
        }
    }
    assert_eq!((done, invited(&server).await), (1, 1));
    let after = invite(&server, &server.owner, "storm", "a@acme.test").await;
    assert_eq!(
        (after.status().as_u16(), after.headers().contains_key("idempotency-replayed")),
        (201, true)
    );
    server.stop().await;
}

#[tokio::test]
async fn what_is_secret_is_not_answered_again() {
    let server = Server::start().await;
    let make = || {
        let body = json!({ "name": "web", "scopes": ["read"] });
        let request = server.ask(Method::POST, "/v1/tokens", &server.owner).json(&body);
        request.header("idempotency-key", "t").send()
    };
    let first: Value = make().await.unwrap().json().await.unwrap();
    let secret = first["secret"].as_str().unwrap();
    let again = make().await.unwrap();
    assert_eq!(again.status(), 409);
    let text = again.text().await.unwrap();
    assert!(text.contains("its answer is not kept") && !text.contains(secret), "{text}");
    let listed = server.ask(Method::GET, "/v1/tokens", &server.owner).send().await.unwrap();
    let listed = listed.text().await.unwrap();
    assert_eq!(listed.matches("\"web\"").count(), 1, "{listed}");
    server.stop().await;
}

#[tokio::test]
async fn a_request_is_done_though_its_client_is_gone() {
    let server = Server::start().await;
    let sent = invite(&server, &server.owner, "gone", "a@acme.test");
    // As soon as it is under way, nobody waits for it any more.
    let _cut = tokio::time::timeout(std::time::Duration::from_millis(1), sent).await;
    let mut status = 409;
    while status == 409 {
        let again = invite(&server, &server.owner, "gone", "a@acme.test").await;
        status = again.status().as_u16();
    }
    assert_eq!((status, invited(&server).await), (201, 1));
    server.stop().await;
}

#[test]
fn every_operation_that_does_something_takes_a_key() {
    let document = api::openapi::document();
    for route in ROUTES.iter().filter(|route| route.method == "POST" && route.path != "/graphql") {
        if !matches!(route.access, Access::May(_) | Access::Token) {
            continue;
        }
        let path = route.path.replace('~', "~0").replace('/', "~1");
        let said = document.pointer(&format!("/paths/{path}/post/description")).unwrap();
        // What is signed is received once by itself.
        let signed = ["/attestation", "/approval", "/imports"];
        let signed = signed.iter().any(|end| route.path.ends_with(end));
        assert_eq!(!signed, said.as_str().unwrap().contains("Idempotency-Key"), "{}", route.path);
    }
}
