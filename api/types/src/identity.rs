//! Who is asking.

use engine::Name;
use engine::id::{OrganizationId, TokenId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Person, Scope, form};

/// Whose token was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Identity {
    /// The organization; absent for a token of the instance.
    #[schema(value_type = Option<form::Name>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<Name>,
    /// The organization's identifier.
    #[schema(value_type = Option<String>, format = "uuid")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<OrganizationId>,
    /// The token's identifier.
    #[schema(value_type = String, format = "uuid")]
    pub token_id: TokenId,
    /// The token's name.
    #[schema(value_type = form::Name)]
    pub token: Name,
    /// What the token may do.
    pub scopes: Vec<Scope>,
    /// Whose session it is; absent for the token of a machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<Person>,
}
