//! Events as marks on the timeline of a model's quality.

use pitcrew_contracts::data::{ChecksFailed, VersionCreated};
use pitcrew_contracts::event::{Envelope, Event as _};
use pitcrew_contracts::monitoring::{AlertFired, AlertResolved, DriftDetected};
use pitcrew_contracts::pipelines::{RunFinished, RunStarted};
use pitcrew_contracts::registry::{AliasMoved, GateDecided};
use pitcrew_contracts::release::{ReleasePromoted, ReleaseRolledBack, ReleaseStarted, ReleaseStepped};
use pitcrew_kernel::Timestamp;
use serde_json::Value;

use crate::store::Annotation;

/// Events that become marks.
pub(crate) const MARKED: &[&str] = &[
    VersionCreated::NAME,
    ChecksFailed::NAME,
    RunStarted::NAME,
    RunFinished::NAME,
    GateDecided::NAME,
    AliasMoved::NAME,
    ReleaseStarted::NAME,
    ReleaseStepped::NAME,
    ReleasePromoted::NAME,
    ReleaseRolledBack::NAME,
    DriftDetected::NAME,
    AlertFired::NAME,
    AlertResolved::NAME,
];

/// The mark of an event, if it makes one. `watermark` is where event time stands.
pub(crate) fn mark(event: &Envelope, watermark: Option<Timestamp>) -> Option<Annotation> {
    let text = |field: &str| event.data.get(field).and_then(Value::as_str).unwrap_or_default();
    let (kind, severity, title) = match event.name.as_str() {
        VersionCreated::NAME => ("data", "info", format!("data {}", text("version"))),
        ChecksFailed::NAME => ("data", "bad", format!("checks of {} failed", text("dataset"))),
        RunStarted::NAME => ("run", "info", format!("{} #{} started", text("pipeline"), event.data["number"])),
        RunFinished::NAME if text("state") == "failed" => {
            ("run", "bad", format!("{} #{} failed", text("pipeline"), event.data["number"]))
        }
        GateDecided::NAME if text("verdict") == "passed" => ("gate", "good", "gate passed".to_owned()),
        GateDecided::NAME => ("gate", "bad", "gate refused".to_owned()),
        AliasMoved::NAME if event.data["from"].is_null() && text("alias") == "champion" => {
            ("promotion", "good", format!("{}/{} is the first champion", text("model"), event.data["to"]))
        }
        ReleaseStarted::NAME => ("canary", "info", format!("canary of version {}", event.data["candidate"])),
        ReleaseStepped::NAME => {
            ("canary", "info", format!("canary at {:.0} %", event.data["share"].as_f64().unwrap_or_default() * 100.0))
        }
        ReleasePromoted::NAME => ("promotion", "good", format!("version {} promoted", event.data["candidate"])),
        ReleaseRolledBack::NAME => ("rollback", "bad", format!("version {} rolled back", event.data["candidate"])),
        DriftDetected::NAME => ("drift", "warning", "drift".to_owned()),
        AlertFired::NAME => ("alarm", "bad", format!("{} firing", text("rule"))),
        AlertResolved::NAME => ("resolved", "good", format!("{} resolved", text("rule"))),
        _ => return None,
    };
    let own_time = ["event_time", "end"].iter().find_map(|field| text(field).parse().ok());
    Some(Annotation {
        seq: event.seq,
        t: own_time.or(watermark),
        at: event.at,
        kind,
        severity,
        title,
        detail: event.summary.clone(),
        link: (event.subject.kind.clone(), event.subject.name.clone()),
    })
}
