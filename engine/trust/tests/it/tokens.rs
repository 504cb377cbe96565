//! One identity token, right but for one step, again and again.

use engine::Timestamp;
use serde_json::{Value, json};
use testdata::tokens::{TokenKey, encoded, with_secret};
use trust::{
    IdentityToken, InvalidKeySet, KEYS_MAX, KeySet, TOKEN_BYTES_MAX, TokenRequirements,
    VerifiedToken, verify_token,
};

const NOW: i64 = 1_764_000_000;
const ISSUER: &str = "https://issuer.example";
const RERUN: &str = "oidc.circleci.com/ssh-rerun";

fn set(keys: &[&TokenKey]) -> KeySet {
    let keys: Vec<Value> = keys.iter().map(|key| key.jwk()).collect();
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "repo:acme/web", "aud": ["other", "muster"], "jti": "1",
        "iat": NOW - 10, "nbf": NOW - 10, "exp": NOW + 300, "repository_id": "7", RERUN: false,
    })
}

fn requirements() -> TokenRequirements {
    TokenRequirements {
        issuer: ISSUER.to_owned(),
        audiences: vec!["muster".to_owned()],
        age_seconds_max: 3_600,
    }
}

fn verified(token: &str, keys: &KeySet) -> Result<VerifiedToken, &'static str> {
    let token = IdentityToken::parse(token).map_err(|refusal| refusal.code())?;
    let now = Timestamp::from_millis(NOW * 1_000);
    verify_token(&token, keys, &requirements(), now).map_err(|refusal| refusal.code())
}

#[test]
fn each_asymmetric_algorithm_verifies_and_no_other_key_does() {
    let keys = [
        TokenKey::rsa("rs", "RS256"),
        TokenKey::rsa("ps", "PS384"),
        TokenKey::p256("p256"),
        TokenKey::p384("p384"),
        TokenKey::ed25519("ed"),
    ];
    let all = set(&keys.iter().collect::<Vec<_>>());
    for key in &keys {
        let token = key.token(&claims());
        let held = verified(&token, &all).unwrap();
        assert_eq!(held.subject(), "repo:acme/web");
        assert_eq!(held.claims()["repository_id"], "7");
        assert_eq!(held.usable_until().as_millis(), (NOW + 300) * 1_000);
        let header: Value = key.header();
        for other in &keys {
            let mut lying = header.clone();
            lying["kid"] = other.header()["kid"].clone();
            let ended = verified(&key.sign(&lying.to_string(), &claims().to_string()), &all);
            let same_key = header["kid"] == lying["kid"];
            assert_eq!(ended.is_ok(), same_key, "{lying}");
        }
    }
}

#[test]
fn a_token_that_is_right_but_for_one_claim_is_refused_there() {
    let key = TokenKey::p256("k");
    let keys = set(&[&key]);
    let cases: [(&str, Value, Option<&str>); 27] = [
        ("jti", json!("2"), None),
        ("aud", json!("muster"), None),
        ("nbf", Value::Null, Some("form")),
        ("iss", json!("https://issuer.example/"), Some("issuer")),
        ("iss", json!("https://Issuer.example"), Some("issuer")),
        ("iss", json!([ISSUER]), Some("issuer")),
        ("aud", json!("muster2"), Some("audience")),
        ("aud", json!(["mus", "ter"]), Some("audience")),
        ("aud", json!({ "muster": true }), Some("audience")),
        ("exp", json!(NOW), Some("expiry")),
        ("exp", json!(NOW + 1), None),
        ("exp", json!((NOW + 300).to_string()), Some("form")),
        ("exp", json!(1e300), Some("form")),
        ("exp", json!(i64::MAX), Some("form")),
        ("nbf", json!(NOW + 60), None),
        ("nbf", json!(NOW + 61), Some("not-before")),
        ("iat", json!(NOW + 60), None),
        ("iat", json!(NOW + 61), Some("age")),
        ("iat", json!(NOW - 3_600), None),
        ("iat", json!(NOW - 3_601), Some("age")),
        ("iat", json!(-1), Some("form")),
        ("sub", json!(""), Some("form")),
        ("sub", json!(7), Some("form")),
        ("jti", json!(7), Some("form")),
        (RERUN, json!(true), Some("ssh-rerun")),
        (RERUN, json!("true"), Some("ssh-rerun")),
        (RERUN, json!("false"), None),
    ];
    for (claim, value, expected) in cases {
        let mut claims = claims();
        claims[claim] = value.clone();
        assert_eq!(verified(&key.token(&claims), &keys).err(), expected, "{claim}: {value}");
    }
    for (claim, expected) in [
        ("iss", Some("issuer")),
        ("aud", Some("audience")),
        ("exp", Some("expiry")),
        ("iat", Some("age")),
        ("sub", Some("form")),
        ("nbf", None),
        ("jti", None),
        (RERUN, None),
    ] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(claim);
        assert_eq!(verified(&key.token(&claims), &keys).err(), expected, "without {claim}");
    }
}

