//! The arithmetic of judging models: drift, release tests, metrics and histograms.
//!
//! Everything here is a pure function or a small struct over `f64`: no I/O, no clock, no global randomness.
//! Three promises hold throughout:
//!
//! - *Verdicts have stated error rates.* Drift thresholds come from what the reference itself does over windows of the same
//!   size and order ([`drift`]); release verdicts hold at every look, not at one planned look ([`sequential`]). The
//!   simulations in `tests/it` hold both to their word.
//! - *No data is a verdict of its own.* Too few samples never read as "all is well" nor as "something is wrong".
//! - *One odd value decides nothing.* Bins come from reference quantiles, distances are winsorised, losses are clipped at a
//!   bound chosen before the data.
//!
//! Missing values are `NaN` in numeric slices and `None` in categorical ones; no function here panics on them.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")
)]

mod error;
mod rng;

pub mod drift;
pub mod histogram;
pub mod latency;
pub mod metrics;
pub mod multiple;
pub mod proportion;
pub mod reference;
pub mod sequential;
pub mod special;
pub mod summary;

pub use error::InvalidInput;
