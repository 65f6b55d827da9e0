//! What traces belong to besides their experiment.

use pitcrew_db::{Arg, Tx};
use pitcrew_filter::sql::RowInsert;
use pitcrew_kernel::Result;

/// A run, by its id.
pub(crate) const RUN: &str = "run";
/// A prompt, by `name/version`.
pub(crate) const PROMPT: &str = "prompt";

static ADD: RowInsert = RowInsert::new(
    "INSERT INTO traces_links (kind, target, trace_no) VALUES",
    0,
    3,
    "ON CONFLICT (kind, target, trace_no) DO NOTHING",
);

/// Links; what is linked already stays so.
pub(crate) fn add(tx: &mut Tx<'_>, kind: &str, links: &[(String, i64)]) -> Result<()> {
    let rows: Vec<(&str, &str, i64)> = links.iter().map(|(target, no)| (kind, target.as_str(), *no)).collect();
    ADD.run(tx, &[], &rows, |(kind, target, no), args| {
        args.extend([Arg::from(*kind), Arg::from(*target), (*no).into()]);
    })
    .map(drop)
}
