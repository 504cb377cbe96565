//! People.

use api_types as out;
use control as view;

pub(crate) const fn role(role: view::Role) -> out::Role {
    match role {
        view::Role::Guest => out::Role::Guest,
        view::Role::Viewer => out::Role::Viewer,
        view::Role::Member => out::Role::Member,
        view::Role::Admin => out::Role::Admin,
        view::Role::Owner => out::Role::Owner,
    }
}

pub(crate) const fn role_in(role: out::Role) -> view::Role {
    match role {
        out::Role::Guest => view::Role::Guest,
        out::Role::Viewer => view::Role::Viewer,
        out::Role::Member => view::Role::Member,
        out::Role::Admin => view::Role::Admin,
        out::Role::Owner => view::Role::Owner,
    }
}

pub(crate) fn person(one: view::Person) -> out::Person {
    let projects = one
        .projects
        .into_values()
        .map(|(project, role)| out::OwnProjectRole { project, role: project_role(role) });
    let projects = projects.collect();
    out::Person { id: one.id, email: one.email, role: role(one.role), projects }
}

const fn project_role(role: view::ProjectRole) -> out::ProjectRole {
    match role {
        view::ProjectRole::Viewer => out::ProjectRole::Viewer,
        view::ProjectRole::Contributor => out::ProjectRole::Contributor,
        view::ProjectRole::Admin => out::ProjectRole::Admin,
    }
}

pub(crate) const fn project_role_in(role: out::ProjectRole) -> view::ProjectRole {
    match role {
        out::ProjectRole::Viewer => view::ProjectRole::Viewer,
        out::ProjectRole::Contributor => view::ProjectRole::Contributor,
        out::ProjectRole::Admin => view::ProjectRole::Admin,
    }
}

/// Whom a request means; none unless it names one of both.
pub(crate) fn whom_in(email: Option<String>, group: Option<String>) -> Option<view::Whom> {
    match (email, group) {
        (Some(email), None) => Some(view::Whom::Email(email)),
        (None, Some(group)) => Some(view::Whom::Group(group)),
        _ => None,
    }
}

pub(crate) fn project_member(one: view::ProjectMember) -> out::ProjectMember {
    let view::ProjectMember { id, whom, role, created_at } = one;
    let (email, group) = match whom {
        view::Whom::Email(email) => (Some(email), None),
        view::Whom::Group(group) => (None, Some(group)),
    };
    out::ProjectMember { id, email, group, role: project_role(role), created_at }
}

pub(crate) fn session(one: view::NewSession) -> out::NewSession {
    let view::NewSession { secret, organization, email, expires_at, .. } = one;
    out::NewSession { secret, organization, email, role: role(one.role), expires_at }
}

pub(crate) fn member(one: view::Member) -> out::Member {
    let view::Member { id, email, joined_at, seen_at, .. } = one;
    out::Member { id, email, role: role(one.role), joined_at, seen_at }
}

pub(crate) fn invitation(one: view::Invitation) -> out::Invitation {
    let view::Invitation { id, email, created_at, expires_at, .. } = one;
    out::Invitation { id, email, role: role(one.role), created_at, expires_at }
}

pub(crate) fn group(one: view::GroupRole) -> out::GroupRole {
    let view::GroupRole { id, group, created_at, .. } = one;
    out::GroupRole { id, group, role: role(one.role), created_at }
}
