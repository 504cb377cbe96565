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
