//! The keys of the secrets: made once, read from where they are, replaced by a command.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::{Sandbox, Server};

fn key(sandbox: &Sandbox) -> String {
    sandbox.run("secrets generate").with(0).stdout.trim().to_owned()
}

#[test]
fn the_embedded_server_makes_its_key_once_and_for_its_owner_only() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("secrets.key");
    Server::start_with(data.path(), &[], &[]).stop();
    let made = fs::read_to_string(&file).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let (_, log) = Server::start_with(data.path(), &[], &[]).stop();
    assert_eq!(fs::read_to_string(&file).unwrap(), made, "the key was made anew");
    assert!(!log.contains(made.trim()), "{log}");
}

#[test]
fn keys_are_read_from_a_file_or_a_variable() {
    let sandbox = Sandbox::new();
    let (one, two) = (key(&sandbox), key(&sandbox));
    assert_ne!(one, two);
    let file = sandbox.write("keys", format!("{two}\n{one}\n"));
    let args = ["--secrets-key-file", file.to_str().unwrap()];
    for (args, variables) in
        [(args.as_slice(), [].as_slice()), (&[], &[("MUSTER_SECRETS_KEY", one.as_str())])]
    {
        let data = tempfile::tempdir().unwrap();
        let server = Server::start_with(data.path(), args, variables);
        assert!(!data.path().join("secrets.key").exists(), "a key was made beside those given");
        let operator = Sandbox::new().and(server.variables(server.bootstrap.as_deref().unwrap()));
        let done = operator.run("secrets rotate -o json").with(0).json();
        assert_eq!(done["resealed"], 0);
        let said = operator.run("secrets rotate").with(0).stdout;
        assert!(said.starts_with("0 secrets were sealed anew with the key "), "{said}");
        let (_, log) = server.stop();
        assert!(!log.contains(&one) && !log.contains(&two), "{log}");
    }
}

#[test]
fn keys_that_are_none_stop_the_server_and_are_not_shown() {
    let sandbox = Sandbox::new();
    let one = key(&sandbox);
    for (name, text, phrase) in [
        ("empty", String::new(), "empty: there is no key"),
        ("short", "hunter2\n".to_owned(), "short: key 1 is not one: expected 32 bytes in base64"),
        ("twice", format!("{one}\n{one}="), "is there twice"),
    ] {
        sandbox.write(name, &text);
        let line = format!("serve --listen 127.0.0.1:0 --secrets-key-file {name}");
        let ended = sandbox.run(&line).with(2);
        assert!(ended.stderr.contains(phrase), "{}", ended.stderr);
        assert!(ended.stderr.contains("muster secrets generate"), "{}", ended.stderr);
        assert!(!ended.stderr.contains("hunter2") && !ended.stderr.contains(&one));
    }
    let both = [("MUSTER_SECRETS_KEY", one.as_str())];
    let ended = sandbox.run_with(&both, "serve --secrets-key-file short").with(2);
    assert!(ended.stderr.contains("use one of them"), "{}", ended.stderr);
    let ended = sandbox.run("serve --secrets-key-file nowhere").with(2);
    assert!(ended.stderr.contains("cannot read nowhere"), "{}", ended.stderr);
    let ended = sandbox.run("serve --secrets-key-file").with(2);
    assert!(ended.stderr.contains("<FILE>"), "{}", ended.stderr);
}

#[test]
fn only_the_operator_rotates() {
    let server = Server::start();
    let owner = Sandbox::new().and(server.organization("acme"));
    let ended = owner.run("secrets rotate").with(5);
    assert!(ended.stderr.contains("only a token of the instance"), "{}", ended.stderr);
}
