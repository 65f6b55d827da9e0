//! What the tables say is what requests see: loading versions and publishing routes.

use std::sync::{Arc, PoisonError};

use pitcrew_contracts::names::{DeploymentName, ModelName, ModelRef};
use pitcrew_contracts::release::ModelLoaded;
use pitcrew_contracts::serving::LoadedModel;
use pitcrew_kernel::{Ctx, Digest, Error, Kind, Result};
use pitcrew_work::{NewJob, enqueue};
use serde::{Deserialize, Serialize};

use crate::arm::{Arm, Route, Trial};
use crate::model::{Act, ArmKind, Deployment, Release};
use crate::service::Serving;
use crate::store;

/// The job that makes a deployment serve what its alias names.
pub(crate) const LOAD: &str = "serving.load";
/// The job that makes requests see what the tables say. It is queued in the transaction of a change, so that nothing between the commit and
/// the change of routes can lose it.
pub(crate) const PUBLISH: &str = "serving.publish";
/// Tries of a load before it waits for the next event.
pub(crate) const LOAD_ATTEMPTS: u32 = 8;
/// Tries of a load of what was served before, for which no event may come: three days of them.
const PATIENT_ATTEMPTS: u32 = 1_000;

/// What a load job is told.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct LoadJob {
    /// The version the alias was moved to; `None` to ask what it names.
    pub(crate) version: Option<i64>,
    /// Why.
    #[serde(default)]
    pub(crate) reason: String,
}

pub(crate) fn load_job(name: &DeploymentName, job: &LoadJob, now: pitcrew_kernel::Timestamp) -> Result<NewJob> {
    let payload =
        serde_json::to_value(job).map_err(|source| Error::internal("a load job does not serialise", source))?;
    Ok(NewJob { kind: LOAD, key: name.to_string(), payload, run_at: now, max_attempts: LOAD_ATTEMPTS })
}

pub(crate) fn publish_job(name: &DeploymentName, now: pitcrew_kernel::Timestamp) -> NewJob {
    let payload = serde_json::Value::Null;
    NewJob { kind: PUBLISH, key: name.to_string(), payload, run_at: now, max_attempts: PATIENT_ATTEMPTS }
}

/// A version that is in memory.
pub(crate) type Loaded = (ModelRef, Held);

/// A model in memory, and the digest its bytes had.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) digest: Digest,
    pub(crate) model: Arc<dyn LoadedModel>,
}

impl Serving {
    pub(crate) async fn queue_load(&self, name: &DeploymentName) -> Result<()> {
        let (ids, now) = (Arc::clone(&self.parts.ids), self.parts.clock.now());
        let job = NewJob { max_attempts: PATIENT_ATTEMPTS, ..load_job(name, &LoadJob::default(), now)? };
        self.parts.db.write(move |tx| enqueue(tx, ids.as_ref(), now, &job)).await
    }

    /// Makes a deployment serve what its alias names. The version is in memory before the tables say that it is in charge, so one that
    /// cannot be loaded never takes over.
    ///
    /// # Errors
    /// What finding and loading the version can give.
    pub(crate) async fn follow_alias(&self, name: &DeploymentName, job: &LoadJob) -> Result<()> {
        let ctx = Ctx::system("serving");
        let key = name.clone();
        let Some(deployment) = self.parts.db.read(move |tx| store::deployment(tx, &key)).await? else {
            // Declared no more.
            return self.reconcile(name, &[]).await;
        };
        let version = match job.version {
            Some(version) => Some(version),
            None => {
                let resolved = self.parts.models.resolve(&ctx, &deployment.model, &deployment.alias).await?;
                resolved.map(|found| found.version.version)
            }
        };
        let Some(version) = version.or(deployment.champion) else { return self.reconcile(name, &[]).await };
        let wanted = ModelRef { model: deployment.model.clone(), version };
        let loaded = self.hold(name, &wanted).await?;
        if deployment.champion != Some(version) {
            self.take_charge(&ctx, &deployment, &wanted, &job.reason).await?;
        }
        self.reconcile(name, &[(wanted, loaded)]).await
    }

