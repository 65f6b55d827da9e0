//! Figures over many traces, as one statement each.

use pitcrew_db::{Row, Tx};
use pitcrew_filter::sql::Sql;
use pitcrew_kernel::Result;

use crate::model::keys;
use crate::service::{Aggregation, MetricView};
use crate::store::links;
use crate::store::search::one_of;

const NANOS_PER_MILLI: i64 = 1_000_000;

/// What a figure may be narrowed by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Field {
    State,
    Tag(String),
    Metadata(String),
    SpanName,
    SpanStatus,
    SpanType,
    AssessmentName,
    AssessmentKind,
}

/// A question whose parts fit together.
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) experiments: Vec<i64>,
    pub(crate) view: MetricView,
    pub(crate) metric: &'static str,
    pub(crate) aggregations: Vec<Aggregation>,
    pub(crate) dimensions: Vec<String>,
    pub(crate) filters: Vec<(Field, String)>,
    pub(crate) bucket_ms: Option<i64>,
    pub(crate) start_ms: Option<i64>,
    pub(crate) end_ms: Option<i64>,
    pub(crate) limit: usize,
}

/// What a group is told by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum GroupKey {
    /// The millisecond it begins at.
    Time(i64),
    Text(String),
}

/// A group and what SQL made of its values: each aggregation but percentiles.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) keys: Vec<GroupKey>,
    pub(crate) values: Vec<Option<f64>>,
}

/// The groups, in their order.
pub(crate) fn groups(tx: &mut Tx<'_>, query: &Query) -> Result<Vec<Group>> {
    let mut sql = Sql::new(tx);
    let parts = parts(&mut sql, query);
    let made: Vec<String> =
        query.aggregations.iter().filter_map(|one| aggregate(*one, query.metric, &parts.value)).collect();
    let mut columns = parts.keys.clone();
    columns.extend(made.iter().cloned());
    if columns.is_empty() {
        // Nothing but percentiles of everything: one group, for which SQL has nothing to say.
        return Ok(vec![Group { keys: Vec::new(), values: Vec::new() }]);
    }
    let group = if parts.keys.is_empty() {
        String::new()
    } else {
        format!(" GROUP BY {} ORDER BY {}", parts.keys.join(", "), parts.ordered(&sql).join(", "))
    };
    let most = sql.bind(i64::try_from(query.limit).unwrap_or(i64::MAX));
    sql.push(&format!(
        "SELECT {} FROM {} WHERE {}{group} LIMIT {most}",
        columns.join(", "),
        parts.from,
        parts.conditions.join(" AND ")
    ));
    tx.all(&sql.text, &sql.args, |row| {
        let keys = read_keys(row, query)?;
        let values = (keys.len()..columns.len()).map(|at| row.opt_float(at)).collect::<Result<_>>()?;
        Ok(Group { keys, values })
    })
}

/// The values of each group in their order, at most `limit` in all.
pub(crate) fn spread(tx: &mut Tx<'_>, query: &Query, limit: usize) -> Result<Vec<(Vec<GroupKey>, Vec<f64>)>> {
    let mut sql = Sql::new(tx);
    let parts = parts(&mut sql, query);
    let value = format!("CAST({} AS DOUBLE PRECISION)", parts.value);
    let mut columns = parts.keys.clone();
    columns.push(value.clone());
    let mut order = parts.ordered(&sql);
    order.push(value);
    let most = sql.bind(i64::try_from(limit).unwrap_or(i64::MAX));
    sql.push(&format!(
        "SELECT {} FROM {} WHERE {} ORDER BY {} LIMIT {most}",
        columns.join(", "),
        parts.from,
        parts.conditions.join(" AND "),
        order.join(", ")
    ));
    let mut groups: Vec<(Vec<GroupKey>, Vec<f64>)> = Vec::new();
    tx.for_each(&sql.text, &sql.args, &mut |row| {
        let keys = read_keys(row, query)?;
        let value = row.float(keys.len())?;
        match groups.last_mut() {
            Some((of, values)) if *of == keys => values.push(value),
            _ => groups.push((keys, vec![value])),
        }
        Ok(())
    })?;
    Ok(groups)
}

fn read_keys(row: &Row<'_>, query: &Query) -> Result<Vec<GroupKey>> {
    let timed = usize::from(query.bucket_ms.is_some());
    (0..timed + query.dimensions.len())
        .map(|at| if at < timed { row.int(at).map(GroupKey::Time) } else { row.text(at).map(GroupKey::Text) })
        .collect()
}

fn aggregate(aggregation: Aggregation, metric: &str, value: &str) -> Option<String> {
    let value = match metric {
        "session_count" => format!("DISTINCT {value}"),
        _ => value.to_owned(),
    };
    let number = format!("CAST({value} AS DOUBLE PRECISION)");
    let made = match aggregation {
        Aggregation::Count => format!("count({value})"),
        Aggregation::Sum => format!("sum({number})"),
        Aggregation::Avg => format!("avg({number})"),
        Aggregation::Min => format!("min({number})"),
        Aggregation::Max => format!("max({number})"),
        Aggregation::Percentile(_) => return None,
    };
    Some(format!("CAST({made} AS DOUBLE PRECISION)"))
}

/// The parts of a statement.
struct Parts {
    from: &'static str,
    value: String,
    keys: Vec<String>,
    timed: bool,
    conditions: Vec<String>,
}

impl Parts {
    fn ordered(&self, sql: &Sql) -> Vec<String> {
        let text = |(at, key): (usize, &String)| {
            if self.timed && at == 0 { key.clone() } else { sql.ordered_text(key) }
        };
        self.keys.iter().enumerate().map(text).collect()
    }
}

