//! What a person is in an organization, and in a project of it.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// What a person is in an organization. Each may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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

impl Role {
    /// Every role with its name, the least first.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Guest, "guest"),
        (Self::Viewer, "viewer"),
        (Self::Member, "member"),
        (Self::Admin, "admin"),
        (Self::Owner, "owner"),
    ];

    /// The name of this role.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(role, _)| *role == self).map_or("", |(_, name)| name)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().find(|(_, name)| *name == text).map(|(role, _)| *role).ok_or_else(|| {
            Error::invalid(format!(
                "`{text}` is not a role: expected guest, viewer, member, admin or owner"
            ))
        })
    }
}

/// What a person is in a project, besides what they are in its organization. Each may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProjectRole {
    /// Sees the runs, attestations and evidence of the project.
    Viewer,
    /// Opens runs of its workflows and pushes their attestations.
    Contributor,
    /// Changes its workflows, releases its versions, and says who is what in it.
    Admin,
}

impl ProjectRole {
    /// Every role with its name, the least first.
    pub const ALL: [(Self, &'static str); 3] =
        [(Self::Viewer, "viewer"), (Self::Contributor, "contributor"), (Self::Admin, "admin")];

    /// The name of this role.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(role, _)| *role == self).map_or("", |(_, name)| name)
    }
}

impl fmt::Display for ProjectRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ProjectRole {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().find(|(_, name)| *name == text).map(|(role, _)| *role).ok_or_else(|| {
            Error::invalid(format!(
                "`{text}` is not a role in a project: expected viewer, contributor or admin"
            ))
        })
    }
}
