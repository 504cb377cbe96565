//! Clients that stop in the middle of a request are given up, and nobody else notices.

use std::time::Duration;

use api::Options;
use engine::{Digest, Limits};
use reqwest::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::Server;

async fn impatient() -> Server {
    let options = Options { patience: Duration::from_millis(200), ..Options::default() };
    Server::with_options(Limits::DEFAULT, options).await
}

/// What the server answers to somebody who sends this and nothing more, until it closes the connection.
async fn answer_to(server: &Server, sent: &str) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(sent.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_client_that_stops_in_the_middle_of_a_head_is_given_up() {
    let server = impatient().await;
    for head in ["", "GET /livez HT", "GET /livez HTTP/1.1\r\nHost: a\r\nX-Half: "] {
        assert_eq!(answer_to(&server, head).await, "", "{head:?}");
    }
    let other = server.anonymous(Method::GET, "/livez").send().await.unwrap();
    assert_eq!(other.status(), 200);
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_stops_in_the_middle_of_a_blob_is_told_so_and_nothing_of_it_is_kept() {
    let server = impatient().await;
    let digest = Digest::of(b"whole");
    let head = format!(
        "PUT /v1/blobs/{digest} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nContent-Length: 5\r\n\r\n",
        server.owner
    );
    let answer = answer_to(&server, &format!("{head}who")).await;
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    assert!(answer.contains("the upload ended early"), "{answer}");
    let path = format!("/v1/blobs/{digest}");
    let kept = server.ask(Method::GET, &path, &server.owner).send().await.unwrap();
    assert_eq!(kept.status(), 404);
    let whole = server.ask(Method::PUT, &path, &server.owner).body("whole").send().await.unwrap();
    assert_eq!(whole.status(), 201);
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_stops_in_the_middle_of_a_document_does_not_keep_the_server_from_ending() {
    let server = impatient().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /livez HT").await.unwrap();
    server.stop().await;
}
