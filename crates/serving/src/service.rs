//! The service: what it is made of, how it starts and stops, and what can be asked of deployments.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use pitcrew_contracts::names::{DeploymentName, ModelRef, ReleaseId};
use pitcrew_contracts::registry::Models;
use pitcrew_contracts::release::{InferenceLog, LogMark, LogSlice, Role};
use pitcrew_contracts::rest::Settle;
use pitcrew_contracts::serving::ModelEngine;
use pitcrew_db::Db;
use pitcrew_kernel::{Access, Clock, Ctx, Error, Ids, Page, PageRequest, Result, Timestamp};
use pitcrew_work::Tasks;

use crate::arm::Routes;
use crate::course::Courses;
use crate::labels::LabelDesk;
use crate::log::{ARRIVALS, Log, Row};
use crate::metrics::Metrics;
use crate::model::{Deployment, Evidence, Release};
use crate::predict::{MAX_SHADOWS, not_found};
use crate::store;
use crate::traffic::Traffic;

/// How often the log is announced when nobody asks for it, and the traffic is sampled.
const TICK: Duration = Duration::from_secs(1);
/// Looks at a release that are shown.
const MAX_EVIDENCE: usize = 1_000;
/// Looks at each of several releases that are shown.
const MAX_LISTED_EVIDENCE: usize = 100;
/// The labels of more rows than this are read by time rather than by request.
const MAX_ASKED_BY_ID: usize = 2_000;

/// What serving is made of.
pub struct Parts {
    /// The metadata.
    pub db: Db,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Ids.
    pub ids: Arc<dyn Ids>,
    /// Loads models.
    pub engine: Arc<dyn ModelEngine>,
    /// Finds versions and their verified bytes.
    pub models: Arc<dyn Models>,
    /// The folder of the inference log.
    pub log_folder: PathBuf,
    /// Where metrics are registered.
    pub metrics: prometheus::Registry,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("log_folder", &self.log_folder).finish_non_exhaustive()
    }
}

/// Deployments, predictions, labels and releases.
pub struct Serving {
    pub(crate) parts: Parts,
    /// What requests see: one snapshot, replaced as a whole.
    pub(crate) routes: ArcSwap<Routes>,
    pub(crate) log: Log,
    pub(crate) labels: LabelDesk,
    pub(crate) courses: Courses,
    pub(crate) metrics: Metrics,
    pub(crate) traffic: Traffic,
    pub(crate) shadows: Arc<tokio::sync::Semaphore>,
    /// Deployments whose versions are being loaded.
    pub(crate) loading: Mutex<HashSet<DeploymentName>>,
    /// One change of routes at a time.
    pub(crate) changing: tokio::sync::Mutex<()>,
}

impl std::fmt::Debug for Serving {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Serving").field("log", &self.log).finish_non_exhaustive()
    }
}

/// A prediction as the list shows it.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub(crate) row: Arc<Row>,
    pub(crate) label: Option<f64>,
}

impl Serving {
    /// Serving over these parts. It serves nothing before [`Serving::start`].
    ///
    /// # Errors
    /// `INTERNAL` when metrics are registered twice or the log's thread cannot start.
    pub fn new(parts: Parts) -> Result<Self> {
        let metrics = Metrics::register(&parts.metrics)?;
        let log = Log::open(
            parts.log_folder.clone(),
            parts.db.clone(),
            Arc::clone(&parts.clock),
            Arc::clone(&parts.ids),
            metrics.clone(),
        )?;
        Ok(Self {
            routes: ArcSwap::default(),
            log,
            labels: LabelDesk::default(),
            courses: Courses::default(),
            metrics,
            traffic: Traffic::default(),
            shadows: Arc::new(tokio::sync::Semaphore::new(MAX_SHADOWS)),
            loading: Mutex::default(),
            changing: tokio::sync::Mutex::default(),
            parts,
        })
    }

    /// Takes in what an earlier process left of the log, loads every deployment's versions, and starts the work that goes on beside requests.
    /// A version that cannot be loaded now is tried again by a job; the others serve.
    ///
    /// # Errors
    /// What the database can give, and what is wrong with the log's folder.
    pub async fn start(self: &Arc<Self>, tasks: &Tasks) -> Result<()> {
        self.labels.owned_by(tasks);
        self.log.recover().await?;
        let deployments = self.parts.db.read(store::deployments).await?;
        for deployment in deployments {
            if let Err(error) = self.reconcile(&deployment.name, &[]).await {
                tracing::error!(deployment = %deployment.name, error = ?error, "a deployment cannot be loaded; it is tried again");
                self.publish_unready(&deployment);
                self.queue_load(&deployment.name).await?;
            }
        }
        let (serving, stop) = (Arc::clone(self), tasks.token());
        tasks.spawn("serving", async move {
            if let Err(error) = serving.log.warm_up().await {
                tracing::warn!(error = ?error, "the recent inference log cannot be read into memory; it is read from files");
            }
            while !stop.is_cancelled() {
                tokio::select! {
                    () = serving.parts.clock.sleep(TICK) => serving.tick().await,
                    () = stop.cancelled() => {}
                }
            }
        });
        Ok(())
    }

