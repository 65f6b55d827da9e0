//! Logs of steps: one file an attempt, written line by line, bounded, read while it grows.
//!
//! A line in the file is `2026-01-02T03:04:05.000006Z o text`: when, which stream, what. Listeners read the files, so a slow one costs no
//! memory and misses nothing.

use std::collections::VecDeque;
use std::fmt;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use pitcrew_contracts::names::{PipelineRunId, StepName};
use pitcrew_kernel::{Clock, Error, Result, Timestamp};
use serde::Serialize;
use tokio::sync::watch;
use tracing::warn;

/// The longest log of one attempt.
pub(crate) const MAX_LOG_BYTES: u64 = 16 * 1024 * 1024;
/// The longest line; what is over is cut.
const MAX_LINE_BYTES: usize = 16 * 1024;
/// The most bytes of a log that one answer holds.
const MAX_READ_BYTES: u64 = 1024 * 1024;
/// Last lines kept for error messages.
const TAIL_LINES: usize = 15;
/// `2026-01-02T03:04:05.000006Z o ` before each text.
const TIME_BYTES: usize = 27;
const PREFIX_BYTES: usize = TIME_BYTES + 3;
const CUT: &str = " [line cut]";
const CONCEALED: &str = "........";

/// Where a line comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// The process's standard output.
    Stdout,
    /// The process's standard error.
    Stderr,
    /// Pitcrew itself.
    Pitcrew,
}

impl Stream {
    fn letter(self) -> char {
        match self {
            Self::Stdout => 'o',
            Self::Stderr => 'e',
            Self::Pitcrew => 'p',
        }
    }

    fn of(letter: u8) -> Option<Self> {
        [Self::Stdout, Self::Stderr, Self::Pitcrew].into_iter().find(|stream| stream.letter() == char::from(letter))
    }
}

/// One line of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// The step.
    pub step: String,
    /// The attempt.
    pub attempt: i64,
    /// Where the line comes from.
    pub stream: Stream,
    /// When it came.
    pub at: Timestamp,
    /// Its text.
    pub line: String,
}

/// The folder of all logs.
#[derive(Debug, Clone)]
pub(crate) struct Logs {
    root: PathBuf,
    clock: Arc<dyn Clock>,
    changed: watch::Sender<u64>,
}

impl Logs {
    pub(crate) fn new(root: PathBuf, clock: Arc<dyn Clock>) -> Self {
        Self { root, clock, changed: watch::Sender::new(0) }
    }

    /// Opens the log of an attempt, adding to what is there.
    pub(crate) fn open(&self, run: PipelineRunId, step: &StepName, attempt: i64) -> Result<StepLog> {
        let path = self.path(run, step, attempt);
        let opened = fs::create_dir_all(self.run_folder(run))
            .and_then(|()| fs::OpenOptions::new().create(true).append(true).open(&path))
            .and_then(|file| Ok((file.metadata()?.len(), file)));
        let (bytes, file) = opened.map_err(|source| unwritable(&path, source))?;
        let state = State { file, bytes, tail: VecDeque::new(), last_complaint: None, secret: None };
        Ok(StepLog { state: Mutex::new(state), clock: Arc::clone(&self.clock), changed: self.changed.clone() })
    }

    /// Wakes listeners: something they follow has changed.
    pub(crate) fn announce(&self) {
        self.changed.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Hears of changes.
    pub(crate) fn listen(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// The whole lines of an attempt's log from byte `offset` on, up to a limit, and where the next read starts.
    pub(crate) fn read(
        &self,
        run: PipelineRunId,
        step: &StepName,
        attempt: i64,
        offset: u64,
    ) -> Result<(Vec<LogLine>, u64)> {
        let path = self.path(run, step, attempt);
        let bytes = match read_from(&path, offset) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok((Vec::new(), offset)),
            Err(source) => return Err(Error::internal("a log cannot be read", source)),
        };
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let lines = bytes[..whole].split(|byte| *byte == b'\n').filter_map(|line| parse(line, step, attempt)).collect();
        Ok((lines, offset + whole as u64))
    }

    /// The folder of a run's logs.
    pub(crate) fn run_folder(&self, run: PipelineRunId) -> PathBuf {
        self.root.join(run.to_string())
    }

    /// The folder of all runs' folders.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    fn path(&self, run: PipelineRunId, step: &StepName, attempt: i64) -> PathBuf {
        self.run_folder(run).join(format!("{step}.{attempt}.log"))
    }
}

