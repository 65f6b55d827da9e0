//! What the words of the search language mean here: one file for each kind of thing.

pub mod experiments;
pub mod models;
pub mod runs;

pub use pitcrew_filter::expression::{Expression, Grammar};
pub use pitcrew_filter::{Clause, Number, Order, Test, syntax};
pub(crate) use pitcrew_filter::{entry, listed, numeric, orders, unknown_attribute, unknown_entity};
