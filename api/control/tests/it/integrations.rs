//! Who is told of what: what may be made, who may make it, and what is never shown.

use control::store::AuditFilter;
use control::{Error, INTEGRATIONS_MAX, IntegrationUpdate, Target, WebhookFormat};
use engine::Name;
use serde_json::Value;
use testdata::peers::{Receiver, Reply};

use crate::plane::{Plane, organization, planes};

pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub(crate) fn webhook(address: impl Into<String>) -> Target {
    Target::Webhook { address: address.into(), format: WebhookFormat::CloudEvents }
}

pub(crate) fn names(events: &[&str]) -> Vec<String> {
    events.iter().map(|&event| event.to_owned()).collect()
}

impl Plane {
    /// Tells `target` of those events, and answers the secret that was shown.
    pub(crate) async fn tell(
        &self,
        called: &str,
        target: Target,
        events: &[&str],
    ) -> Option<String> {
        let made =
            self.control.create_integration(&self.owner, name(called), target, names(events), None);
        made.await.unwrap().secret
    }

    /// Everything that auditors are told, as one text.
    pub(crate) async fn trail(&self) -> String {
        let page = self.control.audit_events(&self.owner, &AuditFilter::default(), None, 200).await;
        format!("{:?}", page.unwrap().items)
    }
}

