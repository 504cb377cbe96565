//! The configuration of `muster serve`: a flag, else a variable, else a file, else the default.
//!
//! The file has the names of the flags. It becomes their defaults before what was typed is read, so that there is one
//! description of each setting and one order among the four.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, CommandFactory, FromArgMatches};
use engine::Limits;
use engine::document::{Document, nearest};
use reqwest::Url;
use serde_json::Value;

use crate::args::{Cli, Command as Typed};
use crate::documents::at;
use crate::evidence::read_bounded;
use crate::exit::{Failure, Result};

const SERVE: &str = "serve";
/// Settings of the command line alone.
const NOT_IN_FILE: [&str; 4] = ["config", "print-config", "help", "version"];

/// What a file says, by the name of the flag.
type Settings = BTreeMap<String, Vec<String>>;

/// What was typed, with what the configuration says.
pub fn parse(words: &[OsString]) -> std::result::Result<Cli, clap::Error> {
    let typed = Cli::command().try_get_matches_from(words)?;
    let Some(path) = file(&typed) else { return finish(&typed, &Settings::new()) };
    let fail = |failure: Failure| Cli::command().error(clap::error::ErrorKind::Io, failure.message);
    let command = Cli::command();
    let settings = read(Path::new(&path), &command).map_err(fail)?;
    finish(&with_defaults(command, &settings).try_get_matches_from(words)?, &settings)
}

fn file(typed: &ArgMatches) -> Option<String> {
    let serve = typed.subcommand_matches(SERVE)?;
    serve.get_raw("config")?.next().map(|path| path.to_string_lossy().into_owned())
}

fn finish(typed: &ArgMatches, settings: &Settings) -> std::result::Result<Cli, clap::Error> {
    let mut cli = Cli::from_arg_matches(typed)?;
    typed.subcommand_name().unwrap_or_default().clone_into(&mut cli.name);
    if let (Typed::Serve(args), Some(serve)) = (&mut cli.command, typed.subcommand_matches(SERVE))
        && args.print_config
    {
        args.effective = effective(serve, settings);
    }
    Ok(cli)
}

/// Reads a file: a map of the names of flags to values. What is not known is said, with what was probably meant.
fn read(path: &Path, command: &Command) -> Result<Settings> {
    let wrong = |error: &dyn std::fmt::Display| Failure::usage(at(path, error));
    let limits = Limits::DEFAULT;
    let bytes = read_bounded(path, limits.document_bytes_max).map_err(|error| wrong(&error))?;
    let document = Document::parse_bytes(&bytes, &limits).map_err(|error| wrong(&error))?;
    let Value::Object(members) = document.value() else {
        return Err(wrong(&"expected a map of settings, such as `listen: 0.0.0.0:8080`"));
    };
    let known: Vec<&Arg> = settings_of(command).collect();
    let mut settings = Settings::new();
    for (name, value) in members {
        let place = engine::document::pointer("", name);
        let wrong = |message: String| wrong(&document.key_diagnostic(&place, message));
        let Some(argument) = known.iter().find(|one| one.get_long() == Some(name)) else {
            let names = known.iter().filter_map(|one| one.get_long());
            let meant = nearest(name, names);
            let meant =
                meant.map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"));
            return Err(wrong(format!("the setting `{name}` is not known{meant}")));
        };
        let values = texts(value).ok_or_else(|| {
            wrong(format!("`{name}` is a text, a number, `true`, or a list of texts"))
        })?;
        settings.insert(argument.get_id().to_string(), values);
    }
    Ok(settings)
}

/// The settings that a file may have.
fn settings_of(command: &Command) -> impl Iterator<Item = &Arg> {
    let serve = command.find_subcommand(SERVE).into_iter();
    serve.flat_map(Command::get_arguments).filter(|argument| {
        argument.get_long().is_some_and(|name| !NOT_IN_FILE.contains(&name))
            && !argument.is_global_set()
    })
}

fn texts(value: &Value) -> Option<Vec<String>> {
    let one = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    };
    match value {
        Value::Array(all) => all.iter().map(one).collect(),
        value => one(value).map(|text| vec![text]),
    }
}

fn with_defaults(command: Command, settings: &Settings) -> Command {
    command.mut_subcommand(SERVE, |mut serve| {
        for (name, values) in settings {
            serve = serve.mut_arg(name, |argument| argument.default_values(values.clone()));
        }
        serve
    })
}

/// Every setting that has a value, and where that comes from. A password in an address is not shown.
fn effective(serve: &ArgMatches, settings: &Settings) -> String {
    let command = Cli::command();
    let line = |argument: &Arg| {
        let (id, name) = (argument.get_id().as_str(), argument.get_long()?);
        let values: Vec<String> =
            serve.get_raw(id)?.map(|value| shown(&value.to_string_lossy())).collect();
        let from = match serve.value_source(id)? {
            ValueSource::CommandLine => format!("--{name}"),
            ValueSource::EnvVariable => argument.get_env()?.to_string_lossy().into_owned(),
            _ if settings.contains_key(id) => "the file".to_owned(),
            _ => "the default".to_owned(),
        };
        let value = match values.as_slice() {
            [one] => Value::from(one.as_str()),
            all => Value::from(all.to_vec()),
        };
        Some(format!("{name}: {value} # {from}\n"))
    };
    settings_of(&command).filter_map(line).collect()
}

fn shown(value: &str) -> String {
    let Ok(mut url) = Url::parse(value) else { return value.to_owned() };
    let mut hidden = url.password().is_some() && url.set_password(Some("...")).is_ok();
    if url.query().is_some_and(|query| query.contains("password")) {
        url.set_query(Some("..."));
        hidden = true;
    }
    if hidden { url.to_string() } else { value.to_owned() }
}
