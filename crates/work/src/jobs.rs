//! The queue of work that happens outside of a transaction.

use std::time::Duration;

use pitcrew_db::{Arg, Dialect, Row, Signal, Tx};
use pitcrew_kernel::{Ids, Result, Timestamp, define_id};

define_id!(
    /// One job.
    JobId, "job");

/// A job to be queued.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// Which handler takes it.
    pub kind: &'static str,
    /// Two waiting jobs of one kind and key are one job, which runs at the earlier of their times with the later payload; a job queued while
    /// its namesake runs makes it run once more, however that run ends. What is asked anew has all its tries.
    pub key: String,
    /// What the handler needs, as JSON.
    pub payload: serde_json::Value,
    /// Not before this moment.
    pub run_at: Timestamp,
    /// Tries before it is given up.
    pub max_attempts: u32,
}

/// A job in the hands of a handler.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Its kind.
    pub kind: String,
    /// Its key.
    pub key: String,
    /// Its payload.
    pub payload: serde_json::Value,
    /// This try, from 1.
    pub attempt: u32,
    /// Tries before it is given up.
    pub max_attempts: u32,
}

/// Queues a job inside a transaction: it exists if and only if the transaction commits.
///
/// # Errors
/// What the database can give.
pub fn enqueue(tx: &mut Tx<'_>, ids: &dyn Ids, now: Timestamp, job: &NewJob) -> Result<()> {
    tx.exec(
        "INSERT INTO work_jobs (id, kind, key, payload, state, run_at, attempts, max_attempts, again, created_at) \
         VALUES ($1, $2, $3, $4, 'ready', $5, 0, $6, 0, $7) \
         ON CONFLICT (kind, key) DO UPDATE SET payload = excluded.payload, max_attempts = excluded.max_attempts, \
         again = CASE WHEN work_jobs.state = 'running' THEN 1 ELSE 0 END, \
         attempts = CASE WHEN work_jobs.state = 'running' OR (work_jobs.state = 'ready' AND work_jobs.run_at < excluded.run_at) \
         THEN work_jobs.attempts ELSE 0 END, \
         run_at = CASE WHEN (work_jobs.state = 'ready' OR work_jobs.again = 1) AND work_jobs.run_at < excluded.run_at \
         THEN work_jobs.run_at ELSE excluded.run_at END, \
         state = CASE WHEN work_jobs.state = 'running' THEN 'running' ELSE 'ready' END",
        &[
            Arg::show(&JobId::new(ids)),
            job.kind.into(),
            job.key.as_str().into(),
            job.payload.to_string().into(),
            job.run_at.into(),
            job.max_attempts.into(),
            now.into(),
        ],
    )?;
    tx.signal(Signal::Jobs);
    Ok(())
}

/// Gives back every job that a process which is gone had leased. For the embedded database, where the home folder's lock proves that it is gone.
/// A try that was cut off does not count: however often the server is killed, its jobs are not given up for it.
///
/// # Errors
/// What the database can give.
pub fn release_leases(tx: &mut Tx<'_>) -> Result<u64> {
    let released = tx.exec(
        "UPDATE work_jobs SET state = 'ready', attempts = CASE WHEN again = 1 THEN 0 ELSE attempts - 1 END, again = 0, \
         lease_owner = NULL, lease_until = NULL WHERE state = 'running'",
        &[],
    )?;
    tx.signal(Signal::Jobs);
    Ok(released)
}

/// Jobs that could run now, and jobs that run.
///
/// # Errors
/// What the database can give.
pub fn in_flight(tx: &mut Tx<'_>, now: Timestamp) -> Result<(i64, i64)> {
    let found = under_way(tx, now, &[])?;
    Ok((found.ready, found.running))
}

/// Tries after which a job that fails no longer counts as under way: what it waits for is that somebody mends something.
const RESTLESS_TRIES: i64 = 8;

/// What the queue has under way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UnderWay {
    /// Jobs that could run now.
    pub ready: i64,
    /// Jobs that run.
    pub running: i64,
    /// Jobs that failed and wait for their next try. Those that wait for their first, at a time that somebody chose, are not under way.
    pub retrying: i64,
}

/// What the queue has under way. Of the kinds in `once` only the first try counts: whether they ever succeed is up to others.
///
/// # Errors
/// What the database can give.
pub fn under_way(tx: &mut Tx<'_>, now: Timestamp, once: &[&str]) -> Result<UnderWay> {
    let groups = tx.all(
        "SELECT kind, CASE WHEN state = 'running' THEN state WHEN run_at <= $1 THEN 'due' ELSE 'later' END AS stands, attempts, count(*) \
         FROM work_jobs WHERE state IN ('ready', 'running') GROUP BY kind, stands, attempts",
        &[now.into()],
        |row| Ok((row.text(0)?, row.text(1)?, row.int(2)?, row.int(3)?)),
    )?;
    let mut found = UnderWay::default();
    for (kind, stands, attempts, count) in groups {
        let failed = if stands == "running" { attempts - 1 } else { attempts };
        if failed > 0 && once.contains(&kind.as_str()) {
            continue;
        }
        match stands.as_str() {
            "running" => found.running += count,
            "due" => found.ready += count,
            _ if (1..=RESTLESS_TRIES).contains(&failed) => found.retrying += count,
            _ => {}
        }
    }
    Ok(found)
}

