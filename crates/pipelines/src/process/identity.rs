//! Which process is meant: a process id alone is soon somebody else's.

use std::fmt;
use std::fs;
use std::str::FromStr;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use pitcrew_contracts::names::PipelineRunId;
use pitcrew_kernel::{Error, Result};

/// Names the server that started a process, in the environment of the process and of everything it starts.
pub(crate) const OWNER_VARIABLE: &str = "PITCREW_OWNER";
/// Names the run.
pub(crate) const RUN_VARIABLE: &str = "PITCREW_RUN_ID";

/// A process: its id, when it started (in the kernel's ticks after boot) and which boot that was. Prints and parses as `pid:started:boot`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) pid: i32,
    pub(crate) started: u64,
    pub(crate) boot: String,
}

impl Identity {
    /// The process with this id, if there is one.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let pid = i32::try_from(pid).ok()?;
        let (_state, started) = stat(pid)?;
        Some(Self { pid, started, boot: boot()? })
    }

    /// This process.
    ///
    /// # Errors
    /// `INTERNAL` where `/proc` is not mounted.
    pub(crate) fn current() -> Result<Self> {
        Self::of(std::process::id())
            .ok_or_else(|| Error::internal("the server cannot identify its own process", "/proc"))
    }

    /// Whether exactly this process still runs.
    pub(crate) fn is_alive(&self) -> bool {
        boot().is_some_and(|boot| boot == self.boot)
            && stat(self.pid).is_some_and(|(state, started)| started == self.started && !matches!(state, 'Z' | 'X'))
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.pid, self.started, self.boot)
    }
}

impl FromStr for Identity {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut parts = text.splitn(3, ':');
        let mut next = || parts.next().unwrap_or_default();
        match (next().parse(), next().parse(), next()) {
            (Ok(pid), Ok(started), boot) if pid > 0 => Ok(Self { pid, started, boot: boot.to_owned() }),
            _ => Err(Error::internal("a process identity does not read as expected", text.to_owned())),
        }
    }
}

/// Ends every process of the group at once.
pub(crate) fn kill_group(process: &Identity) -> bool {
    process.pid > 1 && killpg(Pid::from_raw(process.pid), Signal::SIGKILL).is_ok()
}

/// Ends processes that a server which is gone started for one of `runs`, whatever group they are in; answers how many.
///
/// They carry the server's identity and the run in their environment, so this finds also what was started in the moment before the server
/// died and what left its group.
pub(crate) fn owned_by_the_dead(runs: &[PipelineRunId]) -> usize {
    let Ok(entries) = fs::read_dir("/proc") else { return 0 };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| is_orphan(*pid, runs))
        .filter(|pid| matches!(kill(Pid::from_raw(*pid), Signal::SIGKILL), Ok(()) | Err(Errno::ESRCH)))
        .count()
}

fn is_orphan(pid: i32, runs: &[PipelineRunId]) -> bool {
    // The environment of another user's process cannot be read; it is not ours either.
    let Ok(environment) = fs::read(format!("/proc/{pid}/environ")) else { return false };
    let value = |name: &str| -> Option<String> {
        let found = environment
            .split(|byte| *byte == 0)
            .find_map(|pair| pair.strip_prefix(name.as_bytes())?.strip_prefix(b"="));
        String::from_utf8(found?.to_vec()).ok()
    };
    let run = value(RUN_VARIABLE).and_then(|run| run.parse::<PipelineRunId>().ok());
    let owner = value(OWNER_VARIABLE).and_then(|owner| owner.parse::<Identity>().ok());
    run.is_some_and(|run| runs.contains(&run)) && owner.is_some_and(|owner| !owner.is_alive())
}

/// State and start time of a process.
fn stat(pid: i32) -> Option<(char, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything, even parentheses: fields are counted from the last one.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    Some((fields.first()?.chars().next()?, fields.get(19)?.parse().ok()?))
}

fn boot() -> Option<String> {
    Some(fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_more_than_its_number() {
        let me = Identity::current().unwrap();
        assert!(me.is_alive());
        assert_eq!(me.to_string().parse::<Identity>().unwrap(), me);
        assert!(!Identity { started: me.started + 1, ..me.clone() }.is_alive());
        assert!(!Identity { boot: "another".to_owned(), ..me }.is_alive());
        assert!("1:2".parse::<Identity>().is_ok() && "x:2:b".parse::<Identity>().is_err());
    }

    #[test]
    fn a_process_that_has_ended_is_dead_before_it_is_collected() {
        let mut child = std::process::Command::new("/bin/sh")
            .args(["-c", "read x"])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let identity = Identity::of(child.id()).unwrap();
        assert!(identity.is_alive());
        drop(child.stdin.take());
        nix::sys::wait::waitid(
            nix::sys::wait::Id::Pid(Pid::from_raw(identity.pid)),
            nix::sys::wait::WaitPidFlag::WEXITED | nix::sys::wait::WaitPidFlag::WNOWAIT,
        )
        .unwrap();
        assert!(!identity.is_alive());
        child.wait().unwrap();
    }
}
