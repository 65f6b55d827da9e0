//! One part of a stretch of the log: the first requests of it that fit, whatever order they are found in.

use std::collections::BTreeMap;
use std::sync::Arc;

use pitcrew_contracts::release::LogMark;
use pitcrew_kernel::Timestamp;

use super::row::Row;

/// A part of a stretch.
#[derive(Debug)]
pub(crate) struct Page {
    /// In their order; no request is cut in two.
    pub(crate) rows: Vec<Arc<Row>>,
    /// Where the next part begins; `None` when this one was the last.
    pub(crate) next: Option<LogMark>,
}

impl Page {
    /// The first part of rows that are in order and unique already.
    pub(super) fn of_sorted(mut rows: Vec<Arc<Row>>, after: Option<&LogMark>, budget: usize) -> Self {
        let place = |row: &Arc<Row>| (row.event_time, Arc::clone(&row.request_id));
        if let Some(after) = after.map(place_of) {
            rows.drain(..rows.partition_point(|row| place(row) <= after));
        }
        let mut weight = 0;
        let fitting = rows.iter().take_while(|row| {
            weight += row.weight();
            weight <= budget
        });
        let fitting = fitting.count();
        let Some(cut) = rows.get(fitting).map(place) else { return Self { rows, next: None } };
        // The first request stays even when it alone is too much.
        let first = rows.first().map(place);
        let keep = rows.partition_point(|row| place(row) < cut || Some(place(row)) == first);
        let whole = keep == rows.len();
        rows.truncate(keep);
        let next = rows.last().filter(|_| !whole).map(|last| mark(last));
        Self { rows, next }
    }
}

fn place_of(mark: &LogMark) -> Place {
    (mark.event_time.micros(), mark.request_id.as_str().into())
}

fn mark(row: &Row) -> LogMark {
    LogMark { event_time: Timestamp::from_micros(row.event_time), request_id: row.request_id.to_string() }
}

/// A request's place in the order of a log.
type Place = (i64, Arc<str>);

/// Keeps the first rows of all that it is offered, up to a weight. At least one request stays, so that reading goes on.
#[derive(Debug)]
pub(super) struct FirstRows {
    span: (i64, i64),
    after: Option<Place>,
    budget: usize,
    weight: usize,
    /// With the rank of the source, by which one row takes the place of another.
    rows: BTreeMap<(Place, u8), (usize, Arc<Row>)>,
    /// Requests from here on did not fit.
    cut: Option<Place>,
}

impl FirstRows {
    /// Nothing yet, of the rows with `span.0 <= event_time < span.1` that come after `after`.
    pub(super) fn new(span: (i64, i64), after: Option<&LogMark>, budget: usize) -> Self {
        Self { span, after: after.map(place_of), budget, weight: 0, rows: BTreeMap::new(), cut: None }
    }

    /// Whether a row of this event time or a later one could still come in.
    pub(super) fn wants(&self, event_time: i64) -> bool {
        event_time < self.span.1 && self.cut.as_ref().is_none_or(|cut| event_time <= cut.0)
    }

    /// Takes a row in, if it is one of the first. Of two with one key, the one of the higher rank stays; of equal rank, the later one.
    pub(super) fn offer(&mut self, rank: usize, row: Arc<Row>) {
        let place: Place = (row.event_time, Arc::clone(&row.request_id));
        let outside = row.event_time < self.span.0
            || row.event_time >= self.span.1
            || self.after.as_ref().is_some_and(|after| place <= *after)
            || self.cut.as_ref().is_some_and(|cut| place >= *cut);
        let key = (place, row.key().2);
        if outside || self.rows.get(&key).is_some_and(|(known, _)| *known > rank) {
            return;
        }
        self.weight += row.weight();
        if let Some((_, replaced)) = self.rows.insert(key, (rank, row)) {
            self.weight -= replaced.weight();
        }
        while self.weight > self.budget && self.cut_last() {}
    }

