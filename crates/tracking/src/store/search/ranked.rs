//! Runs in the order of a metric, from its index: first those with a number, then those with not-a-number, then those without the metric.
//! Each part is read only if the page is not full before it, and only if the filter lets any of its runs through.

use pitcrew_db::Tx;
use pitcrew_kernel::Result;

use crate::filter::runs::Field;
use crate::filter::syntax::Op;
use crate::filter::{Clause, Expression, Order, Test};
use crate::model::RunInfo;
use crate::store::sql::{Key, KeyKind, KeyValue, Keyset, page_invalid};

use super::conditions::Entries;
use super::{Draft, Place, Query, order};

/// What a run has in the metric. The numbers are those of the key that [`order::keys`] puts first.
const NUMBER: i64 = 0;
const NOT_A_NUMBER: i64 = 1;
const ABSENT: i64 = 2;

/// The metric that comes first in the order, if one does.
pub(super) fn metric<'q>(query: &'q Query<'_>) -> Option<(&'q str, bool)> {
    match query.orders.first() {
        Some(Order { field: Field::Metric(name), ascending }) => Some((name, *ascending)),
        _ => None,
    }
}

/// One page of them.
pub(super) fn runs(
    tx: &mut Tx<'_>,
    query: &Query<'_>,
    (metric, ascending): (&str, bool),
    sets: &[&Clause<Field>],
) -> Result<Vec<(RunInfo, Place)>> {
    let (begun, mut after) = match query.after.as_deref() {
        None => (NUMBER, None),
        Some([KeyValue::Int(part @ NUMBER..=ABSENT), KeyValue::Float(value), rest @ ..]) => {
            let value = (*part == NUMBER).then_some(KeyValue::Float(*value));
            (*part, Some(value.into_iter().chain(rest.iter().cloned()).collect::<Place>()))
        }
        Some(_) => return Err(page_invalid()),
    };
    let mut found = Vec::new();
    for part in begun..=most(query.scope.filter, metric) {
        let limit = query.limit - found.len();
        if limit == 0 {
            break;
        }
        found.extend(part_of(tx, query, (metric, ascending), sets, (part, after.take(), limit))?);
    }
    Ok(found)
}

/// The last part of which runs can pass the filter.
fn most(filter: &Expression<Clause<Field>>, metric: &str) -> i64 {
    let tests =
        filter.required().into_iter().filter(|clause| matches!(&clause.field, Field::Metric(key) if key == metric));
    tests
        .map(|clause| if matches!(clause.test, Test::Number(Op::Ne, _)) { NOT_A_NUMBER } else { NUMBER })
        .min()
        .unwrap_or(ABSENT)
}

fn part_of(
    tx: &mut Tx<'_>,
    query: &Query<'_>,
    (metric, ascending): (&str, bool),
    sets: &[&Clause<Field>],
    (part, after, limit): (i64, Option<Place>, usize),
) -> Result<Vec<(RunInfo, Place)>> {
    let driver = (part != ABSENT).then_some(Entries::Metric(metric));
    let mut draft = Draft::new(tx, driver, sets.to_vec());
    let mut keys = order::keys(&mut draft.sql, &mut draft.joins, query.orders.get(1..).unwrap_or_default());
    // What every run of the part has in common is put before the keys that are read.
    let mut shared = vec![KeyValue::Int(part)];
    if part == NUMBER {
        keys.insert(0, Key::new("d.value", KeyKind::Float, ascending));
    } else {
        shared.push(KeyValue::Float(0.0f64.to_bits()));
    }
    draft.conditions.push(if driver.is_some() {
        format!("d.nan = {part}")
    } else {
        let name = draft.sql.bind(metric.to_owned());
        format!("NOT EXISTS (SELECT 1 FROM tracking_latest m WHERE m.run_no = r.run_no AND m.key = {name})")
    });
    let found = draft.rows(tx, &query.scope, &Keyset { keys, after }, limit)?;
    Ok(found.into_iter().map(|(run, place)| (run, shared.iter().cloned().chain(place).collect())).collect())
}
