//! How many requests one token, or one address without a token, may make.
//!
//! Each has a bucket of requests that fills again at a steady rate (GCRA). What a caller may expect is in each answer, as
//! [RateLimit header fields](https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/); a request too many is
//! answered 429 with `Retry-After`, and nothing of it was done. Buckets are of this process: replicas do not share them.

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderValue;
use axum::http::header::{HeaderName, RETRY_AFTER};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use engine::Digest;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};

use crate::error::Failure;
use crate::{App, denial};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// What operators' own machinery asks, which must be answered when nothing else is.
const EXEMPT: [&str; 3] = ["/livez", "/readyz", "/metrics"];
/// How many buckets there may be before those that are full again are forgotten.
const BUCKETS_MAX: usize = 10_000;

/// So many requests within so long; they may come at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// The requests.
    pub requests: NonZeroU32,
    /// The time in which as many may be made again.
    pub window: Duration,
}

impl Rate {
    /// How long a caller that rested may go on faster than steadily.
    const WINDOW: Duration = Duration::from_secs(4);

    /// So many requests a second on the whole; none when that is no number of requests.
    pub fn per_second(requests: u32) -> Option<Self> {
        let seconds = u32::try_from(Self::WINDOW.as_secs()).ok()?;
        let requests = NonZeroU32::new(requests)?.saturating_mul(NonZeroU32::new(seconds)?);
        Some(Self { requests, window: Self::WINDOW })
    }
}

/// How many requests are answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rates {
    /// Of one token; without a bound when absent.
    pub token: Option<Rate>,
    /// Of one address, without a token; without a bound when absent.
    pub anonymous: Option<Rate>,
}

/// The buckets.
#[derive(Debug, Default)]
pub(crate) struct Limiters {
    token: Option<Limiter<Digest>>,
    anonymous: Option<Limiter<Option<IpAddr>>>,
}

impl Limiters {
    pub(crate) fn new(rates: Rates) -> Self {
        Self {
            token: rates.token.and_then(|rate| Limiter::new("token", rate)),
            anonymous: rates.anonymous.and_then(|rate| Limiter::new("anonymous", rate)),
        }
    }

    /// What the request takes from its bucket; nothing when it has none. A token counts whether it is good or not: to look
    /// would cost what is to be spared.
    fn take(&self, request: &Request) -> Option<Taken> {
        match denial::bearer(request) {
            Some(bearer) => Some(self.token.as_ref()?.take(&Digest::of(bearer))),
            None => Some(self.anonymous.as_ref()?.take(&denial::source(request.extensions()))),
        }
    }
}

/// Refuses the request when its bucket is empty, and says in the answer how it stands.
pub(crate) async fn limit(State(app): State<App>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let taken = if EXEMPT.contains(&path) { None } else { app.limiters.take(&request) };
    let Some(taken) = taken else { return next.run(request).await };
    let mut response = match taken.wait {
        None => next.run(request).await,
        Some(wait) => too_many(wait),
    };
    taken.tell(&mut response);
    response
}

fn too_many(wait: u64) -> Response {
    let detail = format!("there were too many requests; wait {wait} s, nothing was done");
    let mut response = Failure::new("too-many-requests", detail).into_response();
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait));
    response
}

type Buckets<K> =
    RateLimiter<K, DefaultKeyedStateStore<K>, DefaultClock, StateInformationMiddleware>;

/// The buckets of one kind of caller.
#[derive(Debug)]
struct Limiter<K: Hash + Eq + Clone> {
    name: &'static str,
    rate: Rate,
    buckets: Buckets<K>,
}

impl<K: Hash + Eq + Clone> Limiter<K> {
    /// None when the rate is faster than the clock.
    fn new(name: &'static str, rate: Rate) -> Option<Self> {
        let period = rate.window.checked_div(rate.requests.get())?;
        let quota = Quota::with_period(period)?.allow_burst(rate.requests);
        let buckets = RateLimiter::dashmap(quota).with_middleware();
        Some(Self { name, rate, buckets })
    }

    fn take(&self, key: &K) -> Taken {
        if self.buckets.len() > BUCKETS_MAX {
            self.buckets.retain_recent();
        }
        let (left, wait) = match self.buckets.check_key(key) {
            Ok(snapshot) => (snapshot.remaining_burst_capacity(), None),
            Err(until) => (0, Some(until.wait_time_from(self.buckets.clock().now()))),
        };
        let wait = wait.map(|wait| wait.as_secs().saturating_add(1));
        Taken { name: self.name, rate: self.rate, left, wait }
    }
}

/// How a bucket stands after a request.
#[derive(Debug, Clone, Copy)]
struct Taken {
    name: &'static str,
    rate: Rate,
    left: u32,
    /// How many seconds to wait, when there was nothing left.
    wait: Option<u64>,
}

impl Taken {
    fn tell(&self, response: &mut Response) {
        let Rate { requests, window } = self.rate;
        let (name, seconds) = (self.name, window.as_secs().max(1));
        let reset = self.wait.unwrap_or(seconds);
        for (header, value) in [
            (POLICY, format!("\"{name}\";q={requests};w={seconds}")),
            (LIMIT, format!("\"{name}\";r={};t={reset}", self.left)),
        ] {
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().insert(header, value);
            }
        }
    }
}
