//! From the server's records to the report.

use chrono::{Datelike as _, Days, NaiveDate};
use serde_json::Value;

use super::{Candidate, Facts, Mark, Point, Report, Week, promises};
use crate::replay::Served;
use crate::server::{Record, text};

pub(super) fn report(facts: Facts, served: &[Served], record: &Record) -> Report {
    let timeline = &record.timeline;
    let points: Vec<Point> = list(timeline, "points").iter().filter_map(point).collect();
    let mut marks: Vec<Mark> = list(timeline, "annotations").iter().filter_map(mark).collect();
    marks.sort_by_key(|mark| mark.day);
    let objective = timeline["objective"].as_f64();
    let mut runs: Vec<&Value> = record.runs.iter().collect();
    runs.sort_by_key(|run| run["number"].as_u64());
    let candidates: Vec<Candidate> = runs.into_iter().map(|run| candidate(run, record)).collect();
    let champion =
        record.versions.iter().find(|version| list(version, "aliases").iter().any(|alias| alias == "champion"));
    Report {
        promises: if facts.whole {
            promises::kept(&facts, served.len(), record, &points, objective)
        } else {
            Vec::new()
        },
        facts,
        metric: text(timeline, "metric"),
        objective,
        predictions: served.len(),
        data_versions: record.datasets.len(),
        champion: champion.and_then(|version| version["version"].as_u64()),
        candidates,
        marks,
        points,
        weeks: weeks(served),
    }
}

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The day of an RFC 3339 time.
pub(super) fn day(value: &Value) -> Option<NaiveDate> {
    value.as_str()?.get(..10)?.parse().ok()
}

fn point(point: &Value) -> Option<Point> {
    Some(Point { day: day(&point["t"])?, error: point["value"].as_f64(), state: text(point, "state") })
}

fn mark(mark: &Value) -> Option<Mark> {
    let field = |name: &str| text(mark, name);
    Some(Mark {
        day: day(&mark["t"])?,
        kind: field("kind"),
        title: field("title"),
        detail: field("detail"),
        severity: field("severity"),
    })
}

/// The story of the candidate that a pipeline run trained.
fn candidate(run: &Value, record: &Record) -> Candidate {
    let id = text(run, "id");
    let decision =
        record.decisions.iter().find(|decision| text(decision, "pipeline_run") == id).unwrap_or(&Value::Null);
    let version = decision["version"].as_u64();
    let release = record.releases.iter().find(|release| version.is_some() && release["candidate"].as_u64() == version);
    let broken = list(decision, "rules").iter().filter(|rule| rule["verdict"] == "refused");
    let cause = text(&run["cause"], "summary");
    let outcome = match release {
        Some(release) => text(release, "state"),
        None if version.is_some() => "first champion".to_owned(),
        None => text(run, "state"),
    };
    Candidate {
        run: run["number"].as_u64().unwrap_or(0),
        reason: if cause.is_empty() || run["cause"]["kind"] == "user" { text(run, "reason") } else { cause },
        data: text(run, "dataset_version"),
        version,
        gate: text(decision, "verdict"),
        wape: decision["metrics"]["wape"].as_f64(),
        mae: decision["metrics"]["mae"].as_f64(),
        champion_mae: decision["champion_metrics"]["mae"].as_f64(),
        broken_rules: broken.map(|rule| text(rule, "detail")).collect(),
        outcome,
        evidence: release.map(|release| text(release, "reason")).unwrap_or_default(),
    }
}

/// The error of each calendar week (from Monday), weighted by volume.
fn weeks(served: &[Served]) -> Vec<Week> {
    let monday = |served: &Served| {
        let day = served.hour.day();
        day.checked_sub_days(Days::new(u64::from(day.weekday().num_days_from_monday()))).unwrap_or(day)
    };
    let week = |hours: &[Served]| {
        let total: f64 = hours.iter().map(|served| f64::from(served.hour.cnt)).sum();
        let wrong: f64 = hours.iter().map(|served| (served.prediction - f64::from(served.hour.cnt)).abs()).sum();
        let from = hours.first().map(monday)?;
        (total > 0.0).then(|| Week { from, wape: wrong / total, predictions: hours.len() })
    };
    served.chunk_by(|one, next| monday(one) == monday(next)).filter_map(week).collect()
}
