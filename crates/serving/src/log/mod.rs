//! The inference log: every prediction, from a bounded queue to segment files, from there to Parquet, with the recent rows in memory.
//!
//! A request hands its rows to a queue and goes on; a full queue drops them and counts it. One thread appends them to the open segment of
//! their deployment, so a killed process loses what was in the queue and nothing else. [`Log::announce`] then tells the tables and the
//! rest of Pitcrew how far the log has come: one event for each deployment and batch. Segments that are big or old enough become Parquet
//! files; what an earlier process left behind does so at the start.

mod files;
mod page;
mod read;
mod recent;
mod record;
mod row;
mod segment;
mod writer;

pub use files::open_segments;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pitcrew_contracts::release::LogAdvanced;
use pitcrew_db::{Db, Outgoing};
use pitcrew_kernel::{Clock, Ctx, Error, Ids, Result, Timestamp};

pub(crate) use recent::ARRIVALS;
#[cfg(test)]
pub(crate) use row::tests;
pub(crate) use row::{Columns, Entry, Row, Status};

use crate::metrics::Metrics;
use crate::store;
use recent::{RECENT_ROWS, Recent};
use segment::Segment;
use writer::Message;

/// Requests that may wait for the writer. Beyond that their rows are dropped and counted.
pub(crate) const QUEUE_REQUESTS: usize = 8_192;
/// Bytes that may wait for the writer.
pub(crate) const QUEUE_BYTES: usize = 64 << 20;

/// What happened to a deployment's log since it was last announced.
#[derive(Debug, Clone, Copy)]
struct Advance {
    from: i64,
    to: i64,
    predictions: i64,
}

impl Advance {
    fn with(self, other: Self) -> Self {
        Self {
            from: self.from.min(other.from),
            to: self.to.max(other.to),
            predictions: self.predictions + other.predictions,
        }
    }
}

/// The log of one deployment.
#[derive(Debug)]
struct DeploymentLog {
    recent: Recent,
    segment: Option<Segment>,
    advance: Option<Advance>,
    watermark: Option<i64>,
}

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    logs: Mutex<HashMap<Arc<str>, DeploymentLog>>,
    /// Closed segments on their way to Parquet.
    closed: Mutex<Vec<(Arc<str>, u64)>>,
    /// Whether the tables say that there is no file yet: then memory is complete from the start.
    with_files: Mutex<std::collections::HashSet<String>>,
    queued: AtomicUsize,
    queued_bytes: AtomicUsize,
    /// Requests ever handed to the writer, and ever written by it.
    handed: AtomicU64,
    written: AtomicU64,
    /// How often segments were asked to be closed, and up to which asking they were.
    close_wanted: AtomicU64,
    closes: AtomicU64,
    /// Told after each batch.
    progress: tokio::sync::Notify,
    last_segment: AtomicU64,
    ailing: AtomicBool,
}

impl Shared {
    fn new(folder: PathBuf, clock: Arc<dyn Clock>, metrics: Metrics) -> Self {
        Self {
            folder,
            clock,
            metrics,
            logs: Mutex::default(),
            closed: Mutex::default(),
            with_files: Mutex::default(),
            queued: AtomicUsize::new(0),
            queued_bytes: AtomicUsize::new(0),
            handed: AtomicU64::new(0),
            written: AtomicU64::new(0),
            close_wanted: AtomicU64::new(0),
            closes: AtomicU64::new(0),
            progress: tokio::sync::Notify::new(),
            last_segment: AtomicU64::new(0),
            ailing: AtomicBool::new(false),
        }
    }

    fn logs(&self) -> MutexGuard<'_, HashMap<Arc<str>, DeploymentLog>> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn closed(&self) -> MutexGuard<'_, Vec<(Arc<str>, u64)>> {
        self.closed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fresh(&self, deployment: &str) -> DeploymentLog {
        let has_files = self.with_files.lock().unwrap_or_else(PoisonError::into_inner).contains(deployment);
        DeploymentLog {
            recent: Recent::new(!has_files, writer::probe()),
            segment: None,
            advance: None,
            watermark: None,
        }
    }

    /// A number that no segment has had: the time, or one more than the last.
    fn next_segment(&self) -> u64 {
        let now = u64::try_from(self.clock.now().micros()).unwrap_or(0);
        let last = self.last_segment.fetch_max(now, Ordering::Relaxed);
        if now > last { now } else { self.last_segment.fetch_add(1, Ordering::Relaxed) + 1 }
    }
}

/// The inference log of a server.
#[derive(Debug)]
pub(crate) struct Log {
    shared: Arc<Shared>,
    db: Db,
    ids: Arc<dyn Ids>,
    queue: SyncSender<Message>,
    /// One announcement and one roll at a time.
    turn: tokio::sync::Mutex<()>,
}

impl Log {
    /// Opens the log in `folder` and starts its writer thread, which ends with the log.
    ///
    /// # Errors
    /// `INTERNAL` when the thread cannot start.
    pub(crate) fn open(
        folder: PathBuf,
        db: Db,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        metrics: Metrics,
    ) -> Result<Self> {
        let shared = Arc::new(Shared::new(folder, clock, metrics));
        let queue = writer::start(Arc::clone(&shared))?;
        Ok(Self { shared, db, ids, queue, turn: tokio::sync::Mutex::default() })
    }

