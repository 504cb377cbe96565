//! One page of a list.

/// Which part of a list, newest first, a call wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page<C> {
    /// The last entry of the page before; none for the first page.
    pub after: Option<C>,
    /// Most entries to answer. Ask for one more than is shown to learn whether there are more.
    pub limit: u64,
}

impl<C> Page<C> {
    /// The first page.
    pub const fn first(limit: u64) -> Self {
        Self { after: None, limit }
    }
}
