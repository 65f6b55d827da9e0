//! The course of a release: what its log says of both versions, counted request by request in order of event time.
//!
//! The running sums take the same little memory after a hundred predictions as after a hundred million, so nothing is ever left out. The
//! log and its labels are the truth and a course only follows from them; [`Courses`] keeps it at some places of the log, so that a look reads
//! what is new and not the whole release again. A label that comes late, one that is corrected and a prediction for a moment long past all
//! change what was counted at that moment: the places from there on are forgotten, and the next look counts from the one before. So each
//! request counts exactly once, with the label it has now, and a course that went on is the one that would be counted from the start.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pitcrew_contracts::names::ReleaseId;
use pitcrew_contracts::release::{LogMark, Role};
use pitcrew_kernel::Timestamp;
use pitcrew_stats::sequential::{Arm as Side, Interval, PairedSequence, Rule, TwoArmSequence, Verdict};

use crate::log::Row;
use crate::model::Release;

/// Rows between two places at which a course is kept.
const ROWS_A_PLACE: usize = 20_000;
/// Places kept for a release: close to each other at the end of its log, further apart the older they are.
const MAX_PLACES: usize = 32;
/// Releases whose courses are kept. They can always be counted again.
const MAX_COURSES: usize = 256;

/// A prediction and what came true of it.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) row: Arc<Row>,
    pub(crate) label: Option<f64>,
}

impl Case {
    pub(crate) fn loss(&self, metric: &str) -> Option<f64> {
        let error = (self.row.prediction - self.label?).abs();
        let counts = !self.row.status.failed() && error.is_finite();
        counts.then(|| if metric == "squared_error" { error * error } else { error })
    }

    /// Rows of one request and moment belong together.
    fn request(&self) -> (i64, &str) {
        (self.row.event_time, &self.row.request_id)
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Mean(f64, u64);

impl Mean {
    fn push(&mut self, value: f64) {
        self.0 += value;
        self.1 += 1;
    }

    fn value(self) -> Option<f64> {
        (self.1 > 0).then(|| self.0 / self.1 as f64)
    }
}

/// The confidence sequence over the whole release.
#[derive(Debug, Clone, PartialEq)]
enum Sequence {
    Paired(PairedSequence),
    Unpaired(TwoArmSequence),
}

/// See the module.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Course {
    sequence: Sequence,
    champion: Mean,
    candidate: Mean,
    /// Samples are counted for the step that began at this event time.
    step_start: i64,
    new_samples: u64,
    /// Failures and predictions.
    pub(crate) champion_failures: (u64, u64),
    pub(crate) candidate_failures: (u64, u64),
    /// The earliest event time.
    pub(crate) first: Option<i64>,
    /// Rows of any version.
    rows: u64,
}

/// What the labelled cases say of the two versions.
pub(crate) struct Comparison {
    pub(crate) interval: Option<Interval>,
    pub(crate) samples: u64,
    pub(crate) new_samples: u64,
    pub(crate) champion_mean: Option<f64>,
    pub(crate) candidate_mean: Option<f64>,
    pub(crate) verdict: Verdict,
}

/// The event time from which predictions count for the present step.
fn step_start(release: &Release) -> i64 {
    let step = release.steps.get(release.step).and_then(|step| step.event_time);
    step.map_or(i64::MIN, Timestamp::micros)
}

impl Course {
    /// Nothing seen yet.
    pub(crate) fn new(release: &Release) -> Self {
        let sequence = if release.policy.judge.paired {
            Sequence::Paired(PairedSequence::new(release.options))
        } else {
            Sequence::Unpaired(TwoArmSequence::new(release.options))
        };
        Self {
            sequence,
            champion: Mean::default(),
            candidate: Mean::default(),
            step_start: step_start(release),
            new_samples: 0,
            champion_failures: (0, 0),
            candidate_failures: (0, 0),
            first: None,
            rows: 0,
        }
    }

    /// The same course at the release's present step, if it can be had: up to `last` nothing may belong to a step that it knew nothing of.
    fn at_step(mut self, release: &Release, last: i64) -> Option<Self> {
        let start = step_start(release);
        if start != self.step_start {
            if last >= start {
                return None;
            }
            self.step_start = start;
            self.new_samples = 0;
        }
        Some(self)
    }

    /// Counts what comes next: whole requests, in order of event time and id.
    pub(crate) fn push(&mut self, release: &Release, cases: &[Case]) {
        for request in cases.chunk_by(|a, b| a.request() == b.request()) {
            self.first = self.first.or(request.first().map(|case| case.row.event_time));
            self.rows += request.len() as u64;
            for case in request {
                self.count(release, case);
            }
            if release.policy.judge.paired {
                self.push_pair(release, request);
            }
        }
    }

