//! What is different between two contracts, in the words of contracts: a material by its name, a policy by what it uses.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Compiled;
use crate::Digest;

/// One difference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// Where, such as `materials/sbom/optional`.
    pub at: String,
    /// What was there; absent when there was nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What is there now; absent when there is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// Everything that is different, in the order of its place. With the same digest there is nothing; else there is something,
/// and be it only in a file that both name.
pub fn differences(
    before: &Compiled,
    after: &Compiled,
) -> Result<Vec<Difference>, serde_json::Error> {
    let mut found = Vec::new();
    if before.digest == after.digest {
        return Ok(found);
    }
    compare("", Some(&described(before)?), Some(&described(after)?), &mut found);
    if found.is_empty() {
        let digest = |one: &Compiled| Some(Value::String(one.digest.to_string()));
        let (before, after) = (digest(before), digest(after));
        found.push(Difference { at: "digest".to_owned(), before, after });
    }
    Ok(found)
}

/// A contract as it was written, lists of named things by their names, and each policy with the digest of its modules.
fn described(compiled: &Compiled) -> Result<Value, serde_json::Error> {
    let mut value = serde_json::to_value(&compiled.contract)?;
    if let Some(policies) = value.get_mut("policies").and_then(Value::as_array_mut) {
        for (policy, attachment) in policies.iter_mut().zip(compiled.attachments()) {
            if let Some(members) = policy.as_object_mut() {
                let name = attachment.policy.name.to_string();
                members.insert("name".to_owned(), subject(name, members.get("on")).into());
                let modules = Digest::of(serde_json::to_vec(&attachment.policy.modules)?);
                members.insert("modules".to_owned(), modules.to_string().into());
            }
        }
    }
    Ok(by_name(value))
}

/// A policy that judges several materials is several.
fn subject(name: String, on: Option<&Value>) -> String {
    let on = on.and_then(Value::as_object).and_then(|on| on.values().next());
    match on.and_then(Value::as_str) {
        Some(on) => format!("{name} on {on}"),
        None => name,
    }
}

/// The same value, in which a list of things with different names is an object of them.
fn by_name(value: Value) -> Value {
    match value {
        Value::Array(items) => {
            let names = items.iter().filter_map(|item| item.get("name")?.as_str());
            let different: BTreeSet<&str> = names.collect();
            if different.is_empty() || different.len() != items.len() {
                return Value::Array(items.into_iter().map(by_name).collect());
            }
            let entry = |mut item: Value| {
                let members = item.as_object_mut()?;
                let name = members.remove("name")?.as_str()?.to_owned();
                Some((name, by_name(item)))
            };
            Value::Object(items.into_iter().filter_map(entry).collect())
        }
        Value::Object(members) => {
            Value::Object(members.into_iter().map(|(key, value)| (key, by_name(value))).collect())
        }
        other => other,
    }
}

fn compare(at: &str, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Difference>) {
    if before == after {
        return;
    }
    if let (Some(Value::Object(old)), Some(Value::Object(new))) = (before, after) {
        for key in keys(old, new) {
            let inner = if at.is_empty() { key.to_owned() } else { format!("{at}/{key}") };
            compare(&inner, old.get(key), new.get(key), found);
        }
        return;
    }
    found.push(Difference { at: at.to_owned(), before: before.cloned(), after: after.cloned() });
}

/// The keys of both, each once, in order.
fn keys<'a>(old: &'a Map<String, Value>, new: &'a Map<String, Value>) -> Vec<&'a str> {
    let mut keys: Vec<&str> = old.keys().chain(new.keys()).map(String::as_str).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}