    async fn tick(&self) {
        self.traffic.sample(&self.routes.load(), self.parts.clock.now());
        let told = match self.log.announce().await {
            Ok(()) => self.log.roll(false).await,
            Err(error) => Err(error),
        };
        if let Err(error) = told {
            tracing::warn!(error = ?error, "the inference log cannot be put away now; trying again");
        }
    }

    /// Puts the whole log into files. Call it last, when no request can come any more.
    ///
    /// # Errors
    /// What the database and the disk can give; then the next start does it.
    pub async fn stop(&self) -> Result<()> {
        self.log.announce().await?;
        self.log.roll(true).await
    }

    /// All deployments.
    ///
    /// # Errors
    /// What the database can give.
    pub async fn list_deployments(&self, ctx: &Ctx) -> Result<Vec<(Deployment, Option<ReleaseId>)>> {
        ctx.require(Access::Read)?;
        self.parts
            .db
            .read(|tx| {
                let mut found = Vec::new();
                for deployment in store::deployments(tx)? {
                    let release = store::running(tx, &deployment.name)?.map(|release| release.id);
                    found.push((deployment, release));
                }
                Ok(found)
            })
            .await
    }

    /// One deployment, with the release it is in.
    ///
    /// # Errors
    /// `DEPLOYMENT_NOT_FOUND`.
    pub async fn get_deployment(&self, ctx: &Ctx, name: &DeploymentName) -> Result<(Deployment, Option<ReleaseId>)> {
        ctx.require(Access::Read)?;
        let name = name.clone();
        self.parts
            .db
            .read(move |tx| {
                let deployment = store::deployment(tx, &name)?.ok_or_else(|| not_found(name.as_str()))?;
                let release = store::running(tx, &name)?.map(|release| release.id);
                Ok((deployment, release))
            })
            .await
    }

    /// The latest answers that callers got, newest first, with their labels. At most 1,000 predictions back, unseen ones included.
    ///
    /// # Errors
    /// `DEPLOYMENT_NOT_FOUND`, `PAGE_INVALID`.
    pub(crate) async fn list_predictions(
        &self,
        ctx: &Ctx,
        name: &DeploymentName,
        page: &PageRequest,
    ) -> Result<Vec<Shown>> {
        self.get_deployment(ctx, name).await?;
        let limit = page.limit()?;
        let mut rows = self.log.latest(name.as_str(), ARRIVALS);
        rows.retain(|row| row.role == Role::Served);
        rows.truncate(limit);
        let labels = self.labels_of(name.as_str(), &rows).await?;
        Ok(rows.into_iter().zip(labels).map(|(row, label)| Shown { row, label }).collect())
    }

    /// Releases, newest first; of one deployment or of all.
    ///
    /// # Errors
    /// `PAGE_INVALID`, `ID_INVALID`.
    pub async fn list_releases(
        &self,
        ctx: &Ctx,
        deployment: Option<&DeploymentName>,
        page: &PageRequest,
    ) -> Result<Page<(Release, Vec<Evidence>)>> {
        ctx.require(Access::Read)?;
        let limit = page.limit()?;
        let before: Option<ReleaseId> = page.page.as_deref().map(str::parse).transpose()?;
        let deployment = deployment.cloned();
        let found = self
            .parts
            .db
            .read(move |tx| {
                let releases = store::releases(tx, deployment.as_ref(), before, limit + 1)?;
                releases
                    .into_iter()
                    .map(|release| {
                        let evidence = store::evidence(tx, release.id, MAX_LISTED_EVIDENCE)?;
                        Ok((release, evidence))
                    })
                    .collect::<Result<Vec<_>>>()
            })
            .await?;
        Ok(Page::from_overfull(found, limit, |(release, _)| release.id.to_string()))
    }

