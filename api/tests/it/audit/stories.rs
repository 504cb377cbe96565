//! What is changed of each noun, in an order in which all of it succeeds.

use engine::{Digest, Timestamp};
use reqwest::Method;
use serde_json::json;
use trust::{Signer, SigningKey, Statement};

use super::{Driver, success, text};

/// One waiver that is rejected; one that somebody else asked for, which is approved and revoked.
pub(super) async fn waivers(d: &mut Driver, signer: &SigningKey) {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis();
    let now = i64::try_from(now).unwrap();
    let ask = |name: &str| {
        let end = Timestamp::from_millis(now).plus_days(9);
        let accepts = "[{ policy: sbom-components, rule: banned-component }]";
        let spec = format!(
            "{{ reason: x, expires_at: \"{end}\", on: {{ project: web }}, accepts: {accepts} }}"
        );
        let head = "apiVersion: muster.dev/v1\nkind: Waiver\nmetadata";
        text(&json!({ "source": format!("{head}: {{ name: {name} }}\nspec: {spec}") }))
    };
    d.change(("POST", "/v1/waivers"), "", "waiver.request", ask("mine")).await;
    let why = text(&json!({ "reason": "because" }));
    d.change(("POST", "/v1/waivers/{name}/rejection"), "mine", "waiver.reject", why.clone()).await;
    let job = d.server.token("job", &["attest"]).await;
    let asked = d.server.ask(Method::POST, "/v1/waivers", &job).body(ask("theirs"));
    let asked = asked.header("content-type", "application/json").send().await.unwrap();
    let asked = success(asked, "/v1/waivers").await;
    let me = d.server.ask(Method::GET, "/v1/identity", &d.server.owner).send().await.unwrap();
    let me = success(me, "/v1/identity").await;
    let approval = json!({
        "organization": "acme", "waiver": asked["waiver"], "revision": 1, "requested_by": asked["requested_by"],
        "approved_by": { "token": me["token_id"], "name": me["token"] },
    });
    let digest: Digest = asked["digest"].as_str().unwrap().parse().unwrap();
    let subject = ("theirs".to_owned(), "sha256".to_owned(), digest.to_hex());
    let bundle = signer.sign(&Statement::new([subject], engine::waiver::TYPE, approval)).unwrap();
    let bundle = bundle.bytes().to_vec();
    d.change(("POST", "/v1/waivers/{name}/approval"), "theirs", "waiver.approve", bundle).await;
    d.change(("POST", "/v1/waivers/{name}/revocation"), "theirs", "waiver.revoke", why).await;
}

/// The version of a run that was attested, which is released.
pub(super) async fn versions(d: &mut Driver, attested: &str) {
    let run = d.server.ask(Method::GET, &format!("/v1/runs/{attested}"), &d.server.owner);
    let run = success(run.send().await.unwrap(), "/v1/runs").await;
    assert_eq!(run["version"], "1.0.0");
    let route = ("POST", "/v1/projects/{name}/versions/{version}/release");
    d.change(route, "web/versions/1.0.0", "version.release", "").await;
}

/// A workflow that stays at a revision; it and its contract are deleted and come back.
pub(super) async fn workflows(d: &mut Driver) {
    let update = text(&json!({ "contract_revision": 1 }));
    let route = ("PATCH", "/v1/workflows/{project}/{name}");
    d.change(route, "web/release", "workflow.update", update).await;
    let route = ("DELETE", "/v1/workflows/{project}/{name}");
    d.change(route, "web/release", "workflow.delete", "").await;
    let contract = ("DELETE", "/v1/contracts/{name}");
    d.change(contract, "release", "contract.delete", "").await;
    let contract = ("POST", "/v1/contracts/{name}/restore");
    d.change(contract, "release", "contract.restore", "").await;
    let route = ("POST", "/v1/workflows/{project}/{name}/restore");
    d.change(route, "web/release", "workflow.restore", "").await;
}

