//! Blobs stream in and out under their digest.

use engine::digest::Hasher;
use engine::{Digest, Limits};
use futures::{StreamExt, stream};
use reqwest::{Body, Method};

use crate::support::{Server, problem};

const CHUNK: usize = 64 << 10;

/// A body that is never in memory as a whole.
fn chunks(count: usize) -> Body {
    let chunk = |at: usize| Ok::<_, std::io::Error>(vec![u8::try_from(at % 251).unwrap(); CHUNK]);
    Body::wrap_stream(stream::iter(0..count).map(chunk))
}

fn digest(count: usize) -> Digest {
    let mut hasher = Hasher::default();
    (0..count).for_each(|at| hasher.update(&vec![u8::try_from(at % 251).unwrap(); CHUNK]));
    hasher.finish()
}

#[tokio::test]
async fn a_large_blob_streams_both_ways() {
    let server = Server::start().await;
    let count = 512;
    let digest = digest(count);
    let path = format!("/v1/blobs/{digest}");
    let stored =
        server.ask(Method::PUT, &path, &server.owner).body(chunks(count)).send().await.unwrap();
    assert_eq!(stored.status(), 201);
    let stored: api_types::Blob = stored.json().await.unwrap();
    assert_eq!((stored.digest, stored.size), (digest, u64::try_from(count * CHUNK).unwrap()));

    let size = server.ask(Method::HEAD, &path, &server.owner).send().await.unwrap();
    assert_eq!(size.status(), 200);
    assert_eq!(size.headers()["content-length"], (count * CHUNK).to_string().as_str());

    let fetched = server.ask(Method::GET, &path, &server.owner).send().await.unwrap();
    assert_eq!(fetched.headers()["x-content-type-options"], "nosniff");
    assert_eq!(fetched.content_length(), u64::try_from(count * CHUNK).ok());
    let mut hasher = Hasher::default();
    let mut body = fetched.bytes_stream();
    while let Some(chunk) = body.next().await {
        hasher.update(&chunk.unwrap());
    }
    assert_eq!(hasher.finish(), digest);
    server.stop().await;
}

#[tokio::test]
async fn other_bytes_than_the_digest_names_are_refused() {
    let server = Server::start().await;
    let path = format!("/v1/blobs/{}", Digest::of("evidence"));
    let response =
        server.ask(Method::PUT, &path, &server.owner).body("forgery").send().await.unwrap();
    let body = problem(response).await;
    assert!(body["detail"].as_str().unwrap().contains("digest"), "{body}");
    assert_eq!(server.ask(Method::GET, &path, &server.owner).send().await.unwrap().status(), 404);
    server.stop().await;
}

#[tokio::test]
async fn storing_twice_answers_the_same() {
    let server = Server::start().await;
    let path = format!("/v1/blobs/{}", Digest::of("evidence"));
    for _ in 0..2 {
        let response =
            server.ask(Method::PUT, &path, &server.owner).body("evidence").send().await.unwrap();
        assert_eq!(response.status(), 201);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_blob_over_the_limit_is_too_large_with_and_without_a_length() {
    let server = Server::with_limits(Limits { blob_bytes_max: 1 << 20, ..Limits::DEFAULT }).await;
    let count = 17;
    let path = format!("/v1/blobs/{}", digest(count));
    let whole: Vec<u8> =
        (0..count).flat_map(|at| vec![u8::try_from(at % 251).unwrap(); CHUNK]).collect();
    for body in [Body::from(whole), chunks(count)] {
        let response =
            server.ask(Method::PUT, &path, &server.owner).body(body).send().await.unwrap();
        assert_eq!(response.status(), 413);
        assert_eq!(problem(response).await["code"], "too-large");
    }
    server.stop().await;
}
