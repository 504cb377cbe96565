//! The keys of issuers, as they publish them, kept for a while.
//!
//! Only an issuer that a trust rule names is ever asked; the use cases see to that. What is kept is bounded in number and
//! age, and an issuer is asked again no more often than it takes, whatever tokens are shown.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use engine::Timestamp;
use reqwest::{Method, Url};
use trust::{KEY_SET_BYTES_MAX, KeySet, object};

use crate::outbound::{self, Outbound};
use crate::{Error, Result, now};

/// Most issuers whose keys are kept; then the one that was used longest ago is forgotten.
const ISSUERS_MAX: usize = 200;
/// How long keys are used before their issuer is asked again, in milliseconds.
const FRESH_MS: i64 = 10 * 60_000;
/// How long keys are used while their issuer does not answer, in milliseconds.
const STALE_MS: i64 = 60 * 60_000;
/// The shortest time between two questions to one issuer, in milliseconds.
const PAUSE_MS: i64 = 30_000;
/// Largest configuration of an issuer, in bytes.
const CONFIGURATION_BYTES_MAX: usize = 64 << 10;

/// What is known of every issuer that was asked.
#[derive(Debug, Default)]
pub(crate) struct Issuers(Mutex<BTreeMap<String, (Timestamp, Slot)>>);

/// What is known of one issuer. Whoever asks it holds the lock: others wait for the answer instead of asking too.
type Slot = Arc<tokio::sync::Mutex<Known>>;

/// The keys of an issuer and when it was asked.
#[derive(Debug, Default)]
struct Known {
    keys: Option<(Arc<KeySet>, Timestamp)>,
    asked_at: Option<Timestamp>,
    failure: Option<String>,
}

/// What to do about a key.
#[derive(Debug)]
enum Next {
    Use(Arc<KeySet>),
    Ask,
    Fail(String),
}

impl Issuers {
    /// The keys of an issuer, among them the one that is asked for unless it does not publish it.
    pub(crate) async fn keys(
        &self,
        outbound: &Outbound,
        issuer: &str,
        key: &str,
    ) -> Result<Arc<KeySet>> {
        let slot = self.slot(issuer, now());
        let mut known = slot.lock().await;
        if matches!(known.next(key, now()), Next::Ask) {
            let answer = fetch(outbound, issuer).await;
            known.learn(answer, now());
        }
        match known.next(key, now()) {
            Next::Use(keys) => Ok(keys),
            Next::Fail(why) => Err(unavailable(issuer, &why)),
            Next::Ask => Err(unavailable(issuer, "it was just asked")),
        }
    }

    fn slot(&self, issuer: &str, at: Timestamp) -> Slot {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= ISSUERS_MAX && !slots.contains_key(issuer) {
            let oldest = slots.iter().min_by_key(|(_, (used, _))| *used);
            if let Some(oldest) = oldest.map(|(issuer, _)| issuer.clone()) {
                slots.remove(&oldest);
            }
        }
        let entry = slots.entry(issuer.to_owned()).or_insert_with(|| (at, Slot::default()));
        entry.0 = at;
        Arc::clone(&entry.1)
    }
}

impl Known {
    fn next(&self, key: &str, at: Timestamp) -> Next {
        let since = |then: Timestamp| at.as_millis().saturating_sub(then.as_millis());
        let may_ask = self.asked_at.is_none_or(|then| since(then) >= PAUSE_MS);
        match &self.keys {
            Some((keys, then)) if since(*then) < FRESH_MS && (keys.has(key) || !may_ask) => {
                Next::Use(Arc::clone(keys))
            }
            _ if may_ask => Next::Ask,
            Some((keys, then)) if since(*then) < STALE_MS => Next::Use(Arc::clone(keys)),
            _ => Next::Fail(self.failure.clone().unwrap_or_default()),
        }
    }

    fn learn(&mut self, answer: std::result::Result<KeySet, String>, at: Timestamp) {
        self.asked_at = Some(at);
        match answer {
            Ok(keys) => {
                self.keys = Some((Arc::new(keys), at));
                self.failure = None;
            }
            Err(why) => self.failure = Some(why),
        }
    }
}