/// A directory that the operator gives, and a registry that the organization names.
pub(super) async fn backends(d: &mut Driver) {
    let folder = tempfile::tempdir().unwrap();
    let place = format!("file://{}", folder.path().display());
    let disk = text(&json!({ "name": "disk", "place": place }));
    let route = ("POST", "/v1/organizations/{name}/backends");
    let made = d.change(route, "acme", "backend.create", disk).await;
    stray(&folder.path().join(made["id"].as_str().unwrap()));
    stray(&d.server.blobs_folder());
    for (route, rest) in [("/v1/backends/{name}/sweep", "disk"), ("/v1/blob-sweeps", "")] {
        let swept = d.change(("POST", route), rest, "backend.sweep", "{}").await;
        assert_eq!(swept["blobs"], 1, "{swept}");
    }
    for role in ["default", "none"] {
        let role = text(&json!({ "role": role }));
        d.change(("PUT", "/v1/backends/{name}/role"), "disk", "backend.role", role).await;
    }
    let default = |role| text(&json!({ "role": role }));
    let role = ("PUT", "/v1/backends/{name}/role");
    d.change(role, "disk", "backend.role", default("default")).await;
    for (moved, rest) in [(json!({ "to": "disk" }), true), (json!({ "from": "disk" }), false)] {
        let route = ("POST", "/v1/blob-moves");
        let moved = d.change(route, "", "backend.move", text(&moved)).await;
        assert!(moved["blobs"].as_u64().unwrap() > 0 && moved["left_blobs"] == 0, "{moved}");
        if rest {
            d.change(role, "disk", "backend.role", default("none")).await;
        }
    }
    let route = ("DELETE", "/v1/backends/{name}");
    d.change(route, "disk?leave_bytes=true", "backend.delete", "").await;
    let Some(registry) = testdata::peers::registry() else { return };
    let place = format!("oci://{}/muster/audit?plain-http=true", registry.address());
    let create = text(&json!({ "name": "registry", "place": place }));
    d.change(("POST", "/v1/backends"), "", "backend.create", create).await;
    let credentials = json!({ "username": "web", "password": "muster_pat_hush" });
    let credentials = text(&json!({ "credentials": credentials }));
    let route = ("PUT", "/v1/backends/{name}/credentials");
    d.change(route, "registry", "backend.credentials", credentials).await;
}

/// Bytes that nothing refers to.
fn stray(root: &std::path::Path) {
    let hex = Digest::of("stray").to_hex();
    let (outer, rest) = hex.split_at(2);
    let shard = root.join(outer).join(rest.split_at(2).0);
    std::fs::create_dir_all(&shard).unwrap();
    std::fs::write(shard.join(hex), "stray").unwrap();
}

/// Evidence that is kept for a while, and then for good.
pub(super) async fn retention(d: &mut Driver) {
    let rule = text(&json!({ "keep_days": 90 }));
    d.change(("PUT", "/v1/retention"), "", "retention.set", rule).await;
    d.change(("DELETE", "/v1/retention"), "", "retention.delete", "").await;
}

/// A webhook that is told of nothing but a test, which cannot reach it.
pub(super) async fn integrations(d: &mut Driver) {
    let address = "https://127.0.0.1/";
    let target = json!({ "kind": "webhook", "address": address });
    let create = text(&json!({ "name": "siem", "target": target, "events": ["run.*"] }));
    d.change(("POST", "/v1/integrations"), "", "integration.create", create).await;
    let update = text(&json!({ "events": ["waiver.*"] }));
    d.change(("PATCH", "/v1/integrations/{name}"), "siem", "integration.update", update).await;
    for (route, action) in [
        ("/v1/integrations/{name}/rotate", "integration.rotate"),
        ("/v1/integrations/{name}/test", "integration.test"),
    ] {
        d.change(("POST", route), "siem", action, "").await;
    }
    let deliveries = d.server.ask(Method::GET, "/v1/deliveries", &d.server.owner).send().await;
    let deliveries = success(deliveries.unwrap(), "/v1/deliveries").await;
    let id = deliveries.pointer("/items/0/id").unwrap().as_str().unwrap();
    d.change(("POST", "/v1/deliveries/{id}/redeliver"), id, "delivery.redeliver", "").await;
    let why = text(&json!({ "reason": "pause" }));
    let route = "/v1/integrations/{name}/disable";
    d.change(("POST", route), "siem", "integration.disable", why).await;
    let route = "/v1/integrations/{name}/enable";
    d.change(("POST", route), "siem", "integration.enable", "").await;
    d.change(("DELETE", "/v1/integrations/{name}"), "siem", "integration.delete", "").await;
}

