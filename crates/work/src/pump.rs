//! From the outbox to the subscribers, in one order.

use std::sync::Arc;
use std::time::Duration;

use pitcrew_contracts::event::Envelope;
use pitcrew_db::{Arg, Db, Dialect, Signal, Tx};
use pitcrew_kernel::{Clock, Error, Kind, Result};
use tokio::sync::broadcast;
use tracing::{error, warn};

use crate::events::{envelope, events_after, last_seq};
use crate::tasks::Tasks;

/// Events moved or delivered in one transaction.
const BATCH: i64 = 256;
/// Live listeners that fall further behind than this miss events and read them from the table.
const LIVE_BUFFER: usize = 1_024;
/// A lost wake-up costs this much, not correctness.
const POLL: Duration = Duration::from_secs(2);
/// Tries before an event is parked for one subscriber.
const MAX_TRIES: u32 = 6;
const FIRST_BACKOFF: Duration = Duration::from_millis(50);

/// Someone who acts on events, inside the database.
///
/// `handle` runs in the transaction that also moves this subscriber's cursor. What must happen outside the database it leaves to a job.
pub trait Subscriber: Send + Sync {
    /// A stable name: the cursor is stored under it.
    fn name(&self) -> &'static str;
    /// Whether events of this name are for it.
    fn wants(&self, event: &str) -> bool;
    /// Acts on one event.
    ///
    /// # Errors
    /// Anything; the event is tried again and then parked.
    fn handle(&self, tx: &mut Tx<'_>, event: &Envelope) -> Result<()>;
}

/// The single mover of events.
pub struct Pump {
    db: Db,
    clock: Arc<dyn Clock>,
    subscribers: Vec<Arc<dyn Subscriber>>,
    live: broadcast::Sender<Arc<Envelope>>,
}

impl std::fmt::Debug for Pump {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pump").field("subscribers", &self.subscribers.len()).finish_non_exhaustive()
    }
}

impl Pump {
    /// A pump that feeds `subscribers`.
    pub fn new(db: Db, clock: Arc<dyn Clock>, subscribers: Vec<Arc<dyn Subscriber>>) -> Self {
        Self { db, clock, subscribers, live: broadcast::channel(LIVE_BUFFER).0 }
    }

    /// Events as they get their order, for pages that update by themselves.
    pub fn listen(&self) -> broadcast::Receiver<Arc<Envelope>> {
        self.live.subscribe()
    }

    /// Moves events until the server stops.
    pub async fn run(self: Arc<Self>, tasks: Tasks) {
        let token = tasks.token();
        while !token.is_cancelled() {
            if let Err(error) = self.drain().await {
                warn!(error = ?error, "events cannot be delivered now; trying again");
            }
            tokio::select! {
                () = self.db.raised(Signal::Outbox) => {}
                () = self.clock.sleep(POLL) => {}
                () = token.cancelled() => {}
            }
        }
    }

    /// Moves and delivers everything that waits, also what subscribers state meanwhile.
    ///
    /// # Errors
    /// What the database can give. Errors of subscribers are retried and parked, not answered.
    pub async fn drain(&self) -> Result<()> {
        loop {
            let moved = self.sequence().await?;
            let mut delivered = false;
            for subscriber in &self.subscribers {
                delivered |= self.deliver(subscriber).await?;
            }
            if moved.is_empty() && !delivered {
                return Ok(());
            }
        }
    }

    /// How many events some subscriber has not seen.
    ///
    /// # Errors
    /// What the database can give.
    pub async fn lag(&self) -> Result<i64> {
        self.db.read(self.lag_within()).await
    }

