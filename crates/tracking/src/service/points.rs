//! Logging: metrics, params and tags. The hot path of the whole slice.

use pitcrew_contracts::event::brief;
use pitcrew_contracts::tracking::RunTagged;
use pitcrew_kernel::{Access, Ctx, Page, Result};

use super::{Tracking, writable};
use crate::errors;
use crate::limits::{POINTS_PER_REPLY, POINTS_PER_SAMPLE};
use crate::model::{Metric, RUN_NAME_TAG};
use crate::store;
use crate::store::runs::Changed;
use crate::store::sql;
use crate::validate;

/// Everything of one call. All of it is written, or nothing.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Points of metrics.
    pub metrics: Vec<Metric>,
    /// Params: key and value.
    pub params: Vec<(String, String)>,
    /// Tags: key and value; of a key that comes twice the last counts.
    pub tags: Vec<(String, String)>,
}

impl Batch {
    fn checked(mut self) -> Result<Self> {
        for (at, metric) in self.metrics.iter().enumerate() {
            validate::metric(metric, &format!("metrics[{at}]"))?;
        }
        for (at, (key, value)) in self.params.iter().enumerate() {
            validate::param(key, value, &format!("params[{at}]"))?;
        }
        for (at, (key, value)) in self.tags.iter_mut().enumerate() {
            validate::run_tag(key, value, &format!("tags[{at}]"))?;
        }
        validate::batch(self.metrics.len(), self.params.len(), self.tags.len())?;
        validate::unique_keys(&self.params)?;
        self.tags = last_of_each(self.tags);
        Ok(self)
    }
}

/// Each key once, with the value that came last.
pub(super) fn last_of_each(tags: Vec<(String, String)>) -> Vec<(String, String)> {
    let once: std::collections::BTreeMap<String, String> = tags.into_iter().collect();
    once.into_iter().collect()
}

impl Tracking {
    /// Logs one point. When this answers, the point is on disk.
    ///
    /// # Errors
    /// `RUN_NOT_FOUND`, `RUN_DELETED`, `TRACKING_VALUE_INVALID`.
    pub async fn log_metric(&self, ctx: &Ctx, run_id: &str, metric: Metric) -> Result<()> {
        ctx.require(Access::Write)?;
        validate::metric(&metric, "")?;
        self.write_batch(ctx, run_id, Batch { metrics: vec![metric], ..Batch::default() }).await
    }

    /// Logs a batch. When this answers, all of it is on disk.
    ///
    /// # Errors
    /// `RUN_NOT_FOUND`, `RUN_DELETED`, `PARAM_CHANGED`, `TRACKING_VALUE_INVALID`.
    pub async fn log_batch(&self, ctx: &Ctx, run_id: &str, batch: Batch) -> Result<()> {
        ctx.require(Access::Write)?;
        let batch = batch.checked()?;
        self.write_batch(ctx, run_id, batch).await
    }

    /// Logged data states no event, so that logging costs what it must and no more. Only a name among the tags changes the run itself.
    async fn write_batch(&self, ctx: &Ctx, run_id: &str, batch: Batch) -> Result<()> {
        let run_id = run_id.to_owned();
        let naming = name_in(&batch.tags).is_some().then(|| self.outgoing(ctx));
        self.db
            .write(move |tx| {
                let owner = writable(tx, &run_id)?.owner();
                let changed = store::runs::add_params(tx, owner, &batch.params)?;
                if !changed.is_empty() {
                    return Err(params_changed(&run_id, &changed));
                }
                if !batch.metrics.is_empty() {
                    store::metrics::log(tx, owner, &batch.metrics)?;
                    store::models::log_metrics(tx, &run_id, &batch.metrics)?;
                }
                store::runs::set_tags(tx, owner, &batch.tags)?;
                naming.map_or(Ok(()), |saying| super::runs::follow_name(tx, &saying, &run_id, &batch.tags))
            })
            .await
    }

    /// Logs one param. It never changes: the same value again is fine, another is not.
    ///
    /// # Errors
    /// `RUN_NOT_FOUND`, `RUN_DELETED`, `PARAM_CHANGED`, `TRACKING_VALUE_INVALID`.
    pub async fn log_param(&self, ctx: &Ctx, run_id: &str, key: &str, value: &str) -> Result<()> {
        ctx.require(Access::Write)?;
        validate::param(key, value, "")?;
        let run_id = run_id.to_owned();
        let params = [(key.to_owned(), value.to_owned())];
        self.db
            .write(move |tx| {
                let owner = writable(tx, &run_id)?.owner();
                match store::runs::add_params(tx, owner, &params)?.first() {
                    None => Ok(()),
                    Some(changed) => Err(param_changed(&run_id, changed)),
                }
            })
            .await
    }

    /// Sets a tag; of the name tag also the run's name.
    ///
    /// # Errors
    /// `RUN_NOT_FOUND`, `RUN_DELETED`, `TRACKING_VALUE_INVALID`.
    pub async fn set_tag(&self, ctx: &Ctx, run_id: &str, key: &str, value: &str) -> Result<()> {
        ctx.require(Access::Write)?;
        let mut value = value.to_owned();
        validate::run_tag(key, &mut value, "")?;
        let (run_id, saying) = (run_id.to_owned(), self.outgoing(ctx));
        let tagged = RunTagged { run_id: run_id.clone(), key: key.to_owned(), value: Some(brief(&value)) };
        let tags = [(key.to_owned(), value)];
        self.db
            .write(move |tx| {
                let owner = writable(tx, &run_id)?.owner();
                store::runs::set_tags(tx, owner, &tags)?;
                super::runs::follow_name(tx, &saying, &run_id, &tags)?;
                tx.emit(saying.out(), &tagged)
            })
            .await
    }

