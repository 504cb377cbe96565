//! Every request that was denied is an audit event: here, where the credential, the route and the source are known.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::Extensions;
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::Response;
use control::{Actor, Credential, Denial};

use crate::App;
use crate::error::Failure;
use crate::listening::Peer;

/// Where the extractor of credentials leaves whom it accepted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Slot(Arc<OnceLock<Actor>>);

impl Slot {
    pub(crate) fn fill(&self, actor: &Actor) {
        // A request has one credential; the first actor is the only one.
        let _first = self.0.set(actor.clone());
    }
}

/// What an answer denied although it is not a failure of the request, such as a field of a GraphQL question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Denied {
    pub what: String,
    pub reason: String,
}

/// Records the request when it is denied; before it is answered, so that the event is there by then.
pub(crate) async fn record(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let slot = Slot::default();
    request.extensions_mut().insert(slot.clone());
    let bearer = bearer(&request);
    let source = source(request.extensions());
    let path = request.extensions().get::<MatchedPath>().map_or("/", MatchedPath::as_str);
    let attempt = format!("{} {path}", request.method());
    let mut response = next.run(request).await;
    let Some((code, what, reason)) = denied(&mut response) else { return response };
    let credential = match (slot.0.get(), &bearer) {
        (Some(actor), _) => Credential::Accepted(actor),
        (None, Some(bearer)) => Credential::Refused(bearer),
        (None, None) => Credential::Missing,
    };
    let attempt = format!("{attempt} {what}").trim_end().to_owned();
    let denial = Denial { credential, source, attempt, code: &code, reason: &reason };
    app.control.record_denial(denial).await;
    response
}

/// The code, the part of the request and the reason, if it was denied.
fn denied(response: &mut Response) -> Option<(String, String, String)> {
    if let Some(Denied { what, reason }) = response.extensions_mut().remove::<Denied>() {
        return Some(("forbidden".to_owned(), what, reason));
    }
    let problem = &response.extensions().get::<Failure>()?.problem;
    matches!(problem.status, 401 | 403)
        .then(|| (problem.code.clone(), String::new(), problem.detail.clone()))
}

pub(crate) fn bearer(request: &Request) -> Option<String> {
    let value = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let shown = value.split_once(' ').map_or(value, |(_, shown)| shown);
    Some(shown.trim().to_owned())
}

/// Where a request came from.
pub(crate) fn source(extensions: &Extensions) -> Option<IpAddr> {
    let ConnectInfo(Peer(address)) = extensions.get::<ConnectInfo<Peer>>()?;
    Some(address.ip().to_canonical())
}
