//! Evidence made to break a reader: too deep, too large, ambiguous, cut off, or lying about its size.
//!
//! Each function returns bytes. What a reader must do with all of them is the same: answer with a named
//! error, within its limits, and never with a pass.

mod sbom;
mod zip;

pub use sbom::{sbom, sbom_bans};
pub use zip::zip_claiming;

/// A few hundred bytes of YAML whose aliases expand to 9⁹ scalars (the "billion laughs").
pub fn yaml_bomb() -> Vec<u8> {
    let level = |level: u32| {
        let item =
            level.checked_sub(1).map_or_else(|| "lol".to_owned(), |below| format!("*a{below}"));
        format!("a{level}: &a{level} [{}]\n", [item.as_str(); 9].join(", "))
    };
    (0..9).map(level).collect::<String>().into_bytes()
}

/// A well-formed JSON array nested `depth` times; 1 is `[]`.
pub fn deep_json(depth: usize) -> Vec<u8> {
    let mut bytes = vec![b'['; depth];
    bytes.resize(depth.saturating_mul(2), b']');
    bytes
}

/// A CycloneDX document that gives `components` twice: full for one reader, empty for another.
pub fn duplicate_keys() -> Vec<u8> {
    sbom_with_second_key("components")
}

/// As [`duplicate_keys`], with the second key spelled with an escape: equal only after decoding.
pub fn duplicate_keys_escaped() -> Vec<u8> {
    sbom_with_second_key(r"c\u006fmponents")
}

fn sbom_with_second_key(key: &str) -> Vec<u8> {
    let first = r#""components":[{"type":"library","name":"left-pad","version":"1.3.0"}]"#;
    let head = r#""bomFormat":"CycloneDX","specVersion":"1.6","version":1"#;
    format!(r#"{{{head},{first},"{key}":[]}}"#).into_bytes()
}

/// A CycloneDX document with a byte that is not UTF-8 inside a string.
pub fn non_utf8() -> Vec<u8> {
    let head = br#"{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[{"type":"library","name":""#;
    [head.as_slice(), b"caf\xe9", br#""}]}"#].concat()
}

/// The first half of `bytes`: an upload that broke off.
pub fn truncated(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().take(bytes.len() / 2).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_yaml_bomb_is_small_and_refers_to_every_level_nine_times() {
        let text = String::from_utf8(yaml_bomb()).unwrap();
        assert!(text.len() < 1_000, "{} bytes", text.len());
        for level in 0..8 {
            assert_eq!(text.matches(&format!("*a{level}")).count(), 9);
        }
    }

    #[test]
    fn deep_json_is_well_formed_at_the_depth_asked_for() {
        assert_eq!(deep_json(1), b"[]");
        assert_eq!(deep_json(3), b"[[[]]]");
        serde_json::from_slice::<Value>(&deep_json(100)).unwrap();
    }

    #[test]
    fn duplicates_and_escapes_are_what_a_careless_reader_accepts() {
        for bytes in [duplicate_keys(), duplicate_keys_escaped()] {
            let value: Value = serde_json::from_slice(&bytes).unwrap();
            assert_eq!(value["components"], serde_json::json!([]), "the last one wins unnoticed");
        }
        assert_ne!(duplicate_keys(), duplicate_keys_escaped());
    }

    #[test]
    fn non_utf8_would_be_valid_json_but_for_that_byte() {
        assert!(std::str::from_utf8(&non_utf8()).is_err());
        let repaired = String::from_utf8_lossy(&non_utf8()).into_owned();
        serde_json::from_str::<Value>(&repaired).unwrap();
    }

    #[test]
    fn truncated_bytes_no_longer_parse() {
        let whole = sbom(10);
        serde_json::from_slice::<Value>(&whole).unwrap();
        assert!(serde_json::from_slice::<Value>(&truncated(&whole)).is_err());
    }
}
