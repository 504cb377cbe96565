//! People: who logged in, what each is in an organization, who is invited, and their sessions.

use std::collections::BTreeSet;

use engine::Timestamp;
use engine::id::{GroupId, InvitationId, OrganizationId, PersonId, TokenId};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder};

use super::entity::{group_role, invitation, member, person, session};
use super::row::{Row, insert, json, millis, one, record, records, time};
use super::{Reader, StoreError, Tx};
use crate::actor::Role;

/// Someone who logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The identifier.
    pub id: PersonId,
    /// Who says who it is.
    pub issuer: String,
    /// What the issuer calls the person (`sub`); unique with it.
    pub subject: String,
    /// The address that the issuer verified, lower case.
    pub email: String,
    /// When the person first logged in.
    pub created_at: Timestamp,
    /// When the person last logged in.
    pub seen_at: Timestamp,
}

/// What a person is in an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// The organization.
    pub org: OrganizationId,
    /// Who it is.
    pub person: PersonId,
    /// What the person is.
    pub role: Role,
    /// Since when.
    pub created_at: Timestamp,
}

/// What everyone is of whom the login provider says that they are in a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRole {
    /// The identifier.
    pub id: GroupId,
    /// The organization.
    pub org: OrganizationId,
    /// The group, as the provider names it; unique in the organization.
    pub group: String,
    /// What its members are.
    pub role: Role,
    /// Since when.
    pub created_at: Timestamp,
}

/// That whoever logs in with a verified address becomes a member, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The identifier.
    pub id: InvitationId,
    /// Into which organization.
    pub org: OrganizationId,
    /// The address, lower case.
    pub email: String,
    /// What the person will be.
    pub role: Role,
    /// When it was made.
    pub created_at: Timestamp,
    /// The token that made it.
    pub created_by: TokenId,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was accepted.
    pub accepted_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// The token of a person who logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The token.
    pub token: TokenId,
    /// The organization that it opens.
    pub org: OrganizationId,
    /// Whose it is.
    pub person: PersonId,
    /// The groups that the provider named at the login.
    pub groups: BTreeSet<String>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl Reader<'_> {
    /// The person of that identifier.
    pub async fn person(&self, id: PersonId) -> Result<Option<Person>, StoreError> {
        record(person::Entity::find_by_id(id.0).one(&self.db).await?)
    }

    /// The person whom an issuer calls so.
    pub async fn person_by_subject(
        &self,
        issuer: &str,
        subject: &str,
    ) -> Result<Option<Person>, StoreError> {
        let found = person::Entity::find()
            .filter(person::Column::Issuer.eq(issuer))
            .filter(person::Column::Subject.eq(subject));
        record(found.one(&self.db).await?)
    }

    /// The organizations that a person is a member of.
    pub async fn memberships(&self, person: PersonId) -> Result<Vec<Member>, StoreError> {
        let found = member::Entity::find().filter(member::Column::Person.eq(person.0));
        records(found.order_by_asc(member::Column::Org).all(&self.db).await?)
    }

    /// What a person is in an organization.
    pub async fn member(
        &self,
        org: OrganizationId,
        person: PersonId,
    ) -> Result<Option<Member>, StoreError> {
        record(member::Entity::find_by_id((org.0, person.0)).one(&self.db).await?)
    }

    /// Every member of an organization with who it is, in the order in which they first logged in.
    pub async fn members(&self, org: OrganizationId) -> Result<Vec<(Member, Person)>, StoreError> {
        let members = member::Entity::find().filter(member::Column::Org.eq(org.0));
        let members: Vec<Member> =
            records(members.order_by_asc(member::Column::Person).all(&self.db).await?)?;
        let mut people = Vec::new();
        // As many at a time as a statement takes parameters.
        for some in members.chunks(500) {
            let ids = some.iter().map(|one| one.person.0);
            let found = person::Entity::find().filter(person::Column::Id.is_in(ids));
            people.extend(found.order_by_asc(person::Column::Id).all(&self.db).await?);
        }
        Ok(members.into_iter().zip(records(people)?).collect())
    }

    /// What groups are in an organization, by name.
    pub async fn group_roles(&self, org: OrganizationId) -> Result<Vec<GroupRole>, StoreError> {
        let found = group_role::Entity::find().filter(group_role::Column::Org.eq(org.0));
        records(found.order_by_asc(group_role::Column::GroupName).all(&self.db).await?)
    }

    /// The invitations of an organization that can still be accepted at `at`, oldest first.
    pub async fn open_invitations(
        &self,
        org: OrganizationId,
        at: Timestamp,
    ) -> Result<Vec<Invitation>, StoreError> {
        let found = invitation::Entity::find().filter(invitation::Column::Org.eq(org.0));
        let found = found.filter(open(at)).order_by_asc(invitation::Column::Id);
        records(found.all(&self.db).await?)
    }

    /// How many those are.
    pub async fn count_open_invitations(
        &self,
        org: OrganizationId,
        at: Timestamp,
    ) -> Result<u64, StoreError> {
        let found = invitation::Entity::find().filter(invitation::Column::Org.eq(org.0));
        Ok(found.filter(open(at)).count(&self.db).await?)
    }

    /// The one of that identifier among them.
    pub async fn open_invitation(
        &self,
        org: OrganizationId,
        id: InvitationId,
        at: Timestamp,
    ) -> Result<Option<Invitation>, StoreError> {
        let found = invitation::Entity::find_by_id(id.0);
        let found = found.filter(invitation::Column::Org.eq(org.0)).filter(open(at));
        record(found.one(&self.db).await?)
    }

    /// The invitations of an address, into any organization, that can still be accepted at `at`, oldest first.
    pub async fn invitations_of(
        &self,
        email: &str,
        at: Timestamp,
    ) -> Result<Vec<Invitation>, StoreError> {
        let found = invitation::Entity::find().filter(invitation::Column::Email.eq(email));
        let found = found.filter(open(at)).order_by_asc(invitation::Column::Id);
        records(found.all(&self.db).await?)
    }

    /// The session that has the token.
    pub async fn session(&self, token: TokenId) -> Result<Option<Session>, StoreError> {
        record(session::Entity::find_by_id(token.0).one(&self.db).await?)
    }
}

