//! `muster demo`: the first thing that anybody runs.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};

use crate::http::Http;
use crate::support::{Ended, Sandbox, end, signal};

#[test]
fn the_demo_tells_its_whole_story() {
    let said = Sandbox::new().run("demo").with(0).stdout;
    let policies: BTreeSet<&str> = said
        .lines()
        .filter_map(|line| line.strip_prefix("  failed        ")?.split(' ').next())
        .collect();
    assert_eq!(
        policies,
        BTreeSet::from(["sarif-severity", "sbom-components", "tests-pass"]),
        "{said}"
    );
    for phrase in [
        "\nPASSED  web-release",
        "\nFAILED  web-release",
        "\nALLOW  sha256:",
        "\nDENY  sha256:",
        "\nlineage of sha256:",
        "5 nodes, 4 edges, complete",
        "  GraphiQL  http://127.0.0.1:",
        "  OpenAPI   http://127.0.0.1:",
        "  token     muster_pat_",
    ] {
        assert!(said.contains(phrase), "{phrase:?} is missing: {said}");
    }
    assert_eq!(next(&said).len(), 3, "{said}");
}

/// The commands that the demo proposes.
fn next(said: &str) -> Vec<&str> {
    said.lines().filter_map(|line| line.strip_prefix("  muster ")).collect()
}

/// The demo as a process of its own; killed when dropped.
struct Kept(Child);

impl Drop for Kept {
    fn drop(&mut self) {
        // It may have ended already.
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

#[test]
fn a_demo_that_is_kept_answers_until_it_is_ended() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(["demo", "--keep"]);
    let mut kept = Kept(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    let mut stdout = BufReader::new(kept.0.stdout.take().unwrap());
    let mut said = String::new();
    while next(&said).len() < 3 {
        assert_ne!(stdout.read_line(&mut said).unwrap(), 0, "it ended: {said}");
    }
    let export = said.lines().find_map(|line| line.strip_prefix("  export ")).unwrap();
    let variables: Vec<_> = export.split(' ').map(|pair| pair.split_once('=').unwrap()).collect();
    Http::new(variables[0].1, variables[1].1).get("/livez").with(200);
    let sandbox = sandbox.and(variables);
    for line in next(&said) {
        let mut command = sandbox.command(line.split(' '));
        let ended: Ended = end(command.current_dir(testdata::path("..")), &[]);
        assert_eq!(ended.code, 0, "{line}: {}", ended.stderr);
    }
    // The readers stay: a program whose output nobody reads may end for that reason.
    signal(kept.0.id(), "TERM");
    assert_eq!(kept.0.wait().unwrap().code(), Some(0));
    stdout.read_to_string(&mut said).unwrap();
    sandbox.run("whoami").with(75);
}
