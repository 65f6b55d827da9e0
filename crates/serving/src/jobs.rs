//! Work outside of transactions: loading versions, starting releases, judging them.

use std::sync::Arc;

use async_trait::async_trait;
use pitcrew_kernel::{Error, Result};
use pitcrew_work::{Job, JobHandler};
use serde::de::DeserializeOwned;

use crate::load::{LOAD, PUBLISH};
use crate::releases::{JUDGE, RELEASE};
use crate::service::Serving;

/// Models loaded at once: each may take as much memory as it has bytes.
const LOADS: usize = 2;
const JUDGEMENTS: usize = 2;

/// Serving's job handlers.
pub fn jobs(serving: &Arc<Serving>) -> Vec<Arc<dyn JobHandler>> {
    vec![
        Arc::new(Load(Arc::clone(serving))),
        Arc::new(Publish(Arc::clone(serving))),
        Arc::new(Release(Arc::clone(serving))),
        Arc::new(Judge(Arc::clone(serving))),
    ]
}

fn payload<T: DeserializeOwned>(job: &Job) -> Result<T> {
    serde_json::from_value(job.payload.clone())
        .map_err(|source| Error::internal(format!("the payload of a {} job does not read", job.kind), source))
}

struct Load(Arc<Serving>);

#[async_trait]
impl JobHandler for Load {
    fn kind(&self) -> &'static str {
        LOAD
    }

    fn concurrency(&self) -> usize {
        LOADS
    }

    async fn run(&self, job: &Job) -> Result<()> {
        self.0.follow_alias(&job.key.parse()?, &payload(job)?).await
    }
}

struct Publish(Arc<Serving>);

#[async_trait]
impl JobHandler for Publish {
    fn kind(&self) -> &'static str {
        PUBLISH
    }

    fn concurrency(&self) -> usize {
        LOADS
    }

    async fn run(&self, job: &Job) -> Result<()> {
        self.0.reconcile(&job.key.parse()?, &[]).await
    }
}

struct Release(Arc<Serving>);

#[async_trait]
impl JobHandler for Release {
    fn kind(&self) -> &'static str {
        RELEASE
    }

    fn concurrency(&self) -> usize {
        1
    }

    async fn run(&self, job: &Job) -> Result<()> {
        self.0.start_release(&job.key.parse()?, &payload(job)?).await
    }
}

struct Judge(Arc<Serving>);

#[async_trait]
impl JobHandler for Judge {
    fn kind(&self) -> &'static str {
        JUDGE
    }

    fn concurrency(&self) -> usize {
        JUDGEMENTS
    }

    async fn run(&self, job: &Job) -> Result<()> {
        self.0.judge_release(job.key.parse()?).await
    }
}
