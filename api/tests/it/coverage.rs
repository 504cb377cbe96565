//! No route and no GraphQL field answers someone who may not ask.

use api::{Access, Answer, Body, Route};
use control::{Permission, ProjectRole, Role, Scope};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::support::{Server, problem};

const SCOPES: [Scope; 3] = [Scope::Admin, Scope::Attest, Scope::Read];

/// A path with something well-formed in the place of each parameter.
fn path(route: &Route) -> String {
    let uuid = uuid::Uuid::nil().to_string();
    let path =
        route.path.replace("{digest}", &engine::Digest::of("").to_string()).replace("{id}", &uuid);
    path.replace("{project}", "web").replace("{name}", "web").replace("{version}", "1.0.0")
}

/// A request that is right but for who asks.
pub(crate) fn request(server: &Server, route: &Route) -> RequestBuilder {
    let request = server.anonymous(route.method.parse().unwrap(), &path(route));
    let header = |request: RequestBuilder, kind: &str| request.header("content-type", kind);
    match route.body {
        Body::None | Body::Streamed => request,
        Body::Json(name) => request.json(&example(name)),
        Body::Form(name) => request.form(&example(name)),
        Body::Bundle => header(request, api_types::BUNDLE_MEDIA_TYPE).body("{}"),
        Body::Bytes => header(request, "application/octet-stream").body(""),
    }
}

fn example(name: &str) -> Value {
    match name {
        "CreateOrganization" | "CreateProject" => json!({ "name": "web" }),
        "CreateWorkflow" => json!({ "project": "web", "name": "release", "contract": "web" }),
        "UpdateWorkflow" => json!({ "deadline_minutes": 5 }),
        "PutDocument" => json!({ "source": "kind: Contract" }),
        "CreateKey" => json!({ "name": "web", "public_key": "" }),
        "CreateToken" => json!({ "name": "web", "scopes": ["read"] }),
        "PutTrustRoot" => json!({ "source": "kind: TrustRoot" }),
        "CreateTrustRule" => json!({ "source": "kind: TrustRule" }),
        "ExplainToken" => json!({ "token": "a.b.c" }),
        "ExchangeToken" => json!({
            "grant_type": api_types::EXCHANGE_GRANT, "subject_token_type": api_types::JWT_TYPE,
            "subject_token": "a.b.c", "organization": "acme", "workflow": "web/release",
        }),
        "CreateSession" => json!({ "id_token": "a.b.c" }),
        "SetMemberRole" => json!({ "role": "viewer" }),
        "CreateInvitation" => json!({ "email": "jane@acme.test", "role": "viewer" }),
        "SetGroupRole" | "SetProjectRole" => json!({ "group": "web", "role": "viewer" }),
        "OpenRun" => json!({ "workflow": "web/release" }),
        "CancelRun" | "FailRun" | "EndWaiver" | "DisableIntegration" => {
            json!({ "reason": "because" })
        }
        "Crafted" => json!({ "started_at": "2026-11-28T00:00:00Z", "materials": [] }),
        "RequestWaiver" => json!({ "source": "kind: Waiver" }),
        "CreateIntegration" => {
            let target = json!({ "kind": "webhook", "address": "https://example.com/hook" });
            json!({ "name": "web", "target": target, "events": ["*"] })
        }
        "UpdateIntegration" => json!({ "events": ["verdict.failed"] }),
        "CreateBackend" => json!({ "name": "web", "place": "s3://evidence" }),
        "SetBackendCredentials" => {
            json!({ "credentials": { "username": "web", "password": "secret" } })
        }
        "RetentionRule" | "PreviewRetention" => json!({ "keep_days": 90 }),
        "SweepBlobs" => json!({ "dry_run": true }),
        "MoveBlobs" => json!({ "to": "web" }),
        "SetBackendRole" => json!({ "role": "none" }),
        "Decide" => json!({ "digests": [engine::Digest::of("")] }),
        "GraphqlRequest" => json!({ "query": "{ viewer { token } }" }),
        _ => panic!("{name} needs an example"),
    }
}

