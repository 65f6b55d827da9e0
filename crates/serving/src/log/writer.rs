//! The one thread that appends to segments.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use pitcrew_contracts::release::Role;
use pitcrew_kernel::{Error, Result};

use super::recent::RECENT_ROWS;
use super::row::{Columns, Entry, Row, Status};
use super::segment::Segment;
use super::{Advance, DeploymentLog, QUEUE_REQUESTS, Shared};
use crate::model::ArmKind;

/// Rows in memory that no Parquet file holds yet may be this many; beyond it the disk is out of order and rows are dropped.
const MAX_UNROLLED_ROWS: usize = 3 * RECENT_ROWS;
/// Requests written together.
const BATCH: usize = 512;

/// What the writer is told.
#[derive(Debug)]
pub(super) enum Message {
    /// Append these rows, which weigh so many bytes.
    Rows(Entry, usize),
    /// Look whether segments are to be closed. For a writer that waits; one that works looks by itself.
    Wake,
}

/// Starts the thread. It ends when the sender is dropped.
pub(super) fn start(shared: Arc<Shared>) -> Result<SyncSender<Message>> {
    let (sender, receiver) = sync_channel(QUEUE_REQUESTS);
    std::thread::Builder::new()
        .name("inference-log".to_owned())
        .spawn(move || run(&shared, &receiver))
        .map(|_thread| sender)
        .map_err(|source| Error::internal("the inference log's writer cannot start", source))
}

fn run(shared: &Shared, receiver: &Receiver<Message>) {
    while let Ok(first) = receiver.recv() {
        let mut entries = Vec::new();
        let mut next = Some(first);
        while let Some(message) = next {
            if let Message::Rows(entry, bytes) = message {
                entries.push((entry, bytes));
            }
            next = if entries.len() < BATCH { receiver.try_recv().ok() } else { None };
        }
        let requests = entries.len() as u64;
        write(shared, &mut entries);
        shared.written.fetch_add(requests, Ordering::AcqRel);
        let wanted = shared.close_wanted.load(Ordering::Acquire);
        if shared.closes.load(Ordering::Acquire) < wanted {
            close_all(shared);
            shared.closes.store(wanted, Ordering::Release);
        }
        shared.progress.notify_waiters();
    }
}

fn write(shared: &Shared, entries: &mut Vec<(Entry, usize)>) {
    if entries.is_empty() {
        return;
    }
    let (requests, bytes) = (entries.len(), entries.iter().map(|(_, bytes)| bytes).sum::<usize>());
    // One write for each deployment in the batch; order within a deployment is kept.
    let mut groups: Vec<(Arc<str>, Vec<Row>)> = Vec::new();
    for (entry, _) in entries.drain(..) {
        match groups.iter_mut().find(|(name, _)| *name == entry.deployment) {
            Some((_, rows)) => rows.extend(entry.rows),
            None => groups.push((entry.deployment, entry.rows)),
        }
    }
    for (deployment, rows) in groups {
        let count = rows.len() as u64;
        if let Err(error) = append(shared, &deployment, rows) {
            shared.metrics.log_dropped(count);
            if !shared.ailing.swap(true, Ordering::Relaxed) {
                tracing::error!(%deployment, error = ?error, "predictions cannot be logged; serving goes on without");
            }
        } else if shared.ailing.swap(false, Ordering::Relaxed) {
            tracing::info!(%deployment, "predictions are logged again");
        }
    }
    shared.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
    let left = shared.queued.fetch_sub(requests, Ordering::AcqRel) - requests;
    shared.metrics.log_queued(left);
}

fn append(shared: &Shared, deployment: &Arc<str>, rows: Vec<Row>) -> Result<()> {
    let mut logs = shared.logs();
    let log = logs.entry(Arc::clone(deployment)).or_insert_with(|| shared.fresh(deployment));
    if log.recent.len() + rows.len() > MAX_UNROLLED_ROWS {
        return Err(Error::unavailable("DISK_FULL", "too many predictions wait to be put into files"));
    }
    let mut segment = match log.segment.take() {
        Some(segment) => segment,
        None => Segment::create(&shared.folder, deployment, shared.next_segment(), shared.clock.now())?,
    };
    let written = segment.append(&rows);
    let number = segment.number;
    if segment.is_done() {
        close(shared, deployment, &segment);
    } else {
        log.segment = Some(segment);
    }
    written.map_err(|source| Error::internal("appending to the inference log failed", source))?;
    for row in rows {
        take_in(log, Arc::new(row), number);
    }
    Ok(())
}

fn close_all(shared: &Shared) {
    let mut logs = shared.logs();
    for (deployment, log) in logs.iter_mut() {
        if let Some(segment) = log.segment.take() {
            close(shared, deployment, &segment);
        }
    }
}

fn close(shared: &Shared, deployment: &Arc<str>, segment: &Segment) {
    if let Err(error) = segment.sync() {
        tracing::warn!(%deployment, error = ?error, "a log segment cannot be synced");
    }
    shared.closed().push((Arc::clone(deployment), segment.number));
}

/// A row that is in a segment becomes visible.
pub(super) fn take_in(log: &mut DeploymentLog, row: Arc<Row>, segment: u64) {
    let predictions = i64::from(row.role == Role::Served);
    let one = Advance { from: row.event_time, to: row.event_time, predictions };
    log.advance = Some(log.advance.map_or(one, |before| before.with(one)));
    log.watermark = Some(log.watermark.map_or(row.event_time, |before| before.max(row.event_time)));
    log.recent.insert(row, segment);
}

/// A row to compare with in searches.
pub(super) fn probe() -> Arc<Row> {
    Arc::new(Row {
        request_id: "".into(),
        event_time: 0,
        at: 0,
        version: 0,
        arm: ArmKind::Champion,
        role: Role::Served,
        status: Status::Ok,
        latency_us: 0,
        prediction: 0.0,
        features: [].into(),
        columns: Arc::new(Columns::default()),
    })
}

#[cfg(test)]
mod tests {
    use super::super::files::segment_path;
    use super::super::record::decode;
    use super::super::row::tests::row;
    use super::super::segment::tests::spoil;
    use super::*;
    use crate::metrics::Metrics;
    use pitcrew_kernel::{FakeClock, Timestamp};

    #[test]
    fn after_a_write_that_cannot_be_taken_back_a_new_segment_begins() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(FakeClock::at(Timestamp::from_micros(7)));
        let metrics = Metrics::register(&prometheus::Registry::new()).unwrap();
        let shared = Shared::new(folder.path().to_owned(), clock, metrics);
        let deployment: Arc<str> = "bikes".into();
        append(&shared, &deployment, vec![row("a", 1)]).unwrap();
        let damaged = {
            let mut logs = shared.logs();
            let segment = logs.get_mut(&deployment).unwrap().segment.as_mut().unwrap();
            spoil(segment, folder.path());
            segment.number
        };
        append(&shared, &deployment, vec![row("b", 2)]).unwrap_err();
        append(&shared, &deployment, vec![row("c", 3)]).unwrap();
        assert_eq!(*shared.closed(), [(Arc::clone(&deployment), damaged)], "on its way to Parquet with what it has");
        let open = shared.logs()[&deployment].segment.as_ref().unwrap().number;
        let rows = |number| decode(&std::fs::read(segment_path(folder.path(), "bikes", number)).unwrap()).0;
        assert_eq!((rows(damaged), rows(open)), (vec![row("a", 1)], vec![row("c", 3)]));
        assert_eq!(shared.logs()[&deployment].recent.range(0, 9).len(), 2);
    }
}
