//! How large a search may be.

/// Comparisons in a filter.
pub const FILTER_CLAUSES: usize = 50;
/// How deep NOT and parentheses may stand in each other.
pub const FILTER_DEPTH: usize = 32;
/// Values of one `IN` list.
pub const FILTER_LIST_VALUES: usize = 1_000;
/// Bytes of a filter.
pub const FILTER_BYTES: usize = 50_000;
/// Characters of a pattern for LIKE or ILIKE. SQLite takes 50,000 bytes, and some characters become three on the way there.
pub const FILTER_PATTERN_CHARS: usize = 10_000;
/// Terms of an order.
pub const ORDER_TERMS: usize = 10;
