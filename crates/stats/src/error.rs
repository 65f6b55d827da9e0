//! The one way an input can be refused here.

use std::fmt;

/// An argument that no data could make right: an empty reference, a rate outside `(0, 1)`, unequal bin edges.
///
/// Too little data is not an error; it is a verdict (`NoData`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidInput(&'static str);

impl InvalidInput {
    /// Names what was wrong, as a sentence without a full stop.
    pub(crate) const fn new(what: &'static str) -> Self {
        Self(what)
    }

    /// The sentence.
    #[must_use]
    pub const fn what(&self) -> &'static str {
        self.0
    }
}

impl fmt::Display for InvalidInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for InvalidInput {}
