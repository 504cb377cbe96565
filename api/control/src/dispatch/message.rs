//! What each kind of integration is sent over HTTP.

use engine::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use trust::Secret;

use super::cdevents;
use crate::events;
use crate::integrations::WebhookFormat;
use crate::store::OutboxEvent;

/// Largest body, in bytes: receivers are told to expect no more. Events name what they are about by digest.
const BODY_BYTES_MAX: usize = 20_000;
/// Longest text for people, in characters; Discord takes 2,000.
const TEXT_CHARS_MAX: usize = 1_900;
/// What Discord reads as more than text, [Markdown](https://support.discord.com/hc/en-us/articles/210298617).
const MARKDOWN: &str = r"\*_~`|<>[]()#-";

/// A request to make.
pub(super) struct Message {
    pub(super) url: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// What a receiver of webhooks is sent about that event; or why that cannot be.
pub(super) fn webhook(
    address: &str,
    format: WebhookFormat,
    event: &OutboxEvent,
    secrets: &[Secret],
    at: Timestamp,
) -> Result<Message, String> {
    let event_told = match format {
        WebhookFormat::CloudEvents => cloud_event(event),
        WebhookFormat::CdEvents => cdevents::cloud_event(event)?,
    };
    let body = bytes(&event_told)?;
    let headers = signed(event, secrets, at, &body)?;
    Ok(Message { url: address.to_owned(), headers, body })
}

/// What Slack is sent.
pub(super) fn slack(event: &OutboxEvent, secrets: &[Secret]) -> Result<Message, String> {
    let text = for_slack(&text(event, str::to_owned));
    secretly(secrets, &json!({ "text": text, "mrkdwn": false }))
}

/// What Discord is sent.
pub(super) fn discord(event: &OutboxEvent, secrets: &[Secret]) -> Result<Message, String> {
    let content = text(event, for_discord);
    // Without the second a name could call everybody of the channel.
    secretly(secrets, &json!({ "content": content, "allowed_mentions": { "parse": [] } }))
}

fn bytes(body: &Value) -> Result<Vec<u8>, String> {
    let body = body.to_string().into_bytes();
    if body.len() > BODY_BYTES_MAX {
        let size = body.len();
        return Err(format!(
            "the event has {size} bytes, more than the {BODY_BYTES_MAX} that are sent"
        ));
    }
    Ok(body)
}

/// JSON to an address that is a secret.
fn secretly(secrets: &[Secret], body: &Value) -> Result<Message, String> {
    let url = secrets.first().and_then(|secret| std::str::from_utf8(secret.expose()).ok());
    let json = HeaderValue::from_static("application/json");
    Ok(Message {
        url: url.ok_or("the stored address is not text")?.to_owned(),
        headers: [(CONTENT_TYPE, json)].into_iter().collect(),
        body: bytes(body)?,
    })
}

/// The headers of [Standard Webhooks](https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#webhook-headers-sending-metadata-to-consumers).
fn signed(
    event: &OutboxEvent,
    secrets: &[Secret],
    at: Timestamp,
    body: &[u8],
) -> Result<HeaderMap, String> {
    let id = event.id.to_string();
    let keys: Vec<&[u8]> = secrets.iter().map(Secret::expose).collect();
    let signature = trust::webhook_signature(&keys, &id, at, body);
    let values = [
        (CONTENT_TYPE, "application/cloudevents+json".to_owned()),
        (HeaderName::from_static("webhook-timestamp"), trust::webhook_seconds(at).to_string()),
        (HeaderName::from_static("webhook-signature"), signature),
        (HeaderName::from_static("webhook-id"), id),
    ];
    let header = |(name, value): (HeaderName, String)| {
        Ok((name, HeaderValue::try_from(value).map_err(|error| error.to_string())?))
    };
    values.into_iter().map(header).collect()
}

/// [CloudEvents 1.0](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md), structured.
fn cloud_event(event: &OutboxEvent) -> Value {
    json!({
        "specversion": "1.0",
        "id": event.id,
        "source": format!("urn:uuid:{}", event.org),
        "type": event.kind,
        "time": event.created_at,
        "datacontenttype": "application/json",
        "data": event.payload,
    })
}

/// The event for people: what happened, and what of, a line each. `escape` makes text of what others wrote.
pub(super) fn text(event: &OutboxEvent, escape: impl Fn(&str) -> String) -> String {
    let mut lines = vec![format!("Muster: {}", events::name(&event.kind).replace('.', " "))];
    for (name, value) in event.payload.as_object().into_iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        lines.push(format!("{}: {}", name.replace('_', " "), escape(&value)));
    }
    lines.join("\n").chars().take(TEXT_CHARS_MAX).collect()
}

/// What [Slack](https://api.slack.com/reference/surfaces/formatting#escaping) reads as more than text.
fn for_slack(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn for_discord(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for one in text.chars() {
        if MARKDOWN.contains(one) {
            escaped.push('\\');
        }
        escaped.push(one);
    }
    escaped
}
