//! Every change and every denied attempt is an event, whichever route it came through.

mod stories;

use std::collections::BTreeSet;

use api_types::BUNDLE_MEDIA_TYPE;
use engine::audit::{Chain, Event, Line};
use engine::predicate::{self, ContractRef, Predicate};
use engine::run::{Circumstances, Runner, RunnerEnvironment, RunnerKind, Workflow};
use engine::{Digest, Kind, Limits, Timestamp, Verdict};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use trust::{Signer, SigningKey, Statement};

use crate::support::Server;

/// Routes that are not GET or HEAD and change nothing that is stored.
const ASKING: [(&str, &str); 5] = [
    ("POST", "/v1/gates/{name}/decisions"),
    ("POST", "/v1/tokens/explain"),
    ("POST", "/v1/backends/{name}/check"),
    ("POST", "/v1/retention/preview"),
    ("POST", "/graphql"),
];
/// Routes of the instance, which are in its chain.
const OF_INSTANCE: [&str; 5] = [
    "/v1/blob-sweeps",
    "/v1/organizations",
    "/v1/secrets/rotate",
    "/v1/organizations/{name}/backends",
    "/v1/organizations/{name}/invitations",
];
/// Routes that were not driven because what they need is not installed.
const UNDRIVEN: [(&str, &str); 2] =
    [("POST", "/v1/backends"), ("PUT", "/v1/backends/{name}/credentials")];

const CONTRACT: &str = "
apiVersion: muster.dev/v1
kind: Contract
metadata: { name: release }
spec: { materials: [{ name: app, kind: artifact, output: true }] }
";
const GATE: &str = "
apiVersion: muster.dev/v1
kind: Gate
metadata: { name: prod }
spec: { use: released, with: { contract: release, max_age_days: 30 } }
";

/// The chain of whoever holds the token, walked.
async fn trail(server: &Server, token: &str) -> Vec<Event> {
    let response = server.ask(Method::GET, "/v1/audit/trail", token).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/jsonl");
    let text = response.error_for_status().unwrap().text().await.unwrap();
    let lines: Vec<Line> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut chain = Chain::new();
    let ended: Vec<bool> = lines.iter().map(|line| chain.line(line).unwrap()).collect();
    assert_eq!(ended.iter().filter(|ended| **ended).count(), 1);
    lines
        .into_iter()
        .filter_map(|line| match line {
            Line::Entry(entry) => Some(entry.event),
            _ => None,
        })
        .collect()
}

/// Drives routes, and notes what each left in the trail.
struct Driver {
    server: Server,
    driven: BTreeSet<(&'static str, &'static str)>,
}

impl Driver {
    /// Sends a request that must succeed; it must leave an event, and both sides of what it changed.
    async fn change(
        &mut self,
        (method, route): (&'static str, &'static str),
        parameter: &str,
        action: &str,
        body: impl Into<reqwest::Body>,
    ) -> Value {
        let of_instance = OF_INSTANCE.contains(&route);
        let token = if of_instance { &self.server.instance } else { &self.server.owner }.clone();
        self.change_as(&token, (method, route), parameter, action, body).await
    }

