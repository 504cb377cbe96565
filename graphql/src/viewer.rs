//! Who is asking.

use async_graphql::{ID, Object};

/// The token that was sent.
#[derive(Debug)]
pub(crate) struct Viewer(pub(crate) control::Actor);

/// The token that was sent.
#[Object]
impl Viewer {
    /// The organization; null for a token of the instance.
    async fn organization(&self) -> Option<&str> {
        self.0.organization.as_ref().map(|(_, name)| name.as_str())
    }

    /// The organization's identifier.
    async fn organization_id(&self) -> Option<ID> {
        self.0.organization.as_ref().map(|(id, _)| ID(id.to_string()))
    }

    /// The token's name.
    async fn token(&self) -> &str {
        self.0.name.as_str()
    }

    /// The token's identifier.
    async fn token_id(&self) -> ID {
        ID(self.0.token.to_string())
    }

    /// The verified address of the person whose session it is; null for the token of a machine.
    async fn email(&self) -> Option<&str> {
        self.0.person.as_ref().map(|person| person.email.as_str())
    }

    /// What the person whose session it is is in the organization; null for the token of a machine.
    async fn role(&self) -> Option<&'static str> {
        self.0.person.as_ref().map(|person| person.role.name())
    }

    /// What the token may do.
    #[graphql(complexity = 5)]
    async fn scopes(&self) -> Vec<&'static str> {
        self.0.scopes.iter().map(|scope| scope.name()).collect()
    }
}
