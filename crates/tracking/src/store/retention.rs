//! Rules of retention, and the runs they are about.

use std::ops::Range;

use pitcrew_db::{Arg, Tx};
use pitcrew_kernel::Result;

use crate::model::{Lifecycle, RunInfo};
use crate::store::nested;
use crate::store::runs::{COLUMNS, info};

pub(crate) fn rule(tx: &mut Tx<'_>, experiment_id: i64) -> Result<Option<String>> {
    let sql = "SELECT rule FROM tracking_retention WHERE experiment_id = $1";
    tx.optional(sql, &[experiment_id.into()], |row| row.text(0))
}

pub(crate) fn set_rule(tx: &mut Tx<'_>, experiment_id: i64, rule: &str) -> Result<()> {
    tx.exec(
        "INSERT INTO tracking_retention (experiment_id, rule) VALUES ($1, $2) ON CONFLICT (experiment_id) DO UPDATE SET rule = excluded.rule",
        &[experiment_id.into(), rule.into()],
    )
    .map(drop)
}

/// Whether there was one.
pub(crate) fn remove_rule(tx: &mut Tx<'_>, experiment_id: i64) -> Result<bool> {
    let sql = "DELETE FROM tracking_retention WHERE experiment_id = $1";
    Ok(tx.exec(sql, &[experiment_id.into()])? > 0)
}

/// Which runs are looked for.
#[derive(Debug, Clone)]
pub(crate) struct Old<'a> {
    pub(crate) experiment_id: i64,
    /// Runs in use that ended before this moment, or deleted ones that were deleted before it.
    pub(crate) stage: Lifecycle,
    pub(crate) before_ms: i64,
    /// Runs with this tag are not looked for.
    pub(crate) keep_tagged: Option<&'a str>,
}

/// Old runs with numbers below `below`, the last begun first: nested runs come before those they are nested in.
pub(crate) fn old_runs(tx: &mut Tx<'_>, old: &Old<'_>, below: i64, limit: usize) -> Result<Vec<RunInfo>> {
    numbered(tx, old, i64::MIN..below, limit)
}

/// The run of this number, if it is an old one still: somebody may have tagged, moved, restored or removed it meanwhile.
pub(crate) fn still_old(tx: &mut Tx<'_>, old: &Old<'_>, run_no: i64) -> Result<Option<RunInfo>> {
    Ok(numbered(tx, old, run_no..run_no.saturating_add(1), 1)?.pop())
}

fn numbered(tx: &mut Tx<'_>, old: &Old<'_>, numbers: Range<i64>, limit: usize) -> Result<Vec<RunInfo>> {
    let age = match old.stage {
        Lifecycle::Active => "coalesce(r.end_ms, r.start_ms) <= $4 AND r.status IN ('FINISHED', 'FAILED', 'KILLED')",
        // A deleted run is as old as its deletion, whatever its status.
        Lifecycle::Deleted => "r.deleted_ms <= $4",
    };
    let sql = format!(
        "SELECT {COLUMNS} FROM tracking_runs r WHERE r.experiment_id = $1 AND r.lifecycle = $2 AND r.run_no < $3 AND r.run_no >= $7 AND {age} \
         AND NOT EXISTS (SELECT 1 FROM tracking_tags t WHERE t.run_no = r.run_no AND t.key = $5) ORDER BY r.run_no DESC LIMIT $6"
    );
    let args: [Arg<'_>; 7] = [
        old.experiment_id.into(),
        old.stage.as_str().into(),
        numbers.end.into(),
        old.before_ms.into(),
        // No tag has an empty key.
        old.keep_tagged.unwrap_or_default().into(),
        i64::try_from(limit).unwrap_or(i64::MAX).into(),
        numbers.start.into(),
    ];
    tx.all(&sql, &args, info)
}

/// The numbers of the runs nested in this one that keep it from being deleted, or from being removed for good.
pub(crate) fn nested_in(tx: &mut Tx<'_>, run_id: &str, stage: Lifecycle) -> Result<Vec<i64>> {
    match stage {
        Lifecycle::Active => nested::active_children(tx, run_id),
        Lifecycle::Deleted => Ok(nested::children(tx, run_id)?.into_iter().map(|run| run.run_no).collect()),
    }
}
