//! People.

use api_types as out;
use control as view;

pub(crate) const fn role(role: view::Role) -> out::Role {
    match role {
        view::Role::Viewer => out::Role::Viewer,
        view::Role::Member => out::Role::Member,
        view::Role::Admin => out::Role::Admin,
        view::Role::Owner => out::Role::Owner,
    }
}

pub(crate) const fn role_in(role: out::Role) -> view::Role {
    match role {
        out::Role::Viewer => view::Role::Viewer,
        out::Role::Member => view::Role::Member,
        out::Role::Admin => view::Role::Admin,
        out::Role::Owner => view::Role::Owner,
    }
}

pub(crate) fn person(one: view::Person) -> out::Person {
    out::Person { id: one.id, email: one.email, role: role(one.role) }
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
