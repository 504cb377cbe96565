//! The real server does what its `OpenAPI` document says, as someone else's program reads it.

use std::path::Path;
use std::process::Command;

use crate::site::Site;

/// How many requests are made up for each operation, besides those at the edges of its schema.
const EXAMPLES: &str = "8";

#[test]
fn the_server_is_what_its_document_says() {
    let Some(schemathesis) = testdata::peers::schemathesis() else { return };
    let configuration = Path::new(env!("CARGO_MANIFEST_DIR")).join("../api/schemathesis.toml");
    for site in Site::all() {
        let unbounded = ["--rate-limit", "0", "--anonymous-rate-limit", "0"];
        let site = site.with(&unbounded);
        let server = site.serve(&[]);
        let mut command = Command::new(&schemathesis);
        command.arg("--config-file").arg(&configuration).args(["run", "--no-color"]);
        command.args(["--phases", "examples,coverage,fuzzing", "--seed", "1"]);
        command.args(["--max-examples", EXAMPLES]);
        command.arg("--header").arg(format!("Authorization: Bearer {}", site.owner));
        command.arg(format!("{}/openapi.json", server.url)).current_dir(site.sandbox.path(""));
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}: {said}", site.name);
        let (_, cases) = said.split_once("Test cases:").unwrap();
        let made: u32 = cases.split_whitespace().next().unwrap().parse().unwrap();
        assert!(made > 2_000 && cases.contains(&format!("{made} passed")), "{}: {said}", site.name);
    }
}
