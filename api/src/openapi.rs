//! The `OpenAPI` 3.1 document, made from the table of routes and the types of `api-types`.

use std::collections::BTreeMap;

use api_types as types;
use engine::Limits;
use serde_json::{Map, Value, json};
use utoipa::{PartialSchema, ToSchema};

use crate::extract::FORM;
use crate::problem;
use crate::routes::{Access, Answer, Body, Parameter, ROUTES, Route};

/// The document.
pub fn document() -> Value {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for route in ROUTES {
        paths.entry(route.path).or_default().insert(route.method.to_lowercase(), operation(route));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Muster",
            "description": "The control plane of a software supply chain. Digests are `sha256:` and 64 lower-case hexadecimal digits; times are RFC 3339 in UTC.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "responses": {
                "Problem": {
                    "description": problems(),
                    "content": { types::PROBLEM_MEDIA_TYPE: { "schema": reference("Problem") } },
                },
            },
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer", "bearerFormat": "muster_pat_…" } },
        },
    })
}

fn operation(route: &Route) -> Value {
    let mut operation = json!({
        "operationId": identifier(route),
        "summary": route.summary,
        "security": security(route.access),
        "parameters": parameters(route),
        "responses": { route.status.to_string(): answer(route), "default": { "$ref": "#/components/responses/Problem" } },
    });
    if let (Some(body), Some(map)) = (request_body(route.body), operation.as_object_mut()) {
        map.insert("requestBody".to_owned(), body);
    }
    if let (Some(scopes), Some(map)) = (scopes(route.access), operation.as_object_mut()) {
        let once = if route.has_effects() { ONCE } else { "" };
        map.insert("description".to_owned(), Value::String(scopes + once));
    }
    operation
}

/// What an operation says that takes an `Idempotency-Key`. It is no parameter of the document: what is right of a key is
/// that it is another for another request, and that no schema can say.
const ONCE: &str = " A request with an `Idempotency-Key` is done once: sent again within a day it gets the answer that it got, \
with `Idempotency-Replayed: true`; another request under the same key gets 422.";

/// The method and the path as one word.
fn identifier(route: &Route) -> String {
    let words = route.path.split(['/', '.']).filter(|word| !word.is_empty() && *word != "v1");
    let words = words.map(|word| word.trim_matches(['{', '}']));
    std::iter::once(route.method.to_lowercase().as_str()).chain(words).collect::<Vec<_>>().join("_")
}

fn security(access: Access) -> Value {
    match access {
        Access::Public | Access::IdentityToken => json!([]),
        Access::Token | Access::May(_) => json!([{ "token": [] }]),
    }
}

fn scopes(access: Access) -> Option<String> {
    let Access::May(permission) = access else { return None };
    let scopes: Vec<String> =
        permission.scopes().iter().map(|scope| format!("`{scope}`")).collect();
    let mut role = permission.role().map_or_else(
        || "no person has it".to_owned(),
        |least| format!("a person by the role `{least}` or a higher one"),
    );
    if let Some(least) = permission.project_role() {
        role = format!("{role}, and in a project by the role `{least}` or a higher one there");
    }
    Some(format!(
        "Needs the permission `{permission}`, which a token has by the scope {}; {role}.",
        scopes.join(" or ")
    ))
}

fn parameters(route: &Route) -> Value {
    let path = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let path = path.map(
        |name| json!({ "name": name, "in": "path", "required": true, "schema": path_schema(name) }),
    );
    let query = route.query.iter().map(|(name, kind)| {
        let required = *kind == Parameter::Needed;
        json!({ "name": name, "in": "query", "required": required, "schema": query_schema(*kind) })
    });
    path.chain(query).collect()
}

/// What a part of a path is, by its name.
fn path_schema(name: &str) -> Value {
    match name {
        "id" => json!({ "type": "string", "format": "uuid" }),
        "digest" => reference("Digest"),
        "version" => reference("Version"),
        _ => reference("Name"),
    }
}

fn query_schema(kind: Parameter) -> Value {
    match kind {
        Parameter::Text | Parameter::Needed => json!({ "type": "string" }),
        Parameter::Id => json!({ "type": "string", "format": "uuid" }),
        Parameter::Count => json!({ "type": "integer", "minimum": 0, "maximum": u64::MAX }),
        Parameter::Within(least, most) => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
        Parameter::Limit => {
            json!({ "type": "integer", "minimum": 1, "maximum": Limits::DEFAULT.page_max })
        }
        Parameter::Time => json!({ "type": "string", "format": "date-time" }),
        Parameter::Truth => json!({ "type": "boolean" }),
        Parameter::OneOf(values) => json!({ "type": "string", "enum": values }),
        Parameter::Form(name) => reference(name),
    }
}

fn request_body(body: Body) -> Option<Value> {
    let content = match body {
        Body::None | Body::Streamed => return None,
        Body::Json(name) => json!({ "application/json": { "schema": reference(name) } }),
        Body::Form(name) => json!({ FORM: { "schema": reference(name) } }),
        Body::Bundle => json!({ types::BUNDLE_MEDIA_TYPE: {}, "application/json": {} }),
        Body::Bytes => json!({ "application/octet-stream": {} }),
    };
    Some(json!({ "required": true, "content": content }))
}

