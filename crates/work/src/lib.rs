//! What happens without a caller waiting: events delivered, jobs run, schedules kept, tasks ended in order.
//!
//! The pump gives committed events a gap-free order and feeds each subscriber at least once; a subscriber's effect and its cursor commit
//! together, so inside the database it is exactly once. Jobs are leased, retried with backoff and keyed for idempotency.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")
)]

mod clock;
mod declared;
mod events;
mod jobs;
mod pump;
mod runner;
mod schedule;
mod tasks;

pub use clock::SystemClock;
pub use declared::{Applying, CodeFile, CodeSnapshot, Declared, Registered, diff};
pub use events::{EventFilter, events_after, events_latest, events_matching, last_seq};
pub use jobs::{Job, NewJob, UnderWay, enqueue, in_flight, release_leases, under_way};
pub use pump::{Pump, Subscriber, last_delivered};
pub use runner::{JobHandler, Runner};
pub use schedule::{Schedule, Scheduler, set_schedules};
pub use tasks::Tasks;

use pitcrew_db::{Migration, Migrations};

/// The tables of this crate.
pub const MIGRATIONS: Migrations = Migrations {
    slice: "work",
    steps: &[Migration { name: "0001_work", sql: include_str!("../migrations/0001_work.sql") }],
};