    /// The same as somebody else.
    async fn change_as(
        &mut self,
        who: &str,
        (method, route): (&'static str, &'static str),
        parameter: &str,
        action: &str,
        body: impl Into<reqwest::Body>,
    ) -> Value {
        let of_instance = OF_INSTANCE.contains(&route);
        let token = if of_instance { &self.server.instance } else { &self.server.owner };
        let before = trail(&self.server, token).await.len();
        let (start, rest) = route.split_once('{').unwrap_or((route, ""));
        // Two parameters are given as they stand, with what is between them.
        let rest = rest.rsplit_once('}').map_or("", |(_, rest)| rest);
        let path = if rest.is_empty() && !route.contains('{') {
            route.to_owned()
        } else {
            format!("{start}{parameter}{rest}")
        };
        let media_type = match route {
            "/v1/runs/{id}/attestation" | "/v1/waivers/{name}/approval" => BUNDLE_MEDIA_TYPE,
            "/v1/blobs/{digest}" => "application/octet-stream",
            "/v1/tokens/exchange" => "application/x-www-form-urlencoded",
            _ => "application/json",
        };
        let asked = self.server.ask(method.parse().unwrap(), &path, who);
        let response = asked.header("content-type", media_type).body(body).send().await.unwrap();
        let answer = success(response, route).await;
        let events = trail(&self.server, token).await;
        let new = &events[before..];
        assert_eq!(new.len(), 1, "{method} {route} must leave one audit event: {new:?}");
        assert_eq!(new[0].action, action, "{method} {route}");
        let said = if action.ends_with(".delete") { &new[0].before } else { &new[0].after };
        assert!(said.is_some(), "{method} {route} must say what is there since: {new:?}");
        self.driven.insert((method, route));
        answer
    }
}

