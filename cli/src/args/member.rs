//! `muster login`, and who is in the organization.

use clap::{Args, Subcommand, ValueEnum};

use super::{Form, NameArg};

/// `muster login`.
#[derive(Debug, Args)]
#[command(
    after_help = "The session is kept for this server, in the state directory, until it ends eight hours later;\nMUSTER_TOKEN and --token-file come first.\n\nExamples:\n  muster login\n  muster login --organization acme --device"
)]
pub struct LoginArgs {
    /// The organization; needed where you could log in to more than one; what `.muster.yaml` says when absent.
    #[arg(long, value_name = "NAME")]
    pub organization: Option<NameArg>,
    /// Log in on another device: this machine has no browser.
    #[arg(long)]
    pub device: bool,
}

/// What a person is. Each may do what those before it may.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum RoleArg {
    /// Sees nothing of the organization but its contracts, and what projects give.
    Guest,
    /// Sees everything but what administrators alone see, and asks gates.
    Viewer,
    /// Opens runs, pushes attestations, asks for waivers.
    Member,
    /// Changes what the organization has.
    Admin,
    /// Makes and unmakes owners.
    Owner,
}

impl From<RoleArg> for api_types::Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Guest => Self::Guest,
            RoleArg::Viewer => Self::Viewer,
            RoleArg::Member => Self::Member,
            RoleArg::Admin => Self::Admin,
            RoleArg::Owner => Self::Owner,
        }
    }
}

/// `muster member`.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  muster member list")]
pub enum MemberCommand {
    /// List members, and what each is.
    #[command(after_help = "Example:\n  muster member list -o json")]
    List {
        /// The form of the answer.
        #[arg(long, short, value_enum, default_value_t)]
        output: Form,
    },
    /// Make something else of a member, from their next request on.
    #[command(after_help = "Example:\n  muster member role jane@example.com admin")]
    Role {
        /// The member's address or identifier.
        #[arg(value_name = "EMAIL|ID")]
        member: String,
        /// What the member is from now on.
        #[arg(value_enum)]
        role: RoleArg,
    },
    /// Remove a member, whose sessions end.
    #[command(after_help = "Example:\n  muster member remove jane@example.com")]
    Remove {
        /// The member's address or identifier.
        #[arg(value_name = "EMAIL|ID")]
        member: String,
    },
}

/// `muster invitation`.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  muster invitation create jane@example.com --role member")]
pub enum InvitationCommand {
    /// Invite someone, who becomes a member by logging in within a week.
    #[command(
        after_help = "Examples:\n  muster invitation create jane@example.com --role member\n  muster invitation create jane@example.com --role owner --organization acme"
    )]
    Create {
        /// The mail address that the login provider knows them by.
        email: String,
        /// What they will be.
        #[arg(long, value_enum)]
        role: RoleArg,
        /// Invite into this organization; needs the bootstrap token.
        #[arg(long, value_name = "NAME")]
        organization: Option<NameArg>,
    },
    /// List the invitations that can be accepted.
    #[command(after_help = "Example:\n  muster invitation list")]
    List {
        /// The form of the answer.
        #[arg(long, short, value_enum, default_value_t)]
        output: Form,
    },
    /// Revoke an invitation.
    #[command(after_help = "Example:\n  muster invitation revoke jane@example.com")]
    Revoke {
        /// The address that was invited.
        email: String,
    },
}

/// `muster group`.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  muster group set security --role admin")]
pub enum GroupCommand {
    /// Give everyone in a group of the login provider a role.
    #[command(after_help = "Example:\n  muster group set security --role admin")]
    Set {
        /// The group, as the provider names it.
        group: String,
        /// What those in it are, unless they are more.
        #[arg(long, value_enum)]
        role: RoleArg,
    },
    /// List the groups that have a role.
    #[command(after_help = "Example:\n  muster group list")]
    List {
        /// The form of the answer.
        #[arg(long, short, value_enum, default_value_t)]
        output: Form,
    },
    /// Take the role of a group away.
    #[command(after_help = "Example:\n  muster group delete security")]
    Delete {
        /// The group, as the provider names it.
        group: String,
    },
}
