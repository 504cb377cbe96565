//! Who is asking, and what they may do.

mod role;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use engine::Name;
use engine::id::{OrganizationId, PersonId, ProjectId, RunId, TokenId, WorkflowId};
use engine::run::WorkflowPath;
use engine::trust_rule::granted;
pub use role::{ProjectRole, Role};

use crate::error::Error;
use crate::store;

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
    /// Run one workflow once. Only tokens that CI jobs were given have it.
    Job,
    /// What the role of a person allows. Only the tokens of people who logged in have it.
    Session,
}

impl Scope {
    /// Every scope with its name.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Instance, "instance"),
        (Self::Admin, "admin"),
        (Self::Attest, "attest"),
        (Self::Read, "read"),
        (Self::Job, "job"),
        (Self::Session, "session"),
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

/// One thing that someone may be allowed to do. Every use case names the one that it needs, in its first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// Make and list organizations.
    EditInstance,
    /// See what crosses projects: lineage, gates, waivers, members, keys, figures; ask gates.
    Read,
    /// See projects: workflows, versions, runs, attestations, evidence.
    ReadProjects,
    /// See contracts.
    ReadContracts,
    /// Learn whether a blob is there, and its size.
    SeeBlobs,
    /// Open runs, store evidence, push attestations, give runs up.
    Attest,
    /// Import attestations that were made elsewhere.
    ImportAttestations,
    /// Change contracts.
    EditContracts,
    /// Change gates.
    EditGates,
    /// Make projects.
    EditProjects,
    /// Release versions of projects.
    ReleaseVersions,
    /// Say who is what in a project.
    EditProjectMembers,
    /// Change workflows.
    EditWorkflows,
    /// Ask for a waiver.
    RequestWaivers,
    /// Approve or revoke a waiver.
    ApproveWaivers,
    /// Change the keys that may sign attestations.
    EditKeys,
    /// Make, list and revoke API tokens.
    EditTokens,
    /// Change the rules under which CI jobs are let in without a secret.
    EditTrust,
    /// Change members, groups and invitations.
    EditMembers,
    /// Change where evidence is kept and for how long.
    EditStorage,
    /// Change who is told of what happens.
    EditIntegrations,
    /// Change what else the organization decides for itself.
    EditSettings,
    /// Read and export the audit trail.
    ReadAudit,
}

/// A permission, its name, and who has it.
type Row = (Permission, &'static str, &'static [Scope], Option<Role>, Option<ProjectRole>);