async fn success(response: Response, route: &str) -> Value {
    let status = response.status();
    let text = response.text().await.unwrap();
    assert!(status.is_success(), "{route}: {text}");
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

fn text(value: &Value) -> String {
    value.to_string()
}

/// A bundle for the run: one artifact, whose blob must be stored.
fn bundle(run: &Value, app: &[u8], key: &SigningKey) -> Vec<u8> {
    let at: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
    let name = |pointer: &str| run.pointer(pointer).unwrap().as_str().unwrap();
    let label = engine::judge::Label {
        name: "app".parse().unwrap(),
        kind: Kind::Artifact,
        digest: Digest::of(app),
        source: "app".to_owned(),
        size: u64::try_from(app.len()).unwrap(),
    };
    let predicate = Predicate {
        run: name("/id").parse().unwrap(),
        contract: ContractRef {
            name: name("/contract/name").parse().unwrap(),
            revision: 1,
            digest: name("/contract/digest").parse().unwrap(),
        },
        circumstances: Circumstances {
            workflow: Some(Workflow {
                organization: name("/organization").parse().unwrap(),
                project: name("/project").parse().unwrap(),
                name: name("/workflow").parse().unwrap(),
                version: run["version"].as_str().map(ToOwned::to_owned),
            }),
            runner: Runner {
                kind: RunnerKind::Generic,
                environment: RunnerEnvironment::Unknown,
                url: None,
            },
            environment: [].into(),
            annotations: [].into(),
            commit: None,
        },
        materials: vec![engine::judge::Exhibit::opaque(label).material],
        evaluations: Vec::new(),
        verdict: Verdict::Passed,
        started_at: at,
        finished_at: at,
    };
    let document = engine::document::Document::parse(CONTRACT, &Limits::DEFAULT).unwrap();
    let contract = engine::contract::Contract::parse(&document).unwrap();
    let subjects = predicate::subjects(&contract, &predicate.materials, None);
    let statement =
        Statement::new(subjects, predicate::TYPE, serde_json::to_value(&predicate).unwrap());
    key.sign(&statement).unwrap().bytes().to_vec()
}

#[tokio::test]
async fn every_changing_route_leaves_an_event() {
    let server = Server::start().await;
    let mut driver = Driver { server, driven: BTreeSet::new() };
    let d = &mut driver;
    let signer = SigningKey::generate().unwrap();
    let app = b"the application";
    d.change(
        ("POST", "/v1/organizations"),
        "",
        "organization.create",
        text(&json!({ "name": "globex" })),
    )
    .await;
    d.change(("POST", "/v1/secrets/rotate"), "", "secrets.rotate", "").await;
    d.change(("POST", "/v1/projects"), "", "project.create", text(&json!({ "name": "web" }))).await;
    d.change(("PUT", "/v1/contracts"), "", "contract.revise", text(&json!({ "source": CONTRACT })))
        .await;
    let workflow = json!({ "project": "web", "name": "release", "contract": "release" });
    d.change(("POST", "/v1/workflows"), "", "workflow.create", text(&workflow)).await;
    stories::workflows(d).await;
    d.change(("PUT", "/v1/gates"), "", "gate.revise", text(&json!({ "source": GATE }))).await;
    let key = json!({ "name": "ci", "public_key": signer.public().to_pem() });
    let key = d.change(("POST", "/v1/keys"), "", "key.create", text(&key)).await;
    let token = json!({ "name": "ci", "scopes": ["read"] });
    let token = d.change(("POST", "/v1/tokens"), "", "token.create", text(&token)).await;
    let open = text(&json!({ "workflow": "web/release" }));
    let given_up = d.change(("POST", "/v1/runs"), "", "run.open", open.clone()).await;
    let given_up = given_up["id"].as_str().unwrap();
    d.change(
        ("POST", "/v1/runs/{id}/cancel"),
        given_up,
        "run.cancel",
        text(&json!({ "reason": "late" })),
    )
    .await;
    let broken = d.change(("POST", "/v1/runs"), "", "run.open", open.clone()).await;
    let broken = broken["id"].as_str().unwrap();
    let why = text(&json!({ "reason": "the runner was lost" }));
    d.change(("POST", "/v1/runs/{id}/fail"), broken, "run.fail", why).await;
    d.change(("POST", "/v1/runs/{id}/rerun"), broken, "run.rerun", "").await;
    let digest = Digest::of(app).to_string();
    d.change(("PUT", "/v1/blobs/{digest}"), &digest, "blob.put", app.to_vec()).await;
    let open = text(&json!({ "workflow": "web/release", "version": "1.0.0" }));
    let run = d.change(("POST", "/v1/runs"), "", "run.open", open).await;
    let id = run["id"].as_str().unwrap().to_owned();
    let crafted = text(&json!({ "started_at": "2026-11-28T00:00:00Z", "materials": [] }));
    d.change(("PUT", "/v1/runs/{id}/crafting"), &id, "run.craft", crafted).await;
    let bundle = bundle(&run, app, &signer);
    d.change(("POST", "/v1/runs/{id}/attestation"), &id, "attestation.receive", bundle).await;
    stories::versions(d, &id).await;
    stories::waivers(d, &signer).await;
    stories::integrations(d).await;
    stories::backends(d).await;
    stories::retention(d).await;
    stories::trust_roots(d).await;
    stories::trust_rules(d).await;
    stories::people(d).await;
    d.change(("DELETE", "/v1/keys/{id}"), key["id"].as_str().unwrap(), "key.revoke", "").await;
    d.change(
        ("DELETE", "/v1/tokens/{id}"),
        token["token"]["id"].as_str().unwrap(),
        "token.revoke",
        "",
    )
    .await;

    everything_was_driven(&driver.driven);
    both_sides(&driver.server).await;
    driver.server.stop().await;
}

fn everything_was_driven(driven: &BTreeSet<(&'static str, &'static str)>) {
    // The peer says that it is skipped.
    let undriven = if testdata::peers::registry().is_some() { &[][..] } else { &UNDRIVEN[..] };
    let missing: Vec<_> = api::ROUTES
        .iter()
        .map(|route| (route.method, route.path))
        .filter(|(method, _)| !matches!(*method, "GET" | "HEAD"))
        .filter(|route| !ASKING.contains(route) && !undriven.contains(route))
        .filter(|route| !driven.contains(route))
        .collect();
    assert!(
        missing.is_empty(),
        "drive these here, or say in ASKING that they change nothing: {missing:?}"
    );
}

/// What was changed says what it was before, and no event holds a secret.
async fn both_sides(server: &Server) {
    let events = trail(server, &server.owner).await;
    for (action, before, after) in [
        ("run.cancel", "/state", "open"),
        ("run.fail", "/state", "open"),
        ("attestation.receive", "/state", "open"),
        ("key.revoke", "/name", "ci"),
        ("token.revoke", "/name", "ci"),
        ("trust-rule.delete", "/rule/name", "web"),
    ] {
        let event = events.iter().find(|event| event.action == action).unwrap();
        let was = event.before.as_ref().and_then(|value| value.pointer(before));
        assert_eq!(was, Some(&json!(after)), "{event:?}");
        assert_ne!(event.before, event.after, "{action}");
    }
    let everything = json!(events).to_string();
    for secret in ["muster_pat_", "whsec_", "ciphertext"] {
        assert!(!everything.contains(secret), "{secret} in {everything}");
    }
}

#[tokio::test]
async fn a_second_revision_says_what_was_there_before() {
    let server = Server::start().await;
    for source in [CONTRACT.to_owned(), CONTRACT.replace("app", "image")] {
        let body = json!({ "source": source });
        let stored = server
            .ask(Method::PUT, "/v1/contracts", &server.owner)
            .json(&body)
            .send()
            .await
            .unwrap();
        assert_eq!(stored.status(), 200);
    }
    let events = trail(&server, &server.owner).await;
    let revised: Vec<&Event> =
        events.iter().filter(|event| event.action == "contract.revise").collect();
    assert_eq!(revised[0].before, None);
    assert_eq!(revised[1].before, revised[0].after);
    server.stop().await;
}

#[tokio::test]
async fn every_denied_request_is_an_event_and_its_flood_is_not() {
    let server = Server::start().await;
    let reader = server.token("reader", &["read"]).await;
    let denied = async |token: &str| {
        let asked = server.ask(Method::POST, "/v1/projects", token).json(&json!({ "name": "x" }));
        asked.send().await.unwrap().status().as_u16()
    };
    for _ in 0..12 {
        assert_eq!(denied(&reader).await, 403);
    }
    let ours = || async {
        let mut events = trail(&server, &server.owner).await;
        events.retain(|event| event.action == "access.deny");
        events
    };
    let events = ours().await;
    assert_eq!(events.len(), 10, "the rest of a minute is counted");
    assert!(events[0].actor.starts_with("token:reader:"), "{:?}", events[0]);
    assert_eq!(events[0].target, "POST /v1/projects");
    let detail = events[0].detail.as_ref().unwrap();
    assert_eq!((&detail["code"], &detail["source"]), (&json!("forbidden"), &json!("127.0.0.1")));
    assert!(detail["reason"].as_str().unwrap().contains("edit-projects"), "{detail}");

    let blind = server.token("asker", &["attest"]).await;
    let question = json!({ "query": "{ contracts { name } }" });
    let asked = server.ask(Method::POST, "/graphql", &blind).json(&question).send().await.unwrap();
    assert_eq!(asked.status(), 200);
    let event = ours().await.pop().unwrap();
    assert!(event.actor.starts_with("token:asker:"), "{event:?}");
    assert_eq!(event.target, "POST /graphql contracts");

    for (name, token) in [("old", revoked(&server).await), ("late", expired(&server).await)] {
        assert_eq!(denied(&token).await, 401);
        let event = ours().await.pop().unwrap();
        assert!(event.actor.starts_with(&format!("token:{name}:")), "{event:?}");
        assert_eq!((event.before, event.after), (None, None));
        assert_eq!(event.detail.unwrap()["code"], "unauthenticated");
    }

    assert_eq!(denied("muster_pat_guess").await, 401);
    let anonymous = server.anonymous(Method::GET, "/v1/projects").send().await.unwrap();
    assert_eq!(anonymous.status(), 401);
    let strangers: Vec<(String, String)> = trail(&server, &server.instance)
        .await
        .into_iter()
        .filter(|event| event.action == "access.deny")
        .map(|event| (event.actor, event.target))
        .collect();
    let expected = [("unknown", "POST /v1/projects"), ("anonymous", "GET /v1/projects")];
    assert_eq!(strangers, expected.map(|(actor, target)| (actor.to_owned(), target.to_owned())));
    server.stop().await;
}

/// A token that was revoked.
async fn revoked(server: &Server) -> String {
    let token = server.token("old", &["read", "admin"]).await;
    let identity = server.ask(Method::GET, "/v1/identity", &token).send().await.unwrap();
    let identity: Value = identity.json().await.unwrap();
    let path = format!("/v1/tokens/{}", identity["token_id"].as_str().unwrap());
    let done = server.ask(Method::DELETE, &path, &server.owner).send().await.unwrap();
    assert_eq!(done.status(), 204);
    token
}

/// A token that has expired by the time it is answered.
async fn expired(server: &Server) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let soon = Timestamp::from_millis(i64::try_from(now.as_millis()).unwrap() + 500);
    let body = json!({ "name": "late", "scopes": ["read", "admin"], "expires_at": soon });
    let made = server.ask(Method::POST, "/v1/tokens", &server.owner).json(&body).send().await;
    let made: Value = made.unwrap().json().await.unwrap();
    let token = made["secret"].as_str().unwrap().to_owned();
    let path = "/v1/identity";
    while server.ask(Method::GET, path, &token).send().await.unwrap().status() == 200 {}
    token
}

