//! Walking a chain from its first event to its end.

use uuid::Uuid;

use super::{Damage, End, Entry, Head, Line};
use crate::Digest;
use crate::id::OrganizationId;

/// The first thing that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Break {
    /// Its content is not what its digest says.
    #[error(
        "event {position} ({id}) was altered: its content has the digest {actual}, and was stored with {stored}"
    )]
    Altered {
        /// Its place.
        position: u64,
        /// Its identifier.
        id: Uuid,
        /// The digest that it was stored with.
        stored: Digest,
        /// The digest of what it says now.
        actual: Digest,
    },
    /// It does not read as an event any more.
    #[error("event {position} ({id}) was altered: {why}")]
    Damaged {
        /// Its place.
        position: u64,
        /// Its identifier.
        id: Uuid,
        /// What is wrong with it.
        why: String,
    },
    /// It and its digest are not those that what follows names.
    #[error(
        "event {position} was altered or inserted: it has the digest {actual}, and {follower} names {expected}"
    )]
    Replaced {
        /// Its place.
        position: u64,
        /// Its digest.
        actual: Digest,
        /// The digest that what follows expects.
        expected: Digest,
        /// What follows, in words.
        follower: &'static str,
    },
    /// One or several are not there.
    #[error("event {position} was removed: {follower}")]
    Removed {
        /// The place of the first that is missing.
        position: u64,
        /// What shows it, in words.
        follower: String,
    },
    /// It stands after the end.
    #[error("event {position} was inserted: the head of the chain is at position {head}")]
    Beyond {
        /// Its place.
        position: u64,
        /// The place of the last event.
        head: u64,
    },
    /// It has no place in this chain.
    #[error("event {id} was inserted: {why}")]
    Inserted {
        /// Its identifier.
        id: Uuid,
        /// Why it has no place.
        why: String,
    },
}

/// A walk along a chain. Give it every entry in order, then the end.
#[derive(Debug, Clone, Default)]
pub struct Chain {
    organization: Option<OrganizationId>,
    last: Option<Head>,
    expected: Vec<Head>,
}

impl Chain {
    /// A walk that begins at the first event.
    pub fn new() -> Self {
        Self::default()
    }

    /// Holds the chain against a head that was noted earlier: an event of that digest must be in that place.
    #[must_use]
    pub fn expect(mut self, head: Head) -> Self {
        self.expected.push(head);
        self
    }

    /// Where the walk is; none before the first event.
    pub const fn head(&self) -> Option<Head> {
        self.last
    }

    /// How many events were walked.
    pub fn len(&self) -> u64 {
        self.last.map_or(0, |last| last.position)
    }

    /// Whether no event was walked yet.
    pub const fn is_empty(&self) -> bool {
        self.last.is_none()
    }

    /// Takes one line; answers whether it was the end.
    pub fn line(&mut self, line: &Line) -> Result<bool, Break> {
        match line {
            Line::Entry(entry) => self.follow(entry).map(|()| false),
            Line::Damaged(Damage { id, position, why }) => {
                self.place(*position, *id)?;
                Err(Break::Damaged { position: *position, id: *id, why: why.clone() })
            }
            Line::End(end) => self.end(end).map(|()| true),
        }
    }

    /// Takes the next entry.
    pub fn follow(&mut self, entry: &Entry) -> Result<(), Break> {
        let Entry { digest, event } = entry;
        self.place(event.position, event.id)?;
        let actual = event.digest().map_err(|error| Break::Damaged {
            position: event.position,
            id: event.id,
            why: error.to_string(),
        })?;
        if actual != *digest {
            let (position, id) = (event.position, event.id);
            return Err(Break::Altered { position, id, stored: *digest, actual });
        }
        if self.is_empty() {
            self.organization = event.organization;
        } else if self.organization != event.organization {
            let why = "it belongs to another organization".to_owned();
            return Err(Break::Inserted { id: event.id, why });
        }
        self.after(event.previous, event.id)?;
        let head = Head { position: event.position, digest: *digest };
        self.last = Some(head);
        self.noted(head)
    }

