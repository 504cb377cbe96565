//! People: how they log in, what they are in an organization, who is invited.

use std::fmt;

use engine::id::{GroupId, InvitationId, PersonId, ProjectRoleId};
use engine::{Name, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::form;

/// What a person is in an organization. Each may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sees nothing of the organization but its contracts, and what projects give.
    Guest,
    /// Sees everything but what administrators alone see, and asks gates.
    Viewer,
    /// Opens runs, pushes attestations, asks for waivers.
    Member,
    /// Changes what the organization has: contracts, gates, keys, tokens, members.
    Admin,
    /// Makes and unmakes owners.
    Owner,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Guest => "guest",
            Self::Viewer => "viewer",
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        })
    }
}

/// Where people log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LoginProvider {
    /// The provider's address; its configuration is at `/.well-known/openid-configuration` below it
    /// ([OpenID Connect Discovery](https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig)).
    pub issuer: String,
    /// The public client to log in as.
    pub client_id: String,
}

/// Begins a session.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateSession {
    /// The identity token that the provider issued to the client, not more than five minutes ago; good once.
    pub id_token: String,
    /// What the `nonce` of the token is the SHA-256 digest of, as base64url; absent when the token has no `nonce`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// The organization; may be absent where there is only one that it can be.
    #[schema(value_type = Option<form::Name>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<Name>,
}

impl fmt::Debug for CreateSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("CreateSession");
        shown.field("organization", &self.organization).finish_non_exhaustive()
    }
}

/// A session that began.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewSession {
    /// The secret of its token, `muster_pat_…`, shown this once.
    pub secret: String,
    /// The organization that it opens.
    #[schema(value_type = form::Name)]
    pub organization: Name,
    /// The address of the person.
    pub email: String,
    /// What the person is there now.
    pub role: Role,
    /// When it ends.
    #[schema(value_type = String, format = "date-time")]
    pub expires_at: Timestamp,
}

impl fmt::Debug for NewSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewSession").field("email", &self.email).finish_non_exhaustive()
    }
}

/// A person who logged in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Person {
    /// The identifier.
    #[schema(value_type = String, format = "uuid")]
    pub id: PersonId,
    /// The address that the login provider verified.
    pub email: String,
    /// What the person is in the organization now.
    pub role: Role,
    /// What the person is in projects, besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub projects: Vec<OwnProjectRole>,
}

/// What the person who asks is in a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OwnProjectRole {
    /// The project.
    #[schema(value_type = form::Name)]
    pub project: Name,
    /// What they are in it.
    pub role: ProjectRole,
}

/// What somebody is in a project. Each may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProjectRole {
    /// Sees the runs, attestations and evidence of the project.
    Viewer,
    /// Opens runs of its workflows and pushes their attestations.
    Contributor,
    /// Changes its workflows, releases its versions, and says who is what in it.
    Admin,
}

impl fmt::Display for ProjectRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Viewer => "viewer",
            Self::Contributor => "contributor",
            Self::Admin => "admin",
        })
    }
}

/// Says what a member of the organization, or a group of the login provider, is in a project. One of both is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetProjectRole {
    /// The address of a member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The group, as the provider names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// What they are.
    pub role: ProjectRole,
}

/// What somebody is in a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProjectMember {
    /// Its identifier.
    #[schema(value_type = String, format = "uuid")]
    pub id: ProjectRoleId,
    /// The address of a member; absent for a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The group; absent for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// What they are.
    pub role: ProjectRole,
    /// Since when.
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
}

/// A person who is in the organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Member {
    /// The identifier of the person.
    #[schema(value_type = String, format = "uuid")]
    pub id: PersonId,
    /// The address that the login provider verified last.
    pub email: String,
    /// What the person is.
    pub role: Role,
    /// Since when.
    #[schema(value_type = String, format = "date-time")]
    pub joined_at: Timestamp,
    /// When the person last logged in.
    #[schema(value_type = String, format = "date-time")]
    pub seen_at: Timestamp,
}

/// Makes something else of a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetMemberRole {
    /// What the person is from now on.
    pub role: Role,
}

/// Invites someone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateInvitation {
    /// The mail address with which they will log in.
    pub email: String,
    /// What they will be.
    pub role: Role,
}

/// An invitation that can be accepted: by logging in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Invitation {
    /// Its identifier.
    #[schema(value_type = String, format = "uuid")]
    pub id: InvitationId,
    /// The address, lower case.
    pub email: String,
    /// What the person will be.
    pub role: Role,
    /// When it was made.
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
    /// When it ends.
    #[schema(value_type = String, format = "date-time")]
    pub expires_at: Timestamp,
}

/// Gives everyone in a group of the login provider a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetGroupRole {
    /// The group, as the provider names it.
    #[schema(min_length = 1, max_length = 256, pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]+$")]
    pub group: String,
    /// What those in it are, unless they are more.
    pub role: Role,
}

/// A group of the login provider that has a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GroupRole {
    /// Its identifier.
    #[schema(value_type = String, format = "uuid")]
    pub id: GroupId,
    /// The group, as the provider names it.
    pub group: String,
    /// What those in it are.
    pub role: Role,
    /// Since when.
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
}
