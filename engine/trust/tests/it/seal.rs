//! What is sealed opens where it belongs, and nowhere else.

use std::collections::BTreeSet;

use engine::id::OrganizationId;
use proptest::prelude::*;
use trust::{Binding, KeyName, KeyRing, SealError, Sealed};
use uuid::Uuid;

const NONCE: [u8; 12] = [7; 12];
const SECRET: &[u8] = b"correct horse battery staple";

fn key(byte: u8) -> String {
    KeyRing::encode_key([byte; 32])
}

fn ring(keys: &[u8]) -> KeyRing {
    KeyRing::parse(&keys.iter().map(|byte| key(*byte)).collect::<Vec<_>>().join("\n")).unwrap()
}

const fn org(number: u128) -> OrganizationId {
    OrganizationId(Uuid::from_u128(number))
}

fn home() -> Binding<'static> {
    Binding { organization: Some(org(1)), purpose: "backend.credentials", row: Uuid::from_u128(2) }
}

#[test]
fn what_is_sealed_opens_only_where_it_belongs() {
    let ring = ring(&[1]);
    let sealed = ring.seal(home(), NONCE, SECRET).unwrap();
    assert_eq!(ring.open(home(), &sealed).unwrap().expose(), SECRET);
    for elsewhere in [
        Binding { organization: Some(org(2)), ..home() },
        Binding { organization: None, ..home() },
        Binding { organization: Some(org(0)), ..home() },
        Binding { row: Uuid::from_u128(3), ..home() },
        Binding { purpose: "backend.credential", ..home() },
        Binding { purpose: "backend.credentials2", ..home() },
        Binding { purpose: "", ..home() },
    ] {
        let refused = ring.open(elsewhere, &sealed).unwrap_err();
        assert_eq!(refused, SealError::Broken, "{elsewhere:?}");
    }
    // No organization is not the organization of the zero identifier.
    let nobody = Binding { organization: None, ..home() };
    let sealed = ring.seal(nobody, NONCE, SECRET).unwrap();
    let zero = Binding { organization: Some(org(0)), ..home() };
    assert_eq!(ring.open(zero, &sealed).unwrap_err(), SealError::Broken);
}

#[test]
fn every_flipped_letter_is_noticed() {
    let ring = ring(&[1]);
    let sealed = ring.seal(home(), NONCE, SECRET).unwrap();
    for at in 0..sealed.as_str().len() {
        let mut bytes = sealed.as_str().as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap().parse::<Sealed>();
        let opened = changed.and_then(|changed| ring.open(home(), &changed));
        assert!(opened.is_err(), "the letter {at} was changed unnoticed");
    }
    for cut in [1, 16, sealed.as_str().len() - 20] {
        let short = sealed.as_str().get(..sealed.as_str().len() - cut).unwrap();
        assert!(short.parse().and_then(|short| ring.open(home(), &short)).is_err(), "{cut}");
    }
}

#[test]
fn old_keys_open_and_the_first_seals() {
    let old = ring(&[1]).seal(home(), NONCE, SECRET).unwrap();
    let both = ring(&[2, 1]);
    assert_eq!(both.open(home(), &old).unwrap().expose(), SECRET);
    let new = both.seal(home(), NONCE, SECRET).unwrap();
    assert_eq!((new.key(), old.key()), (ring(&[2]).first(), ring(&[1]).first()));
    assert_eq!(ring(&[2]).open(home(), &new).unwrap().expose(), SECRET);
    let refused = ring(&[2]).open(home(), &old).unwrap_err();
    assert_eq!(refused, SealError::UnknownKey { name: old.key() });
    assert!(refused.to_string().contains(&old.key().to_string()));
    // A key's name in the sealed form is no way around its key.
    let forged = old.as_str().replace(&old.key().to_string(), &new.key().to_string());
    let forged: Sealed = forged.parse().unwrap();
    assert_eq!(both.open(home(), &forged).unwrap_err(), SealError::Broken);
}

#[test]
fn rings_are_read_as_people_write_them() {
    let padded = format!("{}=", key(1));
    for (text, names) in [
        (key(1), 1),
        (format!("{padded}\n"), 1),
        (format!("# new\n{}  # of May\r\n\n{}\n", key(1), key(2)), 2),
        (format!("{},{} {}", key(1), key(2), key(3)), 3),
    ] {
        let ring = KeyRing::parse(&text).unwrap();
        assert_eq!(ring.names().collect::<BTreeSet<KeyName>>().len(), names, "{text}");
        assert_eq!(ring.names().next(), Some(ring.first()));
    }
    let many = (0..17).map(key).collect::<Vec<_>>().join("\n");
    for (text, error) in [
        (String::new(), SealError::NoKey),
        ("# nothing\n".to_owned(), SealError::NoKey),
        ("c2hvcnQ".to_owned(), SealError::Key { line: 1 }),
        (format!("{}\nnot a key", key(1)), SealError::Key { line: 2 }),
        (format!("{}\n{padded}", key(1)), SealError::Twice { name: ring(&[1]).first() }),
        (many, SealError::TooManyKeys),
    ] {
        assert_eq!(KeyRing::parse(&text).unwrap_err(), error, "{text}");
    }
}

#[test]
fn nothing_that_is_printed_shows_a_key_or_a_secret() {
    let ring = ring(&[1, 2]);
    let sealed = ring.seal(home(), NONCE, SECRET).unwrap();
    let secret = ring.open(home(), &sealed).unwrap();
    let body = sealed.as_str().rsplit('.').next().unwrap();
    for shown in [format!("{ring:?}"), format!("{sealed:?}"), format!("{secret:?}")] {
        for hidden in [key(1).as_str(), body, "correct", "99, 111"] {
            assert!(!shown.contains(hidden), "{shown}");
        }
    }
    let error = KeyRing::parse(&format!("{}\nhunter2", key(1))).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}

#[test]
fn what_is_no_sealed_value_is_refused() {
    for text in [
        "",
        "s1",
        "s1..",
        "s2.0000000000000000.AAAA",
        "s1.0000000000000000.AAAA.AAAA",
        "s1.000000000000000.AAAA",
        "s1.000000000000000G.AAAA",
        "s1.000000000000000A.AAAA",
        "s1.+000000000000000.AAAA",
        "s1.0000000000000000.%",
    ] {
        assert_eq!(text.parse::<Sealed>().unwrap_err(), SealError::Form, "{text}");
    }
    let ring = ring(&[1]);
    let short: Sealed = format!("s1.{}.AAAA", ring.first()).parse().unwrap();
    assert_eq!(ring.open(home(), &short).unwrap_err(), SealError::Form);
    let large = vec![0; trust::SECRET_BYTES_MAX + 1];
    assert_eq!(ring.seal(home(), NONCE, &large).unwrap_err(), SealError::TooLarge);
    ring.seal(home(), NONCE, &large[1..]).unwrap();
}

proptest! {
    #[test]
    fn any_secret_survives(secret: Vec<u8>, nonce: [u8; 12], purpose: String, row: u128) {
        let binding = Binding { organization: Some(org(1)), purpose: &purpose, row: Uuid::from_u128(row) };
        let sealed = ring(&[3]).seal(binding, nonce, &secret).unwrap();
        let stored: Sealed = sealed.as_str().parse().unwrap();
        let opened = ring(&[1, 3]).open(binding, &stored).unwrap();
        prop_assert_eq!(opened.expose(), secret);
    }
}
