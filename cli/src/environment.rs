//! The environment variables, read once.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// The environment as it was when the program began. Names and values that are not UTF-8 are left out.
#[derive(Debug, Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Reads the environment of this process.
    pub fn read() -> Self {
        Self(
            std::env::vars_os()
                .filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                })
                .collect(),
        )
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Whether a variable is set to something.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| !value.is_empty())
    }

    /// Where state is kept: `$MUSTER_STATE`, else the XDG state directory.
    pub fn state_directory(&self) -> PathBuf {
        if let Some(state) = self.get("MUSTER_STATE") {
            return PathBuf::from(state);
        }
        let base = self.get("XDG_STATE_HOME").map(PathBuf::from);
        let home = || PathBuf::from(self.get("HOME").unwrap_or(".")).join(".local/state");
        base.unwrap_or_else(home).join("muster")
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(variables: [(&str, &str); N]) -> Self {
        Self(
            variables
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        )
    }
}
