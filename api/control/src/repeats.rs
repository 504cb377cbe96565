//! Requests that come again because their answer was lost, and are not to be done twice:
//! <https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>.
//!
//! A request is noted before it is done, so of two that come at once one is done. What was answered is kept for a day. Of
//! a server that was killed in between nobody knows whether it did what it was asked: then that is said, and nothing is
//! done.

use engine::Digest;

use crate::actor::Actor;
use crate::store::{KeptAnswer, Repeat};
use crate::{Control, Error, Result, Timestamp, now};

/// How long a request is remembered, in hours.
pub const REPEAT_HOURS: i64 = 24;
/// Longest name that a request is given, in characters.
pub const REPEAT_CHARS_MAX: usize = 255;
const HOUR_MS: i64 = 3_600_000;

/// What is known of a request that begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// It is to be done.
    New,
    /// It was done, and this was answered.
    Answered(KeptAnswer),
    /// It was begun then, and its answer is not known.
    Unknown(Timestamp),
    /// The name was given to another request.
    Other,
}

impl Control {
    /// Begins a request that the actor gave a name.
    pub async fn begin_repeat(
        &self,
        actor: &Actor,
        key: &str,
        fingerprint: Digest,
    ) -> Result<Begun> {
        let (token, created_at) = (actor.token, now());
        let new = Repeat { token, key: key.to_owned(), fingerprint, created_at, answer: None };
        let begun = self.store.write(move |tx| {
            let new = new.clone();
            Box::pin(async move { Ok::<_, Error>(tx.begin_repeat(&new).await?) })
        });
        if begun.await? {
            return Ok(Begun::New);
        }
        Ok(match self.store.read().repeat(token, key).await? {
            // It was refused in this moment.
            None => Begun::Unknown(created_at),
            Some(before) if before.fingerprint != fingerprint => Begun::Other,
            Some(Repeat { created_at, answer, .. }) => {
                answer.map_or(Begun::Unknown(created_at), Begun::Answered)
            }
        })
    }

    /// Notes what was answered to a request, or that nothing of it was done.
    pub async fn end_repeat(
        &self,
        actor: &Actor,
        key: &str,
        answer: Option<KeptAnswer>,
    ) -> Result<()> {
        let (token, key) = (actor.token, key.to_owned());
        self.store
            .write(move |tx| {
                let (key, answer) = (key.clone(), answer.clone());
                Box::pin(async move {
                    match answer {
                        Some(answer) => tx.answer_repeat(token, &key, &answer).await?,
                        None => tx.forget_repeat(token, &key).await?,
                    }
                    Ok::<_, Error>(())
                })
            })
            .await
    }

    /// Forgets requests that nobody repeats any more at `at`.
    pub async fn forget_repeats(&self, at: Timestamp) -> Result<()> {
        let before = at.plus_millis(-REPEAT_HOURS * HOUR_MS);
        self.store
            .write(move |tx| {
                Box::pin(async move { Ok::<_, Error>(tx.forget_repeats(before).await?) })
            })
            .await
    }
}
