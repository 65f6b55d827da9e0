//! Judging a release: what was predicted by both versions, what came true, and what follows. No I/O, no clock.
//!
//! One confidence sequence runs over the whole release, so its statement holds at every look and at every step. What was predicted at a step
//! decides whether that step has been looked at long enough. Decisions use event time, predictions and labels only; latency is the one
//! exception, behind a floor and a minimum of requests.

use std::collections::HashMap;
use std::sync::Arc;

use pitcrew_contracts::release::Role;
use pitcrew_kernel::Timestamp;
use pitcrew_stats::latency::LatencyHistogram;
use pitcrew_stats::sequential::{
    Arm as Side, GuardVerdict, Interval, PairedSequence, Rule, SequenceOptions, TwoArmSequence, Verdict,
    failure_rate_evidence, guard, quantile_guard,
};

use crate::log::Row;
use crate::model::{Act, Evidence, LookVerdict, Release};

/// The chance that a guardrail ever ends a release whose candidate keeps to it.
const GUARD_ALPHA: f64 = 0.01;
/// Requests each arm must have answered before latencies are compared.
const LATENCY_REQUESTS: u64 = 200;
/// A p99 higher by less than this is no harm, whatever the ratio.
const LATENCY_FLOOR_US: u64 = 1_000;
/// Labelled predictions of the champion from before the release that the sequence's options are made from.
pub(crate) const REFERENCE_LOSSES: usize = 1_000;
/// The longest block of the confidence sequence: a day of hours.
const LONGEST_BLOCK: usize = 24;

/// A prediction and what came true of it.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) row: Arc<Row>,
    pub(crate) label: Option<f64>,
}

impl Case {
    fn loss(&self, metric: &str) -> Option<f64> {
        let error = (self.row.prediction - self.label?).abs();
        let counts = !self.row.status.failed() && error.is_finite();
        counts.then(|| if metric == "squared_error" { error * error } else { error })
    }
}

/// Latencies of both arms since the release began or the server came up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Latencies {
    pub(crate) champion: LatencyHistogram,
    pub(crate) candidate: LatencyHistogram,
}

/// What a look says and what follows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Judgement {
    pub(crate) evidence: Evidence,
    pub(crate) act: Option<Act>,
    pub(crate) reason: String,
}

/// How the sequence of a release is made, from the champion's own losses before it, in order of time.
pub(crate) fn options(losses: &[f64], alpha: f64, min_samples: u64) -> SequenceOptions {
    SequenceOptions::from_reference(losses, alpha, min_samples, LONGEST_BLOCK)
}

/// The losses of a version's served answers, in order of time; the last [`REFERENCE_LOSSES`] of them.
pub(crate) fn reference_losses(cases: &[Case], version: i64, metric: &str) -> Vec<f64> {
    let served = cases.iter().filter(|case| case.row.version == version && case.row.role == Role::Served);
    let mut losses: Vec<f64> = served.filter_map(|case| case.loss(metric)).collect();
    losses.drain(..losses.len().saturating_sub(REFERENCE_LOSSES));
    losses
}

/// What the labelled cases say of the two versions.
struct Comparison {
    interval: Option<Interval>,
    samples: u64,
    new_samples: u64,
    champion_mean: Option<f64>,
    candidate_mean: Option<f64>,
    verdict: Verdict,
}

