//! Requests as they go over the wire, for what the command line would never send.

use std::future::Future;

use api_types::BUNDLE_MEDIA_TYPE;
use engine::Digest;
use engine::digest::Hasher;
use futures::StreamExt;
use reqwest::Method;
use serde_json::Value;

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    /// The same, if it has that status; else the test fails and shows the body.
    #[track_caller]
    pub(crate) fn with(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }
}

/// A server as one bearer of a token sees it.
#[derive(Debug, Clone)]
pub(crate) struct Http {
    server: String,
    token: String,
}

impl Http {
    pub(crate) fn new(server: &str, token: &str) -> Self {
        Self { server: server.to_owned(), token: token.to_owned() }
    }

    /// The same server under another token.
    pub(crate) fn under(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, "application/json", Vec::new())
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, "application/json", body.to_string().into_bytes())
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, "application/json", Vec::new())
    }

    pub(crate) fn put_blob(&self, digest: Digest, bytes: &[u8]) -> Answer {
        let path = format!("/v1/blobs/{digest}");
        self.send(Method::PUT, &path, "application/octet-stream", bytes.to_vec())
    }

    pub(crate) fn push(&self, run: &str, bundle: &[u8]) -> Answer {
        let path = format!("/v1/runs/{run}/attestation");
        self.send(Method::POST, &path, BUNDLE_MEDIA_TYPE, bundle.to_vec())
    }

    /// What GraphQL answers; the test fails when it answers errors.
    #[track_caller]
    pub(crate) fn graphql(&self, query: &str) -> Value {
        let mut answer =
            self.post("/graphql", &serde_json::json!({ "query": query })).with(200).json();
        assert!(answer.get("errors").is_none(), "{answer}");
        answer["data"].take()
    }

    /// Fetches a blob chunk by chunk, and answers what it measured.
    pub(crate) fn fetch_blob(&self, digest: Digest) -> (Digest, u64) {
        let request = reqwest::Client::new()
            .get(format!("{}/v1/blobs/{digest}", self.server))
            .bearer_auth(&self.token);
        wait(async move {
            let response = request.send().await.unwrap().error_for_status().unwrap();
            let (mut stream, mut hasher) = (response.bytes_stream(), Hasher::default());
            while let Some(chunk) = stream.next().await {
                hasher.update(&chunk.unwrap());
            }
            let size = hasher.size();
            (hasher.finish(), size)
        })
    }

    fn send(&self, method: Method, path: &str, media_type: &str, body: Vec<u8>) -> Answer {
        let request = reqwest::Client::new()
            .request(method, format!("{}{path}", self.server))
            .bearer_auth(&self.token)
            .header("content-type", media_type)
            .body(body);
        wait(async move {
            let response = request.send().await.unwrap();
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            Answer { status, headers, body: response.bytes().await.unwrap().to_vec() }
        })
    }
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(work)
}
