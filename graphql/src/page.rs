//! Relay connections over the pages of use cases.

use async_graphql::connection::{
    Connection, DefaultConnectionName, DefaultEdgeName, DisableNodesField, Edge, EmptyFields,
};
use async_graphql::{OutputType, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::invalid;

/// A page of a list.
pub(crate) type PageOf<T> = Connection<
    String,
    T,
    EmptyFields,
    EmptyFields,
    DefaultConnectionName,
    DefaultEdgeName,
    DisableNodesField,
>;

/// A list with cursors. A cursor of one list means nothing to another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct List(pub &'static str);

impl List {
    /// The opaque cursor of the entry at `position`.
    pub(crate) fn cursor(self, position: &str) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}:{position}", self.0))
    }

    /// The position that a cursor of this list stands for.
    pub(crate) fn position(self, cursor: Option<&str>) -> Result<Option<String>> {
        let Some(cursor) = cursor else { return Ok(None) };
        let decoded =
            URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let position =
            decoded.as_deref().and_then(|text| text.strip_prefix(self.0)?.strip_prefix(':'));
        let wrong = || invalid(format!("`after` is not a cursor of the list `{}`", self.0));
        position.map(|position| Some(position.to_owned())).ok_or_else(wrong)
    }

    /// One page of this list; each entry comes with its position.
    #[expect(clippy::fn_params_excessive_bools, reason = "Relay has one flag for each end")]
    pub(crate) fn page<T: OutputType>(
        self,
        entries: impl IntoIterator<Item = (String, T)>,
        after: bool,
        more: bool,
    ) -> PageOf<T> {
        let mut page = Connection::new(after, more);
        let edges =
            entries.into_iter().map(|(position, node)| Edge::new(self.cursor(&position), node));
        page.edges.extend(edges);
        page
    }
}

/// How many entries were asked for. The use case refuses more than `limits.page_max`, and none.
pub(crate) fn size(first: u32) -> usize {
    usize::try_from(first).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_finds_back_to_its_list_only() {
        let cursor = List("runs").cursor("42");
        assert_eq!(List("runs").position(Some(&cursor)).unwrap().as_deref(), Some("42"));
        assert_eq!(List("runs").position(None).unwrap(), None);
        for (list, cursor) in
            [("attestations", cursor.as_str()), ("run", &cursor), ("runs", "42"), ("runs", "")]
        {
            assert!(List(list).position(Some(cursor)).is_err(), "{list} {cursor}");
        }
    }
}
