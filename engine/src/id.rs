//! Typed identifiers: a run is never mistaken for a workflow.
//!
//! Each is a UUID (version 7 where Muster makes one), handed in by the shell: the engine has no randomness.

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub uuid::Uuid);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(&self.0, f)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(&self.0, f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                uuid::Uuid::try_parse(text).map(Self).map_err(|source| ParseIdError {
                    text: text.chars().take(100).collect(),
                    source,
                })
            }
        }
    )+};
}

/// Why a text is not an identifier.
#[derive(Debug, thiserror::Error)]
#[error("`{text}` is not an identifier: expected a UUID")]
pub struct ParseIdError {
    text: String,
    source: uuid::Error,
}

ids! {
    /// Names an attestation row.
    AttestationId,
    /// Names a place that an organization keeps blobs in.
    BackendId,
    /// Names a contract over all its revisions.
    ContractId,
    /// Names an event that one integration is to be told of.
    DeliveryId,
    /// Names a gate over all its revisions.
    GateId,
    /// Names a group of the login provider that an organization gave a role.
    GroupId,
    /// Names someone who is told of what happens.
    IntegrationId,
    /// Names an invitation to become a member.
    InvitationId,
    /// Names a registered public key.
    KeyId,
    /// Names an organization.
    OrganizationId,
    /// Names someone who logged in.
    PersonId,
    /// Names a project.
    ProjectId,
    /// Names what someone is in a project.
    ProjectRoleId,
    /// Names one execution of a workflow.
    RunId,
    /// Names an API token, never its secret.
    TokenId,
    /// Names a trust root.
    TrustRootId,
    /// Names a trust rule.
    TrustRuleId,
    /// Names a waiver over all its revisions.
    WaiverId,
    /// Names a workflow.
    WorkflowId,
}