    /// Writes down that a version is in charge. A release that compares with another champion has lost its meaning and ends.
    async fn take_charge(&self, ctx: &Ctx, deployment: &Deployment, version: &ModelRef, reason: &str) -> Result<()> {
        let (name, version, ctx, now) = (deployment.name.clone(), version.clone(), ctx.clone(), self.parts.clock.now());
        let (ids, clock) = (Arc::clone(&self.parts.ids), Arc::clone(&self.parts.clock));
        let watermark = self.log.watermark(name.as_str());
        let alias = deployment.alias.clone();
        let reason = reason.to_owned();
        self.parts
            .db
            .write(move |tx| {
                let out = pitcrew_db::Outgoing { ctx: &ctx, ids: ids.as_ref(), clock: clock.as_ref() };
                if let Some(running) = store::running(tx, &name)? {
                    let because = match reason.as_str() {
                        "" => format!("{}@{alias} moved to version {} meanwhile", version.model, version.version),
                        reason => {
                            format!(
                                "{}@{alias} moved to version {} meanwhile: {reason}",
                                version.model, version.version
                            )
                        }
                    };
                    crate::releases::write(tx, out, running.after(Act::Abort, now, watermark, &because)?, watermark)?;
                }
                store::set_champion(tx, &name, version.version, now)?;
                tx.emit(out, &ModelLoaded { deployment: name.clone(), version })
            })
            .await
    }

    /// A version's model: one in memory whose bytes are those the registry names now, otherwise loaded.
    async fn hold(&self, name: &DeploymentName, version: &ModelRef) -> Result<Held> {
        let held = self.in_memory(name, version);
        let Some(first) = held.first() else { return self.load(name, version).await };
        match self.parts.models.version(&Ctx::system("serving"), version).await {
            Ok(known) => match held.iter().find(|held| held.digest == known.digest) {
                Some(same) => Ok(same.clone()),
                None => self.load(name, version).await,
            },
            // Nobody names other bytes: what serves goes on when its version was deleted, or while the registry is away.
            Err(error) if matches!(error.kind(), Kind::NotFound | Kind::Unavailable) => Ok(first.clone()),
            Err(error) => Err(error),
        }
    }

    /// What this deployment and the others have in memory of a version, its own first.
    fn in_memory(&self, name: &DeploymentName, version: &ModelRef) -> Vec<Held> {
        let routes = self.routes.load();
        let own = routes.get(name.as_str()).into_iter();
        let found = own.chain(routes.values()).filter(|route| route.model == version.model);
        let arms = found.flat_map(|route| route.arms()).filter(|arm| arm.version == version.version);
        arms.map(|arm| Held { digest: arm.digest, model: Arc::clone(&arm.model) }).collect()
    }

