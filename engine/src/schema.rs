//! JSON Schema, our CUE-like half: the shape of our own documents, and of evidence where a contract asks for it.
//!
//! The only file that names the validator. A schema never reaches the network or the file system: a `$ref` finds
//! what was handed in, or is an error.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{Draft, PatternOptions, Retrieve, Uri, ValidationError, Validator};
use serde_json::Value;

use crate::document::{Diagnostic, Document, InvalidDocument, nearest, pointer};

/// The published schema of `kind: Contract`.
pub const CONTRACT: &str = include_str!("schema/contract.schema.json");
/// The published schema of `kind: Policy`.
pub const POLICY: &str = include_str!("schema/policy.schema.json");
/// The published schema of `kind: Gate`.
pub const GATE: &str = include_str!("schema/gate.schema.json");
/// The published schema of `kind: Waiver`.
pub const WAIVER: &str = include_str!("schema/waiver.schema.json");
/// The published schema of `kind: TrustRule`.
pub const TRUST_RULE: &str = include_str!("schema/trust-rule.schema.json");
/// The published schema of `kind: TrustRoot`.
pub const TRUST_ROOT: &str = include_str!("schema/trust-root.schema.json");
/// The published schema of `kind: Workflow`.
pub const WORKFLOW: &str = include_str!("schema/workflow.schema.json");

/// The compiled form of one kind of document, made when the first of them is read.
type Form = LazyLock<Result<Schema, InvalidSchema>>;

/// The form of every contract.
pub(crate) static CONTRACT_FORM: Form = LazyLock::new(|| form(CONTRACT));
/// The form of every policy.
pub(crate) static POLICY_FORM: Form = LazyLock::new(|| form(POLICY));
/// The form of every gate.
pub(crate) static GATE_FORM: Form = LazyLock::new(|| form(GATE));
/// The form of every waiver.
pub(crate) static WAIVER_FORM: Form = LazyLock::new(|| form(WAIVER));
/// The form of every trust rule.
pub(crate) static TRUST_RULE_FORM: Form = LazyLock::new(|| form(TRUST_RULE));
/// The form of every trust root.
pub(crate) static TRUST_ROOT_FORM: Form = LazyLock::new(|| form(TRUST_ROOT));
/// The form of every workflow.
pub(crate) static WORKFLOW_FORM: Form = LazyLock::new(|| form(WORKFLOW));

/// The published schemas refer to each other by file name; so do they here.
fn form(source: &str) -> Result<Schema, InvalidSchema> {
    let parse = |text: &str| -> Result<Value, InvalidSchema> {
        let mut schema: Value =
            serde_json::from_str(text).map_err(|error| InvalidSchema(error.to_string()))?;
        // Its published address would make the reference one that has to be fetched.
        schema.as_object_mut().and_then(|members| members.remove("$id"));
        Ok(schema)
    };
    let beside = [("policy.schema.json".to_owned(), parse(POLICY)?.to_string())];
    Schema::compile(&parse(source)?, &beside.into())
}

/// Checks one of our own documents against its form.
pub(crate) fn check(form: &Form, document: &Document) -> Result<(), InvalidDocument> {
    match &**form {
        Ok(schema) => schema.check(document),
        Err(error) => Err(Diagnostic::whole(error.to_string()).into()),
    }
}

/// A compiled JSON Schema.
pub struct Schema {
    validator: Validator,
    source: Value,
}

/// Why a text is not a usable JSON Schema.
#[derive(Debug, thiserror::Error)]
#[error("this is not a usable JSON Schema: {0}")]
pub struct InvalidSchema(String);

/// One place where a value does not satisfy a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The JSON Pointer of the offending value.
    pub pointer: String,
    /// What was expected there.
    pub message: String,
}

/// Base of the addresses under which the files beside a contract are known to its schemas.
const BASE: &str = "muster:///";

impl Schema {
    /// Compiles `source`. A relative `$ref` names one of `files`.
    pub fn compile(
        source: &Value,
        files: &BTreeMap<String, String>,
    ) -> Result<Self, InvalidSchema> {
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .with_base_uri(BASE)
            .with_retriever(Files(files.clone()))
            .with_pattern_options(PatternOptions::regex().size_limit(1 << 20))
            .should_validate_formats(true)
            .build(source)
            .map_err(|error| InvalidSchema(error.to_string()))?;
        Ok(Self { validator, source: source.clone() })
    }

