//! What the words mean when traces are searched.

use pitcrew_filter::syntax::{self, Comparison, Identifier, Literal, Op};
use pitcrew_filter::{Clause, Order, Test, orders, shown};
use pitcrew_kernel::Result;

use crate::errors;
use crate::limits::{REGEX_BYTES, REGEX_MEMORY};
use crate::model::{AssessmentKind, keys};

/// Something a trace can be searched by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// Its id.
    TraceId,
    /// The id the application's caller knows it by.
    ClientRequestId,
    /// How far it is.
    State,
    /// Its name.
    Name,
    /// When it began, in milliseconds.
    Started,
    /// How long it took, in milliseconds.
    Duration,
    /// When it ended, in milliseconds.
    Ended,
    /// A tag.
    Tag(String),
    /// A metadata entry.
    Metadata(String),
    /// The session.
    Session,
    /// Token counts, as JSON.
    Tokens,
    /// Costs, as JSON.
    Costs,
    /// The run it was made in or linked to.
    Run,
    /// A linked prompt: `name/version`.
    Prompt,
    /// A fact of one of its spans.
    Span(SpanField),
    /// An assessment of this kind and name.
    Assessment(AssessmentKind, String),
    /// A linked issue's id.
    Issue,
    /// The experiment; only for orders.
    Experiment,
}

/// A fact of a span. All facts of spans in one filter must be true of the same span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpanField {
    /// Its name.
    Name,
    /// Its type.
    Type,
    /// How it ended.
    Status,
    /// An attribute.
    Attribute(String),
    /// Everything of it, as JSON.
    Content,
}

/// Whether SQL can tell, and says the same on both databases.
pub(crate) fn in_sql(clause: &Clause<Field>) -> bool {
    let plain = !matches!(clause.test, Test::Text(Op::Rlike, _));
    match &clause.field {
        Field::Span(SpanField::Attribute(_) | SpanField::Content) => false,
        Field::Tokens | Field::Costs => matches!(clause.test, Test::Absent | Test::Present),
        // Without regard to case is another thing beyond ASCII on each database.
        _ => plain && !matches!(&clause.test, Test::Text(Op::Ilike, pattern) if !pattern.is_ascii()),
    }
}

const ENTITIES: &str = "['attribute', 'attributes', 'expectation', 'feedback', 'issue', 'metadata', 'request_metadata', 'span', 'tag', 'tags', 'trace']";
const ATTRIBUTES: &str = "['client_request_id', 'end_time', 'end_time_ms', 'execution_time', 'execution_time_ms', 'name', 'prompt', 'request_id', 'run_id', 'status', 'text', 'timestamp', 'timestamp_ms']";
const ORDERS: &str = "['end_time', 'end_time_ms', 'execution_time', 'execution_time_ms', 'experiment_id', 'name', 'request_id', 'run_id', 'status', 'timestamp', 'timestamp_ms']";
const STRING_OPS: &str = "['!=', '=', 'ILIKE', 'IN', 'LIKE', 'NOT IN', 'RLIKE']";
const ENTRY_OPS: &str = "['!=', '=', 'ILIKE', 'IS NOT NULL', 'IS NULL', 'LIKE', 'RLIKE']";
const ASSESSMENT_OPS: &str = "['!=', '<', '<=', '=', '>', '>=', 'ILIKE', 'IS NOT NULL', 'IS NULL', 'LIKE', 'RLIKE']";
const NUMERIC: &str = "['end_time', 'end_time_ms', 'execution_time', 'execution_time_ms', 'timestamp', 'timestamp_ms']";
const LISTED: &str = "['client_request_id', 'name', 'request_id', 'run_id', 'status']";

/// The clauses of a filter over traces.
///
/// # Errors
/// `FILTER_INVALID`.
pub fn parse(filter: &str) -> Result<Vec<Clause<Field>>> {
    syntax::comparisons(filter)?.iter().map(clause).collect()
}

