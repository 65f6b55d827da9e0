//! Looking at releases: reading what is new in their logs, and doing what the judge says.

use pitcrew_contracts::names::ReleaseId;
use pitcrew_contracts::release::LogMark;
use pitcrew_kernel::{Cause, Ctx, Result, Timestamp};
use pitcrew_stats::sequential::SequenceOptions;

use crate::course::{Case, Course};
use crate::judge::{self, Judgement, Latencies, REFERENCE_LOSSES};
use crate::model::{Deployment, Evidence, Release, ReleaseState};
use crate::service::Serving;
use crate::store;

/// How far back the champion's errors are looked at for the options of a sequence: 60 days of event time,
const REFERENCE_SPAN_US: i64 = 60 * 86_400_000_000;
/// and no more than about so many predictions.
const MAX_REFERENCE_ROWS: usize = 2_000_000;
/// They are looked for backwards, first in an hour, then in twice as much each time.
const FIRST_STRETCH_US: i64 = 3_600_000_000;

impl Serving {
    /// Looks at a running release and does what follows.
    ///
    /// # Errors
    /// What the log and the database can give.
    pub(crate) async fn judge_release(&self, id: ReleaseId) -> Result<()> {
        let Some(release) = self.parts.db.read(move |tx| store::release(tx, id)).await? else { return Ok(()) };
        if release.state != ReleaseState::Running {
            self.courses.forget(id);
            return Ok(());
        }
        let watermark = self.log.watermark(release.deployment.as_str());
        let course = self.course(&release).await?;
        let latencies = self.latencies(&release);
        let Judgement { evidence, act, reason } =
            judge::judge(&release, &course, &latencies, self.parts.clock.now(), watermark);
        let ctx = Ctx::system("release").because(Cause {
            kind: "release".to_owned(),
            id: release.id.to_string(),
            summary: reason.clone(),
        });
        match act {
            Some(act) => match self.transition(&ctx, &release, act, &reason, Some(evidence)).await {
                // Somebody else ended it while we looked.
                Err(error) if error.code() == "RELEASE_ENDED" => Ok(()),
                other => other.map(drop),
            },
            None => self.note(&release, evidence).await,
        }
    }

    /// The course of a release up to now.
    async fn course(&self, release: &Release) -> Result<Course> {
        let name = release.deployment.as_str();
        let from = release.event_time.map_or(i64::MIN, Timestamp::micros);
        let mut look = self.courses.look(release);
        loop {
            let (cases, next) = self.cases(name, (from, i64::MAX), look.after.as_ref()).await?;
            look.push(release, &cases);
            match next {
                Some(next) => look.after = Some(next),
                None => break,
            }
        }
        let course = look.course.clone();
        self.courses.keep(release.id, look);
        Ok(course)
    }

    /// A part of the predictions of a stretch of time with their labels, and where the next part begins.
    async fn cases(
        &self,
        deployment: &str,
        span: (i64, i64),
        after: Option<&LogMark>,
    ) -> Result<(Vec<Case>, Option<LogMark>)> {
        let page = self.log.page(deployment, span, after).await?;
        let labels = self.labels_of(deployment, &page.rows).await?;
        let cases = page.rows.into_iter().zip(labels).map(|(row, label)| Case { row, label });
        Ok((cases.collect(), page.next))
    }

    fn latencies(&self, release: &Release) -> Latencies {
        let routes = self.routes.load();
        let Some(route) = routes.get(release.deployment.as_str()) else { return Latencies::default() };
        match (&route.champion, &route.trial) {
            (Some(champion), Some(trial)) if trial.release == release.id => {
                Latencies { champion: champion.latency(), candidate: trial.arm.latency() }
            }
            _ => Latencies::default(),
        }
    }

    async fn note(&self, release: &Release, evidence: Evidence) -> Result<()> {
        let id = release.id;
        self.parts
            .db
            .write(move |tx| match store::last_evidence(tx, id)? {
                Some(last) if evidence.repeats(&last) => Ok(()),
                _ => store::add_evidence(tx, id, &evidence),
            })
            .await
    }

    /// Options of the confidence sequence, from what the champion's errors were before the release: the last ones that are known.
    pub(crate) async fn sequence_options(&self, deployment: &Deployment, champion: i64) -> Result<SequenceOptions> {
        let (Some(policy), Some(until)) = (&deployment.policy, self.log.watermark(deployment.name.as_str())) else {
            return Ok(SequenceOptions::default());
        };
        let name = deployment.name.as_str();
        let end = until.micros().saturating_add(1);
        let oldest = end.saturating_sub(REFERENCE_SPAN_US);
        // What is not labelled yet says nothing, however much it is.
        let labelled = {
            let name = name.to_owned();
            self.parts.db.read(move |tx| store::newest_label(tx, &name, end)).await?
        };
        let mut to = labelled.map_or(end, |newest| newest.micros().saturating_add(1));
        let (mut losses, mut rows, mut length): (Vec<f64>, usize, i64) = (Vec::new(), 0, FIRST_STRETCH_US);
        while losses.len() < REFERENCE_LOSSES && to > oldest && rows < MAX_REFERENCE_ROWS {
            let from = to.saturating_sub(length).max(oldest);
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let (cases, next) = self.cases(name, (from, to), after.as_ref()).await?;
                rows += cases.len();
                found.extend(judge::reference_losses(&cases, champion, &policy.judge.metric));
                found.drain(..found.len().saturating_sub(REFERENCE_LOSSES));
                after = next;
                if after.is_none() {
                    break;
                }
            }
            found.append(&mut losses);
            (losses, to, length) = (found, from, length.saturating_mul(2));
        }
        losses.drain(..losses.len().saturating_sub(REFERENCE_LOSSES));
        Ok(judge::options(&losses, policy.judge.alpha, policy.judge.min_samples))
    }
}
