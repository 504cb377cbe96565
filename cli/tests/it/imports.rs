//! Attestations of others, from the command line.

use crate::site::Site;

const CONDA: &str = "materials/attestation/conda-publish.sigstore.json";
const NPM: &str = "materials/slsa-provenance/npm-sigstore-2.0.0.sigstore.json";
const PACKAGE: &str = "sha256:54303491a8418fbed24344b513546182c29b43bf282ceb433af65e2299f9271f";

/// A bundle as one line.
fn line(file: &str) -> String {
    let bundle: serde_json::Value = serde_json::from_slice(&testdata::bytes(file)).unwrap();
    bundle.to_string()
}

#[test]
fn a_file_of_many_brings_those_that_are_believed_and_says_which_are_not() {
    for site in Site::all() {
        let server = site.serve(&[]);
        site.sandbox.write("root.yaml", testdata::text("tour/trust-root.yaml"));
        let pushed = site.run(&server, "trust-root push root.yaml").with(0).stdout;
        assert_eq!(pushed, "conda  1 identity of public-good\n");
        let lines = format!("{}\n{}\n{{}}\n", line(CONDA), line(NPM));
        site.sandbox.write("all.jsonl", lines);
        let ended = site.run(&server, "attest import all.jsonl").with(3);
        assert_eq!(ended.stdout.lines().count(), 1, "{}", ended.stdout);
        assert!(ended.stdout.contains("under conda"), "{}", ended.stdout);
        assert!(ended.stderr.contains("all.jsonl: 2: "), "{}", ended.stderr);
        assert!(ended.stderr.contains("whom no trust root names"), "{}", ended.stderr);
        assert!(ended.stderr.contains("all.jsonl: 3: it is neither"), "{}", ended.stderr);

        let lineage = format!("lineage {PACKAGE}");
        let shown = site.run(&server, &lineage).with(0).stdout;
        assert!(
            shown.contains("attestations-publish-1.schema.json believed under conda"),
            "{shown}"
        );
        let query = format!(
            r#"{{"query":"{{ artifact(digest: \"{PACKAGE}\") {{ lineage {{ nodes {{ imported {{ trustRoot believed signerSubject }} }} }} }} }}"}}"#
        );
        let query = serde_json::from_str(&query).unwrap();
        let answer = site.http(&server).post("/graphql", &query).with(200).json();
        assert!(answer.to_string().contains("prefix-dev/sigstore-example"), "{answer}");
        site.run(&server, "trust-root delete conda").with(0);
        let shown = site.run(&server, &lineage).with(0).stdout;
        assert!(shown.contains("not believed any more under conda"), "{shown}");
        server.stop();
    }
}

#[test]
fn roots_are_documents_like_others() {
    let site = Site::embedded();
    let server = site.serve(&[]);
    let root = testdata::text("tour/trust-root.yaml");
    site.sandbox.write("roots/conda.yaml", &root);
    let first = site.run(&server, "apply -f roots").with(0);
    assert!(first.stderr.contains("+ trust root conda"), "{}", first.stderr);
    let again = site.run(&server, "apply -f roots --dry-run --exit-code").with(0).stdout;
    assert!(again.contains("1 as they are"), "{again}");
    site.sandbox.write("roots/conda.yaml", root.replace("prefix-dev/", "acme/"));
    let changed = site.run(&server, "apply -f roots").with(0).stderr;
    assert!(changed.contains("~ trust root conda"), "{changed}");
    let shown = site.run(&server, "trust-root show conda").with(0).stdout;
    assert!(shown.contains("https://github.com/acme/sigstore-example/*"), "{shown}");
    let wrong = root.replace("https://github.com/prefix-dev/sigstore-example/*", "'*'");
    site.sandbox.write("wrong.yaml", wrong);
    let refused = site.run(&server, "trust-root push wrong.yaml").with(2).stderr;
    assert!(refused.contains("wrong.yaml:9:"), "{refused}");
    assert!(refused.contains("would believe everybody"), "{refused}");
    site.run(&server, "trust-root show nobody").with(6);
    site.run(&server, "attest import nowhere.json").with(2);
    site.sandbox.write("words.txt", "{}\nno attestation\n");
    let words = site.run(&server, "attest import words.txt").with(2).stderr;
    assert!(words.contains("words.txt: line 2 is not JSON"), "{words}");
    site.sandbox.write("nothing.json", "\n");
    let nothing = site.run(&server, "attest import nothing.json").with(2).stderr;
    assert!(nothing.contains("nothing.json: it is empty"), "{nothing}");
    let list = site.run(&server, "trust-root list -o json").with(0).json();
    assert_eq!(list["items"][0]["root"]["name"], "conda");
    server.stop();
}
