//! Canonical JSON ([RFC 8785](https://www.rfc-editor.org/rfc/rfc8785)): one byte sequence per value, so that values have digests.

use serde::Serialize;

use crate::Digest;

/// A value that has no canonical form, such as one with a map whose keys are not text.
#[derive(Debug, thiserror::Error)]
#[error("the value has no canonical JSON form")]
pub struct CanonicalError(#[from] serde_json::Error);

/// The canonical bytes of `value`.
pub fn to_bytes(value: &impl Serialize) -> Result<Vec<u8>, CanonicalError> {
    Ok(serde_json_canonicalizer::to_vec(value)?)
}

/// The digest of the canonical bytes of `value`.
pub fn digest(value: &impl Serialize) -> Result<Digest, CanonicalError> {
    Ok(Digest::of(to_bytes(value)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_keys_does_not_matter() {
        let a: serde_json::Value = serde_json::from_str(r#"{"b":[1,2.0],"a":"é"}"#).unwrap();
        let b: serde_json::Value =
            serde_json::from_str("{ \"a\": \"\\u00e9\", \"b\": [1, 2] }").unwrap();
        assert_eq!(to_bytes(&a).unwrap(), "{\"a\":\"é\",\"b\":[1,2]}".as_bytes());
        assert_eq!(digest(&a).unwrap(), digest(&b).unwrap());
    }
}
