//! Every statement of this slice, one file per noun. Nothing else in the crate knows a column's name.

pub(crate) mod alerts;
pub(crate) mod artifacts;
pub(crate) mod columns;
pub(crate) mod copies;
pub(crate) mod drafts;
pub(crate) mod experiments;
pub(crate) mod gone;
pub(crate) mod inputs;
pub(crate) mod metrics;
pub(crate) mod models;
pub(crate) mod nested;
pub(crate) mod retention;
pub(crate) mod runs;
pub(crate) mod samples;
pub(crate) mod search;
pub(crate) mod uploads;
pub(crate) mod views;

use pitcrew_db::Tx;
pub(crate) use pitcrew_filter::sql;
use pitcrew_kernel::Result;

/// The next number of a series that starts at 1.
pub(crate) fn next_number(tx: &mut Tx<'_>, series: &str) -> Result<i64> {
    tx.one("UPDATE tracking_counters SET value = value + 1 WHERE name = $1 RETURNING value", &[series.into()], |row| {
        row.int(0)
    })
}
