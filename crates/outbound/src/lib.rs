//! Calls to addresses that people typed in, such as webhooks: they reach the outside, and nothing inside.
//!
//! Whoever may name an address could otherwise make the server ask what only the server can reach: this machine, its network, the metadata of
//! its cloud. So a name is resolved once, every address it leads to is looked at, and the connection goes to those very addresses: a name
//! server that answers differently the second time is never asked a second time. No redirect is followed, no proxy is used, and time and the
//! size of the answer have limits. Who runs the server may make exceptions.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")
)]

mod address;
mod call;
mod deliver;
mod policy;
mod target;

pub use call::{Answer, Message, Outbound, Resolve, Resolved};
pub use deliver::may_pass;
pub use policy::{Exception, Policy};
pub use target::{Target, shown};
