//! What each command does.

mod apply;
mod attest;
mod attestation;
mod audit;
mod backend;
mod backup;
mod check;
mod contract;
mod delivery;
mod demo;
mod gate;
mod integration;
mod key;
mod lineage;
mod login;
mod manage;
mod member;
mod readiness;
mod retention;
mod run;
mod schema;
mod secrets;
mod serve;
mod token;
mod trust_root;
mod trust_rule;
mod verify;
mod waiver;

use std::future::Future;

use engine::policy::Library;

use crate::args::{Cli, Command, Connection, Form};
use crate::client::Client;
use crate::environment::Environment;
use crate::exit::{Exit, Failure, Result};
use crate::printer;
use crate::sessions::Sessions;
use crate::telemetry::{self, Telemetry};
use crate::terminal::Terminal;

/// What every command may use.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) terminal: Terminal,
    pub(crate) environment: Environment,
    connection: Connection,
}

/// Runs the command that was typed.
pub(crate) fn run(cli: Cli, environment: Environment) -> Result {
    let terminal = Terminal::new(&environment);
    let context = Context { terminal, environment, connection: cli.connection };
    // A server has telemetry of its own.
    let command = !matches!(cli.command, Command::Serve(_));
    let _telemetry =
        command.then(|| Telemetry::of_command(&context.environment, &context.terminal));
    let span = telemetry::command(&context.environment, &cli.name);
    span.in_scope(|| dispatch(&context, cli.command))
}

fn dispatch(context: &Context, command: Command) -> Result {
    match command {
        Command::Check(args) => check::run(context, args),
        Command::Attest(args) => wait(attest::run(context, args)),
        Command::Verify(args) => verify::run(context, &args),
        Command::Gate(command) => wait(gate::run(context, command)),
        Command::Lineage(args) => wait(lineage::run(context, args)),
        Command::Attestation(command) => wait(attestation::run(context, command)),
        Command::Contract(command) => contract::run(context, command),
        Command::Apply(args) => wait(apply::run(context, args)),
        Command::Schema(args) => Ok(schema::run(context, &args)),
        Command::Org(command) => wait(manage::org(context, command)),
        Command::Project(command) => wait(manage::project(context, command)),
        Command::Workflow(command) => wait(manage::workflow(context, command)),
        Command::Run(command) => wait(run::run(context, command)),
        Command::Key(command) => key::run(context, command),
        Command::Token(command) => wait(token::run(context, command)),
        Command::Trust(command) => wait(trust_rule::run(context, command)),
        Command::TrustRoot(command) => wait(trust_root::run(context, command)),
        Command::Waiver(command) => wait(waiver::run(context, command)),
        Command::Integration(command) => wait(integration::run(context, command)),
        Command::Delivery(command) => wait(delivery::run(context, command)),
        Command::Audit(command) => wait(audit::run(context, command)),
        Command::Backend(command) => wait(backend::run(context, command)),
        Command::Readiness { output } => wait(readiness::run(context, output)),
        Command::Retention(command) => wait(retention::run(context, command)),
        Command::Secrets(command) => secrets::run(context, &command),
        Command::Member(command) => wait(member::member(context, command)),
        Command::Invitation(command) => wait(member::invitation(context, command)),
        Command::Group(command) => wait(member::group(context, command)),
        Command::Login(args) => wait(login::login(context, args)),
        Command::Logout => wait(login::logout(context)),
        Command::Whoami => wait(login::whoami(context)),
        Command::Serve(args) => serve::run(context, args),
        Command::Backup(args) => wait(backup::back_up(context, args)),
        Command::Restore(args) => wait(backup::restore(context, args)),
        Command::Demo(args) => demo::run(context, args),
    }
}

impl Context {
    /// The client of the server that was named, under the token that was given, else in the session of the last login.
    pub(crate) fn client(&self) -> Result<Client> {
        let server = self.server()?;
        let token = match self.token()? {
            Some(token) => Some(token),
            None => Sessions::read(&self.environment)?.secret(server)?,
        };
        let Some(token) = token else {
            return Err(Failure::new(Exit::Forbidden, "no token was given, and nobody logged in")
                .with_hint("muster login; machines set MUSTER_TOKEN, or give --token-file"));
        };
        Client::new(server, &token)
    }

    /// The server that was named.
    pub(crate) fn server(&self) -> Result<&str> {
        self.connection.server.as_deref().ok_or_else(|| {
            Failure::usage("no server was named").with_hint("set MUSTER_SERVER, or give --server")
        })
    }

    /// The token that was given, if there is one.
    pub(crate) fn token(&self) -> Result<Option<String>> {
        let token = match &self.connection.token_file {
            Some(file) => crate::keys::read(file)?,
            None => self.environment.get("MUSTER_TOKEN").unwrap_or_default().to_owned(),
        };
        Ok(Some(token).filter(|token| !token.trim().is_empty()))
    }

    /// Prints an answer for a program, or says it to a person.
    pub(crate) fn answer(
        &self,
        form: Form,
        value: &impl serde::Serialize,
        table: impl FnOnce() -> String,
    ) -> Result<()> {
        let failed =
            |error: serde_json::Error| Failure::unexpected("cannot write the answer", error);
        let text = match form {
            Form::Table => table(),
            Form::Json => serde_json::to_string_pretty(value).map_err(failed)? + "\n",
            Form::Yaml => printer::value_to_yaml(&serde_json::to_value(value).map_err(failed)?),
        };
        self.terminal.data(&text);
        Ok(())
    }
}

/// The shipped policies.
pub(crate) fn library() -> Result<Library> {
    control::library()
        .map_err(|error| Failure::unexpected("the shipped policies cannot be read", error))
}

/// Waits for a command that talks to a server.
fn wait(command: impl Future<Output = Result>) -> Result {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::unexpected("cannot start", error))?;
    let result = runtime.block_on(command);
    // Nothing that is still under way matters any more.
    runtime.shutdown_background();
    result
}
