//! Serving's tables. Nothing else in this crate knows a column.

mod deployments;
mod labels;
mod log;
mod releases;

pub(crate) use deployments::{deployment, deployments, forget, save, set_champion};
pub(crate) use labels::{Label, Written, labels_between, labels_of, newest_label, write_labels};
pub(crate) use log::{
    LogFile, add_file, deployments_with_files, files, last_segment, newest_files, raise_watermark, watermark,
    watermarks,
};
pub(crate) use releases::{
    add_evidence, evidence, insert_release, last_evidence, release, release_by_trigger, releases, running, running_ids,
    update_release,
};

use pitcrew_kernel::{Error, Result};
use serde::Serialize;

fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|source| Error::internal("a serving value does not serialise", source))
}
