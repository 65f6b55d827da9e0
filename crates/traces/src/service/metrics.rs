//! Figures over many traces: how many, how long, how many tokens, at what cost, how good.

use chrono::{DateTime, SecondsFormat, Utc};
use pitcrew_filter::syntax::{Literal, Op, comparisons};
use pitcrew_kernel::{Access, Ctx, Error, Result};

use super::Traces;
use super::search::checked_experiments;
use crate::errors;
use crate::limits::{POINTS_PER_ANSWER, TERMS_PER_QUESTION, VALUES_PER_PERCENTILE};
use crate::store::metrics as store;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricView {
    /// Traces.
    Traces,
    /// Spans.
    Spans,
    /// Valid assessments.
    Assessments,
}

impl MetricView {
    /// As MLflow spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Traces => "TRACES",
            Self::Spans => "SPANS",
            Self::Assessments => "ASSESSMENTS",
        }
    }
}

/// What is made of the values of a group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Aggregation {
    /// How many.
    Count,
    /// Their sum.
    Sum,
    /// Their mean.
    Avg,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// The value that so many of a hundred do not pass, between neighbours where need be.
    Percentile(f64),
}

impl Aggregation {
    fn kind(self) -> &'static str {
        match self {
            Self::Count => "COUNT",
            Self::Sum => "SUM",
            Self::Avg => "AVG",
            Self::Min => "MIN",
            Self::Max => "MAX",
            Self::Percentile(_) => "PERCENTILE",
        }
    }

    fn label(self) -> String {
        match self {
            Self::Percentile(percent) => format!("P{percent:?}"),
            other => other.kind().to_owned(),
        }
    }
}

/// A question about figures.
#[derive(Debug, Clone)]
pub struct MetricsQuestion {
    /// The experiments.
    pub experiments: Vec<i64>,
    /// What is counted.
    pub view: MetricView,
    /// Which figure: `latency`, `total_tokens` and so on.
    pub metric: String,
    /// What is made of the values.
    pub aggregations: Vec<Aggregation>,
    /// By what they are grouped: `trace_name`, `span_type` and so on.
    pub dimensions: Vec<String>,
    /// Which count: `trace.status = 'OK'` and so on; each must be true.
    pub filters: Vec<String>,
    /// Groups of so many seconds.
    pub interval_seconds: Option<i64>,
    /// From this millisecond on.
    pub start_ms: Option<i64>,
    /// Up to and with this millisecond.
    pub end_ms: Option<i64>,
    /// How many points at most.
    pub limit: usize,
}

/// The figures of one group.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// By what it is grouped, with the group's value; `time_bucket` first.
    pub dimensions: Vec<(String, String)>,
    /// What was made of the values.
    pub values: Vec<(String, f64)>,
}

/// The name of the dimension that is time.
const TIME_BUCKET: &str = "time_bucket";
const COUNTED: &[&str] = &["COUNT"];
const MEASURED: &[&str] = &["AVG", "MAX", "MIN", "PERCENTILE"];
const SUMMED: &[&str] = &["AVG", "MAX", "MIN", "PERCENTILE", "SUM"];

/// The figures of a view: name, what may be made of it, by what it may be grouped.
type Figures = &'static [(&'static str, &'static [&'static str], &'static [&'static str])];

const OF_TRACES: Figures = &[
    ("trace_count", COUNTED, &["trace_name", "trace_status"]),
    ("session_count", COUNTED, &[]),
    ("latency", MEASURED, &["trace_name"]),
    ("input_tokens", SUMMED, &["trace_name"]),
    ("output_tokens", SUMMED, &["trace_name"]),
    ("total_tokens", SUMMED, &["trace_name"]),
    ("cache_read_input_tokens", SUMMED, &["trace_name"]),
    ("cache_creation_input_tokens", SUMMED, &["trace_name"]),
];
const MODELS: &[&str] = &["span_model_name", "span_model_provider"];
const OF_SPANS: Figures = &[
    ("span_count", COUNTED, &["span_model_name", "span_model_provider", "span_name", "span_status", "span_type"]),
    ("latency", MEASURED, &["span_name", "span_status"]),
    ("input_cost", SUMMED, MODELS),
    ("output_cost", SUMMED, MODELS),
    ("total_cost", SUMMED, MODELS),
];
const OF_ASSESSMENTS: Figures = &[
    ("assessment_count", COUNTED, &["assessment_name", "assessment_value"]),
    ("assessment_value", MEASURED, &["assessment_name"]),
];

