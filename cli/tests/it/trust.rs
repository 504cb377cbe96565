//! CI jobs without a secret: the real binary in the environment of each CI system, a real server, a real issuer.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::{Value, json};
use testdata::peers::Issuer;

use crate::site::{Site, said};
use crate::support::{Ended, Server};

const ATTEST: &str = "attest --workflow web/release --key ci.pem app=app sbom=good.json";
const INIT: &str = "attest init --workflow web/release";

/// A site whose server may ask an issuer on the loopback.
pub(crate) fn sites() -> Vec<Site> {
    let allowed = |site: Site| site.with(&["--allow-private-host", "127.0.0.1"]);
    let sites: Vec<Site> = Site::all().into_iter().map(allowed).collect();
    for site in &sites {
        site.sandbox.write("app", "the application");
    }
    sites
}

fn rule(name: &str, issuer: &str, audience: &str, claims: &Value) -> String {
    json!({
        "apiVersion": "muster.dev/v1", "kind": "TrustRule", "metadata": { "name": name },
        "spec": {
            "issuer": { "kind": "github", "url": issuer }, "audience": audience,
            "grants": ["web/*"], "claims": claims,
        },
    })
    .to_string()
}

/// A server that lets the repository 7 of the issuer in; tokens are for its address.
pub(crate) fn trusting(site: &Site, issuer: &Issuer) -> Server {
    let server = site.serve(&[]);
    let rule = rule("web", &issuer.url(), &server.url, &json!({ "repository_id": 7 }));
    site.sandbox.write("rule.yaml", rule);
    site.run(&server, "trust create rule.yaml").with(0);
    server
}

/// Runs a command in a job: without a token of Muster.
pub(crate) fn in_job(
    site: &Site,
    server: &Server,
    variables: &[(&str, &str)],
    line: &str,
) -> Ended {
    let mut all = vec![("MUSTER_SERVER", server.url.as_str()), ("MUSTER_ORGANIZATION", "acme")];
    all.extend(variables);
    site.sandbox.run_with(&all, line)
}

pub(crate) fn repository(id: &str) -> Value {
    json!({ "repository_id": id, "ref": "refs/heads/main", "actor": "someone" })
}

fn state_files(site: &Site) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(site.sandbox.state()) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "json")).collect()
}

#[test]
fn rules_are_made_shown_explained_and_deleted() {
    for site in sites() {
        let issuer = Issuer::start();
        let server = trusting(&site, &issuer);
        let run = |line: &str, code: i32| site.run(&server, line).with(code);
        let line = format!("web  github {}  runs web/*\n", issuer.url());
        assert_eq!(run("trust list", 0).stdout, line);
        let shown = run("trust show web", 0).stdout;
        assert!(shown.starts_with(&line) && shown.contains("\n  repository_id `7`\n"), "{shown}");
        assert_eq!(run("trust show web -o json", 0).json()["rule"]["name"], "web");
        run("trust create rule.yaml", 2);

        let audience = json!({ "aud": server.url });
        let token = |id: &str| {
            let mut claims = repository(id);
            claims["aud"] = audience["aud"].clone();
            issuer.token(&claims)
        };
        let good = token("7");
        let explain = "trust explain - --workflow web/release";
        let variables = server.variables(&site.owner);
        let fed = |line: &str, token: &str| {
            let mut command = site.sandbox.command(line.split_whitespace());
            command.envs(variables.iter().cloned()).stdin(std::process::Stdio::piped());
            crate::support::end(&mut command, format!("{token}\n").as_bytes())
        };
        for _ in 0..2 {
            assert_eq!(fed(explain, &good).with(0).stdout, "let in by `web`\nweb: met\n");
        }
        let said = run(&format!("trust explain {}", token("8")), 3).stdout;
        let expected =
            "the token is good, and no rule lets it in\nweb:\n  repository_id is `8`, wanted `7`\n";
        assert_eq!(said, expected);
        let said = run(&format!("trust explain {good} --workflow api/release"), 3).stdout;
        assert!(said.contains("workflow is `api/release`, wanted `web/*`"), "{said}");
        let said = run(&format!("trust explain {}", issuer.token(&repository("7"))), 3).stdout;
        assert!(said.starts_with("refused at `audience`: "), "{said}");
        let json = run(&format!("trust explain {good} -o json"), 0).json();
        assert_eq!(json["rule"], "web");
        assert!(run("trust explain nonsense", 3).stdout.starts_with("refused at `form`: "));

        assert_eq!(run("trust delete web", 0).stdout, "deleted web\n");
        run("trust show web", 6);
        run("trust delete web", 6);
        let said = run(&format!("trust explain {good}"), 3).stdout;
        assert!(
            said.contains("no trust rule of `acme`") && said.contains("there are no"),
            "{said}"
        );
        server.stop();
    }
}

