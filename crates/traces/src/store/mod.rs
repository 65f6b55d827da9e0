//! Every statement of this slice, one file per noun. Nothing else in the crate knows a column's name.

pub(crate) mod assessments;
pub(crate) mod links;
pub(crate) mod metrics;
pub(crate) mod search;
pub(crate) mod spans;
pub(crate) mod traces;
