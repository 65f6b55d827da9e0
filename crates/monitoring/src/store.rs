//! Monitoring's tables. Nothing else in this crate knows a column.

use pitcrew_contracts::names::{AlertRuleName, DeploymentName, MonitorName};
use pitcrew_contracts::spec::{Alert, Monitor};
use pitcrew_db::{Arg, Row, Tx};
use pitcrew_kernel::{Error, Result, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use crate::alert::{AlertRecord, AlertState};
use crate::model::Window;

pub(crate) fn json_text(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|source| Error::internal("a monitoring value does not serialise", source))
}

pub(crate) fn set_monitor(tx: &mut Tx<'_>, name: &str, spec: &Monitor) -> Result<()> {
    tx.exec(
        "INSERT INTO monitoring_monitors (name, deployment, spec) VALUES ($1, $2, $3) \
         ON CONFLICT (name) DO UPDATE SET deployment = excluded.deployment, spec = excluded.spec",
        &[name.into(), spec.deployment.as_str().into(), json_text(spec)?.into()],
    )?;
    Ok(())
}

pub(crate) fn delete_monitor(tx: &mut Tx<'_>, name: &str) -> Result<()> {
    tx.exec("DELETE FROM monitoring_monitors WHERE name = $1", &[name.into()]).map(drop)
}

pub(crate) fn set_rule(tx: &mut Tx<'_>, name: &str, spec: &Alert) -> Result<()> {
    tx.exec(
        "INSERT INTO monitoring_rules (name, monitor, spec) VALUES ($1, $2, $3) \
         ON CONFLICT (name) DO UPDATE SET monitor = excluded.monitor, spec = excluded.spec",
        &[name.into(), spec.monitor.as_str().into(), json_text(spec)?.into()],
    )?;
    Ok(())
}

pub(crate) fn delete_rule(tx: &mut Tx<'_>, name: &str) -> Result<()> {
    tx.exec("DELETE FROM monitoring_rules WHERE name = $1", &[name.into()]).map(drop)
}

pub(crate) fn monitors(tx: &mut Tx<'_>) -> Result<Vec<(MonitorName, Monitor)>> {
    tx.all("SELECT name, spec FROM monitoring_monitors ORDER BY name", &[], |row| Ok((row.parsed(0)?, row.json(1)?)))
}

pub(crate) fn monitor(tx: &mut Tx<'_>, name: &MonitorName) -> Result<Option<Monitor>> {
    tx.optional("SELECT spec FROM monitoring_monitors WHERE name = $1", &[name.as_str().into()], |row| row.json(0))
}

pub(crate) fn monitors_of(tx: &mut Tx<'_>, deployment: &DeploymentName) -> Result<Vec<MonitorName>> {
    tx.all(
        "SELECT name FROM monitoring_monitors WHERE deployment = $1 ORDER BY name",
        &[deployment.as_str().into()],
        |row| row.parsed(0),
    )
}

pub(crate) fn rules(tx: &mut Tx<'_>) -> Result<Vec<(AlertRuleName, Alert)>> {
    tx.all("SELECT name, spec FROM monitoring_rules ORDER BY name", &[], |row| Ok((row.parsed(0)?, row.json(1)?)))
}

/// How far a monitor has looked, and what has changed since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) first_at: Timestamp,
    pub(crate) watermark: Timestamp,
    pub(crate) evaluated_to: Option<Timestamp>,
    /// Oldest first, at most [`MAX_CHANGES`].
    pub(crate) changes: Vec<Stretch>,
}

/// A stretch of event time, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) seq: i64,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
}

/// Changed stretches looked at in one go.
pub(crate) const MAX_CHANGES: usize = 1_000;

pub(crate) fn progress(tx: &mut Tx<'_>, monitor: &MonitorName) -> Result<Option<Progress>> {
    let Some(mut progress) = bounds(tx, monitor)? else { return Ok(None) };
    progress.changes = tx.all(
        "SELECT seq, from_at, to_at FROM monitoring_changes WHERE monitor = $1 ORDER BY seq LIMIT $2",
        &[monitor.as_str().into(), i64::try_from(MAX_CHANGES).unwrap_or(i64::MAX).into()],
        |row| Ok(Stretch { seq: row.int(0)?, from: row.time(1)?, to: row.time(2)? }),
    )?;
    Ok(Some(progress))
}