    /// Where `value` does not satisfy this schema, at most `max` places.
    pub fn mismatches(&self, value: &Value, max: usize) -> Vec<Mismatch> {
        self.validator
            .iter_errors(value)
            .take(max)
            .map(|error| Mismatch {
                pointer: error.instance_path().as_str().to_owned(),
                message: plain_message(&error),
            })
            .collect()
    }

    /// Checks one of our own documents and says everything that is wrong with it, with places and suggestions.
    pub fn check(&self, document: &Document) -> Result<(), InvalidDocument> {
        let mut diagnostics = Vec::new();
        for error in self.validator.iter_errors(document.value()) {
            self.explain(document, &error, &mut diagnostics);
        }
        InvalidDocument::unless_empty(diagnostics)
    }

    fn explain(&self, document: &Document, error: &ValidationError<'_>, out: &mut Vec<Diagnostic>) {
        let at = error.instance_path().as_str();
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected }
            | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
                let known = self.known_keys(error);
                for key in unexpected {
                    let unknown = document.key_diagnostic(
                        &pointer(at, key),
                        format!("the key `{key}` is not known here"),
                    );
                    out.push(match nearest(key, known.iter().map(String::as_str)) {
                        Some(name) => unknown.with_hint(format!("did you mean `{name}`?")),
                        None => unknown.with_hint(format!("known keys are {}", list(&known))),
                    });
                }
            }
            ValidationErrorKind::OneOfNotValid { context }
            | ValidationErrorKind::AnyOf { context } => {
                // The branch that fails deepest is the one that was meant.
                let meant = context.iter().max_by_key(|errors| {
                    errors
                        .iter()
                        .map(|error| error.instance_path().as_str().len())
                        .max()
                        .unwrap_or(0)
                });
                match meant.filter(|errors| !errors.is_empty()) {
                    Some(errors) => {
                        for error in errors {
                            self.explain(document, error, out);
                        }
                    }
                    None => out.push(document.diagnostic(at, plain_message(error))),
                }
            }
            _ => out.push(document.diagnostic(at, plain_message(error))),
        }
    }

    /// The keys that the schema object of a failed `additionalProperties` does know.
    fn known_keys(&self, error: &ValidationError<'_>) -> Vec<String> {
        let path = error.schema_path().as_str();
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        self.source
            .pointer(parent)
            .and_then(|schema| schema.get("properties"))
            .and_then(Value::as_object)
            .map(|properties| properties.keys().cloned().collect())
            .unwrap_or_default()
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schema").field("source", &self.source).finish_non_exhaustive()
    }
}

fn plain_message(error: &ValidationError<'_>) -> String {
    match error.kind() {
        ValidationErrorKind::Required { property } => format!("the key {property} is missing"),
        ValidationErrorKind::Type { kind } => {
            format!("expected {}, found {}", expected_type(kind), found_type(error.instance()))
        }
        ValidationErrorKind::Enum { options } => {
            let options = options.as_array().into_iter().flatten().map(ToString::to_string);
            let options: Vec<String> = options.collect();
            let text = error.instance().as_str().unwrap_or_default();
            let names = options.iter().map(|option| option.trim_matches('"'));
            let meant = nearest(text, names).map_or_else(
                || format!("expected one of {}", options.join(", ")),
                |name| format!("did you mean `{name}`?"),
            );
            format!("{} is not known here; {meant}", error.instance())
        }
        ValidationErrorKind::Constant { expected_value } => {
            format!("expected {expected_value}, found {}", error.instance())
        }
        _ => error.to_string(),
    }
}

fn expected_type(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(kind) => format!("a value of type {kind}"),
        TypeKind::Multiple(kinds) => {
            let kinds: Vec<String> = kinds.iter().map(|kind| kind.to_string()).collect();
            format!("a value of type {}", kinds.join(" or "))
        }
    }
}

fn found_type(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(value) => format!("the boolean {value}"),
        Value::Number(value) => format!("the number {value}"),
        Value::String(value) => {
            format!("the text \"{}\"", value.chars().take(60).collect::<String>())
        }
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a map".to_owned(),
    }
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Answers a `$ref` from the files that came with the contract, and from nowhere else.
struct Files(BTreeMap<String, String>);

impl Retrieve for Files {
    fn retrieve(
        &self,
        uri: &Uri<String>,
    ) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let name = uri.as_str().strip_prefix(BASE).ok_or_else(|| {
            format!("`{uri}` would have to be fetched, and schemas are read offline: put it beside the contract")
        })?;
        let text = self
            .0
            .get(name)
            .ok_or_else(|| format!("there is no file `{name}` beside the contract"))?;
        Ok(Document::parse(text, &crate::Limits::DEFAULT)?.into_value())
    }
}
