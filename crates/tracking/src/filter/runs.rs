//! What the words mean when runs are searched.

use pitcrew_filter::expression::{explained, expression};
use pitcrew_kernel::Result;

use super::syntax::{Comparison, Identifier};
use super::{Clause, Expression, Grammar, Order, entry, listed, numeric, orders, unknown_attribute, unknown_entity};
use crate::errors;

/// Something a run can be searched or ordered by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// The latest value of a metric.
    Metric(String),
    /// A param.
    Param(String),
    /// A tag.
    Tag(String),
    /// A fact of the run itself.
    Attribute(Attribute),
    /// A data set the run used.
    Dataset(DatasetField),
}

/// A fact of the run itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attribute {
    /// Its id.
    RunId,
    /// Its name.
    RunName,
    /// How far it is.
    Status,
    /// Who ran it.
    UserId,
    /// Where its artifacts are.
    ArtifactUri,
    /// When it began, in milliseconds.
    StartTime,
    /// When it ended, in milliseconds.
    EndTime,
}

/// A fact of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatasetField {
    /// Its name.
    Name,
    /// Its digest.
    Digest,
    /// What it was used for.
    Context,
}

const ENTITIES: &str = "['metric', 'parameter', 'tag', 'attribute', 'dataset']";
const ATTRIBUTES: &str =
    "['artifact_uri', 'created', 'end_time', 'run_id', 'run_name', 'start_time', 'status', 'user_id']";

impl Attribute {
    fn parse(key: &str) -> Result<Self> {
        Ok(match key {
            "run_id" => Self::RunId,
            "run_name" | "run name" | "Run name" | "Run Name" => Self::RunName,
            "status" => Self::Status,
            "user_id" => Self::UserId,
            "artifact_uri" => Self::ArtifactUri,
            "start_time" | "created" | "Created" => Self::StartTime,
            "end_time" => Self::EndTime,
            _ => return Err(unknown_attribute(key, ATTRIBUTES)),
        })
    }

    /// Whether it is a time.
    pub fn is_time(self) -> bool {
        matches!(self, Self::StartTime | Self::EndTime)
    }
}

impl Field {
    fn of(identifier: &Identifier) -> Result<Self> {
        let key = identifier.key.clone();
        Ok(match identifier.entity.as_deref() {
            None | Some("attribute" | "attributes" | "attr" | "run") => Self::Attribute(Attribute::parse(&key)?),
            Some("metric" | "metrics") => Self::Metric(key),
            Some("parameter" | "parameters" | "param" | "params") => Self::Param(key),
            Some("tag" | "tags") => Self::Tag(key),
            Some("dataset" | "datasets") => Self::Dataset(match key.as_str() {
                "name" => DatasetField::Name,
                "digest" => DatasetField::Digest,
                "context" => DatasetField::Context,
                _ => {
                    return Err(errors::filter(format!(
                        "Invalid dataset key '{key}' specified. Valid keys are ['context', 'digest', 'name']"
                    )));
                }
            }),
            Some(entity) => return Err(unknown_entity(entity, ENTITIES)),
        })
    }
}

/// A filter over runs.
///
/// # Errors
/// `FILTER_INVALID`.
pub fn parse(filter: &str, grammar: Grammar) -> Result<Expression<Clause<Field>>> {
    let parsed = expression(filter, grammar)?.try_map(&mut clause);
    match grammar {
        Grammar::Conjunction => parsed,
        Grammar::Full => parsed.map_err(explained),
    }
}

fn clause(comparison: &Comparison) -> Result<Clause<Field>> {
    let field = Field::of(&comparison.subject)?;
    let test = match &field {
        Field::Metric(_) => numeric(comparison, "metric")?,
        Field::Param(_) => entry(comparison, "parameter")?,
        Field::Tag(_) => entry(comparison, "tag")?,
        Field::Attribute(attribute) if attribute.is_time() => {
            numeric(comparison, &format!("numeric attribute: {}", comparison.subject.key))?
        }
        Field::Attribute(attribute) => listed(comparison, "attributes", *attribute == Attribute::RunId)?,
        Field::Dataset(_) => listed(comparison, "dataset attributes", true)?,
    };
    Ok(Clause { field, test })
}

/// The terms of an order over runs.
///
/// # Errors
/// `ORDER_BY_INVALID`.
pub fn parse_order(terms: &[String]) -> Result<Vec<Order<Field>>> {
    orders(terms, |identifier| {
        let field = Field::of(identifier).map_err(|error| errors::order_by(error.detail().to_owned()))?;
        match field {
            Field::Dataset(_) => Err(errors::order_by("Invalid order_by entity type 'dataset'".to_owned())),
            field => Ok(field),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::{Number, Test, syntax::Op};

    fn plain(filter: &str) -> Result<Expression<Clause<Field>>> {
        parse(filter, Grammar::Conjunction)
    }

    #[test]
    fn who_may_say_or_is_told_of_it() {
        let hint = |grammar| parse("metrics.a = 'x'", grammar).unwrap_err().hint_text().unwrap_or_default().to_owned();
        assert!(hint(Grammar::Full).contains("OR"));
        assert!(!hint(Grammar::Conjunction).contains("OR"));
        assert!(parse("NOT (metrics.a > 1 OR params.b = 'x')", Grammar::Full).is_ok());
    }

    #[test]
    fn aliases_mean_the_same() {
        for (one, other) in [
            ("metric.a > 1", "metrics.a > 1"),
            ("param.a = 'x'", "parameters.a = 'x'"),
            ("tag.a = 'x'", "`tags`.a = 'x'"),
            ("status = 'FAILED'", "attributes.status = 'FAILED'"),
            ("created > 5", "run.start_time > 5"),
            ("attributes.`Run name` = 'x'", "run_name = 'x'"),
            ("dataset.name = 'x'", "datasets.name = 'x'"),
        ] {
            assert_eq!(plain(one).unwrap(), plain(other).unwrap(), "{one}");
        }
    }

    #[test]
    fn types_are_checked() {
        assert_eq!(
            plain("end_time <= 9007199254740993").unwrap().required()[0].test,
            Test::Number(Op::Le, Number::Int(9_007_199_254_740_993))
        );
        for bad in [
            "metrics.a = 'x'",
            "metrics.a LIKE 'x'",
            "metrics.a IS NULL",
            "params.a = 5",
            "params.a > 'x'",
            "params.a = x",
            "params.a IN ('x')",
            "status IN ('x')",
            "start_time = 'x'",
            "start_time IS NULL",
            "dataset.rows = 'x'",
            "nonsense.a = 1",
            "colour = 'x'",
            "experiment_id = '1'",
        ] {
            assert_eq!(plain(bad).unwrap_err().code(), "FILTER_INVALID", "{bad}");
        }
    }

    #[test]
    fn orders_name_a_field_once() {
        let terms = |text: &[&str]| text.iter().map(|term| (*term).to_owned()).collect::<Vec<_>>();
        assert_eq!(parse_order(&terms(&["metrics.a", "params.a DESC"])).unwrap().len(), 2);
        for bad in [&["metrics.a", "metric.a DESC"][..], &["dataset.name"], &["colour"]] {
            assert_eq!(parse_order(&terms(bad)).unwrap_err().code(), "ORDER_BY_INVALID", "{bad:?}");
        }
    }
}
