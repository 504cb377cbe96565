//! What is sent by mail, and how: one message for an event, to all who are to know of it.

use std::time::Duration;

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use serde_json::Value;
use trust::Secret;

use super::attempt::Answer;
use super::message::text;
use crate::events;
use crate::integrations::{Mail, MailServer, Security};
use crate::outbound::Outbound;
use crate::store::OutboxEvent;

/// How long a server may take: it may look at a message for longer than a receiver of webhooks does.
pub(super) const TIMEOUT: Duration = Duration::from_mins(1);
/// What a server answers when it has taken a message.
const TAKEN: u16 = 250;
/// What a server answers when it wants another login, which an administrator can give:
/// [RFC 4954](https://www.rfc-editor.org/rfc/rfc4954#section-6).
const LOGIN: [u16; 3] = [530, 534, 535];

type Transport = AsyncSmtpTransport<Tokio1Executor>;

pub(super) async fn send(
    outbound: &Outbound,
    mail: &Mail,
    event: &OutboxEvent,
    secrets: &[Secret],
) -> Answer {
    let message = match message(mail, event) {
        Ok(message) => message,
        Err(why) => return Answer::hopeless(why),
    };
    let transport = match transport(outbound, mail, secrets).await {
        Ok(transport) => transport,
        Err(why) => return Answer::failed(why),
    };
    match transport.send(message).await {
        Ok(said) => Answer {
            status: Some(TAKEN),
            excerpt: said.message().next().map(ToOwned::to_owned),
            ..Answer::default()
        },
        Err(error) => refused(&error),
    }
}

/// A connection to the address that the guard looked at, to the certificate of the host that was named.
async fn transport(
    outbound: &Outbound,
    mail: &Mail,
    secrets: &[Secret],
) -> Result<Transport, String> {
    let MailServer { host, port, security } =
        MailServer::parse(outbound, &mail.server).map_err(|error| error.to_string())?;
    let found = outbound.resolve(&host, port).await.map_err(|refused| refused.to_string())?;
    let address = found.first().ok_or_else(|| format!("`{host}` has no address"))?.ip();
    let parameters = || TlsParameters::new_rustls(host.clone()).map_err(|error| error.to_string());
    let tls = match security {
        Security::Tls => Tls::Wrapper(parameters()?),
        Security::StartTls => Tls::Required(parameters()?),
        Security::Plain => Tls::None,
    };
    let builder = Transport::builder_dangerous(address.to_string())
        .port(port)
        .tls(tls)
        .timeout(Some(TIMEOUT));
    let (Some(name), Some(password)) = (&mail.username, secrets.first()) else {
        return Ok(builder.build());
    };
    let password = std::str::from_utf8(password.expose());
    let password = password.map_err(|_error| "the stored password is not text")?;
    Ok(builder.credentials(Credentials::new(name.clone(), password.to_owned())).build())
}

/// The same event is the same message, however often it is sent: its identifier is that of the event.
fn message(mail: &Mail, event: &OutboxEvent) -> Result<Message, String> {
    let (from, to) = mail.mailboxes()?;
    let id = format!("<{}@{}>", event.id, from.email.domain());
    let builder = Message::builder()
        .from(from)
        .subject(subject(event))
        .date(event.created_at.to_datetime().into())
        .message_id(Some(id))
        // No holiday notice in answer: https://www.rfc-editor.org/rfc/rfc3834#section-5
        .raw_header(HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        ));
    to.into_iter()
        .fold(builder, lettre::message::MessageBuilder::to)
        .header(lettre::message::header::ContentType::TEXT_PLAIN)
        .body(text(event, one_line) + "\n")
        .map_err(|error| error.to_string())
}

fn subject(event: &OutboxEvent) -> String {
    let part = |name| event.payload.get(name).and_then(Value::as_str).map(one_line);
    let name = events::name(&event.kind).replace('.', " ");
    match (part("project"), part("workflow")) {
        (Some(project), Some(workflow)) => format!("Muster: {name} in {project}/{workflow}"),
        _ => format!("Muster: {name}"),
    }
}

fn one_line(text: &str) -> String {
    text.chars().map(|one| if one.is_control() { ' ' } else { one }).collect()
}

/// What was said by a server that did not take a message. A permanent refusal is not asked again, but for a login.
fn refused(error: &SmtpError) -> Answer {
    let status: Option<u16> = error.status().map(Into::into);
    let why = match status {
        Some(status) => format!("the mail server answered {status}"),
        None => format!("the mail server cannot be spoken to: {error}"),
    };
    Answer {
        status,
        failure: Some(why),
        excerpt: status.map(|_| error.to_string()),
        hopeless: error.is_permanent() && !status.is_some_and(|status| LOGIN.contains(&status)),
        ..Answer::default()
    }
}
