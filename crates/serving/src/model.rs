//! Deployments, releases and their one transition function. No I/O.

use pitcrew_contracts::names::{AliasName, DeploymentName, ModelName, ModelRef, ReleaseId};
use pitcrew_contracts::release::ReleaseFacts;
use pitcrew_contracts::spec::ReleasePolicy;
use pitcrew_kernel::{Cause, Error, Result, Timestamp};
use pitcrew_stats::sequential::SequenceOptions;
use serde::{Deserialize, Serialize};

/// A deployment as declared, and the version it serves.
#[derive(Debug, Clone, PartialEq)]
pub struct Deployment {
    /// Its name.
    pub name: DeploymentName,
    /// The model.
    pub model: ModelName,
    /// The alias it follows.
    pub alias: AliasName,
    /// How candidates are released; `None` when it just follows the alias.
    pub policy: Option<ReleasePolicy>,
    /// The version it serves; `None` while the alias has named none.
    pub champion: Option<i64>,
}

impl Deployment {
    /// The version it serves.
    pub fn champion_ref(&self) -> Option<ModelRef> {
        self.champion.map(|version| ModelRef { model: self.model.clone(), version })
    }
}

/// Which of the two arms of a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArmKind {
    /// The version in charge.
    Champion,
    /// The version on trial.
    Candidate,
}

impl ArmKind {
    /// `champion` or `candidate`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Champion => "champion",
            Self::Candidate => "candidate",
        }
    }
}

/// Where a release stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseState {
    /// The candidate has a share of traffic.
    Running,
    /// The candidate took over.
    Promoted,
    /// The judge or a guardrail ended it.
    RolledBack,
    /// A person, or a newer candidate, ended it.
    Aborted,
    /// No difference could be shown in time.
    Expired,
}

impl ReleaseState {
    /// Its name in the tables and on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Promoted => "promoted",
            Self::RolledBack => "rolled_back",
            Self::Aborted => "aborted",
            Self::Expired => "expired",
        }
    }

    pub(crate) fn parse(name: &str) -> Result<Self> {
        [Self::Running, Self::Promoted, Self::RolledBack, Self::Aborted, Self::Expired]
            .into_iter()
            .find(|state| state.name() == name)
            .ok_or_else(|| Error::internal("a stored release has an unknown state", name.to_owned()))
    }
}

/// One share of traffic that a candidate is given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// 0 to 1.
    pub share: f64,
    /// When it began; `None` when it was not reached.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The deployment's watermark when it began.
    pub event_time: Option<Timestamp>,
    /// `advance`, `promote`, `roll_back`, `abort` or `expire`.
    pub verdict: Option<String>,
}

/// The trial of a candidate.
#[derive(Debug, Clone, PartialEq)]
pub struct Release {
    /// Its id.
    pub id: ReleaseId,
    /// The deployment.
    pub deployment: DeploymentName,
    /// The model.
    pub model: ModelName,
    /// The alias of the version in charge.
    pub alias: AliasName,
    /// The alias that named the candidate.
    pub candidate_alias: AliasName,
    /// The policy it runs under, as it was when it started.
    pub policy: ReleasePolicy,
    /// The version in charge when it started.
    pub champion: i64,
    /// The version on trial.
    pub candidate: i64,
    /// Where it stands.
    pub state: ReleaseState,
    /// Which step, from 0.
    pub step: usize,
    /// All steps.
    pub steps: Vec<Step>,
    /// How its confidence sequence is made.
    pub options: SequenceOptions,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The deployment's watermark when it started: what was predicted before it is not judged.
    pub event_time: Option<Timestamp>,
    /// Why it is where it is, in one sentence.
    pub reason: String,
    /// What led to it.
    pub cause: Option<Cause>,
    /// The event that started it.
    pub trigger: Option<String>,
}

/// What can happen to a running release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// The next share of traffic.
    Advance,
    /// The candidate takes over.
    Promote,
    /// The candidate is out: the judge says so.
    RollBack,
    /// The candidate is out: somebody says so.
    Abort,
    /// The candidate is out: its time is over.
    Expire,
}

impl Act {
    const fn verdict(self) -> &'static str {
        match self {
            Self::Advance => "advance",
            Self::Promote => "promote",
            Self::RollBack => "roll_back",
            Self::Abort => "abort",
            Self::Expire => "expire",
        }
    }
}