    fn count(&mut self, release: &Release, case: &Case) {
        let row = &case.row;
        let (champion, candidate) = (row.version == release.champion, row.version == release.candidate);
        let of = match (champion, candidate) {
            (true, _) => &mut self.champion_failures,
            (_, true) => &mut self.candidate_failures,
            _ => return,
        };
        of.0 += u64::from(row.status.failed());
        of.1 += 1;
        let Sequence::Unpaired(sequence) = &mut self.sequence else { return };
        let Some(loss) = case.loss(&release.policy.judge.metric).filter(|_| row.role == Role::Served) else { return };
        if champion {
            sequence.push(Side::Champion, loss);
            self.champion.push(loss);
        } else {
            sequence.push(Side::Candidate, loss);
            self.candidate.push(loss);
            self.new_samples += u64::from(row.event_time >= self.step_start);
        }
    }

    fn push_pair(&mut self, release: &Release, request: &[Case]) {
        let metric = release.policy.judge.metric.as_str();
        let loss = |version: i64| request.iter().find(|case| case.row.version == version)?.loss(metric);
        let (Some(champion), Some(candidate)) = (loss(release.champion), loss(release.candidate)) else { return };
        let Sequence::Paired(sequence) = &mut self.sequence else { return };
        sequence.push(candidate - champion);
        self.champion.push(champion);
        self.candidate.push(candidate);
        self.new_samples += u64::from(request.iter().any(|case| case.row.event_time >= self.step_start));
    }

    /// What it says now.
    pub(crate) fn compare(&self, release: &Release) -> Comparison {
        let (judge, champion_mean) = (&release.policy.judge, self.champion.value());
        let margin = judge.margin * champion_mean.unwrap_or(0.0);
        let rule = Rule { margin, min_samples: judge.min_samples.max(1) };
        let (interval, samples, verdict) = match &self.sequence {
            Sequence::Paired(sequence) => (sequence.interval(), sequence.pairs(), sequence.verdict(&rule)),
            Sequence::Unpaired(sequence) => (sequence.interval(), sequence.samples(), sequence.verdict(&rule)),
        };
        Comparison {
            interval,
            samples,
            new_samples: self.new_samples,
            champion_mean,
            candidate_mean: self.candidate.value(),
            verdict,
        }
    }
}

/// Courses of running releases at places of their logs, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Courses(Mutex<HashMap<ReleaseId, Kept>>);

#[derive(Debug, Default)]
struct Kept {
    places: Vec<(LogMark, Course)>,
    /// The look under way, and the earliest moment that has changed since it began.
    look: u64,
    changed: Option<Timestamp>,
}

/// A look under way: where it reads on, and what it leaves for the next.
#[derive(Debug)]
pub(crate) struct Look {
    number: u64,
    /// Everything up to here is counted.
    pub(crate) after: Option<LogMark>,
    pub(crate) course: Course,
    /// Rows since the last place.
    rows: usize,
    places: Vec<(LogMark, Course)>,
}

impl Courses {
    fn all(&self) -> MutexGuard<'_, HashMap<ReleaseId, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a look where the last one that still holds ended.
    pub(crate) fn look(&self, release: &Release) -> Look {
        let mut all = self.all();
        if all.len() >= MAX_COURSES && !all.contains_key(&release.id) {
            all.clear();
        }
        let kept = all.entry(release.id).or_default();
        kept.look += 1;
        kept.changed = None;
        let at_step = |(mark, course): &(LogMark, Course)| {
            Some((mark.clone(), course.clone().at_step(release, mark.event_time.micros())?))
        };
        let (after, course) = match kept.places.iter().rev().find_map(at_step) {
            Some((mark, course)) => (Some(mark), course),
            None => (None, Course::new(release)),
        };
        Look { number: kept.look, after, course, rows: 0, places: Vec::new() }
    }

    /// Predictions or labels from `from` on are new or others than before.
    pub(crate) fn changed(&self, release: ReleaseId, from: Timestamp) {
        if let Some(kept) = self.all().get_mut(&release) {
            kept.changed = Some(kept.changed.map_or(from, |before| before.min(from)));
            kept.places.retain(|(mark, _)| mark.event_time < from);
        }
    }

    /// Keeps what a look has counted, unless a newer one is under way.
    pub(crate) fn keep(&self, release: ReleaseId, look: Look) {
        let mut all = self.all();
        let Some(kept) = all.get_mut(&release).filter(|kept| kept.look == look.number) else { return };
        kept.places.extend(look.places);
        let changed = kept.changed;
        kept.places.retain(|(mark, _)| changed.is_none_or(|from| mark.event_time < from));
        // What came in behind the look's beginning has places of its own there.
        kept.places.sort_by(|a, b| a.0.cmp(&b.0));
        kept.places.dedup_by(|a, b| a.0 == b.0);
        thin(&mut kept.places);
    }

    /// A release has ended.
    pub(crate) fn forget(&self, release: ReleaseId) {
        self.all().remove(&release);
    }
}

/// Removes the places that are missed least: where the gap it leaves is small against the distance to the end.
fn thin(places: &mut Vec<(LogMark, Course)>) {
    while places.len() > MAX_PLACES {
        let end = places.last().map_or(0, |(_, course)| course.rows);
        let cost = |at: usize| {
            let before = if at == 0 { 0 } else { places[at - 1].1.rows };
            (places[at + 1].1.rows - before) as f64 / (end - places[at].1.rows).max(1) as f64
        };
        let least = (0..places.len() - 1).min_by(|a, b| cost(*a).total_cmp(&cost(*b)));
        places.remove(least.unwrap_or(0));
    }
}

impl Look {
    /// Counts a part of the log that comes next, and keeps the course at some places of it.
    pub(crate) fn push(&mut self, release: &Release, cases: &[Case]) {
        self.push_by(release, cases, ROWS_A_PLACE);
    }

