//! Attestations that were made elsewhere, held against the roots that an organization believes.
//!
//! Three forms are read: Sigstore bundles signed with a certificate, Sigstore bundles signed by a key, and bare DSSE
//! envelopes signed by a key. What a root demands of a certificate follows from what its instance has: where there is a
//! transparency log, the entry is checked; where there are logs of certificates, the certificate is in one of them. No
//! certificate is believed without evidence of when it signed.

use std::fmt;

use engine::trust_root::{SigstoreIdentity, SigstoreRoot, TrustRoot};
use engine::{Digest, Timestamp};
use serde_json::Value;
use sigstore_verify::trust_root::{
    SIGSTORE_GITHUB_TRUSTED_ROOT, SIGSTORE_PRODUCTION_TRUSTED_ROOT, TrustedRoot,
};
use sigstore_verify::types::{ArtifactDigest, HashAlgorithm};
use sigstore_verify::{VerificationPolicy, VerificationResult, Verifier};

use crate::bundle::{Bundle, InvalidBundle};
use crate::envelope::{Envelope, InvalidEnvelope, PAYLOAD_TYPE, pae};
use crate::key::{KeyError, PublicKey};
use crate::statement::{InvalidStatement, Statement};

/// Most signatures of an envelope, and most entries of logs and timestamps beside a certificate: each is verified with each
/// root, and whoever hands them in chooses how many there are.
const EVIDENCE_MAX: usize = 16;

/// A root, ready to verify with.
pub struct ForeignRoot {
    root: TrustRoot,
    keys: Vec<PublicKey>,
    instance: Option<Instance>,
}

/// An instance of Sigstore, and who may sign there.
struct Instance {
    verifier: Verifier,
    policy: VerificationPolicy,
    identities: Vec<SigstoreIdentity>,
}

/// Why a root cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidRoot {
    /// A key is none.
    #[error("key {0} of the root is wrong: {1}")]
    Key(usize, #[source] KeyError),
    /// The instance is none.
    #[error("the `root` of `sigstore` is not the content of a trusted_root.json: {0}")]
    Instance(String),
}

/// Who signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForeignSigner {
    /// Whoever has the key of that digest.
    Key(Digest),
    /// Whom a certificate is for.
    Certificate {
        /// Who said who it is.
        issuer: String,
        /// Who it is.
        subject: String,
    },
}

/// A statement that somebody made elsewhere whom a root believes. Only [`verify_foreign`] makes one.
#[derive(Debug)]
pub struct Endorsed {
    statement: Statement,
    payload: Vec<u8>,
    signer: ForeignSigner,
    signed_at: Option<Timestamp>,
    root: usize,
}

/// Why an attestation is not believed. There is one variant for each step.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForeignRefusal {
    /// There is no root.
    #[error("there is no trust root to hold it against: say first whose are believed")]
    NoRoots,
    /// It has no form that is known.
    #[error("it is neither a Sigstore bundle with an envelope nor a DSSE envelope: {0}")]
    Form(String),
    /// The envelope holds something else.
    #[error("the payload type is `{0}`, not `{PAYLOAD_TYPE}`")]
    PayloadType(String),
    /// The payload is not a statement.
    #[error("what was signed is not a statement: {0}")]
    Statement(#[from] InvalidStatement),
    /// No key of a root made a signature.
    #[error("no signature is by a key of any trust root")]
    Signature,
    /// The certificate, or what comes beside it, does not hold under any root.
    #[error("the certificate does not hold under any trust root: {0}")]
    Certificate(String),
    /// It holds, and is for somebody whom no root names.
    #[error("it is signed by `{subject}`, of `{issuer}`, whom no trust root names")]
    Identity {
        /// Who said who it is.
        issuer: String,
        /// Who it is.
        subject: String,
    },
    /// Whoever signed may not say this.
    #[error("the trust root `{root}` does not allow the predicate `{predicate_type}`")]
    Predicate {
        /// The root.
        root: String,
        /// What is said.
        predicate_type: String,
    },
}

impl ForeignRefusal {
    /// The stable name of the step that refused.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoRoots => "no-roots",
            Self::Form(_) => "bundle",
            Self::PayloadType(_) => "payload-type",
            Self::Statement(_) => "statement",
            Self::Signature => "signature",
            Self::Certificate(_) => "certificate",
            Self::Identity { .. } => "identity",
            Self::Predicate { .. } => "predicate",
        }
    }
}

impl ForeignRoot {
    /// Makes a root ready.
    pub fn new(root: TrustRoot) -> Result<Self, InvalidRoot> {
        let key = |(index, pem): (usize, &String)| {
            PublicKey::from_pem(pem).map_err(|error| InvalidRoot::Key(index + 1, error))
        };
        let keys = root.keys.iter().enumerate().map(key).collect::<Result<_, _>>()?;
        let instance = root.sigstore.as_ref().map(Instance::new).transpose()?;
        Ok(Self { root, keys, instance })
    }

