//! Who is asking, and what they may do.

use std::fmt;
use std::str::FromStr;

use engine::Name;
use engine::id::{OrganizationId, TokenId};

use crate::error::Error;

/// What a token may do. One list; each use case names the scope it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Make and list organizations. Only tokens of the instance have it.
    Instance,
    /// Change projects, workflows, contracts, gates, keys and tokens of the organization.
    Admin,
    /// Open runs, store evidence, push attestations.
    Attest,
    /// Read everything of the organization, ask gates.
    Read,
}

impl Scope {
    /// Every scope with its name.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Instance, "instance"),
        (Self::Admin, "admin"),
        (Self::Attest, "attest"),
        (Self::Read, "read"),
    ];

    /// The name of this scope.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(scope, _)| *scope == self).map_or("", |(_, name)| name)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Scope {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().find(|(_, name)| *name == text).map(|(scope, _)| *scope).ok_or_else(|| {
            Error::invalid(format!("`{text}` is not a scope: expected admin, attest or read"))
        })
    }
}

/// Someone whose token was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The token.
    pub token: TokenId,
    /// Its name.
    pub name: Name,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The organization that it belongs to; none for a token of the instance.
    pub organization: Option<(OrganizationId, Name)>,
}

impl Actor {
    /// The organization in which this actor may do what `scope` allows. The first line of every use case.
    pub(crate) fn authorize(&self, scope: Scope) -> Result<OrganizationId, Error> {
        let Some((organization, _)) = &self.organization else {
            return Err(Error::forbidden(
                "this token belongs to no organization: use one of the organization",
            ));
        };
        if !self.scopes.contains(&scope) {
            return Err(Error::forbidden(format!("this token lacks the scope `{scope}`")));
        }
        Ok(*organization)
    }

    /// Accepts only tokens of the instance.
    pub(crate) fn authorize_instance(&self) -> Result<(), Error> {
        if self.organization.is_none() && self.scopes.contains(&Scope::Instance) {
            return Ok(());
        }
        Err(Error::forbidden("only a token of the instance may do this"))
    }

    /// How audit events name this actor.
    pub(crate) fn label(&self) -> String {
        format!("token:{}:{}", self.name, self.token)
    }
}