    /// The same within a transaction of the caller's, for who compares it with other figures of one moment.
    pub fn lag_within(&self) -> impl FnOnce(&mut Tx<'_>) -> Result<i64> + Send + 'static {
        let names: Vec<&'static str> = self.subscribers.iter().map(|subscriber| subscriber.name()).collect();
        move |tx| {
            let waiting = tx.one("SELECT count(*) FROM outbox", &[], |row| row.int(0))?;
            let last = last_seq(tx)?;
            let mut lag = 0;
            for name in names {
                lag = lag.max(last - cursor(tx, name)?);
            }
            Ok(waiting + lag)
        }
    }

    async fn sequence(&self) -> Result<Vec<Arc<Envelope>>> {
        let moved = self.db.write(sequence_batch).await?;
        for envelope in &moved {
            // Nobody listening is fine.
            let _listeners = self.live.send(Arc::clone(envelope));
        }
        Ok(moved)
    }

    async fn deliver(&self, subscriber: &Arc<dyn Subscriber>) -> Result<bool> {
        let batch = Arc::clone(subscriber);
        let delivered = self.db.write(move |tx| deliver_some(tx, batch.as_ref(), BATCH)).await;
        match delivered {
            Ok(delivered) => Ok(delivered),
            Err(error) => {
                warn!(subscriber = subscriber.name(), error = ?error, "a batch of events failed; delivering one by one");
                self.deliver_one(subscriber).await.map(|()| true)
            }
        }
    }

    async fn deliver_one(&self, subscriber: &Arc<dyn Subscriber>) -> Result<()> {
        let name = subscriber.name();
        let before = self.db.read(move |tx| cursor(tx, name)).await?;
        let mut backoff = FIRST_BACKOFF;
        for attempt in 1.. {
            let one = Arc::clone(subscriber);
            let Err(error) = self.db.write(move |tx| deliver_some(tx, one.as_ref(), 1)).await else { return Ok(()) };
            if error.kind() == Kind::Unavailable {
                // The database is to blame, not the event: it waits.
                return Err(error);
            }
            if attempt >= MAX_TRIES {
                return self.park(subscriber, before, error).await;
            }
            self.clock.sleep(backoff).await;
            backoff *= 2;
        }
        Ok(())
    }

    /// Puts aside the event after `before`, unless another process has got past it meanwhile.
    async fn park(&self, subscriber: &Arc<dyn Subscriber>, before: i64, error: Error) -> Result<()> {
        error!(subscriber = subscriber.name(), error = ?error, "an event is parked after all tries");
        let (name, now) = (subscriber.name(), self.clock.now());
        self.db
            .write(move |tx| {
                if locked_cursor(tx, name)? != before {
                    return Ok(());
                }
                let seq = before + 1;
                tx.exec(
                    "INSERT INTO work_parked (subscriber, seq, error, at) VALUES ($1, $2, $3, $4)",
                    &[name.into(), seq.into(), format!("{error:?}").into(), now.into()],
                )?;
                set_cursor(tx, name, seq)
            })
            .await
    }
}

fn sequence_batch(tx: &mut Tx<'_>) -> Result<Vec<Arc<Envelope>>> {
    let waiting = tx.one("SELECT count(*) FROM outbox", &[], |row| row.int(0))?;
    if waiting == 0 {
        return Ok(Vec::new());
    }
    // Locks the row, so that two processes on one PostgreSQL never give out the same place.
    set_cursor(tx, "sequencer", 0)?;
    let mut seq = last_seq(tx)?;
    let mut moved = tx.all(
        "SELECT CAST(0 AS BIGINT), id, name, subject_kind, subject_name, at, actor, cause, summary, data FROM outbox ORDER BY at, ord, id LIMIT $1",
        &[BATCH.into()],
        envelope,
    )?;
    for event in &mut moved {
        seq += 1;
        event.seq = seq;
        tx.exec(
            "INSERT INTO events (seq, id, name, subject_kind, subject_name, at, actor, cause, summary, data) \
             SELECT $1, id, name, subject_kind, subject_name, at, actor, cause, summary, data FROM outbox WHERE id = $2",
            &[seq.into(), Arg::show(&event.id)],
        )?;
        tx.exec("DELETE FROM outbox WHERE id = $1", &[Arg::show(&event.id)])?;
    }
    Ok(moved.into_iter().map(Arc::new).collect())
}

fn deliver_some(tx: &mut Tx<'_>, subscriber: &dyn Subscriber, at_most: i64) -> Result<bool> {
    let from = locked_cursor(tx, subscriber.name())?;
    let events = events_after(tx, from, at_most)?;
    let Some(last) = events.last().map(|event| event.seq) else { return Ok(false) };
    for event in events.iter().filter(|event| subscriber.wants(&event.name)) {
        subscriber.handle(tx, event)?;
    }
    set_cursor(tx, subscriber.name(), last)?;
    Ok(true)
}

fn cursor(tx: &mut Tx<'_>, subscriber: &str) -> Result<i64> {
    Ok(tx
        .optional("SELECT seq FROM work_cursors WHERE subscriber = $1", &[subscriber.into()], |row| row.int(0))?
        .unwrap_or(0))
}

/// The cursor, and with it the right to act for this subscriber until the transaction ends: two processes on one database never both act on
/// an event. The embedded database has one writer anyway.
fn locked_cursor(tx: &mut Tx<'_>, subscriber: &str) -> Result<i64> {
    if tx.dialect() == Dialect::Sqlite {
        return cursor(tx, subscriber);
    }
    tx.exec(
        "INSERT INTO work_cursors (subscriber, seq) VALUES ($1, 0) ON CONFLICT (subscriber) DO NOTHING",
        &[subscriber.into()],
    )?;
    tx.one("SELECT seq FROM work_cursors WHERE subscriber = $1 FOR UPDATE", &[subscriber.into()], |row| row.int(0))
}

fn set_cursor(tx: &mut Tx<'_>, subscriber: &str, seq: i64) -> Result<()> {
    tx.exec(
        "INSERT INTO work_cursors (subscriber, seq) VALUES ($1, $2) ON CONFLICT (subscriber) DO UPDATE SET seq = excluded.seq",
        &[subscriber.into(), seq.into()],
    )?;
    Ok(())
}

/// The place of the last event that was delivered to `subscriber` and that it wants; 0 before the first.
///
/// # Errors
/// What the database can give.
pub fn last_delivered(tx: &mut Tx<'_>, subscriber: &dyn Subscriber) -> Result<i64> {
    let mut end = cursor(tx, subscriber.name())? + 1;
    loop {
        let page = tx.all(
            "SELECT seq, name FROM events WHERE seq < $1 ORDER BY seq DESC LIMIT $2",
            &[end.into(), BATCH.into()],
            |row| Ok((row.int(0)?, row.text(1)?)),
        )?;
        let Some((oldest, _)) = page.last() else { return Ok(0) };
        if let Some((seq, _)) = page.iter().find(|(_, name)| subscriber.wants(name)) {
            return Ok(*seq);
        }
        end = *oldest;
    }
}
