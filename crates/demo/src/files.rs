//! The files a lap leaves behind.

use std::fmt::Write as _;
use std::path::Path;

use pitcrew_kernel::{Error, Result};

use crate::replay::Served;
use crate::report::Report;
use crate::template;

/// Their names, under the demo's folder.
pub(crate) const NAMES: [&str; 4] = ["report.md", "report.json", "predictions.csv", "project/pitcrew.yaml"];

/// Writes the report and every prediction with its outcome.
///
/// # Errors
/// `DEMO_FOLDER_UNWRITABLE`.
pub(crate) fn write(folder: &Path, report: &Report, served: &[Served]) -> Result<()> {
    let json =
        serde_json::to_vec_pretty(report).map_err(|source| Error::internal("the report does not serialise", source))?;
    let mut predictions = "request_id,version,arm,prediction,cnt\n".to_owned();
    for each in served {
        let Served { hour, prediction, version, arm } = each;
        let _ = writeln!(predictions, "{},{version},{arm},{prediction},{}", hour.request_id(), hour.cnt);
    }
    template::file(&folder.join("report.md"), report.markdown().as_bytes())?;
    template::file(&folder.join("report.json"), &json)?;
    template::file(&folder.join("predictions.csv"), predictions.as_bytes())
}