    fn push_by(&mut self, release: &Release, cases: &[Case], rows_a_place: usize) {
        for request in cases.chunk_by(|a, b| a.request() == b.request()) {
            self.course.push(release, request);
            self.rows += request.len();
            if self.rows < rows_a_place {
                continue;
            }
            self.rows = 0;
            if let Some(last) = request.last() {
                let event_time = Timestamp::from_micros(last.row.event_time);
                let mark = LogMark { event_time, request_id: last.row.request_id.to_string() };
                self.places.push((mark, self.course.clone()));
            }
            if self.places.len() > 2 * MAX_PLACES {
                thin(&mut self.places);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::tests::row;
    use crate::model::tests::release;
    use proptest::prelude::*;

    /// A log of requests by time and number, each answered by both versions; some labels are known.
    type World = std::collections::BTreeMap<(i64, u8), Option<i8>>;

    fn cases(world: &World, after: Option<&LogMark>) -> Vec<Case> {
        let of = |((time, id), label): (&(i64, u8), &Option<i8>)| {
            let id = format!("r{id:03}");
            let case = |version, role, prediction| Case {
                row: Arc::new(Row { version, role, prediction, ..row(&id, *time) }),
                label: label.map(f64::from),
            };
            [case(1, Role::Served, 3.0), case(2, Role::Shadow, *time as f64)]
        };
        let all = world.iter().flat_map(of);
        let place = |case: &Case| LogMark {
            event_time: Timestamp::from_micros(case.row.event_time),
            request_id: case.row.request_id.to_string(),
        };
        all.filter(|case| after.is_none_or(|after| place(case) > *after)).collect()
    }

    fn look(courses: &Courses, release: &Release, world: &World) -> (Course, usize) {
        let mut look = courses.look(release);
        let new = cases(world, look.after.as_ref());
        look.push_by(release, &new, 8);
        let course = look.course.clone();
        courses.keep(release.id, look);
        (course, new.len())
    }

    #[test]
    fn a_look_reads_what_is_new() {
        let (courses, release) = (Courses::default(), release());
        let mut world: World = (0..1_000).map(|time| ((time, 0), Some(1))).collect();
        assert_eq!(look(&courses, &release, &world).1, 2_000);
        assert_eq!(look(&courses, &release, &world).1, 0);
        world.insert((1_000, 0), Some(2));
        courses.changed(release.id, Timestamp::from_micros(1_000));
        assert_eq!(look(&courses, &release, &world).1, 2);
        // The places thin out with age, and none is ever far.
        courses.changed(release.id, Timestamp::from_micros(500));
        let again = look(&courses, &release, &world).1;
        assert!((1_002..1_700).contains(&again), "{again}");
        courses.forget(release.id);
        assert_eq!(look(&courses, &release, &world).1, 2_002);
    }

    #[test]
    fn what_changes_while_a_look_reads_is_counted_by_the_next() {
        let (courses, release) = (Courses::default(), release());
        let mut world: World = (0..100).map(|time| ((time, 0), None)).collect();
        let mut slow = courses.look(&release);
        slow.push_by(&release, &cases(&world, None), 8);
        world.insert((50, 0), Some(1));
        courses.changed(release.id, Timestamp::from_micros(50));
        courses.keep(release.id, slow);
        assert_eq!(look(&courses, &release, &world).0.compare(&release).samples, 1);
        // A look that was overtaken leaves nothing.
        let slow = courses.look(&release);
        look(&courses, &release, &world);
        let places = courses.all()[&release.id].places.len();
        courses.keep(release.id, slow);
        assert_eq!(courses.all()[&release.id].places.len(), places);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_course_that_went_on_is_the_one_counted_from_the_start(
            steps in prop::collection::vec(prop::collection::vec((0i64..60, 0u8..3, prop::option::of(any::<i8>())), 1..40), 1..12),
            paired in any::<bool>(), advance in 0usize..12,
        ) {
            let (courses, mut world, mut release) = (Courses::default(), World::new(), release());
            release.policy.judge.paired = paired;
            for (at, step) in steps.into_iter().enumerate() {
                for (time, id, label) in step {
                    world.insert((time, id), label);
                    courses.changed(release.id, Timestamp::from_micros(time));
                }
                if at == advance {
                    let last = world.keys().next_back().map(|(time, _)| Timestamp::from_micros(*time));
                    release.step = 1;
                    release.steps[1].event_time = last;
                }
                let mut whole = Course::new(&release);
                whole.push(&release, &cases(&world, None));
                prop_assert_eq!(look(&courses, &release, &world).0, whole);
            }
        }
    }
}
