//! Do traces that pass one filter tend to pass another? Normalised pointwise mutual information of two filters.

use std::collections::HashSet;

use pitcrew_filter::Clause;
use pitcrew_kernel::{Access, Ctx, Error, Result};

use super::Traces;
use super::search::{TraceSearch, checked_experiments, split};
use crate::filter::{Field, parse};
use crate::limits::{TRACES_PER_CORRELATION, TRACES_PER_PAGE};
use crate::store::search as store;

/// How much is added to each of the four counts, so that few traces do not look like certainty (Jeffreys' prior).
const PRIOR: f64 = 0.5;

/// Which filters are compared, over which traces.
#[derive(Debug, Clone)]
pub struct CorrelationQuestion {
    /// The experiments.
    pub experiments: Vec<i64>,
    /// One filter.
    pub one: String,
    /// The other.
    pub other: String,
    /// Which traces are looked at at all; all when empty.
    pub base: String,
}

/// How two filters hang together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Correlation {
    /// -1: never together; 0: as chance has it; 1: always together. Not-a-number when a filter passes nothing.
    pub npmi: f64,
    /// The same with a little added to each count.
    pub npmi_smoothed: f64,
    /// Traces that pass the one.
    pub one: usize,
    /// Traces that pass the other.
    pub other: usize,
    /// Traces that pass both.
    pub both: usize,
    /// Traces looked at.
    pub all: usize,
}

impl Traces {
    /// Counts and compares.
    ///
    /// # Errors
    /// `FILTER_INVALID`, `TRACE_VALUE_INVALID`, `TRACES_TOO_MANY`.
    pub async fn correlate(&self, ctx: &Ctx, question: CorrelationQuestion) -> Result<Correlation> {
        ctx.require(Access::Read)?;
        let experiments = checked_experiments(question.experiments)?;
        let all = self.passing(ctx, &experiments, &[&question.base]).await?;
        let one = self.passing(ctx, &experiments, &[&question.base, &question.one]).await?;
        let other = self.passing(ctx, &experiments, &[&question.base, &question.other]).await?;
        let both = one.intersection(&other).count();
        let (npmi, npmi_smoothed) = npmi(both, one.len(), other.len(), all.len());
        Ok(Correlation { npmi, npmi_smoothed, one: one.len(), other: other.len(), both, all: all.len() })
    }

    /// The ids of traces that pass all of these filters.
    async fn passing(&self, ctx: &Ctx, experiments: &[i64], filters: &[&String]) -> Result<HashSet<String>> {
        let filters: Vec<&str> =
            filters.iter().map(|filter| filter.trim()).filter(|filter| !filter.is_empty()).collect();
        let filter = filters.join(" AND ");
        let clauses = parse(&filter)?;
        let (look, told) = split(&clauses)?;
        let experiments = experiments.to_vec();
        if !look.is_needed() {
            let found = self
                .db
                .read(move |tx| {
                    let told: Vec<&Clause<Field>> = told.iter().collect();
                    store::ids(tx, &experiments, &told, TRACES_PER_CORRELATION + 1)
                })
                .await?;
            return bounded(found.into_iter().collect());
        }
        let mut found = HashSet::new();
        let mut page = None;
        loop {
            let search = TraceSearch {
                experiments: Some(experiments.clone()),
                filter: filter.clone(),
                limit: TRACES_PER_PAGE,
                page: page.take(),
                ..TraceSearch::default()
            };
            let next = self.search(ctx, search).await?;
            found.extend(next.items.into_iter().map(|info| info.trace_id));
            found = bounded(found)?;
            match next.next {
                Some(token) => page = Some(token),
                None => return Ok(found),
            }
        }
    }
}

fn bounded(found: HashSet<String>) -> Result<HashSet<String>> {
    if found.len() <= TRACES_PER_CORRELATION {
        return Ok(found);
    }
    Err(Error::too_large("TRACES_TOO_MANY", format!("more than {TRACES_PER_CORRELATION} traces would be compared"))
        .hint("compare fewer: add a base filter, like `timestamp_ms > ...`"))
}

/// Plain and smoothed.
fn npmi(both: usize, one: usize, other: usize, all: usize) -> (f64, f64) {
    let undefined = (f64::NAN, f64::NAN);
    let rest = (all + both).checked_sub(one + other);
    let (Some(neither), Some(only_one), Some(only_other)) = (rest, one.checked_sub(both), other.checked_sub(both))
    else {
        return undefined;
    };
    if one == 0 || other == 0 {
        return undefined;
    }
    let cells = [both, only_one, only_other, neither].map(|count| count as f64);
    let plain = if both == 0 { -1.0 } else { of_cells(cells) };
    (plain, of_cells(cells.map(|count| count + PRIOR)))
}

/// log(p(both) / (p(one) p(other))) / -log(p(both)).
fn of_cells([both, only_one, only_other, neither]: [f64; 4]) -> f64 {
    let all = both + only_one + only_other + neither;
    if both >= all {
        return 1.0;
    }
    let together = (both / all).ln();
    let apart = ((both + only_one) / all).ln() + ((both + only_other) / all).ln();
    ((together - apart) / -together).clamp(-1.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compared with what MLflow 3.17.2 answers to the same counts.
    #[test]
    fn the_figures_are_those_of_mlflow() {
        let near = |got: (f64, f64), wanted: (f64, f64)| {
            assert!((got.0 - wanted.0).abs() < 1e-12 && (got.1 - wanted.1).abs() < 1e-12, "{got:?} {wanted:?}");
        };
        near(npmi(0, 1, 1, 3), (-1.0, -0.204_119_982_655_924_82));
        near(npmi(2, 3, 2, 3), (0.0, 0.058_893_689_053_568_71));
        assert!(npmi(0, 0, 1, 3).0.is_nan());
        assert!(npmi(0, 0, 0, 0).1.is_nan());
        assert_eq!(npmi(3, 3, 3, 3).0, 1.0);
    }
}
