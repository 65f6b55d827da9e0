//! One look at `/proc`: a group of processes and the machine they share.

use std::fs;

/// Bytes of a megabyte, as MLflow counts them.
const MEGABYTE: f64 = 1e6;

/// Clock ticks since boot.
type Ticks = u64;

/// What was used up to one moment. What `/proc` does not say is `None` and gives no reading.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Look {
    /// CPU time of the group's living processes and of the children they have collected.
    group_cpu: Option<Ticks>,
    /// Resident memory of the group; pages that its processes share count for each.
    group_bytes: Option<u64>,
    machine: Option<Machine>,
    /// Memory in use, and all there is.
    memory: Option<(u64, u64)>,
}

/// CPU time of all cores together.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Machine {
    busy: Ticks,
    total: Ticks,
    cores: u64,
}

impl Look {
    /// Looks at the group that `leader` leads.
    pub(super) async fn now(leader: i32) -> Self {
        // Reading `/proc` never waits for a disk, but takes a while where many processes run.
        tokio::task::spawn_blocking(move || Self::at(leader)).await.unwrap_or_default()
    }

    fn at(leader: i32) -> Self {
        let read = |name: &str| fs::read_to_string(format!("/proc/{name}")).ok();
        let group = group(leader);
        Self {
            group_cpu: group.map(|(ticks, _)| ticks),
            group_bytes: group.map(|(_, bytes)| bytes),
            machine: read("stat").and_then(|text| machine(&text)),
            memory: read("meminfo").and_then(|text| memory(&text)),
        }
    }

    /// What was used since an earlier look, or is in use now.
    pub(super) fn since(&self, earlier: &Self) -> Vec<(String, f64)> {
        let mut readings = Vec::new();
        let mut tell = |name: &str, value: f64| readings.push((name.to_owned(), value));
        if let (Some(now), Some(then)) = (self.machine, earlier.machine)
            && now.total > then.total
        {
            let whole = (now.total - then.total) as f64;
            tell("cpu_utilization_percentage", 100.0 * now.busy.saturating_sub(then.busy) as f64 / whole);
            if let (Some(used), Some(before)) = (self.group_cpu, earlier.group_cpu) {
                // The machine's ticks of all cores are the measure of time, so nothing depends on how long a tick is.
                let of_a_core = whole / now.cores as f64;
                tell("process_cpu_percentage", 100.0 * used.saturating_sub(before) as f64 / of_a_core);
            }
        }
        if let Some(bytes) = self.group_bytes {
            tell("process_memory_megabytes", bytes as f64 / MEGABYTE);
        }
        if let Some((used, total)) = self.memory {
            tell("system_memory_usage_megabytes", used as f64 / MEGABYTE);
            tell("system_memory_usage_percentage", 100.0 * used as f64 / total as f64);
        }
        readings
    }
}

/// CPU time and resident bytes of every process in the group.
fn group(leader: i32) -> Option<(Ticks, u64)> {
    let pids = fs::read_dir("/proc").ok()?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    let members = pids.filter_map(|pid| {
        let (of, ticks) = fs::read_to_string(format!("/proc/{pid}/stat")).ok().and_then(|text| process(&text))?;
        let status = (of == leader).then(|| fs::read_to_string(format!("/proc/{pid}/status")))?;
        Some((ticks, status.ok().and_then(|text| kilobytes(&text, "VmRSS:")).unwrap_or_default()))
    });
    members.reduce(|(ticks, bytes), (more, and)| (ticks + more, bytes + and))
}

/// The group of a process and its CPU time, that of collected children included: `/proc/PID/stat` (proc(5)).
fn process(stat: &str) -> Option<(i32, Ticks)> {
    // The name in parentheses may hold anything, even parentheses: fields are counted from the last one, the state being the third of all.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11..15)?.iter().map(|field| field.parse::<Ticks>().ok());
    Some((fields.get(2)?.parse().ok()?, ticks.sum::<Option<Ticks>>()?))
}

