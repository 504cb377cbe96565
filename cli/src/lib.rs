//! The command line of Muster: craft and pre-check in CI, ask gates, manage, serve.
//!
//! `args` says what can be typed, `commands` what it does, `printer` how it looks; `client` is the only one that speaks
//! to a server. Data goes to the standard output, talk to the standard error; the exit codes are in `exit`.

mod ambient;
mod args;
mod artifact;
mod client;
mod commands;
mod commit;
mod configuration;
mod craft;
mod documents;
mod environment;
mod evidence;
mod exit;
mod keys;
mod login;
mod memory;
mod printer;
mod project_file;
mod report;
mod runner;
mod sessions;
mod state;
mod telemetry;
mod terminal;

pub use args::Cli;
pub use configuration::parse;
pub use environment::Environment;
pub use exit::Exit;

/// Runs what was typed and says what went wrong.
pub fn run(typed: Cli, environment: Environment) -> Exit {
    let terminal = terminal::Terminal::new(&environment);
    match commands::run(typed, environment) {
        Ok(exit) => exit,
        Err(failure) => {
            terminal.say(&format!("error: {}", failure.message));
            if let Some(hint) = &failure.hint {
                terminal.say(&format!("hint: {hint}"));
            }
            failure.exit
        }
    }
}