/// People who are invited, log in, become something else and leave; and a group.
pub(super) async fn people(d: &mut Driver) {
    let acme = ("POST", "/v1/organizations/{name}/invitations");
    let owner = text(&json!({ "email": "owner@acme.test", "role": "owner" }));
    d.change(acme, "acme", "invitation.create", owner).await;
    let session = text(&json!({ "id_token": d.server.identity("owner@acme.test") }));
    // Joining is an event of its own: the second login is one of a member.
    let path = "/v1/sessions";
    let first = d.server.anonymous(Method::POST, path).body(session);
    let first = first.header("content-type", "application/json").send().await.unwrap();
    success(first, path).await;
    let session = text(&json!({ "id_token": d.server.identity("owner@acme.test") }));
    let begun = d.change(("POST", path), "", "session.begin", session).await;
    let owner = begun["secret"].as_str().unwrap().to_owned();
    let invite =
        |who: &str| text(&json!({ "email": format!("{who}@acme.test"), "role": "viewer" }));
    let invitations = ("POST", "/v1/invitations");
    let made = d.change(invitations, "", "invitation.create", invite("jane")).await;
    let id = made["id"].as_str().unwrap();
    d.change(("DELETE", "/v1/invitations/{id}"), id, "invitation.revoke", "").await;
    let viewer = d.server.session("viewer").await;
    let who = d.server.ask(Method::GET, "/v1/identity", &viewer).send().await.unwrap();
    let who = success(who, "/v1/identity").await;
    let person = who.pointer("/person/id").unwrap().as_str().unwrap();
    let role = text(&json!({ "role": "admin" }));
    d.change(("PUT", "/v1/members/{id}/role"), person, "member.role", role).await;
    d.change_as(&owner, ("DELETE", "/v1/members/{id}"), person, "member.delete", "").await;
    let group = text(&json!({ "group": "security", "role": "admin" }));
    let group = d.change(("PUT", "/v1/groups"), "", "group.role", group).await;
    let id = group["id"].as_str().unwrap();
    d.change(("DELETE", "/v1/groups/{id}"), id, "group.delete", "").await;
    let role = text(&json!({ "group": "web-team", "role": "contributor" }));
    let set = d.change(("PUT", "/v1/projects/{name}/members"), "web", "project.role", role).await;
    let path = ("DELETE", "/v1/projects/{name}/members/{id}");
    let which = format!("web/members/{}", set["id"].as_str().unwrap());
    d.change(path, &which, "project-member.delete", "").await;
    d.change_as(&owner, ("DELETE", "/v1/sessions/current"), "", "session.end", "").await;
}

/// A root, what it believes, and its end.
pub(super) async fn trust_roots(d: &mut Driver) {
    let root = json!({
        "apiVersion": "muster.dev/v1", "kind": "TrustRoot", "metadata": { "name": "web" },
        "spec": { "keys": [testdata::text("materials/attestation/cosign.pub")] },
    });
    let root = text(&json!({ "source": text(&root) }));
    d.change(("PUT", "/v1/trust-roots"), "", "trust-root.revise", root).await;
    let bundle = testdata::bytes("materials/attestation/cosign-attest.sigstore.json");
    d.change(("POST", "/v1/imports"), "", "attestation.import", bundle).await;
    d.change(("DELETE", "/v1/trust-roots/{name}"), "web", "trust-root.delete", "").await;
}

/// A rule, a job that it lets in, and its end.
pub(super) async fn trust_rules(d: &mut Driver) {
    let issuer = testdata::peers::Issuer::start();
    let rule = json!({
        "apiVersion": "muster.dev/v1", "kind": "TrustRule", "metadata": { "name": "web" },
        "spec": {
            "issuer": { "kind": "github", "url": issuer.url() }, "audience": "muster",
            "grants": ["web/*"], "claims": { "repository_id": 7 },
        },
    });
    let rule = text(&json!({ "source": text(&rule) }));
    let other = rule.replace("web/*", "web/release");
    d.change(("POST", "/v1/trust-rules"), "", "trust-rule.create", other).await;
    d.change(("PUT", "/v1/trust-rules"), "", "trust-rule.replace", rule).await;
    let form = format!(
        "grant_type={}&subject_token_type={}&subject_token={}&organization=acme&workflow=web/release",
        api_types::EXCHANGE_GRANT,
        api_types::JWT_TYPE,
        issuer.token(&json!({ "repository_id": 7 })),
    );
    d.change(("POST", "/v1/tokens/exchange"), "", "job.admit", form).await;
    d.change(("DELETE", "/v1/trust-rules/{name}"), "web", "trust-rule.delete", "").await;
}