impl Traces {
    /// Answers a question about figures.
    ///
    /// # Errors
    /// `TRACE_VALUE_INVALID`, `FILTER_INVALID`, `TRACES_TOO_MANY`.
    pub async fn metrics(&self, ctx: &Ctx, question: MetricsQuestion) -> Result<Vec<Point>> {
        ctx.require(Access::Read)?;
        let metric = checked(&question)?;
        let filters = question.filters.iter().map(|text| filter(text, question.view)).collect::<Result<Vec<_>>>()?;
        let query = store::Query {
            experiments: checked_experiments(question.experiments)?,
            view: question.view,
            metric,
            aggregations: question.aggregations.clone(),
            dimensions: question.dimensions.clone(),
            filters,
            bucket_ms: question.interval_seconds.map(|seconds| seconds.saturating_mul(1_000)),
            start_ms: question.start_ms,
            end_ms: question.end_ms,
            limit: question.limit,
        };
        let percentiles = question.aggregations.iter().any(|one| matches!(one, Aggregation::Percentile(_)));
        let (groups, spread) = self
            .db
            .read(move |tx| {
                let groups = store::groups(tx, &query)?;
                let spread =
                    if percentiles { store::spread(tx, &query, VALUES_PER_PERCENTILE + 1)? } else { Vec::new() };
                Ok((groups, spread))
            })
            .await?;
        if spread.iter().map(|(_, values)| values.len()).sum::<usize>() > VALUES_PER_PERCENTILE {
            return Err(Error::too_large(
                "TRACES_TOO_MANY",
                format!("percentiles are taken from at most {VALUES_PER_PERCENTILE} values"),
            )
            .hint("ask for a shorter time or fewer experiments"));
        }
        let mut names: Vec<String> = question.interval_seconds.map(|_| TIME_BUCKET.to_owned()).into_iter().collect();
        names.extend(question.dimensions);
        Ok(groups
            .into_iter()
            .map(|group| {
                let values = spread.iter().find(|(keys, _)| *keys == group.keys).map(|(_, values)| values.as_slice());
                point(&names, group, &question.aggregations, values.unwrap_or_default())
            })
            .filter(|point| !point.values.is_empty())
            .collect())
    }
}

fn point(names: &[String], group: store::Group, aggregations: &[Aggregation], spread: &[f64]) -> Point {
    let dimensions = names.iter().cloned().zip(group.keys.iter().map(shown)).collect();
    let mut made = group.values.into_iter();
    let mut values = Vec::new();
    for aggregation in aggregations {
        let value = match aggregation {
            Aggregation::Percentile(percent) => percentile(spread, *percent),
            _ => made.next().flatten(),
        };
        values.extend(value.map(|value| (aggregation.label(), value)));
    }
    Point { dimensions, values }
}

fn shown(key: &store::GroupKey) -> String {
    match key {
        store::GroupKey::Text(text) => text.clone(),
        store::GroupKey::Time(ms) => DateTime::<Utc>::from_timestamp_millis(*ms)
            .map_or_else(|| ms.to_string(), |time| time.to_rfc3339_opts(SecondsFormat::Secs, false)),
    }
}

/// Of values in their order: between the two neighbours of the place `percent` of the way from the first to the last.
fn percentile(values: &[f64], percent: f64) -> Option<f64> {
    let last = values.len().checked_sub(1)?;
    let place = (percent / 100.0).clamp(0.0, 1.0) * last as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    let (low, high) = (*values.get(below)?, *values.get(above)?);
    Some(low + (high - low) * (place - below as f64))
}

/// The figure's name, once everything fits together.
fn checked(question: &MetricsQuestion) -> Result<&'static str> {
    let figures = match question.view {
        MetricView::Traces => OF_TRACES,
        MetricView::Spans => OF_SPANS,
        MetricView::Assessments => OF_ASSESSMENTS,
    };
    let Some((name, made, grouped)) = figures.iter().find(|(name, ..)| *name == question.metric) else {
        let names = listed(figures.iter().map(|(name, ..)| *name));
        return Err(errors::invalid(format!("metric_name must be one of {names}, got '{}'", question.metric)));
    };
    let wrong: Vec<&str> =
        question.aggregations.iter().map(|one| one.kind()).filter(|kind| !made.contains(kind)).collect();
    if !wrong.is_empty() {
        return Err(errors::invalid(format!(
            "Found invalid aggregation_type(s): {}. Supported aggregation types: {}",
            listed(wrong.into_iter()),
            listed(made.iter().copied())
        )));
    }
    let mut wrong: Vec<&str> =
        question.dimensions.iter().map(String::as_str).filter(|name| !grouped.contains(name)).collect();
    if !wrong.is_empty() {
        wrong.sort_unstable();
        return Err(errors::invalid(format!(
            "Found invalid dimension(s): {}. Supported dimensions: {}",
            listed(wrong.into_iter()),
            listed(grouped.iter().copied())
        )));
    }
    for (what, count) in [
        ("aggregations", question.aggregations.len()),
        ("dimensions", question.dimensions.len()),
        ("filters", question.filters.len()),
    ] {
        super::checked_count(what, count, TERMS_PER_QUESTION)?;
    }
    if question.aggregations.is_empty() {
        return Err(errors::invalid("at least one aggregation must be asked for"));
    }
    checked_numbers(question)?;
    Ok(name)
}

