//! GraphQL over HTTP: methods, media types and statuses.

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::support::{Server, problem};

const JSON: &str = "application/json";
const GRAPHQL: &str = "application/graphql-response+json";

async fn post(server: &Server, accept: &str, body: &Value) -> Response {
    let request = server.ask(Method::POST, "/graphql", &server.owner).header("accept", accept);
    request.json(body).send().await.unwrap()
}

#[tokio::test]
async fn statuses_follow_the_accepted_media_type() {
    let server = Server::start().await;
    let fragments: Vec<String> =
        (0..22).map(|at| format!("fragment f{at} on Query{{...f{0} ...f{0}}}", at + 1)).collect();
    let doubled = format!("{{...f0}}{}fragment f22 on Query{{__typename}}", fragments.concat());
    let id = json!({ "id": null });
    for (what, body, status, data) in [
        ("it is right", json!({ "query": "{ viewer { token } }" }), 200, true),
        (
            "it has nulls",
            json!({ "query": "{ __typename }", "variables": null, "operationName": null, "extensions": null }),
            200,
            true,
        ),
        (
            "a field fails",
            json!({ "query": "query($id: ID!) { run(id: $id) { id } }", "variables": { "id": uuid::Uuid::nil() } }),
            200,
            true,
        ),
        ("it does not parse", json!({ "query": "{" }), 400, false),
        ("it does not validate", json!({ "query": "{ nothing }" }), 400, false),
        (
            "a variable does not fit",
            json!({ "query": "query($id: ID!) { run(id: $id) { id } }", "variables": id }),
            400,
            false,
        ),
        ("it is a mutation", json!({ "query": "mutation { __typename }" }), 400, false),
        ("it doubles", json!({ "query": doubled }), 400, false),
        (
            "no such operation",
            json!({ "query": "query A { __typename }", "operationName": "B" }),
            400,
            false,
        ),
    ] {
        for (accept, status) in [(GRAPHQL, status), (JSON, 200)] {
            let response = post(&server, accept, &body).await;
            assert_eq!(response.status(), status, "{what} {accept}");
            assert_eq!(
                response.headers()["content-type"],
                format!("{accept}; charset=utf-8"),
                "{what}"
            );
            let answer: Value = response.json().await.unwrap();
            assert_eq!(answer.get("data").is_some(), data, "{what}: {answer}");
            assert!(
                data || answer["errors"][0]["extensions"]["code"].is_string(),
                "{what}: {answer}"
            );
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn malformed_requests_are_problems() {
    let server = Server::start().await;
    for (what, body) in [
        ("a batch", json!([{ "query": "{ __typename }" }])),
        ("no query", json!({})),
        ("a query that is no text", json!({ "query": 1 })),
        ("variables that are no map", json!({ "query": "{ __typename }", "variables": "x" })),
        ("extensions that are no map", json!({ "query": "{ __typename }", "extensions": [] })),
        ("an operation that is no text", json!({ "query": "{ __typename }", "operationName": {} })),
    ] {
        let response = post(&server, JSON, &body).await;
        assert_eq!(response.status(), 400, "{what}");
        assert_eq!(problem(response).await["code"], "invalid", "{what}");
    }
    let form =
        server.ask(Method::POST, "/graphql", &server.owner).header("content-type", "text/plain");
    assert_eq!(form.body("{\"query\":\"{ __typename }\"}").send().await.unwrap().status(), 415);
    assert_eq!(
        post(&server, "text/html", &json!({ "query": "{ __typename }" })).await.status(),
        406
    );
    server.stop().await;
}

#[tokio::test]
async fn get_answers_queries_only() {
    let server = Server::start().await;
    let get = |query: &'static str| {
        server
            .ask(Method::GET, &format!("/graphql?{query}"), &server.owner)
            .header("accept", GRAPHQL)
            .send()
    };
    assert_eq!(get("query=%7B__typename%7D").await.unwrap().status(), 200);
    assert_eq!(get("query=query(%24a%3ABoolean!)%7Bviewer%7Btoken%20%40skip(if%3A%24a)%7D%7D&variables=%7B%22a%22%3Afalse%7D").await.unwrap().status(), 200);
    assert_eq!(get("query=%7B__typename%7D&variables=x").await.unwrap().status(), 400);
    assert_eq!(get("query=%7B").await.unwrap().status(), 400);
    let mutation = get("query=mutation%7B__typename%7D").await.unwrap();
    assert_eq!(mutation.headers()["allow"], "POST");
    assert_eq!(problem(mutation).await["status"], 405);
    server.stop().await;
}

#[tokio::test]
async fn a_cursor_of_another_list_and_a_page_too_large_are_refused() {
    let server = Server::start().await;
    for query in [
        "{ runs(first: 501) { edges { cursor } } }",
        "{ runs(first: 0) { edges { cursor } } }",
        "{ runs(after: \"x\") { edges { cursor } } }",
    ] {
        let answer: Value =
            post(&server, JSON, &json!({ "query": query })).await.json().await.unwrap();
        assert_eq!(answer["errors"][0]["extensions"]["code"], "invalid", "{query}: {answer}");
        assert!(answer["data"].is_null(), "{answer}");
    }
    server.stop().await;
}
