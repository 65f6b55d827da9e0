//! Reading the log: from memory where it is complete, else from the files with memory on top.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use pitcrew_kernel::{Error, Result};

use super::files::read_file;
use super::row::Row;
use super::{Log, blocking};
use crate::store::{self, LogFile};

/// Rows read from files at once.
const MAX_READ_ROWS: i64 = 1_000_000;
/// Files that are looked at to warm up, or to find the prediction that a late label belongs to.
pub(super) const MAX_FILES: i64 = 256;

impl Log {
    /// The rows with `from <= event_time < to`, in their order.
    ///
    /// # Errors
    /// What the database and the disk can give.
    pub(crate) async fn rows(&self, deployment: &str, from: i64, to: i64) -> Result<Vec<Arc<Row>>> {
        if let Some(rows) = self.in_memory(deployment, from, to) {
            return Ok(rows);
        }
        let name = deployment.to_owned();
        let files = self.db.read(move |tx| store::files(tx, &name, from, to)).await?;
        let stored: i64 = files.iter().map(|file| file.rows).sum();
        if stored > MAX_READ_ROWS {
            return Err(Error::too_large(
                "SERVING_LOG_TOO_LARGE",
                format!("this stretch of the log holds {stored} predictions in files; at most {MAX_READ_ROWS} are read at once"),
            )
            .hint("ask for a shorter stretch, or read the Parquet files with a query engine"));
        }
        let folder = self.shared.folder.clone();
        let stored = blocking(move || read_all(&folder, &files)).await?;
        let recent = self.recent_rows(deployment, from, to);
        let mut merged: BTreeMap<(i64, Arc<str>, u8), Arc<Row>> = BTreeMap::new();
        let in_range = |row: &Arc<Row>| from <= row.event_time && row.event_time < to;
        for row in stored.into_iter().map(Arc::new).filter(in_range).chain(recent) {
            let (time, id, role) = row.key();
            merged.insert((time, id.into(), role), row);
        }
        Ok(merged.into_values().collect())
    }

    /// The rows of that stretch that are in memory, complete or not.
    pub(crate) fn recent_rows(&self, deployment: &str, from: i64, to: i64) -> Vec<Arc<Row>> {
        self.shared.logs().get(deployment).map(|log| log.recent.range(from, to)).unwrap_or_default()
    }

    fn in_memory(&self, deployment: &str, from: i64, to: i64) -> Option<Vec<Arc<Row>>> {
        let logs = self.shared.logs();
        match logs.get(deployment) {
            Some(log) => log.recent.covers(from).then(|| log.recent.range(from, to)),
            None => self.shared.fresh(deployment).recent.has_all().then(Vec::new),
        }
    }

    /// The event times of these requests, as far as they are known. `hints` are event times told with the requests.
    ///
    /// # Errors
    /// What the database and the disk can give.
    pub(crate) async fn event_times(
        &self,
        deployment: &str,
        requests: &[(String, Option<i64>)],
    ) -> Result<Vec<Option<i64>>> {
        let (mut times, complete) = {
            let logs = self.shared.logs();
            let log = logs.get(deployment);
            let time = |id: &str| log.and_then(|log| log.recent.event_time(id));
            let times: Vec<Option<i64>> = requests.iter().map(|(id, _)| time(id)).collect();
            let all = log.map_or_else(|| self.shared.fresh(deployment).recent.has_all(), |log| log.recent.has_all());
            (times, all)
        };
        let missing: Vec<usize> = (0..times.len()).filter(|at| times[*at].is_none()).collect();
        if complete || missing.is_empty() {
            return Ok(times);
        }
        let name = deployment.to_owned();
        let files = self.db.read(move |tx| store::newest_files(tx, &name, MAX_FILES)).await?;
        let mut wanted: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        missing.iter().for_each(|at| wanted.entry(requests[*at].0.clone()).or_default().push(*at));
        // Told event times spare most files; one request without spares none.
        let hints: Option<Vec<i64>> = missing.iter().map(|at| requests[*at].1).collect();
        let folder = self.shared.folder.clone();
        let found = blocking(move || find(&folder, &files, wanted, hints.as_deref())).await?;
        found.into_iter().for_each(|(at, time)| times[at] = Some(time));
        Ok(times)
    }
}

fn read_all(folder: &Path, files: &[LogFile]) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for file in files {
        rows.extend(read_file(folder, file)?);
    }
    Ok(rows)
}

fn find(
    folder: &Path,
    files: &[LogFile],
    mut wanted: BTreeMap<String, Vec<usize>>,
    hints: Option<&[i64]>,
) -> Result<Vec<(usize, i64)>> {
    let mut found = Vec::new();
    let worth = |file: &&LogFile| {
        hints.is_none_or(|hints| hints.iter().any(|t| (file.min_event_time..=file.max_event_time).contains(t)))
    };
    for file in files.iter().filter(worth) {
        if wanted.is_empty() {
            break;
        }
        for row in read_file(folder, file)? {
            if let Some(places) = wanted.remove(&*row.request_id) {
                found.extend(places.into_iter().map(|at| (at, row.event_time)));
            }
        }
    }
    Ok(found)
}

/// Rows of the newest files, about `limit` of them, and from which event time on nothing is missing. `all` says that `files` are all there are.
pub(super) fn newest_rows(folder: &Path, files: &[LogFile], limit: usize, all: bool) -> Result<(Vec<Row>, i64)> {
    let mut rows = Vec::new();
    for (at, file) in files.iter().enumerate() {
        if rows.len() >= limit {
            // Files come by their latest event time: what is left ends at this one's.
            return Ok((rows, files[at].max_event_time.saturating_add(1)));
        }
        rows.extend(read_file(folder, file)?);
    }
    let from = if all { i64::MIN } else { files.last().map_or(i64::MIN, |file| file.max_event_time.saturating_add(1)) };
    Ok((rows, from))
}
