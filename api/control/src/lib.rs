//! The use cases of the control plane: authorize, load, ask the engine, save.
//!
//! Transports (HTTP, GraphQL) call these and convert; they hold no rules. [`store`] holds the rows, [`blobs`] the bytes
//! that rows name by digest; neither knows who is asking, so every use case authorizes in its first line.
//!
//! The whole flow of a receipt is one screen: see [`Control::receive`].

mod actor;
mod attestations;
mod audit;
mod backends;
pub mod backup;
pub mod blobs;
mod contracts;
mod crafting;
mod deliveries;
mod denials;
mod dispatch;
mod documents;
mod embedded;
mod error;
mod events;
mod evidence;
mod expected;
mod gates;
mod imports;
mod integrations;
mod issuers;
mod jobs;
pub mod judge;
mod keys;
mod library;
mod lineage;
mod members;
mod organizations;
pub mod outbound;
mod project_members;
mod readiness;
mod receipt;
mod repeats;
mod retention;
mod runs;
mod secrets;
mod sessions;
pub mod store;
mod tokens;
mod trust_roots;
mod trust_rules;
mod versions;
mod views;
mod waivers;
mod workflows;

use std::sync::Arc;
use std::time::Duration;

pub use actor::{Actor, Binding, Grants, Permission, Person, ProjectRole, Role, Scope};
use backends::Opened;
pub use backends::{
    BACKENDS_MAX, MoveBlobs, MovedBlobs, NewBackend, REMOVAL_DAYS, REMOVAL_MINUTES, SweepBlobs,
    SweptBlobs, UnmovedBlob,
};
pub use blobs::{BlobStream, BlobsConfig, ByteStream, Credentials};
use blobs::{Blobs, Opening};
pub use crafting::{CRAFTED_BYTES_MAX, Crafted};
pub use deliveries::{DELIVERY_DAYS, Delivery};
use denials::Denials;
pub use denials::{Credential, Denial, RECORDED_PER_CREDENTIAL, RECORDED_PER_SOURCE};
use dispatch::Busy;
use documents::Cache;
pub use embedded::Embedded;
use engine::policy::Library;
use engine::{Limits, Timestamp};
pub use error::{Error, chain};
pub use events::EVENTS;
pub use expected::Expected;
pub use imports::Imported;
pub use integrations::{
    INTEGRATIONS_MAX, Integration, IntegrationUpdate, Mail, NewIntegration, ROTATION_HOURS, Target,
    WebhookFormat,
};
use issuers::Issuers;
pub use jobs::{Exchange, JOB_MINUTES};
pub use library::library;
pub use lineage::LineageQuestion;
pub use members::{GROUPS_MAX, GroupRole, INVITATION_DAYS, Invitation, Member};
use outbound::Outbound;
pub use project_members::{PROJECT_MEMBERS_MAX, ProjectMember, Whom};
pub use readiness::{READINESS_DAYS, READINESS_SAMPLE, Readiness, Spread};
pub use repeats::{Begun, REPEAT_CHARS_MAX, REPEAT_HOURS};
pub use retention::{EXPIRY_HOURS, KEEP_DAYS_MAX, Retention, RetentionPreview};
pub use runs::REASON_CHARS_MAX;
pub use secrets::Rotation;
use secrets::Secrets;
use sessions::Logins;
pub use sessions::{LogIn, LoginProvider, NewSession, SESSION_HOURS};
use store::Store;
pub use store::{
    Attempt, AuditFilter, DeliveryState, ImportedSubject, RetentionRule, Role as BackendRole,
};
pub use tokens::NewToken;
pub use trust::KeyRing;
pub use trust_roots::TrustRoot;
pub use versions::ProjectVersion;
pub use views::*;
pub use workflows::{DEADLINE_MINUTES, DEADLINE_MINUTES_MAX, Terms, WorkflowUpdate};

/// The control plane. Clones share everything.
#[derive(Debug, Clone)]
pub struct Control {
    store: Store,
    blobs: Arc<dyn Blobs>,
    limits: Arc<Limits>,
    library: Arc<Library>,
    cache: Arc<Cache>,
    denials: Arc<Denials>,
    secrets: Secrets,
    room: receipt::Room,
    outbound: Outbound,
    opened: Opened,
    busy: Busy,
    issuers: Arc<Issuers>,
    logins: Option<Arc<Logins>>,
}

