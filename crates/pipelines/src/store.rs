//! The only place with SQL. Stores write what they are given.

pub(crate) mod declared;
pub(crate) mod processes;
pub(crate) mod runs;
pub(crate) mod steps;

use pitcrew_kernel::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|source| Error::internal("a value does not serialise", source))
}

pub(crate) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|source| Error::internal("a stored value does not read as expected", source))
}
