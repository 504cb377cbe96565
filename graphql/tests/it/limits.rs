//! What validation refuses before a resolver runs. No control plane is needed: nothing is executed.

use async_graphql::Response;
use serde_json::Value;

async fn ask(query: &str) -> Response {
    graphql::schema().execute(query).await
}

/// Whether validation refused the document for its cost. What it lets through fails for want of a control plane.
async fn too_complex(query: &str) -> bool {
    let response = ask(query).await;
    assert!(!response.errors.is_empty(), "{query}");
    response.errors.iter().any(|error| error.message.contains("complex"))
}

#[tokio::test]
async fn the_largest_page_fits_and_its_square_does_not() {
    let digest = engine::Digest::of("");
    let digests = |count: usize| vec![format!("\"{digest}\""); count].join(",");
    let decisions = |count| {
        format!(
            "{{ decision(gate: \"g\", digests: [{}]) {{ answer violations {{ message }} }} }}",
            digests(count)
        )
    };
    for (query, refused) in [
        ("{ runs(first: 500) { edges { node { id attestation { digest } } } } }".to_owned(), false),
        ("{ runs(first: 5000) { edges { node { id attestation { digest } } } } }".to_owned(), true),
        ("{ a: runs(first: 500) { edges { node { run: attestation { run { attestation { run { id } } } } } } } }".to_owned(), true),
        ("{ attestations(first: 50) { edges { node { evaluations { violations { message fix } } } } } }".to_owned(), false),
        ("{ attestations(first: 500) { edges { node { evaluations { violations { message fix } } } } } }".to_owned(), true),
        (format!("{{ lineage(root: \"{digest}\", maxNodes: 10000) {{ complete nodes {{ id kind }} edges {{ from to }} }} }}"), false),
        (format!("{{ lineage(root: \"{digest}\", maxNodes: 1000000) {{ nodes {{ id }} }} }}"), true),
        (format!("{{ artifact(digest: \"{digest}\") {{ lineage(maxNodes: 1000000) {{ nodes {{ id }} }} }} }}"), true),
        (decisions(500), false),
        (decisions(2000), true),
        ("{ contracts { name } gates { name } workflows { name } }".to_owned(), false),
    ] {
        assert_eq!(too_complex(&query).await, refused, "{}", query.chars().take(200).collect::<String>());
    }
}

#[tokio::test]
async fn a_deep_document_is_refused() {
    let deep = |levels: usize| {
        format!(
            "{{ run(id: \"1\") {{ {} id {} }} }}",
            "attestation { run { ".repeat(levels),
            "} }".repeat(levels)
        )
    };
    let nested = |response: &Response| {
        response.errors.iter().any(|error| error.message.contains("nested too deep"))
    };
    assert!(!nested(&ask(&deep(9)).await));
    assert!(nested(&ask(&deep(10)).await));
}

#[tokio::test]
async fn a_request_without_an_asker_answers_nothing() {
    let response = ask("{ viewer { token } }").await;
    assert!(!response.errors.is_empty());
}

/// Every field that answers a list, with why it is cheap or the argument that bounds it. One that is missing here is
/// one whose cost nobody thought of.
const LISTS: &[(&str, &str)] = &[
    ("Query.runs", "first"),
    ("Query.attestations", "first"),
    ("Query.auditEvents", "first"),
    ("Query.decision", "digests"),
    ("Query.contracts", "list"),
    ("Query.gates", "list"),
    ("Query.workflows", "list"),
    ("Artifact.attestations", "first"),
    ("Attestation.subjects", "inner"),
    ("Attestation.materials", "inner"),
    ("Attestation.evaluations", "inner"),
    ("AttestationSummary.subjects", "scalars"),
    ("Decision.undecided", "scalars"),
    ("Decision.violations", "inner"),
    ("Decision.warnings", "inner"),
    ("Evaluation.controls", "scalars"),
    ("Evaluation.reasons", "scalars"),
    ("Evaluation.violations", "inner"),
    ("Evaluation.waived", "inner"),
    ("Evaluation.warnings", "inner"),
    ("ImportedSummary.subjects", "scalars"),
    ("Job.claims", "inner"),
    ("Lineage.edges", "maxNodes of the lineage"),
    ("Lineage.nodes", "maxNodes of the lineage"),
    ("RunConnection.edges", "first of the page"),
    ("AttestationConnection.edges", "first of the page"),
    ("AuditEventConnection.edges", "first of the page"),
    ("Viewer.scopes", "scalars"),
];

#[tokio::test]
async fn the_cost_of_every_list_was_thought_of() {
    let query = "{ __schema { types { name kind fields { name type { name kind ofType { name kind ofType { kind } } } } } } }";
    let schema = ask(query).await.data.into_json().unwrap();
    let mut found = Vec::new();
    for kind in schema["__schema"]["types"].as_array().unwrap() {
        let name = kind["name"].as_str().unwrap();
        for field in
            kind["fields"].as_array().into_iter().flatten().filter(|_| !name.starts_with("__"))
        {
            if is_list(&field["type"]) {
                found.push(format!("{name}.{}", field["name"].as_str().unwrap()));
            }
        }
    }
    let mut known: Vec<String> = LISTS.iter().map(|(field, _)| (*field).to_owned()).collect();
    known.sort();
    found.sort();
    assert_eq!(found, known);
}

fn is_list(kind: &Value) -> bool {
    let connection = kind
        .pointer("/ofType/name")
        .and_then(Value::as_str)
        .is_some_and(|name| name.ends_with("Connection"));
    connection
        || kind["kind"] == "LIST"
        || kind.get("ofType").is_some_and(|inner| inner["kind"] == "LIST")
}

/// Validation visits a fragment once for each spread, and would be busy with 2^120 of them for ever.
#[test]
fn doubling_fragments_never_reach_validation() {
    let mut text = "{...f0}".to_owned();
    for level in 0..120 {
        let fragment = format!("fragment f{level} on Query{{...f{0} ...f{0}}}", level + 1);
        text.push_str(&fragment);
    }
    text += "fragment f120 on Query{__typename}";
    let request = graphql::Request { query: text, ..Default::default() };
    let answer = graphql::Question::new(request).unwrap_err();
    assert!(!answer.executed);
    assert_eq!(answer.body["errors"][0]["extensions"]["code"], "too-large");
    assert!(answer.body.get("data").is_none());
}

#[test]
fn an_operation_is_chosen_by_name() {
    let ask = |query: &str, name: Option<&str>| {
        let request = graphql::Request {
            query: query.to_owned(),
            operation_name: name.map(str::to_owned),
            ..Default::default()
        };
        graphql::Question::new(request).map(|question| question.is_query())
    };
    let two = "query A { __typename } mutation B { __typename }";
    assert_eq!(ask(two, Some("A")), Ok(true));
    assert_eq!(ask(two, Some("B")), Ok(false));
    for (query, name) in [(two, None), (two, Some("C")), ("{ __typename }", Some("A"))] {
        assert!(ask(query, name).is_err(), "{query} {name:?}");
    }
}
