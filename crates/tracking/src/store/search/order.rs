//! Orders as keys: absent entries last, not-a-number before them, then the newest first, then the id.

use std::cmp::Ordering;

use pitcrew_db::Tx;

use crate::filter::Order;
use crate::filter::runs::{Attribute, Field};
use crate::store::sql::{Key, KeyKind, KeyValue, Sql};

use super::conditions::column;

/// The keys of an order, and in `joins` what they are read from.
pub(super) fn keys(sql: &mut Sql, joins: &mut String, orders: &[Order<Field>]) -> Vec<Key> {
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

/// Which keys of this order go upwards.
pub(super) fn directions(tx: &Tx<'_>, orders: &[Order<Field>]) -> Vec<bool> {
    keys(&mut Sql::new(tx), &mut String::new(), orders).iter().map(|key| key.ascending).collect()
}

/// Which of two places comes first.
pub(super) fn compare(one: &[KeyValue], other: &[KeyValue], ascending: &[bool]) -> Ordering {
    for ((one, other), ascending) in one.iter().zip(other).zip(ascending) {
        let order = match (one, other) {
            (KeyValue::Int(one), KeyValue::Int(other)) => one.cmp(other),
            (KeyValue::Float(one), KeyValue::Float(other)) => {
                f64::from_bits(*one).partial_cmp(&f64::from_bits(*other)).unwrap_or(Ordering::Equal)
            }
            (KeyValue::Text(one), KeyValue::Text(other)) => one.cmp(other),
            _ => Ordering::Equal,
        };
        if order.is_ne() {
            return if *ascending { order } else { order.reverse() };
        }
    }
    Ordering::Equal
}

/// A small whole number, as a BIGINT in both dialects.
fn whole(expression: &str) -> Key {
    Key::new(format!("CAST({expression} AS BIGINT)"), KeyKind::Int, true)
}

fn join(sql: &mut Sql, joins: &mut String, at: usize, table: &str, name: &str) {
    let name = sql.bind(name.to_owned());
    joins.push_str(&format!(" LEFT JOIN {table} o{at} ON o{at}.run_no = r.run_no AND o{at}.key = {name}"));
}