fn checked_numbers(question: &MetricsQuestion) -> Result<()> {
    let percents = question.aggregations.iter().all(|one| match one {
        Aggregation::Percentile(percent) => (0.0..=100.0).contains(percent),
        _ => true,
    });
    if !percents {
        return Err(errors::invalid("Percentile value must be between 0 and 100"));
    }
    if let Some(seconds) = question.interval_seconds {
        if seconds <= 0 {
            return Err(errors::invalid("time_interval_seconds must be positive"));
        }
        if question.start_ms.is_none() || question.end_ms.is_none() {
            return Err(errors::invalid("start_time_ms and end_time_ms are required if time_interval_seconds is set"));
        }
    }
    if !(1..=POINTS_PER_ANSWER).contains(&question.limit) {
        return Err(errors::invalid(format!("max_results must be between 1 and {POINTS_PER_ANSWER}")));
    }
    Ok(())
}

/// As Python shows a list of texts.
fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    format!("[{}]", names.map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", "))
}

/// `trace.status = 'OK'`, `trace.tag.team = 'blue'`, `span.name = 'x'` and so on.
fn filter(text: &str, view: MetricView) -> Result<(store::Field, String)> {
    let found = comparisons(text)?;
    let [comparison] = found.as_slice() else {
        return Err(errors::filter(format!("Invalid filter: '{text}'. Expected one filter clause.")));
    };
    let key = &comparison.subject.key;
    let Some(of) = comparison.subject.entity.as_deref() else {
        return Err(errors::filter(format!(
            "Invalid identifier '{key}'. Columns should be specified as 'trace.<key>', 'span.<key>', 'assessment.<key>'."
        )));
    };
    if comparison.op != Op::Eq {
        return Err(errors::filter(format!("Invalid comparator: '{}', only '=' operator is supported", comparison.op)));
    }
    let field = field(of, key)?;
    match (&field, view) {
        (store::Field::SpanName | store::Field::SpanStatus | store::Field::SpanType, view)
            if view != MetricView::Spans =>
        {
            return Err(errors::filter(format!(
                "Filtering by span is only supported for SPANS view type, got {}",
                view.as_str()
            )));
        }
        (store::Field::AssessmentName | store::Field::AssessmentKind, view) if view != MetricView::Assessments => {
            return Err(errors::filter(format!(
                "Filtering by assessment is only supported for ASSESSMENTS view type, got {}",
                view.as_str()
            )));
        }
        _ => {}
    }
    match &comparison.value {
        Some(Literal::Text(value)) => Ok((field, value.clone())),
        value => Err(errors::filter(format!(
            "Expected a quoted string value for {key} value (e.g. 'my-value'). Got value {}",
            pitcrew_filter::shown(value.as_ref())
        ))),
    }
}

fn field(of: &str, key: &str) -> Result<store::Field> {
    let bare = |key: &str| {
        let inside = |quote: char| key.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
        inside('`').or_else(|| inside('"')).unwrap_or(key).to_owned()
    };
    let (entity, below) = key.split_once('.').map_or((key, None), |(entity, below)| (entity, Some(bare(below))));
    Ok(match (of, entity, below) {
        ("trace", "status", None) => store::Field::State,
        ("trace", "tag", Some(key)) => store::Field::Tag(key),
        ("trace", "metadata", Some(key)) => store::Field::Metadata(key),
        ("span", "name", None) => store::Field::SpanName,
        ("span", "status", None) => store::Field::SpanStatus,
        ("span", "type", None) => store::Field::SpanType,
        ("assessment", "name", None) => store::Field::AssessmentName,
        ("assessment", "type", None) => store::Field::AssessmentKind,
        ("trace" | "span" | "assessment", entity, _) => {
            return Err(errors::filter(format!("Invalid entity '{entity}' specified for view type '{of}'.")));
        }
        _ => {
            return Err(errors::filter(format!(
                "Invalid view type '{of}'. Valid values are ['trace', 'span', 'assessment']"
            )));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_lie_between_neighbours() {
        let values = [10.0, 20.0, 30.0, 40.0];
        assert_eq!(percentile(&values, 50.0), Some(25.0));
        assert_eq!(percentile(&values, 0.0), Some(10.0));
        assert_eq!(percentile(&values, 100.0), Some(40.0));
        assert_eq!(percentile(&[], 50.0), None);
        assert_eq!(Aggregation::Percentile(50.0).label(), "P50.0");
    }

    #[test]
    fn filters_name_their_view() {
        let read = |text: &str| filter(text, MetricView::Traces);
        assert_eq!(read("trace.tag.`a.b` = 'x'").unwrap(), (store::Field::Tag("a.b".to_owned()), "x".to_owned()));
        for bad in [
            "status = 'OK'",
            "trace.status != 'OK'",
            "span.name = 'x'",
            "trace.tag = 'x'",
            "trace.status.a = 'x'",
            "x.y = 'z'",
            "trace.status = 1",
            "trace.status = 'a' AND trace.status = 'b'",
        ] {
            assert_eq!(read(bad).unwrap_err().code(), "FILTER_INVALID", "{bad}");
        }
    }
}
