//! `muster integration`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{Form, NameArg};

/// `muster integration`.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  muster integration list")]
pub enum IntegrationCommand {
    /// Tell someone of what happens.
    #[command(subcommand)]
    Create(IntegrationCreateCommand),
    /// List integrations.
    #[command(after_help = "Example:\n  muster integration list -o json")]
    List {
        /// The form of the answer.
        #[arg(long, short, value_enum, default_value_t)]
        output: Form,
    },
    /// Show an integration.
    #[command(after_help = "Example:\n  muster integration show siem")]
    Show {
        /// The integration.
        name: NameArg,
        /// The form of the answer.
        #[arg(long, short, value_enum, default_value_t)]
        output: Form,
    },
    /// Change where an integration is, what it is told of, or its secret; what is not given stays.
    #[command(
        after_help = "Examples:\n  muster integration update siem --event 'verdict.*' --event run.failed\n  muster integration update chat --address-file slack.url"
    )]
    Update(IntegrationUpdateArgs),
    /// Send a test event now; ends with 3 when it was not taken.
    #[command(after_help = "Example:\n  muster integration test siem")]
    Test {
        /// The integration.
        name: NameArg,
    },
    /// Go on sending to an integration; what waited is sent.
    #[command(after_help = "Example:\n  muster integration enable siem")]
    Enable {
        /// The integration.
        name: NameArg,
    },
    /// Stop sending to an integration; events wait until it is enabled.
    #[command(after_help = "Example:\n  muster integration disable siem --reason 'moving house'")]
    Disable {
        /// The integration.
        name: NameArg,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Give a webhook another secret, printed once; the one before signs too for a day.
    #[command(after_help = "Example:\n  muster integration rotate siem")]
    Rotate {
        /// The integration.
        name: NameArg,
    },
    /// Delete an integration, and the record of its deliveries.
    #[command(after_help = "Example:\n  muster integration delete siem")]
    Delete {
        /// The integration.
        name: NameArg,
    },
}

/// `muster integration create`.
#[derive(Debug, Subcommand)]
#[command(
    after_help = "Events: attestation.received, contract.revised, gate.revised, run.cancelled, run.expired, run.failed, verdict.failed, verdict.indeterminate, verdict.passed, version.released, waiver.approved, waiver.rejected, waiver.requested, waiver.revoked.\n\nExample:\n  muster integration create webhook siem --address https://siem.example.com/muster --event '*'"
)]
pub enum IntegrationCreateCommand {
    /// A receiver of Standard Webhooks with `CloudEvents`. Its secret is printed once.
    #[command(
        after_help = "Example:\n  muster integration create webhook siem --address https://siem.example.com/muster --event '*'"
    )]
    Webhook {
        /// Its name, and what it is told of.
        #[command(flatten)]
        told: ToldArgs,
        /// Where to post to, https://….
        #[arg(long, value_name = "URL")]
        address: String,
        /// What the events are in.
        #[arg(long, value_enum, default_value_t)]
        format: FormatArg,
    },
    /// An incoming webhook of Slack, or of what understands the same.
    #[command(
        after_help = "Example:\n  muster integration create slack chat --address-file slack.url --event verdict.failed"
    )]
    Slack {
        /// Its name, and what it is told of.
        #[command(flatten)]
        told: ToldArgs,
        /// A file with the address, which is a secret; - is the standard input.
        #[arg(long, value_name = "FILE")]
        address_file: PathBuf,
    },
    /// A webhook of Discord.
    #[command(
        after_help = "Example:\n  muster integration create discord chat --address-file discord.url --event 'waiver.*'"
    )]
    Discord {
        /// Its name, and what it is told of.
        #[command(flatten)]
        told: ToldArgs,
        /// A file with the address, which is a secret; - is the standard input.
        #[arg(long, value_name = "FILE")]
        address_file: PathBuf,
    },
    /// People who read mail.
    #[command(
        after_help = "Example:\n  muster integration create email security --address smtps://mail.example.com --from muster@example.com --to security@example.com --username muster --password-file mail.password --event verdict.failed"
    )]
    Email {
        /// Its name, and what it is told of.
        #[command(flatten)]
        told: ToldArgs,
        /// The server and the account on it.
        #[command(flatten)]
        mail: MailArgs,
    },
    /// A server of Dependency-Track, which is handed the `CycloneDX` SBOMs of what is attested.
    #[command(
        after_help = "An SBOM is of the project PROJECT/MATERIAL there, in the version of the run. The key needs the permissions\nBOM_UPLOAD and PROJECT_CREATION_UPLOAD. Events: attestation.received, verdict.*\n\nExample:\n  muster integration create dependency-track deptrack --address https://dtrack.example.com --key-file dtrack.key --event verdict.passed"
    )]
    DependencyTrack {
        /// Its name, and what it is told of.
        #[command(flatten)]
        told: ToldArgs,
        /// Where the server is, https://… without /api.
        #[arg(long, value_name = "URL")]
        address: String,
        /// A file with a key of its API; - is the standard input.
        #[arg(long, value_name = "FILE")]
        key_file: PathBuf,
    },
    /// A bucket that GUAC collects from: SBOMs, `OpenVEX` documents and the attestations themselves.
    #[command(
        after_help = "The credentials are a JSON object: access_key_id, secret_access_key and maybe session_token.\nEvents: attestation.received, verdict.*\n\nExample:\n  muster integration create guac guac --place 's3://guac?region=eu-central-1' --credentials-file key.json --event attestation.received"
    )]
    Guac {
        /// Its name, and what it is told of.
        #[command(flatten)]
        told: ToldArgs,
        /// The bucket: `s3://BUCKET[/PREFIX][?region=REGION&endpoint=URL]`.
        #[arg(long, value_name = "URL")]
        place: String,
        /// A file with what opens the bucket; - is the standard input.
        #[arg(long, value_name = "FILE")]
        credentials_file: PathBuf,
    },
    /// A registry where attestations are pushed beside the images that they are about, for `cosign` and others to find.
    #[command(
        after_help = "The credentials are a JSON object: username and password. Events: attestation.received, verdict.*\n\nExample:\n  muster integration create registry images --place oci://registry.example.com/acme --credentials-file user.json --event verdict.passed"
    )]
    Registry {
        /// Its name, and what it is told of.
        #[command(flatten)]
        told: ToldArgs,
        /// The images: `oci://HOST[:PORT]/REPOSITORY`, that repository and those below it.
        #[arg(long, value_name = "URL")]
        place: String,
        /// A file with what opens the registry; - is the standard input.
        #[arg(long, value_name = "FILE")]
        credentials_file: Option<PathBuf>,
    },
}

