//! Searching runs: the filter and the order become one statement whose cost follows the experiments searched.

use pitcrew_db::Tx;
use pitcrew_kernel::Result;

use crate::filter::runs::{Attribute, DatasetField, Field};
use crate::filter::{Clause, Order, Test};
use crate::model::{DATASET_CONTEXT_TAG, RunInfo, View};
use crate::store::runs::{COLUMN_COUNT, COLUMNS, info};
use crate::store::sql::{Key, KeyKind, KeyValue, Keyset, Sql};

/// What is searched for.
pub(crate) struct Query<'a> {
    /// `None` means all.
    pub(crate) experiments: Option<&'a [i64]>,
    pub(crate) clauses: &'a [Clause<Field>],
    pub(crate) orders: &'a [Order<Field>],
    pub(crate) view: View,
    pub(crate) after: Option<Vec<KeyValue>>,
    pub(crate) limit: usize,
}

/// One page of runs, with the place of each.
pub(crate) fn runs(tx: &mut Tx<'_>, query: Query<'_>) -> Result<Vec<(RunInfo, Vec<KeyValue>)>> {
    let mut sql = Sql::new(tx);
    let mut joins = String::new();
    let keys = keys(&mut sql, &mut joins, query.orders);
    let keyset = Keyset { keys, after: query.after };
    let mut conditions = vec![one_of(&mut sql, "r.lifecycle", query.view.stages().iter().map(|stage| stage.as_str()))];
    if let Some(experiments) = query.experiments {
        conditions.push(one_of(&mut sql, "r.experiment_id", experiments.iter().copied()));
    }
    conditions.extend(query.clauses.iter().map(|clause| condition(&mut sql, clause)));
    conditions.extend(keyset.condition(&mut sql)?);
    let most = sql.bind(i64::try_from(query.limit).unwrap_or(i64::MAX));
    sql.push(&format!(
        "SELECT {COLUMNS}, {} FROM tracking_runs r{joins} WHERE {} ORDER BY {} LIMIT {most}",
        keyset.columns(),
        conditions.join(" AND "),
        keyset.order()
    ));
    tx.all(&sql.text, &sql.args, |row| Ok((info(row)?, keyset.place(row, COLUMN_COUNT)?)))
}

/// `= $1` for one value, so that an index keeps its order; `IN` for more.
fn one_of<T: Into<pitcrew_db::Arg<'static>>>(
    sql: &mut Sql,
    column: &str,
    values: impl ExactSizeIterator<Item = T>,
) -> String {
    match values.len() {
        1 => format!("{column} = {}", sql.bind_all(values)),
        _ => format!("{column} IN ({})", sql.bind_all(values)),
    }
}

/// The keys of an order: absent entries last, not-a-number before them, then the newest first, then the id.
fn keys(sql: &mut Sql, joins: &mut String, orders: &[Order<Field>]) -> Vec<Key> {
    let mut keys = Vec::new();
    for (at, order) in orders.iter().enumerate() {
        let direction = order.ascending;
        match &order.field {
            Field::Metric(name) => {
                join(sql, joins, at, "tracking_latest", name);
                let rank = format!("CASE WHEN o{at}.run_no IS NULL THEN 2 WHEN o{at}.nan = 1 THEN 1 ELSE 0 END");
                keys.push(whole(&rank));
                keys.push(Key::new(format!("coalesce(o{at}.value, 0.0)"), KeyKind::Float, direction));
            }
            Field::Param(name) | Field::Tag(name) => {
                let table = if matches!(order.field, Field::Param(_)) { "tracking_params" } else { "tracking_tags" };
                join(sql, joins, at, table, name);
                keys.push(whole(&format!("CASE WHEN o{at}.run_no IS NULL THEN 1 ELSE 0 END")));
                let value = sql.ordered_text(&format!("coalesce(o{at}.value, '')"));
                keys.push(Key::new(value, KeyKind::Text, direction));
            }
            Field::Attribute(Attribute::StartTime) => keys.push(Key::new("r.start_ms", KeyKind::Int, direction)),
            Field::Attribute(Attribute::EndTime) => {
                keys.push(whole("CASE WHEN r.end_ms IS NULL THEN 1 ELSE 0 END"));
                keys.push(Key::new("coalesce(r.end_ms, 0)", KeyKind::Int, direction));
            }
            Field::Attribute(attribute) => {
                keys.push(Key::new(sql.ordered_text(column(*attribute)), KeyKind::Text, direction));
            }
            // The parser refuses to order by data sets.
            Field::Dataset(_) => {}
        }
    }
    if !orders.iter().any(|order| order.field == Field::Attribute(Attribute::StartTime)) {
        keys.push(Key::new("r.start_ms", KeyKind::Int, false));
    }
    if !orders.iter().any(|order| order.field == Field::Attribute(Attribute::RunId)) {
        keys.push(Key::new(sql.ordered_text("r.run_id"), KeyKind::Text, true));
    }
    keys
}