/// Where a control plane keeps its state.
#[derive(Debug)]
pub struct Config {
    /// `sqlite://PATH?mode=rwc` or `postgres://…`.
    pub database: String,
    /// Where the bytes are.
    pub blobs: BlobsConfig,
    /// What opens that place, where it has to be opened.
    pub credentials: Option<Credentials>,
    /// What inputs may cost.
    pub limits: Limits,
    /// The keys that seal secrets; without one nothing secret can be stored.
    pub keys: Option<KeyRing>,
    /// Hosts that others may name whatever their address, and over HTTP.
    pub private_hosts: Vec<String>,
    /// Who says who people are; nobody logs in without.
    pub login: Option<LoginProvider>,
}

impl Config {
    /// State in these places, with the limits that Muster ships with and no keys.
    pub fn new(database: impl Into<String>, blobs: BlobsConfig) -> Self {
        Self {
            database: database.into(),
            blobs,
            credentials: None,
            limits: Limits::DEFAULT,
            keys: None,
            private_hosts: Vec::new(),
            login: None,
        }
    }
}

type Result<T, E = Error> = std::result::Result<T, E>;

impl Control {
    /// Opens the database, brings its schema up to date, and opens the blob store.
    pub async fn open(config: Config) -> Result<Self> {
        let bytes_max = config.limits.blob_bytes_max;
        let credentials = config.credentials;
        let opening = Opening { credentials, space: None, guard: None, bytes_max };
        let blobs = blobs::open(config.blobs, opening).await?;
        let store = Store::open(&config.database).await?;
        let secrets = Secrets::new(config.keys);
        secrets.check(&store).await?;
        Ok(Self {
            store,
            secrets,
            outbound: Outbound::new(&config.private_hosts).map_err(Error::internal)?,
            busy: Busy::default(),
            issuers: Arc::default(),
            logins: config.login.map(Logins::new).transpose()?.map(Arc::new),
            opened: Opened::default(),
            blobs,
            library: Arc::new(library()?),
            limits: Arc::new(config.limits),
            cache: Arc::default(),
            denials: Arc::default(),
            room: receipt::Room::default(),
        })
    }

    /// The limits in force.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether the database and the blob store answer.
    pub async fn ready(&self) -> Result<()> {
        self.store.check().await?;
        self.blobs.check().await.map_err(Error::from)
    }

    /// What is to be done again and again while the control plane is up; never ends. Safe on every replica.
    pub async fn tend(&self) {
        let mut minutes = tokio::time::interval(Duration::from_mins(1));
        loop {
            minutes.tick().await;
            if let Err(error) = self.settle_denials().await {
                tracing::error!(%error, "denied attempts could not be recorded; tried again in a minute");
            }
            if let Err(error) = self.expire_runs().await {
                tracing::error!(%error, "abandoned runs could not be ended; tried again in a minute");
            }
            if let Err(error) = self.check_backends().await {
                tracing::error!(%error, "backends could not be looked at; tried again in a minute");
            }
            if let Err(error) = self.apply_retention(now()).await {
                tracing::error!(%error, "old evidence could not be expired; tried again in a minute");
            }
            if let Err(error) = self.remove_blobs(now()).await {
                tracing::error!(%error, "blobs could not be removed; tried again in a minute");
            }
            if let Err(error) = self.forget_deliveries(now()).await {
                tracing::error!(%error, "old deliveries could not be forgotten; tried again in a minute");
            }
            if let Err(error) = self.forget_repeats(now()).await {
                tracing::error!(%error, "old requests could not be forgotten; tried again in a minute");
            }
            if let Err(error) = self.forget_crafting().await {
                tracing::error!(%error, "what was crafted could not be forgotten; tried again in a minute");
            }
            if let Err(error) = self.forget_spent_tokens().await {
                tracing::error!(%error, "spent tokens could not be forgotten; tried again in a minute");
            }
        }
    }

    /// Finishes queued writes and closes the database.
    pub async fn close(&self) -> Result<()> {
        let settled = self.settle_all_denials().await;
        self.store.close().await?;
        settled
    }
}

/// The clock of the shell. The engine is handed what this says.
fn now() -> Timestamp {
    Timestamp::from_datetime(chrono::Utc::now())
}

/// Says which step of a receipt comes next. Tests stop the process here.
fn step(name: &'static str) {
    tracing::trace!(target: "control::receipt", name, "a receipt goes on");
    fail::fail_point!(name);
}

/// A new identifier; later ones sort after earlier ones.
fn fresh() -> uuid::Uuid {
    uuid::Uuid::now_v7()
}
