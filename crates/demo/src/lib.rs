//! The demo: a city whose bike-share world changes, and the lap that a running server drives around it.
//!
//! [`city`] makes two years of hours, [`table`] reads the public table into the same rows, [`bikes`] replays them against a server as a user
//! would, and [`Report`] tells how it went.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")
)]

pub mod city;
mod files;
mod folder;
mod hook;
pub mod hour;
mod lap;
mod progress;
mod replay;
mod report;
mod server;
pub mod table;
mod template;

pub use folder::{FOLDER, choose_folder};
pub use lap::{Options, bikes};
pub use progress::Show;
pub use report::{Candidate, Facts, Mark, Point, Promise, Report, Week};
pub use template::TEMPLATE;
