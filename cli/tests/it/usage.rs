//! What is typed or written wrongly is answered with what, where, and what to do.

use std::collections::BTreeMap;
use std::net::TcpListener;

use testdata::hostile;

use crate::support::{Sandbox, Server};

/// A contract with the given policies and the given materials.
fn contract(spec: &str) -> String {
    format!("apiVersion: muster.dev/v1\nkind: Contract\nmetadata: {{ name: c }}\nspec:\n{spec}\n")
}

#[test]
fn every_command_is_well_formed() {
    <cli::Cli as clap::CommandFactory>::command().debug_assert();
}

#[test]
fn what_is_typed_wrongly_is_named() {
    let sandbox = Sandbox::with_testdata();
    let cases = [
        ("", 2, "Usage: muster [OPTIONS] <COMMAND>"),
        ("gate", 2, "Usage: muster gate"),
        ("chek", 2, "'check'"),
        ("check --contrct tour/contract.yaml", 2, "a similar argument exists: '--contract'"),
        ("check app=tour/app.txt", 2, "give --contract FILE"),
        ("check -c tour/contract.yaml --at yesterday", 2, "expected RFC 3339"),
        ("check -c tour/contract.yaml --annotation team", 2, "expected NAME=VALUE"),
        ("check -c not-there.yaml", 2, "cannot read not-there.yaml: No such file"),
        ("check -c tour", 2, "cannot read tour: Is a directory"),
        ("contract check not-there.yaml", 2, "cannot read not-there.yaml"),
        ("contract check tour/gate.yaml", 2, "tour/gate.yaml:3:7: "),
        ("schema contrat", 2, "'contract'"),
        ("attest", 2, "give --workflow PROJECT/WORKFLOW"),
        ("attest --workflow web app=tour/app.txt", 2, "expected PROJECT/WORKFLOW"),
        ("verify tour/app.txt", 2, "--key <FILE>"),
        ("verify tour/app.txt --key tour/app.txt", 3, "this is not a Sigstore bundle"),
        ("key add tour/app.txt --name ci", 2, "expected PEM with the label PUBLIC KEY"),
        (
            "gate allow sha256:abc --gate prod",
            2,
            "neither a digest, nor an image with a digest, nor a file",
        ),
        ("attestation show sha256:abc", 2, "sha256:"),
        ("project create Web", 2, "`Web` is not a name"),
        ("serve --listen 8080", 2, "'8080' for '--listen <ADDRESS>'"),
        ("serve --blobs-registry registry.example", 2, "is not HOST[:PORT]/REPOSITORY"),
        ("serve --data tour/app.txt", 2, "cannot use tour/app.txt"),
        ("serve --plain-http", 2, "--blobs-registry"),
        (
            "serve --login-issuer http://id.example.com --login-client-id x",
            2,
            "the login provider `http://id.example.com`: an issuer is asked over `https`",
        ),
    ];
    for (line, code, phrase) in cases {
        let ended = sandbox.run(line).with(code);
        assert!(ended.stderr.contains(phrase), "{line}: {}", ended.stderr);
        assert_eq!(ended.stdout, "", "{line}");
    }
}