#[test]
fn a_token_whose_form_header_or_signature_is_wrong_is_refused_there() {
    let (key, other) = (TokenKey::p256("k"), TokenKey::p256("k"));
    let rsa = TokenKey::rsa("rsa", "RS256");
    let keys = set(&[&key, &rsa]);
    let body = claims().to_string();
    let good = key.token(&claims());
    let parts: Vec<&str> = good.split('.').collect();
    let header = |change: Value| {
        let mut header = key.header();
        header.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        key.sign(&header.to_string(), &body)
    };
    let none = encoded(r#"{"alg":"none","kid":"k"}"#);
    let hs = json!({ "alg": "HS256", "kid": "rsa" }).to_string();
    let public = rsa.jwk()["n"].as_str().unwrap().to_owned();
    let twice = body.replacen('{', r#"{"repository_id":"8","#, 1);
    let twice_escaped = body.replacen('{', r#"{"repositor\u0079_id":"8","#, 1);
    let cases: [(String, &str); 24] = [
        (format!("{}{}", good, "A".repeat(TOKEN_BYTES_MAX)), "size"),
        (String::new(), "form"),
        ("a.b".to_owned(), "form"),
        (format!("{good}.x"), "form"),
        (format!("{}=.{}.{}", parts[0], parts[1], parts[2]), "form"),
        (format!("{}.{}.{}", parts[0], encoded("[]"), parts[2]), "form"),
        (key.sign(&key.header().to_string(), &twice), "form"),
        (key.sign(&key.header().to_string(), &twice_escaped), "form"),
        (key.sign(r#"{"alg":"ES256","kid":"k","kid":"k"}"#, &body), "form"),
        (key.sign(&key.header().to_string(), &format!("{body} {{}}")), "form"),
        (header(json!({ "crit": ["x"], "x": 1 })), "form"),
        (header(json!({ "b64": false })), "form"),
        (format!("{none}.{}.", parts[1]), "algorithm"),
        (header(json!({ "alg": "NONE" })), "algorithm"),
        (header(json!({ "alg": null })), "algorithm"),
        (with_secret(&hs, &body, public.as_bytes()), "algorithm"),
        (header(json!({ "alg": "ES384" })), "key-type"),
        (header(json!({ "alg": "RS256" })), "key-type"),
        (header(json!({ "kid": "rsa" })), "key-type"),
        (header(json!({ "kid": null })), "key"),
        (header(json!({ "kid": "unknown" })), "key"),
        (other.token(&claims()), "signature"),
        (format!("{}.{}.", parts[0], parts[1]), "signature"),
        (
            format!("{}.{}.{}", parts[0], encoded(&body.replace("\"7\"", "\"8\"")), parts[2]),
            "signature",
        ),
    ];
    assert!(verified(&good, &keys).is_ok());
    for (token, expected) in cases {
        let step = verified(&token, &keys).err();
        assert_eq!(step, Some(expected), "{}", token.chars().take(300).collect::<String>());
    }
}

#[test]
fn a_token_is_known_again_by_its_identifier_or_by_what_was_signed() {
    let (key, other) = (TokenKey::p256("k"), TokenKey::p256("l"));
    let keys = set(&[&key, &other]);
    let fingerprint =
        |key: &TokenKey, claims: &Value| verified(&key.token(claims), &keys).unwrap().fingerprint();
    let first = fingerprint(&key, &claims());
    // Signed again, even with another key: the issuer says that it is the same token.
    assert_eq!(fingerprint(&other, &claims()), first);
    let mut second = claims();
    second["jti"] = json!("2");
    assert_ne!(fingerprint(&key, &second), first);
    second.as_object_mut().unwrap().remove("jti");
    // ECDSA signs differently each time: what is signed counts.
    assert_eq!(fingerprint(&key, &second), fingerprint(&key, &second));
    assert_ne!(fingerprint(&key, &second), first);
}

#[test]
fn no_message_repeats_the_token() {
    let key = TokenKey::p256("k");
    let keys = set(&[&TokenKey::p256("other")]);
    let good = key.token(&claims());
    let signature = good.rsplit('.').next().unwrap();
    let parsed = IdentityToken::parse(&good).unwrap();
    let now = Timestamp::from_millis(NOW * 1_000);
    let refused = verify_token(&parsed, &keys, &requirements(), now).unwrap_err();
    let long = IdentityToken::parse(&format!("{good}{}", "A".repeat(TOKEN_BYTES_MAX)));
    for said in [format!("{parsed:?}"), refused.to_string(), long.unwrap_err().to_string()] {
        assert!(!said.contains(signature) && !said.contains("repo:acme"), "{said}");
    }
}

#[test]
fn a_key_set_is_bounded_and_leaves_out_what_cannot_verify() {
    let key = TokenKey::p256("k");
    let parse = |set: Value| KeySet::parse(set.to_string().as_bytes());
    let with = |member: &str, value: Value| {
        let mut jwk = key.jwk();
        jwk[member] = value;
        parse(json!({ "keys": [jwk] }))
    };
    for (member, value) in [
        ("use", json!("enc")),
        ("key_ops", json!(["encrypt"])),
        ("kid", Value::Null),
        ("kty", json!("oct")),
        ("crv", json!("P-521")),
        ("x", json!("AAAA")),
        ("y", json!("%")),
    ] {
        let left_out = with(member, value.clone());
        assert!(matches!(left_out, Err(InvalidKeySet::Empty)), "{member}: {value}");
    }
    assert!(with("key_ops", json!(["verify"])).unwrap().has("k"));
    let short = json!({ "kty": "RSA", "kid": "k", "n": encoded(&"n".repeat(128)), "e": "AQAB" });
    assert!(matches!(parse(json!({ "keys": [short] })), Err(InvalidKeySet::Empty)));
    let many = vec![key.jwk(); KEYS_MAX + 1];
    assert!(matches!(parse(json!({ "keys": many })), Err(InvalidKeySet::Keys(_))));
    assert!(matches!(parse(json!([])), Err(InvalidKeySet::Form(_))));
    assert!(matches!(KeySet::parse(&vec![b' '; 300 << 10]), Err(InvalidKeySet::Size(_))));
    // A key that says what it is for signs nothing else.
    let rsa = TokenKey::rsa("rsa", "RS256");
    let mut jwk = rsa.jwk();
    jwk["alg"] = json!("PS256");
    let keys = parse(json!({ "keys": [jwk] })).unwrap();
    assert_eq!(verified(&rsa.token(&claims()), &keys).err(), Some("key-type"));
}
