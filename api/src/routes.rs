//! The one list of routes.

mod artifacts;
mod attestations;
mod audit;
mod backends;
mod blobs;
mod contracts;
mod deliveries;
mod gates;
mod graphql;
mod imports;
mod integrations;
mod jobs;
mod keys;
mod members;
mod operations;
mod organizations;
mod projects;
mod readiness;
mod retention;
mod runs;
mod secrets;
mod sessions;
mod tokens;
mod trust_roots;
mod trust_rules;
mod waivers;
mod workflows;

use std::time::Duration;

use Access::{IdentityToken, May, Public, Token};
use api_types::BUNDLE_MEDIA_TYPE;
use axum::routing::{MethodRouter, delete, get, head, patch, post, put};
use control::Permission;
use engine::Limits;

use crate::App;

/// Who may use a route. The use case decides; this is what the document and the tests go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everyone.
    Public,
    /// Everyone with a token.
    Token,
    /// Everyone with an identity token of a CI system or of the login provider, in the body.
    IdentityToken,
    /// A token that carries this permission.
    May(Permission),
}

/// What a route takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// Nothing.
    None,
    /// A JSON body, the component of that name.
    Json(&'static str),
    /// A form, the component of that name.
    Form(&'static str),
    /// An attestation's bundle.
    Bundle,
    /// Any bytes, streamed.
    Bytes,
    /// Nothing; the answer is streamed.
    Streamed,
}

/// What a parameter of a query is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parameter {
    /// Any text.
    Text,
    /// Any text, without which nothing is asked.
    Needed,
    /// An identifier.
    Id,
    /// A number, 0 or more.
    Count,
    /// A number between these.
    Within(u32, u32),
    /// How many entries a page has.
    Limit,
    /// A time (RFC 3339).
    Time,
    /// `true` or `false`.
    Truth,
    /// One of these.
    OneOf(&'static [&'static str]),
    /// The component of that name.
    Form(&'static str),
}

/// What a route answers when all is well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Nothing.
    Nothing,
    /// A JSON body, the component of that name.
    Json(&'static str),
    /// A list of the components of that name, or a page of one.
    List(&'static str),
    /// A body of that media type which this document does not describe.
    Other(&'static str),
}

/// One route.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// The method, upper case.
    pub method: &'static str,
    /// The path, with `{name}` for what varies.
    pub path: &'static str,
    /// Who may use it.
    pub access: Access,
    /// What it does, in a few words.
    pub summary: &'static str,
    /// What it takes.
    pub body: Body,
    /// The parameters of its query, with what each is.
    pub query: &'static [(&'static str, Parameter)],
    /// The status when all is well.
    pub status: u16,
    /// What it answers when all is well.
    pub answer: Answer,
    /// Whether an answer takes as long as the blobs that it copies.
    patient: bool,
    handler: fn() -> MethodRouter<App>,
}

impl Route {
    const fn new(
        method: &'static str,
        path: &'static str,
        access: Access,
        summary: &'static str,
        handler: fn() -> MethodRouter<App>,
    ) -> Self {
        let (body, query, status, answer) = (Body::None, [].as_slice(), 200, Answer::Nothing);
        let patient = false;
        Self { method, path, access, summary, body, query, status, answer, patient, handler }
    }

    const fn patient(self) -> Self {
        Self { patient: true, ..self }
    }

    const fn takes(self, body: Body) -> Self {
        Self { body, ..self }
    }

    const fn asks(self, query: &'static [(&'static str, Parameter)]) -> Self {
        Self { query, ..self }
    }

    const fn answers(self, status: u16, answer: Answer) -> Self {
        Self { status, answer, ..self }
    }

    pub(crate) fn handler(&self) -> MethodRouter<App> {
        (self.handler)()
    }

    /// Whether each request of it does something more, and takes an `Idempotency-Key`.
    pub(crate) fn has_effects(&self) -> bool {
        let by_token = matches!(self.access, May(_) | Token);
        let small = matches!(self.body, Body::None | Body::Json(_));
        self.method == "POST" && self.path.starts_with("/v1/") && by_token && small
    }

    /// How long an answer may take; `None` where it depends on how much is streamed or copied.
    pub(crate) const fn deadline(&self) -> Option<Duration> {
        if self.patient { None } else { self.body.deadline() }
    }
}

