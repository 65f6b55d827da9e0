//! Processes of steps under way.

use pitcrew_contracts::names::{PipelineRunId, StepName};
use pitcrew_db::{Arg, Tx};
use pitcrew_kernel::Result;

use crate::process::Identity;

/// A process of a step and the server that started it.
#[derive(Debug, Clone)]
pub(crate) struct Recorded {
    pub(crate) run: PipelineRunId,
    pub(crate) step: StepName,
    pub(crate) process: Identity,
    pub(crate) owner: Identity,
}

pub(crate) fn put(tx: &mut Tx<'_>, record: &Recorded) -> Result<()> {
    tx.exec(
        "INSERT INTO pipelines_processes (run, step, pid, started, boot, owner) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (run, step) DO UPDATE SET pid = excluded.pid, started = excluded.started, \
         boot = excluded.boot, owner = excluded.owner",
        &[
            Arg::show(&record.run),
            record.step.as_str().into(),
            record.process.pid.into(),
            i64::try_from(record.process.started).unwrap_or(i64::MAX).into(),
            record.process.boot.as_str().into(),
            Arg::show(&record.owner),
        ],
    )?;
    Ok(())
}

pub(crate) fn remove(tx: &mut Tx<'_>, run: PipelineRunId, step: &StepName) -> Result<()> {
    tx.exec("DELETE FROM pipelines_processes WHERE run = $1 AND step = $2", &[Arg::show(&run), step.as_str().into()])?;
    Ok(())
}

pub(crate) fn all(tx: &mut Tx<'_>) -> Result<Vec<Recorded>> {
    tx.all("SELECT run, step, pid, started, boot, owner FROM pipelines_processes ORDER BY run, step", &[], |row| {
        Ok(Recorded {
            run: row.parsed(0)?,
            step: row.parsed(1)?,
            process: Identity {
                pid: i32::try_from(row.int(2)?).unwrap_or(0),
                started: u64::try_from(row.int(3)?).unwrap_or(0),
                boot: row.text(4)?,
            },
            owner: row.parsed(5)?,
        })
    })
}