#[test]
fn a_rule_that_would_let_strangers_in_is_shown_where_it_stands() {
    let site = Site::embedded();
    let server = site.serve(&[]);
    let loose = "apiVersion: muster.dev/v1\nkind: TrustRule\nmetadata: { name: web }\nspec:\n  issuer: { kind: github }\n  audience: muster\n  grants: [web/release]\n  claims:\n    repository: acme/web\n";
    site.sandbox.write("rule.yaml", loose);
    let said = site.run(&server, "trust create rule.yaml").with(2).stderr;
    assert!(said.contains("rule.yaml:8:3: the rule stands on `repository` alone"), "{said}");
    assert!(said.contains("require one of repository_id"), "{said}");
    site.sandbox.write("rule.yaml", loose.replace("repository: acme/web", "repository_id: 7"));
    site.run(&server, "trust create rule.yaml").with(0);
    let private = rule("here", "http://127.0.0.1:1", "muster", &json!({ "repository_id": 7 }));
    site.sandbox.write("rule.yaml", private);
    let said = site.run(&server, "trust create rule.yaml").with(2).stderr;
    assert!(said.contains("cannot be an issuer"), "{said}");
    server.stop();
}

#[test]
fn a_job_of_github_attests_without_a_secret_and_its_run_says_whose_it_is() {
    for site in sites() {
        let issuer = Issuer::start();
        let server = trusting(&site, &issuer);
        let github = |id: &str| issuer.job(&repository(id));
        let [(url, at), (secret, shown)] = github("7");
        let job = [(url, at.as_str()), (secret, shown.as_str())];
        // Each command asks for a token of its own.
        for _ in 0..2 {
            let ended = in_job(&site, &server, &job, ATTEST).with(0);
            assert!(ended.stdout.starts_with("PASSED"), "{}", ended.stdout);
            said(&ended.stderr);
        }
        assert!(state_files(&site).is_empty());
        let runs = site.run(&server, "run list -o json").with(0).json();
        let run = runs["items"][0]["id"].as_str().unwrap();
        let shown = site.run(&server, &format!("run show {run}")).with(0).stdout;
        for line in [
            "github repo:acme/web:ref:refs/heads/main, let in by `web` at ",
            "\n  repository_id 7\n",
        ] {
            assert!(shown.contains(line), "{shown}");
        }
        assert!(!shown.contains("someone"), "nobody is named: {shown}");
        let query = json!({ "query": format!("{{ run(id: \"{run}\") {{ job {{ rule kind issuer claims {{ name value }} }} }} }}") });
        let answer = site.http(&server).post("/graphql", &query).with(200).json();
        let job = &answer["data"]["run"]["job"];
        assert_eq!((&job["rule"], &job["kind"]), (&json!("web"), &json!("github")), "{answer}");
        assert!(
            job["claims"]
                .as_array()
                .unwrap()
                .contains(&json!({ "name": "repository_id", "value": "7" }))
        );
        let admitted = site.run(&server, "audit list --action job.admit").with(0).stdout;
        assert_eq!(admitted.lines().count(), 2, "{admitted}");
        server.stop();
    }
}