/// What is in a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum FormatArg {
    /// Events of Muster's own.
    #[default]
    #[value(name = "cloudevents")]
    CloudEvents,
    /// `CDEvents`.
    #[value(name = "cdevents")]
    CdEvents,
}

/// How mail is sent.
#[derive(Debug, Args)]
pub struct MailArgs {
    /// The server: `smtps://HOST[:465]`, or `smtp://HOST[:587]` with STARTTLS.
    #[arg(long, value_name = "URL")]
    pub address: String,
    /// Who it is from.
    #[arg(long, value_name = "ADDRESS")]
    pub from: String,
    /// Whom it is for; repeatable.
    #[arg(long, value_name = "ADDRESS", required = true)]
    pub to: Vec<String>,
    /// The name to log in under.
    #[arg(long, value_name = "NAME", requires = "password_file")]
    pub username: Option<String>,
    /// A file with the password to log in with; - is the standard input.
    #[arg(long, value_name = "FILE", requires = "username")]
    pub password_file: Option<PathBuf>,
}

/// What every integration has.
#[derive(Debug, Args)]
pub struct ToldArgs {
    /// Its name.
    pub name: NameArg,
    /// An event to tell of, or the beginning of its name and `*`; repeatable.
    #[arg(long, value_name = "NAME", required = true)]
    pub event: Vec<String>,
}

/// `muster integration update`.
#[derive(Debug, Args)]
pub struct IntegrationUpdateArgs {
    /// The integration.
    pub name: NameArg,
    /// What is to be another.
    #[command(flatten)]
    pub change: IntegrationChangeArgs,
}

/// What an update changes: one thing at least.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct IntegrationChangeArgs {
    /// An event to tell of instead of those before; repeatable.
    #[arg(long, value_name = "NAME")]
    pub event: Vec<String>,
    /// Another address; of mail, another server; of GUAC, another bucket.
    #[arg(long, value_name = "URL")]
    pub address: Option<String>,
    /// A file with another address, for one that is a secret; - is the standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "address")]
    pub address_file: Option<PathBuf>,
    /// Whom mail is for instead of those before; repeatable.
    #[arg(long, value_name = "ADDRESS")]
    pub to: Vec<String>,
    /// A file with another password, key or credentials, or those for another server; - is the standard input.
    #[arg(long, value_name = "FILE", visible_aliases = ["key-file", "credentials-file"])]
    pub password_file: Option<PathBuf>,
}
