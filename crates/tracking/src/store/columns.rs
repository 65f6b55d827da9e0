//! Which keys the runs of an experiment use.

use pitcrew_db::Tx;
use pitcrew_kernel::Result;

use crate::limits::{COLUMN_KEYS, COLUMN_KEYS_READ};
use crate::model::{Columns, KeyList};
use crate::store::sql::Sql;

/// The keys that begin with `prefix`.
pub(crate) fn of(tx: &mut Tx<'_>, experiment_id: i64, prefix: &str) -> Result<Columns> {
    let mut list = |table| keys(tx, table, experiment_id, prefix);
    Ok(Columns { metrics: list("tracking_latest")?, params: list("tracking_params")?, tags: list("tracking_tags")? })
}

/// Jumps from key to key through the index that begins with experiment and key: what it costs follows the keys, not the runs.
///
/// Where keys with the prefix end is not asked of the database, since a PostgreSQL may sort texts as a language does.
fn keys(tx: &mut Tx<'_>, table: &str, experiment_id: i64, prefix: &str) -> Result<KeyList> {
    let mut sql = Sql::new(tx);
    let experiment = sql.bind(experiment_id);
    let beginning = sql.bind(prefix.to_owned());
    let most = sql.bind(i64::try_from(COLUMN_KEYS_READ).unwrap_or(i64::MAX));
    let next = |beyond: &str| {
        format!(
            "SELECT t.key FROM {table} t WHERE t.experiment_id = {experiment} AND t.key {beyond} ORDER BY t.key LIMIT 1"
        )
    };
    let (first, then) = (next(&format!(">= {beginning}")), next("> k.key"));
    // Rows of a run that is still coming in, or that was removed for good and not yet emptied, are nobody's. PostgreSQL would answer EXISTS by
    // reading all rows of the experiment into a set; one row it looks up.
    let seen = format!(
        "SELECT 1 FROM {table} t CROSS JOIN tracking_runs r WHERE t.experiment_id = {experiment} AND t.key = k.key AND r.run_no = t.run_no LIMIT 1"
    );
    sql.push(&format!(
        "WITH RECURSIVE k (key) AS (SELECT ({first}) UNION ALL SELECT ({then}) FROM k WHERE k.key IS NOT NULL) \
         SELECT k.key, CAST(CASE WHEN ({seen}) IS NULL THEN 0 ELSE 1 END AS BIGINT) FROM k WHERE k.key IS NOT NULL LIMIT {most}"
    ));
    let read = tx.all(&sql.text, &sql.args, |row| Ok((row.text(0)?, row.flag(1)?)))?;
    let mut truncated = read.len() == COLUMN_KEYS_READ;
    let seen = read.into_iter().filter(|(key, seen)| *seen && key.starts_with(prefix));
    let mut keys: Vec<String> = seen.map(|(key, _)| key).collect();
    keys.sort_unstable();
    truncated |= keys.len() > COLUMN_KEYS;
    keys.truncate(COLUMN_KEYS);
    Ok(KeyList { keys, truncated })
}
