//! `muster project`.

use clap::{Args, Subcommand, ValueEnum};
use engine::id::ProjectRoleId;

use super::{Form, NameArg};

/// `muster project`.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  muster project create web")]
pub enum ProjectCommand {
    /// Make a project.
    #[command(after_help = "Example:\n  muster project create web")]
    Create {
        /// Its name.
        name: NameArg,
    },
    /// List projects.
    #[command(after_help = "Example:\n  muster project list")]
    List {
        /// The form of the answer.
        #[arg(long, short, value_enum, default_value_t)]
        output: Form,
    },
    /// List the newest versions of a project, and which are released.
    #[command(after_help = "Example:\n  muster project versions web")]
    Versions {
        /// The project.
        name: NameArg,
        /// The form of the answer.
        #[arg(long, short, value_enum, default_value_t)]
        output: Form,
    },
    /// Release a version, of which no run is open: it takes no more runs, and so no more attestations.
    #[command(after_help = "Example:\n  muster project release web 1.4.0")]
    Release {
        /// The project.
        name: NameArg,
        /// The version, as its runs name it.
        #[arg(value_name = "VERSION")]
        released: String,
    },
    /// Say who is what in a project, besides what they are in the organization.
    #[command(subcommand)]
    Member(ProjectMemberCommand),
}

/// `muster project member`.
#[derive(Debug, Subcommand)]
#[command(
    after_help = "Example:\n  muster project member set web jane@example.com --role contributor"
)]
pub enum ProjectMemberCommand {
    /// List who is what in a project by itself.
    #[command(after_help = "Example:\n  muster project member list web")]
    List {
        /// The project.
        project: NameArg,
        /// The form of the answer.
        #[arg(long, short, value_enum, default_value_t)]
        output: Form,
    },
    /// Say what a member of the organization, or a group of the login provider, is in a project.
    #[command(
        after_help = "Examples:\n  muster project member set web jane@example.com --role contributor\n  muster project member set web --group web-team --role admin"
    )]
    Set(ProjectMemberArgs),
    /// Make somebody nothing in a project any more.
    #[command(after_help = "Example:\n  muster project member remove web 0199…")]
    Remove {
        /// The project.
        project: NameArg,
        /// What `muster project member list` names first.
        #[arg(value_name = "ID")]
        id: ProjectRoleId,
    },
}

/// `muster project member set`.
#[derive(Debug, Args)]
pub struct ProjectMemberArgs {
    /// The project.
    pub project: NameArg,
    /// The address of a member of the organization.
    #[arg(value_name = "EMAIL", required_unless_present = "group", conflicts_with = "group")]
    pub email: Option<String>,
    /// A group of the login provider, as that names it.
    #[arg(long, value_name = "GROUP")]
    pub group: Option<String>,
    /// What they are.
    #[arg(long, value_enum)]
    pub role: ProjectRoleArg,
}

/// What somebody is in a project. Each may do what those before it may.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ProjectRoleArg {
    /// Sees its runs, attestations and evidence.
    Viewer,
    /// Opens runs of its workflows and pushes their attestations.
    Contributor,
    /// Changes its workflows, releases its versions, and says who is what in it.
    Admin,
}

impl From<ProjectRoleArg> for api_types::ProjectRole {
    fn from(role: ProjectRoleArg) -> Self {
        match role {
            ProjectRoleArg::Viewer => Self::Viewer,
            ProjectRoleArg::Contributor => Self::Contributor,
            ProjectRoleArg::Admin => Self::Admin,
        }
    }
}
