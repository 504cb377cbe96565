//! An issuer of identity tokens in this process: its configuration and its keys over HTTP, as CI systems publish them, and
//! the address at which a job of GitHub Actions asks for its token.

use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::{Received, Receiver, Reply};
use crate::tokens::TokenKey;

/// What a job shows to be given its token.
const REQUEST_TOKEN: &str = "request-token-of-the-job";

/// A running issuer. It listens until the process ends.
#[derive(Debug)]
pub struct Issuer {
    receiver: Receiver,
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    key: TokenKey,
    /// The status that it answers instead; 0 when it does as it should.
    status: AtomicU16,
    issued: AtomicU64,
    /// What the tokens of jobs say.
    claims: Mutex<Value>,
}

impl Issuer {
    /// Listens on the loopback, with a new key.
    pub fn start() -> Self {
        let inner = Arc::new(Inner {
            key: TokenKey::p256("first"),
            status: AtomicU16::new(0),
            issued: AtomicU64::new(0),
            claims: Mutex::new(json!({})),
        });
        let answering = Arc::clone(&inner);
        let receiver = Receiver::start(move |request| answering.answer(request));
        Self { receiver, inner }
    }

    /// Its address, as tokens name it: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        self.receiver.url("")
    }

    /// Its key.
    pub fn key(&self) -> &TokenKey {
        &self.inner.key
    }

    /// From now on it answers with that status, and nothing else.
    pub fn fail(&self, status: u16) {
        self.inner.status.store(status, Ordering::SeqCst);
    }

    /// How often it was asked for that path.
    pub fn asked(&self, path: &str) -> usize {
        self.receiver.seen().iter().filter(|request| request.path == path).count()
    }

    /// A token that was never issued before and holds for five minutes, with those claims besides or instead; a claim
    /// that is null is left out.
    pub fn token(&self, claims: &Value) -> String {
        self.inner.token(&self.url(), claims)
    }

    /// Where a job of GitHub Actions asks for its token, and what it shows there. Its tokens have these claims.
    pub fn job(&self, claims: &Value) -> [(&'static str, String); 2] {
        *self.inner.claims.lock().unwrap_or_else(PoisonError::into_inner) = claims.clone();
        [
            ("ACTIONS_ID_TOKEN_REQUEST_URL", self.receiver.url("/token?api-version=2.0")),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", REQUEST_TOKEN.to_owned()),
        ]
    }
}

impl Inner {
    fn answer(&self, request: &Received) -> Reply {
        let status = self.status.load(Ordering::SeqCst);
        if status != 0 {
            return Reply::status(status);
        }
        let url = format!("http://{}", request.header("host"));
        let said = |body: Value| Reply::status(200).saying(body.to_string());
        match request.path.as_str() {
            "/.well-known/openid-configuration" => {
                said(json!({ "issuer": url, "jwks_uri": format!("{url}/jwks") }))
            }
            "/jwks" => said(json!({ "keys": [self.key.jwk()] })),
            path if path.starts_with("/token?") => self
                .job_token(&url, request)
                .map_or_else(|| Reply::status(401), |token| said(json!({ "value": token }))),
            _ => Reply::status(404),
        }
    }

    fn job_token(&self, url: &str, request: &Received) -> Option<String> {
        if request.header("authorization") != format!("Bearer {REQUEST_TOKEN}") {
            return None;
        }
        let (_, audience) = request.path.split_once("&audience=")?;
        let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // Addresses are all that tests have for an audience.
        let audience = audience.replace("%3A", ":").replace("%2F", "/");
        claims.as_object_mut()?.insert("aud".to_owned(), json!(audience));
        Some(self.token(url, &claims))
    }

    fn token(&self, url: &str, claims: &Value) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let number = self.issued.fetch_add(1, Ordering::SeqCst);
        let mut all = json!({
            "iss": url, "sub": "repo:acme/web:ref:refs/heads/main", "aud": "muster",
            "jti": format!("{number}"), "iat": now, "nbf": now, "exp": now + 300,
        });
        if let (Some(all), Some(claims)) = (all.as_object_mut(), claims.as_object()) {
            all.extend(claims.clone());
            all.retain(|_, value| !value.is_null());
        }
        self.key.token(&all)
    }
}
