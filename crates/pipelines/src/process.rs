//! Processes of steps: in a group of their own, with a known identity, watched line by line, and never left behind.

mod identity;
mod run;

pub(crate) use identity::{Identity, OWNER_VARIABLE, RUN_VARIABLE, kill_group, owned_by_the_dead};
pub(crate) use run::{Ending, Exit, Launch, Limits, run};