fn unavailable(issuer: &str, why: &str) -> Error {
    Error::Unavailable {
        message: format!("the keys of the issuer `{issuer}` cannot be had: {why}"),
        source: why.to_owned().into(),
    }
}

/// Whether an issuer may be asked, as far as can be said without asking it.
pub(crate) fn check(outbound: &Outbound, address: &str) -> std::result::Result<Url, String> {
    let url = outbound.check(address).map_err(|refused| refused.to_string())?;
    let loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    if url.scheme() == "http" && !loopback {
        return Err("an issuer is asked over `https`: plain HTTP is for the loopback".to_owned());
    }
    Ok(url)
}

/// Asks an issuer for its configuration, and then for its keys
/// ([OpenID Connect Discovery](https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig)).
async fn fetch(outbound: &Outbound, issuer: &str) -> std::result::Result<KeySet, String> {
    let address = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let configuration = get(outbound, &address, CONFIGURATION_BYTES_MAX).await?;
    let configuration = object(&configuration)
        .map_err(|error| format!("its configuration cannot be read: {error}"))?;
    let text = |member: &str| configuration.get(member).and_then(serde_json::Value::as_str);
    if text("issuer") != Some(issuer) {
        let named = text("issuer").unwrap_or("nobody");
        return Err(format!("its configuration is that of `{named}`"));
    }
    let address = text("jwks_uri").ok_or("its configuration has no `jwks_uri`")?;
    let keys = get(outbound, address, KEY_SET_BYTES_MAX).await?;
    KeySet::parse(&keys).map_err(|error| error.to_string())
}

async fn get(
    outbound: &Outbound,
    address: &str,
    bytes_max: usize,
) -> std::result::Result<Vec<u8>, String> {
    check(outbound, address)?;
    let request = outbound.request(Method::GET, address).map_err(|refused| refused.to_string())?;
    let request = request.header("accept", "application/json");
    let answer = request.send().await.map_err(outbound::reason)?;
    if !answer.status().is_success() {
        return Err(format!("it answered {}", answer.status()));
    }
    outbound::body(answer, bytes_max).await.map_err(|refused| refused.to_string())
}

#[cfg(test)]
mod tests {
    use testdata::peers::{Received, Receiver, Reply};
    use testdata::tokens::TokenKey;

    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn keys(id: &str) -> KeySet {
        let set = serde_json::json!({ "keys": [TokenKey::p256(id).jwk()] });
        KeySet::parse(set.to_string().as_bytes()).unwrap()
    }