    /// Takes the end that the keeper of the chain claims.
    pub fn end(&self, end: &End) -> Result<(), Break> {
        let head = end.head.map_or(0, |head| head.position);
        if self.len() > head {
            return Err(Break::Beyond { position: head.saturating_add(1), head });
        }
        if let Some(head) = end.head {
            self.reaches(head, "the head of the chain is at")?;
        }
        if let Some(id) = end.outside.first() {
            let why = "it is in no chain, so that Muster did not write it".to_owned();
            return Err(Break::Inserted { id: *id, why });
        }
        for head in &self.expected {
            self.reaches(*head, "an event was noted at")?;
        }
        Ok(())
    }

    /// The next position, neither an earlier one nor one after a gap.
    fn place(&self, position: u64, id: Uuid) -> Result<(), Break> {
        let next = self.len().saturating_add(1);
        if position < next {
            let why = format!("there is another event at position {position}");
            return Err(Break::Inserted { id, why });
        }
        if position > next {
            let follower = format!("event {position} comes next");
            return Err(Break::Removed { position: next, follower });
        }
        Ok(())
    }

    fn after(&self, previous: Option<Digest>, id: Uuid) -> Result<(), Break> {
        match (self.last, previous) {
            (None, None) => Ok(()),
            (Some(last), Some(previous)) if last.digest == previous => Ok(()),
            (Some(last), Some(expected)) => Err(Break::Replaced {
                position: last.position,
                actual: last.digest,
                expected,
                follower: "the event after it",
            }),
            (_, previous) => {
                let why = previous.map_or_else(
                    || "it names no event before it, and is not the first".to_owned(),
                    |digest| format!("it is the first, and names {digest} before it"),
                );
                Err(Break::Inserted { id, why })
            }
        }
    }

    /// Whether a head that was noted is where it was noted, once the walk comes there.
    fn noted(&self, here: Head) -> Result<(), Break> {
        let noted = self.expected.iter().find(|noted| noted.position == here.position);
        noted.map_or(Ok(()), |noted| same(*noted, here, "the head that was noted"))
    }

    fn reaches(&self, head: Head, words: &str) -> Result<(), Break> {
        if self.len() < head.position {
            let position = self.len().saturating_add(1);
            let follower = format!("{words} position {}", head.position);
            return Err(Break::Removed { position, follower });
        }
        match self.last.filter(|last| last.position == head.position) {
            Some(last) => same(head, last, "the head of the chain"),
            None => Ok(()),
        }
    }
}

