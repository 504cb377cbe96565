//! Trust roots: whose attestations, made elsewhere, an organization believes.
//!
//! A root is keys, or an instance of Sigstore with the identities that may sign there, or both. Whether keys and
//! certificates hold is the work of the `trust` crate; this is what an administrator wrote.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::canonical::{self, CanonicalError};
use crate::document::{Diagnostic, Document, InvalidDocument, Metadata};
use crate::trust_rule::matches;
use crate::{Digest, Name, schema};

/// Most trust roots of one organization.
pub const TRUST_ROOTS_MAX: usize = 50;

/// A trust root as its author wrote it, checked against its schema.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustRoot {
    /// Its name.
    pub name: Name,
    /// Public keys that may sign, PEM.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// An instance of Sigstore, and who may sign there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sigstore: Option<SigstoreRoot>,
    /// What may be said under it, by the URI of the predicate; anything when there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub predicate_types: Vec<String>,
}

/// An instance of Sigstore, and who may sign there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SigstoreRoot {
    /// `public-good`, `github`, or the content of a `trusted_root.json`.
    pub root: Value,
    /// Who may sign.
    pub identities: Vec<SigstoreIdentity>,
}

/// Whom a certificate is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SigstoreIdentity {
    /// Who said who it is; empty where certificates name nobody.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub issuer: String,
    /// Who it is, in which `*` is any text.
    pub subject: String,
}

#[derive(Deserialize)]
struct RootDocument {
    metadata: Metadata,
    spec: Spec,
}

#[derive(Deserialize)]
struct Spec {
    #[serde(default)]
    keys: Vec<String>,
    sigstore: Option<SigstoreRoot>,
    #[serde(default)]
    predicate_types: Vec<String>,
}

impl TrustRoot {
    /// Reads a `kind: TrustRoot` document and says everything that is wrong with it.
    pub fn parse(document: &Document) -> Result<Self, InvalidDocument> {
        schema::check(&schema::TRUST_ROOT_FORM, document)?;
        let RootDocument { metadata, spec } = serde_json::from_value(document.value().clone())
            .map_err(|error| document.diagnostic("", error.to_string()))?;
        let Spec { keys, sigstore, predicate_types } = spec;
        let root = Self { name: metadata.name, keys, sigstore, predicate_types };
        InvalidDocument::unless_empty(root.problems(document))?;
        Ok(root)
    }

    /// The digest of the canonical form.
    pub fn digest(&self) -> Result<Digest, CanonicalError> {
        canonical::digest(self)
    }

    /// Whether that may be said under it.
    pub fn allows(&self, predicate_type: &str) -> bool {
        self.predicate_types.is_empty()
            || self.predicate_types.iter().any(|allowed| allowed == predicate_type)
    }

    /// What a schema cannot say.
    fn problems(&self, document: &Document) -> Vec<Diagnostic> {
        if self.keys.is_empty() && self.sigstore.is_none() {
            let message = "it believes nobody: there are neither `keys` nor `sigstore`";
            return vec![document.key_diagnostic("/spec", message)];
        }
        let identities = self.sigstore.iter().flat_map(|sigstore| &sigstore.identities);
        let open = identities.enumerate().filter(|(_, identity)| !identity.is_somebody());
        let problem = |(index, identity): (usize, &SigstoreIdentity)| {
            let at = format!("/spec/sigstore/identities/{index}/subject");
            let message = format!(
                "`{}` would believe everybody whom `{}` knows",
                identity.subject, identity.issuer
            );
            let hint = "name an owner: https://github.com/acme/*, or *@example.com";
            document.diagnostic(&at, message).with_hint(hint)
        };
        open.map(problem).collect()
    }
}

impl SigstoreIdentity {
    /// Whether a certificate with that issuer and subject is for this one.
    pub fn matches(&self, issuer: &str, subject: &str) -> bool {
        self.issuer == issuer && matches(&self.subject, subject)
    }

    /// Whether it leaves more open than it says: of a URI the host and what comes first after it have to be said, of an
    /// address of mail its domain.
    fn is_somebody(&self) -> bool {
        let said = |part: &str| !part.is_empty() && !part.contains('*');
        match self.subject.split_once("://") {
            Some((_, rest)) => {
                let mut parts = rest.splitn(3, '/');
                let whole = !rest.contains('*');
                whole
                    || (parts.next().is_some_and(said)
                        && parts.next().is_some_and(said)
                        && parts.next().is_some())
            }
            None => match self.subject.rsplit_once('@') {
                Some((_, domain)) => said(domain),
                None => said(&self.subject),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;

    #[test]
    fn a_subject_says_whose_it_is() {
        for (subject, somebody) in [
            ("https://github.com/acme/web/.github/workflows/release.yml@refs/heads/main", true),
            ("https://github.com/acme/*", true),
            ("https://github.com/acme/web/*@refs/tags/v*", true),
            ("spiffe://acme", true),
            ("jane@acme.test", true),
            ("*@acme.test", true),
            ("*", false),
            ("*@*", false),
            ("jane@*.test", false),
            ("https://*", false),
            ("https://github.com/*", false),
            ("https://github.com/acme*", false),
            ("https://github.com/*/web", false),
            ("https://*/acme/web", false),
        ] {
            let identity = SigstoreIdentity { issuer: "i".to_owned(), subject: subject.to_owned() };
            assert_eq!(identity.is_somebody(), somebody, "{subject}");
        }
    }

    #[test]
    fn a_document_is_read_or_says_what_is_wrong_with_it() {
        let read = |spec: &str| {
            let text = format!(
                "apiVersion: muster.dev/v1\nkind: TrustRoot\nmetadata: {{ name: github }}\nspec: {spec}\n"
            );
            let document = Document::parse(&text, &Limits::DEFAULT).unwrap();
            TrustRoot::parse(&document).map_err(|error| error.to_string())
        };
        let good = read("{ sigstore: { root: github, identities: [{ issuer: i, subject: 'https://github.com/acme/*' }] }, predicate_types: [p] }").unwrap();
        assert!(good.allows("p") && !good.allows("q"));
        assert!(read("{ keys: [k] }").unwrap().allows("anything"));
        for (spec, why) in [
            ("{}", "spec"),
            ("{ predicate_types: [p] }", "believes nobody"),
            ("{ keys: [] }", "keys"),
            ("{ keys: [k], more: 1 }", "more"),
            ("{ sigstore: { root: staging, identities: [{ issuer: i, subject: s }] } }", "root"),
            ("{ sigstore: { root: github, identities: [] } }", "identities"),
            (
                "{ sigstore: { root: github, identities: [{ issuer: i, subject: '*' }] } }",
                "everybody",
            ),
        ] {
            let refused = read(spec).unwrap_err();
            assert!(refused.contains(why), "{spec}: {refused}");
        }
    }
}
