//! Which material each piece of evidence is.

use std::collections::BTreeSet;

use engine::Name;
use engine::contract::Contract;

use super::reading::Found;
use crate::exit::{Failure, Result};

/// The names of `found`, in order: as given, else the one material of that kind which is still open, else the file's.
pub(super) fn name(found: &[Found], contract: &Contract) -> Result<Vec<Name>> {
    let mut taken: BTreeSet<Name> = BTreeSet::new();
    for name in found.iter().filter_map(|found| found.given.name.as_ref()) {
        if !taken.insert(name.clone()) {
            return Err(Failure::usage(format!("the material `{name}` was given twice")));
        }
    }
    let mut names = Vec::with_capacity(found.len());
    for found in found {
        let name = match &found.given.name {
            Some(name) => name.clone(),
            None => by_kind(found, contract, &taken)?,
        };
        taken.insert(name.clone());
        names.push(name);
    }
    Ok(names)
}

fn by_kind(found: &Found, contract: &Contract, taken: &BTreeSet<Name>) -> Result<Name> {
    let open: Vec<&Name> = contract
        .materials
        .iter()
        .filter(|demand| demand.kind == found.kind && !taken.contains(&demand.name))
        .map(|demand| &demand.name)
        .collect();
    match open.as_slice() {
        [only] => Ok((*only).clone()),
        [] => after_file(&found.given.source, taken),
        several => {
            let names: Vec<&str> = several.iter().map(|name| name.as_str()).collect();
            let message = format!(
                "`{}` ({}) could be any of {}",
                found.given.source,
                found.kind,
                names.join(", ")
            );
            let first = names.first().copied().unwrap_or("NAME");
            Err(Failure::usage(message)
                .with_hint(format!("say which: {first}={}", found.given.source)))
        }
    }
}

/// A name made of the file's, numbered if it is taken.
fn after_file(source: &str, taken: &BTreeSet<Name>) -> Result<Name> {
    let file = source.rsplit('/').next().unwrap_or(source).to_ascii_lowercase();
    let legal = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let stem: String = file.chars().map(legal).take(50).collect();
    let stem = stem.trim_matches('-');
    let stem = if stem.is_empty() { "material" } else { stem };
    (0..=taken.len())
        .map(|number| if number == 0 { stem.to_owned() } else { format!("{stem}-{number}") })
        .find_map(|name| name.parse().ok().filter(|name| !taken.contains(name)))
        .ok_or_else(|| {
            Failure::usage(format!("`{source}` makes no name")).with_hint("give it one: NAME=FILE")
        })
}
