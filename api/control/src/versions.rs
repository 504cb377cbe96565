//! Versions of projects: they begin with their first run, and take no more runs once they are released.

use engine::id::{OrganizationId, ProjectId};
use engine::{Name, Timestamp};
use serde_json::{Value, json};

use crate::actor::{Actor, Permission, Within};
use crate::audit::Change;
use crate::store::{self, Reader, RunState, Tx};
use crate::{Control, Error, Result, audit, events, fresh, now};

/// Longest version, in characters.
const VERSION_CHARS_MAX: usize = 128;
/// How many versions are listed.
const LISTED_MAX: u64 = 200;

/// A version of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectVersion {
    /// The project.
    pub project: Name,
    /// The version.
    pub version: String,
    /// When the first run of it was opened.
    pub created_at: Timestamp,
    /// When it was released: it takes no more runs since.
    pub released_at: Option<Timestamp>,
    /// How many of its runs have an attestation.
    pub attested: u64,
    /// How many of its runs are open.
    pub open: u64,
}

impl Control {
    /// The newest versions of a project, newest first.
    pub async fn project_versions(
        &self,
        actor: &Actor,
        project: &Name,
    ) -> Result<Vec<ProjectVersion>> {
        let (org, within) = actor.authorize_within(Permission::ReadProjects)?;
        let read = self.store.read();
        let id = find(&read, org, &within, project).await?;
        let versions = read.project_versions(id, LISTED_MAX).await?;
        views(&read, project, versions).await
    }

    /// Releases a version, of which there is an attestation and no open run: it takes no more.
    pub async fn release_version(
        &self,
        actor: &Actor,
        project: &Name,
        version: &str,
    ) -> Result<ProjectVersion> {
        let (org, within) = actor.authorize_within(Permission::ReleaseVersions)?;
        let (by, name, version) = (actor.clone(), project.clone(), version.to_owned());
        self.store
            .write(move |tx| {
                let (actor, project, version) = (by.clone(), name.clone(), version.clone());
                let within = within.clone();
                Box::pin(async move {
                    // Whoever opens a run of it comes here too.
                    tx.take_turn().await?;
                    let id = find(&tx, org, &within, &project).await?;
                    let before = tx.project_version(id, &version).await?;
                    let before = before.ok_or_else(|| missing(&project, &version))?;
                    standing(&project, &before)?;
                    let shown = views(&tx, &project, vec![before.clone()]).await?.pop();
                    let shown = shown.ok_or_else(|| missing(&project, &version))?;
                    check_complete(&shown)?;
                    let at = now();
                    tx.release_project_version(before.id, actor.token, at).await?;
                    let after = ProjectVersion { released_at: Some(at), ..shown.clone() };
                    let target = format!("{project}@{version}");
                    let change = Change::of(side(&shown), side(&after));
                    let event = audit::event(&actor, Some(org), "version.release", target, change);
                    tx.insert_audit(&[event]).await?;
                    let told = json!({ "project": project, "version": version });
                    tx.insert_outbox(&[events::event(org, "version.released", at, told)]).await?;
                    Ok(after)
                })
            })
            .await
    }
}

/// Notes that a run of the version is opened; refused once it is released. Whoever releases it waits, or is waited for.
pub(crate) async fn begin(
    tx: &Tx<'_>,
    run: &store::Run,
    project: &Name,
    version: &str,
) -> Result<()> {
    tx.take_turn().await?;
    if let Some(found) = tx.project_version(run.project, version).await? {
        return standing(project, &found);
    }
    let new = store::ProjectVersion {
        id: fresh(),
        org: run.org,
        project: run.project,
        version: version.to_owned(),
        created_at: run.created_at,
        released_at: None,
        released_by: None,
    };
    Ok(tx.insert_project_version(&new).await?)
}

/// Refuses what is no version: it stands in addresses, file names and statements.
pub(crate) fn check(version: &str) -> Result<()> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+');
    let long = version.is_empty() || version.len() > VERSION_CHARS_MAX;
    if long || !version.chars().all(legal) || version.chars().all(|c| c == '.') {
        return Err(Error::invalid(format!(
            "a version has 1 to {VERSION_CHARS_MAX} letters, digits, `.`, `-`, `_` and `+`"
        )));
    }
    Ok(())
}

fn standing(project: &Name, version: &store::ProjectVersion) -> Result<()> {
    let Some(at) = version.released_at else { return Ok(()) };
    Err(Error::Conflict(format!(
        "the version `{project}@{}` was released at {at}: it takes no more runs",
        version.version
    )))
}

fn check_complete(version: &ProjectVersion) -> Result<()> {
    let ProjectVersion { project, version, open, attested, .. } = version;
    if *open > 0 {
        return Err(Error::Conflict(format!(
            "{open} runs of `{project}@{version}` are open: push their attestations, or cancel them"
        )));
    }
    if *attested == 0 {
        return Err(Error::Conflict(format!("nobody attested `{project}@{version}` yet")));
    }
    Ok(())
}

/// The project of that name, if it is in that part of the organization.
pub(crate) async fn find(
    read: &Reader<'_>,
    org: OrganizationId,
    within: &Within,
    project: &Name,
) -> Result<ProjectId> {
    let found = read.project_by_name(org, project).await?;
    let found = found.filter(|found| within.has(found.id));
    Ok(found.ok_or_else(|| Error::not_found("project", project))?.id)
}

fn missing(project: &Name, version: &str) -> Error {
    let shown: String = version.chars().filter(|c| !c.is_control()).take(128).collect();
    Error::not_found("version", format!("{project}@{shown}"))
}

fn side(version: &ProjectVersion) -> Value {
    json!({ "version": version.version, "released_at": version.released_at, "attested": version.attested })
}

/// Versions of one project with how their runs stand, in one statement for all.
async fn views(
    read: &Reader<'_>,
    project: &Name,
    versions: Vec<store::ProjectVersion>,
) -> Result<Vec<ProjectVersion>> {
    const COUNTED: [RunState; 2] = [RunState::Closed, RunState::Open];
    let Some(id) = versions.first().map(|one| one.project) else { return Ok(Vec::new()) };
    let named: Vec<&str> = versions.iter().map(|one| one.version.as_str()).collect();
    let mut runs = read.count_runs_of_versions(id, &named, &COUNTED).await?;
    let mut count = |version: &str, state| runs.remove(&(version.to_owned(), state)).unwrap_or(0);
    let view = |one: store::ProjectVersion| {
        let store::ProjectVersion { version, created_at, released_at, .. } = one;
        let [attested, open] = COUNTED.map(|state| count(&version, state));
        let project = project.clone();
        ProjectVersion { project, version, created_at, released_at, attested, open }
    };
    Ok(versions.into_iter().map(view).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_what_can_stand_in_an_address() {
        for good in ["1", "1.4.0", "v1.4.0-rc.1+build_7", "2026-11-27"] {
            check(good).unwrap();
        }
        for wrong in ["", ".", "..", "a/b", "a b", "ä", "a\n", &"1".repeat(129)] {
            assert!(check(wrong).is_err(), "{wrong}");
        }
    }
}