fn clause(comparison: &Comparison) -> Result<Clause<Field>> {
    let key = &comparison.subject.key;
    let field = match comparison.subject.entity.as_deref() {
        None | Some("attribute" | "attributes" | "trace") => attribute(key).ok_or_else(|| {
            errors::filter(format!("Invalid attribute key '{key}' specified. Valid keys are '{ATTRIBUTES}'"))
        })?,
        Some("tag" | "tags") => tag(key),
        Some("metadata" | "request_metadata") => metadata(key),
        Some("span") => Field::Span(span_field(key)?),
        Some(entity @ ("feedback" | "expectation")) => {
            if key.is_empty() {
                return Err(errors::filter("Assessment field name cannot be empty".to_owned()));
            }
            let kind = if entity == "feedback" { AssessmentKind::Feedback } else { AssessmentKind::Expectation };
            Field::Assessment(kind, key.clone())
        }
        Some("issue") if key == "id" => Field::Issue,
        Some("issue") => {
            return Err(errors::filter(format!("Invalid issue attribute '{key}'. Supported attributes: id")));
        }
        Some(entity) => {
            return Err(errors::filter(format!("Invalid entity type '{entity}'. Valid values are {ENTITIES}")));
        }
    };
    let test = test(&field, comparison)?;
    Ok(Clause { field, test })
}

fn attribute(key: &str) -> Option<Field> {
    Some(match key {
        "request_id" => Field::TraceId,
        "client_request_id" => Field::ClientRequestId,
        "status" => Field::State,
        "name" => Field::Name,
        "timestamp" | "timestamp_ms" => Field::Started,
        "execution_time" | "execution_time_ms" => Field::Duration,
        "end_time" | "end_time_ms" => Field::Ended,
        "run_id" => Field::Run,
        "prompt" => Field::Prompt,
        "text" => Field::Span(SpanField::Content),
        _ => return None,
    })
}

fn tag(key: &str) -> Field {
    match key {
        keys::NAME => Field::Name,
        keys::PROMPTS => Field::Prompt,
        key => Field::Tag(key.to_owned()),
    }
}

fn metadata(key: &str) -> Field {
    match key {
        keys::SESSION => Field::Session,
        keys::TOKEN_USAGE => Field::Tokens,
        keys::COST => Field::Costs,
        keys::SOURCE_RUN => Field::Run,
        key => Field::Metadata(key.to_owned()),
    }
}

fn span_field(key: &str) -> Result<SpanField> {
    if let Some(attribute) = key.strip_prefix("attributes.") {
        let inside = attribute.strip_prefix('`').and_then(|rest| rest.strip_suffix('`'));
        let name = inside.or_else(|| attribute.strip_prefix('"')?.strip_suffix('"')).unwrap_or(attribute);
        if name.is_empty() {
            return Err(errors::filter("Span attribute name cannot be empty after 'attributes.'".to_owned()));
        }
        return Ok(SpanField::Attribute(name.to_owned()));
    }
    Ok(match key {
        "name" => SpanField::Name,
        "type" => SpanField::Type,
        "status" => SpanField::Status,
        "content" => SpanField::Content,
        key => {
            return Err(errors::filter(format!(
                "Invalid span attribute '{key}'. Supported attributes: name, status, type, attributes.<attribute_name>."
            )));
        }
    })
}

