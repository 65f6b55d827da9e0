//! Files and watermarks of the inference log.

use pitcrew_db::{Row, Tx};
use pitcrew_kernel::{Result, Timestamp};

/// One Parquet file of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogFile {
    /// Relative to the log's folder.
    pub(crate) path: String,
    pub(crate) deployment: String,
    pub(crate) rows: i64,
    pub(crate) bytes: i64,
    pub(crate) min_event_time: i64,
    pub(crate) max_event_time: i64,
    /// The number of the segment it was made from.
    pub(crate) segment: i64,
}

const COLUMNS: &str =
    "SELECT path, deployment, row_count, bytes, min_event_time, max_event_time, segment FROM serving_log_files";

/// Notes a file; one that was written again after a crash replaces itself.
pub(crate) fn add_file(tx: &mut Tx<'_>, file: &LogFile, now: Timestamp) -> Result<()> {
    tx.exec(
        "INSERT INTO serving_log_files (path, deployment, row_count, bytes, min_event_time, max_event_time, segment, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (path) DO UPDATE SET row_count = excluded.row_count, bytes = excluded.bytes, \
         min_event_time = excluded.min_event_time, max_event_time = excluded.max_event_time",
        &[
            file.path.as_str().into(),
            file.deployment.as_str().into(),
            file.rows.into(),
            file.bytes.into(),
            file.min_event_time.into(),
            file.max_event_time.into(),
            file.segment.into(),
            now.into(),
        ],
    )?;
    Ok(())
}

/// The files that may hold rows with `from <= event_time < to`, in the order they were made.
pub(crate) fn files(tx: &mut Tx<'_>, deployment: &str, from: i64, to: i64) -> Result<Vec<LogFile>> {
    tx.all(
        &format!(
            "{COLUMNS} WHERE deployment = $1 AND max_event_time >= $2 AND min_event_time < $3 ORDER BY created_at, path"
        ),
        &[deployment.into(), from.into(), to.into()],
        read,
    )
}

/// Up to `limit` files with the newest event times first.
pub(crate) fn newest_files(tx: &mut Tx<'_>, deployment: &str, limit: i64) -> Result<Vec<LogFile>> {
    tx.all(
        &format!("{COLUMNS} WHERE deployment = $1 ORDER BY max_event_time DESC, path DESC LIMIT $2"),
        &[deployment.into(), limit.into()],
        read,
    )
}

fn read(row: &Row<'_>) -> Result<LogFile> {
    Ok(LogFile {
        path: row.text(0)?,
        deployment: row.text(1)?,
        rows: row.int(2)?,
        bytes: row.int(3)?,
        min_event_time: row.int(4)?,
        max_event_time: row.int(5)?,
        segment: row.int(6)?,
    })
}

/// Moves a watermark forward, never back; answers where it stands.
pub(crate) fn raise_watermark(tx: &mut Tx<'_>, deployment: &str, to: i64) -> Result<i64> {
    tx.one(
        "INSERT INTO serving_watermarks (deployment, watermark) VALUES ($1, $2) ON CONFLICT (deployment) DO UPDATE SET \
         watermark = CASE WHEN serving_watermarks.watermark < excluded.watermark THEN excluded.watermark ELSE serving_watermarks.watermark END \
         RETURNING watermark",
        &[deployment.into(), to.into()],
        |row| row.int(0),
    )
}

/// A deployment's watermark; `None` before its first prediction.
pub(crate) fn watermark(tx: &mut Tx<'_>, deployment: &str) -> Result<Option<Timestamp>> {
    tx.optional("SELECT watermark FROM serving_watermarks WHERE deployment = $1", &[deployment.into()], |row| {
        row.time(0)
    })
}

/// All watermarks, by deployment.
pub(crate) fn watermarks(tx: &mut Tx<'_>) -> Result<Vec<(String, i64)>> {
    tx.all("SELECT deployment, watermark FROM serving_watermarks ORDER BY deployment", &[], |row| {
        Ok((row.text(0)?, row.int(1)?))
    })
}

/// The deployments that have files.
pub(crate) fn deployments_with_files(tx: &mut Tx<'_>) -> Result<Vec<String>> {
    tx.all("SELECT DISTINCT deployment FROM serving_log_files ORDER BY deployment", &[], |row| row.text(0))
}

/// The greatest number a segment in the files has had.
pub(crate) fn last_segment(tx: &mut Tx<'_>) -> Result<i64> {
    tx.one("SELECT coalesce(max(segment), 0) FROM serving_log_files", &[], |row| row.int(0))
}
