//! Releases: starting them and ending them.

use std::sync::Arc;

use pitcrew_contracts::names::{AliasName, DeploymentName, ModelRef, ReleaseId};
use pitcrew_contracts::release::{ModelLoaded, ReleasePromoted, ReleaseRolledBack, ReleaseStarted, ReleaseStepped};
use pitcrew_db::{Outgoing, Tx};
use pitcrew_kernel::{Access, Cause, Ctx, Error, Result, Timestamp};
use pitcrew_work::enqueue;
use serde::{Deserialize, Serialize};

use crate::load::{Loaded, publish_job};
use crate::model::{Act, Deployment, Evidence, Release, ReleaseState, first_steps};
use crate::service::{Serving, release_not_found};
use crate::store;

/// The job that starts a release, or ends one whose candidate was withdrawn.
pub(crate) const RELEASE: &str = "serving.release";
/// The job that looks at a running release.
pub(crate) const JUDGE: &str = "serving.judge";
/// The longest reason a person may give.
const MAX_REASON: usize = 1_000;

/// What a release job is told: where the candidate alias went, and by which event.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ReleaseJob {
    /// The candidate; `None` when the alias was removed.
    pub(crate) candidate: Option<i64>,
    /// The event's id.
    pub(crate) event: String,
    /// What led to it.
    pub(crate) cause: Option<Cause>,
    /// Why the alias moved.
    pub(crate) reason: String,
}

/// Writes a transition with its event, and queues what makes requests see it. A promotion also puts the candidate in charge.
pub(crate) fn write(tx: &mut Tx<'_>, out: Outgoing<'_>, after: Release, watermark: Option<Timestamp>) -> Result<()> {
    store::update_release(tx, &after)?;
    let now = out.clock.now();
    enqueue(tx, out.ids, now, &publish_job(&after.deployment, now))?;
    let facts = after.facts(watermark);
    match after.state {
        ReleaseState::Running => tx.emit(out, &ReleaseStepped(facts)),
        ReleaseState::RolledBack | ReleaseState::Aborted | ReleaseState::Expired => {
            tx.emit(out, &ReleaseRolledBack(facts))
        }
        ReleaseState::Promoted => {
            store::set_champion(tx, &after.deployment, after.candidate, now)?;
            tx.emit(out, &ReleasePromoted(facts))?;
            let version = ModelRef { model: after.model.clone(), version: after.candidate };
            tx.emit(out, &ModelLoaded { deployment: after.deployment.clone(), version })
        }
    }
}

/// What was decided about starting a release.
enum Begin {
    /// Nothing is to be done.
    Nothing,
    /// The running release has lost its candidate.
    Withdraw,
    /// This deployment tries this version.
    Start(Box<Deployment>, i64),
}

impl Serving {
    /// Starts the release of what the candidate alias names, unless that event has started one already.
    ///
    /// # Errors
    /// What finding and loading the candidate can give.
    pub(crate) async fn start_release(&self, name: &DeploymentName, job: &ReleaseJob) -> Result<()> {
        match self.decide_begin(name, job).await? {
            // A try before this one may have written its release and ended before requests saw it.
            Begin::Nothing => self.reconcile(name, &[]).await,
            Begin::Withdraw => self.withdraw(name, job).await,
            Begin::Start(deployment, candidate) => self.begin(&deployment, candidate, job).await,
        }
    }

    async fn decide_begin(&self, name: &DeploymentName, job: &ReleaseJob) -> Result<Begin> {
        let (key, event, candidate) = (name.clone(), job.event.clone(), job.candidate);
        self.parts
            .db
            .read(move |tx| {
                let Some(deployment) = store::deployment(tx, &key)? else { return Ok(Begin::Nothing) };
                let running = store::running(tx, &key)?;
                let Some(candidate) = candidate else {
                    return Ok(if running.is_some() { Begin::Withdraw } else { Begin::Nothing });
                };
                let same = running.is_some_and(|release| release.candidate == candidate);
                // An empty deployment has nothing to compare with: its first champion is just loaded.
                let no_trial = deployment.policy.is_none() || deployment.champion.is_none_or(|it| it == candidate);
                if same || no_trial || store::release_by_trigger(tx, &event)?.is_some() {
                    return Ok(Begin::Nothing);
                }
                Ok(Begin::Start(Box::new(deployment), candidate))
            })
            .await
    }

    async fn withdraw(&self, name: &DeploymentName, job: &ReleaseJob) -> Result<()> {
        let ctx = caused(job);
        let reason = format!("the candidate was withdrawn: {}", job.reason);
        let running = {
            let key = name.clone();
            self.parts.db.read(move |tx| store::running(tx, &key)).await?
        };
        match running {
            Some(release) => self.transition(&ctx, &release, Act::Abort, &reason, None).await.map(drop),
            None => self.reconcile(name, &[]).await,
        }
    }

