//! The embedded database: one writer thread that commits many commands at once, a few readers.

use std::path::Path;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use pitcrew_kernel::{Error, Result};
use rusqlite::{Connection, OpenFlags};

use crate::Arg;
use crate::engine::{Job, Outcome, Signals};
use crate::errors::from_sqlite;
use crate::row::Row;
use crate::tx::{Conn, Tx, number_placeholders};

const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
const STATEMENT_CACHE: usize = 256;
/// Most commands that share one commit: bounds the time the first of them waits.
const MAX_GROUP: usize = 512;

pub(crate) struct SqliteConn(Connection);

impl SqliteConn {
    pub(crate) fn open(path: &Path, writer: bool) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
        let flags = if writer { flags | OpenFlags::SQLITE_OPEN_CREATE } else { flags };
        let conn = Connection::open_with_flags(path, flags).map_err(from_sqlite)?;
        conn.busy_timeout(BUSY_TIMEOUT).map_err(from_sqlite)?;
        conn.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
        // FULL: a commit that was acknowledged survives power loss. Group commit makes it cheap.
        conn.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16000;",
        )
        .map_err(from_sqlite)?;
        if !writer {
            conn.execute_batch("PRAGMA query_only = ON;").map_err(from_sqlite)?;
        }
        Ok(Self(conn))
    }

    pub(crate) fn batch(&self, sql: &str) -> Result<()> {
        self.0.execute_batch(sql).map_err(from_sqlite)
    }

    fn in_transaction(&self) -> bool {
        !self.0.is_autocommit()
    }

    pub(crate) fn exec(&self, sql: &str, args: &[Arg<'_>]) -> Result<u64> {
        let mut statement = self.0.prepare_cached(&number_placeholders(sql)).map_err(from_sqlite)?;
        let touched = statement.execute(rusqlite::params_from_iter(args)).map_err(from_sqlite)?;
        Ok(touched as u64)
    }

    pub(crate) fn query(
        &self,
        sql: &str,
        args: &[Arg<'_>],
        each: &mut dyn FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut statement = self.0.prepare_cached(&number_placeholders(sql)).map_err(from_sqlite)?;
        let mut rows = statement.query(rusqlite::params_from_iter(args)).map_err(from_sqlite)?;
        while let Some(row) = rows.next().map_err(from_sqlite)? {
            each(&Row::Sqlite(row))?;
        }
        Ok(())
    }
}

/// Runs waiting commands in groups until the channel closes.
pub(crate) fn write_loop(conn: &SqliteConn, jobs: &Receiver<Box<dyn Job>>, signals: &Signals) {
    while let Ok(first) = jobs.recv() {
        let (outcomes, committed) = commit_group(conn, first, jobs);
        match committed {
            Ok(()) => {
                for outcome in outcomes {
                    signals.raise(&outcome.signals);
                    outcome.acknowledge(None);
                }
            }
            Err(error) => outcomes.into_iter().for_each(|outcome| outcome.acknowledge(Some(error.for_another()))),
        }
    }
}

fn commit_group(conn: &SqliteConn, first: Box<dyn Job>, jobs: &Receiver<Box<dyn Job>>) -> (Vec<Outcome>, Result<()>) {
    let mut outcomes = Vec::new();
    if let Err(error) = conn.batch("BEGIN IMMEDIATE") {
        return (vec![first.refuse(error)], Ok(()));
    }
    let mut next = Some(first);
    while let Some(job) = next.take() {
        let outcome = in_savepoint(conn, job);
        let failure = outcome.failure.as_ref().map(Error::for_another);
        outcomes.push(outcome);
        if let Some(error) = failure.filter(|_| !conn.in_transaction()) {
            // On a full disk SQLite may give up the transaction as a whole, and with it every command before.
            return (outcomes, Err(error));
        }
        if outcomes.len() < MAX_GROUP {
            next = jobs.try_recv().ok();
        }
    }
    let committed = conn.batch("COMMIT");
    if committed.is_err() {
        // A failed COMMIT (full disk) may leave the transaction open; a second error only means that it did not.
        let _closed = conn.batch("ROLLBACK");
    }
    (outcomes, committed)
}

fn in_savepoint(conn: &SqliteConn, job: Box<dyn Job>) -> Outcome {
    if let Err(error) = conn.batch("SAVEPOINT command") {
        return job.refuse(error);
    }
    let mut tx = Tx::new(Conn::Sqlite(conn));
    let mut outcome = job.run(&mut tx);
    if outcome.failure.is_none() {
        outcome.signals = tx.take_signals();
    }
    let end = if outcome.failure.is_none() { "RELEASE command" } else { "ROLLBACK TO command; RELEASE command" };
    match conn.batch(end) {
        Ok(()) => outcome,
        Err(error) => outcome.spoil(error),
    }
}

/// Runs one read command in a snapshot of its own.
pub(crate) fn read_one(conn: &SqliteConn, job: Box<dyn Job>) {
    if let Err(error) = conn.batch("BEGIN") {
        return job.refuse(error).acknowledge(None);
    }
    let mut tx = Tx::new(Conn::Sqlite(conn));
    let outcome = job.run(&mut tx);
    match conn.batch("COMMIT") {
        Ok(()) => outcome.acknowledge(None),
        Err(error) => outcome.acknowledge(Some(error)),
    }
}

/// Copies a live database to `target` page by page, without stopping writers.
///
/// # Errors
/// What reading and writing the files can give.
pub fn backup(source: &Path, target: &Path) -> Result<()> {
    const PAGES_PER_STEP: i32 = 1_000;
    let from = Connection::open_with_flags(source, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(from_sqlite)?;
    let mut to = Connection::open(target).map_err(from_sqlite)?;
    rusqlite::backup::Backup::new(&from, &mut to)
        .and_then(|backup| backup.run_to_completion(PAGES_PER_STEP, Duration::ZERO, None))
        .map_err(from_sqlite)
}
