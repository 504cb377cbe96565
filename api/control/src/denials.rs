//! Attempts that were denied, for auditors: bounded, so that nobody can fill the trail by being refused.
//!
//! Of one credential the first few in a minute are events of their own, and fewer of those that come from one source;
//! how many more there were is told in one event, as `suppressed`. A credential that is not known here is recorded in
//! the chain of the installation, one that is known (a revoked token, say) in that of its organization. Each replica
//! counts for itself.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use engine::id::OrganizationId;
use engine::{Digest, Timestamp};
use serde_json::{Value, json};

use crate::audit::{self, Change};
use crate::store::AuditEvent;
use crate::{Actor, Control, Result, now, tokens};

/// Denied attempts of one credential from one source that are events of their own, in one minute.
pub const RECORDED_PER_SOURCE: u32 = 10;
/// Denied attempts of one credential that are events of their own, in one minute, from everywhere.
///
/// Those without a credential count as one, and so do those with one that is not known here: at most some 30 MB a day
/// each.
pub const RECORDED_PER_CREDENTIAL: u32 = 30;
/// Most credentials that are told apart; the attempts of others are counted together.
const CREDENTIALS_MAX: usize = 10_000;
/// The action of an attempt that was denied.
const DENY: &str = "access.deny";
const MINUTE_MS: i64 = 60_000;
/// Longest reason or attempt that is kept, in characters.
const TEXT_CHARS_MAX: usize = 500;

/// An attempt that was denied.
#[derive(Debug, Clone)]
pub struct Denial<'a> {
    /// What was shown.
    pub credential: Credential<'a>,
    /// Where the request came from.
    pub source: Option<IpAddr>,
    /// What was tried, such as `POST /v1/projects`.
    pub attempt: String,
    /// The code of the error that was answered, such as `forbidden`.
    pub code: &'a str,
    /// The message that was answered.
    pub reason: &'a str,
}

/// What someone showed to be let in.
#[derive(Debug, Clone, Copy)]
pub enum Credential<'a> {
    /// One that was accepted; it does not allow this.
    Accepted(&'a Actor),
    /// One that was refused.
    Refused(&'a str),
    /// None.
    Missing,
}

/// Who was denied what, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Who {
    org: Option<OrganizationId>,
    label: String,
    action: &'static str,
}

/// What is counted of one credential in one minute.
#[derive(Debug, Clone)]
struct Window {
    began: i64,
    recorded: u32,
    /// Of those recorded, how many came from where; never more sources than are recorded.
    sources: BTreeMap<IpAddr, u32>,
    suppressed: u64,
    last: String,
}

/// What was denied in the last minute.
#[derive(Debug, Default)]
pub(crate) struct Denials(Mutex<BTreeMap<Who, Window>>);

impl Control {
    /// Tells auditors of a denied attempt, or counts it. The answer is not held up when that fails: the log says so.
    pub async fn record_denial(&self, denial: Denial<'_>) {
        if let Err(error) = self.try_record(denial).await {
            tracing::error!(%error, "a denied attempt could not be recorded");
        }
    }

    async fn try_record(&self, denial: Denial<'_>) -> Result<()> {
        let who = self.who(denial.credential).await?;
        let source = denial.source.map(|source| source.to_string());
        let reason = shortened(denial.reason);
        let detail = json!({ "code": denial.code, "reason": reason, "source": source });
        self.record_bounded(who, denial.source, &denial.attempt, detail).await
    }

    /// Records that someone was denied something, unless that was recorded often enough in this minute: then counts it.
    pub(crate) async fn record_bounded(
        &self,
        who: Who,
        source: Option<IpAddr>,
        target: &str,
        detail: Value,
    ) -> Result<()> {
        let target = shortened(target);
        let (recorded, over) = self.denials.admit(&who, source, &target, now());
        let rest = over.iter().map(|(who, window)| rest(who, window));
        let own = recorded.then(|| event(&who, &target, detail));
        self.insert_denials(rest.chain(own).collect(), over.clone()).await
    }

