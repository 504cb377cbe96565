//! One attempt of a delivery, and what becomes of the delivery after it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::Timestamp;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Method, Response, StatusCode};
use trust::Secret;

use super::message::Message;
use super::{Claim, evidence, mail, message, schedule};
use crate::audit::Change;
use crate::integrations::{self, Target};
use crate::store::{self, Attempt, Attempted, DeliveryState, OutboxEvent, StoreError, Tx};
use crate::{Control, Error, Result, audit, outbound};

/// How much of an answer is read, in bytes.
const ANSWER_BYTES_MAX: usize = 4_096;
/// How much of an answer is kept, in characters.
const EXCERPT_CHARS_MAX: usize = 500;

/// What the other end answered.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// The HTTP status, or the code of another protocol.
    pub(super) status: Option<u16>,
    /// Why the event was not taken; none when it was.
    pub(super) failure: Option<String>,
    /// The beginning of what was said.
    pub(super) excerpt: Option<String>,
    /// How long to wait at least before the next attempt.
    pub(super) retry_after: Option<Duration>,
    /// Trying again is of no use.
    pub(super) hopeless: bool,
}

impl Answer {
    pub(super) fn failed(why: impl Into<String>) -> Self {
        Self { failure: Some(why.into()), ..Self::default() }
    }

    pub(super) fn hopeless(why: impl Into<String>) -> Self {
        Self { hopeless: true, ..Self::failed(why) }
    }
}

/// How long an attempt may take.
pub(super) fn timeout(integration: &store::Integration) -> Duration {
    match integrations::parsed(&integration.target) {
        Ok(Target::Email(_)) => mail::TIMEOUT,
        Ok(Target::DependencyTrack { .. } | Target::Guac { .. } | Target::Registry { .. }) => {
            evidence::TIMEOUT
        }
        _ => outbound::TIMEOUT,
    }
}

impl Control {
    pub(super) async fn attempt(&self, claim: Claim, at: Timestamp) {
        step("delivery::before-send");
        if let Err(error) = self.try_attempt(&claim, at).await {
            let delivery = claim.delivery.id;
            tracing::error!(%error, %delivery, "a delivery could not be attempted; tried again when its lease ends");
        }
    }

    async fn try_attempt(&self, claim: &Claim, at: Timestamp) -> Result<()> {
        let (delivery, integration) = (&claim.delivery, &claim.integration);
        // An integration that was deleted meanwhile took its deliveries along.
        let event = self.store.read().event(delivery.org, delivery.event).await?;
        let Some(event) = event else { return Ok(()) };
        let begun = Instant::now();
        let limit = timeout(integration);
        let sent = tokio::time::timeout(limit, self.send(integration, &event, at)).await;
        let answer = sent.unwrap_or_else(|_elapsed| {
            Ok(Answer::failed(format!("there was no answer within {} seconds", limit.as_secs())))
        })?;
        step("delivery::before-settle");
        self.settle(claim, answer, at, begun.elapsed()).await
    }

    async fn send(
        &self,
        integration: &store::Integration,
        event: &OutboxEvent,
        at: Timestamp,
    ) -> Result<Answer> {
        let secrets = self.secrets_of(integration, at)?;
        let target = integrations::parsed(&integration.target)?;
        let mut answer = match &target {
            Target::Webhook { address, format } => {
                self.post(message::webhook(address, *format, event, &secrets, at), at).await
            }
            Target::Slack { .. } => self.post(message::slack(event, &secrets), at).await,
            Target::Discord { .. } => self.post(message::discord(event, &secrets), at).await,
            Target::Email(to) => mail::send(&self.outbound, to, event, &secrets).await,
            Target::DependencyTrack { address } => self.upload(address, event, &secrets, at).await,
            Target::Guac { place } => self.drop_off(place, event, &secrets).await,
            Target::Registry { place } => self.attach(place, event, &secrets).await,
        };
        answer.failure = answer.failure.map(|text| redacted(&text, &secrets));
        answer.excerpt = answer.excerpt.map(|text| shortened(&redacted(&text, &secrets)));
        Ok(answer)
    }

    async fn post(&self, message: Result<Message, String>, at: Timestamp) -> Answer {
        let message = match message {
            Ok(message) => message,
            Err(why) => return Answer::hopeless(why),
        };
        let request = match self.outbound.request(Method::POST, &message.url) {
            Ok(request) => request.headers(message.headers).body(message.body),
            Err(refused) => return Answer::failed(refused.to_string()),
        };
        match request.send().await {
            Ok(response) => answered(response, at).await,
            Err(error) => Answer::failed(unreachable(error)),
        }
    }