#[test]
fn what_is_written_wrongly_is_shown_where_it_stands() {
    let material = "  materials:\n    - { name: doc, kind: evidence }\n";
    let policy = |name: &str| contract(&format!("{material}  policies:\n    - use: {name}"));
    let deep = [vec![b'['; 400_000], vec![b']'; 400_000]].concat();
    let cases: [(Vec<u8>, &str); 20] = [
        (b"kind: Contract\n  bad: [\n".to_vec(), "contract.yaml:2:6: this is not valid YAML"),
        (hostile::yaml_bomb(), "contract.yaml:5:35: the document expands to more than the limit of 50000 values"),
        (hostile::deep_json(1_000_000), "cannot read contract.yaml: it has more than the limit of 1048576 bytes"),
        (deep, "contract.yaml:1:"),
        (b"name: caf\xe9\n".to_vec(), "contract.yaml: the document is not UTF-8"),
        (Vec::new(), "contract.yaml:"),
        (b"a: 1\na: 2\n".to_vec(), "contract.yaml:2:1: "),
        (contract("  materials:\n    - { name: doc, knd: sarif }").into(), "contract.yaml:6:20: the key `knd` is not known here (at `/spec/materials/0/knd`); did you mean `kind`?"),
        (contract("  materials:\n    - { name: doc, kind: sarf }").into(), "did you mean `sarif`?"),
        (contract("  materials: yes").into(), "contract.yaml:5:14: expected a value of type array, found the text \"yes\""),
        (contract("  materials:\n    - { name: doc, kind: sarif }\n    - { name: doc, kind: openvex }").into(), "`doc`"),
        (policy("sbom-component").into(), "did you mean `sbom-components`?"),
        (policy("not-there.rego").into(), "contract.yaml:8:7: there is no file `not-there.rego` beside this document"),
        (policy("syntax.rego").into(), "syntax.rego:3:"),
        (policy("loop.rego").into(), "the rule `data.p.a` refers to itself"),
        (policy("network.rego").into(), "the builtin `http.send` is refused"),
        (policy("silent.rego").into(), "no rule of this policy reports anything"),
        (policy("sbom-components\n      on: { material: dok }").into(), "`dok`"),
        (policy("sbom-components\n      on: { material: doc }\n      with: { bannd: [] }").into(), "did you mean `banned`?"),
        (policy("sbom-components\n      on: { material: doc }\n      mode: enfroce").into(), "did you mean `enforce`?"),
    ];
    let sandbox = Sandbox::new();
    sandbox.write("syntax.rego", "package p\ndeny contains v if {\n  v := \n}\n");
    sandbox.write(
        "loop.rego",
        "package p\na if b\nb if a\ndeny contains {\"rule\": \"r\", \"message\": \"m\"} if a\n",
    );
    sandbox.write(
        "network.rego",
        "package p\ndeny contains {\"rule\": \"r\", \"message\": \"m\"} if http.send({})\n",
    );
    sandbox.write("silent.rego", "package p\nallow := true\n");
    for (text, phrase) in cases {
        sandbox.write("contract.yaml", &text);
        let shown = String::from_utf8_lossy(&text[..text.len().min(200)]).into_owned();
        for command in ["contract check contract.yaml", "check -c contract.yaml"] {
            let ended = sandbox.run(command).with(2);
            assert!(ended.stderr.contains(phrase), "{phrase}\n{shown}\n{}", ended.stderr);
            assert_eq!(ended.stdout, "", "{shown}");
        }
    }
}

#[test]
fn hostile_evidence_is_never_a_pass() {
    let sandbox = Sandbox::new();
    let spec = "  materials:\n    - { name: e, kind: KIND }\n  policies:\n    - { use: POLICY, on: { material: e } }";
    let sbom = testdata::bytes("materials/sbom-cyclonedx-json/python-env-small.cdx.json");
    let (cyclonedx, junit) =
        (("sbom-cyclonedx-json", "sbom-components"), ("junit-xml", "tests-pass"));
    let cases = [
        (cyclonedx, hostile::truncated(&sbom), 3, "it is not JSON: EOF"),
        (cyclonedx, hostile::non_utf8(), 3, "[material-invalid]"),
        (cyclonedx, hostile::duplicate_keys(), 3, "[material-invalid]"),
        (cyclonedx, hostile::duplicate_keys_escaped(), 3, "[material-invalid]"),
        (cyclonedx, hostile::deep_json(1_000_000), 3, "it nests deeper than 128 levels"),
        (cyclonedx, Vec::new(), 3, "[material-invalid]"),
        (
            junit,
            hostile::zip_claiming(3_000_000_000),
            4,
            "over the limit archive_bytes_max of 1073741824",
        ),
        (junit, b"<testsuites><testsuite>".to_vec(), 3, "[material-invalid]"),
        (junit, b"<testsuites></testsuites>".to_vec(), 3, "it holds no test suite"),
    ];
    for ((kind, policy), bytes, code, phrase) in cases {
        sandbox.write("c.yaml", contract(&spec.replace("KIND", kind).replace("POLICY", policy)));
        sandbox.write("evidence", &bytes);
        let ended = sandbox.run("check -c c.yaml e=evidence").with(code);
        assert!(ended.stdout.contains(phrase), "{kind} {phrase}: {}", ended.stdout);
    }
}

