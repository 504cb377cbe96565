//! Policies: Rego with a name, declared inputs and a digest.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::document::{Diagnostic, Document, InvalidDocument, nearest};
use crate::material::Kind;
use crate::rego::Module;
use crate::{Digest, Limits, Name, canonical, schema};

/// Files beside a contract, policy or gate, by the relative path under which it names them.
pub type Files = BTreeMap<String, String>;

/// A policy as its author wrote it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// Its name.
    pub name: Name,
    /// A short title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it demands, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The kinds of material that it can judge; any when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<Kind>,
    /// What it can be told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<Input>,
    /// Its Rego.
    pub modules: Vec<Module>,
}

/// One thing that a policy can be told through `with`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Its name; the policy reads it as `input.args.NAME`.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: InputType,
    /// What it means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The value when `with` gives none; an input without one is required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
}

/// The type of a declared input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InputType {
    /// A text.
    String,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A list.
    List,
    /// A map.
    Map,
}

#[derive(Deserialize)]
struct PolicyDocument {
    metadata: Metadata,
    spec: Spec,
}

#[derive(Deserialize)]
struct Metadata {
    name: Name,
    title: Option<String>,
    description: Option<String>,
}

#[derive(Deserialize)]
struct Spec {
    #[serde(default)]
    kinds: Vec<Kind>,
    #[serde(default)]
    inputs: Vec<Input>,
    rego: Option<String>,
    path: Option<String>,
}

impl Policy {
    /// Reads a `kind: Policy` document. A `path` in it names one of `files`.
    pub fn parse(document: &Document, files: &Files) -> Result<Self, InvalidDocument> {
        schema::check(&schema::POLICY_FORM, document)?;
        let policy: PolicyDocument = serde_json::from_value(document.value().clone())
            .map_err(|error| document.diagnostic("", error.to_string()))?;
        let module = policy.spec.module(document, &policy.metadata.name, files)?;
        Ok(Self {
            name: policy.metadata.name,
            title: policy.metadata.title,
            description: policy.metadata.description,
            kinds: policy.spec.kinds,
            inputs: policy.spec.inputs,
            modules: vec![module],
        })
    }

    /// A policy that is nothing but a Rego file: its name is the file's, it has no inputs.
    pub fn from_rego(path: &str, source: &str) -> Result<Self, InvalidDocument> {
        let file = path.rsplit('/').next().unwrap_or(path);
        let stem = file
            .strip_suffix(".rego")
            .unwrap_or(file)
            .replace(['_', '.'], "-")
            .to_ascii_lowercase();
        let name = stem.parse().map_err(|error| {
            Diagnostic::whole(format!("the file `{path}` cannot name a policy: {error}"))
        })?;
        Ok(Self {
            name,
            title: None,
            description: None,
            kinds: Vec::new(),
            inputs: Vec::new(),
            modules: vec![Module { path: path.to_owned(), source: source.to_owned() }],
        })
    }

    /// The digest of everything that it is.
    pub fn digest(&self) -> Result<Digest, canonical::CanonicalError> {
        canonical::digest(self)
    }

    /// The arguments that `with` makes: every declared input has its value or its default, and nothing else is given.
    pub fn arguments(&self, with: &Map<String, Value>) -> Result<Map<String, Value>, Vec<String>> {
        let mut problems = Vec::new();
        for name in with.keys().filter(|name| self.inputs.iter().all(|input| input.name != **name))
        {
            let known = self.inputs.iter().map(|input| input.name.as_str());
            let meant = nearest(name, known)
                .map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
            problems.push(format!("the policy `{}` has no input `{name}`{meant}", self.name));
        }
        let mut arguments = Map::new();
        for input in &self.inputs {
            match with.get(&input.name).or(input.default.as_ref()) {
                None => problems.push(format!(
                    "the policy `{}` needs a value for its input `{}`",
                    self.name, input.name
                )),
                Some(value) if !input.kind.admits(value) => problems.push(format!(
                    "the input `{}` of the policy `{}` must be a {}, not {value}",
                    input.name,
                    self.name,
                    input.kind.name()
                )),
                Some(value) => {
                    arguments.insert(input.name.clone(), value.clone());
                }
            }
        }
        if problems.is_empty() { Ok(arguments) } else { Err(problems) }
    }
}

