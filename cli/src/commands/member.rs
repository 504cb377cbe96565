//! `muster member`, `invitation` and `group`: who is in the organization, as what.

use api_types::{
    CreateInvitation, GroupRole, Invitation, Member, Page, SetGroupRole, SetMemberRole,
};
use reqwest::Method;

use super::Context;
use crate::args::{GroupCommand, InvitationCommand, MemberCommand};
use crate::client::Client;
use crate::exit::{Exit, Failure, Result};

const MEMBERS: &str = "/v1/members";
const INVITATIONS: &str = "/v1/invitations";
const GROUPS: &str = "/v1/groups";

pub(super) async fn member(context: &Context, command: MemberCommand) -> Result {
    let client = context.client()?;
    match command {
        MemberCommand::List { output } => {
            let page: Page<Member> = client.get(MEMBERS).await?;
            context.answer(output, &page, || page.items.iter().map(line).collect())?;
        }
        MemberCommand::Role { member, role } => {
            let path = format!("{MEMBERS}/{}/role", found(&client, &member).await?.id);
            let body = SetMemberRole { role: role.into() };
            let changed: Member = client.send_json(Method::PUT, &path, &body).await?;
            context.terminal.data(&line(&changed));
        }
        MemberCommand::Remove { member } => {
            let found = found(&client, &member).await?;
            client.delete(&format!("{MEMBERS}/{}", found.id)).await?;
            context.terminal.data(&format!("removed {}\n", found.email));
        }
    }
    Ok(Exit::Success)
}

/// The member of that address or identifier. Two people can have had one address.
async fn found(client: &Client, member: &str) -> Result<Member> {
    let page: Page<Member> = client.get(MEMBERS).await?;
    let named =
        |one: &Member| one.email.eq_ignore_ascii_case(member) || one.id.to_string() == member;
    let mut found: Vec<Member> = page.items.into_iter().filter(named).collect();
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one),
        (Some(_), false) => Err(Failure::usage(format!("several members are `{member}`"))
            .with_hint("name one by the identifier: muster member list -o json")),
        (None, _) => Err(Failure::new(Exit::NotFound, format!("there is no member `{member}`"))),
    }
}

pub(super) async fn invitation(context: &Context, command: InvitationCommand) -> Result {
    let client = context.client()?;
    match command {
        InvitationCommand::Create { email, role, organization } => {
            let path = organization.map_or_else(
                || INVITATIONS.to_owned(),
                |name| format!("/v1/organizations/{name}/invitations"),
            );
            let body = CreateInvitation { email, role: role.into() };
            let made: Invitation = client.send_json(Method::POST, &path, &body).await?;
            context.terminal.data(&invited(&made));
        }
        InvitationCommand::List { output } => {
            let page: Page<Invitation> = client.get(INVITATIONS).await?;
            context.answer(output, &page, || page.items.iter().map(invited).collect())?;
        }
        InvitationCommand::Revoke { email } => {
            let page: Page<Invitation> = client.get(INVITATIONS).await?;
            let named = |one: &&Invitation| one.email.eq_ignore_ascii_case(&email);
            let Some(one) = page.items.iter().find(named) else {
                let missing = format!("no invitation of `{email}` is open");
                return Err(Failure::new(Exit::NotFound, missing));
            };
            client.delete(&format!("{INVITATIONS}/{}", one.id)).await?;
            context.terminal.data(&format!("revoked the invitation of {email}\n"));
        }
    }
    Ok(Exit::Success)
}

pub(super) async fn group(context: &Context, command: GroupCommand) -> Result {
    let client = context.client()?;
    match command {
        GroupCommand::Set { group, role } => {
            let body = SetGroupRole { group, role: role.into() };
            let set: GroupRole = client.send_json(Method::PUT, GROUPS, &body).await?;
            context.terminal.data(&group_line(&set));
        }
        GroupCommand::List { output } => {
            let page: Page<GroupRole> = client.get(GROUPS).await?;
            context.answer(output, &page, || page.items.iter().map(group_line).collect())?;
        }
        GroupCommand::Delete { group } => {
            let page: Page<GroupRole> = client.get(GROUPS).await?;
            let Some(one) = page.items.iter().find(|one| one.group == group) else {
                let missing = format!("the group `{group}` has no role");
                return Err(Failure::new(Exit::NotFound, missing));
            };
            client.delete(&format!("{GROUPS}/{}", one.id)).await?;
            context.terminal.data(&format!("the group {group} has no role any more\n"));
        }
    }
    Ok(Exit::Success)
}

fn line(one: &Member) -> String {
    format!("{} {} since {}, seen {}\n", one.email, one.role, one.joined_at, one.seen_at)
}

fn invited(one: &Invitation) -> String {
    format!("{} as {} until {}\n", one.email, one.role, one.expires_at)
}

fn group_line(one: &GroupRole) -> String {
    format!("{} {} since {}\n", one.group, one.role, one.created_at)
}
