//! Searching runs, and what all searches share.

use pitcrew_contracts::tracking as contract;
use pitcrew_kernel::{Access, Ctx, Error, Page, Result};

use super::Tracking;
use crate::errors;
use crate::filter::Grammar;
use crate::filter::runs::{parse, parse_order};
use crate::limits::{EXPERIMENTS_PER_SEARCH, RUNS_PER_PAGE};
use crate::model::{Columns, Reads, Run, View};
use crate::store;
use crate::store::search::{Query, Scope};
use crate::store::sql::{self, KeyValue};

/// What runs are searched by.
#[derive(Debug, Clone, Default)]
pub struct RunSearch {
    /// In which experiments; an empty list finds nothing, `None` means all.
    pub experiments: Option<Vec<i64>>,
    /// What must be true of them.
    pub filter: String,
    /// How much of the language the filter may use.
    pub grammar: Grammar,
    /// Terms of the order; newest first when empty.
    pub order_by: Vec<String>,
    /// Deleted ones too?
    pub view: View,
    /// How many; at most [`RUNS_PER_PAGE`].
    pub limit: usize,
    /// The `next` of the page before.
    pub page: Option<String>,
    /// What is read of each.
    pub reads: Reads,
}

impl Tracking {
    /// One page of runs with what is to be read of them.
    ///
    /// # Errors
    /// `FILTER_INVALID`, `ORDER_BY_INVALID`, `PAGE_INVALID`, `TRACKING_VALUE_INVALID`.
    pub async fn search_runs(&self, ctx: &Ctx, search: RunSearch) -> Result<Page<Run>> {
        ctx.require(Access::Read)?;
        let limit = checked_limit(search.limit, RUNS_PER_PAGE)?;
        let filter = parse(&search.filter, search.grammar)?;
        let orders = parse_order(&search.order_by)?;
        let terms = search.order_by.join(",");
        let after = search.page.as_deref().map(|token| sql::keys_of(&terms, token)).transpose()?;
        let experiments = search.experiments.map(checked_experiments).transpose()?;
        if experiments.as_ref().is_some_and(Vec::is_empty) {
            return Ok(Page::all(Vec::new()));
        }
        let found = self
            .db
            .read(move |tx| {
                let scope = Scope { experiments: experiments.as_deref(), filter: &filter, view: search.view };
                let query = Query { scope, orders: &orders, after, limit: limit + 1 };
                let mut found = store::search::runs(tx, &query)?;
                // The one run too many only tells that there is a next page: mark it, but do not read its data.
                let more = found.len() > limit;
                found.truncate(limit);
                let (infos, places): (Vec<_>, Vec<_>) = found.into_iter().unzip();
                let mut runs: Vec<Run> = infos.into_iter().map(Run::bare).collect();
                store::runs::with_data(tx, &mut runs, &search.reads)?;
                if search.reads.inputs {
                    store::inputs::with_inputs(tx, &mut runs)?;
                }
                Ok((runs, places, more))
            })
            .await?;
        let (items, places, more) = found;
        let next = if more { places.last().map(|place| sql::token(&terms, place)).transpose()? } else { None };
        Ok(Page { items, next })
    }

    /// How many runs a search finds on all its pages.
    ///
    /// # Errors
    /// `FILTER_INVALID`, `TRACKING_VALUE_INVALID`.
    pub async fn count_runs(&self, ctx: &Ctx, search: RunSearch) -> Result<i64> {
        ctx.require(Access::Read)?;
        let filter = parse(&search.filter, search.grammar)?;
        let experiments = search.experiments.map(checked_experiments).transpose()?;
        if experiments.as_ref().is_some_and(Vec::is_empty) {
            return Ok(0);
        }
        self.db
            .read(move |tx| {
                let scope = Scope { experiments: experiments.as_deref(), filter: &filter, view: search.view };
                store::search::count(tx, &scope)
            })
            .await
    }

    /// The experiments of these names and numbers.
    ///
    /// # Errors
    /// `EXPERIMENT_NOT_FOUND`.
    pub async fn experiments_called(&self, ctx: &Ctx, names: Vec<String>, ids: Vec<i64>) -> Result<Vec<i64>> {
        ctx.require(Access::Read)?;
        let mut ids = checked_experiments(ids)?;
        if names.len() > EXPERIMENTS_PER_SEARCH {
            return Err(too_many_experiments());
        }
        self.db
            .read(move |tx| {
                for id in &ids {
                    store::experiments::by_id(tx, *id)?.ok_or_else(|| errors::experiment_not_found(id))?;
                }
                for name in &names {
                    let found = store::experiments::by_name(tx, name)?;
                    ids.push(found.ok_or_else(|| errors::no_experiment_called(name))?.id);
                }
                Ok(ids)
            })
            .await
    }

    /// What runs of an experiment log: the keys that begin with `prefix`.
    ///
    /// # Errors
    /// `EXPERIMENT_NOT_FOUND`.
    pub async fn columns(&self, ctx: &Ctx, experiment_id: i64, prefix: &str) -> Result<Columns> {
        ctx.require(Access::Read)?;
        let prefix = prefix.to_owned();
        self.db
            .read(move |tx| {
                store::experiments::by_id(tx, experiment_id)?
                    .ok_or_else(|| errors::experiment_not_found(experiment_id))?;
                store::columns::of(tx, experiment_id, &prefix)
            })
            .await
    }
}

/// At most `most`, and at least one.
pub(super) fn checked_limit(limit: usize, most: usize) -> Result<usize> {
    if (1..=most).contains(&limit) {
        return Ok(limit);
    }
    Err(errors::invalid(format!(
        "Invalid value {limit} for parameter 'max_results' supplied. It must be a positive integer and at most {most}."
    )))
}

/// Each experiment once.
pub(super) fn checked_experiments(mut experiments: Vec<i64>) -> Result<Vec<i64>> {
    experiments.sort_unstable();
    experiments.dedup();
    if experiments.len() > EXPERIMENTS_PER_SEARCH {
        return Err(too_many_experiments());
    }
    Ok(experiments)
}

fn too_many_experiments() -> Error {
    errors::invalid(format!("a search may name at most {EXPERIMENTS_PER_SEARCH} experiments"))
}

/// A page from up to `limit + 1` things with their places.
pub(super) fn page<T>(mut found: Vec<(T, Vec<KeyValue>)>, limit: usize, terms: &str) -> Result<Page<T>> {
    let more = found.len() > limit;
    found.truncate(limit);
    let next = match found.last() {
        Some((_, place)) if more => Some(sql::token(terms, place)?),
        _ => None,
    };
    Ok(Page { items: found.into_iter().map(|(item, _)| item).collect(), next })
}

impl From<&Run> for contract::RunSummary {
    fn from(run: &Run) -> Self {
        let told = run.metrics.iter().filter(|metric| !metric.key.starts_with(contract::SYSTEM_METRICS));
        Self { params: run.params.clone(), metrics: told.map(|metric| (metric.key.clone(), metric.value)).collect() }
    }
}

/// Reads an experiment's number from text.
///
/// # Errors
/// `TRACKING_VALUE_INVALID`.
pub fn experiment_id(text: &str) -> Result<i64, Error> {
    text.parse()
        .map_err(|_| errors::invalid(format!("Invalid experiment ID '{text}'. Experiment ID must be a valid integer.")))
}
