//! Monitoring's use cases.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pitcrew_contracts::monitoring::{AlertFacts, AlertFired, AlertPending, AlertResolved, DriftDetected};
use pitcrew_contracts::names::{AlertId, AlertRuleName, DeploymentName, ModelRef, MonitorName};
use pitcrew_contracts::registry::Models;
use pitcrew_contracts::release::{InferenceLog, LogSlice, Role};
use pitcrew_contracts::spec::{Alert, Monitor};
use pitcrew_db::{Db, Outgoing, Tx};
use pitcrew_kernel::{Access, Clock, Ctx, Error, Ids, Result, Timestamp};

use crate::alert::{AlertRecord, AlertState, Step, next};
use crate::evaluate::evaluate;
use crate::model::{Window, WindowState};
use crate::profile::ReferenceProfile;
use crate::store::{self, Progress};

/// Windows judged in one go; the rest waits for the next.
const MAX_WINDOWS: usize = 400;
/// Training profiles kept in memory.
const MAX_PROFILES: usize = 16;

/// The monitors.
pub struct Monitoring {
    pub(crate) db: Db,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    log: Arc<dyn InferenceLog>,
    models: Arc<dyn Models>,
    profiles: Mutex<HashMap<ModelRef, Option<Arc<ReferenceProfile>>>>,
}

impl std::fmt::Debug for Monitoring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Monitoring")
    }
}

impl Monitoring {
    /// Monitors that read `log` and the training profiles of `models`.
    pub fn new(
        db: Db,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        log: Arc<dyn InferenceLog>,
        models: Arc<dyn Models>,
    ) -> Self {
        Self { db, clock, ids, log, models, profiles: Mutex::default() }
    }

    /// Judges every window of `monitor` that is due and new, or whose data has changed. Answers whether some are left for another go.
    ///
    /// # Errors
    /// What reading the log and the database can give.
    pub async fn evaluate_due(&self, ctx: &Ctx, monitor: &MonitorName) -> Result<bool> {
        ctx.require(Access::Write)?;
        let name = monitor.clone();
        let found = self.db.read(move |tx| Ok((store::monitor(tx, &name)?, store::progress(tx, &name)?))).await?;
        let (Some(spec), Some(seen)) = found else { return Ok(false) };
        let mut due = due_ends(&spec, &seen);
        let more = due.len() > MAX_WINDOWS;
        due.truncate(MAX_WINDOWS);
        let deployment: DeploymentName = spec.deployment.parse()?;
        for end in &due {
            let start = end.minus(spec.window.duration());
            let slice = self.log.slice(ctx, &deployment, start, *end).await?;
            let profile = self.profile(ctx, &spec, &slice).await?;
            let window = evaluate(monitor, &spec, (start, *end), &slice, profile.as_deref());
            self.settle(ctx, window).await?;
        }
        let to = due.last().copied().or(seen.evaluated_to);
        if let Some(to) = to.filter(|_| !more) {
            let name = monitor.clone();
            self.db.write(move |tx| store::advance(tx, &name, seen, to)).await?;
        }
        Ok(more)
    }

    /// The profile of the version that served most of the slice.
    async fn profile(&self, ctx: &Ctx, spec: &Monitor, slice: &LogSlice) -> Result<Option<Arc<ReferenceProfile>>> {
        let mut counts: HashMap<i64, usize> = HashMap::new();
        for row in slice.rows.iter().filter(|row| row.role == Role::Served) {
            *counts.entry(row.version).or_default() += 1;
        }
        let Some((version, _)) = counts.into_iter().max_by_key(|(version, count)| (*count, *version)) else {
            return Ok(None);
        };
        let deployment: DeploymentName = spec.deployment.parse()?;
        let Some(champion) = self.log.champion(ctx, &deployment).await? else { return Ok(None) };
        let of = ModelRef { model: champion.model, version };
        if let Some(known) = self.profiles.lock().unwrap_or_else(PoisonError::into_inner).get(&of) {
            return Ok(known.clone());
        }
        let bytes = match self.models.reference(ctx, &of).await {
            Ok(bytes) => bytes,
            // A version deleted since then has no profile any more; its windows are judged without drift.
            Err(error) if error.code() == "MODEL_VERSION_NOT_FOUND" => None,
            Err(error) => return Err(error),
        };
        let profile = bytes.map(|bytes| ReferenceProfile::read(&bytes)).transpose()?.map(Arc::new);
        let mut profiles = self.profiles.lock().unwrap_or_else(PoisonError::into_inner);
        if profiles.len() >= MAX_PROFILES {
            profiles.clear();
        }
        profiles.insert(of, profile.clone());
        Ok(profile)
    }

    /// Keeps a judged window, and lets the alerts that watch it move.
    async fn settle(&self, ctx: &Ctx, window: Window) -> Result<()> {
        let (clock, ids, ctx) = (Arc::clone(&self.clock), Arc::clone(&self.ids), ctx.clone());
        self.db
            .write(move |tx| {
                let out = Outgoing { ctx: &ctx, ids: ids.as_ref(), clock: clock.as_ref() };
                keep(tx, out, window)
            })
            .await
    }