    /// Hands rows to the writer. Never waits: what does not fit is dropped and counted.
    pub(crate) fn append(&self, entry: Entry) {
        let rows = entry.rows.len() as u64;
        let bytes: usize = entry.rows.iter().map(Row::weight).sum();
        if self.shared.queued_bytes.load(Ordering::Relaxed) + bytes > QUEUE_BYTES {
            self.shared.metrics.log_dropped(rows);
            return;
        }
        self.shared.queued.fetch_add(1, Ordering::AcqRel);
        self.shared.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        match self.queue.try_send(Message::Rows(entry, bytes)) {
            Ok(()) => {
                self.shared.handed.fetch_add(1, Ordering::AcqRel);
                self.shared.metrics.log_queued(self.shared.queued.load(Ordering::Relaxed));
            }
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.shared.queued.fetch_sub(1, Ordering::AcqRel);
                self.shared.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
                self.shared.metrics.log_dropped(rows);
            }
        }
    }

    /// Requests whose rows are not in a segment yet.
    pub(crate) fn waiting(&self) -> usize {
        self.shared.queued.load(Ordering::Acquire)
    }

    /// Waits until everything handed in before is in a segment; with `close`, until the segments are closed too. What is handed in
    /// meanwhile does not prolong it.
    async fn drain(&self, close: bool) {
        let handed = self.shared.handed.load(Ordering::Acquire);
        let closes = if close { self.shared.close_wanted.fetch_add(1, Ordering::AcqRel) + 1 } else { 0 };
        if close {
            // A full queue means a writer that works, and looks by itself.
            let _full = self.queue.try_send(Message::Wake);
        }
        loop {
            let progress = self.shared.progress.notified();
            tokio::pin!(progress);
            progress.as_mut().enable();
            let written = self.shared.written.load(Ordering::Acquire) >= handed;
            if written && self.shared.closes.load(Ordering::Acquire) >= closes {
                return;
            }
            progress.await;
        }
    }

    /// Puts what is queued into segments and tells how far the log has come. Cheap when nothing happened.
    ///
    /// # Errors
    /// What the database can give; it is told again next time.
    pub(crate) async fn announce(&self) -> Result<()> {
        let _turn = self.turn.lock().await;
        if self.waiting() > 0 {
            self.drain(false).await;
        }
        let advances: BTreeMap<String, (Advance, i64)> = self
            .shared
            .logs()
            .iter_mut()
            .filter_map(|(name, log)| {
                let advance = log.advance.take()?;
                Some((name.to_string(), (advance, log.watermark.unwrap_or(advance.to))))
            })
            .collect();
        if advances.is_empty() {
            return Ok(());
        }
        let (ids, clock, told) = (Arc::clone(&self.ids), Arc::clone(&self.shared.clock), advances.clone());
        let written = self
            .db
            .write(move |tx| {
                let ctx = Ctx::system("serving");
                for (name, (advance, watermark)) in told {
                    let watermark = store::raise_watermark(tx, &name, watermark)?;
                    let event = LogAdvanced {
                        deployment: name.parse()?,
                        from: Timestamp::from_micros(advance.from),
                        to: Timestamp::from_micros(advance.to),
                        watermark: Timestamp::from_micros(watermark),
                        predictions: advance.predictions,
                        labels: 0,
                    };
                    tx.emit(Outgoing { ctx: &ctx, ids: ids.as_ref(), clock: clock.as_ref() }, &event)?;
                }
                Ok(())
            })
            .await;
        if written.is_err() {
            let mut logs = self.shared.logs();
            for (name, (advance, _)) in advances {
                if let Some(log) = logs.get_mut(name.as_str()) {
                    log.advance = Some(log.advance.map_or(advance, |newer| newer.with(advance)));
                }
            }
        }
        written
    }