/// Looks at a running release. `cases` are in order of event time, request and role, from the release's event time on.
pub(crate) fn judge(
    release: &Release,
    cases: &[Case],
    latencies: &Latencies,
    now: Timestamp,
    watermark: Option<Timestamp>,
) -> Judgement {
    let judge = &release.policy.judge;
    let compared = if judge.paired { paired(release, cases) } else { unpaired(release, cases) };
    let failures = Failures::of(release, cases);
    let broken = guardrail(release, &failures, latencies);
    let min_samples = judge.min_samples.max(1);
    let ready = compared.new_samples >= min_samples;
    let verdict = match (&broken, compared.verdict) {
        (Some(_), _) => LookVerdict::Guardrail,
        (None, Verdict::Continue) => LookVerdict::Continue,
        (None, Verdict::Better) => LookVerdict::Better,
        (None, Verdict::NoWorse) => LookVerdict::NoWorse,
        (None, Verdict::Worse) => LookVerdict::Worse,
        (None, Verdict::NoData) => LookVerdict::NoData,
    };
    let act = match verdict {
        LookVerdict::Guardrail | LookVerdict::Worse => Some(Act::RollBack),
        LookVerdict::NoData => None,
        // At the last step the candidate has shown itself on all traffic; not being worse is enough.
        _ if ready && release.at_last_step() && compared.interval.is_some() => Some(Act::Promote),
        LookVerdict::Better | LookVerdict::NoWorse if ready => Some(Act::Advance),
        _ => None,
    };
    let reason = broken.unwrap_or_else(|| sentence(verdict, &compared, judge));
    let evidence = Evidence {
        at: now,
        event_time: watermark,
        step: release.step,
        pairs: compared.samples,
        mean_difference: compared.interval.map(|interval| interval.estimate),
        lower: compared.interval.map(|interval| interval.lower),
        upper: compared.interval.map(|interval| interval.upper),
        champion_mean: compared.champion_mean,
        candidate_mean: compared.candidate_mean,
        champion_p99_us: latencies.champion.quantile(0.99),
        candidate_p99_us: latencies.candidate.quantile(0.99),
        champion_predictions: failures.champion.1,
        champion_failures: failures.champion.0,
        candidate_predictions: failures.candidate.1,
        candidate_failures: failures.candidate.0,
        verdict,
    };
    Judgement { evidence, act, reason }
}

/// The event time from which predictions count for the present step.
fn step_start(release: &Release) -> i64 {
    let step = release.steps.get(release.step).and_then(|step| step.event_time);
    step.map_or(i64::MIN, Timestamp::micros)
}

fn rule(release: &Release, champion_mean: Option<f64>) -> Rule {
    let judge = &release.policy.judge;
    Rule { margin: judge.margin * champion_mean.unwrap_or(0.0), min_samples: judge.min_samples.max(1) }
}

#[derive(Default)]
struct Mean(f64, u64);

impl Mean {
    fn push(&mut self, value: f64) {
        self.0 += value;
        self.1 += 1;
    }

    fn value(&self) -> Option<f64> {
        (self.1 > 0).then(|| self.0 / self.1 as f64)
    }
}

fn paired(release: &Release, cases: &[Case]) -> Comparison {
    let metric = release.policy.judge.metric.as_str();
    let of_candidate: HashMap<(&str, i64), &Case> = cases
        .iter()
        .filter(|case| case.row.version == release.candidate && case.label.is_some())
        .map(|case| ((&*case.row.request_id, case.row.event_time), case))
        .collect();
    let mut sequence = PairedSequence::new(release.options);
    let (mut champion, mut candidate, mut new_samples) = (Mean::default(), Mean::default(), 0);
    let start = step_start(release);
    for case in cases.iter().filter(|case| case.row.version == release.champion) {
        let Some(of_champion) = case.loss(metric) else { continue };
        let partner = of_candidate.get(&(&*case.row.request_id, case.row.event_time));
        let Some(of_candidate) = partner.and_then(|partner| partner.loss(metric)) else { continue };
        sequence.push(of_candidate - of_champion);
        champion.push(of_champion);
        candidate.push(of_candidate);
        new_samples += u64::from(case.row.event_time >= start);
    }
    let rule = rule(release, champion.value());
    Comparison {
        interval: sequence.interval(),
        samples: sequence.pairs(),
        new_samples,
        champion_mean: champion.value(),
        candidate_mean: candidate.value(),
        verdict: sequence.verdict(&rule),
    }
}

