//! The HTTP client: one place that speaks to the server, and turns its problems into exit codes.

use std::time::Duration;

use api_types::{ExchangeToken, ExchangedToken, Problem};
use engine::Digest;
use engine::id::RunId;
use futures::{Stream, TryStreamExt};
use reqwest::header::{ETAG, IF_MATCH, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::bytes::Bytes;

use crate::evidence::Content;
use crate::exit::{Exit, Failure, Result};
use crate::telemetry;

/// How often a request is sent that the server has too many of.
const PATIENCE: u32 = 5;
/// How long one is waited for before it is sent again.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// A server and the right to talk to it.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    server: String,
    token: String,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Client {
    /// A client of `server`, such as `https://muster.example.com`.
    pub(crate) fn new(server: &str, token: &str) -> Result<Self> {
        let web = |url: &reqwest::Url| matches!(url.scheme(), "http" | "https");
        if !reqwest::Url::parse(server).is_ok_and(|url| web(&url)) {
            return Err(Failure::usage(format!("`{server}` is not the address of a server"))
                .with_hint("it begins with https:// or http://"));
        }
        let http = reqwest::Client::builder()
            .user_agent(concat!("muster/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(10))
            // A server that says nothing for so long will not say anything; a job must not hang for it.
            .read_timeout(Duration::from_mins(5))
            // The token and the evidence go to the server that was named, and to no other.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| Failure::unexpected("cannot make an HTTP client", error))?;
        Ok(Self {
            http,
            server: server.trim_end_matches('/').to_owned(),
            token: token.trim().to_owned(),
        })
    }

    /// The server's address.
    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    /// Asks for a JSON answer.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.json(self.request(Method::GET, path)).await
    }

    /// Asks for a JSON answer, and for what names the state that it shows.
    pub(crate) async fn get_tagged<T: DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<(T, Option<String>)> {
        let response = self.send(self.request(Method::GET, path)).await?;
        let tag = tag(&response);
        Ok((self.read(response).await?, tag))
    }

    /// Writes a state over the one that `tag` names, or the first; answers what names it, and nothing when another is
    /// there.
    pub(crate) async fn put_over(
        &self,
        path: &str,
        body: &impl Serialize,
        over: Option<&str>,
    ) -> Result<Option<String>> {
        let mut request = self.request(Method::PUT, path).json(body);
        if let Some(over) = over {
            request = request.header(IF_MATCH, over);
        }
        let response = self.patiently(request).await?;
        if response.status() == StatusCode::PRECONDITION_FAILED {
            return Ok(None);
        }
        let response = accepted(response).await?;
        let tag = tag(&response);
        tag.map(Some).ok_or_else(|| {
            Failure::unexpected("the server's answer is not understood", "it has no `ETag`")
        })
    }

    /// Asks for bytes as they are.
    pub(crate) async fn bytes(&self, path: &str) -> Result<Vec<u8>> {
        let response = self.send(self.request(Method::GET, path)).await?;
        let bytes = response.bytes().await.map_err(|error| self.unreachable(&error))?;
        Ok(bytes.to_vec())
    }

    /// Asks for bytes as they come, in chunks; one that does not come is an interruption.
    pub(crate) async fn stream(
        &self,
        path: &str,
    ) -> Result<impl Stream<Item = std::io::Result<Bytes>> + Unpin + use<>> {
        let response = self.send(self.request(Method::GET, path)).await?;
        Ok(Box::pin(response.bytes_stream().map_err(std::io::Error::other)))
    }

    /// Posts nothing, and asks for a JSON answer.
    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.json(self.request(Method::POST, path)).await
    }

    /// Sends a JSON body and asks for a JSON answer.
    pub(crate) async fn send_json<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T> {
        self.json(self.request(method, path).json(body)).await
    }

    /// Asks for something to be done that needs no body, and for a JSON answer.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, method: Method, path: &str) -> Result<T> {
        self.json(self.request(method, path)).await
    }

    /// Asks for something to be removed.
    pub(crate) async fn delete(&self, path: &str) -> Result<()> {
        self.send(self.request(Method::DELETE, path)).await.map(drop)
    }

    /// The token that a server gives for an identity token, and for how many seconds it is good.
    pub(crate) async fn exchange(server: &str, asked: &ExchangeToken) -> Result<(String, u64)> {
        let nobody = Self::new(server, "")?;
        let address = format!("{}/v1/tokens/exchange", nobody.server);
        let given: ExchangedToken = nobody.json(nobody.http.post(address).form(asked)).await?;
        Ok((given.access_token, given.expires_in))
    }

    /// Posts a bundle.
    pub(crate) async fn post_bundle<T: DeserializeOwned>(
        &self,
        run: RunId,
        bundle: Vec<u8>,
    ) -> Result<T> {
        self.post_signed(&format!("/v1/runs/{run}/attestation"), bundle).await
    }

    /// Posts a bundle to any path.
    pub(crate) async fn post_signed<T: DeserializeOwned>(
        &self,
        path: &str,
        bundle: Vec<u8>,
    ) -> Result<T> {
        let request = self.request(Method::POST, path);
        self.json(request.header("content-type", api_types::BUNDLE_MEDIA_TYPE).body(bundle)).await
    }

    /// Stores the bytes of a material, unless the server has them. Files are streamed.
    pub(crate) async fn put_blob(&self, digest: Digest, content: &Content) -> Result<()> {
        let path = format!("/v1/blobs/{digest}");
        let request =
            self.request(Method::PUT, &path).header("content-type", "application/octet-stream");
        let request = match content {
            Content::Reference => return Ok(()),
            Content::Bytes(bytes) => request.body(bytes.to_vec()),
            Content::File(file) => {
                if self.has_blob(&path).await? {
                    return Ok(());
                }
                let failed =
                    |error| Failure::unexpected(&format!("cannot read {}", file.display()), error);
                let size = tokio::fs::metadata(file).await.map_err(failed)?.len();
                let file = tokio::fs::File::open(file).await.map_err(failed)?;
                let stream = tokio_util::io::ReaderStream::with_capacity(file, 1 << 20);
                request.header("content-length", size).body(reqwest::Body::wrap_stream(stream))
            }
        };
        self.send(request).await.map(drop)
    }

    async fn has_blob(&self, path: &str) -> Result<bool> {
        let response = self
            .request(Method::HEAD, path)
            .send()
            .await
            .map_err(|error| self.unreachable(&error))?;
        // One that is to be removed is kept when it is handed in again.
        Ok(response.status().is_success() && !response.headers().contains_key("sunset"))
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.server))
            .headers(telemetry::onwards())
            .bearer_auth(&self.token)
    }

    async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T> {
        let response = self.send(request).await?;
        self.read(response).await
    }

    async fn read<T: DeserializeOwned>(&self, response: Response) -> Result<T> {
        let bytes = response.bytes().await.map_err(|error| self.unreachable(&error))?;
        serde_json::from_slice(&bytes)
            .map_err(|error| Failure::unexpected("the server's answer is not understood", error))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response> {
        accepted(self.patiently(request).await?).await
    }

    /// Sends a request, and waits as long as the server asks for when there were too many: it did nothing of them. What is
    /// streamed cannot be sent twice.
    async fn patiently(&self, request: RequestBuilder) -> Result<Response> {
        let mut request = request;
        let mut attempt = 1;
        loop {
            let again = request.try_clone();
            let response = request.send().await.map_err(|error| self.unreachable(&error))?;
            let wait = asked_to_wait(&response);
            let (Some(wait), Some(again), true) = (wait, again, attempt < PATIENCE) else {
                return Ok(response);
            };
            tokio::time::sleep(wait).await;
            request = again;
            attempt += 1;
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let mut cause: &dyn std::error::Error = error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        Failure::new(Exit::TryAgain, format!("cannot reach {}: {cause}", self.server))
            .with_hint("is the address right, and the server running?")
    }
}

/// The answer, if the server did what it was asked.
async fn accepted(response: Response) -> Result<Response> {
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status();
    let body = response.bytes().await.unwrap_or_default();
    Err(failure(status, serde_json::from_slice(&body).ok()))
}

/// What names the state that an answer shows.
fn tag(response: &Response) -> Option<String> {
    response.headers().get(ETAG)?.to_str().ok().map(ToOwned::to_owned)
}

/// How long a server that had too many requests wants to be left alone, within reason.
fn asked_to_wait(response: &Response) -> Option<Duration> {
    if response.status() != StatusCode::TOO_MANY_REQUESTS {
        return None;
    }
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds)).filter(|wait| *wait <= WAIT_MAX)
}