fn bounds(tx: &mut Tx<'_>, monitor: &MonitorName) -> Result<Option<Progress>> {
    tx.optional(
        "SELECT first_at, watermark, evaluated_to FROM monitoring_progress WHERE monitor = $1",
        &[monitor.as_str().into()],
        |row| {
            let (first_at, watermark, evaluated_to) = (row.time(0)?, row.time(1)?, row.opt_time(2)?);
            Ok(Progress { first_at, watermark, evaluated_to, changes: Vec::new() })
        },
    )
}

/// Remembers that a stretch has changed.
pub(crate) fn mark_changed(
    tx: &mut Tx<'_>,
    monitor: &MonitorName,
    stretch: Stretch,
    watermark: Timestamp,
) -> Result<()> {
    let before = bounds(tx, monitor)?;
    let first = before.as_ref().map_or(stretch.from, |before| before.first_at.min(stretch.from));
    let watermark = before.map_or(watermark, |before| before.watermark.max(watermark));
    tx.exec(
        "INSERT INTO monitoring_progress (monitor, first_at, watermark) VALUES ($1, $2, $3) \
         ON CONFLICT (monitor) DO UPDATE SET first_at = excluded.first_at, watermark = excluded.watermark",
        &[monitor.as_str().into(), first.into(), watermark.into()],
    )?;
    tx.exec(
        "INSERT INTO monitoring_changes (monitor, seq, from_at, to_at) VALUES ($1, $2, $3, $4) ON CONFLICT (monitor, seq) DO NOTHING",
        &[monitor.as_str().into(), stretch.seq.into(), stretch.from.into(), stretch.to.into()],
    )?;
    Ok(())
}

/// The windows up to `to` are judged with everything that had changed up to the event `seq`; if not `all` of them, those after `to` are left.
pub(crate) fn advance(
    tx: &mut Tx<'_>,
    monitor: &MonitorName,
    seq: i64,
    to: Option<Timestamp>,
    all: bool,
) -> Result<()> {
    if let Some(to) = to {
        tx.exec(
            "UPDATE monitoring_progress SET evaluated_to = $1 WHERE monitor = $2 AND (evaluated_to IS NULL OR evaluated_to < $1)",
            &[to.into(), monitor.as_str().into()],
        )?;
    }
    let of = monitor.as_str();
    match to {
        _ if all => {
            tx.exec("DELETE FROM monitoring_changes WHERE monitor = $1 AND seq <= $2", &[of.into(), seq.into()])?;
        }
        Some(to) => {
            tx.exec(
                "UPDATE monitoring_changes SET from_at = $1 WHERE monitor = $2 AND seq <= $3 AND from_at < $1",
                &[to.into(), of.into(), seq.into()],
            )?;
        }
        None => {}
    }
    Ok(())
}

/// A window as it is kept, with its text.
pub(crate) fn window(tx: &mut Tx<'_>, monitor: &MonitorName, end: Timestamp) -> Result<Option<(Window, String)>> {
    tx.optional(
        "SELECT body, body FROM monitoring_windows WHERE monitor = $1 AND end_at = $2",
        &[monitor.as_str().into(), end.into()],
        |row| Ok((row.json(0)?, row.text(1)?)),
    )
}

pub(crate) fn put_window(tx: &mut Tx<'_>, window: &Window) -> Result<()> {
    tx.exec(
        "INSERT INTO monitoring_windows (monitor, end_at, start_at, state, revision, body) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (monitor, end_at) DO UPDATE SET state = excluded.state, revision = excluded.revision, body = excluded.body",
        &[
            window.monitor.as_str().into(),
            window.end.into(),
            window.start.into(),
            window.state.as_str().into(),
            window.revision.into(),
            json_text(window)?.into(),
        ],
    )?;
    Ok(())
}

/// Windows whose end lies in `(from, to]`, newest first, at most `limit`.
pub(crate) fn windows(
    tx: &mut Tx<'_>,
    monitor: &MonitorName,
    from: Timestamp,
    to: Timestamp,
    limit: usize,
) -> Result<Vec<Window>> {
    tx.all(
        "SELECT body FROM monitoring_windows WHERE monitor = $1 AND end_at > $2 AND end_at <= $3 ORDER BY end_at DESC LIMIT $4",
        &[monitor.as_str().into(), from.into(), to.into(), i64::try_from(limit).unwrap_or(i64::MAX).into()],
        |row| row.json(0),
    )
}