#[test]
fn a_server_that_is_not_there_or_says_no_has_its_code() {
    let server = Server::start();
    let bootstrap = server.bootstrap.clone().unwrap();
    let sandbox = Sandbox::with_testdata();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nowhere = format!("http://{free}");
    let url = server.url.as_str();
    let owner = server.organization("acme");
    let owner = owner[1].1.as_str();
    let cases = [
        (None, "x", "whoami", 2, "hint: set MUSTER_SERVER, or give --server"),
        (
            Some(url),
            "",
            "whoami",
            5,
            "hint: muster login; machines set MUSTER_TOKEN, or give --token-file",
        ),
        (
            Some("not-an-address"),
            "x",
            "whoami",
            2,
            "`not-an-address` is not the address of a server",
        ),
        (Some("ftp://127.0.0.1"), "x", "whoami", 2, "it begins with https:// or http://"),
        (Some(nowhere.as_str()), "x", "whoami", 75, "Connection refused"),
        (
            Some(url),
            "x",
            "whoami",
            5,
            "hint: is MUSTER_TOKEN set to a token with the right scopes?",
        ),
        (Some(url), "muster_pat_000000000000000000000000000000000000", "whoami", 5, "error: "),
        (Some(url), owner, "org create other", 5, "error: "),
        (Some(url), bootstrap.as_str(), "project create web", 5, "error: "),
        (Some(url), owner, "gate allow tour/app.txt --gate nowhere", 6, "nowhere"),
        (Some(url), owner, "workflow create web/release --contract nothing", 6, "error: "),
        (Some(url), owner, "attest --workflow web/release app=tour/app.txt", 2, "no key was given"),
        (Some(url), owner, "whoami --token-file not-there", 2, "cannot read not-there"),
    ];
    for (server, token, line, code, phrase) in cases {
        let mut variables = vec![("MUSTER_TOKEN", token)];
        variables.extend(server.map(|server| ("MUSTER_SERVER", server)));
        let ended = sandbox.run_with(&variables, line);
        assert_eq!(ended.code, code, "{server:?} {line}: {}", ended.stderr);
        assert!(ended.stderr.contains(phrase), "{line}: {}", ended.stderr);
        assert!(
            token.len() < 10 || !ended.stderr.contains(token),
            "a token is not shown: {}",
            ended.stderr
        );
    }
    sandbox.write("token", format!("{owner}\n"));
    let said = sandbox.run(&format!("whoami --server {url} --token-file token")).with(0).stdout;
    assert!(said.contains("of acme: "), "{said}");
}

/// The help of a command, and of every command under it.
fn walk(sandbox: &Sandbox, path: &[String], found: &mut BTreeMap<String, String>) {
    let mut args = path.to_vec();
    args.push("--help".to_owned());
    let help = sandbox.args(&args).with(0).stdout;
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands: Vec<&str> = commands
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty() && *name != "help")
        .collect();
    for command in commands {
        let below: Vec<String> = path.iter().cloned().chain([command.to_owned()]).collect();
        walk(sandbox, &below, found);
    }
    found.insert(path.join(" "), help);
}

#[test]
fn every_command_shows_an_example() {
    let sandbox = Sandbox::new();
    let mut found = BTreeMap::new();
    walk(&sandbox, &[], &mut found);
    assert!(found.len() > 35, "{:?}", found.keys());
    let lacking: Vec<_> =
        found.iter().filter(|(_, help)| !help.contains("Example")).map(|(path, _)| path).collect();
    assert!(lacking.is_empty(), "no example: {lacking:?}");
}

#[test]
fn help_shows_no_secret() {
    let sandbox = Sandbox::new().and([
        ("MUSTER_DATABASE", "postgres://muster:hush@db/muster"),
        ("MUSTER_TOKEN", "muster_pat_hush"),
        ("MUSTER_KEY_PASSWORD", "hush"),
    ]);
    let mut found = BTreeMap::new();
    walk(&sandbox, &[], &mut found);
    let loud: Vec<_> =
        found.iter().filter(|(_, help)| help.contains("hush")).map(|(path, _)| path).collect();
    assert!(loud.is_empty(), "{loud:?}");
}

#[test]
fn a_place_in_a_policy_does_not_look_like_one_in_the_contract() {
    let sandbox = Sandbox::new();
    let spec =
        "  materials:\n    - { name: doc, kind: evidence }\n  policies:\n    - use: rules/p.yaml";
    sandbox.write("contract.yaml", contract(spec));
    let policy = "apiVersion: muster.dev/v1\nkind: Policy\nmetadata: { name: p }\nspec:\n  module: p.rego\n  input: []\n";
    sandbox.write("rules/p.yaml", policy);
    let said = sandbox.run("contract check contract.yaml").with(2).stderr;
    let lines: Vec<&str> = said.lines().collect();
    assert!(
        lines[0].starts_with("error: contract.yaml:8:7: rules/p.yaml:5:3: the key `module`"),
        "{said}"
    );
    assert!(lines[1].starts_with("    6:3: the key `input`") && lines.len() == 2, "{said}");
}
