//! Hands out the tokens that `docker-registry` asks for, as large registries do:
//! <https://distribution.github.io/distribution/spec/auth/token/>. `openssl` makes the key and the signatures.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use super::registry::{PASSWORD, USER};

/// Who issues the tokens, and for whom.
pub(super) const ISSUER: &str = "tokens";
pub(super) const SERVICE: &str = "registry";

/// Starts to answer on a port of its own; answers the realm. The certificate is `certificate.pem` in `folder`.
pub(super) fn start(openssl: &Path, folder: &Path) -> String {
    let (key, certificate) = (folder.join("key.pem"), folder.join("certificate.pem"));
    let made = Command::new(openssl)
        .args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=tokens",
        ])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .stderr(Stdio::null())
        .status();
    assert!(made.is_ok_and(|status| status.success()), "openssl makes no certificate");
    let certificate = run(openssl, &["x509", "-outform", "DER", "-in", &text(&certificate)], &[]);
    let header = serde_json::json!({
        "typ": "JWT", "alg": "RS256", "x5c": [base64(&certificate, false)],
    });
    let signer = Signer { openssl: openssl.to_owned(), key, header: header.to_string() };
    let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)) else {
        panic!("no port for the token server");
    };
    let port = listener.local_addr().map_or(0, |address| address.port());
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            // A client that hung up is none of our business.
            let _answered = answer(&connection, &signer);
        }
    });
    format!("http://127.0.0.1:{port}/token")
}

struct Signer {
    openssl: PathBuf,
    key: PathBuf,
    header: String,
}

fn answer(mut connection: &TcpStream, signer: &Signer) -> std::io::Result<()> {
    let mut lines = BufReader::new(connection).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    let mut authorization = String::new();
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("authorization")
        {
            value.clone_into(&mut authorization);
        }
    }
    let expected = format!("Basic {}", base64(format!("{USER}:{PASSWORD}").as_bytes(), false));
    let (status, body) = if authorization == expected {
        ("200 OK", serde_json::json!({ "token": signer.token(&request), "expires_in": 300 }))
    } else {
        ("401 Unauthorized", serde_json::json!({ "details": "wrong name or password" }))
    };
    let body = body.to_string();
    let length = body.len();
    write!(
        connection,
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

impl Signer {
    /// A token for the scopes that the request asks for.
    fn token(&self, request: &str) -> String {
        let query = request.split(['?', ' ']).nth(2).unwrap_or_default();
        let scopes = query.split('&').filter_map(|pair| pair.strip_prefix("scope="));
        let access: Vec<_> = scopes
            .map(|scope| scope.replace("%3A", ":").replace("%2F", "/").replace("%2C", ","))
            .filter_map(|scope| {
                let mut parts = scope.split(':').map(str::to_owned);
                let (kind, name, actions) = (parts.next()?, parts.next()?, parts.next()?);
                let actions: Vec<_> = actions.split(',').collect();
                Some(serde_json::json!({ "type": kind, "name": name, "actions": actions }))
            })
            .collect();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
        let claims = serde_json::json!({
            "iss": ISSUER, "aud": SERVICE, "sub": USER, "access": access,
            "iat": now, "nbf": now - 5, "exp": now + 300, "jti": now.to_string(),
        });
        let parts = [&self.header, &claims.to_string()].map(|part| base64(part.as_bytes(), true));
        let signed = parts.join(".");
        let arguments = ["dgst", "-sha256", "-sign", &text(&self.key)];
        let signature = run(&self.openssl, &arguments, signed.as_bytes());
        format!("{signed}.{}", base64(&signature, true))
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn run(program: &Path, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let started = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = started else { panic!("cannot start openssl") };
    // Dropped at once: that is the end of the input.
    child.stdin.take().map(|mut pipe| pipe.write_all(input));
    let mut output = Vec::new();
    let read = child.stdout.take().map(|mut pipe| pipe.read_to_end(&mut output));
    let ended = child.wait().is_ok_and(|status| status.success());
    assert!(ended && read.is_some(), "openssl failed: {arguments:?}");
    output
}

/// Base64, of the alphabet for addresses and without padding where `url`.
fn base64(bytes: &[u8], url: bool) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let mut number = 0;
        for at in 0..3 {
            number = number << 8 | chunk.get(at).map_or(0, |byte| usize::from(*byte));
        }
        for at in 0..4 {
            if at <= chunk.len() {
                let letter = LETTERS.get(number >> (18 - 6 * at) & 63).copied().unwrap_or(b'=');
                text.push(char::from(letter));
            } else if !url {
                text.push('=');
            }
        }
    }
    if url { text.replace('+', "-").replace('/', "_") } else { text }
}