    /// Takes in what an earlier process left: watermarks, and segments that were never rolled. Call it before the first prediction.
    ///
    /// # Errors
    /// What the database and the disk can give.
    pub(crate) async fn recover(&self) -> Result<()> {
        let (marks, with_files, last) = self
            .db
            .read(|tx| Ok((store::watermarks(tx)?, store::deployments_with_files(tx)?, store::last_segment(tx)?)))
            .await?;
        // A clock that was set back must not give a segment the number, and so the files the name, of an older one.
        self.shared.last_segment.fetch_max(u64::try_from(last).unwrap_or(0), Ordering::Relaxed);
        self.shared.with_files.lock().unwrap_or_else(PoisonError::into_inner).extend(with_files);
        {
            let mut logs = self.shared.logs();
            for (name, watermark) in marks {
                let log = self.shared.fresh(&name);
                logs.entry(name.into()).or_insert(log).watermark = Some(watermark);
            }
        }
        let folder = self.shared.folder.clone();
        let (leftovers, aside) =
            blocking(move || Ok((files::leftovers(&folder)?, files::kept_aside(&folder)?))).await?;
        // Nor that of one that was kept aside: its name is taken.
        let aside = aside.into_iter().map(|(_, number)| number).max().unwrap_or(0);
        self.shared.last_segment.fetch_max(aside, Ordering::Relaxed);
        for (deployment, number) in leftovers {
            self.shared.last_segment.fetch_max(number, Ordering::Relaxed);
            let rows = self.roll_one(&deployment, number).await?;
            let mut logs = self.shared.logs();
            let log = logs.entry(deployment.as_str().into()).or_insert_with(|| self.shared.fresh(&deployment));
            for row in rows {
                writer::take_in(log, Arc::new(row), number);
            }
        }
        self.announce().await
    }

    /// Fills the memory from the newest files, so that the recent past is read without the disk.
    ///
    /// # Errors
    /// What the database and the disk can give.
    pub(crate) async fn warm_up(&self) -> Result<()> {
        let names = self.shared.with_files.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for name in names {
            let key = name.clone();
            let newest = self.db.read(move |tx| store::newest_files(tx, &key, read::MAX_FILES)).await?;
            let all = newest.len() < read::MAX_FILES as usize;
            let folder = self.shared.folder.clone();
            let (rows, complete_from) = blocking(move || read::newest_rows(&folder, &newest, RECENT_ROWS, all)).await?;
            let mut logs = self.shared.logs();
            let log = logs.entry(name.as_str().into()).or_insert_with(|| self.shared.fresh(&name));
            log.recent.restore(rows, complete_from);
        }
        Ok(())
    }

    /// Turns closed segments into Parquet files, and open ones that are old enough; with `all`, every open one.
    ///
    /// # Errors
    /// What the database and the disk can give; it is tried again next time.
    pub(crate) async fn roll(&self, all: bool) -> Result<()> {
        let _turn = self.turn.lock().await;
        let now = self.shared.clock.now();
        let due = self.shared.logs().values().any(|log| log.segment.as_ref().is_some_and(|open| open.is_old(now)));
        if all || due {
            self.drain(true).await;
        }
        loop {
            let Some((deployment, number)) = self.shared.closed().first().cloned() else { return Ok(()) };
            self.roll_one(&deployment, number).await?;
            self.shared.closed().retain(|closed| *closed != (Arc::clone(&deployment), number));
            if let Some(log) = self.shared.logs().get_mut(&deployment) {
                log.recent.evict(RECENT_ROWS, number);
            }
        }
    }

    async fn roll_one(&self, deployment: &str, number: u64) -> Result<Vec<Row>> {
        let (folder, name) = (self.shared.folder.clone(), deployment.to_owned());
        let rolled = blocking(move || files::roll(&folder, &name, number)).await?;
        let (written, damaged, now) = (rolled.files, rolled.damaged, self.shared.clock.now());
        self.db.write(move |tx| written.iter().try_for_each(|file| store::add_file(tx, file, now))).await?;
        let (folder, name) = (self.shared.folder.clone(), deployment.to_owned());
        blocking(move || files::put_away(&folder, &name, number, damaged)).await?;
        Ok(rolled.rows)
    }

    /// The latest event time predicted for.
    pub(crate) fn watermark(&self, deployment: &str) -> Option<Timestamp> {
        self.shared.logs().get(deployment)?.watermark.map(Timestamp::from_micros)
    }

    /// The latest predictions to arrive, newest first.
    pub(crate) fn latest(&self, deployment: &str, limit: usize) -> Vec<Arc<Row>> {
        self.shared.logs().get(deployment).map(|log| log.recent.latest(limit)).unwrap_or_default()
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|source| Error::internal("work on the inference log did not finish", source))?
}