    /// Tells auditors how many attempts were not recorded one by one, of each minute that is over.
    pub async fn settle_denials(&self) -> Result<()> {
        self.settle_as_of(now()).await
    }

    /// The same of the minute that is not over yet, before the end.
    pub(crate) async fn settle_all_denials(&self) -> Result<()> {
        self.settle_as_of(Timestamp::from_millis(i64::MAX)).await
    }

    async fn settle_as_of(&self, at: Timestamp) -> Result<()> {
        let over = self.denials.over(at);
        let events = over.iter().map(|(who, window)| rest(who, window)).collect();
        self.insert_denials(events, over).await
    }

    /// Adds the events; what `over` counted is counted again when that fails.
    async fn insert_denials(
        &self,
        events: Vec<AuditEvent>,
        over: Vec<(Who, Window)>,
    ) -> Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        let inserted = self
            .store
            .write(move |tx| {
                let events = events.clone();
                Box::pin(async move { Ok(tx.insert_audit(&events).await.map(drop)?) })
            })
            .await;
        if inserted.is_err() {
            self.denials.restore(over);
        }
        inserted
    }

    async fn who(&self, credential: Credential<'_>) -> Result<Who> {
        let who = |org, label: &str| Who { org, label: label.to_owned(), action: DENY };
        Ok(match credential {
            Credential::Missing => who(None, "anonymous"),
            Credential::Accepted(actor) => Who::of(actor, DENY),
            Credential::Refused(bearer) if !tokens::well_formed(bearer) => who(None, "unknown"),
            Credential::Refused(bearer) => {
                let found = self.store.read().token_by_hash(Digest::of(bearer)).await?;
                found.map_or_else(
                    || who(None, "unknown"),
                    |token| who(token.org, &tokens::label(&token.name, token.id)),
                )
            }
        })
    }
}

impl Who {
    /// An actor who was denied that.
    pub(crate) fn of(actor: &Actor, action: &'static str) -> Self {
        let org = actor.organization.as_ref().map(|(org, _)| *org);
        Self { org, label: actor.label(), action }
    }

    /// Anyone who was denied that by an organization without being known: all of them count as one.
    pub(crate) fn stranger(org: OrganizationId, label: &str, action: &'static str) -> Self {
        Self { org: Some(org), label: label.to_owned(), action }
    }
}

impl Denials {
    /// Whether this attempt is an event of its own, and what was only counted in a minute that is over now.
    fn admit(
        &self,
        who: &Who,
        source: Option<IpAddr>,
        attempt: &str,
        at: Timestamp,
    ) -> (bool, Vec<(Who, Window)>) {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let full = windows.len() >= CREDENTIALS_MAX && !windows.contains_key(who);
        let others = Who { org: None, label: "others".to_owned(), action: who.action };
        let who = if full { &others } else { who };
        let window = windows.entry(who.clone()).or_insert_with(|| Window::new(at));
        let over = window.is_over(at).then(|| std::mem::replace(window, Window::new(at)));
        let recorded = !full && window.records(source);
        if !recorded {
            window.suppressed += 1;
            attempt.clone_into(&mut window.last);
        }
        let over = over.filter(|window| window.suppressed > 0);
        (recorded, over.map(|window| (who.clone(), window)).into_iter().collect())
    }

    /// Takes what was counted in minutes that are over, and forgets those in which nothing was.
    fn over(&self, at: Timestamp) -> Vec<(Who, Window)> {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let over = windows.extract_if(.., |_, window| window.is_over(at));
        over.filter(|(_, window)| window.suppressed > 0).collect()
    }

    /// Counts again what could not be told.
    fn restore(&self, untold: Vec<(Who, Window)>) {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (who, window) in untold {
            let suppressed = window.suppressed;
            let going = windows.entry(who).or_insert(Window { suppressed: 0, ..window });
            going.suppressed += suppressed;
        }
    }
}

impl Window {
    const fn new(at: Timestamp) -> Self {
        Self {
            began: at.as_millis(),
            recorded: 0,
            sources: BTreeMap::new(),
            suppressed: 0,
            last: String::new(),
        }
    }

