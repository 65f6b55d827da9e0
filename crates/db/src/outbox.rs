//! Stating events inside the transaction that made them true.

use std::sync::atomic::{AtomicI64, Ordering};

use pitcrew_contracts::event::Event;
use pitcrew_contracts::names::EventId;
use pitcrew_kernel::{Clock, Ctx, Error, Ids, Result};

use crate::engine::Signal;
use crate::migrate::{Migration, Migrations};
use crate::tx::Tx;

/// The outbox and the ordered log of delivered events.
pub const MIGRATIONS: Migrations = Migrations {
    slice: "outbox",
    steps: &[
        Migration { name: "0001_outbox", sql: include_str!("../migrations/0001_outbox.sql") },
        Migration { name: "0002_event_lists", sql: include_str!("../migrations/0002_event_lists.sql") },
    ],
};

/// Orders events stated within one microsecond of this process. Across processes `at` decides.
static STATED: AtomicI64 = AtomicI64::new(0);

/// What a transaction needs to state an event: who makes ids, what time it is.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// Who acts and why.
    pub ctx: &'a Ctx,
    /// The source of ids.
    pub ids: &'a dyn Ids,
    /// The time.
    pub clock: &'a dyn Clock,
}

impl Tx<'_> {
    /// Writes `event` to the outbox. It is delivered once this transaction has committed, and never if it does not.
    ///
    /// # Errors
    /// As [`Tx::exec`].
    pub fn emit<E: Event>(&mut self, out: Outgoing<'_>, event: &E) -> Result<()> {
        let subject = event.subject();
        let data =
            serde_json::to_string(event).map_err(|source| Error::internal("an event does not serialise", source))?;
        let cause = match &out.ctx.cause {
            Some(cause) => Some(
                serde_json::to_string(cause).map_err(|source| Error::internal("a cause does not serialise", source))?,
            ),
            None => None,
        };
        self.exec(
            "INSERT INTO outbox (id, name, subject_kind, subject_name, at, ord, actor, cause, summary, data) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            &[
                EventId::new(out.ids).to_string().into(),
                E::NAME.into(),
                subject.kind.into(),
                subject.name.into(),
                out.clock.now().into(),
                STATED.fetch_add(1, Ordering::Relaxed).into(),
                out.ctx.actor.as_str().into(),
                cause.into(),
                event.summary().into(),
                data.into(),
            ],
        )?;
        self.signal(Signal::Outbox);
        Ok(())
    }
}
