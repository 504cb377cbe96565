//! The size of a document with its fragments expanded, each fragment visited once.

use std::collections::{BTreeMap, BTreeSet};

use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};

use super::Refusal;

/// What a selection amounts to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Size {
    /// Its fields, with fragments expanded.
    pub fields: usize,
    /// Its aliases, as they are written.
    pub aliases: usize,
}

/// The size of all operations and fragments. Fragments that nothing spreads count too: validation visits them.
pub(super) fn expand(document: &ExecutableDocument) -> Result<Size, Refusal> {
    let mut sizes = Sizes { document, fields: BTreeMap::new(), aliases: 0 };
    let names: BTreeSet<&str> = document.fragments.keys().map(AsRef::as_ref).collect();
    let mut largest: usize = 0;
    for name in names {
        largest = largest.max(sizes.fragment(name)?);
    }
    let operations: Vec<_> = document.operations.iter().collect();
    let mut fields: usize = 0;
    for (_, operation) in operations {
        fields = fields.saturating_add(sizes.selection(&operation.node.selection_set.node)?);
    }
    let fields = fields.max(largest);
    Ok(Size { fields, aliases: sizes.aliases })
}

struct Sizes<'a> {
    document: &'a ExecutableDocument,
    /// What is known of each fragment; `None` while it is being looked at.
    fields: BTreeMap<&'a str, Option<usize>>,
    aliases: usize,
}

impl<'a> Sizes<'a> {
    fn fragment(&mut self, name: &str) -> Result<usize, Refusal> {
        // One that does not exist is reported by validation.
        let Some((name, fragment)) = self.document.fragments.get_key_value(name) else {
            return Ok(0);
        };
        match self.fields.get(name.as_str()) {
            Some(Some(fields)) => return Ok(*fields),
            Some(None) => return Err(Refusal::Cycle(name.to_string())),
            None => {}
        }
        self.fields.insert(name.as_str(), None);
        let fields = self.selection(&fragment.node.selection_set.node)?;
        self.fields.insert(name.as_str(), Some(fields));
        Ok(fields)
    }

    fn selection(&mut self, selection: &'a SelectionSet) -> Result<usize, Refusal> {
        let mut fields: usize = 0;
        for item in &selection.items {
            let more = match &item.node {
                Selection::Field(field) => {
                    self.aliases += usize::from(field.node.alias.is_some());
                    self.selection(&field.node.selection_set.node)?.saturating_add(1)
                }
                Selection::FragmentSpread(spread) => {
                    self.fragment(&spread.node.fragment_name.node)?
                }
                Selection::InlineFragment(inline) => {
                    self.selection(&inline.node.selection_set.node)?
                }
            };
            fields = fields.saturating_add(more);
        }
        Ok(fields)
    }
}
