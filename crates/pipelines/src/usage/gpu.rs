//! GPUs, by what NVIDIA's own program says of them, where there is one.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::environment::find_program;

/// A driver that hangs costs a reading, and is not asked again: a process that waits for it cannot be killed.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// The most GPUs told of; a machine has sixteen at most today.
const GPUS_MAX: usize = 32;
const QUESTION: &str = "--query-gpu=index,utilization.gpu,memory.used,memory.total,power.draw";
/// Mebibytes, which the program counts in, in MLflow's megabytes.
const MEGABYTES: f64 = 1.048_576;

/// How to ask for GPUs.
pub(super) struct Gpus(PathBuf);

impl Gpus {
    /// `None` where there is no `nvidia-smi`.
    pub(super) fn found_in(path: &[PathBuf]) -> Option<Self> {
        find_program("nvidia-smi", path).map(Self)
    }

    /// What each GPU does now; nothing when the program fails, `None` when it takes too long.
    pub(super) async fn readings(&self, patience: Duration) -> Option<Vec<(String, f64)>> {
        let mut ask = Command::new(&self.0);
        ask.args([QUESTION, "--format=csv,noheader,nounits"]).stdin(Stdio::null()).kill_on_drop(true);
        let answer = tokio::time::timeout(patience, ask.output()).await.ok()?;
        Some(answer.map(|answer| readings(&String::from_utf8_lossy(&answer.stdout))).unwrap_or_default())
    }
}

/// Lines like `0, 87, 40210, 81920, 312.45`. A figure that a card does not have reads `[N/A]` and is left out.
fn readings(text: &str) -> Vec<(String, f64)> {
    let mut readings = Vec::new();
    for line in text.lines().take(GPUS_MAX) {
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        let [index, busy, used, total, power] = fields.as_slice() else { continue };
        let Ok(index) = index.parse::<u32>() else { continue };
        let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
        let mut tell = |name: &str, value: Option<f64>| {
            readings.extend(value.map(|value| (format!("gpu_{index}_{name}"), value)));
        };
        tell("utilization_percentage", number(busy));
        tell("memory_usage_megabytes", number(used).map(|used| used * MEGABYTES));
        let share = number(used).zip(number(total).filter(|total| *total > 0.0));
        tell("memory_usage_percentage", share.map(|(used, total)| 100.0 * used / total));
        tell("power_usage_watts", number(power));
    }
    readings
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[tokio::test]
    async fn a_driver_that_hangs_is_told_from_one_that_fails() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("nvidia-smi");
        let gpus = |script: &str| {
            std::fs::write(&program, script).unwrap();
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
            Gpus::found_in(&[folder.path().to_owned()]).unwrap()
        };
        let hangs = gpus("#!/bin/sh\nexec sleep 600\n");
        assert_eq!(hangs.readings(Duration::ZERO).await, None);
        assert_eq!(gpus("#!/bin/sh\nexit 9\n").readings(Duration::MAX).await, Some(Vec::new()));
    }

    #[test]
    fn each_card_is_told_of_by_what_it_has() {
        let told = readings("0, 87, 1000, 4000, 312.5\n1, [N/A], 0, 0, [N/A]\nNVIDIA-SMI has failed\n");
        let told: Vec<(&str, f64)> = told.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        assert_eq!(
            told,
            [
                ("gpu_0_utilization_percentage", 87.0),
                ("gpu_0_memory_usage_megabytes", 1048.576),
                ("gpu_0_memory_usage_percentage", 25.0),
                ("gpu_0_power_usage_watts", 312.5),
                ("gpu_1_memory_usage_megabytes", 0.0),
            ]
        );
    }
}