/// The windows up to `end` that could be judged, newest first, at most `limit`.
pub(crate) fn judged(tx: &mut Tx<'_>, monitor: &MonitorName, end: Timestamp, limit: u32) -> Result<Vec<Window>> {
    tx.all(
        "SELECT body FROM monitoring_windows WHERE monitor = $1 AND end_at <= $2 AND state <> 'no_data' ORDER BY end_at DESC LIMIT $3",
        &[monitor.as_str().into(), end.into(), limit.into()],
        |row| row.json(0),
    )
}

/// Whether a window after `end` could be judged.
pub(crate) fn judged_after(tx: &mut Tx<'_>, monitor: &MonitorName, end: Timestamp) -> Result<bool> {
    let later = tx.optional(
        "SELECT end_at FROM monitoring_windows WHERE monitor = $1 AND end_at > $2 AND state <> 'no_data' LIMIT 1",
        &[monitor.as_str().into(), end.into()],
        |row| row.int(0),
    )?;
    Ok(later.is_some())
}

const ALERT: &str = "SELECT id, rule, monitor, metric, state, value, threshold, event_time, summary, pending_at, fired_at, resolved_at, \
     action_run, acted_at_event_time, pipeline_run FROM monitoring_alerts";

fn alert_row(row: &Row<'_>) -> Result<AlertRecord> {
    let state = match row.text(4)?.as_str() {
        "pending" => AlertState::Pending,
        "firing" => AlertState::Firing,
        _ => AlertState::Resolved,
    };
    Ok(AlertRecord {
        id: row.parsed(0)?,
        rule: row.parsed(1)?,
        monitor: row.parsed(2)?,
        metric: row.text(3)?,
        state,
        value: row.float(5)?,
        threshold: row.float(6)?,
        event_time: row.time(7)?,
        summary: row.text(8)?,
        pending_at: row.time(9)?,
        fired_at: row.opt_time(10)?,
        resolved_at: row.opt_time(11)?,
        action_run: row.opt_text(12)?,
        acted_at_event_time: row.opt_time(13)?,
        pipeline_run: row.opt_text(14)?,
    })
}

pub(crate) fn put_alert(tx: &mut Tx<'_>, alert: &AlertRecord) -> Result<()> {
    tx.exec(
        "INSERT INTO monitoring_alerts (id, rule, monitor, metric, state, value, threshold, event_time, summary, pending_at, fired_at, \
         resolved_at, action_run, acted_at_event_time, pipeline_run) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) \
         ON CONFLICT (id) DO UPDATE SET state = excluded.state, value = excluded.value, event_time = excluded.event_time, \
         threshold = excluded.threshold, summary = excluded.summary, fired_at = excluded.fired_at, resolved_at = excluded.resolved_at, action_run = excluded.action_run, \
         acted_at_event_time = excluded.acted_at_event_time, pipeline_run = excluded.pipeline_run",
        &[
            Arg::show(&alert.id),
            alert.rule.as_str().into(),
            alert.monitor.as_str().into(),
            alert.metric.as_str().into(),
            alert.state.as_str().into(),
            alert.value.into(),
            alert.threshold.into(),
            alert.event_time.into(),
            alert.summary.as_str().into(),
            alert.pending_at.into(),
            alert.fired_at.into(),
            alert.resolved_at.into(),
            alert.action_run.as_deref().into(),
            alert.acted_at_event_time.into(),
            alert.pipeline_run.as_deref().into(),
        ],
    )?;
    Ok(())
}

pub(crate) fn open_alert(tx: &mut Tx<'_>, rule: &AlertRuleName) -> Result<Option<AlertRecord>> {
    tx.optional(
        &format!("{ALERT} WHERE rule = $1 AND state <> 'resolved' ORDER BY id DESC LIMIT 1"),
        &[rule.as_str().into()],
        alert_row,
    )
}

/// When, in event time, the rule acted last.
pub(crate) fn last_action(tx: &mut Tx<'_>, rule: &AlertRuleName) -> Result<Option<Timestamp>> {
    tx.one("SELECT max(acted_at_event_time) FROM monitoring_alerts WHERE rule = $1", &[rule.as_str().into()], |row| {
        row.opt_time(0)
    })
}

pub(crate) fn alert(tx: &mut Tx<'_>, id: &str) -> Result<Option<AlertRecord>> {
    tx.optional(&format!("{ALERT} WHERE id = $1"), &[id.into()], alert_row)
}

