//! What is wrong with a search. Where clients match on the words, the words are MLflow's.

use pitcrew_kernel::Error;

/// A filter that does not read.
pub fn filter(detail: String) -> Error {
    Error::invalid("FILTER_INVALID", detail)
        .hint("write comparisons joined by AND, like `metrics.mae < 20 AND params.kind = 'tree'`")
}

/// A filter that compares too much.
pub(crate) fn too_many_comparisons() -> Error {
    filter(format!("the filter has more than {} comparisons", crate::limits::FILTER_CLAUSES))
}

/// An order that does not read.
pub fn order_by(detail: String) -> Error {
    Error::invalid("ORDER_BY_INVALID", detail).hint("write it like `metrics.mae ASC` or `start_time DESC`")
}

/// A page token of another search.
pub fn page_invalid() -> Error {
    Error::invalid("PAGE_INVALID", "Invalid page token: it does not belong to this search")
        .hint("start again without a page token, with the same filter and order for all pages")
}
