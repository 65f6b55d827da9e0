//! Time, ids and a caller for tests.

use std::sync::Arc;

use pitcrew_db::{Db, Outgoing};
use pitcrew_kernel::{Access, Clock, Ctx, FakeClock, Ids, SeededIds, Timestamp};
use pitcrew_work::{Pump, Subscriber};

/// A world at 2026-01-01 in which nothing is random and time stands still.
#[derive(Debug, Clone)]
pub struct World {
    /// Moves when told to.
    pub clock: FakeClock,
    /// Repeatable ids.
    pub ids: Arc<dyn Ids>,
    /// `ana`, who may do everything.
    pub ctx: Ctx,
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// A new world.
    pub fn new() -> Self {
        let clock = FakeClock::at("2026-01-01T00:00:00Z".parse::<Timestamp>().expect("a time"));
        let ids: Arc<dyn Ids> = Arc::new(SeededIds::new(Arc::new(clock.clone()), 42));
        let ctx = Ctx { actor: "ana".to_owned(), access: Access::Admin, request_id: "req-1".to_owned(), cause: None };
        Self { clock, ids, ctx }
    }

    /// The clock as services take it.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(self.clock.clone())
    }

    /// The same caller with less access.
    pub fn ctx_with(&self, access: Access) -> Ctx {
        Ctx { access, ..self.ctx.clone() }
    }

    /// What a transaction needs to state events.
    pub fn out(&self) -> Outgoing<'_> {
        Outgoing { ctx: &self.ctx, ids: self.ids.as_ref(), clock: &self.clock }
    }

    /// Delivers every waiting event to `subscribers`.
    pub async fn pump(&self, db: &Db, subscribers: Vec<Arc<dyn Subscriber>>) {
        Pump::new(db.clone(), self.clock(), subscribers).drain().await.expect("events are delivered");
    }
}