impl Spec {
    fn module(
        &self,
        document: &Document,
        name: &Name,
        files: &Files,
    ) -> Result<Module, Diagnostic> {
        match (&self.rego, &self.path) {
            (Some(source), None) => {
                Ok(Module { path: format!("{name}.rego"), source: source.clone() })
            }
            (None, Some(path)) => files
                .get(path)
                .map(|source| Module { path: path.clone(), source: source.clone() })
                .ok_or_else(|| {
                    document.diagnostic(
                        "/spec/path",
                        format!("there is no file `{path}` beside this policy"),
                    )
                }),
            (Some(_), Some(_)) => Err(document
                .diagnostic("/spec", "`rego` and `path` stand here together")
                .with_hint("keep one")),
            (None, None) => Err(document
                .diagnostic("/spec", "the policy has no text")
                .with_hint("give it `rego` or `path`")),
        }
    }
}

impl InputType {
    const fn admits(self, value: &Value) -> bool {
        matches!(
            (self, value),
            (Self::String, Value::String(_))
                | (Self::Number, Value::Number(_))
                | (Self::Boolean, Value::Bool(_))
                | (Self::List, Value::Array(_))
                | (Self::Map, Value::Object(_))
        )
    }

    const fn name(self) -> &'static str {
        match self {
            Self::String => "text",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::List => "list",
            Self::Map => "map",
        }
    }
}

/// What Muster ships: the rules behind every contract, and policies to choose from.
#[derive(Debug, Clone, Default)]
pub struct Library {
    /// The rules that judge a contract's own demands.
    pub contract: Vec<Module>,
    /// Ready-made policies by name.
    pub policies: BTreeMap<Name, Policy>,
    /// Ready-made gate policies by name.
    pub gates: BTreeMap<Name, Policy>,
}

/// Finds what `use:` refers to: a policy of `shipped`, pinned or not, or a file.
pub(crate) fn find(
    reference: &str,
    shipped: &BTreeMap<Name, Policy>,
    files: &Files,
    limits: &Limits,
) -> Result<Policy, String> {
    if is_file(reference) {
        return from_file(reference, files, limits);
    }
    let (name, pin) =
        reference.split_once('@').map_or((reference, None), |(name, pin)| (name, Some(pin)));
    let Some(policy) = shipped.get(name) else {
        let meant = nearest(name, shipped.keys().map(Name::as_str));
        let meant = meant.map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
        return Err(format!(
            "there is no shipped policy `{name}`{meant} (a file's name ends in .rego, .yaml, .yml or .json)"
        ));
    };
    if let Some(pin) = pin {
        let pinned: Digest = pin.parse().map_err(|error| format!("`{reference}`: {error}"))?;
        let actual = policy.digest().map_err(|error| error.to_string())?;
        if pinned != actual {
            return Err(format!(
                "the shipped policy `{name}` has the digest {actual}, not the pinned {pinned}"
            ));
        }
    }
    Ok(policy.clone())
}

/// Whether a reference names a file rather than a shipped policy.
pub fn is_file(reference: &str) -> bool {
    [".rego", ".yaml", ".yml", ".json"].iter().any(|ending| reference.ends_with(ending))
}

/// Whether a file holds Rego.
pub(crate) fn is_module(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, ending)| ending == "rego")
}

fn from_file(path: &str, files: &Files, limits: &Limits) -> Result<Policy, String> {
    let text =
        files.get(path).ok_or_else(|| format!("there is no file `{path}` beside this document"))?;
    if is_module(path) {
        return Policy::from_rego(path, text).map_err(|error| error.to_string());
    }
    let document = Document::parse(text, limits).map_err(|error| format!("{path}:{error}"))?;
    // A policy document names its module relative to itself.
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let beside: Files = files
        .iter()
        .filter_map(|(name, text)| {
            let name = if folder.is_empty() {
                name.as_str()
            } else {
                name.strip_prefix(folder)?.strip_prefix('/')?
            };
            Some((name.to_owned(), text.clone()))
        })
        .collect();
    Policy::parse(&document, &beside).map_err(|error| format!("{path}:{error}"))
}