#[tokio::test]
async fn what_cannot_be_told_is_refused() {
    for plane in planes().await {
        let long = format!("https://hooks.example.com/{}", "x".repeat(2_000));
        for (target, events, secret, phrase) in [
            (webhook("https://hooks.example.com"), vec![], None, "1 to 20 events, not 0"),
            (
                webhook("https://hooks.example.com"),
                vec!["verdict"],
                None,
                "there is no event `verdict`: expected attestation.received",
            ),
            (webhook("https://hooks.example.com"), vec!["x*"], None, "there is no event `x*`"),
            (webhook("https://hooks.example.com"), vec!["*"; 21], None, "not 21"),
            (webhook("https://hooks.example.com"), vec!["*"], Some("mine"), "is made here"),
            (webhook("http://hooks.example.com"), vec!["*"], None, "`http` is not `https`"),
            (webhook("https://169.254.169.254/latest"), vec!["*"], None, "is not a public address"),
            (webhook(long), vec!["*"], None, "at most 2000 bytes"),
            (
                Target::Slack { address: "https://10.0.0.1/x".to_owned() },
                vec!["*"],
                None,
                "is not a public address",
            ),
            (
                Target::Discord { address: "https://discord.com/x".to_owned() },
                vec!["*"],
                Some("mine"),
                "the address is the secret",
            ),
        ] {
            let secret = secret.map(str::to_owned);
            let made = plane.control.create_integration(
                &plane.owner,
                name("x"),
                target,
                names(&events),
                secret,
            );
            match made.await {
                Err(Error::Invalid { message, .. }) if message.contains(phrase) => {}
                other => panic!("{phrase}: {other:?}"),
            }
        }
        assert!(plane.control.integrations(&plane.owner).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn an_organization_has_a_bounded_number_of_integrations_of_different_names() {
    for plane in planes().await {
        for number in 0..INTEGRATIONS_MAX {
            plane.tell(&format!("n{number}"), webhook("https://8.8.8.8/"), &["*"]).await;
        }
        let target = webhook("https://8.8.8.8/");
        let more = plane.control.create_integration(
            &plane.owner,
            name("more"),
            target.clone(),
            names(&["*"]),
            None,
        );
        let refused = more.await.unwrap_err();
        assert!(
            matches!(&refused, Error::Conflict(message) if message.contains("at most 50")),
            "{refused}"
        );
        plane.control.delete_integration(&plane.owner, name("n0")).await.unwrap();
        let twice =
            plane.control.create_integration(&plane.owner, name("n1"), target, names(&["*"]), None);
        assert_eq!(twice.await.unwrap_err().code(), "conflict");
    }
}

#[tokio::test]
async fn another_organization_does_not_find_it() {
    for plane in planes().await {
        plane.tell("siem", webhook("https://8.8.8.8/"), &["*"]).await;
        let (control, siem) = (&plane.control, name("siem"));
        let stranger = organization(control, &plane.instance, "other").await;
        assert!(control.integrations(&stranger).await.unwrap().is_empty());
        let update = IntegrationUpdate { events: Some(names(&["*"])), ..Default::default() };
        let codes = [
            control.integration(&stranger, &siem).await.map(drop),
            control.update_integration(&stranger, &siem, update).await.map(drop),
            control.rotate_integration(&stranger, &siem).await.map(drop),
            control.test_integration(&stranger, &siem).await.map(drop),
            control.disable_integration(&stranger, siem.clone(), "no".to_owned()).await.map(drop),
            control.enable_integration(&stranger, siem.clone()).await.map(drop),
            control.delete_integration(&stranger, siem.clone()).await,
        ];
        assert!(codes.iter().all(|result| result.as_ref().unwrap_err().code() == "not-found"));
        assert_eq!(control.integrations(&plane.owner).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn no_secret_is_shown_again() {
    for plane in planes().await {
        let secret = plane.tell("siem", webhook("https://8.8.8.8/hook"), &["run.*"]).await.unwrap();
        assert!(secret.starts_with("whsec_"), "{secret}");
        let hidden = "https://8.8.8.8/services/T0/B0/hush";
        let slack = Target::Slack { address: hidden.to_owned() };
        assert_eq!(plane.tell("chat", slack, &["verdict.failed"]).await, None);
        let rotated = plane.control.rotate_integration(&plane.owner, &name("siem")).await.unwrap();
        assert_ne!(rotated.secret.as_ref(), Some(&secret));
        let moved =
            Target::Slack { address: "https://8.8.8.8/services/T0/B0/hush/again".to_owned() };
        let update = IntegrationUpdate { target: Some(moved), ..Default::default() };
        plane.control.update_integration(&plane.owner, &name("chat"), update).await.unwrap();
        let listed = plane.control.integrations(&plane.owner).await.unwrap();
        let Target::Slack { address } = &listed[0].target else { panic!("{listed:?}") };
        assert_eq!(address, "https://8.8.8.8/…");
        assert!(listed[1].previous_until.is_some());
        let said = format!("{}{listed:?}{:?}", plane.trail().await, rotated);
        for action in ["create", "rotate", "update"] {
            assert!(said.contains(&format!("integration.{action}")), "{action}");
        }
        let secrets = [secret.as_str(), "hush", rotated.secret.as_deref().unwrap()];
        for secret in secrets.iter().map(|secret| secret.trim_start_matches("whsec_")) {
            assert!(!said.contains(secret), "{secret}: {said}");
        }
    }
}

#[tokio::test]
async fn a_kind_stays_and_a_secret_that_is_the_address_is_not_rotated() {
    for plane in planes().await {
        plane.tell("siem", webhook("https://8.8.8.8/"), &["*"]).await;
        let slack = Target::Slack { address: "https://8.8.8.8/".to_owned() };
        plane.tell("chat", slack.clone(), &["*"]).await;
        let update = IntegrationUpdate { target: Some(slack), ..Default::default() };
        let refused = plane.control.update_integration(&plane.owner, &name("siem"), update).await;
        assert!(refused.unwrap_err().to_string().contains("stays one"));
        let refused = plane.control.rotate_integration(&plane.owner, &name("chat")).await;
        assert!(refused.unwrap_err().to_string().contains("is not made here"));
    }
}

/// What people read must not be more than text: no mention, no link, no markup out of what someone wrote.
#[tokio::test]
async fn chats_are_sent_text_and_never_their_own_address() {
    let receiver = Receiver::start(|request| {
        Reply::status(400).saying(format!("no such hook: http://127.0.0.1{}", request.path))
    });
    for plane in planes().await {
        let hook = |path: &str| receiver.url(path);
        plane.tell("slack", Target::Slack { address: hook("/slack/hush") }, &["run.failed"]).await;
        plane
            .tell("discord", Target::Discord { address: hook("/discord/hush") }, &["run.failed"])
            .await;
        let run = plane.control.open_run(&plane.owner, &crate::plane::path()).await.unwrap();
        let reason = "@everyone <!channel> [x](http://evil) & *so*";
        plane.control.fail_run(&plane.owner, run.id, reason.to_owned()).await.unwrap();
        assert_eq!(plane.deliver().await, 2);
        let seen = receiver.seen();
        let body = |path: &str| seen.iter().rfind(|one| one.path == path).unwrap().json();
        let (slack, discord) = (body("/slack/hush"), body("/discord/hush"));
        assert_eq!(
            slack["text"],
            format!(
                "Muster: run failed\nreason: @everyone &lt;!channel&gt; [x](http://evil) &amp; *so*\nrun: {}",
                run.id
            )
        );
        assert_eq!(slack["mrkdwn"], false);
        assert_eq!(discord["allowed_mentions"]["parse"], Value::Array(vec![]));
        let content = discord["content"].as_str().unwrap();
        assert!(
            content.contains(r"@everyone \<!channel\> \[x\]\(http://evil\) & \*so\*"),
            "{content}"
        );
        let page = plane.control.deliveries(&plane.owner, None, None, None, 9).await.unwrap();
        for delivery in page.items {
            let shown = plane.control.delivery(&plane.owner, delivery.id).await.unwrap();
            assert_eq!((shown.status, shown.log.len()), (Some(400), 1), "{shown:?}");
            assert!(
                shown.log[0].excerpt.as_ref().unwrap().starts_with("no such hook"),
                "{shown:?}"
            );
        }
    }
}

#[tokio::test]
async fn what_the_other_end_repeats_of_a_secret_is_taken_out() {
    let own = std::sync::Arc::new(std::sync::OnceLock::<String>::new());
    let known = std::sync::Arc::clone(&own);
    let receiver = Receiver::start(move |request| {
        Reply::status(500).saying(format!("{}{} is\nwrong", known.get().unwrap(), request.path))
    });
    own.set(receiver.url("")).unwrap();
    for plane in planes().await {
        let slack = Target::Slack { address: receiver.url("/services/hush") };
        plane.tell("chat", slack, &["*"]).await;
        let tried = plane.control.test_integration(&plane.owner, &name("chat")).await.unwrap();
        assert_eq!(tried.log[0].excerpt.as_deref(), Some("[secret] is wrong"));
    }
}