/// Newest first, in `state` when not empty, before the id `before` when not empty.
pub(crate) fn alerts(tx: &mut Tx<'_>, state: &str, before: &str, limit: usize) -> Result<Vec<AlertRecord>> {
    tx.all(
        &format!("{ALERT} WHERE ($1 = '' OR state = $1) AND ($2 = '' OR id < $2) ORDER BY id DESC LIMIT $3"),
        &[state.into(), before.into(), i64::try_from(limit).unwrap_or(i64::MAX).into()],
        alert_row,
    )
}

pub(crate) fn link_run(tx: &mut Tx<'_>, alert: &str, run: &str) -> Result<()> {
    tx.exec("UPDATE monitoring_alerts SET pipeline_run = $1 WHERE id = $2", &[run.into(), alert.into()]).map(drop)
}

/// One message to one target.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Delivery<'a> {
    pub(crate) alert: &'a str,
    pub(crate) target: &'a str,
    pub(crate) transition: &'a str,
}

pub(crate) fn put_notification(
    tx: &mut Tx<'_>,
    of: Delivery<'_>,
    state: &str,
    attempts: i64,
    at: Timestamp,
    error: Option<&str>,
) -> Result<()> {
    tx.exec(
        "INSERT INTO monitoring_notifications (alert, target, transition, state, attempts, at, error) VALUES ($1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT (alert, target, transition) DO UPDATE SET state = excluded.state, attempts = excluded.attempts, at = excluded.at, error = excluded.error",
        &[of.alert.into(), of.target.into(), of.transition.into(), state.into(), attempts.into(), at.into(), error.into()],
    )?;
    Ok(())
}

pub(crate) fn notifications(tx: &mut Tx<'_>, alert: &str) -> Result<Vec<Value>> {
    tx.all(
        "SELECT target, transition, state, attempts, at, error FROM monitoring_notifications WHERE alert = $1 ORDER BY at, target",
        &[alert.into()],
        |row| {
            Ok(json!({ "target": pitcrew_outbound::shown(&row.text(0)?), "transition": row.text(1)?, "state": row.text(2)?, "attempts": row.int(3)?, "at": row.time(4)?, "error": row.opt_text(5)? }))
        },
    )
}

/// A mark on the timeline.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Annotation {
    pub(crate) seq: i64,
    pub(crate) t: Option<Timestamp>,
    pub(crate) at: Timestamp,
    pub(crate) kind: &'static str,
    pub(crate) severity: &'static str,
    pub(crate) title: String,
    pub(crate) detail: String,
    pub(crate) link: (String, String),
}

pub(crate) fn put_annotation(tx: &mut Tx<'_>, mark: &Annotation) -> Result<()> {
    tx.exec(
        "INSERT INTO monitoring_annotations (seq, t, at, kind, severity, title, detail, link_kind, link_id) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (seq) DO NOTHING",
        &[
            mark.seq.into(),
            mark.t.into(),
            mark.at.into(),
            mark.kind.into(),
            mark.severity.into(),
            mark.title.as_str().into(),
            mark.detail.as_str().into(),
            mark.link.0.as_str().into(),
            mark.link.1.as_str().into(),
        ],
    )?;
    Ok(())
}

/// The newest marks, oldest first. Those from before the first prediction stand at `first`.
pub(crate) fn annotations(tx: &mut Tx<'_>, first: Option<Timestamp>, limit: i64) -> Result<Vec<Value>> {
    let mut marks = tx.all(
        "SELECT t, at, kind, severity, title, detail, link_kind, link_id FROM monitoring_annotations ORDER BY seq DESC LIMIT $1",
        &[limit.into()],
        |row| {
            Ok(json!({
                "t": row.opt_time(0)?.or(first), "at": row.time(1)?, "kind": row.text(2)?, "severity": row.text(3)?, "title": row.text(4)?,
                "detail": row.text(5)?, "link": { "kind": row.text(6)?, "id": row.text(7)? },
            }))
        },
    )?;
    marks.reverse();
    Ok(marks)
}

/// The latest event time any monitor has heard of.
pub(crate) fn latest_watermark(tx: &mut Tx<'_>) -> Result<Option<Timestamp>> {
    tx.one("SELECT max(watermark) FROM monitoring_progress", &[], |row| row.opt_time(0))
}
