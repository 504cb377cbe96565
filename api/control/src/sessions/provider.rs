//! The login provider of the operator, and what of its identity tokens is believed
//! ([OpenID Connect Core](https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation)).

use std::collections::BTreeSet;

use serde_json::Value;
use trust::{IdentityToken, TokenRefusal, TokenRequirements, VerifiedToken, verify_token};

use super::{Identity, LogIn, nonce, not_admitted};
use crate::issuers::{self, Issuers};
use crate::members::{GROUP_CHARS_MAX, email};
use crate::outbound::Outbound;
use crate::{Error, Result, now};

/// How old the identity token of a login may be, in seconds.
const AGE_SECONDS_MAX: i64 = 5 * 60;
/// Most groups of one person. More are no mistake, but not what roles hang on.
const GROUPS_MAX: usize = 500;

/// Who says who people are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginProvider {
    /// The address of the provider, as its tokens name it (`iss`).
    pub issuer: String,
    /// What the provider calls this server and its command line: a public client.
    pub client_id: String,
    /// The claim that names a person's groups.
    pub groups_claim: String,
}

/// The provider and its keys.
#[derive(Debug)]
pub(crate) struct Logins {
    provider: LoginProvider,
    outbound: Outbound,
    issuers: Issuers,
}

impl Logins {
    /// The operator names the provider: its host may be in the network of the server.
    pub(crate) fn new(provider: LoginProvider) -> Result<Self> {
        let wrong = |why: String| {
            Error::invalid(format!("the login provider `{}`: {why}", provider.issuer))
        };
        let url =
            reqwest::Url::parse(&provider.issuer).map_err(|error| wrong(error.to_string()))?;
        let host = url.host_str().ok_or_else(|| wrong("it has no host".to_owned()))?.to_owned();
        let outbound = Outbound::new(&[host]).map_err(Error::internal)?;
        issuers::check(&outbound, &provider.issuer).map_err(wrong)?;
        Ok(Self { provider, outbound, issuers: Issuers::default() })
    }

    pub(super) const fn provider(&self) -> &LoginProvider {
        &self.provider
    }

    /// Who this is, if the provider issued the token just now, for this server, to the program that sends it.
    pub(super) async fn identify(&self, asked: &LogIn) -> Result<Identity> {
        let token = IdentityToken::parse(&asked.id_token).map_err(|error| refused(&error))?;
        if token.issuer() != Some(self.provider.issuer.as_str()) {
            // Before anything is asked of anyone.
            let message = format!("the token was not issued by `{}`", self.provider.issuer);
            return Err(Error::NotAdmitted { code: "issuer", message });
        }
        let issuer = &self.provider.issuer;
        let keys = self.issuers.keys(&self.outbound, issuer, token.key()).await?;
        let requirements = TokenRequirements {
            issuer: issuer.clone(),
            audiences: vec![self.provider.client_id.clone()],
            age_seconds_max: AGE_SECONDS_MAX,
        };
        let verified = verify_token(&token, &keys, &requirements, now());
        let verified = verified.map_err(|error| refused(&error))?;
        self.check_party(&verified)?;
        check_nonce(&verified, asked.secret.as_deref())?;
        Ok(Identity {
            subject: verified.subject().to_owned(),
            email: verified_email(&verified)?,
            groups: self.groups(&verified),
            fingerprint: verified.fingerprint(),
            usable_until: verified.usable_until(),
        })
    }

    /// A token for several audiences says for which it was issued (`azp`).
    fn check_party(&self, token: &VerifiedToken) -> Result<()> {
        let several = matches!(token.claims().get("aud"), Some(Value::Array(all)) if all.len() > 1);
        let party = token.claims().get("azp");
        let ours = party.and_then(Value::as_str) == Some(self.provider.client_id.as_str());
        if ours || (party.is_none() && !several) {
            return Ok(());
        }
        let message = format!("the token was not issued to `{}` (`azp`)", self.provider.client_id);
        Err(Error::NotAdmitted { code: "party", message })
    }

    fn groups(&self, token: &VerifiedToken) -> BTreeSet<String> {
        let named = match token.claims().get(&self.provider.groups_claim) {
            Some(Value::String(one)) => vec![one.clone()],
            Some(Value::Array(all)) => {
                all.iter().filter_map(|one| one.as_str().map(ToOwned::to_owned)).collect()
            }
            _ => Vec::new(),
        };
        let fitting = named.into_iter().filter(|group| group.chars().count() <= GROUP_CHARS_MAX);
        fitting.take(GROUPS_MAX).collect()
    }
}

/// A token is good for the program that asked for it alone. One that was asked for without a `nonce`, as on a device
/// without a browser, has none; then no secret may be claimed for it.
fn check_nonce(token: &VerifiedToken, secret: Option<&str>) -> Result<()> {
    let wanted = secret.map(nonce);
    let got = token.claims().get("nonce");
    let same = match (got, &wanted) {
        (None, None) => true,
        (Some(got), Some(wanted)) => got.as_str() == Some(wanted.as_str()),
        _ => false,
    };
    if same {
        return Ok(());
    }
    let message = "the token was issued for another login (`nonce`)".to_owned();
    Err(Error::NotAdmitted { code: "nonce", message })
}

/// Only an address that the provider verified says who somebody is.
fn verified_email(token: &VerifiedToken) -> Result<String> {
    let claims = token.claims();
    let verified = claims.get("email_verified");
    if !verified.is_some_and(|it| *it == Value::Bool(true) || it == "true") {
        return Err(not_admitted(
            "the provider does not say that it verified a mail address of yours (`email_verified`)"
                .to_owned(),
        ));
    }
    let text = claims.get("email").and_then(Value::as_str).unwrap_or_default();
    email(text).map_err(|error| not_admitted(format!("the provider's `email`: {error}")))
}

fn refused(refusal: &TokenRefusal) -> Error {
    Error::NotAdmitted { code: refusal.code(), message: refusal.to_string() }
}
