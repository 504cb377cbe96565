//! Settings come from flags, variables, a file and defaults, in this order; and what a project says once.

use crate::site::Site;
use crate::support::Sandbox;

const FILE: &str = "
listen: 127.0.0.1:7001
rate-limit: 7
data: kept-here
database: postgres://muster:hush@127.0.0.1/muster
allow-private-host: [a.example, b.example]
";

#[test]
fn a_flag_beats_a_variable_beats_a_file_beats_the_default() {
    let sandbox = Sandbox::new();
    sandbox.write("muster.yaml", FILE);
    let serve = "serve --config muster.yaml --print-config";
    let variables = [("MUSTER_DATA", "from-variable"), ("MUSTER_RATE_LIMIT", "8")];
    let said = sandbox.run_with(&variables, &format!("{serve} --rate-limit 9")).with(0).stdout;
    for line in [
        "listen: \"127.0.0.1:7001\" # the file",
        "data: \"from-variable\" # MUSTER_DATA",
        "rate-limit: \"9\" # --rate-limit",
        "anonymous-rate-limit: \"50\" # the default",
        "allow-private-host: [\"a.example\",\"b.example\"] # the file",
        "database: \"postgres://muster:...@127.0.0.1/muster\" # the file",
    ] {
        assert!(said.lines().any(|one| one == line), "{line}: {said}");
    }
    assert!(!said.contains("hush"), "{said}");
    let database = "--database postgres://127.0.0.1/muster?user=muster&password=hush";
    let queried = sandbox.run(&format!("{serve} {database}")).with(0).stdout;
    assert!(!queried.contains("hush") && queried.contains("muster?..."), "{queried}");
    // What is printed is a configuration.
    sandbox.write("again.yaml", said.replace("...", "hush"));
    let again = sandbox.run("serve --config again.yaml --print-config").with(0).stdout;
    assert!(again.contains("rate-limit: \"9\" # the file"), "{again}");
}

#[test]
fn a_file_that_is_wrong_is_refused_with_its_place() {
    let sandbox = Sandbox::new();
    for (text, phrase) in [
        (
            "lisen: 127.0.0.1:1",
            "muster.yaml:1:1: the setting `lisen` is not known; did you mean `listen`?",
        ),
        ("listen: { a: b }", "`listen` is a text, a number"),
        ("listen: nowhere", "nowhere"),
        ("rate-limit: -1", "-1"),
        ("config: other.yaml", "`config` is not known"),
        ("server: https://evil.example", "`server` is not known"),
        ("- listen", "expected a map"),
        ("tls-cert: a.pem", "`tls-cert` and `tls-key` belong together"),
        (
            "login-issuer: https://id.example",
            "`login-issuer` and `login-client-id` belong together",
        ),
        ("listen: a\nlisten: b", "listen"),
    ] {
        sandbox.write("muster.yaml", text);
        let ended = sandbox.run("serve --config muster.yaml --print-config").with(2);
        assert!(ended.stderr.contains(phrase), "{text}: {}", ended.stderr);
    }
    assert!(sandbox.run("serve --config missing.yaml").with(2).stderr.contains("missing.yaml"));
}

#[test]
fn a_server_does_what_its_file_says() {
    let sandbox = Sandbox::new();
    let data = sandbox.path("elsewhere");
    let file = sandbox.write("muster.yaml", format!("data: {}\n", data.display()));
    let mut command = sandbox.command(["serve", "--listen", "127.0.0.1:0", "--config"]);
    let mut child = command.arg(&file).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut stderr = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("listening on") {
        line.clear();
        assert_ne!(std::io::BufRead::read_line(&mut stderr, &mut line).unwrap(), 0);
    }
    assert!(data.join("muster.db").exists());
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn what_the_project_says_need_not_be_typed() {
    let site = Site::embedded();
    let server = site.serve(&[]);
    site.sandbox.write("app", "the application");
    let bare = site.run(&server, "attest --key ci.pem app=app sbom=good.json").with(2).stderr;
    assert!(bare.contains("no workflow was named") && bare.contains(".muster.yaml"), "{bare}");
    let bare = site.run(&server, "check app=app sbom=good.json").with(2).stderr;
    assert!(bare.contains("no contract was named"), "{bare}");
    site.sandbox.write(".muster.yaml", "workflow: web/release\ncontract: contract.yaml\n");
    site.run(&server, "attest --key ci.pem app=app sbom=good.json").with(0);
    site.run(&server, "check app=app sbom=good.json").with(0);
    let other =
        site.run(&server, "attest --workflow web/other --key ci.pem app=app sbom=good.json");
    assert!(other.with(6).stderr.contains("web/other"), "what is typed comes first");
}
