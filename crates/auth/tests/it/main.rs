//! Who may call, and what is written down of every change, on both databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")]

mod audit;
mod tokens;

use pitcrew_testkit::TestDb;

async fn each() -> Vec<TestDb> {
    TestDb::each(&[pitcrew_auth::MIGRATIONS]).await
}