/// The first line of `/proc/stat`, and how many lines of cores follow it.
fn machine(stat: &str) -> Option<Machine> {
    let mut lines = stat.lines();
    let all: Option<Vec<Ticks>> =
        lines.next()?.strip_prefix("cpu ")?.split_whitespace().map(|field| field.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal; what follows is counted within user and nice already.
    let all: Vec<Ticks> = all?.into_iter().take(8).collect();
    let (total, idle) = (all.iter().sum::<Ticks>(), all.get(3)? + all.get(4)?);
    let cores = lines.take_while(|line| line.starts_with("cpu")).count() as u64;
    (cores > 0).then_some(Machine { busy: total - idle, total, cores })
}

/// Bytes in use and bytes there are, from `/proc/meminfo`.
fn memory(meminfo: &str) -> Option<(u64, u64)> {
    let (total, available) = (kilobytes(meminfo, "MemTotal:")?, kilobytes(meminfo, "MemAvailable:")?);
    (total > 0).then_some((total.saturating_sub(available), total))
}

/// The bytes of a line like `VmRSS:   1234 kB`.
fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str =
        "cpu  100 20 30 800 50 0 0 0 7 7\ncpu0 50 10 15 400 25 0 0 0 0 0\ncpu1 50 10 15 400 25 0 0 0 0 0\nintr 1\n";

    fn value(readings: &[(String, f64)], name: &str) -> Option<f64> {
        readings.iter().find(|(of, _)| of == name).map(|(_, value)| *value)
    }

    #[test]
    fn what_a_kernel_says_is_read() {
        assert_eq!(machine(STAT), Some(Machine { busy: 150, total: 1000, cores: 2 }));
        assert_eq!(process("7 (a) b)) S 1 42 42 0 -1 4 1 2 3 4 10 5 3 2 20 0 1 0 99 1 1"), Some((42, 20)));
        assert_eq!(memory("MemTotal: 10 kB\nMemFree: 1 kB\nMemAvailable: 4 kB\n"), Some((6 * 1024, 10 * 1024)));
        for broken in ["", "cpu 1 2", "cpu x", "cpu  1 2 3 4 5\nintr"] {
            assert_eq!(machine(broken), None, "{broken:?}");
        }
        assert_eq!((process("7 (a"), process("7 (a) S 1 42")), (None, None));
    }

    #[test]
    fn shares_are_of_the_time_between_two_looks() {
        let at = |busy, total, group_cpu| Look {
            group_cpu,
            group_bytes: Some(2_000_000),
            machine: Some(Machine { busy, total, cores: 2 }),
            memory: Some((1_000_000, 4_000_000)),
        };
        let readings = at(160, 1200, Some(80)).since(&at(150, 1000, Some(30)));
        assert_eq!(value(&readings, "cpu_utilization_percentage"), Some(5.0));
        // 50 of the 100 ticks that one core had.
        assert_eq!(value(&readings, "process_cpu_percentage"), Some(50.0));
        assert_eq!(value(&readings, "process_memory_megabytes"), Some(2.0));
        assert_eq!(value(&readings, "system_memory_usage_percentage"), Some(25.0));
        // No time between, a group that is gone, a kernel that says nothing: no figure rather than a wrong one.
        assert_eq!(value(&at(1, 1000, Some(1)).since(&at(1, 1000, Some(1))), "cpu_utilization_percentage"), None);
        assert_eq!(value(&at(1, 1200, None).since(&at(1, 1000, Some(1))), "process_cpu_percentage"), None);
        assert_eq!(Look::default().since(&Look::default()), []);
    }

    #[tokio::test]
    async fn this_very_process_uses_something() {
        let group = nix::unistd::getpgrp().as_raw();
        let look = Look::now(group).await;
        assert!(look.group_bytes.is_some_and(|bytes| bytes > 100_000), "{look:?}");
        assert!(look.machine.is_some() && look.memory.is_some(), "{look:?}");
        assert_eq!(Look::now(-5).await.group_bytes, None);
    }
}
