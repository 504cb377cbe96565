//! Mail: what arrives, what is refused, and what a password is never sent to.

use control::{DeliveryState, IntegrationUpdate, Mail, Target};
use serde_json::Value;
use testdata::peers::{self, Smtp, SmtpMode};

use crate::integrations::{name, names};
use crate::plane::{Plane, path, planes};

fn mail(server: &Smtp, to: &[&str]) -> Target {
    Target::Email(Mail {
        server: format!("smtp://{}?tls=none", server.address()),
        from: "Muster <muster@example.com>".to_owned(),
        to: names(to),
        username: None,
    })
}

impl Plane {
    /// Fails a run for that reason, which is told.
    async fn fail(&self, reason: &str) {
        let run = self.control.open_run(&self.owner, &path()).await.unwrap();
        self.control.fail_run(&self.owner, run.id, reason.to_owned()).await.unwrap();
        assert_eq!(self.deliver().await, 1);
    }
}

/// The headers of a message by their names, and its text.
fn parsed(kept: &Value) -> (Vec<(String, String)>, String) {
    let data = kept["data"].as_str().unwrap().replace("\r\n", "\n");
    let (headers, text) = data.split_once("\n\n").unwrap();
    let unfolded = headers.replace("\n ", " ");
    let header = |line: &str| {
        let (name, value) = line.split_once(": ").unwrap();
        (name.to_owned(), value.to_owned())
    };
    (unfolded.lines().map(header).collect(), text.to_owned())
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> &'a str {
    let mut found = headers.iter().filter(|(known, _)| known == name);
    let value = &found.next().unwrap_or_else(|| panic!("no {name}: {headers:?}")).1;
    assert!(found.next().is_none(), "{name} twice: {headers:?}");
    value
}

#[tokio::test]
async fn people_get_one_message_of_an_event_however_often_it_is_sent() {
    let Some(server) = peers::smtp(SmtpMode::Plain) else { return };
    for plane in planes().await {
        let before = server.kept().len();
        let target = mail(&server, &["sec@example.com", "Ops <ops@example.com>"]);
        plane.tell("people", target, &["run.failed"]).await;
        plane.fail("disk full\r\nBcc: evil@example.com").await;
        let told = plane.control.deliveries(&plane.owner, None, None, None, 9).await.unwrap();
        let delivery = &told.items[0];
        assert_eq!((delivery.state, delivery.status), (DeliveryState::Delivered, Some(250)));
        plane.control.redeliver(&plane.owner, delivery.id).await.unwrap();
        plane.deliver().await;

        let kept = &server.kept()[before..];
        assert_eq!(kept.len(), 2, "sent, and sent again");
        let (headers, text) = parsed(&kept[0]);
        assert_eq!(kept[0]["from"], "muster@example.com");
        assert_eq!(kept[0]["to"].as_array().unwrap().len(), 2, "{kept:?}");
        assert_eq!(header(&headers, "Subject"), "Muster: run failed");
        assert_eq!(header(&headers, "Auto-Submitted"), "auto-generated");
        let expected = format!("<{}@example.com>", delivery.event);
        assert_eq!(header(&headers, "Message-ID"), expected);
        assert!(!headers.iter().any(|(name, _)| name == "Bcc"), "{headers:?}");
        assert!(text.contains("reason: disk full  Bcc: evil@example.com"), "{text}");
        assert_eq!(parsed(&kept[1]).0, headers, "another message");
    }
}

#[tokio::test]
async fn what_is_refused_for_good_is_not_sent_again_and_what_is_refused_for_now_is() {
    let Some(server) = peers::smtp(SmtpMode::Plain) else { return };
    for plane in planes().await {
        for (who, state, status, said) in [
            ("gone@example.com", DeliveryState::Dead, 550, "no such mailbox"),
            ("later@example.com", DeliveryState::Pending, 451, "greylisted"),
        ] {
            plane.tell("people", mail(&server, &[who]), &["run.failed"]).await;
            plane.fail("broken").await;
            let told = plane.control.deliveries(&plane.owner, None, None, None, 9).await.unwrap();
            let id = told.items[0].id;
            let shown = plane.control.delivery(&plane.owner, id).await.unwrap();
            assert_eq!((shown.state, shown.status), (state, Some(status)), "{shown:?}");
            assert!(shown.log[0].excerpt.as_ref().unwrap().contains(said), "{shown:?}");
            plane.control.delete_integration(&plane.owner, name("people")).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_password_is_for_the_server_and_the_name_that_it_was_given_for() {
    for plane in planes().await {
        let to = |server: &str, username: Option<&str>| {
            Target::Email(Mail {
                server: server.to_owned(),
                from: "muster@example.com".to_owned(),
                to: names(&["sec@example.com"]),
                username: username.map(str::to_owned),
            })
        };
        let (one, other) = ("smtps://mail.example.com", "smtps://mail.example.org");
        let create = |target: Target, secret: Option<&str>| {
            let secret = secret.map(str::to_owned);
            plane.control.create_integration(
                &plane.owner,
                name("people"),
                target,
                names(&["*"]),
                secret,
            )
        };
        for (target, secret, phrase) in [
            (to(one, Some("muster")), None, "the password of `muster` is missing"),
            (to(one, Some("muster")), Some(""), "the password is empty"),
            (to(one, None), Some("hush"), "without a user name"),
            (to("smtp://127.0.0.1?tls=none", Some("m")), Some("hush"), "not sent without TLS"),
        ] {
            let refused = create(target, secret).await.unwrap_err().to_string();
            assert!(refused.contains(phrase), "{refused}");
        }
        create(to(one, Some("muster")), Some("hush")).await.unwrap();
        for (server, username, secret, allowed) in [
            (other, Some("muster"), None, false),
            (one, Some("root"), None, false),
            (one, Some("muster"), None, true),
            (other, Some("muster"), Some("hush"), true),
            (other, None, None, true),
            // Without a name the password was forgotten.
            (other, Some("muster"), None, false),
        ] {
            let (target, secret) = (Some(to(server, username)), secret.map(str::to_owned));
            let update = IntegrationUpdate { target, events: None, secret };
            let updated =
                plane.control.update_integration(&plane.owner, &name("people"), update).await;
            assert_eq!(updated.is_ok(), allowed, "{server} {username:?}: {updated:?}");
        }
        assert!(!plane.trail().await.contains("hush"));
    }
}

#[tokio::test]
async fn mail_that_nobody_could_get_is_refused() {
    for plane in planes().await {
        for (from, to, phrase) in [
            ("muster", vec!["sec@example.com"], "`muster` is not a mail address"),
            ("muster@example.com", vec![], "1 to 20 people, not 0"),
            ("muster@example.com", vec!["sec@example.com"; 21], "not 21"),
            ("muster@example.com", vec!["a@example.com\r\nBcc: b@example.com"], "not a mail"),
        ] {
            let target = Target::Email(Mail {
                server: "smtps://mail.example.com".to_owned(),
                from: from.to_owned(),
                to: names(&to),
                username: None,
            });
            let made = plane.control.create_integration(
                &plane.owner,
                name("people"),
                target,
                names(&["*"]),
                None,
            );
            let refused = made.await.unwrap_err().to_string();
            assert!(refused.contains(phrase), "{refused}");
        }
    }
}
