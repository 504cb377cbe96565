//! Where mail goes: a server, who it is from, whom it is for.

use lettre::message::Mailbox;
use serde::{Deserialize, Serialize};

use super::target::ADDRESS_BYTES_MAX;
use crate::outbound::Outbound;
use crate::{Error, Result};

/// Most people that one integration writes to.
const RECIPIENTS_MAX: usize = 20;

/// Mail over SMTP. As it is stored and shown: the password is not in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// The server: `smtps://HOST[:465]`, or `smtp://HOST[:587]` with `STARTTLS`, which `?tls=none` does without.
    pub server: String,
    /// Who it is from.
    pub from: String,
    /// Whom it is for.
    pub to: Vec<String>,
    /// The name to log in under, if the server wants one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
}

/// A mail server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MailServer {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) security: Security,
}

/// How a connection to a mail server is kept from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Security {
    /// TLS from the first byte, [RFC 8314](https://www.rfc-editor.org/rfc/rfc8314#section-3.3).
    Tls,
    /// `STARTTLS`, without which nothing is sent, [RFC 3207](https://www.rfc-editor.org/rfc/rfc3207).
    StartTls,
    /// Not at all; only to hosts that the operator allowed.
    Plain,
}

impl Mail {
    /// The mail as it may be stored; `password` says whether there is one.
    pub(super) fn checked(&self, outbound: &Outbound, password: bool) -> Result<()> {
        let server = MailServer::parse(outbound, &self.server)?;
        match (&self.username, password) {
            (Some(name), false) => {
                return Err(Error::invalid(format!(
                    "the password of `{name}` is missing: give it, or no user name"
                )));
            }
            (None, true) => {
                return Err(Error::invalid(
                    "a password without a user name: give both, or neither",
                ));
            }
            (Some(_), true) if server.security == Security::Plain => {
                return Err(Error::invalid(
                    "a password is not sent without TLS: remove `?tls=none` or the user name",
                ));
            }
            _ => {}
        }
        if !(1..=RECIPIENTS_MAX).contains(&self.to.len()) {
            let count = self.to.len();
            return Err(Error::invalid(format!(
                "mail is for 1 to {RECIPIENTS_MAX} people, not {count}"
            )));
        }
        self.mailboxes().map(drop).map_err(Error::invalid)
    }

    /// Who it is from, and whom it is for.
    pub(crate) fn mailboxes(&self) -> Result<(Mailbox, Vec<Mailbox>), String> {
        let to = self.to.iter().map(|one| mailbox(one)).collect::<Result<_, _>>()?;
        Ok((mailbox(&self.from)?, to))
    }
}

impl MailServer {
    pub(crate) fn parse(outbound: &Outbound, address: &str) -> Result<Self> {
        let wrong = || {
            Error::invalid(format!(
                "`{address}` is not a mail server: expected smtps://HOST or smtp://HOST"
            ))
        };
        let (scheme, rest) = address.split_once("://").ok_or_else(wrong)?;
        let (rest, plain) = match rest.split_once('?') {
            None => (rest, false),
            Some((rest, "tls=none")) => (rest, true),
            Some(_) => return Err(wrong()),
        };
        let (security, port) = match (scheme, plain) {
            ("smtps", false) => (Security::Tls, 465),
            ("smtp", false) => (Security::StartTls, 587),
            ("smtp", true) => (Security::Plain, 25),
            _ => return Err(wrong()),
        };
        // The guard against private addresses knows HTTP, of which only the allowed hosts may be spoken to without TLS.
        let web = if plain { "http" } else { "https" };
        if rest.len() > ADDRESS_BYTES_MAX || rest.contains(['/', '#']) {
            return Err(wrong());
        }
        let url = outbound.check(&format!("{web}://{rest}")).map_err(|refused| {
            Error::invalid(if plain {
                format!("without TLS only hosts that the operator allowed are spoken to: {refused}")
            } else {
                refused.to_string()
            })
        })?;
        let host = url.host_str().ok_or_else(wrong)?.trim_matches(['[', ']']).to_owned();
        Ok(Self { host, port: url.port().unwrap_or(port), security })
    }
}

fn mailbox(text: &str) -> Result<Mailbox, String> {
    text.parse().map_err(|error| {
        format!("`{text}` is not a mail address: {error}; expected it as in `Muster <muster@example.com>`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_server_is_spoken_to_under_tls_unless_the_operator_allowed_it() {
        let outbound = Outbound::new(&["mail.internal".to_owned()]).unwrap();
        let server = |host: &str, port, security| Ok((host.to_owned(), port, security));
        for (address, expected) in [
            ("smtps://mail.example.com", server("mail.example.com", 465, Security::Tls)),
            ("smtps://mail.example.com:10465", server("mail.example.com", 10_465, Security::Tls)),
            ("smtp://Mail.Example.com", server("mail.example.com", 587, Security::StartTls)),
            ("smtps://[2606:4700::1111]", server("2606:4700::1111", 465, Security::Tls)),
            ("smtp://mail.internal?tls=none", server("mail.internal", 25, Security::Plain)),
            ("smtp://mail.internal:1025?tls=none", server("mail.internal", 1_025, Security::Plain)),
            ("smtp://mail.example.com?tls=none", Err("the operator allowed")),
            ("smtps://mail.internal?tls=none", Err("is not a mail server")),
            ("smtp://mail.internal?tls=maybe", Err("is not a mail server")),
            ("smtps://10.0.0.1", Err("--allow-private-host")),
            ("smtps://me:hush@mail.example.com", Err("a name or a password")),
            ("smtps://mail.example.com/inbox", Err("is not a mail server")),
            ("smtps://", Err("")),
            ("https://mail.example.com", Err("is not a mail server")),
            ("mail.example.com", Err("is not a mail server")),
        ] {
            match (MailServer::parse(&outbound, address), expected) {
                (Ok(found), Ok(expected)) => {
                    assert_eq!((found.host, found.port, found.security), expected, "{address}");
                }
                (Err(error), Err(phrase)) => {
                    assert!(error.to_string().contains(phrase), "{address}: {error}");
                }
                (found, _) => panic!("{address}: {found:?}"),
            }
        }
    }
}
