//! Judging a release: what was predicted by both versions, what came true, and what follows. No I/O, no clock.
//!
//! One confidence sequence runs over the whole release, so its statement holds at every look and at every step. What was predicted at a step
//! decides whether that step has been looked at long enough. Decisions use event time, predictions and labels only; latency is the one
//! exception, behind a floor and a minimum of requests.

use pitcrew_contracts::release::Role;
use pitcrew_kernel::Timestamp;
use pitcrew_stats::latency::LatencyHistogram;
use pitcrew_stats::sequential::{
    GuardVerdict, Interval, SequenceOptions, Verdict, failure_rate_evidence, guard, quantile_guard,
};

use crate::course::{Case, Comparison, Course};
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

/// Looks at a running release, whose course is known from its event time on.
pub(crate) fn judge(
    release: &Release,
    course: &Course,
    latencies: &Latencies,
    now: Timestamp,
    watermark: Option<Timestamp>,
) -> Judgement {
    let judge = &release.policy.judge;
    let compared = course.compare(release);
    let broken = guardrail(release, course, latencies);
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
    let mut reason = broken.unwrap_or_else(|| sentence(verdict, &compared, judge));
    let (act, verdict) = match act {
        None if is_over(release, course, watermark) => {
            reason = format!("no difference could be shown in {}: {reason}", release.policy.max_duration);
            (Some(Act::Expire), LookVerdict::Expired)
        }
        act => (act, verdict),
    };
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
        champion_predictions: course.champion_failures.1,
        champion_failures: course.champion_failures.0,
        candidate_predictions: course.candidate_failures.1,
        candidate_failures: course.candidate_failures.0,
        verdict,
    };
    Judgement { evidence, act, reason }
}

/// Whether the time of a release is over, in event time. One that began before the first prediction begins with it.
fn is_over(release: &Release, course: &Course, watermark: Option<Timestamp>) -> bool {
    let began = release.event_time.or(course.first.map(Timestamp::from_micros));
    let (Some(began), Some(now)) = (began, watermark) else { return false };
    now >= began.plus(release.policy.max_duration.duration())
}

