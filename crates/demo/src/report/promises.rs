//! What a whole lap is there to show, and whether it did.

use serde_json::Value;

use super::collect::day;
use super::{Facts, Point, Promise};
use crate::server::Record;

/// The promises of a lap that answered `predictions` requests.
pub(super) fn kept(
    facts: &Facts,
    predictions: usize,
    record: &Record,
    points: &[Point],
    objective: Option<f64>,
) -> Vec<Promise> {
    let promise = |what: &str, kept: bool| Promise { what: what.to_owned(), kept };
    vec![
        promise(
            "the log holds every prediction with version and arm",
            predictions > 0 && facts.logged == predictions as u64,
        ),
        promise("an alert fired and started the pipeline", alert_started_a_run(record)),
        promise("the webhook receiver heard of the alert", alerts_were_heard(record)),
        promise(
            "a retrained version won its canary",
            trained_in_state(record, "promoted").any(|run| !is_spoiled(run) && !is_stale(run)),
        ),
        promise("the gate refused the candidate with shuffled labels", gate_refused_the_spoiled(record)),
        promise("the canary rolled the stale candidate back", trained_in_state(record, "rolled_back").any(is_stale)),
        promise(
            "the error came back inside its objective and mostly stayed there",
            objective.is_some_and(|objective| error_came_back(record, points, objective)),
        ),
    ]
}

fn is_spoiled(run: &Value) -> bool {
    run["params"]["shuffle_labels"] == true
}

fn is_stale(run: &Value) -> bool {
    run["params"]["until"].as_str().is_some_and(|until| !until.is_empty())
}

fn alert_started_a_run(record: &Record) -> bool {
    record.alerts.iter().any(|alert| !alert["action"]["pipeline_run"].is_null())
}

/// Every alert that fired was told to the receiver.
fn alerts_were_heard(record: &Record) -> bool {
    let mut fired = record.alerts.iter().filter(|alert| !alert["fired_at"].is_null()).peekable();
    let told =
        |alert: &Value| record.heard.iter().any(|note| note["status"] == "firing" && note["alert"] == alert["id"]);
    fired.peek().is_some() && fired.all(told)
}

fn run_of<'a>(record: &'a Record, id: &Value) -> Option<&'a Value> {
    record.runs.iter().find(|run| run["id"] == *id && !id.is_null())
}

fn releases<'a>(record: &'a Record, state: &'static str) -> impl Iterator<Item = &'a Value> {
    record.releases.iter().filter(move |release| release["state"] == state)
}

/// The runs that trained the candidates of the releases in this state.
fn trained_in_state<'a>(record: &'a Record, state: &'static str) -> impl Iterator<Item = &'a Value> {
    releases(record, state).filter_map(|release| {
        let version = record.versions.iter().find(|found| found["version"] == release["candidate"])?;
        run_of(record, &version["lineage"]["pipeline_run"])
    })
}

fn gate_refused_the_spoiled(record: &Record) -> bool {
    let refused = record.decisions.iter().filter(|decision| decision["verdict"] == "refused");
    refused.filter_map(|decision| run_of(record, &decision["pipeline_run"])).any(is_spoiled)
}

/// Counted from the day the last winning release began. A holiday in the last week must not spoil the verdict on the months before it.
fn error_came_back(record: &Record, points: &[Point], objective: f64) -> bool {
    let won_on = releases(record, "promoted").filter_map(|release| day(&release["event_time"])).max();
    let since: Vec<f64> = points
        .iter()
        .filter(|point| won_on.is_some_and(|won| point.day > won))
        .filter_map(|point| point.error)
        .collect();
    since.iter().filter(|error| **error <= objective).count() * 2 > since.len()
}