    /// The monitors with their specs.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn list_monitors(&self, ctx: &Ctx) -> Result<Vec<(MonitorName, Monitor)>> {
        ctx.require(Access::Read)?;
        self.db.read(store::monitors).await
    }

    /// One monitor.
    ///
    /// # Errors
    /// `MONITOR_NOT_FOUND`.
    pub async fn get_monitor(&self, ctx: &Ctx, name: &MonitorName) -> Result<Monitor> {
        ctx.require(Access::Read)?;
        let wanted = name.clone();
        self.db.read(move |tx| store::monitor(tx, &wanted)).await?.ok_or_else(|| {
            Error::not_found("MONITOR_NOT_FOUND", format!("there is no monitor `{name}`"))
                .hint("declare it in pitcrew.yaml and `pitcrew apply`")
        })
    }

    /// Windows whose end lies in `(from, to]`, newest last, at most `limit` of the newest.
    ///
    /// # Errors
    /// `MONITOR_NOT_FOUND`.
    pub async fn list_windows(
        &self,
        ctx: &Ctx,
        name: &MonitorName,
        span: (Timestamp, Timestamp),
        limit: usize,
    ) -> Result<Vec<Window>> {
        self.get_monitor(ctx, name).await?;
        let name = name.clone();
        let mut found = self.db.read(move |tx| store::windows(tx, &name, span.0, span.1, limit)).await?;
        found.reverse();
        Ok(found)
    }
}

/// The ends of the windows to judge, oldest first: those that became due, and judged ones that a changed stretch falls into.
fn due_ends(spec: &Monitor, progress: &Progress) -> Vec<Timestamp> {
    let (every, length, delay) = (spec.every.duration(), spec.window.duration(), spec.label_delay.duration());
    let Some((dirty_from, dirty_to)) = progress.dirty else { return Vec::new() };
    let newest = progress.watermark.minus(delay).floor_to(every);
    let first = progress.first_at.floor_to(every).plus(every);
    let reopened = dirty_from.floor_to(every).plus(every);
    let fresh = progress.evaluated_to.map_or(first, |to| to.plus(every));
    let mut ends = Vec::new();
    let mut end = reopened.min(fresh).max(first);
    while end <= newest {
        let touched = end > dirty_from && end.minus(length) <= dirty_to;
        if touched || end >= fresh {
            ends.push(end);
        }
        end = end.plus(every.max(Duration::from_micros(1)));
    }
    ends
}

fn keep(tx: &mut Tx<'_>, out: Outgoing<'_>, mut window: Window) -> Result<()> {
    let before = store::window(tx, &window.monitor, window.end)?;
    if let Some(before) = &before {
        window.revision = before.revision;
        if *before == window {
            return Ok(());
        }
        window.revision += 1;
    }
    store::put_window(tx, &window)?;
    let every = window.end;
    // A window that newer ones have followed is corrected, but history is not alarmed again.
    if store::windows(tx, &window.monitor, every, Timestamp::from_micros(i64::MAX), 1)?.is_empty() {
        state_drift(tx, out, &window)?;
        for (rule, spec) in store::rules(tx)?.into_iter().filter(|(_, spec)| spec.monitor == window.monitor.as_str()) {
            watch(tx, out, &rule, &spec, &window)?;
        }
    }
    Ok(())
}

/// States drift in features that were stable in the window before.
fn state_drift(tx: &mut Tx<'_>, out: Outgoing<'_>, window: &Window) -> Result<()> {
    let just_before = window.end.minus(Duration::from_micros(1));
    let earlier = store::windows(tx, &window.monitor, Timestamp::from_micros(i64::MIN), just_before, 1)?;
    let known = earlier.first().map(Window::drifted).unwrap_or_default();
    let features: Vec<String> = window.drifted().into_iter().filter(|feature| !known.contains(feature)).collect();
    if features.is_empty() {
        return Ok(());
    }
    tx.emit(out, &DriftDetected { monitor: window.monitor.clone(), start: window.start, end: window.end, features })
}

fn watch(tx: &mut Tx<'_>, out: Outgoing<'_>, rule: &AlertRuleName, spec: &Alert, window: &Window) -> Result<()> {
    let open = store::open_alert(tx, rule)?;
    let row = store::breaches_in_a_row(tx, &window.monitor, window.end, spec.for_windows.max(1))?;
    let monitor = store::monitor(tx, &window.monitor)?;
    let bound =
        monitor.and_then(|monitor| monitor.objectives.into_iter().find(|objective| objective.metric == spec.metric));
    let (Some(bound), Some(found)) = (bound, window.metrics.get(&spec.metric)) else { return Ok(()) };
    let missed = bound.max.is_some_and(|max| found.value > max) || bound.min.is_some_and(|min| found.value < min);
    // The rule watches one metric; another objective of the same monitor may have made the window a breach.
    let state = match window.state {
        WindowState::NoData => WindowState::NoData,
        _ if missed => WindowState::Breach,
        _ => WindowState::Ok,
    };
    let step = next(open.as_ref().map(|alert| alert.state), state, row, spec.for_windows);
    if step == Step::Stay {
        return Ok(());
    }
    let threshold = bound.max.or(bound.min).unwrap_or_default();
    let mut alert = open.unwrap_or_else(|| opened(out, rule, spec, window, threshold));
    alert.value = found.value;
    alert.event_time = window.end;
    take(tx, out, spec, step, alert, row)
}

