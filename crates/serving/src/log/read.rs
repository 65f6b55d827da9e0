//! Reading the log: from memory where it is complete, else from the files with memory on top; a stretch of any length, part by part.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use pitcrew_contracts::release::LogMark;
use pitcrew_kernel::Result;

use super::files::read_file;
use super::page::{FirstRows, Page};
use super::row::Row;
use super::{Log, blocking};
use crate::store::{self, LogFile};

/// Rows of a stretch that are held at once take about this much memory.
const PAGE_BYTES: usize = 64 << 20;
/// Files that are looked at to warm up, or to find the prediction that a late label belongs to.
pub(super) const MAX_FILES: i64 = 256;

impl Log {
    /// The rows with `span.0 <= event_time < span.1` that come after `after`, in their order: as many as are held at once.
    ///
    /// # Errors
    /// What the database and the disk can give.
    pub(crate) async fn page(&self, deployment: &str, span: (i64, i64), after: Option<&LogMark>) -> Result<Page> {
        self.page_of(deployment, span, after, PAGE_BYTES).await
    }

    async fn page_of(
        &self,
        deployment: &str,
        span: (i64, i64),
        after: Option<&LogMark>,
        budget: usize,
    ) -> Result<Page> {
        let from = after.map_or(span.0, |mark| mark.event_time.micros().max(span.0));
        // Memory before files: what leaves memory meanwhile is in a file by then.
        let (recent, complete) = self.recent_rows(deployment, from, span.1);
        if complete {
            return Ok(Page::of_sorted(recent, after, budget));
        }
        let name = deployment.to_owned();
        let files = self.db.read(move |tx| store::files(tx, &name, from, span.1)).await?;
        let (folder, mut first) = (self.shared.folder.clone(), FirstRows::new(span, after, budget));
        blocking(move || {
            // What is in memory came last.
            let newest = files.len();
            for row in recent {
                if !first.wants(row.event_time) {
                    break;
                }
                first.offer(newest, row);
            }
            offer_files(&mut first, &folder, &files)?;
            Ok(first.page())
        })
        .await
    }

    /// The rows of that stretch that are in memory, and whether that is all of them.
    fn recent_rows(&self, deployment: &str, from: i64, to: i64) -> (Vec<Arc<Row>>, bool) {
        let logs = self.shared.logs();
        match logs.get(deployment) {
            Some(log) => (log.recent.range(from, to), log.recent.covers(from)),
            None => (Vec::new(), self.shared.fresh(deployment).recent.has_all()),
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

/// Reads the files in order of time, as far as they matter; one made later takes precedence over an earlier one.
fn offer_files(first: &mut FirstRows, folder: &Path, files: &[LogFile]) -> Result<()> {
    let mut by_time: Vec<(usize, &LogFile)> = files.iter().enumerate().collect();
    by_time.sort_by_key(|(_, file)| file.min_event_time);
    for (rank, file) in by_time {
        if !first.wants(file.min_event_time) {
            break;
        }
        read_file(folder, file)?.into_iter().for_each(|row| first.offer(rank, Arc::new(row)));
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::super::row::tests::row;
    use super::super::{Entry, Log};
    use super::*;
    use crate::metrics::Metrics;
    use pitcrew_testkit::{TestDb, World};

    /// A log of `files` files and some rows in memory only, with event times in no order.
    async fn filled(db: &TestDb, folder: &Path, files: i64) -> Log {
        let world = World::new();
        let metrics = Metrics::register(&prometheus::Registry::new()).unwrap();
        let log = Log::open(folder.to_owned(), db.db.clone(), world.clock(), Arc::clone(&world.ids), metrics).unwrap();
        for file in 0..=files {
            let rows = (0..20).map(|i| row(&format!("r{file}-{i}"), (i * 7 + file * 3) % 50)).collect();
            log.append(Entry { deployment: "bikes".into(), rows });
            // What was asked again: the later answer counts.
            let again = Row { prediction: file as f64, ..row("again", 25) };
            log.append(Entry { deployment: "bikes".into(), rows: vec![again] });
            log.announce().await.unwrap();
            if file < files {
                log.roll(true).await.unwrap();
            }
        }
        log
    }

    async fn read(log: &Log, span: (i64, i64), budget: usize) -> (Vec<Arc<Row>>, usize) {
        let (mut rows, mut parts, mut after) = (Vec::new(), 0, None);
        loop {
            let page = log.page_of("bikes", span, after.as_ref(), budget).await.unwrap();
            rows.extend(page.rows);
            parts += 1;
            match page.next {
                Some(next) => after = Some(next),
                None => return (rows, parts),
            }
        }
    }

    #[tokio::test]
    async fn a_stretch_is_the_same_in_one_part_and_in_many_from_memory_and_from_files() {
        let (db, folder) = (TestDb::sqlite(&[crate::MIGRATIONS]).await, tempfile::tempdir().unwrap());
        let log = filled(&db, folder.path(), 5).await;
        let (whole, parts) = read(&log, (10, 40), usize::MAX).await;
        let again: Vec<f64> =
            whole.iter().filter(|row| &*row.request_id == "again").map(|row| row.prediction).collect();
        assert_eq!((parts, again), (1, vec![5.0]));
        let (in_parts, parts) = read(&log, (10, 40), 7 * whole[0].weight()).await;
        assert!(in_parts == whole && parts > 8, "{parts}");
        // Another process has nothing in memory.
        log.roll(true).await.unwrap();
        let other = filled(&db, folder.path(), -1).await;
        other.recover().await.unwrap();
        let (from_files, parts) = read(&other, (10, 40), 7 * whole[0].weight()).await;
        assert!(from_files == whole && parts > 8, "{parts}");
    }
}
