//! What somebody has read before they change it: of two who change what both read, the second is told.

use crate::{Error, Result};

/// The tags of which what is there must have one; anything will do where nothing is expected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected(Option<Vec<String>>);

impl Expected {
    /// One of these tags, of which `*` is any; anything, also nothing, when there is no list.
    pub const fn one_of(tags: Option<Vec<String>>) -> Self {
        Self(tags)
    }

    /// Whether that will do; none is what is not there.
    pub(crate) fn allows(&self, tag: Option<&str>) -> bool {
        let Some(expected) = &self.0 else { return true };
        tag.is_some_and(|tag| expected.iter().any(|one| one == tag || one == "*"))
    }

    /// Refuses what will not do.
    pub(crate) fn check(&self, what: &str, tag: Option<&str>) -> Result<()> {
        if self.allows(tag) {
            return Ok(());
        }
        let there = if tag.is_some() { "somebody changed it" } else { "there is none" };
        Err(Error::Precondition(format!("the {what} is not what was expected: {there}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_expected_is_there_or_refused() {
        let tags = |tags: &[&str]| {
            Expected::one_of(Some(tags.iter().map(|&tag| tag.to_owned()).collect()))
        };
        for (expected, tag, fine) in [
            (Expected::default(), None, true),
            (Expected::default(), Some("a"), true),
            (tags(&["a", "b"]), Some("b"), true),
            (tags(&["a"]), Some("b"), false),
            (tags(&["a"]), None, false),
            (tags(&["*"]), Some("b"), true),
            (tags(&["*"]), None, false),
            (tags(&[]), Some("a"), false),
        ] {
            assert_eq!(expected.check("gate", tag).is_ok(), fine, "{expected:?} {tag:?}");
        }
    }
}