fn opened(out: Outgoing<'_>, rule: &AlertRuleName, spec: &Alert, window: &Window, threshold: f64) -> AlertRecord {
    AlertRecord {
        id: AlertId::new(out.ids),
        rule: rule.clone(),
        monitor: window.monitor.clone(),
        metric: spec.metric.clone(),
        state: AlertState::Pending,
        value: 0.0,
        threshold,
        event_time: window.end,
        summary: String::new(),
        pending_at: out.clock.now(),
        fired_at: None,
        resolved_at: None,
        action_run: spec.action.as_ref().map(|action| action.run.clone()),
        acted_at_event_time: None,
        pipeline_run: None,
    }
}

fn take(tx: &mut Tx<'_>, out: Outgoing<'_>, spec: &Alert, step: Step, mut alert: AlertRecord, row: u32) -> Result<()> {
    let now = out.clock.now();
    let figures = format!("{} {:.3} over the objective {:.3}", alert.metric, alert.value, alert.threshold);
    match step {
        Step::Stay => Ok(()),
        Step::Open => {
            alert.summary = figures;
            store::put_alert(tx, &alert)?;
            tx.emit(out, &AlertPending(facts(&alert)))
        }
        Step::OpenAndFire | Step::Fire => {
            alert.state = AlertState::Firing;
            alert.fired_at = Some(now);
            alert.summary = format!("{figures} in {row} windows in a row");
            let run = act(tx, spec, &mut alert)?;
            store::put_alert(tx, &alert)?;
            tx.emit(out, &AlertFired { facts: facts(&alert), run })
        }
        Step::Persist => {
            alert.summary = figures;
            let run = act(tx, spec, &mut alert)?;
            store::put_alert(tx, &alert)?;
            // It speaks again only when it acts again.
            if run.is_some() { tx.emit(out, &AlertFired { facts: facts(&alert), run }) } else { Ok(()) }
        }
        Step::Dismiss | Step::Resolve => {
            let fired = alert.state == AlertState::Firing;
            alert.state = AlertState::Resolved;
            alert.resolved_at = Some(now);
            alert.summary =
                format!("{} {:.3} is within the objective {:.3} again", alert.metric, alert.value, alert.threshold);
            store::put_alert(tx, &alert)?;
            if fired { tx.emit(out, &AlertResolved(facts(&alert))) } else { Ok(()) }
        }
    }
}

/// The pipeline to run now: none when no action is declared or its cool-down is not over.
fn act(
    tx: &mut Tx<'_>,
    spec: &Alert,
    alert: &mut AlertRecord,
) -> Result<Option<pitcrew_contracts::names::PipelineName>> {
    let Some(action) = &spec.action else { return Ok(None) };
    let last = store::last_action(tx, &alert.rule)?;
    let cooling =
        last.is_some_and(|last| alert.event_time < last.plus(action.cooldown.duration()) || alert.event_time <= last);
    if cooling {
        return Ok(None);
    }
    alert.acted_at_event_time = Some(alert.event_time);
    action.run.parse().map(Some)
}

fn facts(alert: &AlertRecord) -> AlertFacts {
    AlertFacts {
        alert: alert.id,
        rule: alert.rule.clone(),
        monitor: alert.monitor.clone(),
        metric: alert.metric.clone(),
        value: alert.value,
        threshold: alert.threshold,
        event_time: alert.event_time,
        summary: alert.summary.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pitcrew_kernel::Span;

    fn at(day: i64) -> Timestamp {
        Timestamp::from_micros(day * 86_400_000_000)
    }

    fn spec() -> Monitor {
        let day = Span::seconds(86_400);
        let week = Span::seconds(7 * 86_400);
        Monitor {
            deployment: "bikes".into(),
            every: day,
            window: week,
            label_delay: day,
            min_samples: 24,
            objectives: Vec::new(),
            drift: pitcrew_contracts::spec::Drift::default(),
        }
    }

    #[test]
    fn a_window_waits_for_its_labels() {
        let progress =
            Progress { first_at: at(10), watermark: at(13), evaluated_to: None, dirty: Some((at(10), at(13))) };
        assert_eq!(due_ends(&spec(), &progress), [at(11), at(12)]);
    }

    #[test]
    fn a_late_label_reopens_every_window_it_falls_into_and_no_other() {
        let progress =
            Progress { first_at: at(0), watermark: at(40), evaluated_to: Some(at(39)), dirty: Some((at(10), at(10))) };
        let expected: Vec<Timestamp> = (11..=17).map(at).collect();
        assert_eq!(due_ends(&spec(), &progress), expected);
    }

    #[test]
    fn nothing_changed_means_nothing_to_do() {
        let progress = Progress { first_at: at(0), watermark: at(40), evaluated_to: Some(at(39)), dirty: None };
        assert!(due_ends(&spec(), &progress).is_empty());
    }
}