    /// What its author wrote.
    pub const fn written(&self) -> &TrustRoot {
        &self.root
    }
}

impl fmt::Debug for ForeignRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForeignRoot").field("name", &self.root.name).finish_non_exhaustive()
    }
}

impl Instance {
    fn new(written: &SigstoreRoot) -> Result<Self, InvalidRoot> {
        let invalid = |error: &dyn fmt::Display| InvalidRoot::Instance(error.to_string());
        let json = match &written.root {
            Value::String(name) if name == "github" => SIGSTORE_GITHUB_TRUSTED_ROOT.to_owned(),
            Value::String(_) => SIGSTORE_PRODUCTION_TRUSTED_ROOT.to_owned(),
            root => root.to_string(),
        };
        let root = TrustedRoot::from_json(&json).map_err(|error| invalid(&error))?;
        let verifier = Verifier::new(&root).map_err(|error| invalid(&error))?;
        let mut policy = VerificationPolicy::any_identity();
        if root.ctlogs.is_empty() {
            policy = policy.skip_sct();
        }
        if root.tlogs.is_empty() {
            policy = policy.skip_tlog_unsafe();
        }
        if root.tlogs.is_empty() && root.timestamp_authorities.is_empty() {
            return Err(invalid(&"it has neither a log nor an authority of timestamps"));
        }
        Ok(Self { verifier, policy, identities: written.identities.clone() })
    }

    fn verify(&self, bundle: &str, statement: &Statement) -> Result<VerificationResult, String> {
        let told = |error: &dyn fmt::Display| error.to_string();
        let parsed =
            sigstore_verify::types::Bundle::from_json(bundle).map_err(|error| told(&error))?;
        let subject = any_subject(statement)?;
        let found = self.verifier.verify(subject, &parsed, &self.policy);
        let found = found.map_err(|error| told(&error))?;
        if !found.certificate_verified() || found.verified_timestamps().is_empty() {
            return Err("nothing says when it was signed".to_owned());
        }
        Ok(found)
    }
}

/// One of the subjects. Which is of no matter: whoever asks about one is told whether it is among them.
fn any_subject(statement: &Statement) -> Result<ArtifactDigest, String> {
    let said = |name: &str, algorithm: HashAlgorithm| {
        let found = statement.subject.iter().find_map(|subject| subject.digest.get(name))?;
        Some((algorithm, hex::decode(found).ok()?))
    };
    let found =
        said("sha256", HashAlgorithm::Sha2256).or_else(|| said("sha512", HashAlgorithm::Sha2512));
    let (algorithm, digest) =
        found.ok_or("none of its subjects has a SHA-256 or SHA-512 digest")?;
    ArtifactDigest::new(algorithm, digest).map_err(|error| error.to_string())
}

/// Verifies an attestation that was made elsewhere, under the first of the roots that believes it.
pub fn verify_foreign(bytes: &[u8], roots: &[ForeignRoot]) -> Result<Endorsed, ForeignRefusal> {
    if roots.is_empty() {
        return Err(ForeignRefusal::NoRoots);
    }
    let form = Form::read(bytes)?;
    let envelope = form.envelope();
    if envelope.signatures.len() > EVIDENCE_MAX {
        return Err(ForeignRefusal::Form(format!("it has more than {EVIDENCE_MAX} signatures")));
    }
    if envelope.payload_type != PAYLOAD_TYPE {
        return Err(ForeignRefusal::PayloadType(envelope.payload_type.clone()));
    }
    let statement = Statement::parse(&envelope.payload)?;
    let (root, signer, signed_at) = match &form {
        Form::Certified(_, text) => certified(text, &statement, roots)?,
        Form::Keyed(_) => keyed(envelope, &statement, roots)?,
    };
    let payload = envelope.payload.clone();
    Ok(Endorsed { statement, payload, signer, signed_at, root })
}

/// An attestation in one of the forms that are read.
enum Form {
    Certified(Bundle, String),
    Keyed(Envelope),
}

impl Form {
    fn read(bytes: &[u8]) -> Result<Self, ForeignRefusal> {
        match Bundle::parse(bytes) {
            Ok(bundle) if bundle.is_certified() => {
                check_evidence(bytes)?;
                let text = String::from_utf8_lossy(bytes).into_owned();
                Ok(Self::Certified(bundle, text))
            }
            Ok(bundle) => Ok(Self::Keyed(bundle.envelope().clone())),
            Err(InvalidBundle::Form(_)) => {
                let form = |error: InvalidEnvelope| ForeignRefusal::Form(error.to_string());
                Ok(Self::Keyed(Envelope::parse(bytes).map_err(form)?))
            }
            Err(error) => Err(ForeignRefusal::Form(error.to_string())),
        }
    }

