//! Callers that ask too much are told so, when to come back, and that nothing was done.

use std::num::NonZeroU32;
use std::time::Duration;

use api::{Rate, Rates};
use engine::Limits;
use reqwest::{Method, Response};
use serde_json::json;

use crate::support::{Server, problem};

/// So many requests, and no more for as long as a test takes.
fn rate(requests: u32) -> Rate {
    let requests = NonZeroU32::new(requests).unwrap();
    Rate { requests, window: Duration::from_hours(24) }
}

/// What an answer says of the caller's bucket.
fn said(response: &Response) -> (String, String) {
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    (header("ratelimit-policy"), header("ratelimit"))
}

#[tokio::test]
async fn one_token_too_often_is_refused_and_others_are_answered() {
    let rates = Rates { token: Some(rate(4)), anonymous: None };
    let server = Server::with(Limits::DEFAULT, rates).await;
    let create = |name: &str| {
        let body = json!({ "name": name });
        server.ask(Method::POST, "/v1/projects", &server.owner).json(&body).send()
    };
    for (number, left) in [3, 2, 1, 0].into_iter().enumerate() {
        let response = create(&format!("p{number}")).await.unwrap();
        assert_eq!(response.status(), 201);
        let expected = ("\"token\";q=4;w=86400".to_owned(), format!("\"token\";r={left};t=86400"));
        assert_eq!(said(&response), expected);
    }
    let refused = create("more").await.unwrap();
    assert_eq!(refused.status(), 429);
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=21_601).contains(&wait), "{wait}");
    assert_eq!(said(&refused).1, format!("\"token\";r=0;t={wait}"));
    let body = problem(refused).await;
    assert_eq!(body["code"], "too-many-requests");

    // Another token is another caller, and nothing was done of what was refused.
    let other = server.ask(Method::GET, "/v1/projects", &server.instance).send().await.unwrap();
    assert_ne!(other.status(), 429);
    let anonymous = server.anonymous(Method::GET, "/openapi.json").send().await.unwrap();
    assert_eq!(anonymous.status(), 200);
    assert!(!anonymous.headers().contains_key("ratelimit"));
    server.stop().await;
}

#[tokio::test]
async fn an_address_without_a_token_has_a_bound_of_its_own() {
    let rates = Rates { token: None, anonymous: Some(rate(2)) };
    let server = Server::with(Limits::DEFAULT, rates).await;
    let exchange = || {
        server
            .anonymous(Method::POST, "/v1/tokens/exchange")
            .form(&[("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange")])
            .send()
    };
    for _ in 0..2 {
        assert_ne!(exchange().await.unwrap().status(), 429);
    }
    assert_eq!(problem(exchange().await.unwrap()).await["code"], "too-many-requests");
    // What watches the server is answered all the same, and so is whoever has a token.
    for path in ["/livez", "/readyz", "/metrics"] {
        let watched = server.anonymous(Method::GET, path).send().await.unwrap();
        assert_eq!(watched.status(), 200, "{path}");
    }
    let known = server.ask(Method::GET, "/v1/projects", &server.owner).send().await.unwrap();
    assert_eq!(known.status(), 200);
    server.stop().await;
}
