//! The shipped policies, read into the engine.

use std::collections::BTreeMap;

use engine::document::Document;
use engine::policy::{Files, Library, Policy};
use engine::rego::Module;
use engine::{Limits, Name};

use crate::Error;

/// Everything that Muster ships. It is the same in the server and in the command line.
pub fn library() -> Result<Library, Error> {
    let contract = policies::CONTRACT
        .iter()
        .map(|(path, source)| Module { path: (*path).to_owned(), source: (*source).to_owned() })
        .collect();
    Ok(Library { contract, policies: read(policies::POLICIES)?, gates: read(policies::GATES)? })
}

fn read(sources: &[policies::Source]) -> Result<BTreeMap<Name, Policy>, Error> {
    sources
        .iter()
        .map(|source| {
            let files = Files::from([("policy.rego".to_owned(), source.rego.to_owned())]);
            let document =
                Document::parse(source.policy, &Limits::DEFAULT).map_err(Error::internal)?;
            let policy = Policy::parse(&document, &files).map_err(Error::internal)?;
            Ok((policy.name.clone(), policy))
        })
        .collect()
}
