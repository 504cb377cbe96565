//! Key files: what people have, and what is wrong with it.

use trust::{KeyError, PublicKey, SigningKey};

#[test]
fn a_cosign_key_file_opens_with_its_password_only() {
    let key = SigningKey::generate().unwrap();
    let file = key.to_encrypted_pem("correct horse").unwrap();
    assert!(file.contains("ENCRYPTED SIGSTORE PRIVATE KEY"));
    let again = SigningKey::from_pem(&file, Some("correct horse")).unwrap();
    assert_eq!(again.public().id(), key.public().id());
    assert!(matches!(SigningKey::from_pem(&file, None), Err(KeyError::NeedsPassword)));
    assert!(matches!(SigningKey::from_pem(&file, Some("wrong")), Err(KeyError::Password(_))));
}

#[test]
fn a_key_never_prints_its_secret() {
    let key = SigningKey::generate().unwrap();
    assert!(format!("{key:?}").starts_with("SigningKey { public: sha256:"));
}

#[test]
fn what_is_not_a_key_is_refused() {
    for text in ["", "hello", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"] {
        assert!(PublicKey::from_pem(text).is_err(), "{text}");
        assert!(SigningKey::from_pem(text, None).is_err(), "{text}");
    }
}

#[test]
fn a_file_with_two_keys_is_neither() {
    let (a, b) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    let other_label = a.public().to_pem().replace("PUBLIC KEY", "SOMETHING");
    for both in [
        format!("{other_label}{}", b.public().to_pem()),
        format!("{}{}", a.public().to_pem(), b.public().to_pem()),
    ] {
        assert!(PublicKey::from_pem(&both).is_err(), "{both}");
    }
}

#[test]
fn a_key_file_with_a_nonce_of_another_length_is_refused_and_does_not_panic() {
    use base64::Engine as _;
    let engine = base64::engine::general_purpose::STANDARD;
    let file = SigningKey::generate().unwrap().to_encrypted_pem("x").unwrap();
    let body: String = file.lines().filter(|line| !line.starts_with("-----")).collect();
    let mut sealed: serde_json::Value =
        serde_json::from_slice(&engine.decode(body).unwrap()).unwrap();
    sealed["cipher"]["nonce"] = "AAAA".into();
    let body = engine.encode(sealed.to_string());
    let label = "ENCRYPTED SIGSTORE PRIVATE KEY";
    let file = format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
    assert!(matches!(SigningKey::from_pem(&file, Some("x")), Err(KeyError::Password(_))));
}
