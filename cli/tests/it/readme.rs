//! The README is run: what it shows works, in that order.

use cli::Exit;
use serde_json::{Value, json};

use crate::http::Http;
use crate::support::{PASSWORD, Sandbox, Server};

fn readme() -> String {
    testdata::text("../README.md")
}

/// The lines within fences of a language.
fn fenced(text: &str, language: &str) -> Vec<String> {
    let mut lines = text.lines();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        if let Some(opened) = line.strip_prefix("```") {
            let block = lines.by_ref().take_while(|line| !line.starts_with("```"));
            if opened == language {
                found.extend(block.map(ToOwned::to_owned));
            } else {
                block.for_each(drop);
            }
        }
    }
    found
}

#[test]
fn the_tour_works() {
    let readme = readme();
    let lines = fenced(&readme, "console");
    assert!(lines.len() > 15, "the tour is gone");
    let server = Server::start();
    let bootstrap = server.variables(server.bootstrap.as_deref().unwrap());
    let mut sandbox =
        Sandbox::with_testdata().and(bootstrap).and([("MUSTER_KEY_PASSWORD", PASSWORD)]);
    for line in lines {
        let command =
            line.strip_prefix("$ muster ").unwrap_or_else(|| panic!("not a command: {line}"));
        let shell = command.chars().find(|c| "\"'\\|&;<>$`*?(){}~#".contains(*c));
        assert_eq!(shell, None, "{line}: nothing that needs a shell");
        let ended = sandbox.run(command);
        assert_eq!(ended.code, 0, "{line}\n{}\n{}", ended.stdout, ended.stderr);
        if command.starts_with("org create") {
            sandbox = sandbox.and(server.variables(ended.stdout.trim()));
        }
    }
    let query = fenced(&readme, "graphql").join("\n");
    let allowed = decide(&sandbox, &server, &query);
    assert_eq!(allowed["data"]["decision"][0]["answer"], "ALLOW", "{allowed}");
    let unknown = sandbox.write("unknown", "never attested");
    sandbox.run(&format!("gate allow {} --gate prod", unknown.display())).with(4);
}

/// Asks the README's GraphQL about the artifact of the tour.
fn decide(sandbox: &Sandbox, server: &Server, query: &str) -> Value {
    let token = sandbox.run("token create auditor --scope read").with(0).stdout;
    let digest = engine::Digest::of(testdata::bytes("tour/app.txt"));
    let body = json!({ "query": query, "variables": { "digests": [digest] } });
    Http::new(&server.url, token.trim()).post("/graphql", &body).with(200).json()
}

#[test]
fn what_a_shell_runs_is_the_demo_and_the_tests() {
    assert_eq!(fenced(&readme(), "sh"), ["cargo run --release -- demo", "cargo test --workspace"]);
}

#[test]
fn the_exit_codes_are_those_of_the_program() {
    let all = [
        Exit::Success,
        Exit::Unexpected,
        Exit::Usage,
        Exit::Failed,
        Exit::Indeterminate,
        Exit::Forbidden,
        Exit::NotFound,
        Exit::TryAgain,
    ];
    let expected: Vec<String> =
        all.iter().map(|exit| format!("| {} | {} |", exit.code(), meaning(*exit))).collect();
    let readme = readme();
    let (_, table) = readme.split_once("| code | meaning |\n| --- | --- |\n").unwrap();
    let rows: Vec<&str> = table.lines().take_while(|line| line.starts_with('|')).collect();
    assert_eq!(rows, expected);
}

/// A new code does not compile until it is in the list above and in the README.
const fn meaning(exit: Exit) -> &'static str {
    match exit {
        Exit::Success => "passed, or allowed",
        Exit::Unexpected => "an unexpected error",
        Exit::Usage => "wrong usage or invalid input",
        Exit::Failed => "failed, or denied",
        Exit::Indeterminate => "indeterminate",
        Exit::Forbidden => "not authenticated, or not permitted",
        Exit::NotFound => "not found",
        Exit::TryAgain => "try again",
    }
}
