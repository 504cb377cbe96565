//! The checks of an identity token, in the order in which one makes the next worth asking.

use engine::{Digest, Timestamp};
use jsonwebtoken::crypto;
use serde_json::{Map, Value};

use super::{IdentityToken, KeySet, TokenRefusal, name, shown};

/// How far the issuer's clock may be ahead of ours, in seconds.
pub const LEEWAY_SECONDS: i64 = 60;
/// The age at which no token is accepted any more, in seconds: a day.
pub const AGE_SECONDS_MAX: i64 = 24 * 60 * 60;
/// What `CircleCI` says of a job that someone has a shell in.
pub(super) const SSH_RERUN: &str = "oidc.circleci.com/ssh-rerun";

/// What a token must be. There is no way to verify one without saying so.
#[derive(Debug, Clone)]
pub struct TokenRequirements {
    /// Who must have issued it: whose keys are handed in.
    pub issuer: String,
    /// For whom it must be: at least one of these.
    pub audiences: Vec<String>,
    /// How old it may be, in seconds; at most [`AGE_SECONDS_MAX`].
    pub age_seconds_max: i64,
}

/// A token that holds. Only [`verify_token`] makes one.
#[derive(Debug, Clone)]
pub struct VerifiedToken {
    claims: Map<String, Value>,
    subject: String,
    issued_at: Timestamp,
    fingerprint: Digest,
    usable_until: Timestamp,
}

impl VerifiedToken {
    /// What the issuer says.
    pub const fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// Whom it is about (`sub`).
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// When it was issued.
    pub const fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    /// What tells it from every other token of every issuer, to know it again: of its issuer and `jti`, else of what was
    /// signed. A signature that was changed and still verifies changes nothing about it.
    pub const fn fingerprint(&self) -> Digest {
        self.fingerprint
    }

    /// From when on it can never be accepted any more, so that it need not be remembered.
    pub const fn usable_until(&self) -> Timestamp {
        self.usable_until
    }
}

/// Verifies a token against its issuer's keys, as of `now`.
pub fn verify_token(
    token: &IdentityToken,
    keys: &KeySet,
    requirements: &TokenRequirements,
    now: Timestamp,
) -> Result<VerifiedToken, TokenRefusal> {
    check_signature(token, keys)?;
    check_issuer(token, &requirements.issuer)?;
    check_audience(token, &requirements.audiences)?;
    let (expires_at, issued_at) = check_times(token, requirements.age_seconds_max, now)?;
    let subject = text(token, "sub")?;
    let rerun = token.claims.get(SSH_RERUN);
    if rerun.is_some_and(|rerun| *rerun == Value::Bool(true) || rerun == "true") {
        return Err(TokenRefusal::SshRerun);
    }
    let too_old = issued_at.saturating_add(AGE_SECONDS_MAX + LEEWAY_SECONDS);
    Ok(VerifiedToken {
        claims: token.claims.clone(),
        subject,
        issued_at: at(issued_at),
        fingerprint: fingerprint(token)?,
        usable_until: at(expires_at.min(too_old)),
    })
}

fn check_signature(token: &IdentityToken, keys: &KeySet) -> Result<(), TokenRefusal> {
    let id = shown(&token.key);
    if !keys.has(&token.key) {
        return Err(TokenRefusal::Key(format!(
            "the token was signed with the key `{id}`, which its issuer does not publish"
        )));
    }
    let mut fitting = keys.named(&token.key).filter(|key| key.fits(token.algorithm)).peekable();
    if fitting.peek().is_none() {
        return Err(TokenRefusal::KeyType { key: id, algorithm: name(token.algorithm) });
    }
    let verifies = fitting.any(|key| {
        let message = token.signed.as_bytes();
        crypto::verify(&token.signature, message, &key.public, token.algorithm).is_ok_and(|it| it)
    });
    if verifies { Ok(()) } else { Err(TokenRefusal::Signature(id)) }
}