/// What a route is denied with: HEAD has no body to look into.
async fn denied(route: &Route, request: RequestBuilder, status: u16, code: &str) {
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), status, "{} {}", route.method, route.path);
    if route.method != "HEAD" {
        assert_eq!(problem(response).await["code"], code);
    }
}

#[tokio::test]
async fn no_route_answers_without_a_token() {
    let server = Server::start().await;
    let forged = format!("{}x", server.owner);
    for route in api::ROUTES.iter().filter(|route| route.access != Access::Public) {
        denied(route, request(&server, route), 401, "unauthenticated").await;
        denied(route, request(&server, route).bearer_auth(&forged), 401, "unauthenticated").await;
        denied(
            route,
            request(&server, route).basic_auth("acme", Some(&server.owner)),
            401,
            "unauthenticated",
        )
        .await;
    }
    server.stop().await;
}

#[tokio::test]
async fn no_route_answers_a_token_that_lacks_the_permission() {
    let server = Server::start().await;
    let mut tokens = vec![(Scope::Instance, server.instance.clone())];
    for scope in SCOPES {
        tokens.push((scope, server.token(&format!("only-{scope}"), &[scope.name()]).await));
    }
    let mut asked = 0;
    for route in api::ROUTES {
        let Access::May(permission) = route.access else { continue };
        for (scope, token) in &tokens {
            if !permission.scopes().contains(scope) {
                let request = request(&server, route).bearer_auth(token);
                denied(route, request, 403, "forbidden").await;
                asked += 1;
            }
        }
    }
    assert!(asked > 50, "{asked}");
    server.stop().await;
}

/// The matrix: every route, and a person of every role.
#[tokio::test]
async fn a_route_answers_people_from_its_role_on_and_nobody_below() {
    let server = Server::start().await;
    let mut people = Vec::new();
    for (role, name) in Role::ALL {
        people.push((role, server.session(name).await));
    }
    let (mut denials, mut others) = (0, 0);
    for route in api::ROUTES {
        let Access::May(permission) = route.access else { continue };
        for (role, token) in &people {
            let may = permission.role().is_some_and(|least| *role >= least);
            if !may {
                denied(route, request(&server, route).bearer_auth(token), 403, "forbidden").await;
                denials += 1;
                continue;
            }
            let answer = request(&server, route).bearer_auth(token).send().await.unwrap();
            let status = answer.status().as_u16();
            let fine = !matches!(status, 401 | 403) && status < 500;
            assert!(fine, "{} {} as {role}: {status}", route.method, route.path);
            others += 1;
        }
    }
    assert!(denials > 80 && others > 150, "{denials} {others}");
    server.stop().await;
}

/// The same with a role in a project, for guests of the organization.
#[tokio::test]
async fn a_route_answers_guests_from_their_role_in_a_project_on() {
    let server = Server::start().await;
    let project = json!({ "name": "web" });
    let made = server.ask(Method::POST, "/v1/projects", &server.owner).json(&project);
    assert_eq!(made.send().await.unwrap().status(), 201);
    let guest = server.session("guest").await;
    let (mut denials, mut others) = (0, 0);
    for (role, name) in ProjectRole::ALL {
        let path = "/v1/projects/web/members";
        let set = json!({ "email": "guest@acme.test", "role": name });
        let set = server.ask(Method::PUT, path, &server.owner).json(&set).send().await.unwrap();
        assert_eq!(set.status(), 200);
        for route in api::ROUTES {
            let Access::May(permission) = route.access else { continue };
            let in_project = permission.project_role().is_some_and(|least| role >= least);
            let asked = request(&server, route).bearer_auth(&guest);
            if !in_project && permission.role() != Some(Role::Guest) {
                denied(route, asked, 403, "forbidden").await;
                denials += 1;
                continue;
            }
            let status = asked.send().await.unwrap().status().as_u16();
            let fine = !matches!(status, 401 | 403) && status < 500;
            assert!(fine, "{} {} as {role}: {status}", route.method, route.path);
            others += 1;
        }
    }
    assert!(denials > 150 && others > 60, "{denials} {others}");
    server.stop().await;
}