    /// One release with its evidence.
    ///
    /// # Errors
    /// `RELEASE_NOT_FOUND`.
    pub async fn get_release(&self, ctx: &Ctx, id: ReleaseId) -> Result<(Release, Vec<Evidence>)> {
        ctx.require(Access::Read)?;
        self.parts
            .db
            .read(move |tx| {
                let release = store::release(tx, id)?.ok_or_else(|| release_not_found(id))?;
                let evidence = store::evidence(tx, id, MAX_EVIDENCE)?;
                Ok((release, evidence))
            })
            .await
    }

    pub(crate) fn is_loading(&self, name: &DeploymentName) -> bool {
        self.loading.lock().unwrap_or_else(PoisonError::into_inner).contains(name)
    }

    /// The labels of rows, in their order.
    pub(crate) async fn labels_of(&self, deployment: &str, rows: &[Arc<Row>]) -> Result<Vec<Option<f64>>> {
        let (name, rows) = (deployment.to_owned(), rows.to_vec());
        self.parts
            .db
            .read(move |tx| {
                let known = if rows.len() <= MAX_ASKED_BY_ID {
                    let keys: Vec<&str> = rows.iter().map(|row| &*row.request_id).collect();
                    store::labels_of(tx, &name, &keys)?
                } else {
                    let first = rows.iter().map(|row| row.event_time).min().unwrap_or(0);
                    let last = rows.iter().map(|row| row.event_time).max().unwrap_or(0);
                    let wanted = rows.iter().map(|row| &*row.request_id).collect();
                    store::labels_between(tx, &name, (first, last.saturating_add(1)), &wanted)?
                };
                Ok(rows.iter().map(|row| known.get(&*row.request_id).copied()).collect())
            })
            .await
    }
}

pub(crate) fn release_not_found(id: ReleaseId) -> Error {
    Error::not_found("RELEASE_NOT_FOUND", format!("there is no release `{id}`"))
        .hint("list the releases with `GET /api/v1/releases`")
}

#[async_trait]
impl Settle for Serving {
    async fn settle(&self) -> Option<String> {
        // Looked at first: one that ends meanwhile has handed its rows to the log, which is told of below.
        let unseen = MAX_SHADOWS.saturating_sub(self.shadows.available_permits());
        match self.log.announce().await {
            Ok(()) => match (self.log.waiting(), unseen) {
                (0, 0) => None,
                (0, unseen) => Some(format!("{unseen} unseen runs of slow models")),
                (waiting, _) => Some(format!("{waiting} predictions on their way to the log")),
            },
            Err(error) => Some(format!("the inference log cannot be told of: {error}")),
        }
    }
}

#[async_trait]
impl InferenceLog for Serving {
    async fn slice(
        &self,
        ctx: &Ctx,
        deployment: &DeploymentName,
        from: Timestamp,
        to: Timestamp,
        after: Option<&LogMark>,
    ) -> Result<LogSlice> {
        self.get_deployment(ctx, deployment).await?;
        let page = self.log.page(deployment.as_str(), (from.micros(), to.micros()), after).await?;
        let labels = self.labels_of(deployment.as_str(), &page.rows).await?;
        Ok(LogSlice { next: page.next, ..crate::slice::slice(&page.rows, labels) })
    }

    async fn watermark(&self, ctx: &Ctx, deployment: &DeploymentName) -> Result<Option<Timestamp>> {
        self.get_deployment(ctx, deployment).await?;
        Ok(self.log.watermark(deployment.as_str()))
    }

    async fn champion(&self, ctx: &Ctx, deployment: &DeploymentName) -> Result<Option<ModelRef>> {
        Ok(self.get_deployment(ctx, deployment).await?.0.champion_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pitcrew_testkit::{FakeEngine, FakeModels, TestDb, World};

    #[tokio::test]
    async fn there_is_no_rest_while_a_slow_model_computes_unseen() {
        let folder = tempfile::tempdir().unwrap();
        let (world, TestDb { db, .. }) = (World::new(), &TestDb::sqlite(&[crate::MIGRATIONS]).await);
        let parts = Parts {
            db: db.clone(),
            clock: world.clock(),
            ids: Arc::clone(&world.ids),
            engine: Arc::new(FakeEngine::default()),
            models: Arc::new(FakeModels::default()),
            log_folder: folder.path().to_owned(),
            metrics: prometheus::Registry::new(),
        };
        let serving = Serving::new(parts).unwrap();
        assert_eq!(serving.settle().await, None);
        // Every unseen run holds one of these while it computes.
        let run = Arc::clone(&serving.shadows).try_acquire_owned().unwrap();
        assert_eq!(serving.settle().await.unwrap(), "1 unseen runs of slow models");
        drop(run);
        assert_eq!(serving.settle().await, None);
    }
}