fn unwritable(path: &Path, source: std::io::Error) -> Error {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Error::precondition("LOG_UNWRITABLE", format!("the log `{name}` cannot be written: {source}"))
        .hint("check the space and the rights of the home folder")
        .with_source(source)
}

fn read_from(path: &Path, offset: u64) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.take(MAX_READ_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn parse(line: &[u8], step: &StepName, attempt: i64) -> Option<LogLine> {
    let (prefix, text) = line.split_at_checked(PREFIX_BYTES)?;
    Some(LogLine {
        step: step.to_string(),
        attempt,
        stream: Stream::of(*prefix.get(TIME_BYTES + 1)?)?,
        at: std::str::from_utf8(prefix.get(..TIME_BYTES)?).ok()?.parse().ok()?,
        line: String::from_utf8_lossy(text).into_owned(),
    })
}

/// The log of one attempt, open for writing.
pub(crate) struct StepLog {
    state: Mutex<State>,
    clock: Arc<dyn Clock>,
    changed: watch::Sender<u64>,
}

struct State {
    file: File,
    bytes: u64,
    tail: VecDeque<String>,
    last_complaint: Option<String>,
    secret: Option<String>,
}

impl fmt::Debug for StepLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StepLog").finish_non_exhaustive()
    }
}

impl StepLog {
    /// From now on, lines show dots where they have `secret`.
    pub(crate) fn conceal(&self, secret: &str) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).secret = Some(secret.to_owned());
    }

    /// Adds lines of a process. A log that cannot be written loses lines, never the step.
    pub(crate) fn write(&self, stream: Stream, lines: &[String]) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let concealed: Vec<String>;
        let lines = match &state.secret {
            Some(secret) if lines.iter().any(|line| line.contains(secret)) => {
                concealed = lines.iter().map(|line| line.replace(secret, CONCEALED)).collect();
                concealed.as_slice()
            }
            _ => lines,
        };
        state.tail.extend(lines.iter().cloned());
        let over = state.tail.len().saturating_sub(TAIL_LINES);
        state.tail.drain(..over);
        if let Some(last) = lines.iter().rfind(|line| stream == Stream::Stderr && !line.trim().is_empty()) {
            state.last_complaint = Some(last.clone());
        }
        drop(state);
        self.append(stream, lines);
    }

    fn append(&self, stream: Stream, lines: &[String]) {
        if lines.is_empty() {
            return;
        }
        let now = self.clock.now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.bytes >= MAX_LOG_BYTES {
            return;
        }
        let mut text = String::new();
        for line in lines {
            push_line(&mut text, now, stream, line);
            if state.bytes + text.len() as u64 >= MAX_LOG_BYTES {
                push_line(&mut text, now, Stream::Pitcrew, "the log is full; what follows is not kept");
                break;
            }
        }
        state.bytes += text.len() as u64;
        if let Err(error) = state.file.write_all(text.as_bytes()) {
            warn!(error = %error, "a step's log cannot be written; lines are lost");
        }
        drop(state);
        self.changed.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Adds one line of Pitcrew's own.
    pub(crate) fn say(&self, line: impl Into<String>) {
        let text: String = line.into();
        self.append(Stream::Pitcrew, &text.lines().map(str::to_owned).collect::<Vec<_>>());
    }

    /// The last line a process wrote to its standard error.
    pub(crate) fn last_complaint(&self) -> Option<String> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).last_complaint.clone()
    }

    /// The last lines of processes, for an error message.
    pub(crate) fn tail(&self) -> String {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.tail.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }
}

fn push_line(text: &mut String, at: Timestamp, stream: Stream, line: &str) {
    text.push_str(&format!("{:TIME_BYTES$} {} {line}\n", at.to_string(), stream.letter()));
}

/// Cuts bytes into lines. A line that is rewritten in place (a progress bar) counts once, as it stood last.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    partial: Vec<u8>,
    /// The rest of a line that was cut is passed over.
    skipping: bool,
}

