//! The report of a made-up lap with one of everything.

use std::path::PathBuf;

use chrono::{Days, NaiveDate};
use serde_json::{Value, json};

use super::{Facts, Report};
use crate::city;
use crate::replay::Served;
use crate::server::Record;

fn facts() -> Facts {
    Facts {
        source: "simulated city, seed 7".into(),
        history_days: 365,
        whole: true,
        changes_on: NaiveDate::from_ymd_opt(2012, 3, 5),
        labels_accepted: 480,
        labels_other: 0,
        logged: 480,
        notifications: 2,
        seconds: 101.4,
        folder: PathBuf::from("demo-home"),
    }
}

/// Twenty days in which every prediction is 25 % too high.
fn served() -> Vec<Served> {
    let hours = city::simulate(7).into_iter().skip(365 * 24).take(480);
    hours
        .map(|hour| Served {
            hour,
            prediction: 1.25 * f64::from(hour.cnt),
            version: "1".into(),
            arm: "champion".into(),
        })
        .collect()
}

fn run(number: u64, state: &str, params: Value, reason: &str, cause: Value) -> Value {
    json!({ "id": format!("run_{number}"), "number": number, "state": state, "params": params, "reason": reason, "cause": cause, "dataset_version": format!("bikes@{number}") })
}

fn decision(number: u64, version: Option<u64>, wape: f64, champion_mae: Option<f64>) -> Value {
    let verdict = if version.is_some() { "passed" } else { "refused" };
    json!({
        "pipeline_run": format!("run_{number}"), "verdict": verdict, "version": version, "metrics": { "wape": wape, "mae": 200.0 * wape },
        "champion_metrics": champion_mae.map(|mae| json!({ "mae": mae })),
        "rules": [{ "verdict": verdict, "detail": format!("wape {wape} against at most 0.4") }],
    })
}

fn record() -> Record {
    let start = NaiveDate::from_ymd_opt(2012, 1, 1).unwrap();
    let time = |day: u64| format!("{}T00:00:00.000000Z", start + Days::new(day));
    let error = |day: u64| match day {
        0..=9 => Some(0.2),
        10..=20 => Some(0.2 + 0.04 * (day as f64 - 9.0)),
        21..=24 => None,
        _ => Some(0.22),
    };
    let points: Vec<Value> =
        (0..60).map(|day| json!({ "t": time(day), "value": error(day), "n": 168, "state": "ok" })).collect();
    let mark = |day: u64, kind: &str, severity: &str, title: &str| json!({ "t": time(day), "kind": kind, "severity": severity, "title": title, "detail": "with figures" });
    let user = || json!({ "kind": "user" });
    let version = |number: u64, run: u64, aliases: &[&str]| json!({ "version": number, "aliases": aliases, "lineage": { "pipeline_run": format!("run_{run}") } });
    Record {
        timeline: json!({ "metric": "wape", "objective": 0.33, "points": points, "annotations": [
            mark(0, "run", "info", "train #1 started"), mark(16, "alarm", "bad", "bikes-error firing"), mark(18, "promotion", "good", "version 2 promoted"),
            mark(18, "resolved", "good", "bikes-error resolved"), mark(40, "gate", "bad", "gate refused"), mark(50, "rollback", "bad", "version 3 rolled back"),
        ] }),
        versions: vec![version(1, 1, &[]), version(2, 2, &["champion"]), version(3, 4, &["challenger"])],
        decisions: vec![
            decision(1, Some(1), 0.2, None),
            decision(2, Some(2), 0.3, Some(120.0)),
            decision(3, None, 0.9, Some(60.0)),
            decision(4, Some(3), 0.2, Some(70.0)),
        ],
        releases: vec![
            json!({ "candidate": 2, "state": "promoted", "event_time": "2012-01-19T23:00:00.000000Z", "reason": "candidate better by 61.2 [48.0, 74.4]" }),
            json!({ "candidate": 3, "state": "rolled_back", "reason": "candidate worse by 40.0 [12.0, 68.0]" }),
        ],
        alerts: vec![
            json!({ "id": "al_1", "state": "resolved", "fired_at": "2012-01-17T00:00:00Z", "action": { "run": "train", "pipeline_run": "run_2" } }),
        ],
        // Newest first, as the server lists them.
        runs: vec![
            run(4, "succeeded", json!({ "until": "2012-01-01" }), "a stale candidate", user()),
            run(3, "refused", json!({ "shuffle_labels": true }), "a spoiled candidate", user()),
            run(2, "succeeded", json!({}), "", json!({ "kind": "alert", "summary": "wape 0.48 over 0.33" })),
            run(1, "succeeded", json!({}), "the first training", user()),
        ],
        datasets: vec![json!({}), json!({})],
        heard: ["firing", "resolved"].map(|status| json!({ "alert": "al_1", "status": status })).to_vec(),
    }
}

#[test]
fn a_whole_lap_in_words() {
    let report = Report::new(facts(), &served(), &record());
    assert!(report.missing().is_empty(), "{:?}", report.missing());
    insta::assert_snapshot!(report.text(72));
}

#[test]
fn a_whole_lap_in_markdown() {
    insta::assert_snapshot!(Report::new(facts(), &served(), &record()).markdown());
}

#[test]
fn a_whole_lap_as_data() {
    let mut report = Report::new(facts(), &served(), &record());
    report.points.truncate(1);
    insta::assert_json_snapshot!(report);
}

#[test]
fn a_lap_that_showed_nothing_says_so() {
    let report = Report::new(facts(), &[], &Record::default());
    assert_eq!(report.missing().len(), 7);
    assert!(report.text(80).contains("no window has been evaluated"));
}

#[test]
fn what_was_not_heard_or_not_logged_is_missing() {
    let mut deaf = record();
    deaf.heard.retain(|note| note["status"] != "firing");
    let missing = |facts: Facts, record: &Record| Report::new(facts, &served(), record).missing().join("; ");
    assert_eq!(missing(facts(), &deaf), "the webhook receiver heard of the alert");
    let lost = Facts { logged: 479, ..facts() };
    assert_eq!(missing(lost, &record()), "the log holds every prediction with version and arm");
}

#[test]
fn a_limited_lap_promises_nothing() {
    let report = Report::new(Facts { whole: false, ..facts() }, &served(), &record());
    assert!(report.promises.is_empty() && !report.markdown().contains("What the lap was to show"));
}
