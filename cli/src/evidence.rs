//! Evidence as it is named on the command line: files, image references, image layouts, texts.

mod naming;
mod reading;

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use engine::contract::Contract;
use engine::judge::Exhibit;
use engine::{Limits, Name};
pub(crate) use reading::{hash, read_bounded};

use crate::exit::{Failure, Result};

/// `[NAME=]SOURCE`, as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// The material that it is; matched by its kind when absent.
    pub name: Option<Name>,
    /// A file, a directory with an image layout, `IMAGE@sha256:…`, `text:…`, or `-`.
    pub source: String,
}

/// A piece of evidence that was read, with its bytes at hand for whoever pushes them.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// What it is, and what is known of it.
    pub exhibit: Exhibit,
    /// Its bytes, or where they are.
    pub content: Content,
    /// The file as it was named, for reports.
    pub path: String,
}

/// The bytes of a piece of evidence.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// In memory.
    Bytes(Arc<[u8]>),
    /// In a file too large to hold, or of no interest to policies.
    File(PathBuf),
    /// Elsewhere: only the digest is recorded.
    Reference,
}

impl FromStr for Given {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        if text.is_empty() {
            return Err("expected [NAME=]FILE".to_owned());
        }
        // Only a valid name before the first `=` is a name: paths may hold `=` too.
        if let Some((name, source)) = text.split_once('=')
            && let Ok(name) = name.parse::<Name>()
        {
            if source.is_empty() {
                return Err(format!("after `{name}=` a file, an image or a text is missing"));
            }
            return Ok(Self { name: Some(name), source: source.to_owned() });
        }
        Ok(Self { name: None, source: text.to_owned() })
    }
}

/// Reads everything that was given, in parallel, and names it after the contract's materials.
pub(crate) fn gather(given: &[Given], contract: &Contract, limits: &Limits) -> Result<Vec<Item>> {
    if given.len() > limits.materials_max {
        let message = format!(
            "{} pieces of evidence were given, more than the limit of {}",
            given.len(),
            limits.materials_max
        );
        return Err(Failure::usage(message));
    }
    if given.iter().filter(|given| given.source == "-").count() > 1 {
        return Err(Failure::usage("the standard input was given twice")
            .with_hint("give all but one as files"));
    }
    let found = control::judge::in_parallel(given, |given| reading::find(given, contract, limits));
    let found = found.into_iter().collect::<Result<Vec<_>>>()?;
    let names = naming::name(&found, contract)?;
    let labelled: Vec<_> = found.into_iter().zip(names).collect();
    Ok(control::judge::in_parallel(&labelled, |(found, name)| found.read(name.clone(), limits)))
}
