//! From a request to an answer, free of any transport.

use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, OperationDefinition, OperationType,
};
use async_graphql::{Context, Result, ServerError, Variables};
use control::{Actor, Control, LineageQuestion};
use serde_json::{Map, Value, json};

use crate::attestation::Attestation;
use crate::error::{CODE, convert};
use crate::lineage::Lineage;
use crate::run::Run;
use crate::{Schema, guard, variables};

/// What is asked.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The document.
    pub query: String,
    /// The operation to execute, needed when the document has several.
    pub operation_name: Option<String>,
    /// The values of its variables.
    pub variables: Map<String, Value>,
}

/// A request whose document was parsed and is within the limits.
#[derive(Debug)]
pub struct Question {
    request: Request,
    document: ExecutableDocument,
}

/// The answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The response: `data`, `errors`. Without `data` when nothing was executed.
    pub body: Value,
    /// False when the request itself is wrong: it does not parse, validate, or its variables do not fit.
    pub executed: bool,
}

impl Question {
    /// Parses within the limits, or answers why not.
    pub fn new(request: Request) -> Result<Self, Answer> {
        let document = guard::parse(&request.query).map_err(|refusal| match &refusal {
            guard::Refusal::Syntax(error) => Answer::refused(&error.to_string(), refusal.code()),
            _ => Answer::refused(&refusal.to_string(), refusal.code()),
        })?;
        let question = Self { request, document };
        let operation = question.operation().ok_or_else(|| {
            Answer::refused("`operationName` must name one of the document's operations", "invalid")
        })?;
        variables::check(operation, &question.request.variables)
            .map_err(|message| Answer::refused(&message, "invalid"))?;
        Ok(question)
    }

    /// Whether it only reads.
    pub fn is_query(&self) -> bool {
        self.operation().is_some_and(|operation| operation.ty == OperationType::Query)
    }

    fn operation(&self) -> Option<&OperationDefinition> {
        let name = self.request.operation_name.as_deref();
        match (&self.document.operations, name) {
            (DocumentOperations::Single(operation), None) => Some(&operation.node),
            (DocumentOperations::Single(_), Some(_)) => None,
            (DocumentOperations::Multiple(operations), Some(name)) => {
                operations.get(name).map(|found| &found.node)
            }
            (DocumentOperations::Multiple(operations), None) => operations
                .values()
                .next()
                .filter(|_| operations.len() == 1)
                .map(|found| &found.node),
        }
    }
}

/// Executes a question as `actor`.
pub async fn execute(
    schema: &Schema,
    control: &Control,
    actor: Actor,
    question: Question,
) -> Answer {
    let Question { request, document } = question;
    let variables = Variables::from_json(Value::Object(request.variables));
    let mut prepared = async_graphql::Request::new(request.query).variables(variables);
    prepared.operation_name = request.operation_name;
    prepared.set_parsed_query(document);
    let asker = Asker { control: control.clone(), actor };
    let response = schema.execute(prepared.data(asker)).await;
    // Only errors of fields have a path. Without one, nothing was executed.
    let executed =
        response.errors.is_empty() || response.errors.iter().any(|error| !error.path.is_empty());
    let errors: Vec<Value> = response.errors.into_iter().map(coded).collect();
    let mut body = Map::new();
    if executed {
        body.insert("data".to_owned(), response.data.into_json().unwrap_or_default());
    }
    if !errors.is_empty() {
        body.insert("errors".to_owned(), Value::Array(errors));
    }
    Answer { body: Value::Object(body), executed }
}

/// An error as JSON; one without a code comes from validation.
fn coded(mut error: ServerError) -> Value {
    let extensions = error.extensions.get_or_insert_default();
    if extensions.get(CODE).is_none() {
        extensions.set(CODE, "invalid");
    }
    json!(error)
}

impl Answer {
    /// The answer to a request that is wrong.
    pub fn refused(message: &str, code: &str) -> Self {
        let body = json!({ "errors": [{ "message": message, "extensions": { CODE: code } }] });
        Self { body, executed: false }
    }
}

/// Who asks whom; the data of every request.
#[derive(Debug)]
pub(crate) struct Asker {
    pub control: Control,
    pub actor: Actor,
}

impl Asker {
    pub(crate) fn of<'a>(context: &Context<'a>) -> Result<&'a Self> {
        context.data::<Self>()
    }

    pub(crate) async fn run(&self, id: engine::id::RunId) -> Result<Run> {
        self.control.run(&self.actor, id).await.map(Run).map_err(convert)
    }

    pub(crate) async fn attestation(&self, digest: engine::Digest) -> Result<Attestation> {
        self.control.attestation(&self.actor, digest).await.map(Attestation).map_err(convert)
    }

    pub(crate) async fn lineage(&self, question: LineageQuestion) -> Result<Lineage> {
        self.control.lineage(&self.actor, question).await.map(Lineage).map_err(convert)
    }
}
