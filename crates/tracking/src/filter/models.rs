//! What the words mean when logged models are searched.

use pitcrew_kernel::Result;

use super::syntax::{self, Identifier};
use super::{Clause, Order, entry, listed, numeric, unknown_attribute, unknown_entity};
use crate::errors;
use pitcrew_filter::limits::ORDER_TERMS;

/// Something a logged model can be searched by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// A point logged about it.
    Metric(String),
    /// A param.
    Param(String),
    /// A tag.
    Tag(String),
    /// A fact of the model itself.
    Attribute(Attribute),
}

/// A fact of the model itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attribute {
    /// Its id.
    ModelId,
    /// Its name.
    Name,
    /// What kind of model.
    ModelType,
    /// How far it is.
    Status,
    /// The run that made it.
    SourceRunId,
    /// When it was made, in milliseconds.
    Created,
    /// When it was changed last, in milliseconds.
    Updated,
}

/// A data set that metrics were measured on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OnDataset {
    /// Its name.
    pub name: String,
    /// Its digest; any when absent.
    pub digest: Option<String>,
}

/// A term of an order: a field and, for metrics, the data set they were measured on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderTerm {
    /// The field and direction.
    pub order: Order<Field>,
    /// The data set; any when absent.
    pub dataset: Option<OnDataset>,
}

const ATTRIBUTES: &str =
    "['creation_timestamp', 'last_updated_timestamp', 'model_id', 'model_type', 'name', 'source_run_id', 'status']";

impl Attribute {
    fn parse(key: &str) -> Result<Self> {
        Ok(match key {
            "model_id" => Self::ModelId,
            "name" => Self::Name,
            "model_type" => Self::ModelType,
            "status" => Self::Status,
            "source_run_id" => Self::SourceRunId,
            "creation_time" | "creation_timestamp" | "creation_timestamp_ms" => Self::Created,
            "last_updated_timestamp" | "last_updated_timestamp_ms" => Self::Updated,
            _ => return Err(unknown_attribute(key, ATTRIBUTES)),
        })
    }

    /// Whether it is a time.
    pub fn is_time(self) -> bool {
        matches!(self, Self::Created | Self::Updated)
    }
}

impl Field {
    fn of(identifier: &Identifier) -> Result<Self> {
        let key = identifier.key.clone();
        Ok(match identifier.entity.as_deref() {
            None | Some("attributes" | "attribute") => Self::Attribute(Attribute::parse(&key)?),
            Some("metrics") => Self::Metric(key),
            Some("params") => Self::Param(key),
            Some("tags") => Self::Tag(key),
            Some(entity) => return Err(unknown_entity(entity, "['attributes', 'metrics', 'params', 'tags']")),
        })
    }
}

/// The clauses of a filter over logged models.
///
/// # Errors
/// `FILTER_INVALID`.
pub fn parse(filter: &str) -> Result<Vec<Clause<Field>>> {
    syntax::comparisons(filter)?
        .iter()
        .map(|comparison| {
            let field = Field::of(&comparison.subject)?;
            let test = match &field {
                Field::Metric(_) => numeric(comparison, "metric")?,
                Field::Attribute(attribute) if attribute.is_time() => numeric(comparison, "numeric attribute")?,
                Field::Attribute(_) => listed(comparison, "attributes", true)?,
                Field::Param(_) | Field::Tag(_) if matches!(comparison.op, syntax::Op::In | syntax::Op::NotIn) => {
                    listed(comparison, "params and tags", true)?
                }
                Field::Param(_) => entry(comparison, "parameter")?,
                Field::Tag(_) => entry(comparison, "tag")?,
            };
            Ok(Clause { field, test })
        })
        .collect()
}

/// One term of an order over logged models: `metrics.x` or an attribute.
///
/// # Errors
/// `ORDER_BY_INVALID`.
pub fn parse_term(field_name: &str, ascending: bool, dataset: Option<OnDataset>) -> Result<OrderTerm> {
    let wrong = || errors::order_by(format!("Invalid order by field name: {field_name}"));
    let (entity, key) = match field_name.split_once('.') {
        Some((entity, key)) => (Some(entity.to_owned()), key.trim_matches('`').to_owned()),
        None => (None, field_name.to_owned()),
    };
    let field = Field::of(&Identifier { entity, key }).map_err(|_| wrong())?;
    match field {
        Field::Param(_) | Field::Tag(_) => {
            Err(errors::order_by(format!("Invalid order by field name: {field_name}. Only metrics are supported.")))
        }
        field => Ok(OrderTerm { order: Order { field, ascending }, dataset }),
    }
}

/// Refuses an order with too many terms or one field twice.
pub(crate) fn check_terms(terms: &[OrderTerm]) -> Result<()> {
    let twice = terms.iter().enumerate().any(|(at, term)| terms[..at].contains(term));
    if twice || terms.len() > ORDER_TERMS {
        return Err(errors::order_by(format!("`order_by` names a field twice or has more than {ORDER_TERMS} terms")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_searched_by_their_own_words() {
        assert!(
            parse(
                "name LIKE 'm%' AND metrics.mae < 5 AND params.`a b` IN ('x') AND tags.t != 'y' AND creation_time > 5"
            )
            .is_ok()
        );
        for bad in ["metric.mae < 5", "colour = 'x'", "creation_timestamp = 'x'", "name > 'a'"] {
            assert_eq!(parse(bad).unwrap_err().code(), "FILTER_INVALID", "{bad}");
        }
        assert!(parse_term("metrics.mae", true, None).is_ok());
        assert_eq!(parse_term("params.a", true, None).unwrap_err().code(), "ORDER_BY_INVALID");
    }
}