fn answer(route: &Route) -> Value {
    let description = route.summary;
    match route.answer {
        Answer::Nothing => json!({ "description": description }),
        Answer::Json(name) => {
            json!({ "description": description, "content": { "application/json": { "schema": reference(name) } } })
        }
        Answer::List(name) => {
            let next = json!({ "type": "string", "description": "What to send as `after` for the next page; absent on the last." });
            let items = json!({ "type": "array", "items": reference(name) });
            let schema = json!({ "type": "object", "required": ["items"], "properties": { "items": items, "next": next } });
            json!({ "description": description, "content": { "application/json": { "schema": schema } } })
        }
        Answer::Other(media_type) => {
            json!({ "description": description, "content": { media_type: {} } })
        }
    }
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn problems() -> String {
    let kinds = problem::KINDS
        .iter()
        .map(|kind| format!("- `{}` ({}): {}", kind.code, kind.status, kind.title));
    format!("Why the request was not done, by `code`:\n{}", kinds.collect::<Vec<_>>().join("\n"))
}

fn schemas() -> BTreeMap<String, Value> {
    let mut schemas = BTreeMap::new();
    judged(&mut schemas);
    managed(&mut schemas);
    let map = json!({ "type": ["object", "null"] });
    let properties = json!({
        "query": { "type": "string" },
        "operationName": { "type": ["string", "null"] },
        "variables": map,
        "extensions": map,
    });
    let graphql = json!({ "type": "object", "required": ["query"], "properties": properties });
    schemas.insert("GraphqlRequest".to_owned(), graphql);
    schemas
}

/// What runs are judged by, and what comes of it.
fn judged(out: &mut BTreeMap<String, Value>) {
    add::<types::form::Name>(out);
    add::<types::form::Digest>(out);
    add::<types::form::WorkflowPath>(out);
    add::<types::form::Grant>(out);
    add::<types::form::Version>(out);
    add::<types::Attestation>(out);
    add::<types::Receipt>(out);
    add::<types::AuditEvent>(out);
    add::<types::AuditHead>(out);
    add::<types::Subject>(out);
    add::<types::Blob>(out);
    add::<types::ContractRevision>(out);
    add::<types::PutDocument>(out);
    add::<types::Decide>(out);
    add::<types::Decisions>(out);
    add::<types::GateRevision>(out);
    add::<types::Identity>(out);
    add::<types::Place>(out);
    add::<types::Problem>(out);
    add::<types::CreateProject>(out);
    add::<types::Project>(out);
    add::<types::ProjectVersion>(out);
    add::<types::CancelRun>(out);
    add::<types::FailRun>(out);
    add::<types::OpenRun>(out);
    add::<types::OpenedRun>(out);
    add::<types::Crafting>(out);
    add::<types::Crafted>(out);
    add::<types::Added>(out);
    add::<types::Run>(out);
    add::<types::RunState>(out);
    add::<types::Job>(out);
    add::<types::Explanation>(out);
    add::<types::CreateWorkflow>(out);
    add::<types::UpdateWorkflow>(out);
    add::<types::Workflow>(out);
    add::<types::RequestWaiver>(out);
    add::<types::EndWaiver>(out);
    add::<types::Waiver>(out);
    add::<types::WaiverDecided>(out);
    add::<types::WaiverState>(out);
}

/// Who may do what, and where things are kept and told.
fn managed(out: &mut BTreeMap<String, Value>) {
    add::<types::Backend>(out);
    add::<types::BackendCredentials>(out);
    add::<types::BackendRole>(out);
    add::<types::CreateBackend>(out);
    add::<types::MoveBlobs>(out);
    add::<types::MovedBlobs>(out);
    add::<types::SweepBlobs>(out);
    add::<types::SweptBlobs>(out);
    add::<types::Readiness>(out);
    add::<types::Spread>(out);
    add::<types::Retention>(out);
    add::<types::RetentionRule>(out);
    add::<types::PreviewRetention>(out);
    add::<types::RetentionPreview>(out);
    add::<types::UnmovedBlob>(out);
    add::<types::SetBackendCredentials>(out);
    add::<types::SetBackendRole>(out);
    add::<types::Attempt>(out);
    add::<types::Delivery>(out);
    add::<types::DeliveryState>(out);
    add::<types::CreateIntegration>(out);
    add::<types::DisableIntegration>(out);
    add::<types::Integration>(out);
    add::<types::NewIntegration>(out);
    add::<types::Target>(out);
    add::<types::WebhookFormat>(out);
    add::<types::UpdateIntegration>(out);
    add::<types::CreateKey>(out);
    add::<types::Key>(out);
    add::<types::LoginProvider>(out);
    add::<types::CreateSession>(out);
    add::<types::NewSession>(out);
    add::<types::Person>(out);
    add::<types::Role>(out);
    add::<types::Member>(out);
    add::<types::SetMemberRole>(out);
    add::<types::CreateInvitation>(out);
    add::<types::Invitation>(out);
    add::<types::OwnProjectRole>(out);
    add::<types::ProjectRole>(out);
    add::<types::SetProjectRole>(out);
    add::<types::ProjectMember>(out);
    add::<types::SetGroupRole>(out);
    add::<types::GroupRole>(out);
    add::<types::CreateOrganization>(out);
    add::<types::CreatedOrganization>(out);
    add::<types::Organization>(out);
    add::<types::Rotation>(out);
    add::<types::Scope>(out);
    add::<types::CreateToken>(out);
    add::<types::NewToken>(out);
    add::<types::Token>(out);
    add::<types::ExchangeToken>(out);
    add::<types::ExchangedToken>(out);
    add::<types::PutTrustRoot>(out);
    add::<types::TrustRoot>(out);
    add::<types::Imported>(out);
    add::<types::Signer>(out);
    add::<types::CreateTrustRule>(out);
    add::<types::TrustRule>(out);
    add::<types::ExplainToken>(out);
    add::<types::ExplainedRefusal>(out);
    add::<types::ExplainedRule>(out);
}

fn add<T: ToSchema + PartialSchema>(schemas: &mut BTreeMap<String, Value>) {
    schemas.insert(T::name().into_owned(), json!(T::schema()));
}
