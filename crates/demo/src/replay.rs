//! Live traffic: the hours of a day as prediction requests, the counts of the day before as labels, and that day as a new file of the data set.

use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use pitcrew_client::Client;
use pitcrew_kernel::{Error, Result};
use serde_json::{Value, json};

use crate::hour::{self, Hour};
use crate::template;

/// The deployment and model of the demo's project.
pub(crate) const NAME: &str = "bikes";

/// One hour that was asked for, and how it turned out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Served {
    pub(crate) hour: Hour,
    pub(crate) prediction: f64,
    /// The model version that answered.
    pub(crate) version: String,
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

    /// Asks for every hour of a day, one after the other: the log then has the same order in every lap.
    ///
    /// # Errors
    /// The first refusal: live traffic must never fail.
    pub(crate) async fn predict(&self, hours: &[Hour]) -> Result<Vec<Served>> {
        let mut served = Vec::with_capacity(hours.len());
        for hour in hours {
            served.push(self.ask(*hour).await?);
        }
        Ok(served)
    }

    async fn ask(&self, hour: Hour) -> Result<Served> {
        let path = format!("/v2/models/{NAME}/infer");
        let answer =
            self.client.post(&path, &request(&hour)).await.map_err(|error| error.context(hour.request_id()))?;
        let prediction = answer.pointer("/outputs/0/data/0").and_then(Value::as_f64).ok_or_else(|| {
            Error::unavailable("ANSWER_INVALID", format!("{}: the prediction has no number", hour.request_id()))
        })?;
        let version = answer.get("model_version").and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Served { hour, prediction, version })
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
    pub(crate) fn observe(&self, day: NaiveDate, hours: &[Hour]) -> Result<()> {
        if hours.is_empty() {
            return Ok(());
        }
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