#[test]
fn a_job_that_is_not_let_in_says_why_and_what_to_do() {
    let site = sites().remove(0);
    let issuer = Issuer::start();
    let server = trusting(&site, &issuer);
    let [(url, at), (secret, shown)] = issuer.job(&repository("7"));
    let job = [(url, at.as_str()), (secret, shown.as_str())];
    let with = |more: &[(&str, &str)], line: &str, code: i32| {
        let ended = in_job(&site, &server, &[&job[..], more].concat(), line).with(code);
        assert!(
            !ended.stderr.contains("eyJ") && !ended.stderr.contains(&shown),
            "{}",
            ended.stderr
        );
        ended.stderr
    };
    let cases: [(&[(&str, &str)], String, i32, &str); 7] = [
        (&[("MUSTER_ORGANIZATION", "globex")], ATTEST.to_owned(), 5, "no trust rule of `globex`"),
        (
            &[("MUSTER_AUDIENCE", "sigstore")],
            ATTEST.to_owned(),
            5,
            "is for the audience `sigstore`",
        ),
        (&[(secret, "wrong")], ATTEST.to_owned(), 75, "`permissions: id-token: write`"),
        (&[(url, "nowhere")], ATTEST.to_owned(), 2, "is not an address"),
        (&[(url, "http://127.0.0.1:1/?a")], ATTEST.to_owned(), 75, "issued no identity token"),
        (&[], ATTEST.replace("web/release", "api/release"), 5, "no trust rule lets it run"),
        (
            &[],
            "attest init --rerun 00000000-0000-0000-0000-000000000000".to_owned(),
            2,
            "cannot repeat a run",
        ),
    ];
    for (more, line, code, phrase) in cases {
        let said = with(more, &line, code);
        assert!(said.contains(phrase), "{line}: {said}");
        assert!(!said.contains("right scopes"), "{said}");
    }
    issuer.job(&repository("8"));
    assert!(with(&[], ATTEST, 5).contains("`muster trust explain`"));
    let mut nobody = vec![("MUSTER_SERVER", server.url.as_str())];
    nobody.extend(job);
    let said = site.sandbox.run_with(&nobody, INIT).with(2).stderr;
    assert!(said.contains("hint: set MUSTER_ORGANIZATION"), "{said}");
    // A token that was given is used, whatever the CI system has.
    let given = [("MUSTER_TOKEN", "muster_pat_nonsense")];
    assert!(with(&given, INIT, 5).contains("right scopes"));
    let refused = site.run(&server, "audit list --action job.refuse -o json").with(0).json();
    let steps: Vec<&str> = refused["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["detail"]["step"].as_str().unwrap())
        .collect();
    assert_eq!(steps, ["rules", "rules", "audience"], "newest first");
    server.stop();
}

#[test]
fn a_job_with_one_token_keeps_what_it_was_given_for_its_steps() {
    for site in sites() {
        let issuer = Issuer::start();
        let server = trusting(&site, &issuer);
        let mut claims = repository("7");
        claims["aud"] = json!(server.url);
        let token = issuer.token(&claims);
        let file = site.sandbox.write("k8s-token", issuer.token(&claims));
        let (file, circle) = (file.display().to_string(), issuer.token(&claims));
        for (name, value) in [
            ("MUSTER_ID_TOKEN", token.as_str()),
            ("MUSTER_ID_TOKEN_FILE", file.as_str()),
            ("CIRCLE_OIDC_TOKEN_V2", circle.as_str()),
        ] {
            let step =
                |line: &str, code: i32| in_job(&site, &server, &[(name, value)], line).with(code);
            step(INIT, 0);
            let [state] = &state_files(&site)[..] else { panic!("{name}") };
            assert_eq!(std::fs::metadata(state).unwrap().permissions().mode() & 0o777, 0o600);
            let kept = std::fs::read_to_string(state).unwrap();
            assert!(kept.contains("muster_pat_") && !kept.contains("eyJ"), "{name}");
            step("attest add app=app sbom=good.json", 0);
            let again = step(&format!("{INIT} --replace"), 5).stderr;
            assert!(again.contains("was exchanged before"), "{again}");
            let pushed = step("attest push --key ci.pem", 0).stdout;
            assert!(pushed.starts_with("PASSED"), "{pushed}");
            assert!(state_files(&site).is_empty());
        }
        server.stop();
    }
}

/// Has the token in the only state file end, and answers it.
fn end_token(site: &Site) -> String {
    let [state] = &state_files(site)[..] else { panic!("not one state") };
    let mut kept: Value = serde_json::from_slice(&std::fs::read(state).unwrap()).unwrap();
    kept["token"]["expires_at"] = json!("2026-01-01T00:00:00Z");
    std::fs::write(state, kept.to_string()).unwrap();
    kept["token"]["secret"].as_str().unwrap().to_owned()
}

#[test]
fn a_job_that_outlives_its_token_goes_on_under_another() {
    for site in sites() {
        let issuer = Issuer::start();
        let server = trusting(&site, &issuer);
        let [(url, at), (secret, shown)] = issuer.job(&repository("7"));
        let job = [(url, at.as_str()), (secret, shown.as_str())];
        in_job(&site, &server, &job, INIT).with(0);
        let first = end_token(&site);
        in_job(&site, &server, &job, "attest add app=app sbom=good.json").with(0);
        let second = end_token(&site);
        assert_ne!(first, second);
        site.http(&server).under(&first).get("/v1/identity").with(401);
        let pushed = in_job(&site, &server, &job, "attest push --key ci.pem").with(0).stdout;
        assert!(pushed.starts_with("PASSED"), "{pushed}");
        assert!(state_files(&site).is_empty());
        let renewed = site.run(&server, "audit list --action job.renew").with(0).stdout;
        assert_eq!(renewed.lines().count(), 2, "{renewed}");
        server.stop();
    }
}

#[test]
fn a_job_that_is_given_no_other_token_says_so() {
    let site = sites().remove(0);
    let issuer = Issuer::start();
    let server = trusting(&site, &issuer);
    let mut claims = repository("7");
    claims["aud"] = json!(server.url);
    let token = issuer.token(&claims);
    let job = [("MUSTER_ID_TOKEN", token.as_str())];
    in_job(&site, &server, &job, INIT).with(0);
    end_token(&site);
    for line in ["attest add app=app", "attest push --key ci.pem", "attest reset"] {
        for (job, why) in [(&job[..], "was exchanged before"), (&[], "issues no identity token")] {
            let said = in_job(&site, &server, job, line).with(5).stderr;
            let ended = "ended at 2026-01-01T00:00:00.000Z, and it was given no other: ";
            assert!(said.contains(ended) && said.contains(why), "{said}");
            assert!(said.contains("hint: begin anew"), "{said}");
        }
    }
    server.stop();
}

#[test]
fn a_job_of_buildkite_asks_its_agent_for_the_claims_that_stay() {
    let site = sites().remove(0);
    let issuer = Issuer::start();
    let server = site.serve(&[]);
    let rule = rule("web", &issuer.url(), &server.url, &json!({ "pipeline_id": "p" }))
        .replace("github", "buildkite");
    site.sandbox.write("rule.yaml", rule);
    site.run(&server, "trust create rule.yaml").with(0);
    let agent = |script: &str| {
        let path = site.sandbox.write("bin/buildkite-agent", format!("#!/bin/sh\n{script}\n"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    let token = issuer.token(&json!({ "aud": server.url, "pipeline_id": "p" }));
    agent(&format!("echo \"$@\" > asked; echo {token}"));
    let path = format!("{}:{}", site.sandbox.path("bin").display(), std::env::var("PATH").unwrap());
    let job = [
        ("BUILDKITE", "true"),
        ("BUILDKITE_BUILD_URL", "https://buildkite.com/acme/web/builds/1"),
        ("BUILDKITE_JOB_ID", "1"),
        ("PATH", path.as_str()),
    ];
    in_job(&site, &server, &job, ATTEST).with(0);
    let asked = format!(
        "oidc request-token --audience {} --claim organization_id --claim pipeline_id\n",
        server.url
    );
    assert_eq!(site.sandbox.read("asked"), asked);
    agent("echo 'the job is over' >&2; exit 1");
    let said = in_job(&site, &server, &job, ATTEST).with(75).stderr;
    assert!(said.contains("buildkite-agent issued no identity token: the job is over"), "{said}");
    server.stop();
}
