//! Live traffic: hours as prediction requests, their counts as labels a day later, and whole days as new files of the data set.

use std::path::{Path, PathBuf};

use chrono::{Duration, NaiveDateTime, NaiveTime, Timelike as _};
use pitcrew_client::Client;
use pitcrew_kernel::{Error, Result};
use serde_json::{Value, json};

use crate::hour::{self, Hour};
use crate::template;

/// The deployment and model of the demo's project.
pub(crate) const NAME: &str = "bikes";

/// The count of an hour is known so long after the hour began.
const KNOWN_AFTER: Duration = Duration::hours(24);
/// What has become known is told at the end of each block of so many hours of the clock.
const BLOCK_HOURS: u32 = 6;

/// One hour that was asked for, and how it turned out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Served {
    pub(crate) hour: Hour,
    pub(crate) prediction: f64,
    /// The model version that answered.
    pub(crate) version: String,
    /// `champion` or `candidate`.
    pub(crate) arm: String,
}

/// The hours of a day by the block of the clock they lie in.
pub(crate) fn blocks(day: &[Hour]) -> impl Iterator<Item = &[Hour]> {
    day.chunk_by(|one, next| one.start.hour() / BLOCK_HOURS == next.start.hour() / BLOCK_HOURS)
}

/// The moment a block is over.
pub(crate) fn end_of(block: &[Hour]) -> NaiveDateTime {
    let Some(hour) = block.first().map(|hour| hour.start) else { return NaiveDateTime::MIN };
    let block_number = hour.hour() / BLOCK_HOURS;
    hour.date().and_time(NaiveTime::MIN) + Duration::hours(i64::from((block_number + 1) * BLOCK_HOURS))
}

/// How many of the served hours are known at `moment`.
pub(crate) fn known_at(served: &[Served], moment: NaiveDateTime) -> usize {
    served.partition_point(|served| served.hour.start + KNOWN_AFTER < moment)
}

/// The labels the server has taken, by what it said of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Labels {
    pub(crate) accepted: u64,
    pub(crate) other: u64,
}

/// Replays hours against a server and the data folder of the project.
#[derive(Debug)]
pub(crate) struct Replay<'a> {
    client: &'a Client,
    data: PathBuf,
}

impl<'a> Replay<'a> {
    pub(crate) fn new(client: &'a Client, project: &Path) -> Self {
        Self { client, data: project.join("data") }
    }

    /// Asks for one hour. The lap asks one after the other: the log then has the same order in every lap.
    ///
    /// # Errors
    /// A refusal: live traffic must never fail.
    pub(crate) async fn ask(&self, hour: Hour) -> Result<Served> {
        let path = format!("/v2/models/{NAME}/infer");
        let answer =
            self.client.post(&path, &request(&hour)).await.map_err(|error| error.context(hour.request_id()))?;
        let prediction = answer.pointer("/outputs/0/data/0").and_then(Value::as_f64).ok_or_else(|| {
            Error::unavailable("ANSWER_INVALID", format!("{}: the prediction has no number", hour.request_id()))
        })?;
        let version = answer.get("model_version").and_then(Value::as_str).unwrap_or_default().to_owned();
        let arm = answer.pointer("/parameters/arm").and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Served { hour, prediction, version, arm })
    }

    /// Tells the server how many bikes were rented in hours it was asked for before.
    pub(crate) async fn label(&self, hours: &[Served]) -> Result<Labels> {
        if hours.is_empty() {
            return Ok(Labels::default());
        }
        let labels: Vec<Value> = hours
            .iter()
            .map(|served| {
                let hour = &served.hour;
                json!({ "request_id": hour.request_id(), "value": f64::from(hour.cnt), "event_time": hour.ts() })
            })
            .collect();
        let answer =
            self.client.post(&format!("/api/v1/deployments/{NAME}/labels"), &json!({ "labels": labels })).await?;
        let count = |field: &str| answer.get(field).and_then(Value::as_u64).unwrap_or(0);
        Ok(Labels { accepted: count("accepted"), other: count("duplicate") + count("corrected") + count("unknown") })
    }

    /// Puts a day that has been observed into the project's data.
    ///
    /// # Errors
    /// `DEMO_FOLDER_UNWRITABLE`.
    pub(crate) fn observe(&self, hours: &[Hour]) -> Result<()> {
        let Some(day) = hours.first().map(Hour::day) else { return Ok(()) };
        template::file(&self.data.join(format!("{day}.csv")), hour::to_csv(hours).as_bytes())
    }

    /// Writes the history that is known before the first live day.
    ///
    /// # Errors
    /// `DEMO_FOLDER_UNWRITABLE`.
    pub(crate) fn history(&self, hours: &[Hour]) -> Result<()> {
        template::file(&self.data.join("history.csv"), hour::to_csv(hours).as_bytes())
    }
}

/// An Open Inference Protocol v2 request for one hour: a named FP32 tensor per feature.
fn request(hour: &Hour) -> Value {
    let inputs: Vec<Value> = hour::feature_names()
        .iter()
        .zip(hour.features())
        .map(|(name, value)| json!({ "name": name, "shape": [1, 1], "datatype": "FP32", "data": [value] }))
        .collect();
    json!({ "id": hour.request_id(), "parameters": { "event_time": hour.ts() }, "inputs": inputs })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_its_hour_and_its_features() {
        let hour = crate::city::simulate(7).swap_remove(5);
        let request = request(&hour);
        assert_eq!(request["id"], "2011-01-01T05");
        assert_eq!(request["parameters"]["event_time"], "2011-01-01T05:00:00Z");
        assert_eq!(request["inputs"].as_array().unwrap().len(), hour::FEATURE_COUNT);
        assert_eq!(request["inputs"][2], json!({ "name": "hr", "shape": [1, 1], "datatype": "FP32", "data": [5.0] }));
    }
}
