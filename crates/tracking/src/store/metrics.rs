//! Metric points: the hot path. One run look-up, one upsert of the latest points, one append.

use std::collections::BTreeMap;

use pitcrew_db::{Arg, Row, Tx};
use pitcrew_kernel::Result;

use crate::model::{Metric, Owner};
use crate::store::runs::owned_by;
use crate::store::sql::{Key, KeyKind, KeyValue, Keyset, RowInsert, Sql};

static APPEND: RowInsert = RowInsert::new(
    "INSERT INTO tracking_points (run_no, key, at_ms, step, value, nan) VALUES",
    1,
    5,
    "ON CONFLICT DO NOTHING",
);
static LATEST: RowInsert = RowInsert::new(
    "INSERT INTO tracking_latest (run_no, experiment_id, key, at_ms, step, value, nan) VALUES",
    2,
    5,
    "ON CONFLICT (run_no, key) DO UPDATE SET at_ms = excluded.at_ms, step = excluded.step, value = excluded.value, nan = excluded.nan \
     WHERE (excluded.step, excluded.at_ms, excluded.value, excluded.nan) \
         > (tracking_latest.step, tracking_latest.at_ms, tracking_latest.value, tracking_latest.nan)",
);

/// Writes points of one run. A point that is there already changes nothing.
pub(crate) fn log(tx: &mut Tx<'_>, owner: Owner, points: &[Metric]) -> Result<()> {
    APPEND.run(tx, &[Arg::from(owner.run_no)], points, bind)?;
    match points {
        [_] => LATEST.run(tx, &owned_by(owner), points, bind)?,
        many => LATEST.run(tx, &owned_by(owner), &newest(many), |point, args| bind(point, args))?,
    };
    Ok(())
}

/// The newest of each key: one statement must not touch a row twice.
fn newest(points: &[Metric]) -> Vec<&Metric> {
    let mut newest: BTreeMap<&str, &Metric> = BTreeMap::new();
    for point in points {
        let kept = newest.entry(&point.key).or_insert(point);
        if rank(point) > rank(kept) {
            *kept = point;
        }
    }
    newest.into_values().collect()
}

/// What makes a point newer: step, then time, then value.
fn rank(point: &Metric) -> (i64, i64, f64, bool) {
    let (value, nan) = stored(point.value);
    (point.step, point.at_ms, value, nan)
}

fn bind<'a>(point: &'a Metric, args: &mut Vec<Arg<'a>>) {
    let (value, nan) = stored(point.value);
    args.extend([point.key.as_str().into(), point.at_ms.into(), point.step.into(), value.into(), nan.into()]);
}

/// Not-a-number is no value to a database: it is 0 and a mark.
pub(crate) fn stored(value: f64) -> (f64, bool) {
    if value.is_nan() { (0.0, true) } else { (value, false) }
}

/// The value of the columns `value` and `nan`.
pub(crate) fn value_at(row: &Row<'_>, value: usize) -> Result<f64> {
    Ok(if row.flag(value + 1)? { f64::NAN } else { row.float(value)? })
}

/// Up to `limit` points of a metric by time, step and value, after the place `after`.
pub(crate) fn history(
    tx: &mut Tx<'_>,
    run_no: i64,
    key: &str,
    after: Option<Vec<KeyValue>>,
    limit: usize,
) -> Result<Vec<Metric>> {
    let keys = vec![
        Key::new("at_ms", KeyKind::Int, true),
        Key::new("step", KeyKind::Int, true),
        Key::new("value", KeyKind::Float, true),
        Key::new("nan", KeyKind::Int, true),
    ];
    let keyset = Keyset { keys, after };
    let mut sql = Sql::new(tx);
    let run = sql.bind(run_no);
    let name = sql.bind(key.to_owned());
    sql.push(&format!("SELECT at_ms, step, value, nan FROM tracking_points WHERE run_no = {run} AND key = {name}"));
    if let Some(condition) = keyset.condition(&mut sql)? {
        sql.push(&format!(" AND {condition}"));
    }
    let most = sql.bind(i64::try_from(limit).unwrap_or(i64::MAX));
    sql.push(&format!(" ORDER BY {} LIMIT {most}", keyset.order()));
    tx.all(&sql.text, &sql.args, |row| Ok(Metric::new(key, value_at(row, 2)?, row.int(0)?, row.int(1)?)))
}

/// How many points each metric of a run has.
pub(crate) fn counts(tx: &mut Tx<'_>, run_no: i64) -> Result<BTreeMap<String, u64>> {
    let sql = "SELECT key, count(*) FROM tracking_points WHERE run_no = $1 GROUP BY key";
    let found = tx.all(sql, &[run_no.into()], |row| Ok((row.text(0)?, row.int(1)?)))?;
    Ok(found.into_iter().map(|(key, count)| (key, u64::try_from(count).unwrap_or(0))).collect())
}

/// Where a point stands in a history.
pub(crate) fn place(point: &Metric) -> Vec<KeyValue> {
    let (value, nan) = stored(point.value);
    vec![
        KeyValue::Int(point.at_ms),
        KeyValue::Int(point.step),
        KeyValue::Float(value.to_bits()),
        KeyValue::Int(i64::from(nan)),
    ]
}
