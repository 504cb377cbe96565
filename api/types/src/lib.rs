//! The bodies of requests and responses under `/v1`, shared by the server and its clients.
//!
//! One file per noun. Requests refuse unknown members; responses may grow, so readers ignore what they do not know.
//! Evaluations, decisions and lineage closures are the engine's own published types and are embedded as they are.
//! Converting from and to what the use cases answer is the server's business, not this crate's.

mod attestation;
mod audit;
mod backend;
mod blob;
mod contract;
mod delivery;
pub mod form;
mod gate;
mod identity;
mod imported;
mod integration;
mod job;
mod key;
mod member;
mod organization;
mod page;
mod problem;
mod project;
mod readiness;
mod retention;
mod run;
mod secret;
mod token;
mod trust_rule;
mod waiver;
mod workflow;

pub use attestation::{Attestation, Receipt, Subject};
pub use audit::{AuditEvent, AuditHead};
pub use backend::{
    Backend, BackendCredentials, BackendRole, CreateBackend, MoveBlobs, MovedBlobs,
    SetBackendCredentials, SetBackendRole, SweepBlobs, SweptBlobs, UnmovedBlob,
};
pub use blob::Blob;
pub use contract::{ContractRevision, PutDocument};
pub use delivery::{Attempt, Delivery, DeliveryState};
pub use gate::{Decide, Decisions, GateRevision};
pub use identity::Identity;
pub use imported::{Imported, PutTrustRoot, Signer, TrustRoot};
pub use integration::{
    CreateIntegration, DisableIntegration, Integration, NewIntegration, Target, UpdateIntegration,
    WebhookFormat,
};
pub use job::{
    ACCESS_TOKEN_TYPE, EXCHANGE_GRANT, ExchangeToken, ExchangedToken, ID_TOKEN_TYPE, JWT_TYPE, Job,
};
pub use key::{CreateKey, Key};
pub use member::{
    CreateInvitation, CreateSession, GroupRole, Invitation, LoginProvider, Member, NewSession,
    OwnProjectRole, Person, ProjectMember, ProjectRole, Role, SetGroupRole, SetMemberRole,
    SetProjectRole,
};
pub use organization::{CreateOrganization, CreatedOrganization, Organization};
pub use page::Page;
pub use problem::{Place, Problem};
pub use project::{CreateProject, Project, ProjectVersion};
pub use readiness::{Readiness, Spread};
pub use retention::{PreviewRetention, Retention, RetentionPreview, RetentionRule};
pub use run::{Added, CancelRun, Crafted, Crafting, FailRun, OpenRun, OpenedRun, Run, RunState};
pub use secret::Rotation;
pub use token::{CreateToken, NewToken, Scope, Token};
pub use trust_rule::{
    CreateTrustRule, ExplainToken, ExplainedRefusal, ExplainedRule, Explanation, TrustRule,
};
pub use waiver::{EndWaiver, RequestWaiver, Waiver, WaiverDecided, WaiverState};
pub use workflow::{CreateWorkflow, UpdateWorkflow, Workflow};

/// The media type of a Sigstore bundle, as bundles are sent and served.
pub const BUNDLE_MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// The media type of an error, [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457).
pub const PROBLEM_MEDIA_TYPE: &str = "application/problem+json";