/// A small whole number, as a BIGINT in both dialects.
fn whole(expression: &str) -> Key {
    Key::new(format!("CAST({expression} AS BIGINT)"), KeyKind::Int, true)
}

fn join(sql: &mut Sql, joins: &mut String, at: usize, table: &str, name: &str) {
    let name = sql.bind(name.to_owned());
    joins.push_str(&format!(" LEFT JOIN {table} o{at} ON o{at}.run_no = r.run_no AND o{at}.key = {name}"));
}

fn column(attribute: Attribute) -> &'static str {
    match attribute {
        Attribute::RunId => "r.run_id",
        Attribute::RunName => "r.name",
        Attribute::Status => "r.status",
        Attribute::UserId => "r.user_id",
        Attribute::ArtifactUri => "r.artifact_uri",
        Attribute::StartTime => "r.start_ms",
        Attribute::EndTime => "r.end_ms",
    }
}

fn condition(sql: &mut Sql, clause: &Clause<Field>) -> String {
    match &clause.field {
        Field::Metric(name) => {
            let name = sql.bind(name.clone());
            let test = sql.metric_test("m.value", "m.nan", &clause.test);
            format!("EXISTS (SELECT 1 FROM tracking_latest m WHERE m.run_no = r.run_no AND m.key = {name} AND {test})")
        }
        Field::Param(name) => entry(sql, "tracking_params", name, &clause.test),
        Field::Tag(name) => entry(sql, "tracking_tags", name, &clause.test),
        Field::Attribute(attribute) if attribute.is_time() => sql.integer_test(column(*attribute), &clause.test),
        Field::Attribute(attribute) => sql.text_test(column(*attribute), &clause.test),
        Field::Dataset(field) => dataset(sql, *field, &clause.test),
    }
}

fn entry(sql: &mut Sql, table: &str, name: &str, test: &Test) -> String {
    let name = sql.bind(name.to_owned());
    let found = format!("FROM {table} p WHERE p.run_no = r.run_no AND p.key = {name}");
    match test {
        Test::Absent => format!("NOT EXISTS (SELECT 1 {found})"),
        Test::Present => format!("EXISTS (SELECT 1 {found})"),
        test => format!("EXISTS (SELECT 1 {found} AND {})", sql.text_test("p.value", test)),
    }
}

fn dataset(sql: &mut Sql, field: DatasetField, test: &Test) -> String {
    if field == DatasetField::Context {
        let context = sql.bind(DATASET_CONTEXT_TAG);
        let test = sql.text_test("t.value", test);
        return format!(
            "EXISTS (SELECT 1 FROM tracking_input_tags t WHERE t.run_no = r.run_no AND t.key = {context} AND {test})"
        );
    }
    let column = if field == DatasetField::Name { "d.name" } else { "d.digest" };
    let test = sql.text_test(column, test);
    format!(
        "EXISTS (SELECT 1 FROM tracking_inputs i JOIN tracking_datasets d ON d.dataset_id = i.dataset_id \
         WHERE i.run_no = r.run_no AND {test})"
    )
}
