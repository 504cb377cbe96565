//! HTTP over the use cases: routes, credentials, errors as problem details, metrics.
//!
//! A handler is three lines: who asks, the use case, the answer. [`ROUTES`] is the one list of routes; the router and
//! the `OpenAPI` document are both made from it, and a test asks each of its routes without a token and with one too weak.
//! Rules live in [`control`]; nothing here decides.

mod conditional;
mod connections;
mod convert;
mod denial;
mod error;
mod extract;
mod listening;
mod metrics;
mod observe;
pub mod openapi;
pub mod problem;
mod rate;
mod repeat;
mod routes;

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use control::Control;
use error::Failure;
use listening::Listening;
pub use listening::{InvalidTls, Tls};
use metrics::Metrics;
use rate::Limiters;
pub use rate::{Rate, Rates};
pub use routes::{Access, Answer, Body, Parameter, ROUTES, Route};
use tokio::net::TcpListener;
use tower_http::catch_panic::CatchPanicLayer;

/// What every handler can reach. Clones share everything.
#[derive(Clone)]
struct App {
    control: Control,
    schema: graphql::Schema,
    metrics: Arc<Metrics>,
    limiters: Arc<Limiters>,
    /// How long a client may be silent in the middle of a request.
    patience: Duration,
}

/// The whole server as a router, with its limits, deadlines, metrics and error pages.
fn router(control: Control, rates: Rates, patience: Duration) -> Router {
    let limits = control.limits().clone();
    let limiters = Arc::new(Limiters::new(rates));
    let app =
        App { control, schema: graphql::schema(), metrics: Arc::default(), limiters, patience };
    let mut router = Router::new();
    for route in ROUTES {
        let mut handler = route.handler();
        if let Some(max) = route.body.bytes_max(&limits) {
            handler = handler.layer(DefaultBodyLimit::max(max));
        }
        if let Some(deadline) = route.deadline() {
            handler = handler
                .layer(from_fn(move |request, next| observe::deadline(deadline, request, next)));
        }
        if route.has_effects() {
            let keeps = repeat::keeps(route);
            let once = move |app, request, next| repeat::once(app, keeps, request, next);
            handler = handler.layer(from_fn_with_state(app.clone(), once));
        }
        router = router.route(route.path, handler);
    }
    router
        .fallback(async || Failure::no_route())
        .method_not_allowed_fallback(async || Failure::wrong_method())
        .layer(CatchPanicLayer::custom(|_| Failure::panicked()))
        .layer(from_fn_with_state(app.clone(), denial::record))
        .layer(from_fn_with_state(app.clone(), rate::limit))
        .layer(from_fn_with_state(app.clone(), observe::request))
        .with_state(app)
}

/// How requests are taken.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many are answered.
    pub rates: Rates,
    /// What the server proves itself by; without it there is no TLS.
    pub tls: Option<Tls>,
    /// How long a client may be silent in the middle of a request.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { rates: Rates::default(), tls: None, patience: Duration::from_secs(30) }
    }
}

/// Serves until `shutdown` is done, then lets requests that are under way finish.
pub async fn serve(
    listener: TcpListener,
    control: Control,
    options: Options,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let Options { rates, tls, patience } = options;
    let listening = Listening::new(listener, tls)?;
    connections::serve(listening, router(control, rates, patience), patience, shutdown).await;
    Ok(())
}