    /// Loads a version's verified bytes, away from the async threads.
    ///
    /// # Errors
    /// What [`pitcrew_contracts::registry::Models::bytes`] and the engine give.
    pub(crate) async fn load(&self, name: &DeploymentName, version: &ModelRef) -> Result<Held> {
        self.loading.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone());
        let loaded = self.load_now(version).await;
        self.loading.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        loaded.map_err(|error| error.context(format!("loading {version} for deployment `{name}`")))
    }

    async fn load_now(&self, version: &ModelRef) -> Result<Held> {
        let ctx = Ctx::system("serving");
        let digest = self.parts.models.version(&ctx, version).await?.digest;
        let bytes = self.parts.models.bytes(&ctx, version).await?;
        let engine = Arc::clone(&self.parts.engine);
        let loaded = tokio::task::spawn_blocking(move || engine.load(&bytes))
            .await
            .map_err(|source| Error::internal("loading a model did not finish", source))?;
        Ok(Held { digest, model: loaded? })
    }

    /// Makes what requests see equal to what the tables say. `ready` are models loaded already. Versions that stay keep their place and
    /// their figures; requests under way finish on the version they began with.
    ///
    /// # Errors
    /// What the database and loading can give; then nothing changes.
    pub(crate) async fn reconcile(&self, name: &DeploymentName, ready: &[Loaded]) -> Result<()> {
        let _turn = self.changing.lock().await;
        let key = name.clone();
        let (deployment, release) =
            self.parts.db.read(move |tx| Ok((store::deployment(tx, &key)?, store::running(tx, &key)?))).await?;
        let Some(deployment) = deployment else {
            self.publish(name, None);
            return Ok(());
        };
        let old = self.routes.load().get(name.as_str()).cloned();
        let champion = match deployment.champion_ref() {
            Some(version) => {
                Some(self.champion_arm(&deployment, &version, old.as_deref(), release.as_ref(), ready).await?)
            }
            None => None,
        };
        let trial = match &release {
            Some(release) => Some(self.trial(&deployment, release, old.as_deref(), ready).await?),
            None => None,
        };
        let route =
            Route { log_name: name.as_str().into(), name: deployment.name, model: deployment.model, champion, trial };
        // Nothing to change is no change: the seconds that the charts count go on.
        if !old.is_some_and(|old| same_route(&old, &route)) {
            self.publish(name, Some(route));
        }
        Ok(())
    }

    /// Lets requests know that a deployment exists whose versions cannot be loaded now; what serves already goes on.
    pub(crate) fn publish_unready(&self, deployment: &Deployment) {
        if self.routes.load().contains_key(deployment.name.as_str()) {
            return;
        }
        let route = Route {
            log_name: deployment.name.as_str().into(),
            name: deployment.name.clone(),
            model: deployment.model.clone(),
            champion: None,
            trial: None,
        };
        self.publish(&deployment.name, Some(route));
    }

    /// The champion's arm. It is the one there was, unless the version or its bytes are new or a release begins or ends: then its figures
    /// begin anew, so that both arms of a release count from the same moment.
    async fn champion_arm(
        &self,
        deployment: &Deployment,
        version: &ModelRef,
        old: Option<&Route>,
        release: Option<&Release>,
        ready: &[Loaded],
    ) -> Result<Arc<Arm>> {
        let same_release = |old: &&Route| old.trial.as_ref().map(|trial| trial.release) == release.map(|it| it.id);
        let kept =
            old.filter(|old| old.model == version.model).filter(same_release).and_then(|old| old.champion.as_ref());
        let other_bytes = |arm: &Arm| ready.iter().any(|(of, held)| of == version && held.digest != arm.digest);
        if let Some(arm) = kept.filter(|arm| arm.version == version.version && !other_bytes(arm)) {
            return Ok(Arc::clone(arm));
        }
        self.arm(&deployment.name, version, ArmKind::Champion, ready).await
    }

    async fn trial(
        &self,
        deployment: &Deployment,
        release: &Release,
        old: Option<&Route>,
        ready: &[Loaded],
    ) -> Result<Trial> {
        let old = old.and_then(|old| old.trial.as_ref()).filter(|trial| trial.release == release.id);
        let arm = match old {
            Some(trial) => Arc::clone(&trial.arm),
            None => {
                let version = ModelRef { model: release.model.clone(), version: release.candidate };
                self.arm(&deployment.name, &version, ArmKind::Candidate, ready).await?
            }
        };
        Ok(Trial::new(arm, release.id, release.share(), release.policy.judge.paired))
    }

    async fn arm(
        &self,
        name: &DeploymentName,
        version: &ModelRef,
        kind: ArmKind,
        ready: &[Loaded],
    ) -> Result<Arc<Arm>> {
        let held = match ready.iter().find(|(loaded, _)| loaded == version) {
            Some((_, held)) => held.clone(),
            None => self.hold(name, version).await?,
        };
        let metrics = self.metrics.arm(name.as_str(), version.version, kind);
        let model_name: &ModelName = &version.model;
        Ok(Arc::new(Arm::new(model_name, version.version, kind, held, metrics)))
    }

    fn publish(&self, name: &DeploymentName, route: Option<Route>) {
        let mut routes = self.routes.load().as_ref().clone();
        if let Some(old) = routes.remove(name.as_str()) {
            self.traffic.sample_route(&old, self.parts.clock.now());
        }
        if let Some(route) = route {
            routes.insert(name.to_string(), Arc::new(route));
        }
        self.routes.store(Arc::new(routes));
    }
}

fn same_route(old: &Route, new: &Route) -> bool {
    let champion = match (&old.champion, &new.champion) {
        (Some(old), Some(new)) => Arc::ptr_eq(old, new),
        (old, new) => old.is_none() && new.is_none(),
    };
    let trial = match (&old.trial, &new.trial) {
        (Some(old), Some(new)) => {
            Arc::ptr_eq(&old.arm, &new.arm)
                && (old.release, old.share, old.paired) == (new.release, new.share, new.paired)
        }
        (old, new) => old.is_none() && new.is_none(),
    };
    champion && trial && old.model == new.model
}