impl Release {
    /// The candidate's share of traffic now.
    pub fn share(&self) -> f64 {
        match self.state {
            ReleaseState::Running => self.steps.get(self.step).map_or(0.0, |step| step.share),
            ReleaseState::Promoted => 1.0,
            ReleaseState::RolledBack | ReleaseState::Aborted | ReleaseState::Expired => 0.0,
        }
    }

    /// Whether the candidate has the last share there is.
    pub fn at_last_step(&self) -> bool {
        self.step + 1 >= self.steps.len()
    }

    /// The one way from state to state.
    ///
    /// # Errors
    /// `RELEASE_ENDED` when it runs no more, or has no step to advance to.
    pub fn after(mut self, act: Act, now: Timestamp, watermark: Option<Timestamp>, reason: &str) -> Result<Self> {
        let ended = || {
            Error::conflict("RELEASE_ENDED", format!("release {} is {} already", self.id, self.state.name()))
                .hint("list the releases with `pitcrew deployments`; a new one starts when the candidate alias moves")
        };
        if self.state != ReleaseState::Running || (act == Act::Advance && self.at_last_step()) {
            return Err(ended());
        }
        if let Some(step) = self.steps.get_mut(self.step) {
            step.ended_at = Some(now);
            step.verdict = Some(act.verdict().to_owned());
        }
        reason.clone_into(&mut self.reason);
        match act {
            Act::Advance => {
                self.step += 1;
                begin(&mut self.steps, self.step, now, watermark);
                return Ok(self);
            }
            Act::Promote => self.state = ReleaseState::Promoted,
            Act::RollBack => self.state = ReleaseState::RolledBack,
            Act::Abort => self.state = ReleaseState::Aborted,
            Act::Expire => self.state = ReleaseState::Expired,
        }
        self.ended_at = Some(now);
        Ok(self)
    }

    /// What its events carry.
    pub fn facts(&self, watermark: Option<Timestamp>) -> ReleaseFacts {
        ReleaseFacts {
            release: self.id,
            deployment: self.deployment.clone(),
            model: self.model.clone(),
            alias: self.alias.clone(),
            candidate_alias: self.candidate_alias.clone(),
            champion: self.champion,
            candidate: self.candidate,
            share: self.share(),
            event_time: watermark,
            reason: self.reason.clone(),
        }
    }
}

/// The steps of a policy, the first one begun.
pub fn first_steps(policy: &ReleasePolicy, now: Timestamp, watermark: Option<Timestamp>) -> Vec<Step> {
    let shares: &[u8] = if policy.steps.is_empty() { &[100] } else { &policy.steps };
    let mut steps: Vec<Step> = shares
        .iter()
        .map(|percent| Step {
            share: f64::from(*percent) / 100.0,
            started_at: None,
            ended_at: None,
            event_time: None,
            verdict: None,
        })
        .collect();
    begin(&mut steps, 0, now, watermark);
    steps
}

fn begin(steps: &mut [Step], at: usize, now: Timestamp, watermark: Option<Timestamp>) {
    if let Some(step) = steps.get_mut(at) {
        step.started_at = Some(now);
        step.event_time = watermark;
    }
}

/// What one look at a running release showed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// When, in wall time.
    pub at: Timestamp,
    /// The deployment's watermark.
    pub event_time: Option<Timestamp>,
    /// The step, from 0.
    pub step: usize,
    /// Labelled pairs; for unpaired releases, labelled predictions of the smaller arm.
    pub pairs: u64,
    /// Mean of candidate minus champion loss; below zero is better.
    pub mean_difference: Option<f64>,
    /// It is at least this, at every look.
    pub lower: Option<f64>,
    /// It is at most this, at every look.
    pub upper: Option<f64>,
    /// The champion's mean loss.
    pub champion_mean: Option<f64>,
    /// The candidate's mean loss.
    pub candidate_mean: Option<f64>,
    /// The champion's p99 latency since the release started or the server came up.
    pub champion_p99_us: Option<u64>,
    /// The candidate's.
    pub candidate_p99_us: Option<u64>,
    /// Predictions of the champion since the start, and how many of them failed.
    pub champion_predictions: u64,
    /// See `champion_predictions`.
    pub champion_failures: u64,
    /// Predictions of the candidate since the start, and how many of them failed.
    pub candidate_predictions: u64,
    /// See `candidate_predictions`.
    pub candidate_failures: u64,
    /// What it says.
    pub verdict: LookVerdict,
}

