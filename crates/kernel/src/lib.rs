//! The words every part of Pitcrew shares: errors, ids, names, time, callers, pages, digests.
//!
//! No I/O, no async runtime, no knowledge of any other crate. Everything rebuilds after this one, so it stays small.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")
)]

mod clock;
mod ctx;
mod digest;
mod error;
mod ids;
mod name;
mod page;
mod span;

pub use clock::{Clock, FakeClock, Sleep, Timestamp};
pub use ctx::{Access, Cause, Ctx};
pub use digest::Digest;
pub use error::{Error, Kind, Result};
pub use ids::{Ids, RandomIds, SeededIds};
pub use page::{MAX_PAGE_LIMIT, Page, PageRequest};
pub use span::Span;

#[doc(hidden)]
pub mod __private {
    pub use crate::ids::{decode, encode};
    pub use crate::name::check as check_name;
    pub use uuid::Uuid;
}