pub(crate) fn claim(
    tx: &mut Tx<'_>,
    kind: &str,
    free: usize,
    owner: &str,
    now: Timestamp,
    lease: Duration,
) -> Result<Vec<Job>> {
    let skip = if tx.dialect() == Dialect::Postgres { " FOR UPDATE SKIP LOCKED" } else { "" };
    let sql = format!(
        "UPDATE work_jobs SET state = 'running', attempts = CASE WHEN again = 1 THEN 1 ELSE attempts + 1 END, again = 0, \
         lease_owner = $1, lease_until = $2 WHERE id IN ( \
         SELECT id FROM work_jobs WHERE kind = $3 AND ((state = 'ready' AND run_at <= $4) OR (state = 'running' AND lease_until < $4)) \
         ORDER BY run_at, id LIMIT $5{skip}) RETURNING id, kind, key, payload, attempts, max_attempts"
    );
    let free = i64::try_from(free).unwrap_or(i64::MAX);
    tx.all(&sql, &[owner.into(), now.plus(lease).into(), kind.into(), now.into(), free.into()], job)
}

fn job(row: &Row<'_>) -> Result<Job> {
    Ok(Job {
        id: row.parsed(0)?,
        kind: row.text(1)?,
        key: row.text(2)?,
        payload: row.json(3)?,
        attempt: u32::try_from(row.int(4)?).unwrap_or(u32::MAX),
        max_attempts: u32::try_from(row.int(5)?).unwrap_or(u32::MAX),
    })
}

pub(crate) fn renew(tx: &mut Tx<'_>, id: JobId, owner: &str, until: Timestamp) -> Result<bool> {
    Ok(tx.exec(
        "UPDATE work_jobs SET lease_until = $1 WHERE id = $2 AND lease_owner = $3 AND state = 'running'",
        &[until.into(), Arg::show(&id), owner.into()],
    )? > 0)
}

pub(crate) fn finish(tx: &mut Tx<'_>, id: JobId, owner: &str) -> Result<()> {
    let args = [Arg::show(&id), owner.into()];
    tx.exec("DELETE FROM work_jobs WHERE id = $1 AND lease_owner = $2 AND again = 0", &args)?;
    let queued = tx.exec(
        "UPDATE work_jobs SET state = 'ready', again = 0, attempts = 0, lease_owner = NULL, lease_until = NULL WHERE id = $1 AND lease_owner = $2",
        &args,
    )?;
    if queued > 0 {
        tx.signal(Signal::Jobs);
    }
    Ok(())
}

/// Whether it was queued once more while `owner` runs it.
pub(crate) fn queued_again(tx: &mut Tx<'_>, id: JobId, owner: &str) -> Result<bool> {
    let sql = "SELECT again FROM work_jobs WHERE id = $1 AND lease_owner = $2 AND state = 'running'";
    Ok(tx.optional(sql, &[Arg::show(&id), owner.into()], |row| row.int(0))? == Some(1))
}

/// Ends a try that failed: at `retry_at` there is another, or none. What was queued meanwhile is a job of its own, due when it said.
pub(crate) fn fail(tx: &mut Tx<'_>, job: &Job, owner: &str, error: &str, retry_at: Option<Timestamp>) -> Result<()> {
    let (state, run_at) = match retry_at {
        Some(at) => ("ready", at),
        None => ("failed", Timestamp::from_micros(0)),
    };
    tx.exec(
        "UPDATE work_jobs SET state = CASE WHEN again = 1 THEN 'ready' ELSE $1 END, run_at = CASE WHEN again = 1 THEN run_at ELSE $2 END, \
         attempts = CASE WHEN again = 1 THEN 0 ELSE attempts END, again = 0, error = $3, lease_owner = NULL, lease_until = NULL \
         WHERE id = $4 AND lease_owner = $5",
        &[state.into(), run_at.into(), error.into(), Arg::show(&job.id), owner.into()],
    )?;
    tx.signal(Signal::Jobs);
    Ok(())
}

/// When the next job of one of these kinds is due.
pub(crate) fn next_due(tx: &mut Tx<'_>, kinds: &[&'static str]) -> Result<Option<Timestamp>> {
    let mut due: Option<Timestamp> = None;
    for kind in kinds {
        let sql = "SELECT min(run_at) FROM work_jobs WHERE state = 'ready' AND kind = $1";
        let next = tx.one(sql, &[(*kind).into()], |row| row.opt_time(0))?;
        due = [due, next].into_iter().flatten().min();
    }
    Ok(due)
}