    async fn settle(
        &self,
        claim: &Claim,
        answer: Answer,
        began_at: Timestamp,
        took: Duration,
    ) -> Result<()> {
        let gone = answer.status == Some(StatusCode::GONE.as_u16());
        let (delivery, lease) = (claim.delivery.clone(), claim.lease);
        let integration = Arc::clone(&claim.integration);
        let attempt = Attempt {
            id: lease,
            org: delivery.org,
            delivery: delivery.id,
            began_at,
            duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            status: answer.status,
            failure: answer.failure.clone(),
            excerpt: answer.excerpt.clone(),
        };
        let at = schedule::after(began_at, took);
        let attempted = outcome(&delivery, answer, at, random()?);
        if attempted.state == DeliveryState::Dead {
            let (id, org, name) = (delivery.id, integration.org, &integration.name);
            tracing::warn!(%id, %org, %name, failure = attempted.failure, "a delivery was given up");
        }
        self.store
            .write(move |tx| {
                let (attempt, attempted) = (attempt.clone(), attempted.clone());
                let integration = Arc::clone(&integration);
                Box::pin(async move {
                    if !tx.settle_delivery(attempt.delivery, lease, &attempted).await? {
                        return Ok(());
                    }
                    tx.insert_attempt(&attempt).await?;
                    if gone {
                        disable_gone(&tx, &integration, at).await?;
                    }
                    Ok::<_, Error>(())
                })
            })
            .await
    }
}

/// A place where a test may stop the process.
fn step(name: &'static str) {
    tracing::trace!(name, "a delivery goes on");
    fail::fail_point!(name);
}

/// The receiver said that it wants nothing any more.
async fn disable_gone(tx: &Tx<'_>, before: &store::Integration, at: Timestamp) -> Result<()> {
    let disabled = Some((at, "the receiver answered 410 Gone".to_owned()));
    match tx.set_integration_disabled(before.org, before.id, disabled.clone()).await {
        Ok(()) => {}
        // Another delivery was answered so too.
        Err(StoreError::Conflict { .. }) => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    let after = integrations::switched(before, disabled);
    let change = Change::of(integrations::side(before), integrations::side(&after));
    let (actor, org) = ("server:delivery", Some(before.org));
    tx.insert_audit(&[audit::by(actor, org, "integration.disable", &before.name, change)]).await?;
    Ok(())
}

/// What becomes of a delivery after an attempt that ended at `at`.
fn outcome(delivery: &store::Delivery, answer: Answer, at: Timestamp, random: u32) -> Attempted {
    let Answer { status, failure, retry_after, hopeless, .. } = answer;
    let next = match (&failure, hopeless) {
        (None, _) | (_, true) => None,
        (Some(_), false) => {
            schedule::next(delivery.attempts, delivery.since, at, retry_after, random)
        }
    };
    let state = match (&failure, next) {
        (None, _) => DeliveryState::Delivered,
        (Some(_), None) => DeliveryState::Dead,
        (Some(_), Some(_)) => DeliveryState::Pending,
    };
    Attempted { state, due_at: next.unwrap_or(at), status, failure, at }
}

/// What an answer means.
pub(super) async fn answered(response: Response, at: Timestamp) -> Answer {
    let status = response.status();
    let retry_after = asked_to_wait(response.headers(), at);
    let failure = if status.is_success() {
        None
    } else if status.is_redirection() {
        Some(format!("the receiver answered {status}; redirects are not followed"))
    } else {
        Some(format!("the receiver answered {status}"))
    };
    Answer {
        failure,
        status: Some(status.as_u16()),
        excerpt: beginning(response).await,
        retry_after,
        hopeless: status == StatusCode::GONE,
    }
}

fn asked_to_wait(headers: &HeaderMap, at: Timestamp) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
    schedule::retry_after(value, at)
}

/// The beginning of a body, which may be endless.
async fn beginning(mut response: Response) -> Option<String> {
    let mut read = Vec::new();
    // The status was answered: that the rest is lost does not matter.
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = ANSWER_BYTES_MAX.saturating_sub(read.len());
        read.extend(chunk.iter().take(room));
        if read.len() == ANSWER_BYTES_MAX {
            break;
        }
    }
    (!read.is_empty()).then(|| String::from_utf8_lossy(&read).into_owned())
}

/// Why a receiver did not answer.
pub(super) fn unreachable(error: reqwest::Error) -> String {
    format!("the receiver cannot be reached: {}", outbound::reason(error))
}

/// The text without what is secret, should the other end have said it.
fn redacted(text: &str, secrets: &[Secret]) -> String {
    let spelled = secrets.iter().flat_map(|secret| Target::spelled(secret.expose()));
    let spelled = spelled.filter(|secret| !secret.is_empty());
    spelled.fold(text.to_owned(), |text, secret| text.replace(&secret, "[secret]"))
}

/// The beginning of a text, on one line.
fn shortened(text: &str) -> String {
    let plain = text.chars().map(|one| if one.is_control() { ' ' } else { one });
    plain.take(EXCERPT_CHARS_MAX).collect()
}

fn random() -> Result<u32> {
    getrandom::u32().map_err(|error| Error::internal(error.to_string()))
}
