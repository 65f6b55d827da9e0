//! Runs that come in by parts: nobody sees them before they are whole.

use pitcrew_db::Tx;
use pitcrew_kernel::Result;

use crate::model::Owner;

/// A run under way into the database.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) run_id: String,
    pub(crate) run_no: i64,
    pub(crate) experiment_id: i64,
    pub(crate) artifact_uri: String,
    /// What the run is, as whoever brings it wrote it.
    pub(crate) head: String,
}

impl Draft {
    pub(crate) fn owner(&self) -> Owner {
        Owner { run_no: self.run_no, experiment_id: self.experiment_id }
    }
}

pub(crate) fn insert(tx: &mut Tx<'_>, draft: &Draft, now_ms: i64) -> Result<()> {
    tx.exec(
        "INSERT INTO tracking_drafts (run_id, run_no, experiment_id, artifact_uri, head, touched_ms) VALUES ($1, $2, $3, $4, $5, $6)",
        &[
            (&draft.run_id).into(),
            draft.run_no.into(),
            draft.experiment_id.into(),
            (&draft.artifact_uri).into(),
            (&draft.head).into(),
            now_ms.into(),
        ],
    )
    .map(drop)
}

pub(crate) fn by_id(tx: &mut Tx<'_>, run_id: &str) -> Result<Option<Draft>> {
    tx.optional(
        "SELECT run_id, run_no, experiment_id, artifact_uri, head FROM tracking_drafts WHERE run_id = $1",
        &[run_id.into()],
        |row| {
            Ok(Draft {
                run_id: row.text(0)?,
                run_no: row.int(1)?,
                experiment_id: row.int(2)?,
                artifact_uri: row.text(3)?,
                head: row.text(4)?,
            })
        },
    )
}

/// Somebody goes on with it; false when it is not there any more.
pub(crate) fn touch(tx: &mut Tx<'_>, run_no: i64, now_ms: i64) -> Result<bool> {
    let sql = "UPDATE tracking_drafts SET touched_ms = $1 WHERE run_no = $2";
    Ok(tx.exec(sql, &[now_ms.into(), run_no.into()])? > 0)
}

pub(crate) fn set_head(tx: &mut Tx<'_>, run_no: i64, head: &str) -> Result<()> {
    tx.exec("UPDATE tracking_drafts SET head = $1 WHERE run_no = $2", &[head.into(), run_no.into()]).map(drop)
}

pub(crate) fn remove(tx: &mut Tx<'_>, run_no: i64) -> Result<bool> {
    Ok(tx.exec("DELETE FROM tracking_drafts WHERE run_no = $1", &[run_no.into()])? > 0)
}

/// Those that nobody has gone on with since `before_ms`, some of them: number and address of the artifacts.
pub(crate) fn left_since(tx: &mut Tx<'_>, before_ms: i64, limit: usize) -> Result<Vec<(i64, String)>> {
    tx.all(
        "SELECT run_no, artifact_uri FROM tracking_drafts WHERE touched_ms <= $1 ORDER BY touched_ms LIMIT $2",
        &[before_ms.into(), i64::try_from(limit).unwrap_or(i64::MAX).into()],
        |row| Ok((row.int(0)?, row.text(1)?)),
    )
}

/// When the oldest of them was gone on with last.
pub(crate) fn oldest(tx: &mut Tx<'_>) -> Result<Option<i64>> {
    tx.one("SELECT min(touched_ms) FROM tracking_drafts", &[], |row| row.opt_int(0))
}
