//! The handle everyone holds, and the threads behind it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use pitcrew_kernel::{Error, Result};
use tokio::sync::{Notify, oneshot};

use crate::postgres::{self, PostgresConn};
use crate::sqlite::{self, SqliteConn};
use crate::tx::{Dialect, Tx};

/// Commands that may wait for a connection; beyond that the answer is `DB_OVERLOADED` at once.
const QUEUE: usize = 4_096;
const SQLITE_READERS: usize = 4;
const POSTGRES_CONNECTIONS: usize = 8;
const OVERLOAD_RETRY: Duration = Duration::from_secs(1);

/// Where the metadata lives.
#[derive(Debug, Clone)]
pub enum Options {
    /// A SQLite file, made if absent.
    Sqlite(PathBuf),
    /// A PostgreSQL server, with an own schema when several share a database (tests).
    Postgres {
        /// `postgres://user:password@host:port/database`.
        url: String,
        /// The schema, made if absent; the connection's default when `None`.
        schema: Option<String>,
    },
}

/// What a commit can announce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Events wait in the outbox.
    Outbox,
    /// Jobs wait in the queue.
    Jobs,
}

/// Handles to wait for commits that announce something.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    outbox: Notify,
    jobs: Notify,
}

impl Signals {
    pub(crate) fn raise(&self, signals: &[Signal]) {
        for signal in signals {
            self.notify(*signal).notify_one();
        }
    }

    fn notify(&self, signal: Signal) -> &Notify {
        match signal {
            Signal::Outbox => &self.outbox,
            Signal::Jobs => &self.jobs,
        }
    }
}

/// The metadata database. Cheap to clone; threads end when the last clone is gone.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

struct Inner {
    dialect: Dialect,
    writers: SyncSender<Box<dyn Job>>,
    readers: SyncSender<Box<dyn Job>>,
    signals: Arc<Signals>,
    threads: Vec<JoinHandle<()>>,
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Db").field("dialect", &self.0.dialect).finish_non_exhaustive()
    }
}

impl Db {
    /// Opens the database and starts its threads. Blocking; call it before serving. Does not migrate.
    ///
    /// # Errors
    /// `DB_IO`, `DB_READ_ONLY`, `DB_UNREACHABLE`, `DB_URL_INVALID`.
    pub fn open(options: &Options) -> Result<Self> {
        match options {
            Options::Sqlite(path) => Self::open_sqlite(path),
            Options::Postgres { url, schema } => Self::open_postgres(url, schema.clone()),
        }
    }

    fn open_sqlite(path: &std::path::Path) -> Result<Self> {
        let signals = Arc::new(Signals::default());
        let writer = SqliteConn::open(path, true)?;
        let (writers, write_jobs) = sync_channel::<Box<dyn Job>>(QUEUE);
        let raised = Arc::clone(&signals);
        let mut threads = vec![thread("db-writer", move || sqlite::write_loop(&writer, &write_jobs, &raised))?];
        let (readers, read_jobs) = sync_channel::<Box<dyn Job>>(QUEUE);
        let read_jobs = Arc::new(Mutex::new(read_jobs));
        for _ in 0..SQLITE_READERS {
            let conn = SqliteConn::open(path, false)?;
            let jobs = Arc::clone(&read_jobs);
            threads.push(thread("db-reader", move || {
                while let Some(job) = next(&jobs) {
                    sqlite::read_one(&conn, job);
                }
            })?);
        }
        Ok(Self(Arc::new(Inner { dialect: Dialect::Sqlite, writers, readers, signals, threads })))
    }

    fn open_postgres(url: &str, schema: Option<String>) -> Result<Self> {
        let config: ::postgres::Config = url.parse().map_err(|source: ::postgres::Error| {
            Error::invalid("DB_URL_INVALID", "the database address is not a PostgreSQL address")
                .hint("write it like `postgres://user:password@host:5432/database`")
                .with_source(source)
        })?;
        let signals = Arc::new(Signals::default());
        let (writers, jobs) = sync_channel::<Box<dyn Job>>(QUEUE);
        let jobs = Arc::new(Mutex::new(jobs));
        let mut threads = Vec::new();
        for _ in 0..POSTGRES_CONNECTIONS {
            let jobs = Arc::clone(&jobs);
            let raised = Arc::clone(&signals);
            // Opened on a thread of its own: the driver blocks, which an async caller's thread must not.
            let (config, schema) = (config.clone(), schema.clone());
            let opened = std::thread::spawn(move || PostgresConn::open(config, schema));
            let mut conn = opened.join().map_err(|_| Error::internal("connecting panicked", "thread"))??;
            threads.push(thread("db-postgres", move || {
                while let Some(job) = next(&jobs) {
                    postgres::run_one(&mut conn, job, &raised);
                }
            })?);
        }
        let readers = writers.clone();
        Ok(Self(Arc::new(Inner { dialect: Dialect::Postgres, writers, readers, signals, threads })))
    }

    /// Which database this is.
    pub fn dialect(&self) -> Dialect {
        self.0.dialect
    }

