//! The `muster` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    let _scenario = fail::FailScenario::setup();
    let environment = cli::Environment::read();
    let words: Vec<_> = std::env::args_os().collect();
    let exit = match cli::parse(&words) {
        Ok(typed) => cli::run(typed, environment),
        Err(error) => {
            // Help and version are answers, not errors.
            let _closed = error.print();
            return ExitCode::from(u8::from(error.use_stderr()) * 2);
        }
    };
    exit.into()
}