#[tokio::test]
async fn a_person_of_one_organization_is_nobody_in_another() {
    let server = Server::start().await;
    let other = server.organization("globex").await;
    let made = server.ask(Method::POST, "/v1/projects", &other).json(&json!({ "name": "secret" }));
    assert_eq!(made.send().await.unwrap().status(), 201);
    let owner = server.session("owner").await;
    let members: Value =
        server.ask(Method::GET, "/v1/members", &owner).send().await.unwrap().json().await.unwrap();
    let id = members["items"][0]["id"].as_str().unwrap();
    for path in ["/v1/projects", "/v1/members", "/v1/tokens", "/v1/invitations"] {
        let own = server.ask(Method::GET, path, &owner).send().await.unwrap();
        assert!(!own.text().await.unwrap().contains("secret"), "{path}");
        let theirs = server.ask(Method::GET, path, &other).send().await.unwrap();
        assert!(!theirs.text().await.unwrap().contains("owner@acme.test"), "{path}");
    }
    for (method, path, body) in [
        (Method::PUT, format!("/v1/members/{id}/role"), json!({ "role": "viewer" })),
        (Method::DELETE, format!("/v1/members/{id}"), Value::Null),
    ] {
        let foreign = server.ask(method, &path, &other).json(&body).send().await.unwrap();
        assert_eq!(problem(foreign).await["code"], "not-found", "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn public_routes_answer_everyone() {
    let server = Server::start().await;
    for route in api::ROUTES.iter().filter(|route| route.access == Access::Public) {
        let response = request(&server, route).send().await.unwrap();
        assert_eq!(response.status(), route.status, "{}", route.path);
        let media_type = match route.answer {
            Answer::Other(media_type) => media_type,
            Answer::Json(_) => "application/json",
            answer => panic!("{} has no media type: {answer:?}", route.path),
        };
        assert!(
            response.headers()["content-type"].to_str().unwrap().starts_with(media_type),
            "{}",
            route.path
        );
    }
    server.stop().await;
}

/// Every field of the root, with a question for it. A field that is missing here fails the test.
fn questions() -> Vec<(&'static str, String)> {
    let digest = engine::Digest::of("");
    let uuid = uuid::Uuid::nil();
    vec![
        (
            "artifact",
            format!(
                "{{ artifact(digest: \"{digest}\") {{ attestations {{ edges {{ cursor }} }} }} }}"
            ),
        ),
        ("artifact", format!("{{ artifact(digest: \"{digest}\") {{ lineage {{ complete }} }} }}")),
        ("attestation", format!("{{ attestation(digest: \"{digest}\") {{ digest }} }}")),
        ("attestations", "{ attestations { edges { cursor } } }".to_owned()),
        ("auditEvents", "{ auditEvents { edges { cursor } } }".to_owned()),
        ("contracts", "{ contracts { name } }".to_owned()),
        (
            "decision",
            format!("{{ decision(gate: \"web\", digests: [\"{digest}\"]) {{ answer }} }}"),
        ),
        ("gates", "{ gates { name } }".to_owned()),
        ("lineage", format!("{{ lineage(root: \"{digest}\") {{ complete }} }}")),
        ("run", format!("{{ run(id: \"{uuid}\") {{ id }} }}")),
        ("runs", "{ runs { edges { cursor } } }".to_owned()),
        ("workflows", "{ workflows { name } }".to_owned()),
    ]
}

async fn graphql(server: &Server, token: &str, query: &str) -> Value {
    let asked = server.ask(Method::POST, "/graphql", token).json(&json!({ "query": query }));
    asked.send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn no_graphql_field_answers_a_token_that_may_not_read() {
    let server = Server::start().await;
    let blind = server.token("blind", &["admin", "attest"]).await;
    // Administrators read the audit trail, each that of its own chain; nobody else does.
    let reader = server.token("reader", &["attest", "read"]).await;
    // Nor does a person who is no administrator.
    let viewer = server.session("viewer").await;
    let schema =
        graphql(&server, &server.owner, "{ __schema { queryType { fields { name } } } }").await;
    let fields = schema["data"]["__schema"]["queryType"]["fields"].as_array().unwrap();
    for field in fields.iter().filter(|field| field["name"] != "viewer") {
        let name = field["name"].as_str().unwrap();
        let questions: Vec<String> =
            questions().into_iter().filter(|(of, _)| *of == name).map(|(_, query)| query).collect();
        assert!(!questions.is_empty(), "{name} has no question");
        let denied =
            if name == "auditEvents" { [&reader, &viewer] } else { [&blind, &server.instance] };
        for (token, question) in questions.iter().flat_map(|one| denied.map(|token| (token, one))) {
            let answer = graphql(&server, token, question).await;
            assert_eq!(
                answer["errors"][0]["extensions"]["code"], "forbidden",
                "{question} {answer}"
            );
        }
    }
    server.stop().await;
}

/// Which permission a question needs.
fn needed(field: &str, question: &str) -> Permission {
    match field {
        "auditEvents" => Permission::ReadAudit,
        "contracts" => Permission::ReadContracts,
        "decision" | "gates" | "lineage" => Permission::Read,
        _ if question.contains("lineage") => Permission::Read,
        _ => Permission::ReadProjects,
    }
}

/// The matrix again: every field, and a person of every role, in the organization or in a project of it.
#[tokio::test]
async fn a_graphql_field_answers_people_from_its_role_on_and_nobody_below() {
    let server = Server::start().await;
    let project = json!({ "name": "web" });
    let made = server.ask(Method::POST, "/v1/projects", &server.owner).json(&project);
    assert_eq!(made.send().await.unwrap().status(), 201);
    let mut people = Vec::new();
    for (role, name) in Role::ALL {
        people.push((role, None, server.session(name).await));
    }
    let guest = people[0].2.clone();
    let set = json!({ "email": "guest@acme.test", "role": "viewer" });
    let mut rounds = vec![(people, false)];
    rounds.push((vec![(Role::Guest, Some(ProjectRole::Viewer), guest)], true));
    for (people, in_project) in rounds {
        if in_project {
            let path = "/v1/projects/web/members";
            let set = server.ask(Method::PUT, path, &server.owner).json(&set);
            assert_eq!(set.send().await.unwrap().status(), 200);
        }
        for (role, project_role, token) in people {
            for (field, question) in questions() {
                let permission = needed(field, &question);
                let may = permission.role().is_some_and(|least| role >= least)
                    || permission.project_role().is_some_and(|least| project_role >= Some(least));
                let answer = graphql(&server, &token, &question).await;
                let denied = answer["errors"][0]["extensions"]["code"] == "forbidden";
                assert_eq!(denied, !may, "{question} as {role} {project_role:?}: {answer}");
            }
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn what_one_organization_stores_another_does_not_find() {
    let server = Server::start().await;
    let stranger = server.organization("other").await;
    let digest = engine::Digest::of("evidence");
    let path = format!("/v1/blobs/{digest}");
    let stored =
        server.ask(Method::PUT, &path, &server.owner).body("evidence").send().await.unwrap();
    assert_eq!(stored.status(), 201);
    assert_eq!(server.ask(Method::GET, &path, &server.owner).send().await.unwrap().status(), 200);
    let response = server.ask(Method::GET, &path, &stranger).send().await.unwrap();
    assert_eq!(problem(response).await["code"], "not-found");
    assert_eq!(server.ask(Method::HEAD, &path, &stranger).send().await.unwrap().status(), 404);
    server.stop().await;
}

#[tokio::test]
async fn a_revoked_token_is_refused_at_once() {
    let server = Server::start().await;
    let token = server.token("short", &["read"]).await;
    let identity = server.ask(Method::GET, "/v1/identity", &token).send().await.unwrap();
    assert_eq!(identity.status(), 200);
    let identity: Value = identity.json().await.unwrap();
    assert_eq!(identity["organization"], "acme");
    assert_eq!(identity["scopes"], json!(["read"]));
    let path = format!("/v1/tokens/{}", identity["token_id"].as_str().unwrap());
    assert_eq!(
        server.ask(Method::DELETE, &path, &server.owner).send().await.unwrap().status(),
        204
    );
    let response = server.ask(Method::GET, "/v1/identity", &token).send().await.unwrap();
    assert_eq!(problem(response).await["code"], "unauthenticated");
    server.stop().await;
}