/// The sentence about the guardrail that is broken, if one is.
fn guardrail(release: &Release, course: &Course, latencies: &Latencies) -> Option<String> {
    let limits = &release.policy.guardrails;
    let (failed, all) = course.candidate_failures;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Row, Status, tests::row};
    use crate::model::tests::release;
    use proptest::prelude::*;
    use std::sync::Arc;

    const HOUR: i64 = 3_600_000_000;

    /// Both versions' answers to one request; what comes true is zero, so the answers are the losses.
    fn pair(hour: i64, champion: f64, candidate: f64) -> [Case; 2] {
        let id = format!("h{hour:05}");
        let case = |version, role, prediction| Case {
            row: Arc::new(Row { version, role, prediction, ..row(&id, hour * HOUR) }),
            label: Some(0.0),
        };
        [case(1, Role::Served, champion), case(2, Role::Shadow, candidate)]
    }

    fn wave(hour: i64) -> f64 {
        [0.3, -1.2, 0.9, 1.4, -0.8, -0.6][hour.rem_euclid(6) as usize]
    }

    fn look(release: &Release, cases: &[Case]) -> Judgement {
        let mut course = Course::new(release);
        course.push(release, cases);
        judge(release, &course, &Latencies::default(), Timestamp::from_micros(0), None)
    }

    fn cases(hours: i64, champion: f64, candidate: f64) -> Vec<Case> {
        (0..hours).flat_map(|h| pair(h, champion + wave(h), candidate - wave(h) / 2.0)).collect()
    }

    #[test]
    fn a_step_is_looked_at_for_as_long_as_it_says() {
        assert_eq!(look(&release(), &cases(23, 20.0, 10.0)).act, None);
        assert_eq!(look(&release(), &cases(24, 20.0, 10.0)).act, Some(Act::Advance));
        let mut second = release();
        second.step = 1;
        second.steps[1].event_time = Some(Timestamp::from_micros(24 * HOUR));
        assert_eq!(look(&second, &cases(47, 20.0, 10.0)).act, None);
        assert_eq!(look(&second, &cases(48, 20.0, 10.0)).act, Some(Act::Advance));
        second.step = 2;
        second.steps[2].event_time = Some(Timestamp::from_micros(24 * HOUR));
        assert_eq!(look(&second, &cases(48, 20.0, 10.0)).act, Some(Act::Promote));
        assert_eq!(look(&second, &cases(48, 20.0, 20.0)).act, Some(Act::Promote), "not worse is enough at the end");
    }

    #[test]
    fn worse_ends_at_any_step_and_equal_waits() {
        assert_eq!(look(&release(), &cases(60, 10.0, 20.0)).act, Some(Act::RollBack));
        let equal = look(&release(), &cases(60, 10.0, 10.0));
        assert_eq!((equal.act, equal.evidence.verdict), (None, LookVerdict::Continue));
        let mut lenient = release();
        lenient.policy.judge.margin = 0.5;
        assert_eq!(look(&lenient, &cases(60, 10.0, 10.0)).act, Some(Act::Advance));
    }

    #[test]
    fn a_release_of_which_nothing_can_be_shown_ends_in_time() {
        let of = |hours: i64, candidate: f64| {
            let mut course = Course::new(&release());
            course.push(&release(), &cases(hours, 10.0, candidate));
            let watermark = Some(Timestamp::from_micros((hours - 1) * HOUR));
            judge(&release(), &course, &Latencies::default(), Timestamp::from_micros(0), watermark)
        };
        assert_eq!(of(14 * 24, 10.0).act, None, "one hour is left");
        let over = of(14 * 24 + 1, 10.0);
        assert_eq!((over.act, over.evidence.verdict), (Some(Act::Expire), LookVerdict::Expired));
        assert!(over.reason.starts_with("no difference could be shown in 14d: difference -0.0 ["), "{}", over.reason);
        assert_eq!(of(14 * 24 + 1, 20.0).act, Some(Act::RollBack), "what is known counts");
        assert_eq!(of(14 * 24 + 1, 5.0).act, Some(Act::Advance));
        let mut unlabelled = cases(14 * 24 + 1, 10.0, 10.0);
        unlabelled.iter_mut().for_each(|case| case.label = None);
        let mut course = Course::new(&release());
        course.push(&release(), &unlabelled);
        let end = Some(Timestamp::from_micros(14 * 24 * HOUR));
        let over = judge(&release(), &course, &Latencies::default(), Timestamp::from_micros(0), end);
        assert_eq!(over.act, Some(Act::Expire), "without labels there is an end as well");
    }

    #[test]
    fn what_is_not_labelled_or_failed_is_no_pair() {
        let mut all = cases(30, 20.0, 10.0);
        all.iter_mut().step_by(2).take(7).for_each(|case| case.label = None);
        let failed = Arc::new(Row { status: Status::Failed, ..all[21].row.as_ref().clone() });
        all[21].row = failed;
        let judged = look(&release(), &all);
        assert_eq!(judged.evidence.pairs, 22);
        assert_eq!((judged.evidence.candidate_failures, judged.evidence.candidate_predictions), (1, 30));
    }

    #[test]
    fn squared_errors_weigh_more() {
        let mut squared = release();
        squared.policy.judge.metric = "squared_error".into();
        let judged = look(&squared, &cases(30, 20.0, 10.0));
        assert!(judged.evidence.champion_mean.unwrap() > 399.0 && judged.reason.contains("mean squared error"));
    }

    #[test]
    fn the_reference_is_the_champions_own_past() {
        let mut all = cases(30, 20.0, 10.0);
        all[0].label = None;
        let losses = reference_losses(&all, 1, "absolute_error");
        assert_eq!((losses.len(), losses[0]), (29, 20.0 + wave(1)));
        assert!(reference_losses(&all, 2, "absolute_error").is_empty(), "only answers that went out");
        let many: Vec<Case> = cases(1_500, 20.0, 10.0);
        assert_eq!(reference_losses(&many, 1, "absolute_error").len(), REFERENCE_LOSSES);
    }

    proptest! {
        #[test]
        fn any_cases_are_judged_without_panic(values in prop::collection::vec((0i64..40, prop::num::f64::ANY, prop::num::f64::ANY, any::<bool>()), 0..60)) {
            let mut all: Vec<Case> = values.iter().flat_map(|(h, a, b, labelled)| {
                let mut pair = pair(*h, *a, *b);
                pair.iter_mut().for_each(|case| case.label = labelled.then_some(1.0));
                pair
            }).collect();
            all.sort_by(|a, b| a.row.key().cmp(&b.row.key()));
            let mut unpaired = release();
            unpaired.policy.judge.paired = false;
            for release in [release(), unpaired] {
                let judged = look(&release, &all);
                prop_assert!(serde_json::to_string(&judged.evidence).is_ok());
            }
        }
    }
}
