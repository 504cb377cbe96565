//! Members, invitations, and groups that have a role.

use api_types::{
    CreateInvitation, GroupRole, Invitation, Member, Page, SetGroupRole, SetMemberRole,
};
use axum::Json;
use axum::http::StatusCode;
use engine::Name;
use engine::id::{GroupId, InvitationId, PersonId};

use crate::convert::{self, member};
use crate::error::Failure;
use crate::extract::{self, Caller, Path};

pub(crate) async fn list(Caller { control, actor }: Caller) -> Result<Json<Page<Member>>, Failure> {
    Ok(Json(convert::list(control.members(&actor).await?, member::member)))
}

pub(crate) async fn set_role(
    Caller { control, actor }: Caller,
    Path(id): Path<PersonId>,
    extract::Json(body): extract::Json<SetMemberRole>,
) -> Result<Json<Member>, Failure> {
    let changed = control.set_member_role(&actor, id, member::role_in(body.role)).await?;
    Ok(Json(member::member(changed)))
}

pub(crate) async fn remove(
    Caller { control, actor }: Caller,
    Path(id): Path<PersonId>,
) -> Result<StatusCode, Failure> {
    control.remove_member(&actor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn invite(
    Caller { control, actor }: Caller,
    extract::Json(body): extract::Json<CreateInvitation>,
) -> Result<(StatusCode, Json<Invitation>), Failure> {
    let made = control.invite(&actor, &body.email, member::role_in(body.role)).await?;
    Ok((StatusCode::CREATED, Json(member::invitation(made))))
}

pub(crate) async fn invite_for(
    Caller { control, actor }: Caller,
    Path(name): Path<Name>,
    extract::Json(body): extract::Json<CreateInvitation>,
) -> Result<(StatusCode, Json<Invitation>), Failure> {
    let role = member::role_in(body.role);
    let made = control.invite_for(&actor, &name, &body.email, role).await?;
    Ok((StatusCode::CREATED, Json(member::invitation(made))))
}

pub(crate) async fn invitations(
    Caller { control, actor }: Caller,
) -> Result<Json<Page<Invitation>>, Failure> {
    Ok(Json(convert::list(control.invitations(&actor).await?, member::invitation)))
}

pub(crate) async fn revoke_invitation(
    Caller { control, actor }: Caller,
    Path(id): Path<InvitationId>,
) -> Result<StatusCode, Failure> {
    control.revoke_invitation(&actor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn set_group(
    Caller { control, actor }: Caller,
    extract::Json(body): extract::Json<SetGroupRole>,
) -> Result<Json<GroupRole>, Failure> {
    let set = control.set_group_role(&actor, body.group, member::role_in(body.role)).await?;
    Ok(Json(member::group(set)))
}

pub(crate) async fn groups(
    Caller { control, actor }: Caller,
) -> Result<Json<Page<GroupRole>>, Failure> {
    Ok(Json(convert::list(control.group_roles(&actor).await?, member::group)))
}

pub(crate) async fn remove_group(
    Caller { control, actor }: Caller,
    Path(id): Path<GroupId>,
) -> Result<StatusCode, Failure> {
    control.delete_group_role(&actor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