fn check_issuer(token: &IdentityToken, wanted: &str) -> Result<(), TokenRefusal> {
    if token.issuer() == Some(wanted) {
        return Ok(());
    }
    let got = token.issuer().map_or_else(|| "nobody".to_owned(), |got| format!("`{}`", shown(got)));
    Err(TokenRefusal::Issuer { wanted: wanted.to_owned(), got })
}

/// One audience or a list of them ([RFC 7519](https://www.rfc-editor.org/rfc/rfc7519#section-4.1.3)).
fn check_audience(token: &IdentityToken, wanted: &[String]) -> Result<(), TokenRefusal> {
    let audiences: Vec<&str> = match token.claims.get("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if audiences.iter().any(|one| wanted.iter().any(|wanted| wanted == one)) {
        return Ok(());
    }
    let quoted = |list: Vec<&str>| {
        let list: Vec<String> = list.into_iter().map(|one| format!("`{}`", shown(one))).collect();
        list.join(" or ")
    };
    let wanted = quoted(wanted.iter().map(String::as_str).collect());
    let got = if audiences.is_empty() { "of nobody".to_owned() } else { quoted(audiences) };
    Err(TokenRefusal::Audience { wanted, got })
}

/// When it ends and when it was issued, in seconds, if now is between the two and it is not too old.
fn check_times(
    token: &IdentityToken,
    age_max: i64,
    now: Timestamp,
) -> Result<(i64, i64), TokenRefusal> {
    let now = now.as_millis().div_euclid(1_000);
    let expires_at = seconds(token, "exp")?.ok_or_else(|| {
        TokenRefusal::Expiry("the token does not say when it ends (`exp`)".to_owned())
    })?;
    if expires_at <= now {
        return Err(TokenRefusal::Expiry(format!("the token expired at {}", at(expires_at))));
    }
    let soon = now.saturating_add(LEEWAY_SECONDS);
    if let Some(begins_at) = seconds(token, "nbf")?.filter(|begins_at| *begins_at > soon) {
        return Err(TokenRefusal::NotBefore(format!(
            "the token does not hold before {}",
            at(begins_at)
        )));
    }
    let issued_at = seconds(token, "iat")?.ok_or_else(|| {
        TokenRefusal::Age("the token does not say when it was issued (`iat`)".to_owned())
    })?;
    if issued_at > soon {
        return Err(TokenRefusal::Age(
            format!("the token was issued at {}", at(issued_at))
                + ", which is not yet: do both clocks go right?",
        ));
    }
    let (age, age_max) = (now.saturating_sub(issued_at), age_max.min(AGE_SECONDS_MAX));
    if age > age_max {
        return Err(TokenRefusal::Age(format!(
            "the token was issued {age} seconds ago, more than the limit of {age_max}"
        )));
    }
    Ok((expires_at, issued_at))
}

/// A time in whole seconds since 1970 ([RFC 7519](https://www.rfc-editor.org/rfc/rfc7519#section-2), `NumericDate`).
fn seconds(token: &IdentityToken, claim: &str) -> Result<Option<i64>, TokenRefusal> {
    let Some(value) = token.claims.get(claim) else { return Ok(None) };
    // Beyond this a calendar has no years, and milliseconds no room.
    let known = value.as_i64().filter(|seconds| (0..=253_402_300_799).contains(seconds));
    known.map(Some).ok_or_else(|| {
        TokenRefusal::Form(format!("its claim `{claim}` is not a whole number of seconds"))
    })
}

const fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds.saturating_mul(1_000))
}

fn text(token: &IdentityToken, claim: &str) -> Result<String, TokenRefusal> {
    let text = token.claims.get(claim).and_then(Value::as_str).filter(|text| !text.is_empty());
    let missing = || TokenRefusal::Form(format!("it has no text in its claim `{claim}`"));
    text.map(ToOwned::to_owned).ok_or_else(missing)
}

fn fingerprint(token: &IdentityToken) -> Result<Digest, TokenRefusal> {
    if !token.claims.contains_key("jti") {
        return Ok(Digest::of(format!("token\n{}", token.signed)));
    }
    let issuer = token.issuer().unwrap_or_default();
    Ok(Digest::of(format!("jti\n{}\n{issuer}\n{}", issuer.len(), text(token, "jti")?)))
}