fn open(at: Timestamp) -> sea_orm::Condition {
    sea_orm::Condition::all()
        .add(invitation::Column::AcceptedAt.is_null())
        .add(invitation::Column::RevokedAt.is_null())
        .add(invitation::Column::ExpiresAt.gt(at.as_millis()))
}

impl Tx<'_> {
    /// Adds a person, or notes that one was seen, under the address that the issuer verified now.
    pub async fn upsert_person(&self, seen: &Person) -> Result<(), StoreError> {
        let done = person::Entity::update_many()
            .col_expr(person::Column::Email, Expr::value(seen.email.clone()))
            .col_expr(person::Column::SeenAt, Expr::value(seen.seen_at.as_millis()))
            .filter(person::Column::Id.eq(seen.id.0))
            .exec(self.db())
            .await?;
        if done.rows_affected == 1 {
            return Ok(());
        }
        let model = person::Model {
            id: seen.id.0,
            issuer: seen.issuer.clone(),
            subject: seen.subject.clone(),
            email: seen.email.clone(),
            created_at: seen.created_at.as_millis(),
            seen_at: seen.seen_at.as_millis(),
        };
        insert::<person::Entity>(self.db(), vec![model]).await
    }

    /// Adds a member, or makes of one what is said here.
    pub async fn put_member(&self, new: &Member) -> Result<(), StoreError> {
        let done = member::Entity::update_many()
            .col_expr(member::Column::Role, Expr::value(new.role.name()))
            .filter(member::Column::Org.eq(new.org.0))
            .filter(member::Column::Person.eq(new.person.0))
            .exec(self.db())
            .await?;
        if done.rows_affected == 1 {
            return Ok(());
        }
        let model = member::Model {
            org: new.org.0,
            person: new.person.0,
            role: new.role.name().to_owned(),
            created_at: new.created_at.as_millis(),
        };
        insert::<member::Entity>(self.db(), vec![model]).await
    }

    /// Removes a member. One that is missing is a conflict.
    pub async fn delete_member(
        &self,
        org: OrganizationId,
        person: PersonId,
    ) -> Result<(), StoreError> {
        let done = member::Entity::delete_by_id((org.0, person.0)).exec(self.db()).await?;
        one(done.rows_affected, "the member")
    }

    /// How many owners an organization has.
    pub async fn count_owners(&self, org: OrganizationId) -> Result<u64, StoreError> {
        let found = member::Entity::find().filter(member::Column::Org.eq(org.0));
        let owners = found.filter(member::Column::Role.eq(Role::Owner.name()));
        Ok(owners.count(self.db()).await?)
    }

    /// Says what a group is, whether or not it was something before.
    pub async fn put_group_role(&self, new: &GroupRole) -> Result<(), StoreError> {
        let done = group_role::Entity::update_many()
            .col_expr(group_role::Column::Role, Expr::value(new.role.name()))
            .filter(group_role::Column::Id.eq(new.id.0))
            .filter(group_role::Column::Org.eq(new.org.0))
            .exec(self.db())
            .await?;
        if done.rows_affected == 1 {
            return Ok(());
        }
        let model = group_role::Model {
            id: new.id.0,
            org: new.org.0,
            group_name: new.group.clone(),
            role: new.role.name().to_owned(),
            created_at: new.created_at.as_millis(),
        };
        insert::<group_role::Entity>(self.db(), vec![model]).await
    }

    /// Makes a group nothing. One that is missing is a conflict.
    pub async fn delete_group_role(
        &self,
        org: OrganizationId,
        id: GroupId,
    ) -> Result<(), StoreError> {
        let done = group_role::Entity::delete_many()
            .filter(group_role::Column::Id.eq(id.0))
            .filter(group_role::Column::Org.eq(org.0))
            .exec(self.db())
            .await?;
        one(done.rows_affected, "the group")
    }

    /// Adds an invitation; those of the same address that are open end.
    pub async fn insert_invitation(&self, new: &Invitation) -> Result<(), StoreError> {
        invitation::Entity::update_many()
            .col_expr(invitation::Column::RevokedAt, Expr::value(new.created_at.as_millis()))
            .filter(invitation::Column::Org.eq(new.org.0))
            .filter(invitation::Column::Email.eq(new.email.as_str()))
            .filter(open(new.created_at))
            .exec(self.db())
            .await?;
        let model = invitation::Model {
            id: new.id.0,
            org: new.org.0,
            email: new.email.clone(),
            role: new.role.name().to_owned(),
            created_at: new.created_at.as_millis(),
            created_by: new.created_by.0,
            expires_at: new.expires_at.as_millis(),
            accepted_at: millis(new.accepted_at),
            revoked_at: millis(new.revoked_at),
        };
        insert::<invitation::Entity>(self.db(), vec![model]).await
    }

    /// Accepts an invitation. One that cannot be accepted any more is a conflict.
    pub async fn accept_invitation(
        &self,
        id: InvitationId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.end_invitation(id, invitation::Column::AcceptedAt, at).await
    }

    /// Revokes an invitation. One that cannot be accepted any more is a conflict.
    pub async fn revoke_invitation(
        &self,
        id: InvitationId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.end_invitation(id, invitation::Column::RevokedAt, at).await
    }

    async fn end_invitation(
        &self,
        id: InvitationId,
        column: invitation::Column,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let done = invitation::Entity::update_many()
            .col_expr(column, Expr::value(at.as_millis()))
            .filter(invitation::Column::Id.eq(id.0))
            .filter(open(at))
            .exec(self.db())
            .await?;
        one(done.rows_affected, "the invitation")
    }

    /// Adds a session, whose token is there already.
    pub async fn insert_session(&self, new: &Session) -> Result<(), StoreError> {
        let model = session::Model {
            token: new.token.0,
            org: new.org.0,
            person: new.person.0,
            groups: json("session", &new.groups)?,
            created_at: new.created_at.as_millis(),
            expires_at: new.expires_at.as_millis(),
        };
        insert::<session::Entity>(self.db(), vec![model]).await
    }
}

