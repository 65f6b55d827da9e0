//! Searching traces: the filter and the order become one statement whose cost follows the experiments searched.

use pitcrew_db::{Arg, Tx};
use pitcrew_filter::sql::{Key, KeyKind, KeyValue, Keyset, Sql};
use pitcrew_filter::syntax::Op;
use pitcrew_filter::{Clause, Order, Test};
use pitcrew_kernel::Result;

use crate::filter::{Field, SpanField};
use crate::model::{AssessmentKind, keys};
use crate::store::links;
use crate::store::traces::{COLUMN_COUNT, COLUMNS, Kept, kept};
use crate::value::Any;

/// What is searched for.
pub(crate) struct Query<'a> {
    /// `None` means all.
    pub(crate) experiments: Option<&'a [i64]>,
    /// Only those that SQL can tell.
    pub(crate) clauses: &'a [&'a Clause<Field>],
    pub(crate) orders: &'a [Order<Field>],
    pub(crate) after: Option<Vec<KeyValue>>,
    pub(crate) limit: usize,
}

/// One page of traces, with the place of each.
pub(crate) fn traces(tx: &mut Tx<'_>, query: Query<'_>) -> Result<Vec<(Kept, Vec<KeyValue>)>> {
    let mut sql = Sql::new(tx);
    let mut joins = String::new();
    let keys = order_keys(&mut sql, &mut joins, query.orders);
    let keyset = Keyset { keys, after: query.after };
    let mut conditions = conditions(&mut sql, query.experiments, query.clauses);
    conditions.extend(keyset.condition(&mut sql)?);
    let most = sql.bind(i64::try_from(query.limit).unwrap_or(i64::MAX));
    sql.push(&format!(
        "SELECT {COLUMNS}, {} FROM traces_traces t{joins} WHERE {} ORDER BY {} LIMIT {most}",
        keyset.columns(),
        conditions.join(" AND "),
        keyset.order()
    ));
    tx.all(&sql.text, &sql.args, |row| Ok((kept(row)?, keyset.place(row, COLUMN_COUNT)?)))
}

/// The ids of all traces that fit, at most `limit`.
pub(crate) fn ids(
    tx: &mut Tx<'_>,
    experiments: &[i64],
    clauses: &[&Clause<Field>],
    limit: usize,
) -> Result<Vec<String>> {
    let mut sql = Sql::new(tx);
    let conditions = conditions(&mut sql, Some(experiments), clauses);
    let most = sql.bind(i64::try_from(limit).unwrap_or(i64::MAX));
    sql.push(&format!("SELECT t.trace_id FROM traces_traces t WHERE {} LIMIT {most}", conditions.join(" AND ")));
    tx.all(&sql.text, &sql.args, |row| row.text(0))
}

pub(crate) fn conditions(sql: &mut Sql, experiments: Option<&[i64]>, clauses: &[&Clause<Field>]) -> Vec<String> {
    let mut conditions = vec!["1 = 1".to_owned()];
    if let Some(experiments) = experiments {
        conditions.push(one_of(sql, "t.experiment_id", experiments.iter().copied()));
    }
    let mut of_span = Vec::new();
    for clause in clauses {
        match &clause.field {
            Field::Span(field) => of_span.push(span_test(sql, field, &clause.test)),
            _ => conditions.push(condition(sql, experiments, clause)),
        }
    }
    if !of_span.is_empty() {
        let tests = of_span.join(" AND ");
        conditions.push(format!("EXISTS (SELECT 1 FROM traces_spans s WHERE s.trace_no = t.trace_no AND {tests})"));
    }
    conditions
}

/// `= $1` for one value, so that an index keeps its order; `IN` for more.
pub(crate) fn one_of<T: Into<Arg<'static>>>(
    sql: &mut Sql,
    column: &str,
    values: impl ExactSizeIterator<Item = T>,
) -> String {
    match values.len() {
        0 => "1 = 0".to_owned(),
        1 => format!("{column} = {}", sql.bind_all(values)),
        _ => format!("{column} IN ({})", sql.bind_all(values)),
    }
}

const ENDED: &str = "(t.started_ms + coalesce(t.duration_ms, 0))";