    /// Removes a tag.
    ///
    /// # Errors
    /// `RUN_NOT_FOUND`, `RUN_DELETED`, `TAG_NOT_FOUND`.
    pub async fn delete_tag(&self, ctx: &Ctx, run_id: &str, key: &str) -> Result<()> {
        ctx.require(Access::Write)?;
        let (run_id, key) = (run_id.to_owned(), key.to_owned());
        let saying = self.outgoing(ctx);
        self.db
            .write(move |tx| {
                let run_no = writable(tx, &run_id)?.run_no;
                if !store::runs::delete_tag(tx, run_no, &key)? {
                    return Err(errors::tag_not_found(format!("No tag with name: {key} in run with id {run_id}")));
                }
                tx.emit(saying.out(), &RunTagged { run_id, key, value: None })
            })
            .await
    }

    /// The points of a metric by time, step and value: a page of `limit`, or all of them.
    ///
    /// # Errors
    /// `RUN_NOT_FOUND`, `PAGE_INVALID`.
    pub async fn metric_history(
        &self,
        ctx: &Ctx,
        run_id: &str,
        key: &str,
        limit: Option<usize>,
        page: Option<&str>,
    ) -> Result<Page<Metric>> {
        ctx.require(Access::Read)?;
        let limit = limit.unwrap_or(POINTS_PER_REPLY).min(POINTS_PER_REPLY);
        let after = page.map(|token| sql::keys_of(key, token)).transpose()?;
        let (run_id, name) = (run_id.to_owned(), key.to_owned());
        let mut found = self
            .db
            .read(move |tx| {
                let run = store::runs::target(tx, &run_id)?.ok_or_else(|| errors::run_not_found(&run_id))?;
                store::metrics::history(tx, run.run_no, &name, after, limit + 1)
            })
            .await?;
        let more = found.len() > limit;
        found.truncate(limit);
        // Only the last point's place is ever needed: one for each would cost more than the points.
        let end = found.last().filter(|_| more).map(store::metrics::place);
        let next = end.map(|place| sql::token(key, &place)).transpose()?;
        Ok(Page { items: found, next })
    }

    /// The histories of several runs by run, time, step and value: `limit` points in all. A run that is not there has none.
    ///
    /// # Errors
    /// What the database can give.
    pub async fn metric_histories(
        &self,
        ctx: &Ctx,
        mut run_ids: Vec<String>,
        key: &str,
        limit: usize,
    ) -> Result<Vec<Metric>> {
        ctx.require(Access::Read)?;
        let (limit, key) = (limit.min(POINTS_PER_REPLY), key.to_owned());
        run_ids.sort_unstable();
        run_ids.dedup();
        self.db
            .read(move |tx| {
                let mut points = Vec::new();
                for run_id in run_ids {
                    let left = limit - points.len();
                    let Some(run) = store::runs::target(tx, &run_id)?.filter(|_| left > 0) else { continue };
                    let of_run = store::metrics::history(tx, run.run_no, &key, None, left)?;
                    points.extend(of_run.into_iter().map(|point| Metric { run_id: Some(run_id.clone()), ..point }));
                }
                Ok(points)
            })
            .await
    }

    /// At most `most` points of a metric, spread evenly, the first and the last among them.
    ///
    /// # Errors
    /// `RUN_NOT_FOUND`.
    pub async fn metric_sample(
        &self,
        ctx: &Ctx,
        run_id: &str,
        key: &str,
        steps: Option<(i64, i64)>,
        most: usize,
    ) -> Result<Vec<Metric>> {
        ctx.require(Access::Read)?;
        let most = most.clamp(1, POINTS_PER_SAMPLE);
        let (run_id, key) = (run_id.to_owned(), key.to_owned());
        self.db
            .read(move |tx| {
                let run = store::runs::target(tx, &run_id)?.ok_or_else(|| errors::run_not_found(&run_id))?;
                store::samples::sample(tx, run.run_no, &key, steps, most)
            })
            .await
    }
}

/// Whether one of these tags names the run.
pub(super) fn name_in(tags: &[(String, String)]) -> Option<&str> {
    tags.iter().rev().find(|(key, _)| key == RUN_NAME_TAG).map(|(_, value)| value.as_str())
}

fn param_changed(run_id: &str, (key, old, new): &(String, String, String)) -> pitcrew_kernel::Error {
    pitcrew_kernel::Error::new(
        pitcrew_kernel::Kind::Invalid,
        "PARAM_CHANGED",
        format!(
            "Changing param values is not allowed. Param with key='{key}' was already logged with value='{old}' for run ID='{run_id}'. Attempted logging new value '{new}'."
        ),
    )
}

fn params_changed(run_id: &str, changed: &Changed) -> pitcrew_kernel::Error {
    let each: Vec<String> = changed
        .iter()
        .map(|(key, old, new)| format!("{{'key': '{key}', 'old_value': '{old}', 'new_value': '{new}'}}"))
        .collect();
    pitcrew_kernel::Error::new(
        pitcrew_kernel::Kind::Invalid,
        "PARAM_CHANGED",
        format!(
            "Changing param values is not allowed. Params were already logged='[{}]' for run ID='{run_id}'.",
            each.join(", ")
        ),
    )
}
