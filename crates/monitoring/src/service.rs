//! Monitoring's use cases.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pitcrew_contracts::monitoring::{AlertFacts, AlertFired, AlertPending, AlertResolved, DriftDetected};
use pitcrew_contracts::names::{AlertId, AlertRuleName, DeploymentName, ModelRef, MonitorName};
use pitcrew_contracts::registry::Models;
use pitcrew_contracts::release::InferenceLog;
use pitcrew_contracts::spec::{Alert, MetricBound, Monitor};
use pitcrew_db::{Db, Outgoing, Tx};
use pitcrew_kernel::{Access, Clock, Ctx, Error, Ids, Result, Timestamp};

use crate::alert::{AlertRecord, AlertState, Step, next};
use crate::evaluate::evaluate;
use crate::model::{Window, WindowState};
use crate::profile::ReferenceProfile;
use crate::store::{self, MAX_CHANGES, Progress};
use crate::tally::Tally;

/// Windows judged in one go; the rest waits for the next.
const MAX_WINDOWS: usize = 400;
/// Most windows in a row an alert can wait for.
const MAX_FOR_WINDOWS: u32 = 1_000;
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
        let all = due.len() <= MAX_WINDOWS;
        due.truncate(MAX_WINDOWS);
        let deployment: DeploymentName = spec.deployment.parse()?;
        for end in &due {
            let start = end.minus(spec.window.duration());
            let tally = self.tally(ctx, &deployment, (start, *end)).await?;
            let profile = self.profile(ctx, &deployment, tally.leading_version()).await?;
            let window = evaluate(monitor, &spec, (start, *end), &tally, profile.as_deref());
            self.settle(ctx, window).await?;
        }
        let (last, to) = (seen.changes.last().map_or(0, |change| change.seq), due.last().copied());
        if last > 0 || to.is_some() {
            let name = monitor.clone();
            self.db.write(move |tx| store::advance(tx, &name, last, to, all)).await?;
        }
        Ok(!all || seen.changes.len() == MAX_CHANGES)
    }

    /// Counts a window, however much it holds, part by part.
    async fn tally(
        &self,
        ctx: &Ctx,
        deployment: &DeploymentName,
        (start, end): (Timestamp, Timestamp),
    ) -> Result<Tally> {
        let (mut tally, mut after) = (Tally::default(), None);
        loop {
            let slice = self.log.slice(ctx, deployment, start, end, after.as_ref()).await?;
            tally.add(&slice);
            match slice.next {
                Some(next) => after = Some(next),
                None => return Ok(tally),
            }
        }
    }

    /// The profile of a version.
    async fn profile(
        &self,
        ctx: &Ctx,
        deployment: &DeploymentName,
        version: Option<i64>,
    ) -> Result<Option<Arc<ReferenceProfile>>> {
        let Some(version) = version else { return Ok(None) };
        let Some(champion) = self.log.champion(ctx, deployment).await? else { return Ok(None) };
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

/// The ends of the windows to judge, oldest first, up to one more than a go takes: those that became due, and judged ones that a changed
/// stretch falls into.
fn due_ends(spec: &Monitor, progress: &Progress) -> Vec<Timestamp> {
    let every = spec.every.duration().max(Duration::from_micros(1));
    let (length, delay) = (spec.window.duration(), spec.label_delay.duration());
    let newest = progress.watermark.minus(delay).floor_to(every);
    let first = progress.first_at.floor_to(every).plus(every);
    let ends = |from: Timestamp, to: Timestamp| {
        let next = move |end: &Timestamp| Some(end.plus(every)).filter(|next| next > end);
        std::iter::successors(Some(from.max(first)), next)
            .take_while(move |end| *end <= to.min(newest))
            .take(MAX_WINDOWS + 1)
    };
    let fresh = progress.evaluated_to.map_or(first, |to| to.plus(every));
    let mut due: BTreeSet<Timestamp> = ends(fresh, newest).collect();
    for change in &progress.changes {
        due.extend(ends(change.from.floor_to(every).plus(every), change.to.plus(length)));
    }
    due.into_iter().take(MAX_WINDOWS + 1).collect()
}

fn keep(tx: &mut Tx<'_>, out: Outgoing<'_>, mut window: Window) -> Result<()> {
    let before = store::window(tx, &window.monitor, window.end)?;
    if let Some((before, text)) = &before {
        window.revision = before.revision;
        // As text: a figure read from text may differ from the one written in its last digit.
        if *text == store::json_text(&window)? {
            return Ok(());
        }
        window.revision += 1;
    }
    store::put_window(tx, &window)?;
    let forever = Timestamp::from_micros(i64::MAX);
    // A window that newer ones have followed is corrected, but history is not alarmed again.
    if store::windows(tx, &window.monitor, window.end, forever, 1)?.is_empty() {
        state_drift(tx, out, &window, before.map(|(before, _)| before))?;
    }
    // Where labels come later than windows fall due, the newest windows have nothing to say yet: they do not make history of this one.
    if !store::judged_after(tx, &window.monitor, window.end)? {
        for (rule, spec) in store::rules(tx)?.into_iter().filter(|(_, spec)| spec.monitor == window.monitor.as_str()) {
            watch(tx, out, &rule, &spec, &window)?;
        }
    }
    Ok(())
}

/// States drift in features that were stable in the window before, and when this one was judged before.
fn state_drift(tx: &mut Tx<'_>, out: Outgoing<'_>, window: &Window, judged_before: Option<Window>) -> Result<()> {
    let just_before = window.end.minus(Duration::from_micros(1));
    let earlier = store::windows(tx, &window.monitor, Timestamp::from_micros(i64::MIN), just_before, 1)?;
    let known: Vec<String> = earlier.iter().chain(&judged_before).flat_map(Window::drifted).collect();
    let features: Vec<String> = window.drifted().into_iter().filter(|feature| !known.contains(feature)).collect();
    if features.is_empty() {
        return Ok(());
    }
    tx.emit(out, &DriftDetected { monitor: window.monitor.clone(), start: window.start, end: window.end, features })
}

fn watch(tx: &mut Tx<'_>, out: Outgoing<'_>, rule: &AlertRuleName, spec: &Alert, window: &Window) -> Result<()> {
    if window.state == WindowState::NoData {
        return Ok(());
    }
    let monitor = store::monitor(tx, &window.monitor)?;
    let bound =
        monitor.and_then(|monitor| monitor.objectives.into_iter().find(|objective| objective.metric == spec.metric));
    let (Some(bound), Some(found)) = (bound, window.metrics.get(&spec.metric)) else { return Ok(()) };
    // The rule watches one metric; another objective of the same monitor may have made the window a breach.
    let missed = |window: &Window| window.metrics.get(&bound.metric).and_then(|found| passed(&bound, found.value));
    let most = spec.for_windows.clamp(1, MAX_FOR_WINDOWS);
    let row = store::judged(tx, &window.monitor, window.end, most)?
        .iter()
        .take_while(|window| missed(window).is_some())
        .count();
    let state = if missed(window).is_some() { WindowState::Breach } else { WindowState::Ok };
    let open = store::open_alert(tx, rule)?;
    let row = u32::try_from(row).unwrap_or(u32::MAX);
    let step = next(open.as_ref().map(|alert| alert.state), state, row, most);
    if step == Step::Stay {
        return Ok(());
    }
    let mut alert = open.unwrap_or_else(|| opened(out, rule, spec, window));
    alert.value = found.value;
    alert.threshold = missed(window).unwrap_or(alert.threshold);
    alert.event_time = window.end;
    take(tx, out, spec, step, alert, row)
}

/// The end of the objective that the value has passed.
fn passed(bound: &MetricBound, value: f64) -> Option<f64> {
    bound.max.filter(|max| value > *max).or(bound.min.filter(|min| value < *min))
}

fn opened(out: Outgoing<'_>, rule: &AlertRuleName, spec: &Alert, window: &Window) -> AlertRecord {
    AlertRecord {
        id: AlertId::new(out.ids),
        rule: rule.clone(),
        monitor: window.monitor.clone(),
        metric: spec.metric.clone(),
        state: AlertState::Pending,
        value: 0.0,
        threshold: 0.0,
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
    let side = if alert.value < alert.threshold { "under" } else { "over" };
    let figures = format!("{} {:.3} {side} the objective {:.3}", alert.metric, alert.value, alert.threshold);
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
            alert.summary = if row > 1 { format!("{figures} in {row} windows in a row") } else { figures };
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

pub(crate) fn facts(alert: &AlertRecord) -> AlertFacts {
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
    use crate::store::Stretch;
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

    fn progress(first: i64, watermark: i64, evaluated_to: Option<i64>, changes: &[(i64, i64)]) -> Progress {
        let changes = changes.iter().map(|(from, to)| Stretch { seq: 1, from: at(*from), to: at(*to) }).collect();
        Progress { first_at: at(first), watermark: at(watermark), evaluated_to: evaluated_to.map(at), changes }
    }

    #[test]
    fn a_window_waits_for_its_labels() {
        assert_eq!(due_ends(&spec(), &progress(10, 13, None, &[(10, 13)])), [at(11), at(12)]);
    }

    #[test]
    fn a_late_label_reopens_every_window_it_falls_into_and_no_other() {
        let expected: Vec<Timestamp> = (11..=17).map(at).collect();
        assert_eq!(due_ends(&spec(), &progress(0, 40, Some(39), &[(10, 10)])), expected);
        // What lies between two changed stretches is left alone.
        let expected: Vec<Timestamp> = (11..=17).chain(39..=40).map(at).collect();
        assert_eq!(due_ends(&spec(), &progress(0, 41, Some(39), &[(10, 10), (38, 41)])), expected);
    }

    #[test]
    fn nothing_changed_means_nothing_to_do() {
        assert!(due_ends(&spec(), &progress(0, 40, Some(39), &[])).is_empty());
    }

    #[test]
    fn a_go_takes_a_bounded_number_however_short_the_beat() {
        let spec = Monitor { every: Span::new(Duration::from_millis(1)), ..spec() };
        let due = due_ends(&spec, &progress(0, 3650, None, &[(0, 3650), (5, 3000)]));
        assert_eq!((due.len(), due[0]), (MAX_WINDOWS + 1, at(0).plus(Duration::from_millis(1))));
    }

    #[test]
    fn either_end_of_an_objective_can_be_passed() {
        let bound = MetricBound { metric: "bias".into(), max: Some(2.0), min: Some(-1.0) };
        assert_eq!([3.0, 1.0, -2.0, f64::NAN].map(|value| passed(&bound, value)), [Some(2.0), None, Some(-1.0), None]);
    }
}
