//! Requests to a registry for which the client has no call.

use http_auth::{ChallengeRef, parse_challenges};
use reqwest::header::WWW_AUTHENTICATE;
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::Deserialize;

use super::{BlobError, Registry, on_loopback};
use crate::outbound::{self, Outbound};

/// Largest answer of a server of tokens, in bytes.
const TOKEN_BYTES_MAX: usize = 64 << 10;

/// What a server of tokens answers: <https://distribution.github.io/distribution/spec/auth/token/>.
#[derive(Deserialize)]
struct Issued {
    #[serde(alias = "access_token")]
    token: String,
}

/// What a registry wants to be shown.
enum Wanted {
    Password,
    Token { realm: Url, query: Vec<(&'static str, String)> },
}

impl Registry {
    /// Asks for something under `/v2/`, and once more with what the registry wants to be shown. `operation` says what
    /// failed when there is no answer.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        operation: &str,
    ) -> Result<Response, BlobError> {
        let scheme = if self.plain_http { "http" } else { "https" };
        let host = self.tagged(String::new()).resolve_registry().to_owned();
        let url = format!("{scheme}://{host}/v2/{path}");
        let failed = |error| BlobError::storage(operation, outbound::reason(error));
        let request = || self.request(method.clone(), &url);
        let answer = request()?.send().await.map_err(failed)?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        let shown = self.authorized(request()?, &answer).await?;
        shown.send().await.map_err(failed)
    }

    /// A request to whoever the registry names, which is the operator's choice unless there is a guard.
    fn request(&self, method: Method, url: &str) -> Result<RequestBuilder, BlobError> {
        let way = if let Some(guard) = &self.guard {
            guard.clone()
        } else {
            let host = Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
            let allowed: Vec<String> = host.into_iter().collect();
            let failed = |error| BlobError::storage("make an HTTP client", error);
            Outbound::new(&allowed).map_err(failed)?
        };
        Ok(way.request(method, url)?)
    }

    /// The request with what the registry wants to be shown.
    async fn authorized(
        &self,
        request: RequestBuilder,
        refusal: &Response,
    ) -> Result<RequestBuilder, BlobError> {
        let asked = refusal.headers().get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
        let wanted = wanted(asked.unwrap_or_default());
        let wanted =
            wanted.ok_or_else(|| self.kept("asks for credentials in a way that is not known"))?;
        Ok(match (wanted, &self.credentials) {
            (Wanted::Password, Some((user, password))) => request.basic_auth(user, Some(password)),
            (Wanted::Password, None) => {
                return Err(self.kept("lets nobody in without a password"));
            }
            (Wanted::Token { realm, query }, _) => {
                request.bearer_auth(self.token(realm, &query).await?)
            }
        })
    }

    async fn token(&self, realm: Url, query: &[(&str, String)]) -> Result<String, BlobError> {
        let host = realm.host_str().unwrap_or_default();
        if realm.scheme() != "https" && !on_loopback(host) {
            return Err(self.kept("has its tokens issued over HTTP, which would show the password"));
        }
        let failed = |reason: String| BlobError::storage(format!("ask {host} for a token"), reason);
        let mut asked = self.request(Method::GET, realm.as_str())?.query(query);
        if let Some((user, password)) = &self.credentials {
            asked = asked.basic_auth(user, Some(password));
        }
        let answer = asked.send().await.map_err(|error| failed(outbound::reason(error)))?;
        if !answer.status().is_success() {
            return Err(failed(format!("the answer was {}", answer.status())));
        }
        let body = outbound::body(answer, TOKEN_BYTES_MAX).await?;
        let issued: Issued = serde_json::from_slice(&body)
            .map_err(|error| failed(format!("the answer is none: {error}")))?;
        Ok(issued.token)
    }

    fn kept(&self, why: &str) -> BlobError {
        BlobError::Kept(format!("the registry {} {why}", self.address))
    }
}

/// The first way to be let in that is known: <https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1>.
fn wanted(header: &str) -> Option<Wanted> {
    let challenges = parse_challenges(header).ok()?;
    challenges.iter().find_map(|challenge| match challenge.scheme.to_ascii_lowercase().as_str() {
        "basic" => Some(Wanted::Password),
        "bearer" => {
            let realm = Url::parse(&parameter(challenge, "realm")?).ok()?;
            let query = ["service", "scope"]
                .into_iter()
                .filter_map(|name| Some((name, parameter(challenge, name)?)))
                .collect();
            Some(Wanted::Token { realm, query })
        }
        _ => None,
    })
}

fn parameter(challenge: &ChallengeRef<'_>, name: &str) -> Option<String> {
    let found = challenge.params.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.to_unescaped())
}