fn same(noted: Head, here: Head, follower: &'static str) -> Result<(), Break> {
    if noted.digest == here.digest {
        return Ok(());
    }
    let (position, actual, expected) = (here.position, here.digest, noted.digest);
    Err(Break::Replaced { position, actual, expected, follower })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::audit::Event;
    use crate::{Timestamp, canonical};

    fn event(last: Option<Head>) -> Entry {
        let position = last.map_or(1, |last| last.position + 1);
        Event {
            organization: None,
            position,
            previous: last.map(|last| last.digest),
            id: Uuid::from_u128(position.into()),
            at: Timestamp::from_millis(1_770_000_000_000),
            seq: position,
            actor: "token:ci".to_owned(),
            action: "run.open".to_owned(),
            target: position.to_string(),
            before: None,
            after: Some(json!({ "state": "open" })),
            detail: None,
        }
        .seal()
        .unwrap()
    }

    fn entries(count: usize) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::new();
        for _ in 0..count {
            let last = entries.last().map(head);
            entries.push(event(last));
        }
        entries
    }

    fn head(entry: &Entry) -> Head {
        Head { position: entry.event.position, digest: entry.digest }
    }

    /// What a walk over the entries says, with the head of five untouched ones as the end.
    fn walk(entries: &[Entry], noted: Option<Head>, outside: Vec<Uuid>) -> String {
        let end = End { organization: None, head: self::entries(5).last().map(head), outside };
        let mut chain = noted.into_iter().fold(Chain::new(), Chain::expect);
        let lines = entries.iter().cloned().map(|entry| Line::Entry(Box::new(entry)));
        let mut lines: Vec<Line> = lines.collect();
        lines.push(Line::End(end));
        let walked = lines.iter().try_for_each(|line| chain.line(line).map(drop));
        walked.map_or_else(|broken| broken.to_string(), |()| "intact".to_owned())
    }

    type Tampering = (&'static str, fn(&mut Vec<Entry>));

    #[test]
    fn the_first_event_that_does_not_fit_is_named() {
        let cases: [Tampering; 11] = [
            ("intact", |_| {}),
            ("event 3 (00000000-0000-0000-0000-000000000003) was altered: its content", |all| {
                all[2].event.target = "other".to_owned();
            }),
            ("event 3 was altered or inserted: it has the digest", |all| {
                all[2].event.target = "other".to_owned();
                all[2] = all[2].event.clone().seal().unwrap();
            }),
            ("event 5 was altered or inserted: it has the digest", |all| {
                all[4].event.target = "other".to_owned();
                all[4] = all[4].event.clone().seal().unwrap();
            }),
            ("event 1 was removed: event 2 comes next", |all| drop(all.remove(0))),
            ("event 3 was removed: event 4 comes next", |all| drop(all.remove(2))),
            ("event 5 was removed: the head of the chain is at position 5", |all| drop(all.pop())),
            ("event 1 was removed: the head of the chain is at position 5", Vec::clear),
            ("was inserted: there is another event at position 2", |all| {
                all.insert(2, all[1].clone());
            }),
            ("event 6 was inserted: the head of the chain is at position 5", |all| {
                let last = all.last().map(head);
                all.push(event(last));
            }),
            ("was inserted: it belongs to another organization", |all| {
                all[1].event.organization = Some(OrganizationId(Uuid::nil()));
                all[1] = all[1].event.clone().seal().unwrap();
            }),
        ];
        for (expected, tamper) in cases {
            let mut all = entries(5);
            tamper(&mut all);
            let said = walk(&all, None, Vec::new());
            assert!(said.contains(expected), "{expected}: {said}");
        }
        let said = walk(&entries(5), None, vec![Uuid::nil()]);
        assert!(said.contains("it is in no chain"), "{said}");
    }

    #[test]
    fn a_head_that_was_noted_finds_what_was_rewritten_as_a_whole() {
        let all = entries(5);
        for noted in &all {
            assert_eq!(walk(&all, Some(head(noted)), Vec::new()), "intact");
        }
        let rewritten = Head { position: 3, digest: Digest::of("as it was") };
        let said = walk(&all, Some(rewritten), Vec::new());
        assert!(said.contains("event 3 was altered or inserted"), "{said}");
        let longer = Head { position: 9, digest: Digest::of("as it was") };
        let said = walk(&all, Some(longer), Vec::new());
        assert_eq!(said, "event 6 was removed: an event was noted at position 9");
    }

    #[test]
    fn the_digest_is_that_of_the_canonical_form_without_what_is_not_there() {
        let entry = &entries(2)[1];
        let text = String::from_utf8(canonical::to_bytes(&entry.event).unwrap()).unwrap();
        let previous = entries(1)[0].digest;
        assert_eq!(
            text,
            format!(
                r#"{{"action":"run.open","actor":"token:ci","after":{{"state":"open"}},"at":"2026-02-02T02:40:00.000Z","id":"00000000-0000-0000-0000-000000000002","position":2,"previous":"{previous}","seq":2,"target":"2"}}"#
            )
        );
        assert_eq!(entry.digest, Digest::of(text));
    }
}