impl TryFrom<person::Model> for Person {
    type Error = StoreError;

    fn try_from(model: person::Model) -> Result<Self, Self::Error> {
        Ok(Self {
            id: PersonId(model.id),
            issuer: model.issuer,
            subject: model.subject,
            email: model.email,
            created_at: Timestamp::from_millis(model.created_at),
            seen_at: Timestamp::from_millis(model.seen_at),
        })
    }
}

impl TryFrom<member::Model> for Member {
    type Error = StoreError;

    fn try_from(model: member::Model) -> Result<Self, Self::Error> {
        let row = Row::new("member", model.person);
        Ok(Self {
            org: OrganizationId(model.org),
            person: PersonId(model.person),
            role: row.text(&model.role)?,
            created_at: Timestamp::from_millis(model.created_at),
        })
    }
}

impl TryFrom<group_role::Model> for GroupRole {
    type Error = StoreError;

    fn try_from(model: group_role::Model) -> Result<Self, Self::Error> {
        let row = Row::new("group_role", model.id);
        Ok(Self {
            id: GroupId(model.id),
            org: OrganizationId(model.org),
            role: row.text(&model.role)?,
            group: model.group_name,
            created_at: Timestamp::from_millis(model.created_at),
        })
    }
}

impl TryFrom<invitation::Model> for Invitation {
    type Error = StoreError;

    fn try_from(model: invitation::Model) -> Result<Self, Self::Error> {
        let row = Row::new("invitation", model.id);
        Ok(Self {
            id: InvitationId(model.id),
            org: OrganizationId(model.org),
            role: row.text(&model.role)?,
            email: model.email,
            created_at: Timestamp::from_millis(model.created_at),
            created_by: TokenId(model.created_by),
            expires_at: Timestamp::from_millis(model.expires_at),
            accepted_at: time(model.accepted_at),
            revoked_at: time(model.revoked_at),
        })
    }
}

impl TryFrom<session::Model> for Session {
    type Error = StoreError;

    fn try_from(model: session::Model) -> Result<Self, Self::Error> {
        let row = Row::new("session", model.token);
        Ok(Self {
            token: TokenId(model.token),
            org: OrganizationId(model.org),
            person: PersonId(model.person),
            groups: row.json(&model.groups)?,
            created_at: Timestamp::from_millis(model.created_at),
            expires_at: Timestamp::from_millis(model.expires_at),
        })
    }
}
