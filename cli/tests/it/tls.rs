//! HTTPS: to whom the certificate names, also after it was replaced, and whatever others do to their connections.

use std::fs;
use std::net::TcpStream;
use std::path::Path;

use testdata::peers::{self, Certificate};

use crate::crash::until;
use crate::support::{Sandbox, Server, signal};

const LOOPBACK: &str = "IP:127.0.0.1";

fn served(folder: &Path, certificate: &Certificate) -> Server {
    let (pem, key) = (folder.join("tls.pem"), folder.join("tls.key"));
    show(folder, certificate);
    let args = ["--tls-cert", pem.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
    Server::start_with(&folder.join("data"), &args, &[("NO_COLOR", "1")])
}

/// Puts the certificate where the server reads it.
fn show(folder: &Path, certificate: &Certificate) {
    fs::copy(certificate.path(), folder.join("tls.pem")).unwrap();
    fs::copy(certificate.key(), folder.join("tls.key")).unwrap();
}

/// Someone with the token of the instance who trusts that certificate and no other.
fn trusting(server: &Server, certificate: &Certificate) -> Sandbox {
    let trusted = certificate.path().display().to_string();
    let token = server.bootstrap.clone().unwrap();
    Sandbox::new().and(server.variables(&token)).and([("SSL_CERT_FILE".to_owned(), trusted)])
}

#[test]
fn a_certificate_is_shown_replaced_and_kept() {
    let (Some(first), Some(second), Some(elsewhere)) = (
        peers::certificate(LOOPBACK),
        peers::certificate(LOOPBACK),
        peers::certificate("DNS:muster.example.com"),
    ) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let server = served(folder.path(), &first);
    assert!(server.url.starts_with("https://"), "{}", server.url);
    // Connections that say nothing keep nobody out.
    let address = server.url.trim_start_matches("https://");
    let silent: Vec<TcpStream> = (0..5).map(|_| TcpStream::connect(address).unwrap()).collect();
    trusting(&server, &first).run("org create one").with(0);
    let refused = trusting(&server, &second).run("org create two").with(75).stderr;
    assert!(refused.contains("certificate"), "{refused}");

    show(folder.path(), &second);
    signal(server.id(), "HUP");
    until(&server, "the certificate was read again");
    trusting(&server, &second).run("org create two").with(0);
    trusting(&server, &first).run("org create three").with(75);

    fs::write(folder.path().join("tls.pem"), "-----BEGIN CERTIFICATE-----\nno").unwrap();
    signal(server.id(), "HUP");
    until(&server, "the certificate before stays");
    trusting(&server, &second).run("org create three").with(0);
    drop(silent);
    server.stop();

    let server = served(folder.path(), &elsewhere);
    let sandbox = Sandbox::new()
        .and(server.variables("t"))
        .and([("SSL_CERT_FILE".to_owned(), elsewhere.path().display().to_string())]);
    let refused = sandbox.run("project create web").with(75).stderr;
    assert!(refused.contains("127.0.0.1") && refused.contains("certificate"), "{refused}");
}

#[test]
fn what_cannot_be_shown_stops_the_server() {
    let (Some(one), Some(other)) = (peers::certificate(LOOPBACK), peers::certificate(LOOPBACK))
    else {
        return;
    };
    let sandbox = Sandbox::new();
    let empty = sandbox.write("empty", "");
    for (certificate, key, phrase) in [
        (one.path(), other.key(), "cannot be used"),
        (empty.clone(), one.key(), "there is no certificate"),
        (one.path(), empty, "the private key is not PEM"),
        (one.path(), sandbox.path("none"), "cannot read"),
    ] {
        let (certificate, key) = (certificate.display(), key.display());
        let line = format!("serve --listen 127.0.0.1:0 --tls-cert {certificate} --tls-key {key}");
        let ended = sandbox.run(&line).with(2);
        assert!(ended.stderr.contains(phrase), "{}", ended.stderr);
    }
    sandbox.run("serve --listen 127.0.0.1:0 --tls-cert empty").with(2);
}
