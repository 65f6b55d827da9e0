//! What the words mean when experiments are searched.

use pitcrew_kernel::Result;

use super::syntax::{self, Identifier, Op};
use super::{Clause, Order, Test, entry, listed, numeric, orders, unknown_attribute, unknown_entity};
use crate::errors;

/// Something an experiment can be searched by; all but tags can order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// Its name.
    Name,
    /// Its number.
    Id,
    /// When it was made, in milliseconds.
    Created,
    /// When it was changed last, in milliseconds.
    Updated,
    /// A tag.
    Tag(String),
}

const ATTRIBUTES: &str = "['creation_time', 'experiment_id', 'last_update_time', 'name']";

impl Field {
    fn of(identifier: &Identifier) -> Result<Self> {
        Ok(match (identifier.entity.as_deref(), identifier.key.as_str()) {
            (Some("tag" | "tags"), key) => Self::Tag(key.to_owned()),
            (None | Some("attribute"), "name") => Self::Name,
            (None | Some("attribute"), "experiment_id") => Self::Id,
            (None | Some("attribute"), "creation_time") => Self::Created,
            (None | Some("attribute"), "last_update_time") => Self::Updated,
            (None | Some("attribute"), key) => return Err(unknown_attribute(key, ATTRIBUTES)),
            (Some(entity), _) => return Err(unknown_entity(entity, "('attribute', 'tag', 'tags')")),
        })
    }
}

/// The clauses of a filter over experiments.
///
/// # Errors
/// `FILTER_INVALID`.
pub fn parse(filter: &str) -> Result<Vec<Clause<Field>>> {
    syntax::comparisons(filter)?
        .iter()
        .map(|comparison| {
            let field = Field::of(&comparison.subject)?;
            let test = match &field {
                Field::Tag(_) => entry(comparison, "tag")?,
                Field::Name => listed(comparison, "attributes", false)?,
                Field::Id => number_in_quotes(listed(comparison, "attributes", true)?)?,
                Field::Created | Field::Updated => {
                    numeric(comparison, &format!("numeric attribute: {}", comparison.subject.key))?
                }
            };
            Ok(Clause { field, test })
        })
        .collect()
}

/// Experiment ids are written as texts and are numbers.
fn number_in_quotes(test: Test) -> Result<Test> {
    let check = |text: &String| {
        text.parse::<i64>().map_err(|_| {
            errors::filter(format!("Invalid experiment ID '{text}'. Experiment ID must be a valid integer."))
        })
    };
    match &test {
        Test::In(values) | Test::NotIn(values) => values.iter().try_for_each(|value| check(value).map(drop))?,
        Test::Text(Op::Eq | Op::Ne, value) => drop(check(value)?),
        _ => return Err(errors::filter("Invalid comparator for experiment_id".to_owned())),
    }
    Ok(test)
}

/// The terms of an order over experiments.
///
/// # Errors
/// `ORDER_BY_INVALID`.
pub fn parse_order(terms: &[String]) -> Result<Vec<Order<Field>>> {
    orders(terms, |identifier| {
        match Field::of(identifier).map_err(|error| errors::order_by(error.detail().to_owned()))? {
            Field::Tag(_) => Err(errors::order_by("Invalid order_by entity: tag".to_owned())),
            field => Ok(field),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_numbers_in_quotes() {
        assert!(parse("experiment_id IN ('1', '2') AND tags.a IS NULL AND name ILIKE 'b%'").is_ok());
        for bad in [
            "experiment_id = 'x'",
            "experiment_id = 1",
            "experiment_id LIKE '1'",
            "name IN ('a')",
            "metrics.a = 1",
            "colour = 'x'",
        ] {
            assert_eq!(parse(bad).unwrap_err().code(), "FILTER_INVALID", "{bad}");
        }
    }
}