fn unpaired(release: &Release, cases: &[Case]) -> Comparison {
    let metric = release.policy.judge.metric.as_str();
    let mut sequence = TwoArmSequence::new(release.options);
    let (mut champion, mut candidate, mut new_samples) = (Mean::default(), Mean::default(), 0);
    let start = step_start(release);
    for case in cases.iter().filter(|case| case.row.role == Role::Served) {
        let Some(loss) = case.loss(metric) else { continue };
        if case.row.version == release.champion {
            sequence.push(Side::Champion, loss);
            champion.push(loss);
        } else if case.row.version == release.candidate {
            sequence.push(Side::Candidate, loss);
            candidate.push(loss);
            new_samples += u64::from(case.row.event_time >= start);
        }
    }
    let rule = rule(release, champion.value());
    Comparison {
        interval: sequence.interval(),
        samples: sequence.samples(),
        new_samples,
        champion_mean: champion.value(),
        candidate_mean: candidate.value(),
        verdict: sequence.verdict(&rule),
    }
}

/// Failures and predictions of each arm.
struct Failures {
    champion: (u64, u64),
    candidate: (u64, u64),
}

impl Failures {
    fn of(release: &Release, cases: &[Case]) -> Self {
        let count = |version: i64| {
            let of_version = cases.iter().filter(|case| case.row.version == version);
            of_version.fold((0, 0), |(failed, all), case| (failed + u64::from(case.row.status.failed()), all + 1))
        };
        Self { champion: count(release.champion), candidate: count(release.candidate) }
    }
}

/// The sentence about the guardrail that is broken, if one is.
fn guardrail(release: &Release, failures: &Failures, latencies: &Latencies) -> Option<String> {
    let limits = &release.policy.guardrails;
    let (failed, all) = failures.candidate;
    if guard(failure_rate_evidence(failed, all, limits.failure_rate), all, GUARD_ALPHA) == GuardVerdict::Breached {
        return Some(format!(
            "candidate failed {failed} of {all} predictions, over the limit of {:.2} %",
            limits.failure_rate * 100.0
        ));
    }
    let (champion, candidate) = (&latencies.champion, &latencies.candidate);
    let (slow, quick) = (candidate.quantile(0.99)?, champion.quantile(0.99)?);
    if champion.count().min(candidate.count()) < LATENCY_REQUESTS || slow < quick.saturating_add(LATENCY_FLOOR_US) {
        return None;
    }
    let breached = quantile_guard(champion, candidate, 0.99, limits.latency_ratio_p99, GUARD_ALPHA);
    (breached == GuardVerdict::Breached).then(|| {
        format!(
            "candidate's p99 latency is {slow} us against {quick} us, over {} times as much",
            limits.latency_ratio_p99
        )
    })
}

fn sentence(verdict: LookVerdict, compared: &Comparison, judge: &pitcrew_contracts::spec::Judge) -> String {
    let unit = if judge.metric == "squared_error" { "mean squared error" } else { "mean absolute error" };
    let pairs = if judge.paired { "pairs" } else { "predictions" };
    let Some(interval) = compared.interval else {
        return format!("{} labelled {pairs}, too few to tell", compared.samples);
    };
    let Interval { estimate, lower, upper, samples } = interval;
    match verdict {
        LookVerdict::Better => {
            format!("candidate better by {:.1} [{:.1}, {:.1}] {unit} over {samples} {pairs}", -estimate, -upper, -lower)
        }
        LookVerdict::Worse => {
            format!("candidate worse by {estimate:.1} [{lower:.1}, {upper:.1}] {unit} over {samples} {pairs}")
        }
        LookVerdict::NoWorse => format!(
            "candidate no worse: difference {estimate:.1} [{lower:.1}, {upper:.1}] {unit} over {samples} {pairs}"
        ),
        _ => format!("difference {estimate:.1} [{lower:.1}, {upper:.1}] {unit} over {samples} {pairs}"),
    }
}