#[tokio::test]
async fn a_list_has_pages_and_filters_in_both_interfaces() {
    let server = Server::start().await;
    for name in ["one", "two", "three"] {
        let made =
            server.ask(Method::POST, "/v1/projects", &server.owner).json(&json!({ "name": name }));
        assert_eq!(made.send().await.unwrap().status(), 201);
    }
    let get = async |path: &str| -> Value {
        server.ask(Method::GET, path, &server.owner).send().await.unwrap().json().await.unwrap()
    };
    let first = get("/v1/audit/events?action=project.*&limit=2").await;
    let targets = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap();
        items.iter().map(|item| item["target"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(targets(&first), ["three", "two"]);
    let next = first["next"].as_str().unwrap();
    let second = get(&format!("/v1/audit/events?action=project.*&limit=2&after={next}")).await;
    assert_eq!((targets(&second), second.get("next")), (vec!["one".to_owned()], None));
    let none = get("/v1/audit/events?until=2020-01-01").await;
    assert_eq!(none["items"], json!([]));
    let head = get("/v1/audit/head").await;
    assert_eq!((&head["position"], &head["digest"]), (&json!(4), &first["items"][0]["digest"]));
    for wrong in ["?after=x", "?limit=0", "?since=yesterday", "?who=me"] {
        assert_eq!(get(&format!("/v1/audit/events{wrong}")).await["code"], "invalid", "{wrong}");
    }

    let query = "query($after: String) { auditEvents(first: 2, after: $after, filter: { action: \"project.*\" }) \
        { edges { node { target position before after at digest previous } } pageInfo { hasNextPage endCursor } } }";
    let ask = async |after: Value| -> Value {
        let body = json!({ "query": query, "variables": { "after": after } });
        let asked = server.ask(Method::POST, "/graphql", &server.owner).json(&body);
        let mut answer: Value = asked.send().await.unwrap().json().await.unwrap();
        assert!(answer.get("errors").is_none(), "{answer}");
        answer["data"]["auditEvents"].take()
    };
    let page = ask(Value::Null).await;
    assert_eq!(page["edges"][0]["node"]["target"], "three");
    assert_eq!(page["edges"][0]["node"]["digest"], first["items"][0]["digest"]);
    assert_eq!(page["pageInfo"]["hasNextPage"], true);
    let page = ask(page["pageInfo"]["endCursor"].clone()).await;
    assert_eq!(page["edges"][0]["node"]["target"], "one");
    server.stop().await;
}
