//! Jobs that recur: cron expressions in a time zone.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeZone, Utc};
use croner::Cron;
use pitcrew_db::{Db, Tx};
use pitcrew_kernel::{Clock, Error, Ids, Result, Timestamp};
use tracing::warn;

use crate::jobs::{NewJob, enqueue};
use crate::tasks::Tasks;

const LONGEST_NAP: Duration = Duration::from_secs(30);

/// A cron expression of five fields, optionally followed by an IANA time zone: `0 3 * * * Europe/Berlin`.
#[derive(Debug, Clone)]
pub struct Schedule {
    cron: Cron,
    zone: chrono_tz::Tz,
}

impl FromStr for Schedule {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let wrong = |what: String| {
            Error::invalid("SCHEDULE_INVALID", format!("`{text}` is not a schedule: {what}")).hint(
                "write minute, hour, day, month and weekday, then a time zone if not UTC: `0 3 * * * Europe/Berlin`",
            )
        };
        let (cron, zone) = match fields.as_slice() {
            [cron @ .., zone] if cron.len() == 5 => {
                (cron.join(" "), zone.parse().map_err(|_| wrong(format!("unknown time zone `{zone}`")))?)
            }
            cron if cron.len() == 5 => (cron.join(" "), chrono_tz::UTC),
            _ => return Err(wrong("it needs five fields".to_owned())),
        };
        let cron = Cron::from_str(&cron).map_err(|error| wrong(error.to_string()))?;
        Ok(Self { cron, zone })
    }
}

impl Schedule {
    /// The first tick after `after`.
    ///
    /// # Errors
    /// `SCHEDULE_INVALID` when it never comes (30 February).
    pub fn next(&self, after: Timestamp) -> Result<Timestamp> {
        let never = || Error::invalid("SCHEDULE_INVALID", "the schedule never comes due");
        let after: DateTime<Utc> = Utc.timestamp_micros(after.micros()).single().ok_or_else(never)?;
        let next = self.cron.find_next_occurrence(&after.with_timezone(&self.zone), false).map_err(|_| never())?;
        Ok(Timestamp::from_micros(next.with_timezone(&Utc).timestamp_micros()))
    }
}

/// Replaces the schedules of one `owner` (`pipeline:train`). Each tick queues a job of `kind` with `payload`, keyed by owner, name and tick.
///
/// # Errors
/// `SCHEDULE_INVALID`, and what the database can give.
pub fn set_schedules(
    tx: &mut Tx<'_>,
    now: Timestamp,
    owner: &str,
    kind: &str,
    expressions: &[String],
    payload: &serde_json::Value,
) -> Result<()> {
    tx.exec("DELETE FROM work_schedules WHERE owner = $1", &[owner.into()])?;
    for (index, expression) in expressions.iter().enumerate() {
        let next = expression.parse::<Schedule>()?.next(now)?;
        tx.exec(
            "INSERT INTO work_schedules (owner, name, expression, kind, payload, next_at) VALUES ($1, $2, $3, $4, $5, $6)",
            &[owner.into(), index.to_string().into(), expression.into(), kind.into(), payload.to_string().into(), next.into()],
        )?;
    }
    Ok(())
}

/// Turns due schedules into jobs. Ticks missed while the server was down are made up for by one job, not many.
pub struct Scheduler {
    db: Db,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    kinds: Vec<&'static str>,
}

impl std::fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scheduler").finish_non_exhaustive()
    }
}

impl Scheduler {
    /// A scheduler that may queue jobs of these kinds.
    pub fn new(db: Db, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>, kinds: Vec<&'static str>) -> Self {
        Self { db, clock, ids, kinds }
    }

    /// Queues due jobs until the server stops.
    pub async fn run(self, tasks: Tasks) {
        let token = tasks.token();
        while !token.is_cancelled() {
            let nap = match self.tick().await {
                Ok(next) => next.map_or(LONGEST_NAP, |next| next.since(self.clock.now()).min(LONGEST_NAP)),
                Err(error) => {
                    warn!(error = ?error, "schedules cannot be read now; trying again");
                    LONGEST_NAP
                }
            };
            tokio::select! {
                () = self.clock.sleep(nap.max(Duration::from_millis(10))) => {}
                () = token.cancelled() => {}
            }
        }
    }

    /// Queues what is due now; answers when the next is due.
    ///
    /// # Errors
    /// What the database can give.
    pub async fn tick(&self) -> Result<Option<Timestamp>> {
        let (now, ids, kinds) = (self.clock.now(), Arc::clone(&self.ids), self.kinds.clone());
        self.db
            .write(move |tx| {
                let due = tx.all(
                    "SELECT owner, name, expression, kind, payload, next_at FROM work_schedules WHERE next_at <= $1 ORDER BY next_at",
                    &[now.into()],
                    |row| Ok((row.text(0)?, row.text(1)?, row.text(2)?, row.text(3)?, row.json(4)?, row.time(5)?)),
                )?;
                for (owner, name, expression, kind, payload, at) in due {
                    if let Some(kind) = kinds.iter().find(|known| **known == kind) {
                        let key = format!("{owner}/{name}@{at}");
                        enqueue(tx, ids.as_ref(), now, &NewJob { kind, key, payload, run_at: now, max_attempts: 5 })?;
                    }
                    let next = expression.parse::<Schedule>()?.next(now)?;
                    tx.exec("UPDATE work_schedules SET next_at = $1 WHERE owner = $2 AND name = $3", &[next.into(), owner.into(), name.into()])?;
                }
                tx.one("SELECT min(next_at) FROM work_schedules", &[], |row| row.opt_time(0))
            })
            .await
    }
}