    const fn is_over(&self, at: Timestamp) -> bool {
        at.as_millis().saturating_sub(self.began) >= MINUTE_MS
    }

    /// Whether one more is recorded, which then counts.
    fn records(&mut self, source: Option<IpAddr>) -> bool {
        let known = source.and_then(|source| self.sources.get(&source)).copied();
        if self.recorded >= RECORDED_PER_CREDENTIAL || known >= Some(RECORDED_PER_SOURCE) {
            return false;
        }
        self.recorded += 1;
        if let Some(source) = source {
            *self.sources.entry(source).or_default() += 1;
        }
        true
    }
}

fn event(who: &Who, target: &str, detail: Value) -> AuditEvent {
    let event = audit::by(who.label.clone(), who.org, who.action, target, Change::default());
    AuditEvent { detail: Some(detail), ..event }
}

/// The event for what was only counted.
fn rest(who: &Who, window: &Window) -> AuditEvent {
    let since = Timestamp::from_millis(window.began);
    let reason = "more were denied in this minute than are recorded one by one";
    event(
        who,
        &window.last,
        json!({ "suppressed": window.suppressed, "since": since, "reason": reason }),
    )
}

pub(crate) fn shortened(text: &str) -> String {
    text.chars().take(TEXT_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(label: &str) -> Who {
        Who { org: None, label: label.to_owned(), action: DENY }
    }

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn source(n: u8) -> IpAddr {
        [192, 0, 2, n].into()
    }

    #[test]
    fn the_rest_of_a_minute_is_counted_once() {
        let denials = Denials::default();
        let one = |_: &i32| denials.admit(&who("a"), Some(source(1)), "x", at(0)).0;
        assert_eq!((0..25).filter(one).count(), 10);
        assert!(
            denials.admit(&who("b"), Some(source(1)), "x", at(1)).0,
            "each is counted for itself"
        );
        assert!(denials.over(at(59_999)).is_empty(), "the minute is not over");
        let over = denials.over(at(60_000));
        assert_eq!(over.len(), 1, "nothing was only counted of b");
        assert_eq!((over[0].0.label.as_str(), over[0].1.suppressed), ("a", 15));
        assert!(denials.over(at(60_001)).is_empty(), "it is told once");
        denials.restore(over);
        assert_eq!(denials.over(at(60_001))[0].1.suppressed, 15, "what was not told is told later");
        assert!(denials.admit(&who("a"), Some(source(1)), "x", at(60_002)).0, "a new minute began");
    }

    #[test]
    fn an_attempt_in_the_next_minute_tells_of_the_one_before() {
        let denials = Denials::default();
        for _ in 0..12 {
            denials.admit(&who("a"), Some(source(1)), "first", at(0));
        }
        let (recorded, over) = denials.admit(&who("a"), Some(source(1)), "second", at(60_000));
        assert!(recorded);
        assert_eq!((over[0].1.suppressed, over[0].1.last.as_str()), (2, "first"));
    }

    #[test]
    fn one_source_leaves_room_for_others_and_many_sources_do_not_fill_the_trail() {
        let denials = Denials::default();
        let from = |source| denials.admit(&who("unknown"), source, "x", at(0)).0;
        assert_eq!((0..100).filter(|_| from(Some(source(1)))).count(), 10);
        assert_eq!((2..=255).filter(|n| from(Some(source(*n)))).count(), 20);
        assert_eq!((0..100).filter(|_| from(None)).count(), 0);
        let over = denials.over(at(60_000));
        assert_eq!((over.len(), over[0].1.suppressed), (1, 90 + 234 + 100));
        assert!(over[0].1.sources.len() <= 30, "what is remembered is bounded");
    }

    #[test]
    fn credentials_are_bounded() {
        let denials = Denials::default();
        for n in 0..CREDENTIALS_MAX + 5 {
            denials.admit(&who(&n.to_string()), None, "x", at(0));
        }
        let over = denials.over(at(60_000));
        assert_eq!((over.len(), over[0].0.label.as_str(), over[0].1.suppressed), (1, "others", 5));
    }
}