fn test(field: &Field, comparison: &Comparison) -> Result<Test> {
    let key = &comparison.subject.key;
    match field {
        Field::Started | Field::Duration | Field::Ended => numeric(comparison),
        Field::TraceId | Field::ClientRequestId | Field::State => string_attribute(comparison),
        // By its name as an attribute, it may be one of a list; by its tag, it may be absent. MLflow takes it so, too.
        Field::Name | Field::Run | Field::Session => match comparison.op {
            Op::In | Op::NotIn if comparison.subject.entity.as_deref().is_none_or(is_attribute) => {
                string_attribute(comparison)
            }
            _ => entry(comparison),
        },
        Field::Tag(_) | Field::Metadata(_) => entry(comparison),
        Field::Tokens | Field::Costs => match entry(comparison)? {
            test @ (Test::Absent | Test::Present | Test::Text(Op::Eq | Op::Ne, _)) => Ok(test),
            _ => Err(errors::filter(format!(
                "Comparator '{}' is not supported for reserved metadata '{key}'. Only '=', '!=', 'IS NULL', and 'IS NOT NULL' are supported.",
                comparison.op
            ))),
        },
        Field::Prompt => prompt(comparison),
        Field::Span(SpanField::Content) => match comparison.op {
            Op::Like | Op::Ilike => text(comparison, "span"),
            op => Err(errors::filter(format!("span.content comparator '{op}' not one of '['ILIKE', 'LIKE']'"))),
        },
        Field::Span(_) => match comparison.op {
            Op::Eq | Op::Ne | Op::Like | Op::Ilike | Op::Rlike | Op::In | Op::NotIn => text(comparison, "span"),
            op => Err(errors::filter(format!("span.{key} comparator '{op}' not one of '{STRING_OPS}'"))),
        },
        Field::Assessment(kind, _) => assessment(*kind, comparison),
        Field::Issue => match comparison.op {
            Op::Eq => text(comparison, "issue"),
            op => Err(errors::filter(format!("issue.id comparator '{op}' not one of '['=']'"))),
        },
        Field::Experiment => Err(errors::filter("Invalid search key 'experiment_id'".to_owned())),
    }
}

fn is_attribute(entity: &str) -> bool {
    matches!(entity, "attribute" | "attributes" | "trace")
}

fn numeric(comparison: &Comparison) -> Result<Test> {
    let wrong = || {
        errors::filter(format!("Invalid comparator '{}' not one of '['!=', '<', '<=', '=', '>', '>=']'", comparison.op))
    };
    match (comparison.op, &comparison.value) {
        (Op::Eq | Op::Ne | Op::Lt | Op::Le | Op::Gt | Op::Ge, Some(Literal::Number(number))) => {
            Ok(Test::Number(comparison.op, *number))
        }
        (Op::In | Op::NotIn, _) | (_, Some(Literal::List(_))) => Err(errors::filter(format!(
            "Only attributes in {LISTED} supports comparison with a list of quoted string values."
        ))),
        (Op::Eq | Op::Ne | Op::Lt | Op::Le | Op::Gt | Op::Ge, value) => Err(errors::filter(format!(
            "Expected numeric value type for numeric attribute: {}. Found {}",
            comparison.subject.key,
            shown(value.as_ref())
        ))),
        _ => Err(wrong()),
    }
}

fn string_attribute(comparison: &Comparison) -> Result<Test> {
    if matches!(comparison.value, Some(Literal::Number(_))) {
        return Err(errors::filter(format!("Only the '{NUMERIC}' attributes support comparison with numeric values.")));
    }
    match comparison.op {
        Op::Eq | Op::Ne | Op::Like | Op::Ilike | Op::Rlike | Op::In | Op::NotIn => text(comparison, "attributes"),
        op => Err(errors::filter(format!("Invalid comparator '{op}' not one of '{STRING_OPS}'"))),
    }
}

fn entry(comparison: &Comparison) -> Result<Test> {
    let what = match comparison.subject.entity.as_deref() {
        Some("metadata" | "request_metadata") => "request_metadata",
        Some("tag" | "tags") => "tag",
        _ => "attributes",
    };
    match comparison.op {
        Op::IsNull => Ok(Test::Absent),
        Op::IsNotNull => Ok(Test::Present),
        Op::Eq | Op::Ne | Op::Like | Op::Ilike | Op::Rlike => text(comparison, what),
        op => Err(errors::filter(format!("Invalid comparator '{op}' not one of '{ENTRY_OPS}'"))),
    }
}

fn prompt(comparison: &Comparison) -> Result<Test> {
    if comparison.op != Op::Eq {
        return Err(errors::filter(format!(
            "Invalid comparator '{}' for prompts filter. Only '=' is supported with format: prompt = \"name/version\"",
            comparison.op
        )));
    }
    match text(comparison, "tag")? {
        Test::Text(Op::Eq, value) if value.matches('/').count() == 1 => Ok(Test::Text(Op::Eq, value)),
        Test::Text(_, value) => Err(errors::filter(format!(
            "Invalid prompts filter value '{value}'. Expected format: prompt = \"name/version\""
        ))),
        test => Ok(test),
    }
}

