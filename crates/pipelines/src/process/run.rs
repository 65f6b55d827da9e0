//! Starting a process, watching it, and ending it with everything it started.

use std::future::Future;
use std::io;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::pin::pin;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use pitcrew_kernel::{Clock, Error, Result, Sleep};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{ChildStderr, ChildStdout};
use tokio_util::sync::CancellationToken;
use wait4::{ResUse, Wait4 as _};

use crate::log::{Lines, StepLog, Stream};
use crate::process::Identity;

/// How long output is still read after the end of a process: only what left its group can hold the pipe open.
const DRAIN: Duration = Duration::from_secs(2);
const READ_BYTES: usize = 16 * 1024;

/// What to start.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<String>,
    /// The whole environment.
    pub(crate) env: Vec<(String, String)>,
    pub(crate) cwd: PathBuf,
}

/// What may end a process before it ends itself.
#[derive(Debug)]
pub(crate) struct Limits<'a> {
    pub(crate) clock: &'a dyn Clock,
    pub(crate) timeout: Duration,
    /// Between asking it to end and ending it.
    pub(crate) grace: Duration,
    /// Somebody ended the run.
    pub(crate) cancel: &'a CancellationToken,
    /// The server stops.
    pub(crate) stop: &'a CancellationToken,
}

/// Why a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// By itself.
    Exited,
    /// Its time was up.
    TimedOut,
    /// The run was cancelled.
    Cancelled,
    /// The server stops.
    Stopped,
}

/// How a process ended and what it used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exit {
    pub(crate) ending: Ending,
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) cpu: Duration,
    pub(crate) peak_memory_bytes: u64,
}

/// Runs a process to its end, writing its output to `log`. `started` hears its identity. When the returned future is dropped, the process
/// and its group are killed.
///
/// # Errors
/// `STEP_COMMAND_NOT_FOUND` when it cannot be started, and what `started` gives.
pub(crate) async fn run<F: Future<Output = Result<()>>>(
    launch: &Launch,
    log: &StepLog,
    streams: [Stream; 2],
    limits: &Limits<'_>,
    started: impl FnOnce(Identity) -> F,
) -> Result<Exit> {
    // Time counts from before the start, and the same holds for grace below: it never depends on when a task gets to look.
    let timeout = limits.clock.sleep(limits.timeout);
    let mut child = spawn(launch)?;
    let group = Group::of(&child);
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let identity = Identity::of(child.id());
    let waiter = group.clone();
    let exit = tokio::task::spawn_blocking(move || wait(child, &waiter));
    if let Some(identity) = identity {
        started(identity).await?;
    }
    let broken = |source: io::Error| Error::internal("the output of a process cannot be read", source);
    let stdout = stdout.map(ChildStdout::from_std).transpose().map_err(broken)?;
    let stderr = stderr.map(ChildStderr::from_std).transpose().map_err(broken)?;
    let output = async { tokio::join!(copy(stdout, log, streams[0]), copy(stderr, log, streams[1])) };
    let (mut output, mut end) = (pin!(output), pin!(end(exit, &group, limits, timeout)));
    let mut drained = false;
    let (ending, used) = loop {
        tokio::select! {
            ended = &mut end => break ended?,
            _ = &mut output, if !drained => drained = true,
        }
    };
    if !drained {
        tokio::select! {
            _ = &mut output => {}
            () = limits.clock.sleep(DRAIN) => {}
        }
    }
    Ok(Exit {
        ending,
        code: used.status.code(),
        signal: used.status.signal(),
        cpu: used.rusage.utime + used.rusage.stime,
        peak_memory_bytes: used.rusage.maxrss,
    })
}

fn spawn(launch: &Launch) -> Result<Child> {
    Command::new(&launch.program)
        .args(&launch.args)
        .env_clear()
        .envs(launch.env.iter().map(|(name, value)| (name, value)))
        .current_dir(&launch.cwd)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|source| {
            Error::invalid(
                "STEP_COMMAND_NOT_FOUND",
                format!("`{}` cannot be started: {source}", launch.program.display()),
            )
            .hint("check that the program exists, is executable and is not a script without `#!`")
        })
}

/// Waits for the end, by itself or by force.
async fn end(
    mut exit: tokio::task::JoinHandle<io::Result<ResUse>>,
    group: &Group,
    limits: &Limits<'_>,
    timeout: Sleep<'_>,
) -> Result<(Ending, ResUse)> {
    let ending = tokio::select! {
        biased;
        used = &mut exit => return Ok((Ending::Exited, used_by(used)?)),
        () = limits.cancel.cancelled() => Ending::Cancelled,
        () = limits.stop.cancelled() => Ending::Stopped,
        () = timeout => Ending::TimedOut,
    };
    let grace = limits.clock.sleep(limits.grace);
    group.signal(Signal::SIGTERM);
    tokio::select! {
        used = &mut exit => return Ok((ending, used_by(used)?)),
        () = grace => group.signal(Signal::SIGKILL),
    }
    Ok((ending, used_by(exit.await)?))
}

fn used_by(used: std::result::Result<io::Result<ResUse>, tokio::task::JoinError>) -> Result<ResUse> {
    used.map_err(|source| Error::internal("waiting for a process failed", source))?
        .map_err(|source| Error::internal("waiting for a process failed", source))
}

/// A process group. It is killed when a copy of this is dropped while its leader has not been collected; the number is forgotten then,
/// since it may soon be somebody else's.
#[derive(Clone)]
struct Group(Arc<Mutex<Option<Pid>>>);

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
    }
}

impl Group {
    fn of(child: &Child) -> Self {
        Self(Arc::new(Mutex::new(i32::try_from(child.id()).ok().map(Pid::from_raw))))
    }

    fn leader(&self) -> MutexGuard<'_, Option<Pid>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn signal(&self, signal: Signal) {
        if let Some(leader) = *self.leader() {
            // A group without processes is what was wanted.
            let _gone = killpg(leader, signal);
        }
    }
}

/// Blocks until the leader has ended, ends what is left of its group, and collects it.
fn wait(child: Child, group: &Group) -> io::Result<ResUse> {
    let leader = *group.leader();
    if let Some(leader) = leader {
        while let Err(Errno::EINTR) = waitid(Id::Pid(leader), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) {}
    }
    let mut leader = group.leader();
    if let Some(leader) = leader.take() {
        let _gone = killpg(leader, Signal::SIGKILL);
    }
    child.wait4()
}

/// Copies lines to the log until the end of the pipe.
async fn copy(from: Option<impl AsyncRead + Unpin>, log: &StepLog, stream: Stream) {
    let Some(mut from) = from else { return };
    let mut lines = Lines::default();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match from.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(count) => log.write(stream, &lines.take(&buffer[..count])),
        }
    }
    log.write(stream, &lines.rest());
}
