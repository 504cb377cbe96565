//! Signatures of webhooks, [Standard Webhooks 1.0](https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::Timestamp;

/// How a symmetric secret begins when it is shown.
pub const WEBHOOK_SECRET_PREFIX: &str = "whsec_";
/// The length of a secret that Muster makes; the specification asks for 24 to 64 bytes.
pub const WEBHOOK_SECRET_BYTES: usize = 32;

/// A secret as receivers are given it.
pub fn webhook_secret(key: &[u8]) -> String {
    WEBHOOK_SECRET_PREFIX.to_owned() + &STANDARD.encode(key)
}

/// The value of `webhook-signature` under every one of `keys`, so that a receiver may hold either while they change.
pub fn webhook_signature(keys: &[&[u8]], id: &str, at: Timestamp, body: &[u8]) -> String {
    let head = format!("{id}.{}.", webhook_seconds(at));
    let signatures = keys.iter().map(|key| {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
        context.update(head.as_bytes());
        context.update(body);
        format!("v1,{}", STANDARD.encode(context.sign()))
    });
    signatures.collect::<Vec<_>>().join(" ")
}

/// The value of `webhook-timestamp`: whole seconds since 1970.
pub fn webhook_seconds(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with the reference library of the specification for Python, version 1.0.1.
    #[test]
    fn signatures_are_those_of_the_reference_library() {
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let at = Timestamp::from_millis(1_614_265_330_999);
        let body = br#"{"test": 2432232314}"#;
        let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(webhook_signature(&[&key], id, at, body), expected);
        let both = webhook_signature(&[b"another", &key], id, at, body);
        assert_eq!(both.split(' ').nth(1), Some(expected));
        assert_eq!(webhook_secret(&key), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    }
}
