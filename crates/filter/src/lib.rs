//! The search language: comparisons joined by AND, OR and NOT, and orders; and their way into SQL.
//!
//! A slice says what its words mean: which fields there are and which comparisons each takes. What all of them share stands here: reading the
//! text ([`syntax`], [`expression`]), the tests a comparison may be, and statements put together from them ([`sql`]) with keyset pages.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")
)]

pub mod errors;
pub mod expression;
pub mod limits;
pub mod sql;
pub mod syntax;

use pitcrew_kernel::Result;

use syntax::{Comparison, Literal, Op};

/// What a field is compared with. A field that is absent fits no test but [`Test::Absent`].
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// A number; not-a-number fits [`Op::Ne`] only.
    Number(Op, Number),
    /// A text: equal, different, like a pattern in which `%` is any text and `_` any character, or fitting a regular expression.
    Text(Op, String),
    /// One of these texts.
    In(Vec<String>),
    /// None of these texts.
    NotIn(Vec<String>),
    /// There is no such entry.
    Absent,
    /// There is one.
    Present,
}

/// A number as written: whole numbers keep all their digits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// Written without point and exponent.
    Int(i64),
    /// Any other.
    Float(f64),
}

impl Number {
    /// As a floating-point number.
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Int(value) => value as f64,
            Self::Float(value) => value,
        }
    }
}

/// One comparison of a filter over fields `F`.
#[derive(Debug, Clone, PartialEq)]
pub struct Clause<F> {
    /// What is looked at.
    pub field: F,
    /// What must be true of it.
    pub test: Test,
}

/// One term of an order over fields `F`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order<F> {
    /// What is looked at.
    pub field: F,
    /// Smallest first.
    pub ascending: bool,
}

const NUMERIC: &str = "['!=', '<', '<=', '=', '>', '>=']";
const TEXTUAL: &str = "['!=', '=', 'ILIKE', 'LIKE']";

/// The comparison as a test of a number.
///
/// # Errors
/// `FILTER_INVALID`.
pub fn numeric(comparison: &Comparison, what: &str) -> Result<Test> {
    let fits = matches!(comparison.op, Op::Eq | Op::Ne | Op::Lt | Op::Le | Op::Gt | Op::Ge);
    match (&comparison.value, fits) {
        (_, false) => Err(bad_comparator(comparison, NUMERIC)),
        (Some(Literal::Number(number)), true) => Ok(Test::Number(comparison.op, *number)),
        (value, true) => {
            Err(errors::filter(format!("Expected numeric value type for {what}. Found {}", shown(value.as_ref()))))
        }
    }
}

/// The comparison as a test of a text.
///
/// # Errors
/// `FILTER_INVALID`.
pub fn textual(comparison: &Comparison, what: &str) -> Result<Test> {
    if !matches!(comparison.op, Op::Eq | Op::Ne | Op::Like | Op::Ilike) {
        return Err(bad_comparator(comparison, TEXTUAL));
    }
    let is_pattern = matches!(comparison.op, Op::Like | Op::Ilike);
    match &comparison.value {
        Some(Literal::Text(text)) if is_pattern && text.chars().count() > limits::FILTER_PATTERN_CHARS => {
            Err(errors::filter(format!("a pattern has at most {} characters", limits::FILTER_PATTERN_CHARS)))
        }
        Some(Literal::Text(text)) => Ok(Test::Text(comparison.op, text.clone())),
        Some(Literal::Bare(text)) => Err(errors::filter(format!(
            "Parameter value is either not quoted or unidentified quote types used for string value {text}. Use either single or double quotes."
        ))),
        value => Err(errors::filter(format!(
            "Expected a quoted string value for {what} (e.g. 'my-value'). Got value {}",
            shown(value.as_ref())
        ))),
    }
}

/// The comparison as a test of a text that may also be compared with a list.
///
/// # Errors
/// `FILTER_INVALID`.
pub fn listed(comparison: &Comparison, what: &str, lists: bool) -> Result<Test> {
    match (comparison.op, &comparison.value) {
        (Op::In | Op::NotIn, _) if !lists => {
            Err(errors::filter(format!("{what} does not support comparison with a list of quoted string values.")))
        }
        (Op::In, Some(Literal::List(values))) => Ok(Test::In(values.clone())),
        (Op::NotIn, Some(Literal::List(values))) => Ok(Test::NotIn(values.clone())),
        _ => textual(comparison, what),
    }
}

/// The comparison as a test of an entry that may be there or not: a param or a tag.
///
/// # Errors
/// `FILTER_INVALID`.
pub fn entry(comparison: &Comparison, what: &str) -> Result<Test> {
    match comparison.op {
        Op::IsNull => Ok(Test::Absent),
        Op::IsNotNull => Ok(Test::Present),
        _ => textual(comparison, what),
    }
}

/// Refuses a comparator that a field does not take.
pub fn bad_comparator(comparison: &Comparison, allowed: &str) -> pitcrew_kernel::Error {
    errors::filter(format!("Invalid comparator '{}' not one of {allowed}", comparison.op))
}

/// A value as it was written, for messages.
pub fn shown(value: Option<&Literal>) -> String {
    match value {
        Some(Literal::Number(Number::Int(value))) => value.to_string(),
        Some(Literal::Number(Number::Float(value))) => value.to_string(),
        Some(Literal::Text(text)) => format!("'{text}'"),
        Some(Literal::Bare(text)) => text.clone(),
        Some(Literal::List(values)) => format!("{values:?}"),
        None => "nothing".to_owned(),
    }
}

/// Refuses a word that names no kind of field.
pub fn unknown_entity(entity: &str, known: &str) -> pitcrew_kernel::Error {
    errors::filter(format!("Invalid entity type '{entity}'. Valid values are {known}"))
}

/// Refuses an attribute that is none.
pub fn unknown_attribute(key: &str, known: &str) -> pitcrew_kernel::Error {
    errors::filter(format!("Invalid attribute key '{key}' specified. Valid keys are {known}"))
}

/// The terms of an order, each read by `field`; no field twice.
///
/// # Errors
/// `ORDER_BY_INVALID`.
pub fn orders<F: PartialEq>(
    terms: &[String],
    field: impl Fn(&syntax::Identifier) -> Result<F>,
) -> Result<Vec<Order<F>>> {
    if terms.len() > limits::ORDER_TERMS {
        return Err(errors::order_by(format!("`order_by` has more than {} terms", limits::ORDER_TERMS)));
    }
    let mut orders: Vec<Order<F>> = Vec::with_capacity(terms.len());
    for term in terms {
        let (identifier, ascending) = syntax::order(term)?;
        let order = Order { field: field(&identifier)?, ascending };
        if orders.iter().any(|seen| seen.field == order.field) {
            return Err(errors::order_by(format!("`order_by` contains duplicate fields: {terms:?}")));
        }
        orders.push(order);
    }
    Ok(orders)
}
