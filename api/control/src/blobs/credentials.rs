//! What opens a place for blobs.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_json::json;

/// What opens a place for blobs. Debug says which kind it is, and nothing else.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// For a registry: a user name, and a password or token.
    Password {
        /// The user.
        username: String,
        /// The password or token.
        password: String,
    },
    /// For a bucket: an access key.
    Keys {
        /// The name of the key.
        access_key_id: String,
        /// The key.
        secret_access_key: String,
        /// What makes a temporary key valid.
        session_token: Option<String>,
    },
    /// For a bucket: what the machine has, by the names that AWS gave to the variables of the environment. Only for the
    /// operator's own store: whoever names a bucket must not be lent the role of the server.
    Machine(BTreeMap<String, String>),
}

/// Credentials as they are handed in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    username: Option<String>,
    password: Option<String>,
    access_key_id: Option<String>,
    secret_access_key: Option<String>,
    session_token: Option<String>,
}

/// The text holds no credentials. What it holds is not repeated: it may be a secret that was put in the wrong place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the credentials have not their form: expected the JSON object {{\"username\", \"password\"}} for a registry, {{\"access_key_id\", \"secret_access_key\"}} and maybe \"session_token\" for a bucket"
)]
pub struct InvalidCredentials;

impl Credentials {
    /// Reads credentials, a JSON object.
    pub fn parse(text: &str) -> Result<Self, InvalidCredentials> {
        let text: Text = serde_json::from_str(text).map_err(|_secret| InvalidCredentials)?;
        let all = |text: &[&Option<String>]| {
            text.iter().all(|part| part.as_deref().is_none_or(|part| !part.trim().is_empty()))
        };
        let Text { username, password, access_key_id, secret_access_key, session_token } = text;
        if !all(&[&username, &password, &access_key_id, &secret_access_key, &session_token]) {
            return Err(InvalidCredentials);
        }
        match (username, password, access_key_id, secret_access_key, session_token) {
            (Some(username), Some(password), None, None, None) => {
                Ok(Self::Password { username, password })
            }
            (None, None, Some(access_key_id), Some(secret_access_key), session_token) => {
                Ok(Self::Keys { access_key_id, secret_access_key, session_token })
            }
            _ => Err(InvalidCredentials),
        }
    }

    /// The text that [`Credentials::parse`] reads; none for what the machine has.
    pub(crate) fn to_text(&self) -> Option<String> {
        let object = match self {
            Self::Password { username, password } => {
                json!({ "username": username, "password": password })
            }
            Self::Keys { access_key_id, secret_access_key, session_token } => json!({
                "access_key_id": access_key_id, "secret_access_key": secret_access_key,
                "session_token": session_token,
            }),
            Self::Machine(_) => return None,
        };
        Some(object.to_string())
    }

    /// A text without what must not be seen: servers repeat in their errors what was sent to them.
    pub(super) fn hide(&self, text: &str) -> String {
        let secrets: Vec<&str> = match self {
            Self::Password { password, .. } => vec![password],
            Self::Keys { secret_access_key, session_token, .. } => {
                std::iter::once(secret_access_key)
                    .chain(session_token)
                    .map(String::as_str)
                    .collect()
            }
            Self::Machine(variables) => {
                let secret = |name: &str| name.contains("SECRET") || name.contains("TOKEN");
                let named = variables.iter().filter(|(name, _)| secret(name));
                named.map(|(_, value)| value.as_str()).collect()
            }
        };
        secrets.into_iter().fold(text.to_owned(), |text, secret| text.replace(secret, "…"))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Password { .. } => "Credentials::Password(…)",
            Self::Keys { .. } => "Credentials::Keys(…)",
            Self::Machine(_) => "Credentials::Machine(…)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_read_and_never_shown() {
        for text in [
            r#"{"username":"bob","password":"hunter2"}"#,
            r#"{"access_key_id":"AKIA","secret_access_key":"hunter2"}"#,
            r#"{"access_key_id":"AKIA","secret_access_key":"hunter2","session_token":"hunter2"}"#,
        ] {
            let read = Credentials::parse(text).unwrap();
            assert!(!format!("{read:?}").contains("hunter2"));
            assert_eq!(Credentials::parse(&read.to_text().unwrap()).unwrap(), read);
            assert_eq!(read.hide("bob sent hunter2, AKIA"), "bob sent …, AKIA");
        }
    }

    #[test]
    fn what_the_machine_has_is_not_handed_on_and_hidden_too() {
        let variables = [("AWS_ACCESS_KEY_ID", "AKIA"), ("AWS_SECRET_ACCESS_KEY", "hunter2")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let machine = Credentials::Machine(variables.into());
        assert_eq!(machine.to_text(), None);
        assert_eq!(machine.hide("AKIA hunter2"), "AKIA …");
    }

    #[test]
    fn what_is_wrong_is_not_repeated() {
        for text in [
            "hunter2",
            r#""hunter2""#,
            r#"{"hunter2":"x"}"#,
            r#"{"username":"bob"}"#,
            r#"{"username":"bob","password":""}"#,
            r#"{"username":"bob","password":"hunter2","access_key_id":"AKIA"}"#,
            r#"{"access_key_id":"AKIA","secret_access_key":["hunter2"]}"#,
        ] {
            let error = Credentials::parse(text).unwrap_err();
            assert!(!format!("{error}{error:?}").contains("hunter2"), "{text}");
        }
    }
}