    /// Lets go of the last request, unless it is the only one.
    fn cut_last(&mut self) -> bool {
        let (Some(((first, _), _)), Some(((last, _), _))) = (self.rows.first_key_value(), self.rows.last_key_value())
        else {
            return false;
        };
        if first == last {
            return false;
        }
        let last = last.clone();
        for (_, row) in self.rows.split_off(&(last.clone(), 0)).into_values() {
            self.weight -= row.weight();
        }
        self.cut = Some(last);
        true
    }

    /// What was kept.
    pub(super) fn page(self) -> Page {
        let rows: Vec<Arc<Row>> = self.rows.into_values().map(|(_, row)| row).collect();
        let next = rows.last().filter(|_| self.cut.is_some()).map(|last| mark(last));
        Page { rows, next }
    }
}

#[cfg(test)]
mod tests {
    use super::super::row::tests::row;
    use super::*;
    use pitcrew_contracts::release::Role;
    use proptest::prelude::*;

    /// Every page of the offered rows, one after the other.
    fn pages(rows: &[(usize, Row)], span: (i64, i64), budget: usize) -> Vec<Vec<Arc<Row>>> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let mut first = FirstRows::new(span, after.as_ref(), budget);
            rows.iter().for_each(|(rank, row)| first.offer(*rank, Arc::new(row.clone())));
            let page = first.page();
            all.push(page.rows);
            match page.next {
                Some(next) => after = Some(next),
                None => return all,
            }
        }
    }

    #[test]
    fn a_request_is_not_cut_in_two_and_one_always_fits() {
        let shadow = |id: &str, time| Row { role: Role::Shadow, ..row(id, time) };
        let rows: Vec<(usize, Row)> =
            [row("b", 1), shadow("a", 1), row("a", 1), shadow("b", 1)].into_iter().map(|row| (0, row)).collect();
        let ids: Vec<Vec<&str>> = vec![vec!["a", "a"], vec!["b", "b"]];
        let found = pages(&rows, (0, 9), 1);
        let found: Vec<Vec<&str>> =
            found.iter().map(|page| page.iter().map(|row| &*row.request_id).collect()).collect();
        assert_eq!(found, ids);
    }

    #[test]
    fn what_cannot_come_in_any_more_is_told() {
        let mut first = FirstRows::new((0, 100), None, row("a", 1).weight());
        assert!(first.wants(99) && !first.wants(100));
        first.offer(0, Arc::new(row("a", 10)));
        first.offer(0, Arc::new(row("b", 20)));
        assert!(first.wants(20) && !first.wants(21));
    }

    proptest! {
        #[test]
        fn the_pages_together_are_the_whole_stretch_whatever_the_order(
            found in prop::collection::vec((0usize..4, 0i64..12, 0u8..5, any::<bool>()), 0..60),
            from in 0i64..6, to in 4i64..14, budget in 1usize..4_000,
        ) {
            // The prediction tells the rows apart.
            let rows: Vec<(usize, Row)> = found.iter().enumerate().map(|(at, (rank, time, id, shadow))| {
                let role = if *shadow { Role::Shadow } else { Role::Served };
                (*rank, Row { role, prediction: at as f64, ..row(&id.to_string(), *time) })
            }).collect();
            let mut whole: BTreeMap<(i64, String, u8), (usize, f64)> = BTreeMap::new();
            for (rank, row) in rows.iter().filter(|(_, row)| from <= row.event_time && row.event_time < to) {
                let (time, id, role) = row.key();
                let known = whole.entry((time, id.to_owned(), role)).or_insert((*rank, row.prediction));
                if *rank >= known.0 {
                    *known = (*rank, row.prediction);
                }
            }
            let read: Vec<f64> = pages(&rows, (from, to), budget).concat().iter().map(|row| row.prediction).collect();
            prop_assert_eq!(read, whole.into_values().map(|(_, prediction)| prediction).collect::<Vec<_>>());
            // Rows that are in order already are cut at the same places.
            let by_pages = pages(&rows, (from, to), budget);
            let (sorted, mut after) = (by_pages.concat(), None);
            for expected in &by_pages {
                let page = Page::of_sorted(sorted.clone(), after.as_ref(), budget);
                prop_assert_eq!(&page.rows, expected);
                after = page.next;
            }
            prop_assert_eq!(after, None);
        }
    }
}
