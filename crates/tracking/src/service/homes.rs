//! The port through which traces find their experiment.

use async_trait::async_trait;
use pitcrew_contracts::traces::{ExperimentHome, Experiments};
use pitcrew_kernel::{Ctx, Result};

use super::Tracking;
use crate::errors;
use crate::model::Lifecycle;

#[async_trait]
impl Experiments for Tracking {
    async fn home(&self, ctx: &Ctx, id: i64) -> Result<ExperimentHome> {
        let experiment = self.experiment(ctx, id).await?;
        if experiment.lifecycle == Lifecycle::Deleted {
            return Err(errors::experiment_not_active(id));
        }
        Ok(ExperimentHome { id, artifact_uri: experiment.artifact_uri })
    }
}