impl Permission {
    /// The matrix: every permission, its name, the scopes of a token that carry it, the least role of a person that does,
    /// none where no role does, and the least role in a project that does within it.
    #[rustfmt::skip] // a table: one permission, one line
    pub const ALL: [Row; 23] = [
        (Self::EditInstance, "edit-instance", &[Scope::Instance], None, None),
        (Self::Read, "read", &[Scope::Read], Some(Role::Viewer), None),
        (Self::ReadProjects, "read-projects", &[Scope::Read], Some(Role::Viewer), Some(ProjectRole::Viewer)),
        (Self::ReadContracts, "read-contracts", &[Scope::Read], Some(Role::Guest), None),
        (Self::SeeBlobs, "see-blobs", &[Scope::Attest, Scope::Read, Scope::Job], Some(Role::Viewer), Some(ProjectRole::Contributor)),
        (Self::Attest, "attest", &[Scope::Attest, Scope::Job], Some(Role::Member), Some(ProjectRole::Contributor)),
        (Self::ImportAttestations, "import-attestations", &[Scope::Attest], Some(Role::Member), None),
        (Self::EditContracts, "edit-contracts", &[Scope::Admin], Some(Role::Admin), None),
        (Self::EditGates, "edit-gates", &[Scope::Admin], Some(Role::Admin), None),
        (Self::EditProjects, "edit-projects", &[Scope::Admin], Some(Role::Admin), None),
        (Self::ReleaseVersions, "release-versions", &[Scope::Admin], Some(Role::Admin), Some(ProjectRole::Admin)),
        (Self::EditProjectMembers, "edit-project-members", &[Scope::Admin], Some(Role::Admin), Some(ProjectRole::Admin)),
        (Self::EditWorkflows, "edit-workflows", &[Scope::Admin], Some(Role::Admin), Some(ProjectRole::Admin)),
        (Self::RequestWaivers, "request-waivers", &[Scope::Admin, Scope::Attest], Some(Role::Member), None),
        (Self::ApproveWaivers, "approve-waivers", &[Scope::Admin], Some(Role::Admin), None),
        (Self::EditKeys, "edit-keys", &[Scope::Admin], Some(Role::Admin), None),
        (Self::EditTokens, "edit-tokens", &[Scope::Admin], Some(Role::Admin), None),
        (Self::EditTrust, "edit-trust", &[Scope::Admin], Some(Role::Admin), None),
        (Self::EditMembers, "edit-members", &[Scope::Admin], Some(Role::Admin), None),
        (Self::EditStorage, "edit-storage", &[Scope::Admin], Some(Role::Admin), None),
        (Self::EditIntegrations, "edit-integrations", &[Scope::Admin], Some(Role::Admin), None),
        (Self::EditSettings, "edit-settings", &[Scope::Admin], Some(Role::Admin), None),
        (Self::ReadAudit, "read-audit", &[Scope::Admin, Scope::Instance], Some(Role::Admin), None),
    ];

    /// The name of this permission.
    pub fn name(self) -> &'static str {
        self.row().map_or("", |(_, name, ..)| name)
    }

    /// The scopes of which a token needs one.
    pub fn scopes(self) -> &'static [Scope] {
        self.row().map_or(&[], |(_, _, scopes, ..)| scopes)
    }

    /// The least role that a person needs; none when no role will do.
    pub fn role(self) -> Option<Role> {
        self.row().and_then(|(_, _, _, role, _)| role)
    }

    /// The least role in a project that a person needs there who has no such role in the organization; none when no role in
    /// a project will do.
    pub fn project_role(self) -> Option<ProjectRole> {
        self.row().and_then(|(_, _, _, _, role)| role)
    }

    fn row(self) -> Option<Row> {
        Self::ALL.into_iter().find(|(permission, ..)| *permission == self)
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
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
    /// The only thing that it is good for, when it is the token of a CI job.
    pub job: Option<Binding>,
    /// Whose it is, when it is the token of a person who logged in.
    pub person: Option<Person>,
    /// What alone it is good for; none where it is good for all of the organization.
    pub grants: Option<Grants>,
}

/// The part of an organization that the token of a machine is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grants {
    /// The workflows whose runs it attests, `PROJECT/WORKFLOW` with `*`.
    pub workflows: Vec<String>,
    /// The projects of which that is all of them.
    pub projects: BTreeSet<ProjectId>,
}

/// A person who logged in, in the organization of the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Who it is.
    pub id: PersonId,
    /// The address that the login provider verified.
    pub email: String,
    /// What the person is now.
    pub role: Role,
    /// What the person is in projects, besides.
    pub projects: BTreeMap<ProjectId, (Name, ProjectRole)>,
}

/// The part of an organization in which somebody may do something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Within {
    /// All of it.
    Everything,
    /// These projects.
    Projects(BTreeSet<ProjectId>),
}

impl Within {
    /// Whether the project is in it.
    pub(crate) fn has(&self, project: ProjectId) -> bool {
        match self {
            Self::Everything => true,
            Self::Projects(projects) => projects.contains(&project),
        }
    }

    /// The projects, if it is not everything.
    pub(crate) fn projects(self) -> Option<BTreeSet<ProjectId>> {
        match self {
            Self::Everything => None,
            Self::Projects(projects) => Some(projects),
        }
    }
}

