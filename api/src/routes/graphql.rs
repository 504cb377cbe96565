//! GraphQL over HTTP, as [its draft](https://graphql.github.io/graphql-over-http/draft/) has it: JSON bodies only, so that
//! no form of another site can ask; GET for queries only; one request at a time.

use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use graphql::{Answer, Question, Request};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::App;
use crate::denial::Denied;
use crate::error::Failure;
use crate::extract::{Caller, Json, Query};

/// The body of a request. `extensions` is read for its shape only: there are none.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Asked {
    query: String,
    operation_name: Option<String>,
    variables: Option<Map<String, Value>>,
    #[serde(rename = "extensions")]
    _extensions: Option<Map<String, Value>>,
}

/// The same in the query of an address, where maps are JSON texts.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AskedInQuery {
    query: String,
    operation_name: Option<String>,
    variables: Option<String>,
    extensions: Option<String>,
}

/// What an answer may be sent as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Graphql,
}

pub(crate) async fn post(
    caller: Caller,
    State(app): State<App>,
    headers: HeaderMap,
    Json(asked): Json<Asked>,
) -> Result<Response, Failure> {
    let form = Form::accepted(&headers)?;
    answer(form, Question::new(asked.into()), caller, &app).await
}

pub(crate) async fn get(
    caller: Caller,
    State(app): State<App>,
    headers: HeaderMap,
    Query(asked): Query<AskedInQuery>,
) -> Result<Response, Failure> {
    let form = Form::accepted(&headers)?;
    let question = Question::new(asked.parse()?.into());
    if question.as_ref().is_ok_and(|question| !question.is_query()) {
        return Err(Failure::post_only("GET answers queries only: send anything else with POST"));
    }
    answer(form, question, caller, &app).await
}

pub(crate) async fn page() -> Html<String> {
    Html(graphql::graphiql("/graphql"))
}

async fn answer(
    form: Form,
    question: Result<Question, Answer>,
    Caller { control, actor }: Caller,
    app: &App,
) -> Result<Response, Failure> {
    let answer = match question {
        Ok(question) => graphql::execute(&app.schema, &control, actor, question).await,
        Err(refusal) => refusal,
    };
    // The older media type answers 200 to whatever is well-formed HTTP, so that clients look into the body.
    let status = if answer.executed || form == Form::Json {
        StatusCode::OK
    } else {
        StatusCode::BAD_REQUEST
    };
    let mut response =
        (status, [(CONTENT_TYPE, form.media_type())], answer.body.to_string()).into_response();
    if let Some(denied) = denied(&answer.body) {
        response.extensions_mut().insert(denied);
    }
    Ok(response)
}

/// The first field that the asker was denied, for auditors: to GraphQL it is an answer like any other.
fn denied(body: &Value) -> Option<Denied> {
    let mut errors = body.get("errors")?.as_array()?.iter();
    let forbidden = errors
        .find(|error| error.pointer("/extensions/code") == Some(&Value::from("forbidden")))?;
    let text =
        |pointer: &str| forbidden.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    Some(Denied { what: text("/path/0").to_owned(), reason: text("/message").to_owned() })
}

impl Form {
    /// What the client accepts; the newer form only where it is named.
    fn accepted(headers: &HeaderMap) -> Result<Self, Failure> {
        let values: Vec<&str> =
            headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
        let accepted = |wanted: &[&str]| {
            let ranges = values.iter().flat_map(|value| value.split(','));
            ranges.map(|range| range.split(';').map(str::trim)).any(|mut parts| {
                let named = parts
                    .next()
                    .is_some_and(|range| wanted.iter().any(|it| it.eq_ignore_ascii_case(range)));
                named && !parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
            })
        };
        if accepted(&["application/graphql-response+json"]) {
            return Ok(Self::Graphql);
        }
        if values.is_empty() || accepted(&["application/json", "application/*", "*/*"]) {
            return Ok(Self::Json);
        }
        let detail = "answers are sent as application/graphql-response+json or application/json";
        Err(Failure::new("not-acceptable", detail))
    }

    const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json; charset=utf-8",
            Self::Graphql => "application/graphql-response+json; charset=utf-8",
        }
    }
}

impl From<Asked> for Request {
    fn from(asked: Asked) -> Self {
        Self {
            query: asked.query,
            operation_name: asked.operation_name,
            variables: asked.variables.unwrap_or_default(),
        }
    }
}

impl AskedInQuery {
    fn parse(self) -> Result<Asked, Failure> {
        let map = |name: &str, text: Option<String>| {
            let parsed = text
                .filter(|text| !text.is_empty())
                .map(|text| serde_json::from_str::<Option<Map<_, _>>>(&text));
            let wrong =
                |error| Failure::new("invalid", format!("`{name}` is not a JSON map: {error}"));
            parsed.transpose().map(Option::flatten).map_err(wrong)
        };
        Ok(Asked {
            query: self.query,
            operation_name: self.operation_name.filter(|name| !name.is_empty()),
            variables: map("variables", self.variables)?,
            _extensions: map("extensions", self.extensions)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_follows_from_what_is_accepted() {
        for (accept, expected) in [
            (None, Some(Form::Json)),
            (Some("*/*"), Some(Form::Json)),
            (Some("application/json"), Some(Form::Json)),
            (Some("application/graphql-response+json"), Some(Form::Graphql)),
            (
                Some("application/graphql-response+json; charset=utf-8, application/json;q=0.9"),
                Some(Form::Graphql),
            ),
            (Some("application/graphql-response+json;q=0, application/json"), Some(Form::Json)),
            (Some("text/html"), None),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(ACCEPT, accept.parse().unwrap());
            }
            assert_eq!(Form::accepted(&headers).ok(), expected, "{accept:?}");
        }
    }
}