fn condition(sql: &mut Sql, experiments: Option<&[i64]>, clause: &Clause<Field>) -> String {
    let test = &clause.test;
    match &clause.field {
        Field::TraceId => sql.text_test("t.trace_id", test),
        Field::ClientRequestId => sql.text_test("t.client_request_id", test),
        Field::State => sql.text_test("t.state", test),
        Field::Name => column(sql, "t.name", test),
        Field::Session => column(sql, "t.session_id", test),
        Field::Started => sql.integer_test("t.started_ms", test),
        Field::Duration => sql.integer_test("t.duration_ms", test),
        Field::Ended => sql.integer_test(ENDED, test),
        Field::Tag(key) => entry(sql, "traces_tags", key, test),
        Field::Metadata(key) => entry(sql, "traces_metadata", key, test),
        Field::Run => run(sql, test),
        Field::Prompt => linked(sql, links::PROMPT, test),
        Field::Tokens => {
            let any = "(t.input_tokens IS NOT NULL OR t.output_tokens IS NOT NULL OR t.total_tokens IS NOT NULL OR \
                       t.cache_read_tokens IS NOT NULL OR t.cache_write_tokens IS NOT NULL OR t.cache_write_long_tokens IS NOT NULL)";
            if *test == Test::Absent { format!("NOT {any}") } else { any.to_owned() }
        }
        Field::Costs => {
            let any = "(t.input_cost IS NOT NULL OR t.output_cost IS NOT NULL OR t.total_cost IS NOT NULL)";
            if *test == Test::Absent { format!("NOT {any}") } else { any.to_owned() }
        }
        Field::Assessment(kind, name) => assessed(sql, experiments, *kind, name, test),
        Field::Issue => {
            let kind = sql.bind(AssessmentKind::Issue.as_str());
            let test = sql.text_test("a.name", test);
            format!(
                "EXISTS (SELECT 1 FROM traces_assessments a WHERE a.trace_no = t.trace_no AND a.kind = {kind} AND {test})"
            )
        }
        // Spans come together, and no filter names an experiment.
        Field::Span(_) | Field::Experiment => "1 = 0".to_owned(),
    }
}

fn column(sql: &mut Sql, column: &str, test: &Test) -> String {
    match test {
        Test::Absent => format!("{column} IS NULL"),
        Test::Present => format!("{column} IS NOT NULL"),
        test => sql.text_test(column, test),
    }
}

fn entry(sql: &mut Sql, table: &str, key: &str, test: &Test) -> String {
    let key = sql.bind(key.to_owned());
    let found = format!("FROM {table} p WHERE p.trace_no = t.trace_no AND p.key = {key}");
    match test {
        Test::Absent => format!("NOT EXISTS (SELECT 1 {found})"),
        Test::Present => format!("EXISTS (SELECT 1 {found})"),
        test => format!("EXISTS (SELECT 1 {found} AND {})", sql.text_test("p.value", test)),
    }
}

/// The run a trace was made in, or one it was linked to.
fn run(sql: &mut Sql, test: &Test) -> String {
    let made_in = entry(sql, "traces_metadata", keys::SOURCE_RUN, test);
    match test {
        Test::Text(Op::Eq, _) => format!("({made_in} OR {})", linked(sql, links::RUN, test)),
        _ => made_in,
    }
}

fn linked(sql: &mut Sql, kind: &'static str, test: &Test) -> String {
    let kind = sql.bind(kind);
    let test = sql.text_test("l.target", test);
    format!("EXISTS (SELECT 1 FROM traces_links l WHERE l.trace_no = t.trace_no AND l.kind = {kind} AND {test})")
}

fn span_test(sql: &mut Sql, field: &SpanField, test: &Test) -> String {
    match field {
        SpanField::Name => sql.text_test("s.name", test),
        SpanField::Type => sql.text_test("s.type", test),
        SpanField::Status => sql.text_test("s.status", test),
        // Looked at outside of SQL.
        SpanField::Attribute(_) | SpanField::Content => "1 = 1".to_owned(),
    }
}