    fn said(known: &Known, key: &str, ms: i64) -> &'static str {
        match known.next(key, at(ms)) {
            Next::Use(_) => "use",
            Next::Ask => "ask",
            Next::Fail(_) => "fail",
        }
    }

    #[test]
    fn an_issuer_is_asked_when_it_must_be_and_no_more() {
        let mut known = Known::default();
        assert_eq!(said(&known, "a", 0), "ask");
        known.learn(Err("down".to_owned()), at(0));
        assert_eq!(said(&known, "a", PAUSE_MS - 1), "fail", "a failure is not repeated at once");
        assert_eq!(said(&known, "a", PAUSE_MS), "ask");
        known.learn(Ok(keys("a")), at(0));
        assert_eq!(said(&known, "a", FRESH_MS - 1), "use");
        assert_eq!(said(&known, "b", PAUSE_MS - 1), "use", "an unknown key does not ask at once");
        assert_eq!(said(&known, "b", PAUSE_MS), "ask", "but after a pause");
        assert_eq!(said(&known, "a", FRESH_MS), "ask");
        known.learn(Err("down".to_owned()), at(FRESH_MS));
        assert_eq!(said(&known, "a", FRESH_MS), "use", "stale keys will do for a while");
        known.learn(Err("down".to_owned()), at(STALE_MS - 1));
        assert_eq!(said(&known, "a", STALE_MS - 1), "use");
        assert_eq!(said(&known, "a", STALE_MS), "fail", "and then not any more");
    }

    fn outbound() -> Outbound {
        Outbound::new(&["127.0.0.1".to_owned(), "internal.example".to_owned()]).unwrap()
    }

    /// An issuer whose configuration has that address of its keys, which are those.
    fn publishing(address: &'static str, keys: &'static str) -> Receiver {
        Receiver::start(move |request| {
            let url = format!("http://{}", request.header("host"));
            let address = address.replace("HERE", &url);
            let configuration = serde_json::json!({ "issuer": url, "jwks_uri": address });
            match request.path.as_str() {
                "/keys" => Reply::status(200).saying(keys),
                "/.well-known/openid-configuration" => {
                    Reply::status(200).saying(configuration.to_string())
                }
                _ => Reply::status(404),
            }
        })
    }

    fn saying(body: impl Into<String>) -> Receiver {
        let body = body.into();
        Receiver::start(move |_: &Received| Reply::status(200).saying(body.clone()))
    }

    #[tokio::test]
    async fn an_issuer_that_does_not_publish_as_it_should_has_no_keys() {
        let aside = |_: &Received| Reply::status(302).with("location", "https://keys.example/");
        for (issuer, said) in [
            (Receiver::start(|_| Reply::status(500)), "it answered 500"),
            (Receiver::start(aside), "it answered 302"),
            (saying("[]"), "its configuration cannot be read"),
            (saying(" ".repeat(CONFIGURATION_BYTES_MAX + 1)), "more than 65536 bytes"),
            (saying("{}"), "that of `nobody`"),
            (saying(r#"{"issuer":"https://other.example"}"#), "that of `https://other.example`"),
            (publishing("", ""), "this is not an address"),
            (publishing("https://10.0.0.1/keys", ""), "--allow-private-host"),
            (publishing("http://keys.example/", ""), "is not `https`"),
            (publishing("http://internal.example/", ""), "plain HTTP is for the loopback"),
            (publishing("HERE/nowhere", ""), "it answered 404"),
            (publishing("HERE/keys", "{}"), "this is not a JSON Web Key Set"),
            (publishing("HERE/keys", r#"{"keys":[]}"#), "the key set has no key"),
        ] {
            let url = issuer.url("");
            let failed = Issuers::default().keys(&outbound(), &url, "k").await.unwrap_err();
            assert!(matches!(failed, Error::Unavailable { .. }), "{failed:?}");
            let failed = failed.to_string();
            assert!(failed.contains(said) && failed.contains(&url), "{said}: {failed}");
        }
        let silent = Receiver::start(|request| {
            let url = format!("http://{}", request.header("host"));
            Reply::status(200).saying(serde_json::json!({ "issuer": url }).to_string())
        });
        let failed = Issuers::default().keys(&outbound(), &silent.url(""), "k").await;
        assert!(failed.unwrap_err().to_string().contains("has no `jwks_uri`"));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn many_who_ask_at_once_are_one_question() {
        let issuer = testdata::peers::Issuer::start();
        let (issuers, outbound, url) = (Issuers::default(), outbound(), issuer.url());
        let asking = (0..50).map(|n| {
            let key = if n % 2 == 0 { "first" } else { "unknown" };
            issuers.keys(&outbound, &url, key)
        });
        let answers = futures::future::join_all(asking).await;
        assert!(answers.into_iter().all(|keys| keys.is_ok_and(|keys| keys.has("first"))));
        assert_eq!(issuer.asked("/jwks"), 1);
    }

    #[test]
    fn no_more_issuers_are_kept_than_the_limit() {
        let issuers = Issuers::default();
        for n in 0..ISSUERS_MAX + 5 {
            issuers.slot(&n.to_string(), at(i64::try_from(n).unwrap()));
        }
        let slots = issuers.0.lock().unwrap();
        assert_eq!(slots.len(), ISSUERS_MAX);
        assert!(!slots.contains_key("0") && slots.contains_key("204"));
    }
}
