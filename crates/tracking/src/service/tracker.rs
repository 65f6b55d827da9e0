//! The port through which pipelines open and close runs.

use std::collections::BTreeMap;

use async_trait::async_trait;
use pitcrew_contracts::tracking::{RunSummary, RunTracker, SYSTEM_METRICS};
use pitcrew_kernel::{Access, Ctx, Result, Timestamp};

use super::experiments::{self, NewExperiment};
use super::points::Batch;
use super::runs::{Fresh, NewRun, RunChange};
use super::{Tracking, runs};
use crate::errors;
use crate::model::{Lifecycle, Metric, RunStatus};
use crate::run_name;
use crate::store;
use crate::validate;

#[async_trait]
impl RunTracker for Tracking {
    async fn open(
        &self,
        ctx: &Ctx,
        key: &str,
        experiment: &str,
        name: &str,
        tags: BTreeMap<String, String>,
    ) -> Result<String> {
        ctx.require(Access::Write)?;
        validate::experiment_name(experiment)?;
        let new = runs::checked(NewRun {
            name: Some(name.to_owned()),
            user_id: ctx.actor.clone(),
            tags: tags.into_iter().collect(),
            ..NewRun::default()
        })?;
        let fresh = Fresh {
            run_id: self.hex_id(),
            made_up_name: run_name::from_random(self.ids.random_bytes()),
            now_ms: self.now_ms(),
            open_key: Some(key.to_owned()),
        };
        let (key, experiment) = (key.to_owned(), experiment.to_owned());
        let saying = self.outgoing(ctx);
        self.db
            .write(move |tx| {
                if let Some(open) = store::runs::by_open_key(tx, &key)? {
                    return Ok(open.run_id);
                }
                let found = store::experiments::by_name(tx, &experiment)?;
                let experiment_id = match found {
                    Some(found) => {
                        let id = found.id;
                        // A pipeline that runs is reason enough to bring its experiment back.
                        if found.lifecycle == Lifecycle::Deleted {
                            experiments::set_lifecycle(tx, &saying, found, Lifecycle::Active, fresh.now_ms)?;
                        }
                        id
                    }
                    None => {
                        let new = NewExperiment { name: experiment, ..NewExperiment::default() };
                        experiments::create(tx, &saying, new, fresh.now_ms)?.id
                    }
                };
                let new = NewRun { experiment_id: Some(experiment_id), ..new };
                Ok(runs::create(tx, &saying, new, fresh)?.info.run_id)
            })
            .await
    }

    async fn close(&self, ctx: &Ctx, run_id: &str, succeeded: bool) -> Result<()> {
        ctx.require(Access::Write)?;
        let run_id = run_id.to_owned();
        let status = if succeeded { RunStatus::Finished } else { RunStatus::Failed };
        let end_ms = self.now_ms();
        let saying = self.outgoing(ctx);
        self.db
            .write(move |tx| {
                let run = store::runs::by_id(tx, &run_id)?.ok_or_else(|| errors::run_not_found(&run_id))?;
                // The script may have ended the run itself, or somebody deleted it meanwhile: then there is nothing to close.
                if run.status.is_final() || run.lifecycle == Lifecycle::Deleted {
                    return Ok(());
                }
                let change = RunChange { status: Some(status), end_ms: Some(end_ms), name: None };
                runs::update(tx, &saying, &run_id, &change).map(drop)
            })
            .await
    }

    async fn observe(
        &self,
        ctx: &Ctx,
        run_id: &str,
        at: Timestamp,
        count: i64,
        readings: Vec<(String, f64)>,
    ) -> Result<()> {
        let point = |(name, value)| Metric::new(format!("{SYSTEM_METRICS}{name}"), value, at.millis(), count);
        let metrics = readings.into_iter().map(point).collect();
        self.log_batch(ctx, run_id, Batch { metrics, ..Batch::default() }).await
    }

    async fn summary(&self, ctx: &Ctx, run_id: &str) -> Result<RunSummary> {
        Ok(RunSummary::from(&self.run(ctx, run_id).await?))
    }
}