impl Lines {
    /// The lines that `bytes` complete.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = piece.strip_suffix(b"\n").map_or((piece, false), |text| (text, true));
            if !self.skipping {
                self.partial.extend_from_slice(text);
                if self.partial.len() > MAX_LINE_BYTES {
                    self.partial.truncate(MAX_LINE_BYTES);
                    lines.push(self.line() + CUT);
                    self.skipping = true;
                }
            }
            if ends {
                if !self.skipping {
                    lines.push(self.line());
                }
                self.skipping = false;
            }
        }
        lines
    }

    /// A last line without an end.
    pub(crate) fn rest(mut self) -> Vec<String> {
        if self.partial.is_empty() { Vec::new() } else { vec![self.line()] }
    }

    fn line(&mut self) -> String {
        let bytes = std::mem::take(&mut self.partial);
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(&bytes);
        let last = bytes.rsplit(|byte| *byte == b'\r').next().unwrap_or_default();
        String::from_utf8_lossy(last).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pitcrew_kernel::{FakeClock, Ids as _, SeededIds};
    use proptest::prelude::*;

    fn logs(folder: &Path) -> (Logs, PipelineRunId, StepName) {
        let clock: Arc<dyn Clock> = Arc::new(FakeClock::at("2026-01-01T00:00:00Z".parse().unwrap()));
        let ids = SeededIds::new(Arc::clone(&clock), 1);
        let _first = ids.next();
        (Logs::new(folder.to_owned(), clock), PipelineRunId::new(&ids), "train".parse().unwrap())
    }

    #[test]
    fn what_is_written_is_read_from_any_offset() {
        let folder = tempfile::tempdir().unwrap();
        let (logs, run, step) = logs(folder.path());
        let log = logs.open(run, &step, 1).unwrap();
        log.write(Stream::Stdout, &["one".to_owned(), "two".to_owned()]);
        let (first, offset) = logs.read(run, &step, 1, 0).unwrap();
        log.write(Stream::Stderr, &["three".to_owned()]);
        let (second, end) = logs.read(run, &step, 1, offset).unwrap();
        assert_eq!(first.iter().map(|line| line.line.as_str()).collect::<Vec<_>>(), ["one", "two"]);
        assert_eq!((second[0].line.as_str(), second[0].stream), ("three", Stream::Stderr));
        assert_eq!(logs.read(run, &step, 1, end).unwrap(), (Vec::new(), end));
        assert_eq!(logs.read(run, &step, 2, 0).unwrap(), (Vec::new(), 0));
    }

    #[test]
    fn a_full_log_says_so_and_keeps_the_tail_for_the_error() {
        let folder = tempfile::tempdir().unwrap();
        let (logs, run, step) = logs(folder.path());
        let log = logs.open(run, &step, 1).unwrap();
        let line = "x".repeat(MAX_LINE_BYTES);
        for _ in 0..=MAX_LOG_BYTES / MAX_LINE_BYTES as u64 {
            log.write(Stream::Stdout, std::slice::from_ref(&line));
        }
        log.write(Stream::Stderr, &["the error".to_owned()]);
        assert!(log.tail().ends_with("the error"));
        let path = logs.path(run, &step, 1);
        let text = fs::read_to_string(path).unwrap();
        assert!(text.ends_with("p the log is full; what follows is not kept\n"));
        assert!((text.len() as u64) < MAX_LOG_BYTES + 2 * MAX_LINE_BYTES as u64);
    }

    #[test]
    fn long_lines_are_cut_and_progress_bars_count_once() {
        let mut lines = Lines::default();
        assert_eq!(lines.take(b"10 %\r20 %\r30 %\nwindows\r\n"), ["30 %", "windows"]);
        let long = lines.take(&vec![b'y'; MAX_LINE_BYTES + 5]);
        assert_eq!((long.len(), long[0].len()), (1, MAX_LINE_BYTES + CUT.len()));
        assert_eq!(lines.take(b"yyy\nnext\n\xff"), ["next"]);
        assert_eq!(lines.rest(), ["\u{fffd}"]);
    }

    proptest! {
        #[test]
        fn lines_do_not_depend_on_how_bytes_arrive(text in "[a-z\n]{0,200}", cuts in prop::collection::vec(1usize..20, 0..30)) {
            let mut lines = Lines::default();
            let mut found = Vec::new();
            let mut rest = text.as_bytes();
            for cut in cuts {
                let (piece, later) = rest.split_at(cut.min(rest.len()));
                found.extend(lines.take(piece));
                rest = later;
            }
            found.extend(lines.take(rest));
            found.extend(lines.rest());
            prop_assert_eq!(found, text.lines().map(str::to_owned).collect::<Vec<_>>());
        }
    }
}