    const fn envelope(&self) -> &Envelope {
        match self {
            Self::Certified(bundle, _) => bundle.envelope(),
            Self::Keyed(envelope) => envelope,
        }
    }
}

/// Refuses a bundle with more evidence than anybody needs.
fn check_evidence(bytes: &[u8]) -> Result<(), ForeignRefusal> {
    let bundle: Value =
        serde_json::from_slice(bytes).map_err(|error| ForeignRefusal::Form(error.to_string()))?;
    for place in ["tlogEntries", "timestampVerificationData/rfc3161Timestamps"] {
        let found = bundle.pointer(&format!("/verificationMaterial/{place}"));
        if found.and_then(Value::as_array).is_some_and(|all| all.len() > EVIDENCE_MAX) {
            return Err(ForeignRefusal::Form(format!("it has more than {EVIDENCE_MAX} `{place}`")));
        }
    }
    Ok(())
}

type Believed = (usize, ForeignSigner, Option<Timestamp>);

/// The first root with a key that made one of the signatures, and that allows what is said.
fn keyed(
    envelope: &Envelope,
    statement: &Statement,
    roots: &[ForeignRoot],
) -> Result<Believed, ForeignRefusal> {
    let message = pae(&envelope.payload_type, &envelope.payload);
    let signed = |key: &&PublicKey| {
        envelope.signatures.iter().any(|signature| key.verifies(&message, &signature.sig))
    };
    let mut refusal = ForeignRefusal::Signature;
    for (index, root) in roots.iter().enumerate() {
        let Some(key) = root.keys.iter().find(signed) else { continue };
        match allowed(&root.root, statement) {
            Ok(()) => return Ok((index, ForeignSigner::Key(key.id()), None)),
            Err(forbidden) => refusal = forbidden,
        }
    }
    Err(refusal)
}

/// The first root whose instance issued the certificate, that names whom it is for, and that allows what is said. When
/// there is none, the refusal of the one that came furthest.
fn certified(
    bundle: &str,
    statement: &Statement,
    roots: &[ForeignRoot],
) -> Result<Believed, ForeignRefusal> {
    let mut refusal = ForeignRefusal::Certificate("none of them is one of Sigstore".to_owned());
    for (index, root) in roots.iter().enumerate() {
        let Some(instance) = &root.instance else { continue };
        let found = match instance.verify(bundle, statement) {
            Ok(found) => found,
            Err(why) => {
                if matches!(refusal, ForeignRefusal::Certificate(_)) {
                    refusal = ForeignRefusal::Certificate(why);
                }
                continue;
            }
        };
        let issuer = found.issuer().unwrap_or_default().to_owned();
        let subject = found.identity().map_or("", |identity| identity.as_str()).to_owned();
        if !instance.identities.iter().any(|identity| identity.matches(&issuer, &subject)) {
            if !matches!(refusal, ForeignRefusal::Predicate { .. }) {
                refusal = ForeignRefusal::Identity { issuer, subject };
            }
            continue;
        }
        match allowed(&root.root, statement) {
            Ok(()) => {
                let signer = ForeignSigner::Certificate { issuer, subject };
                return Ok((index, signer, earliest(&found)));
            }
            Err(forbidden) => refusal = forbidden,
        }
    }
    Err(refusal)
}

fn allowed(root: &TrustRoot, statement: &Statement) -> Result<(), ForeignRefusal> {
    let predicate_type = statement.predicate_type.clone();
    if root.allows(&predicate_type) {
        return Ok(());
    }
    Err(ForeignRefusal::Predicate { root: root.name.to_string(), predicate_type })
}

/// The earliest time that the evidence holds for.
fn earliest(found: &VerificationResult) -> Option<Timestamp> {
    let earliest = found.verified_timestamps().iter().min()?;
    Some(Timestamp::from_millis(earliest.as_millisecond()))
}

impl Endorsed {
    /// What was signed.
    pub const fn statement(&self) -> &Statement {
        &self.statement
    }

    /// The payload, byte for byte.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Who signed.
    pub const fn signer(&self) -> &ForeignSigner {
        &self.signer
    }

    /// When it was signed, by the evidence that comes with it; none where nothing says so.
    pub const fn signed_at(&self) -> Option<Timestamp> {
        self.signed_at
    }

    /// The position of the root that believes it.
    pub const fn root(&self) -> usize {
        self.root
    }
}

impl fmt::Display for ForeignSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => write!(f, "the key {id}"),
            Self::Certificate { issuer, subject } => write!(f, "{subject} ({issuer})"),
        }
    }
}
