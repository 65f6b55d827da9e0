//! What tests of several crates share: databases of both kinds, a world with a clock that stands still, calls without a socket. Never shipped.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "test support may stop at the first surprise"
)]

mod call;
mod db;
mod drive;
mod models;
mod tmpfs;
mod world;

pub use call::{call, call_as, open, stranger_is_refused};
pub use db::TestDb;
pub use drive::{apply, run_jobs};
pub use models::{FakeEngine, FakeModel, FakeModels, linear};
pub use tmpfs::Tmpfs;
pub use world::World;

pub use pitcrew_work::Tasks;