fn assessment(kind: AssessmentKind, comparison: &Comparison) -> Result<Test> {
    let kind = kind.as_str();
    let got = || shown(comparison.value.as_ref());
    match (comparison.op, &comparison.value) {
        (Op::IsNull, _) => Ok(Test::Absent),
        (Op::IsNotNull, _) => Ok(Test::Present),
        (Op::Lt | Op::Le | Op::Gt | Op::Ge, Some(Literal::Number(number))) => Ok(Test::Number(comparison.op, *number)),
        (Op::Lt | Op::Le | Op::Gt | Op::Ge, _) => Err(errors::filter(format!(
            "Expected a numeric value for {kind} when using comparator '{}'. Got value {}",
            comparison.op,
            got()
        ))),
        (Op::Eq | Op::Ne | Op::Like | Op::Ilike | Op::Rlike, _) => text(comparison, kind),
        (op, _) => Err(errors::filter(format!(
            "assessment.{} comparator '{op}' not one of '{ASSESSMENT_OPS}'",
            comparison.subject.key
        ))),
    }
}

/// A test of a text, or of a text and a list of them. A regular expression must be one.
fn text(comparison: &Comparison, what: &str) -> Result<Test> {
    match (comparison.op, &comparison.value) {
        (Op::In, Some(Literal::List(values))) => Ok(Test::In(values.clone())),
        (Op::NotIn, Some(Literal::List(values))) => Ok(Test::NotIn(values.clone())),
        (Op::Rlike, Some(Literal::Text(pattern))) => {
            expression(pattern)?;
            Ok(Test::Text(Op::Rlike, pattern.clone()))
        }
        (op, Some(Literal::Text(text))) => Ok(Test::Text(op, text.clone())),
        (_, Some(Literal::Bare(text))) => Err(errors::filter(format!(
            "Parameter value is either not quoted or unidentified quote types used for string value {text}. Use either single or double quotes."
        ))),
        (_, value) => Err(errors::filter(format!(
            "Expected a quoted string value for {what} (e.g. 'my-value'). Got value {}",
            shown(value.as_ref())
        ))),
    }
}

/// The regular expression. Its time to match grows with the text times its own size, so it must be small; what it remembers of texts need not be.
pub(crate) fn expression(pattern: &str) -> Result<regex::Regex> {
    regex::RegexBuilder::new(pattern)
        .size_limit(REGEX_BYTES)
        .dfa_size_limit(REGEX_MEMORY)
        .build()
        .map_err(|_| errors::filter(format!("Invalid regular expression '{pattern}'")))
}

/// The terms of an order over traces.
///
/// # Errors
/// `ORDER_BY_INVALID`.
pub fn parse_order(terms: &[String]) -> Result<Vec<Order<Field>>> {
    orders(terms, order_field)
}

fn order_field(identifier: &Identifier) -> Result<Field> {
    let key = &identifier.key;
    let field = match identifier.entity.as_deref() {
        None | Some("attribute" | "attributes" | "trace") => match key.as_str() {
            "experiment_id" => Field::Experiment,
            "client_request_id" | "prompt" | "text" => return Err(no_order(key)),
            key => attribute(key).ok_or_else(|| no_order(key))?,
        },
        Some("tag" | "tags") => tag(key),
        Some("metadata" | "request_metadata") => metadata(key),
        Some(entity @ ("span" | "feedback" | "expectation" | "issue")) => {
            return Err(errors::order_by(format!("Invalid identifier type '{entity}'")));
        }
        Some(entity) => {
            return Err(errors::order_by(format!("Invalid entity type '{entity}'. Valid values are {ENTITIES}")));
        }
    };
    match field {
        Field::Tokens | Field::Costs => Err(errors::order_by(format!(
            "Ordering by reserved metadata '{key}' is not supported because it is represented by multiple columns."
        ))),
        Field::Prompt => Err(no_order(key)),
        field => Ok(field),
    }
}

