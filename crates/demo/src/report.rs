//! The end of the lap: what happened, told from the server's own records.

mod chart;
mod collect;
mod promises;
mod table;
#[cfg(test)]
mod tests;
mod words;

use std::path::PathBuf;

use chrono::NaiveDate;
use serde::{Serialize, Serializer};

use crate::replay::Served;
use crate::server::Record;

/// What the driver knows without asking the server.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Facts {
    /// Where the hours came from.
    pub source: String,
    /// Days that were history before the first live day.
    pub history_days: usize,
    /// Whether all live days were replayed; a limited lap promises nothing.
    pub whole: bool,
    /// The day the simulated world changes; unknown for a table.
    #[serde(serialize_with = "day_if_any")]
    pub changes_on: Option<NaiveDate>,
    /// Labels the server took as new.
    pub labels_accepted: u64,
    /// Labels it took otherwise: twice, corrected or for unknown requests. None are expected.
    pub labels_other: u64,
    /// Predictions found in the server's log as they were answered, with version and arm.
    pub logged: u64,
    /// Alert notifications the webhook receiver heard.
    pub notifications: u64,
    /// How long the lap took.
    pub seconds: f64,
    /// The demo's folder.
    pub folder: PathBuf,
}

/// One window of the monitor.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// The day the window ends.
    #[serde(serialize_with = "day")]
    pub day: NaiveDate,
    /// The monitored error; none without enough labels.
    pub error: Option<f64>,
    /// `ok`, `breach` or `no_data`.
    pub state: String,
}

/// The error of a calendar week of live traffic, computed here from answers and counts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Week {
    /// The first day.
    #[serde(serialize_with = "day")]
    pub from: NaiveDate,
    /// Sum of absolute errors over the sum of counts.
    pub wape: f64,
    /// Predictions in it.
    pub predictions: usize,
}

/// Something that happened at a point of event time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mark {
    /// The day.
    #[serde(serialize_with = "day")]
    pub day: NaiveDate,
    /// `alarm`, `resolved`, `gate`, `canary`, `promotion`, `rollback`, `drift`, `data` or `run`.
    pub kind: String,
    /// A few words.
    pub title: String,
    /// A sentence with figures.
    pub detail: String,
    /// `info`, `good`, `warning` or `bad`.
    pub severity: String,
}

/// What became of one candidate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Candidate {
    /// The number of its pipeline run.
    pub run: u64,
    /// Why it was trained.
    pub reason: String,
    /// The data it was trained on.
    pub data: String,
    /// Its version; none when the gate refused it.
    pub version: Option<u64>,
    /// `passed` or `refused`; empty when it never came to the gate.
    pub gate: String,
    /// Errors on the held-out hours: its own and the champion's.
    pub wape: Option<f64>,
    /// Mean absolute error of the candidate.
    pub mae: Option<f64>,
    /// Mean absolute error of the champion on the same hours.
    pub champion_mae: Option<f64>,
    /// The rules it broke.
    pub broken_rules: Vec<String>,
    /// The end of its release, or of the run when there was none.
    pub outcome: String,
    /// The release's reason, with its figures.
    pub evidence: String,
}

/// One thing the lap is there to show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Promise {
    /// What.
    pub what: String,
    /// Whether this lap showed it.
    pub kept: bool,
}

/// The report of a lap. The same seed gives the same report but for `seconds`, `folder` and ids.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// What the driver knows.
    pub facts: Facts,
    /// The monitored metric and its objective.
    pub metric: String,
    /// The bound of the metric.
    pub objective: Option<f64>,
    /// Predictions answered.
    pub predictions: usize,
    /// Versions of the data set at the end.
    pub data_versions: usize,
    /// The version that answers at the end.
    pub champion: Option<u64>,
    /// What the lap was to show; nothing when it was limited.
    pub promises: Vec<Promise>,
    /// Every candidate, in order.
    pub candidates: Vec<Candidate>,
    /// What happened, in order of event time.
    pub marks: Vec<Mark>,
    /// The monitor's windows.
    pub points: Vec<Point>,
    /// The error week by week.
    pub weeks: Vec<Week>,
}

impl Report {
    pub(crate) fn new(facts: Facts, served: &[Served], record: &Record) -> Self {
        collect::report(facts, served, record)
    }

    /// The report for a terminal of `width` columns.
    pub fn text(&self, width: usize) -> String {
        words::text(self, width)
    }

    /// The report as Markdown.
    pub fn markdown(&self) -> String {
        words::markdown(self)
    }

    /// What the lap did not show, though it was to.
    pub fn missing(&self) -> Vec<&str> {
        self.promises.iter().filter(|promise| !promise.kept).map(|promise| promise.what.as_str()).collect()
    }
}

fn day<S: Serializer>(day: &NaiveDate, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(day)
}

fn day_if_any<S: Serializer>(day: &Option<NaiveDate>, serializer: S) -> Result<S::Ok, S::Error> {
    day.map(|day| day.to_string()).serialize(serializer)
}