fn parts(sql: &mut Sql, query: &Query) -> Parts {
    let (from, at) = match query.view {
        MetricView::Traces => ("traces_traces t", "t.started_ms"),
        MetricView::Spans => {
            ("traces_traces t JOIN traces_spans s ON s.trace_no = t.trace_no", "(s.start_ns / 1000000)")
        }
        MetricView::Assessments => {
            ("traces_traces t JOIN traces_assessments a ON a.trace_no = t.trace_no", "t.started_ms")
        }
    };
    let value = value(query.view, query.metric);
    let mut keys = Vec::new();
    // Whole numbers divide to whole numbers on both databases. Bound twice it would not be the same expression, so it stands in the text.
    keys.extend(query.bucket_ms.map(|bucket| format!("({at} / {bucket} * {bucket})")));
    keys.extend(query.dimensions.iter().map(|name| dimension(name).to_owned()));
    let mut conditions = vec![one_of(sql, "t.experiment_id", query.experiments.iter().copied())];
    conditions.push(format!("{value} IS NOT NULL"));
    conditions.extend(query.dimensions.iter().map(|name| format!("{} IS NOT NULL", dimension(name))));
    if query.view == MetricView::Assessments {
        conditions.push("a.valid = 1".to_owned());
    }
    conditions.extend(times(sql, query));
    conditions.extend(query.filters.iter().map(|(field, value)| condition(sql, field, value)));
    Parts { from, value: value.to_owned(), keys, timed: query.bucket_ms.is_some(), conditions }
}

/// Costs belong to the time of their span, everything else to that of its trace.
fn times(sql: &mut Sql, query: &Query) -> Vec<String> {
    let by_span = query.view == MetricView::Spans && query.metric.ends_with("_cost");
    let mut conditions = Vec::new();
    if let Some(start) = query.start_ms {
        conditions.push(match by_span {
            true => format!("s.start_ns >= {}", sql.bind(start.saturating_mul(NANOS_PER_MILLI))),
            false => format!("t.started_ms >= {}", sql.bind(start)),
        });
    }
    if let Some(end) = query.end_ms {
        conditions.push(match by_span {
            true => format!("s.start_ns < {}", sql.bind(end.saturating_add(1).saturating_mul(NANOS_PER_MILLI))),
            false => format!("t.started_ms <= {}", sql.bind(end)),
        });
    }
    conditions
}

fn value(view: MetricView, metric: &str) -> &'static str {
    match (view, metric) {
        (MetricView::Traces, "session_count") => "t.session_id",
        (MetricView::Traces, "latency") => "t.duration_ms",
        (MetricView::Traces, "input_tokens") => "t.input_tokens",
        (MetricView::Traces, "output_tokens") => "t.output_tokens",
        (MetricView::Traces, "total_tokens") => "t.total_tokens",
        (MetricView::Traces, "cache_read_input_tokens") => "t.cache_read_tokens",
        (MetricView::Traces, "cache_creation_input_tokens") => "t.cache_write_tokens",
        (MetricView::Traces, _) => "t.trace_no",
        (MetricView::Spans, "latency") => "((s.end_ns - s.start_ns) / 1000000)",
        (MetricView::Spans, "input_cost") => "s.input_cost",
        (MetricView::Spans, "output_cost") => "s.output_cost",
        (MetricView::Spans, "total_cost") => "s.total_cost",
        (MetricView::Spans, _) => "s.span_id",
        (MetricView::Assessments, "assessment_value") => "a.score",
        (MetricView::Assessments, _) => "a.assessment_id",
    }
}

fn dimension(name: &str) -> &'static str {
    match name {
        "trace_name" => "t.name",
        "trace_status" => "t.state",
        "span_name" => "s.name",
        "span_type" => "s.type",
        "span_status" => "s.status",
        "span_model_name" => "s.model_name",
        "span_model_provider" => "s.model_provider",
        "assessment_name" => "a.name",
        _ => "a.value",
    }
}

fn condition(sql: &mut Sql, field: &Field, value: &str) -> String {
    let bound = sql.bind(value.to_owned());
    match field {
        Field::State => format!("t.state = {bound}"),
        Field::Tag(key) if key == keys::NAME => format!("t.name = {bound}"),
        Field::Metadata(key) if key == keys::SESSION => format!("t.session_id = {bound}"),
        Field::Tag(key) => entry(sql, "traces_tags", key, &bound),
        Field::Metadata(key) if key == keys::SOURCE_RUN => {
            let made_in = entry(sql, "traces_metadata", key, &bound);
            let kind = sql.bind(links::RUN);
            format!(
                "({made_in} OR EXISTS (SELECT 1 FROM traces_links l WHERE l.trace_no = t.trace_no AND l.kind = {kind} AND l.target = {bound}))"
            )
        }
        Field::Metadata(key) => entry(sql, "traces_metadata", key, &bound),
        Field::SpanName => format!("s.name = {bound}"),
        Field::SpanStatus => format!("s.status = {bound}"),
        Field::SpanType => format!("s.type = {bound}"),
        Field::AssessmentName => format!("a.name = {bound}"),
        Field::AssessmentKind => format!("a.kind = {bound}"),
    }
}

fn entry(sql: &mut Sql, table: &str, key: &str, value: &str) -> String {
    let key = sql.bind(key.to_owned());
    format!("EXISTS (SELECT 1 FROM {table} p WHERE p.trace_no = t.trace_no AND p.key = {key} AND p.value = {value})")
}
