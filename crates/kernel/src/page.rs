//! Pages of lists: keyset tokens, one limit.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The most items one page may hold.
pub const MAX_PAGE_LIMIT: usize = 1_000;
const DEFAULT_PAGE_LIMIT: usize = 100;

/// What a caller asks of a list.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct PageRequest {
    /// How many items; 100 when absent, at most [`MAX_PAGE_LIMIT`].
    pub limit: Option<usize>,
    /// The `next` of the page before.
    pub page: Option<String>,
}

impl PageRequest {
    /// The checked number of items.
    ///
    /// # Errors
    /// `PAGE_INVALID` when it is zero or above the limit.
    pub fn limit(&self) -> Result<usize> {
        match self.limit.unwrap_or(DEFAULT_PAGE_LIMIT) {
            limit @ 1..=MAX_PAGE_LIMIT => Ok(limit),
            _ => Err(Error::invalid("PAGE_INVALID", format!("`limit` must be between 1 and {MAX_PAGE_LIMIT}"))),
        }
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// Where the next page starts; `None` at the end.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// A page from up to `limit + 1` items: the extra one only tells that there is more, `key` names the last kept one.
    pub fn from_overfull(mut items: Vec<T>, limit: usize, key: impl Fn(&T) -> String) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        let next = if more { items.last().map(key) } else { None };
        Self { items, next }
    }

    /// A list that fits one page.
    pub fn all(items: Vec<T>) -> Self {
        Self { items, next: None }
    }
}