/// What the token of a CI job is good for: one run of one workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding {
    /// The workflow of which it may open a run.
    pub workflow: WorkflowId,
    /// The run that it opened.
    pub run: Option<RunId>,
}

/// What is to be done with a token that may be that of a CI job.
#[derive(Debug, Clone, Copy)]
pub(crate) enum With {
    /// Open a run; [`Actor::check_workflow`] says of which workflow.
    NoRun,
    /// Something with this run.
    Run(RunId),
    /// Something with the evidence of whichever run it opened.
    Evidence,
}

impl Actor {
    /// The organization in which this actor may do that. The first line of every use case.
    pub(crate) fn authorize(&self, permission: Permission) -> Result<OrganizationId, Error> {
        if self.job.is_some() {
            return Err(Error::forbidden(format!(
                "this token may not {permission}: it lets a CI job run one workflow, and nothing else"
            )));
        }
        if let Some(grants) = &self.grants {
            let grants = grants.workflows.join("`, `");
            return Err(Error::forbidden(format!(
                "this token may not {permission}: it is for `{grants}`, and nothing else"
            )));
        }
        self.in_organization(permission)
    }

    /// The organization, and the part of it, in which this actor may do that. Who asks about what is elsewhere is told that
    /// it is not there.
    pub(crate) fn authorize_within(
        &self,
        permission: Permission,
    ) -> Result<(OrganizationId, Within), Error> {
        match (self.authorize(permission), &self.organization) {
            (Ok(org), _) => Ok((org, Within::Everything)),
            (Err(refusal), Some((org, _))) => {
                let projects = self.projects_with(permission);
                if projects.is_empty() {
                    Err(refusal)
                } else {
                    Ok((*org, Within::Projects(projects)))
                }
            }
            (Err(refusal), None) => Err(refusal),
        }
    }

    /// The projects in which this actor may do that, whatever it may in the organization.
    fn projects_with(&self, permission: Permission) -> BTreeSet<ProjectId> {
        if let Some(grants) = &self.grants {
            let of_projects = permission.project_role().is_some();
            let scoped = permission.scopes().iter().any(|scope| self.scopes.contains(scope));
            let projects = Some(&grants.projects).filter(|_| of_projects && scoped);
            return projects.cloned().unwrap_or_default();
        }
        let projects = self.person.iter().flat_map(|person| &person.projects);
        let enough = |role| permission.project_role().is_some_and(|least| role >= least);
        projects.filter(|(_, (_, role))| enough(*role)).map(|(project, _)| *project).collect()
    }

    /// Whether this actor attests any runs.
    pub(crate) fn attests(&self) -> bool {
        self.has(Permission::Attest) || !self.projects_with(Permission::Attest).is_empty()
    }

    /// Whether this actor attests runs of some workflows alone.
    pub(crate) fn is_restricted(&self) -> bool {
        self.grants.is_some() || (self.person.is_some() && !self.has(Permission::Attest))
    }

    /// The same for what a CI job does too: with its own run alone. Of whoever [`Self::is_restricted`] it is not known yet
    /// whether they may: [`Self::check_workflow`] says so.
    pub(crate) fn authorize_job(
        &self,
        permission: Permission,
        with: With,
    ) -> Result<OrganizationId, Error> {
        let org = match (self.in_organization(permission), &self.organization) {
            (Ok(org), _) => org,
            (Err(_), Some((org, _))) if !self.projects_with(permission).is_empty() => *org,
            (Err(refusal), _) => return Err(refusal),
        };
        let Some(Binding { run, .. }) = self.job else { return Ok(org) };
        match (with, run) {
            (With::NoRun, None) | (With::Evidence, Some(_)) => Ok(org),
            (With::Run(asked), Some(own)) if asked == own => Ok(org),
            (With::NoRun, Some(own)) => Err(Error::Conflict(format!(
                "this token of a CI job opened the run {own}: it is good for no other"
            ))),
            (With::Run(_), Some(own)) => Err(Error::forbidden(format!(
                "this token of a CI job is good for the run {own} alone"
            ))),
            (With::Run(_) | With::Evidence, None) => {
                Err(Error::forbidden("this token of a CI job has opened no run yet: open it first"))
            }
        }
    }