impl Body {
    /// The largest body in bytes; `None` where the blob store counts.
    pub(crate) fn bytes_max(self, limits: &Limits) -> Option<usize> {
        match self {
            Self::Bytes => None,
            Self::Bundle => Some(usize::try_from(limits.bundle_bytes_max).unwrap_or(usize::MAX)),
            Self::None | Self::Streamed | Self::Json(_) | Self::Form(_) => Some(JSON_BYTES_MAX),
        }
    }

    const fn deadline(self) -> Option<Duration> {
        match self {
            Self::Bytes | Self::Streamed => None,
            // A receipt reads and judges all the evidence of a run.
            Self::Bundle => Some(Duration::from_mins(10)),
            Self::None | Self::Json(_) | Self::Form(_) => Some(Duration::from_mins(1)),
        }
    }
}

/// Largest JSON body, in bytes.
pub(crate) const JSON_BYTES_MAX: usize = 2 << 20;

const JSON: &str = "application/json";
/// What the limits of the engine say; a test holds them together.
const LINEAGE_NODES_MAX: u32 = 10_000;
const LEAVE_BYTES: &[(&str, Parameter)] = &[("leave_bytes", Parameter::Truth)];
const DELETED: &[(&str, Parameter)] = &[("deleted", Parameter::Truth)];
const PAGE: &[(&str, Parameter)] = &[("after", Parameter::Count), ("limit", Parameter::Limit)];
const RUNS: &[(&str, Parameter)] = &[
    ("workflow", Parameter::Form("WorkflowPath")),
    ("state", Parameter::Form("RunState")),
    ("after", Parameter::Id),
    ("limit", Parameter::Limit),
];
const WAIVERS: &[(&str, Parameter)] = &[
    ("state", Parameter::Form("WaiverState")),
    ("after", Parameter::Count),
    ("limit", Parameter::Limit),
];
const LINEAGE: &[(&str, Parameter)] = &[
    ("direction", Parameter::OneOf(&["up", "down", "both"])),
    ("max_hops", Parameter::Within(1, 64)),
    ("max_nodes", Parameter::Within(1, LINEAGE_NODES_MAX)),
    ("as_of", Parameter::Count),
];
const AUDIT: &[(&str, Parameter)] = &[
    ("actor", Parameter::Text),
    ("action", Parameter::Text),
    ("target", Parameter::Text),
    ("since", Parameter::Time),
    ("until", Parameter::Time),
    ("after", Parameter::Count),
    ("limit", Parameter::Limit),
];
const DELIVERIES: &[(&str, Parameter)] = &[
    ("integration", Parameter::Form("Name")),
    ("state", Parameter::Form("DeliveryState")),
    ("after", Parameter::Id),
    ("limit", Parameter::Limit),
];
const GRAPHQL: &[(&str, Parameter)] = &[
    ("query", Parameter::Needed),
    ("operationName", Parameter::Text),
    ("variables", Parameter::Text),
    ("extensions", Parameter::Text),
];