impl Evidence {
    /// Whether a look adds nothing to the one before: the wall time and the latencies alone are no news.
    pub(crate) fn repeats(&self, before: &Self) -> bool {
        self.step == before.step
            && self.pairs == before.pairs
            && self.champion_failures == before.champion_failures
            && self.candidate_failures == before.candidate_failures
            && self.mean_difference == before.mean_difference
            && self.verdict == before.verdict
    }
}

/// What a look at a release says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LookVerdict {
    /// Enough data to look, not enough to tell.
    Continue,
    /// The candidate's loss is lower.
    Better,
    /// The candidate's loss is not higher by as much as the margin.
    NoWorse,
    /// The candidate's loss is higher.
    Worse,
    /// A guardrail was passed.
    Guardrail,
    /// Nothing could be shown in the time there was.
    Expired,
    /// Too little data to look.
    NoData,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use pitcrew_contracts::spec::{Guardrails, Judge};
    use pitcrew_kernel::{FakeClock, SeededIds};
    use std::sync::Arc;

    pub(crate) fn policy() -> ReleasePolicy {
        ReleasePolicy {
            candidate: "challenger".into(),
            steps: vec![10, 50, 100],
            judge: Judge { metric: "absolute_error".into(), alpha: 0.05, min_samples: 24, paired: true, margin: 0.0 },
            max_duration: pitcrew_kernel::Span::seconds(14 * 86_400),
            guardrails: Guardrails::default(),
        }
    }

    pub(crate) fn release() -> Release {
        let clock = FakeClock::at(Timestamp::from_millis(1_000));
        let now = Timestamp::from_millis(1_000);
        Release {
            id: ReleaseId::new(&SeededIds::new(Arc::new(clock), 1)),
            deployment: "bikes".parse().unwrap(),
            model: "bikes".parse().unwrap(),
            alias: "champion".parse().unwrap(),
            candidate_alias: "challenger".parse().unwrap(),
            policy: policy(),
            champion: 1,
            candidate: 2,
            state: ReleaseState::Running,
            step: 0,
            steps: first_steps(&policy(), now, None),
            options: SequenceOptions::default(),
            started_at: now,
            ended_at: None,
            event_time: None,
            reason: String::new(),
            cause: None,
            trigger: None,
        }
    }

    #[test]
    fn a_release_walks_its_steps_and_ends_once() {
        let later = Timestamp::from_millis(2_000);
        let mut running = release();
        let mut shares = vec![running.share()];
        for _ in 0..2 {
            running = running.after(Act::Advance, later, Some(later), "better").unwrap();
            shares.push(running.share());
        }
        assert_eq!(shares, [0.1, 0.5, 1.0]);
        assert_eq!(running.clone().after(Act::Advance, later, None, "").unwrap_err().code(), "RELEASE_ENDED");
        let promoted = running.after(Act::Promote, later, None, "better at every step").unwrap();
        assert_eq!((promoted.state, promoted.ended_at), (ReleaseState::Promoted, Some(later)));
        let verdicts: Vec<_> = promoted.steps.iter().map(|step| step.verdict.as_deref()).collect();
        assert_eq!(verdicts, [Some("advance"), Some("advance"), Some("promote")]);
        for act in [Act::Advance, Act::Promote, Act::RollBack, Act::Abort, Act::Expire] {
            assert_eq!(promoted.clone().after(act, later, None, "").unwrap_err().code(), "RELEASE_ENDED");
        }
    }

    #[test]
    fn a_release_that_is_out_has_no_traffic() {
        for act in [Act::RollBack, Act::Abort, Act::Expire] {
            let out = release().after(act, Timestamp::from_millis(2_000), None, "no").unwrap();
            assert_eq!((out.share(), out.steps[0].verdict.is_some(), out.step), (0.0, true, 0));
        }
    }

    #[test]
    fn states_read_back() {
        let ended = [ReleaseState::Promoted, ReleaseState::RolledBack, ReleaseState::Aborted, ReleaseState::Expired];
        for state in ended.into_iter().chain([ReleaseState::Running]) {
            assert_eq!(ReleaseState::parse(state.name()).unwrap(), state);
        }
        assert!(ReleaseState::parse("odd").is_err());
    }
}