    /// Refuses a CI job another workflow than its own, a restricted token one that it was not made for, and a person one of
    /// a project in which they may not attest.
    pub(crate) fn check_workflow(
        &self,
        workflow: &store::Workflow,
        path: &WorkflowPath,
    ) -> Result<(), Error> {
        if self.job.is_some_and(|job| job.workflow != workflow.id) {
            let message = format!("this token of a CI job is for another workflow than `{path}`");
            return Err(Error::forbidden(message));
        }
        let grants = self.grants.as_ref().map(|grants| &grants.workflows);
        if let Some(grants) = grants.filter(|grants| !granted(grants, path)) {
            let grants = grants.join("`, `");
            let message = format!("this token is for the workflows `{grants}`, not for `{path}`");
            return Err(Error::forbidden(message));
        }
        let person = self.person.is_some() && !self.has(Permission::Attest);
        if person && !self.projects_with(Permission::Attest).contains(&workflow.project) {
            return Err(Error::not_found("workflow", path));
        }
        Ok(())
    }

    fn in_organization(&self, permission: Permission) -> Result<OrganizationId, Error> {
        let Some((organization, _)) = &self.organization else {
            return Err(Error::forbidden(
                "this token belongs to no organization: use one of the organization",
            ));
        };
        self.has(permission).then_some(*organization).ok_or_else(|| self.lacks(permission))
    }

    /// Accepts only tokens of the instance.
    pub(crate) fn authorize_instance(&self) -> Result<(), Error> {
        if self.organization.is_none() && self.has(Permission::EditInstance) {
            return Ok(());
        }
        Err(Error::forbidden("only a token of the instance may do this"))
    }

    /// The organization whose chain of audit events this actor may do that with; none for that of the installation.
    pub(crate) fn authorize_chain(
        &self,
        permission: Permission,
    ) -> Result<Option<OrganizationId>, Error> {
        match &self.organization {
            Some(_) => self.authorize(permission).map(Some),
            None if self.has(permission) => Ok(None),
            None => Err(self.lacks(permission)),
        }
    }

    /// What a person may, the role says; what a machine may, the scopes of its token.
    fn has(&self, permission: Permission) -> bool {
        match &self.person {
            Some(person) => permission.role().is_some_and(|least| person.role >= least),
            None => permission.scopes().iter().any(|scope| self.scopes.contains(scope)),
        }
    }

    /// Why this actor may not do that.
    fn lacks(&self, permission: Permission) -> Error {
        let Some(person) = &self.person else {
            let scopes = permission.scopes().iter().map(|scope| format!("`{scope}`"));
            let scopes = scopes.collect::<Vec<_>>().join(" or ");
            return Error::forbidden(format!(
                "this token may not {permission}: it lacks the scope {scopes}"
            ));
        };
        let mut needed = permission.role().map_or_else(
            || "no role in an organization will do".to_owned(),
            |least| format!("that takes the role `{least}`"),
        );
        if let Some(least) = permission.project_role() {
            needed = format!("{needed}, or the role `{least}` in the project");
        }
        Error::forbidden(format!("as `{}` you may not {permission}: {needed}", person.role))
    }

    /// What this actor is among people: the first token of an organization, and those it made, are administrators.
    pub(crate) fn rank(&self) -> Role {
        self.person.as_ref().map_or(Role::Admin, |person| person.role)
    }

    /// How audit events name this actor.
    pub(crate) fn label(&self) -> String {
        match &self.person {
            Some(person) => crate::sessions::label(&person.email, person.id),
            None => crate::tokens::label(&self.name, self.token),
        }
    }
}