/// Assessments of the trace itself, and those of another trace of its session that are about the whole session.
fn assessed(sql: &mut Sql, experiments: Option<&[i64]>, kind: AssessmentKind, name: &str, test: &Test) -> String {
    let (kind, name) = (sql.bind(kind.as_str()), sql.bind(name.to_owned()));
    let value = value_test(sql, test);
    let fits = format!("a.kind = {kind} AND a.name = {name} AND a.valid = 1 AND {value}");
    let inside = match experiments {
        Some(experiments) => format!(" AND {}", one_of(sql, "o.experiment_id", experiments.iter().copied())),
        None => String::new(),
    };
    let found = format!(
        "(EXISTS (SELECT 1 FROM traces_assessments a WHERE a.trace_no = t.trace_no AND {fits}) OR (t.session_id IS NOT NULL AND \
         EXISTS (SELECT 1 FROM traces_traces o JOIN traces_assessments a ON a.trace_no = o.trace_no \
         WHERE o.session_id = t.session_id AND a.of_session = 1 AND {fits}{inside})))"
    );
    if *test == Test::Absent { format!("NOT {found}") } else { found }
}

/// The condition that an assessment's value passes. Values are JSON: a text is also compared without its quotes.
fn value_test(sql: &mut Sql, test: &Test) -> String {
    match test {
        Test::Absent | Test::Present => "1 = 1".to_owned(),
        Test::Number(..) => format!("a.numeric = 1 AND {}", sql.metric_test("a.score", "0", test)),
        Test::Text(op @ (Op::Eq | Op::Ne), text) => {
            let same = sql.bind_all([text.clone(), Any::Text(text.clone()).to_json()]);
            format!("a.value {} ({same})", if *op == Op::Eq { "IN" } else { "NOT IN" })
        }
        test => sql.text_test("a.value", test),
    }
}

/// The keys of an order: what is absent last, then the newest first, then the id.
fn order_keys(sql: &mut Sql, joins: &mut String, orders: &[Order<Field>]) -> Vec<Key> {
    let mut keys = Vec::new();
    for (at, order) in orders.iter().enumerate() {
        let up = order.ascending;
        match &order.field {
            Field::Started => keys.push(Key::new("t.started_ms", KeyKind::Int, up)),
            Field::Ended => keys.push(Key::new(ENDED, KeyKind::Int, up)),
            Field::Experiment => keys.push(Key::new("t.experiment_id", KeyKind::Int, up)),
            Field::Duration => {
                keys.push(absent("t.duration_ms"));
                keys.push(Key::new("coalesce(t.duration_ms, 0)", KeyKind::Int, up));
            }
            Field::TraceId => keys.push(Key::new(sql.ordered_text("t.trace_id"), KeyKind::Text, up)),
            Field::State => keys.push(Key::new(sql.ordered_text("t.state"), KeyKind::Text, up)),
            Field::Name => text_keys(sql, &mut keys, "t.name", up),
            Field::Session => text_keys(sql, &mut keys, "t.session_id", up),
            Field::Tag(key) => {
                join(sql, joins, at, "traces_tags", key);
                text_keys(sql, &mut keys, &format!("o{at}.value"), up);
            }
            Field::Metadata(key) => {
                join(sql, joins, at, "traces_metadata", key);
                text_keys(sql, &mut keys, &format!("o{at}.value"), up);
            }
            Field::Run => {
                join(sql, joins, at, "traces_metadata", self::keys::SOURCE_RUN);
                text_keys(sql, &mut keys, &format!("o{at}.value"), up);
            }
            // The parser refuses to order by the others.
            _ => {}
        }
    }
    let named = |field: &Field| orders.iter().any(|order| order.field == *field);
    if !named(&Field::Started) {
        keys.push(Key::new("t.started_ms", KeyKind::Int, false));
    }
    if !named(&Field::TraceId) {
        keys.push(Key::new(sql.ordered_text("t.trace_id"), KeyKind::Text, true));
    }
    keys
}

fn text_keys(sql: &Sql, keys: &mut Vec<Key>, column: &str, ascending: bool) {
    keys.push(absent(column));
    keys.push(Key::new(sql.ordered_text(&format!("coalesce({column}, '')")), KeyKind::Text, ascending));
}

/// What is absent comes last in either direction.
fn absent(column: &str) -> Key {
    Key::new(format!("CAST(CASE WHEN {column} IS NULL THEN 1 ELSE 0 END AS BIGINT)"), KeyKind::Int, true)
}

fn join(sql: &mut Sql, joins: &mut String, at: usize, table: &str, key: &str) {
    let key = sql.bind(key.to_owned());
    joins.push_str(&format!(" LEFT JOIN {table} o{at} ON o{at}.trace_no = t.trace_no AND o{at}.key = {key}"));
}