fn failure(status: StatusCode, problem: Option<Problem>) -> Failure {
    let exit = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Exit::Forbidden,
        StatusCode::NOT_FOUND => Exit::NotFound,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Exit::TryAgain,
        StatusCode::UNPROCESSABLE_ENTITY
            if problem.as_ref().is_some_and(|problem| problem.step.is_some()) =>
        {
            Exit::Failed
        }
        status if status.is_client_error() => Exit::Usage,
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT | StatusCode::BAD_GATEWAY => {
            Exit::TryAgain
        }
        _ => Exit::Unexpected,
    };
    let Some(problem) = problem else {
        return Failure::new(exit, format!("the server answered {status}"));
    };
    let step = problem.step;
    let mut message = problem.detail;
    for place in problem.errors {
        let at = match (place.line, place.column) {
            (Some(line), Some(column)) => format!("{line}:{column}: "),
            _ => String::new(),
        };
        let hint = place.hint.map_or_else(String::new, |hint| format!("; {hint}"));
        message = format!("{message}\n{at}{}{hint}", place.detail);
    }
    // A person has a role, and no token that could be another.
    let of_token = message.contains("token");
    let failure = Failure::new(exit, message);
    match (exit, problem.request_id) {
        // What is wrong with the identity of a job is said, and no scope will mend it.
        (Exit::Forbidden, _) if step.is_some() => failure,
        (Exit::Forbidden, _) if of_token => {
            failure.with_hint("is MUSTER_TOKEN set to a token with the right scopes?")
        }
        (Exit::Unexpected, Some(id)) => {
            failure.with_hint(format!("the server's log has the details under {id}"))
        }
        _ => failure,
    }
}