    /// Runs a command that changes things. When this answers `Ok`, the change is on disk.
    ///
    /// # Errors
    /// The command's own, `DB_OVERLOADED`, and what committing can give.
    pub async fn write<T: Send + 'static>(
        &self,
        command: impl FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        submit(&self.0.writers, false, command).await
    }

    /// Runs a command that only reads, on a snapshot that sees everything acknowledged before.
    ///
    /// # Errors
    /// The command's own and `DB_OVERLOADED`.
    pub async fn read<T: Send + 'static>(
        &self,
        command: impl FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        submit(&self.0.readers, true, command).await
    }

    /// Ends what waits and closes every connection, SQLite's after it has put its log into its file. Does nothing while there are other
    /// clones. Blocking.
    pub fn close(self) {
        let Some(Inner { writers, readers, threads, .. }) = Arc::into_inner(self.0) else { return };
        drop((writers, readers));
        for thread in threads {
            // A panic of it was told to whoever waited for its command.
            let _ended = thread.join();
        }
    }

    /// Completes when a commit has raised `signal` since the last time this completed.
    pub async fn raised(&self, signal: Signal) {
        self.0.signals.notify(signal).notified().await;
    }

    /// Raises `signal` without a commit (a poll, a start).
    pub fn raise(&self, signal: Signal) {
        self.0.signals.raise(&[signal]);
    }
}

fn thread(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(body)
        .map_err(|source| Error::internal("a database thread cannot start", source))
}

fn next(jobs: &Mutex<Receiver<Box<dyn Job>>>) -> Option<Box<dyn Job>> {
    jobs.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

async fn submit<T: Send + 'static>(
    queue: &SyncSender<Box<dyn Job>>,
    reads: bool,
    command: impl FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
) -> Result<T> {
    let (answer, answered) = oneshot::channel();
    match queue.try_send(Box::new(Command { command, reads, answer })) {
        Ok(()) => {}
        Err(TrySendError::Full(_)) => {
            return Err(Error::unavailable("DB_OVERLOADED", "too many commands wait for the metadata database")
                .retry_after(OVERLOAD_RETRY));
        }
        Err(TrySendError::Disconnected(_)) => return Err(crate::errors::gone("its threads have ended")),
    }
    answered.await.unwrap_or_else(|_| Err(crate::errors::gone("its threads have ended")))
}

/// A command on its way through a connection's thread.
pub(crate) trait Job: Send {
    /// Whether it only reads.
    fn reads(&self) -> bool;
    /// Runs it; a panic counts as an internal error and harms nobody else.
    fn run(self: Box<Self>, tx: &mut Tx<'_>) -> Outcome;
    /// Does not run it.
    fn refuse(self: Box<Self>, error: Error) -> Outcome;
}

/// A command that has run and waits for the commit before its caller hears of it.
pub(crate) struct Outcome {
    /// What went wrong, as others may be told it.
    pub(crate) failure: Option<Error>,
    pub(crate) signals: Vec<Signal>,
    answer: Box<dyn FnOnce(Option<Error>) + Send>,
}

impl Outcome {
    /// Tells the caller: the command's result, or `error` instead.
    pub(crate) fn acknowledge(self, error: Option<Error>) {
        (self.answer)(error);
    }

    /// The command succeeded but its savepoint could not be closed.
    pub(crate) fn spoil(self, error: Error) -> Self {
        let answer = self.answer;
        let failure = self.failure.or_else(|| Some(error.for_another()));
        Self { failure, signals: Vec::new(), answer: Box::new(move |later| answer(later.or(Some(error)))) }
    }
}

struct Command<F, T> {
    command: F,
    reads: bool,
    answer: oneshot::Sender<Result<T>>,
}

impl<F: FnOnce(&mut Tx<'_>) -> Result<T> + Send, T: Send + 'static> Job for Command<F, T> {
    fn reads(&self) -> bool {
        self.reads
    }

    fn run(self: Box<Self>, tx: &mut Tx<'_>) -> Outcome {
        let Self { command, answer, .. } = *self;
        let result = catch_unwind(AssertUnwindSafe(|| command(tx)))
            .unwrap_or_else(|panic| Err(Error::internal("a database command panicked", panic_text(panic.as_ref()))));
        let result = match result {
            Ok(_) if tx.failed() => Err(Error::internal(
                "a database command went on after a failed statement",
                "the statement's error was dropped",
            )),
            result => result,
        };
        finished(result, answer)
    }

    fn refuse(self: Box<Self>, error: Error) -> Outcome {
        finished(Err::<T, _>(error), self.answer)
    }
}

fn finished<T: Send + 'static>(result: Result<T>, answer: oneshot::Sender<Result<T>>) -> Outcome {
    Outcome {
        failure: result.as_ref().err().map(Error::for_another),
        signals: Vec::new(),
        answer: Box::new(move |error| {
            // The caller may have gone away; then nobody wants the answer.
            let _gone = answer.send(match error {
                // A command that failed by itself keeps its own error.
                Some(error) if result.is_ok() => Err(error),
                _ => result,
            });
        }),
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}
