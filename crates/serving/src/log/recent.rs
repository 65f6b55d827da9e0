//! The recent rows of one deployment in memory, by event time and by request.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::{BTreeSet, HashSet, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::row::Row;

/// Rows kept in memory for each deployment once they are in Parquet files.
pub(crate) const RECENT_ROWS: usize = 200_000;
/// The latest arrivals, for the list of predictions.
pub(crate) const ARRIVALS: usize = 1_000;

/// A row in its place in time. `segment` is the file it was written to.
#[derive(Debug, Clone)]
struct ByTime(Arc<Row>, u64);

impl PartialEq for ByTime {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for ByTime {}

impl PartialOrd for ByTime {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ByTime {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.key().cmp(&other.0.key())
    }
}

/// A row found by its request.
#[derive(Debug, Clone)]
struct ById(Arc<Row>);

impl PartialEq for ById {
    fn eq(&self, other: &Self) -> bool {
        self.0.request_id == other.0.request_id
    }
}

impl Eq for ById {}

impl Hash for ById {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (*self.0.request_id).hash(state);
    }
}

impl Borrow<str> for ById {
    fn borrow(&self) -> &str {
        &self.0.request_id
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Recent {
    rows: BTreeSet<ByTime>,
    ids: HashSet<ById>,
    arrivals: VecDeque<Arc<Row>>,
    /// Every row from this event time on is here.
    complete_from: i64,
    probe: Arc<Row>,
}

impl Recent {
    /// No row yet. `complete` when there is none elsewhere either.
    pub(crate) fn new(complete: bool, probe: Arc<Row>) -> Self {
        Self {
            rows: BTreeSet::new(),
            ids: HashSet::new(),
            arrivals: VecDeque::new(),
            complete_from: if complete { i64::MIN } else { i64::MAX },
            probe,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Adds a row as it arrives; it replaces one of the same moment, request and role.
    pub(crate) fn insert(&mut self, row: Arc<Row>, segment: u64) {
        self.arrivals.push_back(Arc::clone(&row));
        if self.arrivals.len() > ARRIVALS {
            self.arrivals.pop_front();
        }
        self.keep(row, segment);
    }

    fn keep(&mut self, row: Arc<Row>, segment: u64) {
        self.ids.replace(ById(Arc::clone(&row)));
        self.rows.replace(ByTime(row, segment));
    }

    /// Adds rows read from files, unless newer ones have taken their place, and notes from when on nothing is missing.
    pub(crate) fn restore(&mut self, rows: Vec<Row>, complete_from: i64) {
        let mut restored: Vec<Arc<Row>> = rows.into_iter().map(Arc::new).collect();
        restored.sort_by_key(|row| row.at);
        let mut arrivals: Vec<Arc<Row>> = self.arrivals.drain(..).collect();
        for row in restored {
            if !self.rows.contains(&ByTime(Arc::clone(&row), 0)) {
                arrivals.push(Arc::clone(&row));
                self.keep(row, 0);
            }
        }
        arrivals.sort_by_key(|row| row.at);
        // The newest arrivals are the ones that are asked for.
        arrivals.drain(..arrivals.len().saturating_sub(ARRIVALS));
        self.arrivals = arrivals.into();
        self.complete_from = self.complete_from.min(complete_from);
    }

    /// Whether memory alone can answer for everything from `from` on.
    pub(crate) fn covers(&self, from: i64) -> bool {
        from >= self.complete_from
    }

    /// Whether every row ever written is here.
    pub(crate) fn has_all(&self) -> bool {
        self.complete_from == i64::MIN
    }

    /// The rows with `from <= event_time < to`, in their order.
    pub(crate) fn range(&self, from: i64, to: i64) -> Vec<Arc<Row>> {
        if from >= to {
            return Vec::new();
        }
        let low = ByTime(Arc::new(Row { event_time: from, ..self.probe.as_ref().clone() }), 0);
        let high = ByTime(Arc::new(Row { event_time: to, ..self.probe.as_ref().clone() }), 0);
        self.rows.range(low..high).map(|row| Arc::clone(&row.0)).collect()
    }

    /// The event time of a request.
    pub(crate) fn event_time(&self, request_id: &str) -> Option<i64> {
        self.ids.get(request_id).map(|row| row.0.event_time)
    }

    /// The latest arrivals, newest first.
    pub(crate) fn latest(&self, limit: usize) -> Vec<Arc<Row>> {
        self.arrivals.iter().rev().take(limit).cloned().collect()
    }

    /// Forgets the oldest rows beyond `limit` that are in Parquet files, which is those of segments up to `rolled`.
    pub(crate) fn evict(&mut self, limit: usize, rolled: u64) {
        while self.rows.len() > limit && self.rows.first().is_some_and(|oldest| oldest.1 <= rolled) {
            let Some(ByTime(row, _)) = self.rows.pop_first() else { return };
            if self.ids.get(&*row.request_id).is_some_and(|known| known.0.event_time == row.event_time) {
                self.ids.remove(&*row.request_id);
            }
            self.complete_from = self.complete_from.max(row.event_time.saturating_add(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::row::tests::row;
    use super::*;
    use proptest::prelude::*;

    fn recent() -> Recent {
        Recent::new(true, Arc::new(row("", 0)))
    }

    #[test]
    fn ranges_are_half_open_and_in_order() {
        let mut recent = recent();
        for (id, time) in [("b", 20), ("a", 20), ("c", 10), ("d", 30)] {
            recent.insert(Arc::new(row(id, time)), 1);
        }
        let ids = |from, to| recent.range(from, to).iter().map(|row| row.request_id.to_string()).collect::<Vec<_>>();
        assert_eq!(ids(10, 30), ["c", "a", "b"]);
        assert_eq!(ids(11, 31), ["a", "b", "d"]);
        assert_eq!(ids(30, 10), [""; 0]);
        assert_eq!(recent.latest(2).iter().map(|row| &*row.request_id).collect::<Vec<_>>(), ["d", "c"]);
        assert_eq!((recent.event_time("a"), recent.event_time("z")), (Some(20), None));
    }

    #[test]
    fn after_a_restart_the_newest_arrivals_are_shown() {
        let mut recent = recent();
        let many = ARRIVALS as i64 + 50;
        let stored = |i: i64| Row { at: i, ..row(&i.to_string(), i) };
        recent.restore((0..many).map(stored).collect(), i64::MIN);
        let newest: Vec<i64> = recent.latest(3).iter().map(|row| row.at).collect();
        assert_eq!(newest, [many - 1, many - 2, many - 3]);
        assert_eq!(recent.latest(usize::MAX).len(), ARRIVALS);
    }

    #[test]
    fn what_was_asked_again_is_there_once() {
        let mut recent = recent();
        recent.insert(Arc::new(row("a", 10)), 1);
        recent.insert(Arc::new(Row { prediction: 9.0, ..row("a", 10) }), 1);
        assert_eq!(recent.range(0, 100).len(), 1);
        assert_eq!(recent.range(0, 100)[0].prediction, 9.0);
    }

    #[test]
    fn rows_that_are_in_no_file_are_never_forgotten() {
        let mut recent = recent();
        (0..10).for_each(|i| recent.insert(Arc::new(row(&i.to_string(), i)), if i < 4 { 1 } else { 2 }));
        recent.evict(3, 1);
        assert_eq!(recent.len(), 6);
        assert!(recent.covers(4) && !recent.covers(3) && !recent.has_all());
        recent.evict(3, 2);
        assert_eq!((recent.len(), recent.event_time("6"), recent.event_time("7")), (3, None, Some(7)));
    }

    proptest! {
        #[test]
        fn a_range_is_the_filtered_whole(times in prop::collection::vec(0i64..50, 0..60), from in 0i64..50, to in 0i64..50) {
            let mut recent = recent();
            for (i, time) in times.iter().enumerate() {
                recent.insert(Arc::new(row(&i.to_string(), *time)), 1);
            }
            let wanted = times.iter().filter(|time| from <= **time && **time < to).count();
            prop_assert_eq!(recent.range(from, to).len(), wanted);
        }
    }
}