/// Every route of the server.
#[rustfmt::skip] // a table: one route, one line or two
pub const ROUTES: &[Route] = &[
    Route::new("GET", "/v1/identity", Token, "Who am I?", || get(operations::identity)).answers(200, Answer::Json("Identity")),
    Route::new("POST", "/v1/organizations", May(Permission::EditInstance), "Make an organization and its first token", || post(organizations::create))
        .takes(Body::Json("CreateOrganization")).answers(201, Answer::Json("CreatedOrganization")),
    Route::new("GET", "/v1/organizations", May(Permission::EditInstance), "List organizations", || get(organizations::list)).answers(200, Answer::List("Organization")),
    Route::new("POST", "/v1/secrets/rotate", May(Permission::EditInstance), "Seal every secret anew under the first key of this server", || post(secrets::rotate))
        .answers(200, Answer::Json("Rotation")),
    Route::new("GET", "/v1/login", Public, "Where people log in", || get(sessions::provider)).answers(200, Answer::Json("LoginProvider")),
    Route::new("POST", "/v1/sessions", IdentityToken, "Begin a session, with an identity token of the login provider", || post(sessions::create))
        .takes(Body::Json("CreateSession")).answers(201, Answer::Json("NewSession")),
    Route::new("DELETE", "/v1/sessions/current", Token, "End the session of the token", || delete(sessions::end)).answers(204, Answer::Nothing),
    Route::new("GET", "/v1/members", May(Permission::Read), "List members", || get(members::list)).answers(200, Answer::List("Member")),
    Route::new("PUT", "/v1/members/{id}/role", May(Permission::EditMembers), "Make something else of a member", || put(members::set_role))
        .takes(Body::Json("SetMemberRole")).answers(200, Answer::Json("Member")),
    Route::new("DELETE", "/v1/members/{id}", May(Permission::EditMembers), "Remove a member, whose sessions end", || delete(members::remove)).answers(204, Answer::Nothing),
    Route::new("POST", "/v1/invitations", May(Permission::EditMembers), "Invite someone, who becomes a member by logging in", || post(members::invite))
        .takes(Body::Json("CreateInvitation")).answers(201, Answer::Json("Invitation")),
    Route::new("POST", "/v1/organizations/{name}/invitations", May(Permission::EditInstance), "Invite someone into an organization, as anything", || post(members::invite_for))
        .takes(Body::Json("CreateInvitation")).answers(201, Answer::Json("Invitation")),
    Route::new("GET", "/v1/invitations", May(Permission::EditMembers), "List invitations that can be accepted", || get(members::invitations)).answers(200, Answer::List("Invitation")),
    Route::new("DELETE", "/v1/invitations/{id}", May(Permission::EditMembers), "Revoke an invitation", || delete(members::revoke_invitation)).answers(204, Answer::Nothing),
    Route::new("PUT", "/v1/groups", May(Permission::EditMembers), "Give everyone in a group of the login provider a role", || put(members::set_group))
        .takes(Body::Json("SetGroupRole")).answers(200, Answer::Json("GroupRole")),
    Route::new("GET", "/v1/groups", May(Permission::EditMembers), "List groups that have a role", || get(members::groups)).answers(200, Answer::List("GroupRole")),
    Route::new("DELETE", "/v1/groups/{id}", May(Permission::EditMembers), "Take the role of a group away", || delete(members::remove_group)).answers(204, Answer::Nothing),
    Route::new("POST", "/v1/projects", May(Permission::EditProjects), "Make a project", || post(projects::create))
        .takes(Body::Json("CreateProject")).answers(201, Answer::Json("Project")),
    Route::new("GET", "/v1/projects", May(Permission::ReadProjects), "List projects", || get(projects::list)).answers(200, Answer::List("Project")),
    Route::new("GET", "/v1/projects/{name}/members", May(Permission::ReadProjects), "List who is what in a project by itself", || get(projects::members)).answers(200, Answer::List("ProjectMember")),
    Route::new("PUT", "/v1/projects/{name}/members", May(Permission::EditProjectMembers), "Say what a member or a group is in a project", || put(projects::set_role))
        .takes(Body::Json("SetProjectRole")).answers(200, Answer::Json("ProjectMember")),
    Route::new("DELETE", "/v1/projects/{name}/members/{id}", May(Permission::EditProjectMembers), "Make somebody nothing in a project any more", || delete(projects::remove_member)).answers(204, Answer::Nothing),
    Route::new("GET", "/v1/projects/{name}/versions", May(Permission::ReadProjects), "List the newest versions of a project", || get(projects::versions))
        .answers(200, Answer::List("ProjectVersion")),
    Route::new("POST", "/v1/projects/{name}/versions/{version}/release", May(Permission::ReleaseVersions), "Release a version: it takes no more runs", || post(projects::release))
        .answers(200, Answer::Json("ProjectVersion")),
    Route::new("POST", "/v1/workflows", May(Permission::EditWorkflows), "Make a workflow", || post(workflows::create))
        .takes(Body::Json("CreateWorkflow")).answers(201, Answer::Json("Workflow")),
    Route::new("GET", "/v1/workflows", May(Permission::ReadProjects), "List workflows, or those that were deleted", || get(workflows::list)).asks(DELETED).answers(200, Answer::List("Workflow")),
    Route::new("GET", "/v1/workflows/{project}/{name}", May(Permission::ReadProjects), "Show a workflow", || get(workflows::show)).answers(200, Answer::Json("Workflow")),
    Route::new("PATCH", "/v1/workflows/{project}/{name}", May(Permission::EditWorkflows), "Change what the next runs of a workflow must meet; what is absent stays", || patch(workflows::update))
        .takes(Body::Json("UpdateWorkflow")).answers(200, Answer::Json("Workflow")),
    Route::new("DELETE", "/v1/workflows/{project}/{name}", May(Permission::EditWorkflows), "Delete a workflow: no run of it is opened any more", || delete(workflows::remove))
        .answers(204, Answer::Nothing),
    Route::new("POST", "/v1/workflows/{project}/{name}/restore", May(Permission::EditWorkflows), "Restore a workflow that was deleted", || post(workflows::restore))
        .answers(200, Answer::Json("Workflow")),
    Route::new("DELETE", "/v1/contracts/{name}", May(Permission::EditContracts), "Delete a contract that no workflow is under", || delete(contracts::remove))
        .answers(204, Answer::Nothing),
    Route::new("POST", "/v1/contracts/{name}/restore", May(Permission::EditContracts), "Restore a contract that was deleted", || post(contracts::restore))
        .answers(200, Answer::Json("ContractRevision")),
    Route::new("PUT", "/v1/contracts", May(Permission::EditContracts), "Store a contract, with `If-Match` only over the revision of that tag; a new revision unless nothing changed", || put(contracts::store))
        .takes(Body::Json("PutDocument")).answers(200, Answer::Json("ContractRevision")),
    Route::new("GET", "/v1/contracts", May(Permission::ReadContracts), "List the latest revision of every contract", || get(contracts::list)).asks(DELETED).answers(200, Answer::List("ContractRevision")),
    Route::new("GET", "/v1/contracts/{name}", May(Permission::ReadContracts), "Show a contract, the latest revision unless one is named", || get(contracts::show))
        .asks(&[("revision", Parameter::Within(0, u32::MAX))]).answers(200, Answer::Json("ContractRevision")),
    Route::new("POST", "/v1/keys", May(Permission::EditKeys), "Register a public key that may sign attestations", || post(keys::create))
        .takes(Body::Json("CreateKey")).answers(201, Answer::Json("Key")),
    Route::new("GET", "/v1/keys", May(Permission::Read), "List keys", || get(keys::list)).answers(200, Answer::List("Key")),
    Route::new("DELETE", "/v1/keys/{id}", May(Permission::EditKeys), "Revoke a key from now on", || delete(keys::revoke)).answers(204, Answer::Nothing),
    Route::new("POST", "/v1/tokens", May(Permission::EditTokens), "Make a token", || post(tokens::create))
        .takes(Body::Json("CreateToken")).answers(201, Answer::Json("NewToken")),
    Route::new("GET", "/v1/tokens", May(Permission::EditTokens), "List tokens", || get(tokens::list)).answers(200, Answer::List("Token")),
    Route::new("DELETE", "/v1/tokens/{id}", May(Permission::EditTokens), "Revoke a token", || delete(tokens::revoke)).answers(204, Answer::Nothing),
    Route::new("POST", "/v1/tokens/exchange", IdentityToken, "Exchange an identity token of a CI system for a token that is good for one run", || post(jobs::exchange))
        .takes(Body::Form("ExchangeToken")).answers(200, Answer::Json("ExchangedToken")),
    Route::new("POST", "/v1/tokens/explain", May(Permission::EditTrust), "Say which trust rule lets an identity token in, or what each missed", || post(trust_rules::explain))
        .takes(Body::Json("ExplainToken")).answers(200, Answer::Json("Explanation")),
    Route::new("PUT", "/v1/trust-roots", May(Permission::EditTrust), "Say whose attestations, made elsewhere, are believed", || put(trust_roots::store))
        .takes(Body::Json("PutTrustRoot")).answers(200, Answer::Json("TrustRoot")),
    Route::new("GET", "/v1/trust-roots", May(Permission::Read), "List trust roots", || get(trust_roots::list)).answers(200, Answer::List("TrustRoot")),
    Route::new("GET", "/v1/trust-roots/{name}", May(Permission::Read), "Show a trust root", || get(trust_roots::show)).answers(200, Answer::Json("TrustRoot")),
    Route::new("DELETE", "/v1/trust-roots/{name}", May(Permission::EditTrust), "Delete a trust root: what was imported under it is not believed any more", || delete(trust_roots::remove)).answers(204, Answer::Nothing),
    Route::new("POST", "/v1/trust-rules", May(Permission::EditTrust), "Make a rule under which CI jobs are let in without a secret", || post(trust_rules::create))
        .takes(Body::Json("CreateTrustRule")).answers(201, Answer::Json("TrustRule")),
    Route::new("PUT", "/v1/trust-rules", May(Permission::EditTrust), "Store a trust rule; tokens given under the one that it replaces end", || put(trust_rules::store))
        .takes(Body::Json("CreateTrustRule")).answers(200, Answer::Json("TrustRule")),
    Route::new("GET", "/v1/trust-rules", May(Permission::EditTrust), "List trust rules", || get(trust_rules::list)).answers(200, Answer::List("TrustRule")),
    Route::new("GET", "/v1/trust-rules/{name}", May(Permission::EditTrust), "Show a trust rule", || get(trust_rules::show)).answers(200, Answer::Json("TrustRule")),
    Route::new("DELETE", "/v1/trust-rules/{name}", May(Permission::EditTrust), "Delete a trust rule, and end the tokens that were given under it", || delete(trust_rules::remove))
        .answers(204, Answer::Nothing),
    Route::new("POST", "/v1/runs", May(Permission::Attest), "Open a run of a workflow", || post(runs::open))
        .takes(Body::Json("OpenRun")).answers(201, Answer::Json("OpenedRun")),
    Route::new("GET", "/v1/runs", May(Permission::ReadProjects), "List runs, newest first", || get(runs::list)).asks(RUNS).answers(200, Answer::List("Run")),
    Route::new("GET", "/v1/runs/{id}", May(Permission::ReadProjects), "Show a run", || get(runs::show)).answers(200, Answer::Json("Run")),
    Route::new("POST", "/v1/runs/{id}/cancel", May(Permission::Attest), "Give a run up", || post(runs::cancel))
        .takes(Body::Json("CancelRun")).answers(200, Answer::Json("Run")),
    Route::new("POST", "/v1/runs/{id}/fail", May(Permission::Attest), "Say that the job of a run broke", || post(runs::fail))
        .takes(Body::Json("FailRun")).answers(200, Answer::Json("Run")),
    Route::new("POST", "/v1/runs/{id}/rerun", May(Permission::Attest), "Open a run that repeats one which is not open any more", || post(runs::rerun))
        .answers(201, Answer::Json("OpenedRun")),
    Route::new("GET", "/v1/runs/{id}/crafting", May(Permission::Attest), "Show what was crafted for an open run so far, as `ETag` names it", || get(runs::crafting)).answers(200, Answer::Json("Crafting")),
    Route::new("PUT", "/v1/runs/{id}/crafting", May(Permission::Attest), "Keep what was crafted so far, over what `If-Match` names; without it nothing may be kept yet", || put(runs::craft))
        .takes(Body::Json("Crafted")).answers(204, Answer::Nothing),
    Route::new("POST", "/v1/runs/{id}/attestation", May(Permission::Attest), "Push the attestation of a run; 200 when the same bytes were pushed before", || post(runs::attest))
        .takes(Body::Bundle).answers(201, Answer::Json("Receipt")),
    Route::new("PUT", "/v1/blobs/{digest}", May(Permission::Attest), "Store a blob under its digest", || put(blobs::store))
        .takes(Body::Bytes).answers(201, Answer::Json("Blob")),
    Route::new("GET", "/v1/blobs/{digest}", May(Permission::ReadProjects), "Fetch a blob", || get(blobs::fetch))
        .takes(Body::Streamed).answers(200, Answer::Other("application/octet-stream")),
    Route::new("HEAD", "/v1/blobs/{digest}", May(Permission::SeeBlobs), "Whether a blob is there, and its size", || head(blobs::size)).answers(200, Answer::Nothing),
    Route::new("POST", "/v1/backends", May(Permission::EditStorage), "Make a backend, once it was found to work", || post(backends::create))
        .takes(Body::Json("CreateBackend")).answers(201, Answer::Json("Backend")),
    Route::new("POST", "/v1/organizations/{name}/backends", May(Permission::EditInstance), "Make a backend for an organization: anywhere", || post(backends::create_for))
        .takes(Body::Json("CreateBackend")).answers(201, Answer::Json("Backend")),
    Route::new("GET", "/v1/backends", May(Permission::EditStorage), "List backends", || get(backends::list)).answers(200, Answer::List("Backend")),
    Route::new("GET", "/v1/backends/{name}", May(Permission::EditStorage), "Show a backend", || get(backends::show)).answers(200, Answer::Json("Backend")),
    Route::new("POST", "/v1/backends/{name}/check", May(Permission::EditStorage), "Look at a backend now", || post(backends::check)).answers(200, Answer::Json("Backend")),
    Route::new("PUT", "/v1/backends/{name}/credentials", May(Permission::EditStorage), "Replace what opens a backend, once it was found to open it", || put(backends::set_credentials))
        .takes(Body::Json("SetBackendCredentials")).answers(200, Answer::Json("Backend")),
    Route::new("PUT", "/v1/backends/{name}/role", May(Permission::EditStorage), "Say which new blobs a backend takes", || put(backends::set_role))
        .takes(Body::Json("SetBackendRole")).answers(200, Answer::Json("Backend")),
    Route::new("DELETE", "/v1/backends/{name}", May(Permission::EditStorage), "Delete a backend that has no blobs and takes none", || delete(backends::remove))
        .asks(LEAVE_BYTES).answers(204, Answer::Nothing),
    Route::new("POST", "/v1/blob-moves", May(Permission::EditStorage), "Move some of the blobs of one place to another", || post(backends::move_blobs))
        .takes(Body::Json("MoveBlobs")).patient().answers(200, Answer::Json("MovedBlobs")),
    Route::new("POST", "/v1/backends/{name}/sweep", May(Permission::EditStorage), "Remove some of the blobs of a backend to which nothing refers", || post(backends::sweep))
        .takes(Body::Json("SweepBlobs")).patient().answers(200, Answer::Json("SweptBlobs")),
    Route::new("POST", "/v1/blob-sweeps", May(Permission::EditInstance), "Remove some of the blobs of the store of the server to which nothing refers", || post(backends::sweep_instance))
        .takes(Body::Json("SweepBlobs")).patient().answers(200, Answer::Json("SweptBlobs")),
    Route::new("GET", "/v1/retention", May(Permission::EditStorage), "Show how long evidence is kept", || get(retention::show)).answers(200, Answer::Json("Retention")),
    Route::new("PUT", "/v1/retention", May(Permission::EditStorage), "Say how long evidence is kept", || put(retention::set))
        .takes(Body::Json("RetentionRule")).answers(200, Answer::Json("Retention")),
    Route::new("DELETE", "/v1/retention", May(Permission::EditStorage), "Keep all evidence that is there", || delete(retention::remove))
        .answers(204, Answer::Nothing),
    Route::new("POST", "/v1/retention/preview", May(Permission::EditStorage), "Say how much of some of the evidence a rule would remove", || post(retention::preview))
        .takes(Body::Json("PreviewRetention")).patient().answers(200, Answer::Json("RetentionPreview")),
    Route::new("GET", "/v1/readiness", May(Permission::Read), "Show how the organization stands, in figures of its newest runs and attestations", || get(readiness::show)).answers(200, Answer::Json("Readiness")),
    Route::new("GET", "/v1/attestations", May(Permission::ReadProjects), "List attestations, newest first", || get(attestations::list))
        .asks(PAGE).answers(200, Answer::List("Attestation")),
    Route::new("GET", "/v1/attestations/{digest}", May(Permission::ReadProjects), "Show an attestation", || get(attestations::show)).answers(200, Answer::Json("Attestation")),
    Route::new("GET", "/v1/attestations/{digest}/bundle", May(Permission::ReadProjects), "Fetch a bundle, byte for byte", || get(attestations::bundle)).answers(200, Answer::Other(BUNDLE_MEDIA_TYPE)),
    Route::new("GET", "/v1/attestations/{digest}/verdict", May(Permission::ReadProjects), "Fetch a verdict record, byte for byte", || get(attestations::verdict)).answers(200, Answer::Other(JSON)),
    Route::new("POST", "/v1/imports", May(Permission::ImportAttestations), "Import an attestation that was made elsewhere, a bundle or a DSSE envelope; 200 when the same bytes were imported before", || post(imports::import))
        .takes(Body::Bundle).answers(201, Answer::Json("Imported")),
    Route::new("GET", "/v1/imports", May(Permission::Read), "List attestations that were made elsewhere, newest first", || get(imports::list)).asks(PAGE).answers(200, Answer::List("Imported")),
    Route::new("GET", "/v1/imports/{digest}", May(Permission::Read), "Show an attestation that was made elsewhere", || get(imports::show)).answers(200, Answer::Json("Imported")),
    Route::new("GET", "/v1/imports/{digest}/bytes", May(Permission::Read), "Fetch an attestation that was made elsewhere, byte for byte", || get(imports::bytes)).answers(200, Answer::Other(JSON)),
    Route::new("GET", "/v1/artifacts/{digest}", May(Permission::ReadProjects), "List the attestations that are about an artifact, newest first", || get(artifacts::show)).answers(200, Answer::List("Attestation")),
    Route::new("GET", "/v1/artifacts/{digest}/lineage", May(Permission::Read), "Walk the lineage around an artifact", || get(artifacts::lineage))
        .asks(LINEAGE).answers(200, Answer::Other(JSON)),
    Route::new("PUT", "/v1/gates", May(Permission::EditGates), "Store a gate; a new revision unless nothing changed", || put(gates::store))
        .takes(Body::Json("PutDocument")).answers(200, Answer::Json("GateRevision")),
    Route::new("GET", "/v1/gates", May(Permission::Read), "List the latest revision of every gate", || get(gates::list)).answers(200, Answer::List("GateRevision")),
    Route::new("GET", "/v1/gates/{name}", May(Permission::Read), "Show the latest revision of a gate", || get(gates::show)).answers(200, Answer::Json("GateRevision")),
    Route::new("POST", "/v1/gates/{name}/decisions", May(Permission::Read), "Ask a gate about artifacts", || post(gates::decide))
        .takes(Body::Json("Decide")).answers(200, Answer::Json("Decisions")),
    Route::new("POST", "/v1/waivers", May(Permission::RequestWaivers), "Ask for a waiver; someone else has to approve it", || post(waivers::request))
        .takes(Body::Json("RequestWaiver")).answers(201, Answer::Json("Waiver")),
    Route::new("GET", "/v1/waivers", May(Permission::Read), "List revisions of waivers, newest first, optionally of one state", || get(waivers::list))
        .asks(WAIVERS).answers(200, Answer::List("Waiver")),
    Route::new("GET", "/v1/waivers/{name}", May(Permission::Read), "Show a waiver, the latest revision unless one is named", || get(waivers::show))
        .asks(&[("revision", Parameter::Within(0, u32::MAX))]).answers(200, Answer::Json("Waiver")),
    Route::new("POST", "/v1/waivers/{name}/approval", May(Permission::ApproveWaivers), "Approve a waiver with a signed statement", || post(waivers::approve))
        .takes(Body::Bundle).answers(200, Answer::Json("Waiver")),
    Route::new("POST", "/v1/waivers/{name}/rejection", May(Permission::ApproveWaivers), "Reject a waiver that waits for a decision", || post(waivers::reject))
        .takes(Body::Json("EndWaiver")).answers(200, Answer::Json("Waiver")),
    Route::new("POST", "/v1/waivers/{name}/revocation", May(Permission::ApproveWaivers), "Revoke a waiver that was approved, from now on", || post(waivers::revoke))
        .takes(Body::Json("EndWaiver")).answers(200, Answer::Json("Waiver")),
    Route::new("POST", "/v1/integrations", May(Permission::EditIntegrations), "Make an integration; the secret of a webhook is shown once", || post(integrations::create))
        .takes(Body::Json("CreateIntegration")).answers(201, Answer::Json("NewIntegration")),
    Route::new("GET", "/v1/integrations", May(Permission::EditIntegrations), "List integrations", || get(integrations::list)).answers(200, Answer::List("Integration")),
    Route::new("GET", "/v1/integrations/{name}", May(Permission::EditIntegrations), "Show an integration", || get(integrations::show)).answers(200, Answer::Json("Integration")),
    Route::new("PATCH", "/v1/integrations/{name}", May(Permission::EditIntegrations), "Change an integration; what is absent stays", || patch(integrations::update))
        .takes(Body::Json("UpdateIntegration")).answers(200, Answer::Json("Integration")),
    Route::new("DELETE", "/v1/integrations/{name}", May(Permission::EditIntegrations), "Delete an integration and the record of its deliveries", || delete(integrations::remove))
        .answers(204, Answer::Nothing),
    Route::new("POST", "/v1/integrations/{name}/enable", May(Permission::EditIntegrations), "Go on sending to an integration", || post(integrations::enable))
        .answers(200, Answer::Json("Integration")),
    Route::new("POST", "/v1/integrations/{name}/disable", May(Permission::EditIntegrations), "Stop sending to an integration; events wait", || post(integrations::disable))
        .takes(Body::Json("DisableIntegration")).answers(200, Answer::Json("Integration")),
    Route::new("POST", "/v1/integrations/{name}/rotate", May(Permission::EditIntegrations), "Give a webhook another secret; the one before signs too for a day", || post(integrations::rotate))
        .answers(200, Answer::Json("NewIntegration")),
    Route::new("POST", "/v1/integrations/{name}/test", May(Permission::EditIntegrations), "Send a test event to an integration now", || post(integrations::test))
        .answers(200, Answer::Json("Delivery")),
    Route::new("GET", "/v1/deliveries", May(Permission::EditIntegrations), "List deliveries, newest first", || get(deliveries::list)).asks(DELIVERIES).answers(200, Answer::List("Delivery")),
    Route::new("GET", "/v1/deliveries/{id}", May(Permission::EditIntegrations), "Show a delivery", || get(deliveries::show)).answers(200, Answer::Json("Delivery")),
    Route::new("POST", "/v1/deliveries/{id}/redeliver", May(Permission::EditIntegrations), "Deliver again, and now, whatever became of it", || post(deliveries::redeliver))
        .answers(200, Answer::Json("Delivery")),
    Route::new("GET", "/v1/audit/events", May(Permission::ReadAudit), "List audit events, newest first; a text that ends in `*` matches what begins so", || get(audit::list))
        .asks(AUDIT).answers(200, Answer::List("AuditEvent")),
    Route::new("GET", "/v1/audit/head", May(Permission::ReadAudit), "The head of the chain of audit events", || get(audit::head)).answers(200, Answer::Json("AuditHead")),
    Route::new("GET", "/v1/audit/trail", May(Permission::ReadAudit), "Export the chain of audit events after a position, oldest first, one JSON text on each line", || get(audit::export))
        .takes(Body::Streamed).asks(&[("after", Parameter::Count)]).answers(200, Answer::Other(audit::LINES)),
    Route::new("POST", "/graphql", Token, "Ask in GraphQL", || post(graphql::post)).takes(Body::Json("GraphqlRequest")).answers(200, Answer::Other(JSON)),
    Route::new("GET", "/graphql", Token, "Ask in GraphQL, queries only", || get(graphql::get)).asks(GRAPHQL).answers(200, Answer::Other(JSON)),
    Route::new("GET", "/graphiql", Public, "A page for GraphQL; the browser fetches its scripts from unpkg.com", || get(graphql::page)).answers(200, Answer::Other("text/html")),
    Route::new("GET", "/livez", Public, "Whether the process answers", || get(operations::live)).answers(200, Answer::Other("text/plain")),
    Route::new("GET", "/readyz", Public, "Whether the database and the blob store answer", || get(operations::ready)).answers(200, Answer::Other("text/plain")),
    Route::new("GET", "/metrics", Public, "Metrics, OpenMetrics text", || get(operations::metrics)).answers(200, Answer::Other("application/openmetrics-text")),
    Route::new("GET", "/openapi.json", Public, "This document", || get(operations::openapi)).answers(200, Answer::Other(JSON)),
    Route::new("GET", "/schemas/contract.schema.json", Public, "The JSON Schema of contracts", || get(operations::contract_schema)).answers(200, Answer::Other("application/schema+json")),
    Route::new("GET", "/schemas/policy.schema.json", Public, "The JSON Schema of policies", || get(operations::policy_schema)).answers(200, Answer::Other("application/schema+json")),
    Route::new("GET", "/schemas/gate.schema.json", Public, "The JSON Schema of gates", || get(operations::gate_schema)).answers(200, Answer::Other("application/schema+json")),
    Route::new("GET", "/schemas/workflow.schema.json", Public, "The JSON Schema of workflows", || get(operations::workflow_schema)).answers(200, Answer::Other("application/schema+json")),
    Route::new("GET", "/schemas/trust-root.schema.json", Public, "The JSON Schema of trust roots", || get(operations::trust_root_schema)).answers(200, Answer::Other("application/schema+json")),
    Route::new("GET", "/schemas/trust-rule.schema.json", Public, "The JSON Schema of trust rules", || get(operations::trust_rule_schema)).answers(200, Answer::Other("application/schema+json")),
];
