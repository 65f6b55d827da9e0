//! Thinned histories: of a series of any length, as many points as a chart can show.
//!
//! The points asked for are those that MLflow 3.17 chooses: the series by (step, time, value) is cut into equal parts, the first of each is
//! kept, and the very last one. Points lie by (time, step, value). Nearly always that is the same order, so one pass over the rows, which keeps
//! what it needs and nothing else, finds them; only where steps go back in time does the database have to sort.

use pitcrew_db::{Arg, Tx};
use pitcrew_kernel::Result;

use super::metrics::value_at;
use crate::model::Metric;

const SERIES: &str = "FROM tracking_points WHERE run_no = $1 AND key = $2";
/// Looking at every step costs as much again, so it is done only when some are left out.
const SOME_STEPS: &str = "FROM tracking_points WHERE run_no = $1 AND key = $2 AND step >= $3 AND step <= $4";
/// The order of the points as they lie. Within it, what is not sorted by step shows as a step that goes back.
const LYING: &str = "at_ms, step, value, nan";
const BY_STEP: &str = "step, at_ms, value, nan";

/// At most `most` points of a metric, spread evenly over its steps: the first of each of `most` equal parts, and the very last point.
pub(crate) fn sample(
    tx: &mut Tx<'_>,
    run_no: i64,
    key: &str,
    steps: Option<(i64, i64)>,
    most: usize,
) -> Result<Vec<Metric>> {
    let mut args: Vec<Arg<'_>> = vec![run_no.into(), key.into()];
    let series = match steps {
        None => SERIES,
        Some((first, last)) => {
            args.extend([first.into(), last.into()]);
            SOME_STEPS
        }
    };
    let count = tx.one(&format!("SELECT count(*) {series}"), &args, |row| row.int(0))?;
    let parts = Parts { count: usize::try_from(count).unwrap_or(0), parts: most };
    if let Some(points) = pick(tx, key, (&format!("{series} ORDER BY {LYING}"), &args), parts)? {
        return Ok(points);
    }
    Ok(pick(tx, key, (&format!("{series} ORDER BY {BY_STEP}"), &args), parts)?.unwrap_or_default())
}

/// Picks the points while they pass by; `None` when a step goes back, since then they do not pass in the order of steps.
fn pick(tx: &mut Tx<'_>, key: &str, (rows, args): (&str, &[Arg<'_>]), parts: Parts) -> Result<Option<Vec<Metric>>> {
    let mut picked = Vec::with_capacity(parts.kept());
    let (mut at, mut step, mut sorted) = (0, i64::MIN, true);
    tx.for_each(&format!("SELECT at_ms, step, value, nan {rows}"), args, &mut |row| {
        let here = row.int(1)?;
        sorted &= here >= step;
        step = here;
        if sorted && parts.keeps(at) {
            picked.push(Metric::new(key, value_at(row, 2)?, row.int(0)?, here));
        }
        at += 1;
        Ok(())
    })?;
    Ok(sorted.then_some(picked))
}

/// A series of `count` points in `parts` parts, as equal as they can be: the first ones have one point more.
#[derive(Debug, Clone, Copy)]
struct Parts {
    count: usize,
    parts: usize,
}

impl Parts {
    /// How many points are kept at most.
    fn kept(self) -> usize {
        self.count.min(self.parts)
    }

    /// Whether the point at this place is kept. The last point takes the place of the last part's first one.
    fn keeps(self, at: usize) -> bool {
        let end = self.count.saturating_sub(1);
        if self.count <= self.parts || at == end {
            return true;
        }
        let (size, longer) = (self.count / self.parts, self.count % self.parts);
        let head = longer * (size + 1);
        let (part, first) = if at < head {
            (at / (size + 1), at.is_multiple_of(size + 1))
        } else {
            (longer + (at - head) / size, (at - head).is_multiple_of(size))
        };
        first && part + 1 < self.parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kept(count: usize, parts: usize) -> Vec<usize> {
        let of = Parts { count, parts };
        (0..count).filter(|at| of.keeps(*at)).collect()
    }

    #[test]
    fn the_first_of_each_part_and_the_last_of_all() {
        assert_eq!(kept(10, 3), [0, 4, 9]);
        assert_eq!(kept(9, 3), [0, 3, 8]);
        assert_eq!(kept(3, 3), [0, 1, 2]);
        assert_eq!(kept(4, 3), [0, 2, 3]);
        assert_eq!(kept(5, 1), [4]);
        assert!(kept(0, 3).is_empty());
    }

    proptest! {
        #[test]
        fn never_more_than_asked_and_always_both_ends(count in 1usize..2_000, parts in 1usize..300) {
            let kept = kept(count, parts);
            prop_assert_eq!(kept.len(), count.min(parts));
            prop_assert_eq!(kept.last(), Some(&(count - 1)));
            prop_assert!(parts == 1 || kept[0] == 0);
        }
    }
}