fn no_order(key: &str) -> pitcrew_kernel::Error {
    errors::order_by(format!("Invalid attribute key '{key}' specified. Valid keys are '{ORDERS}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regular_expressions_are_what_people_write_and_no_machines() {
        for honest in [
            r"^\d{4}-\d{2}-\d{2}T",
            r"(?i)error|timed? ?out|refused|unreachable",
            r"[\w.+-]+@[\w-]+\.[\w.-]+",
            r"gpt-4.*(turbo|mini)",
            r"\bcustomer \w+ ordered \w+\b",
            r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        ] {
            assert!(expression(honest).is_ok(), "{honest}");
        }
        for costly in ["[ab]*a[ab]{5000}c", r"(\w+ ){50}", "((a{40}){40}){40}"] {
            assert_eq!(expression(costly).unwrap_err().code(), "FILTER_INVALID", "{costly}");
        }
    }

    #[test]
    fn aliases_mean_the_same() {
        for (one, other) in [
            ("tag.a = 'x'", "tags.a = 'x'"),
            ("status = 'OK'", "trace.status = 'OK'"),
            ("timestamp > 5", "attributes.timestamp_ms > 5"),
            ("name LIKE 'a%'", "tags.`mlflow.traceName` LIKE 'a%'"),
            ("run_id = 'r'", "metadata.`mlflow.sourceRun` = 'r'"),
            ("metadata.a = 'x'", "request_metadata.\"a\" = 'x'"),
            ("trace.text LIKE '%a%'", "span.content LIKE '%a%'"),
            ("text LIKE '%a%'", "span.content LIKE '%a%'"),
            ("span.attributes.`a b` = 'x'", "span.attributes.\"a b\" = 'x'"),
        ] {
            assert_eq!(parse(one).unwrap(), parse(other).unwrap(), "{one}");
        }
    }

    #[test]
    fn what_mlflow_refuses_is_refused() {
        for bad in [
            "trace_id = 'tr-1'",
            "colour = 'x'",
            "session_id = 'x'",
            "Name = 'n'",
            "metrics.a > 1",
            "metadata.`mlflow.trace.cost` LIKE 'x'",
            "metadata.a IN ('b')",
            "span.content = 'x'",
            "span.foo = 'x'",
            "span.attributes. = 'b'",
            "span.name > 'b'",
            "prompt LIKE 'p/1'",
            "prompt = 'p'",
            "feedback.good > 'a'",
            "feedback.good = 1",
            "feedback. = 'x'",
            "issue.id != 'i'",
            "issue.name = 'i'",
            "status > 'OK'",
            "status IS NULL",
            "timestamp_ms LIKE 'x'",
            "timestamp_ms IS NULL",
            "timestamp_ms IN (1)",
            "tags.a = 1",
            "tags.a > 'x'",
            "tags.a IN ('x')",
            "tags.a = x",
            "name = 1",
            "name RLIKE '['",
            "status = 'OK' OR status = 'ERROR'",
            "(status = 'OK')",
            "status",
        ] {
            assert_eq!(parse(bad).unwrap_err().code(), "FILTER_INVALID", "{bad}");
        }
    }

    #[test]
    fn orders_are_by_facts_of_the_trace() {
        let read = |term: &str| parse_order(&[term.to_owned()]);
        for good in [
            "timestamp_ms ASC",
            "execution_time DESC",
            "end_time",
            "status",
            "name",
            "run_id",
            "tags.t",
            "metadata.a",
            "experiment_id",
        ] {
            assert!(read(good).is_ok(), "{good}");
        }
        for bad in
            ["client_request_id", "span.name", "foo", "feedback.x", "request_time", "metadata.`mlflow.trace.cost`"]
        {
            assert_eq!(read(bad).unwrap_err().code(), "ORDER_BY_INVALID", "{bad}");
        }
        let twice = ["timestamp".to_owned(), "timestamp_ms".to_owned()];
        assert_eq!(parse_order(&twice).unwrap_err().code(), "ORDER_BY_INVALID");
    }
}