    async fn begin(&self, deployment: &Deployment, candidate: i64, job: &ReleaseJob) -> Result<()> {
        let Some((policy, champion)) = deployment.policy.clone().zip(deployment.champion) else { return Ok(()) };
        let version = ModelRef { model: deployment.model.clone(), version: candidate };
        // What is promoted takes the champion's alias, so it must be allowed to have it before anybody is served by it.
        self.parts.models.may_be(&Ctx::system("serving"), &version, &deployment.alias).await?;
        let model = self.load(&deployment.name, &version).await?;
        let loaded: Loaded = (version.clone(), model);
        let candidate_alias: AliasName = policy.candidate.parse()?;
        let watermark = self.log.watermark(deployment.name.as_str());
        let options = self.sequence_options(deployment, champion).await?;
        let now = self.parts.clock.now();
        let ctx = caused(job);
        let release = Release {
            id: ReleaseId::new(self.parts.ids.as_ref()),
            deployment: deployment.name.clone(),
            model: deployment.model.clone(),
            alias: deployment.alias.clone(),
            candidate_alias,
            champion,
            candidate,
            state: ReleaseState::Running,
            step: 0,
            steps: first_steps(&policy, now, watermark),
            options,
            started_at: now,
            ended_at: None,
            event_time: watermark,
            reason: format!("{version} is on trial: {}", job.reason),
            cause: ctx.cause.clone(),
            trigger: Some(job.event.clone()),
            policy,
        };
        let (ids, clock) = (Arc::clone(&self.parts.ids), Arc::clone(&self.parts.clock));
        let name = release.deployment.clone();
        self.parts
            .db
            .write(move |tx| {
                let out = Outgoing { ctx: &ctx, ids: ids.as_ref(), clock: clock.as_ref() };
                if store::release_by_trigger(tx, release.trigger.as_deref().unwrap_or_default())?.is_some() {
                    return Ok(());
                }
                still_compares(tx, &release)?;
                if let Some(running) = store::running(tx, &release.deployment)? {
                    let reason = format!("superseded by {}/{}", release.model, release.candidate);
                    write(tx, out, running.after(Act::Abort, now, watermark, &reason)?, watermark)?;
                }
                store::insert_release(tx, &release)?;
                enqueue(tx, out.ids, now, &publish_job(&release.deployment, now))?;
                tx.emit(out, &ReleaseStarted(release.facts(watermark)))
            })
            .await?;
        self.reconcile(&name, &[loaded]).await
    }

    /// Takes a release from the state it was seen in to the next, with its evidence and event, and makes requests see it.
    pub(crate) async fn transition(
        &self,
        ctx: &Ctx,
        seen: &Release,
        act: Act,
        reason: &str,
        evidence: Option<Evidence>,
    ) -> Result<Release> {
        let watermark = self.log.watermark(seen.deployment.as_str());
        let (ids, clock, now) = (Arc::clone(&self.parts.ids), Arc::clone(&self.parts.clock), self.parts.clock.now());
        let (ctx, reason, id, step) = (ctx.clone(), reason.to_owned(), seen.id, seen.step);
        let by_judge = evidence.is_some();
        let after = self
            .parts
            .db
            .write(move |tx| {
                let release = store::release(tx, id)?.ok_or_else(|| release_not_found(id))?;
                if by_judge && release.step != step {
                    return Err(Error::conflict("RELEASE_ENDED", "the release has moved on since it was looked at"));
                }
                let after = release.after(act, now, watermark, &reason)?;
                if let Some(evidence) = evidence {
                    store::add_evidence(tx, id, &evidence)?;
                }
                let out = Outgoing { ctx: &ctx, ids: ids.as_ref(), clock: clock.as_ref() };
                write(tx, out, after.clone(), watermark)?;
                Ok(after)
            })
            .await?;
        if after.state != ReleaseState::Running {
            self.courses.forget(after.id);
        }
        self.reconcile(&after.deployment, &[]).await?;
        Ok(after)
    }

    /// Gives the candidate all traffic and makes it the champion, whatever the judge would say.
    ///
    /// # Errors
    /// `RELEASE_NOT_FOUND`, `RELEASE_ENDED`, `RELEASE_REASON_INVALID`.
    pub async fn promote_release(&self, ctx: &Ctx, id: ReleaseId, reason: &str) -> Result<Release> {
        self.end_by_hand(ctx, id, Act::Promote, "promoted by hand", reason).await
    }

    /// Takes all traffic from the candidate.
    ///
    /// # Errors
    /// As [`Serving::promote_release`].
    pub async fn abort_release(&self, ctx: &Ctx, id: ReleaseId, reason: &str) -> Result<Release> {
        self.end_by_hand(ctx, id, Act::Abort, "aborted by hand", reason).await
    }

    async fn end_by_hand(&self, ctx: &Ctx, id: ReleaseId, act: Act, what: &str, reason: &str) -> Result<Release> {
        ctx.require(Access::Write)?;
        if reason.len() > MAX_REASON {
            return Err(Error::invalid("RELEASE_REASON_INVALID", format!("a reason has at most {MAX_REASON} bytes")));
        }
        let (release, _) = self.get_release(ctx, id).await?;
        let reason = if reason.is_empty() { what.to_owned() } else { format!("{what}: {reason}") };
        self.transition(ctx, &release, act, &reason, None).await
    }
}

/// Loading takes a while. A release against a version that serves no more would compare with nobody and never end.
fn still_compares(tx: &mut Tx<'_>, release: &Release) -> Result<()> {
    let deployment = store::deployment(tx, &release.deployment)?;
    let same = deployment.is_some_and(|now| {
        now.champion == Some(release.champion)
            && now.model == release.model
            && now.alias == release.alias
            && now.policy.as_ref() == Some(&release.policy)
    });
    if same {
        return Ok(());
    }
    let (name, candidate) = (&release.deployment, release.candidate);
    Err(Error::conflict(
        "RELEASE_CHAMPION_MOVED",
        format!("deployment `{name}` was changed while version {candidate} was loaded for its release"),
    )
    .hint("nothing is to be done: the release is begun anew with what is served now"))
}

fn caused(job: &ReleaseJob) -> Ctx {
    let ctx = Ctx::system("serving");
    match &job.cause {
        Some(cause) => ctx.because(cause.clone()),
        None => ctx,
    }
}
