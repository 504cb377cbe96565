//! The rows as they are stored. Times are milliseconds in UTC, digests 32 bytes, JSON is text.
//!
//! The columns are those of [`super::schema`]; a test opens both on a real database.

macro_rules! entities {
    ($($table:ident $name:literal { $($(#[$key:meta])* $column:ident: $type:ty),+ $(,)? })+) => {$(
        pub(in crate::store) mod $table {
            use sea_orm::entity::prelude::*;

            #[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
            #[sea_orm(table_name = $name)]
            pub struct Model {
                $($(#[$key])* pub $column: $type,)+
            }

            #[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
            pub enum Relation {}

            impl ActiveModelBehavior for ActiveModel {}
        }
    )+};
}

entities! {
    organization "organization" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        name: String, created_at: i64,
    }
    project "project" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        org: Uuid, name: String, created_at: i64,
    }
    contract "contract" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        org: Uuid, name: String, created_at: i64, deleted_at: Option<i64>,
    }
    contract_revision "contract_revision" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        contract: Uuid, org: Uuid, revision: i64, digest: Vec<u8>, source: String, sources: String,
        created_at: i64, seq: i64,
    }
    workflow "workflow" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        org: Uuid, project: Uuid, name: String, contract: Uuid, created_at: i64, deadline_minutes: Option<i64>,
        contract_revision: Option<i64>, deleted_at: Option<i64>,
    }
    signing_key "signing_key" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        org: Uuid, name: String, key_digest: Vec<u8>, public_key: String, created_at: i64, revoked_at: Option<i64>,
    }
    api_token "api_token" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        org: Option<Uuid>, name: String, secret_hash: Vec<u8>, scopes: String, created_at: i64,
        expires_at: Option<i64>, revoked_at: Option<i64>, last_used_at: Option<i64>, minted_by: Option<Uuid>,
        grants: Option<String>,
    }
    run "run" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        org: Uuid, project: Uuid, workflow: Uuid, contract_revision: Uuid, state: String, created_at: i64,
        created_by: Uuid, closed_at: Option<i64>, reason: Option<String>, expires_at: Option<i64>,
        rerun_of: Option<Uuid>, version: Option<String>,
    }
    project_version "project_version" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        org: Uuid, project: Uuid, version: String, created_at: i64, released_at: Option<i64>, released_by: Option<Uuid>,
    }
    org_blob "org_blob" {
        #[sea_orm(primary_key, auto_increment = false)] org: Uuid,
        #[sea_orm(primary_key, auto_increment = false)] digest: Vec<u8>,
        size: i64, created_at: i64, backend: Option<Uuid>, expires_at: Option<i64>,
    }
    retention "retention" {
        #[sea_orm(primary_key, auto_increment = false)] org: Uuid,
        keep_days: i64, keep_released: bool, created_at: i64, position: Option<Vec<u8>>, swept_at: Option<i64>,
    }
    crafting "crafting" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        org: Uuid, state_sealed: String, digest: Vec<u8>, updated_at: i64,
    }
    repeat "repeat" {
        #[sea_orm(primary_key, auto_increment = false)] token: Uuid,
        #[sea_orm(primary_key, auto_increment = false)] key: String,
        fingerprint: Vec<u8>, created_at: i64, status: Option<i16>, media_type: Option<String>, body: Option<Vec<u8>>,
    }
    blob_removal "blob_removal" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        space: Uuid, digest: Vec<u8>, state: String, created_at: i64, due_at: i64, failure: Option<String>,
    }
    backend "backend" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        org: Uuid, name: String, kind: String, settings: String, credentials_sealed: Option<String>, role: Option<String>,
        trusted: bool,
        created_at: i64, checked_at: Option<i64>, failing_since: Option<i64>,
        failure: Option<String>,
    }
    attestation "attestation" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        org: Uuid, project: Uuid, workflow: Uuid, run: Uuid, digest: Vec<u8>, payload_digest: Vec<u8>, seq: i64,
        size: i64, created_at: i64, key_digest: Vec<u8>, claimed_verdict: Option<String>, verdict: String,
        verdict_digest: Vec<u8>,
    }
    attestation_subject "attestation_subject" {
        #[sea_orm(primary_key, auto_increment = false)] attestation: Uuid,
        #[sea_orm(primary_key, auto_increment = false)] position: i64,
        org: Uuid, name: String, algorithm: String, value: String, digest: Option<Vec<u8>>,
    }
    material "material" {
        #[sea_orm(primary_key, auto_increment = false)] attestation: Uuid,
        #[sea_orm(primary_key, auto_increment = false)] position: i64,
        org: Uuid, name: String, kind: String, digest: Vec<u8>, size: i64, reference_only: bool, source: String,
        facts: String,
    }
    evaluation "evaluation" {
        #[sea_orm(primary_key, auto_increment = false)] attestation: Uuid,
        #[sea_orm(primary_key, auto_increment = false)] position: i64,
        org: Uuid, policy: String, policy_digest: Option<Vec<u8>>, subject: String, outcome: String, record: String,
    }
    verdict "verdict" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        org: Uuid, attestation: Uuid, seq: i64, from_seq: i64, digest: Vec<u8>, verdict: String, record: Vec<u8>,
        created_at: i64,
    }
    gate "gate" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        org: Uuid, name: String, created_at: i64,
    }
    gate_revision "gate_revision" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        gate: Uuid, org: Uuid, revision: i64, digest: Vec<u8>, source: String, sources: String, created_at: i64,
        seq: i64,
    }
    waiver "waiver" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        org: Uuid, name: String, created_at: i64,
    }
    waiver_revision "waiver_revision" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        waiver: Uuid, org: Uuid, revision: i64, digest: Vec<u8>, document: String, expires_at: i64,
        requested_by: Uuid, requester: String, created_at: i64, seq: i64,
    }
    waiver_decision "waiver_decision" {
        #[sea_orm(primary_key, auto_increment = false)] revision: Uuid,
        #[sea_orm(primary_key, auto_increment = false)] step: i16,
        org: Uuid, kind: String, decided_by: Uuid, decider: String, reason: Option<String>,
        statement: Option<Vec<u8>>, key_digest: Option<Vec<u8>>, created_at: i64, seq: i64,
    }
    waiver_use "waiver_use" {
        #[sea_orm(primary_key, auto_increment = false)] revision: Uuid,
        #[sea_orm(primary_key, auto_increment = false)] attestation: Uuid,
        org: Uuid, violations: i64, created_at: i64, seq: i64,
    }
    node "node" {
        #[sea_orm(primary_key)] id: i64,
        kind: String, key: Vec<u8>,
    }
    edge "edge" {
        #[sea_orm(primary_key, auto_increment = false)] org: Uuid,
        #[sea_orm(primary_key, auto_increment = false)] dst: i64,
        #[sea_orm(primary_key, auto_increment = false)] seq: i64,
        #[sea_orm(primary_key, auto_increment = false)] src: i64,
        #[sea_orm(primary_key, auto_increment = false)] kind: i16,
        #[sea_orm(primary_key, auto_increment = false)] attestation: Uuid,
    }
    log_leaf "log_leaf" {
        #[sea_orm(primary_key, auto_increment = false)] seq: i64,
        kind: String, digest: Vec<u8>, created_at: i64,
    }
    audit_event "audit_event" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        org: Option<Uuid>, seq: i64, actor: String, action: String, target: String, detail: String, created_at: i64,
        position: Option<i64>, before: Option<String>, after: Option<String>, previous: Option<Vec<u8>>,
        digest: Option<Vec<u8>>,
    }
    audit_head "audit_head" {
        #[sea_orm(primary_key, auto_increment = false)] org: Uuid,
        position: i64, digest: Option<Vec<u8>>,
    }
    integration "integration" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        org: Uuid, name: String, target: String, events: String, secret_sealed: Option<String>,
        previous_sealed: Option<String>, previous_until: Option<i64>, created_at: i64, seq: i64,
        disabled_at: Option<i64>, disabled_reason: Option<String>,
    }
    delivery "delivery" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        org: Uuid, integration: Uuid, event: Uuid, state: String, attempts: i64, since: i64, due_at: i64,
        lease: Option<Uuid>, status: Option<i64>, failure: Option<String>, created_at: i64,
        attempted_at: Option<i64>, settled_at: Option<i64>,
    }
    delivery_attempt "delivery_attempt" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        org: Uuid, delivery: Uuid, began_at: i64, duration_ms: i64, status: Option<i64>, failure: Option<String>,
        excerpt: Option<String>,
    }
    trust_rule "trust_rule" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        org: Uuid, name: String, issuer: String, digest: Vec<u8>, document: String, created_at: i64, created_by: Uuid,
    }
    project_role "project_role" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        org: Uuid, project: Uuid, person: Option<Uuid>, group_name: Option<String>, role: String, created_at: i64,
    }
    trust_root "trust_root" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        org: Uuid, name: String, digest: Vec<u8>, document: String, created_at: i64, created_by: Uuid,
    }
    imported_attestation "imported_attestation" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        org: Uuid, digest: Vec<u8>, payload_digest: Vec<u8>, seq: i64, size: i64, predicate_type: String,
        subjects: String, signer: String, trust_root: String, signed_at: Option<i64>, created_at: i64, created_by: Uuid,
    }
    job "job" {
        #[sea_orm(primary_key, auto_increment = false)] token: Uuid,
        org: Uuid, workflow: Uuid, run: Option<Uuid>, rule: Uuid, rule_name: String, kind: String, issuer: String,
        subject: String, claims: String, created_at: i64, expires_at: i64, joined: Option<Uuid>,
    }
    spent_token "spent_token" {
        #[sea_orm(primary_key, auto_increment = false)] fingerprint: Vec<u8>,
        org: Uuid, expires_at: i64,
    }
    person "person" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        issuer: String, subject: String, email: String, created_at: i64, seen_at: i64,
    }
    member "member" {
        #[sea_orm(primary_key, auto_increment = false)] org: Uuid,
        #[sea_orm(primary_key, auto_increment = false)] person: Uuid,
        role: String, created_at: i64,
    }
    group_role "group_role" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        org: Uuid, group_name: String, role: String, created_at: i64,
    }
    invitation "invitation" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        org: Uuid, email: String, role: String, created_at: i64, created_by: Uuid, expires_at: i64,
        accepted_at: Option<i64>, revoked_at: Option<i64>,
    }
    session "session" {
        #[sea_orm(primary_key, auto_increment = false)] token: Uuid,
        org: Uuid, person: Uuid, groups: String, created_at: i64, expires_at: i64,
    }
    outbox_event "outbox_event" {
        #[sea_orm(primary_key, auto_increment = false)] id: Uuid,
        org: Uuid, seq: i64, kind: String, payload: String, created_at: i64, delivered_at: Option<i64>,
    }
}
