//! What a run is: its states and the only ways between them, its plan, its rows. No I/O.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use pitcrew_contracts::names::{DatasetRef, PipelineName, PipelineRunId, StepName};
use pitcrew_contracts::spec;
use pitcrew_kernel::{Cause, Digest, Error, Result, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::key::KeyParts;

macro_rules! states {
    ($(#[$doc:meta])* $name:ident { $($(#[$state_doc:meta])* $state:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$state_doc])* $state,)* }

        impl $name {
            /// Every state.
            pub const ALL: &'static [Self] = &[$(Self::$state,)*];

            /// As stored and shown.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$state => $text,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                Self::ALL.iter().copied().find(|state| state.as_str() == text).ok_or_else(|| {
                    let known: Vec<&str> = Self::ALL.iter().map(|state| state.as_str()).collect();
                    Error::invalid("STATE_UNKNOWN", format!("`{}` is not a state", text.escape_debug()))
                        .hint(format!("states are {}", known.join(", ")))
                })
            }
        }
    };
}

states! {
    /// The state of a run.
    RunState {
        /// It waits for its turn.
        Queued = "queued",
        /// Its steps run.
        Running = "running",
        /// Every step did its work.
        Succeeded = "succeeded",
        /// A gate said no.
        Refused = "refused",
        /// A step failed.
        Failed = "failed",
        /// Somebody ended it.
        Cancelled = "cancelled",
    }
}

states! {
    /// The state of a step in a run.
    StepState {
        /// Steps it needs are not done.
        Waiting = "waiting",
        /// It may run now.
        Ready = "ready",
        /// An attempt runs, or waits to be tried again.
        Running = "running",
        /// It did its work.
        Succeeded = "succeeded",
        /// Its outputs were taken over from an equal step.
        Cached = "cached",
        /// It looked and said no.
        Refused = "refused",
        /// All its attempts failed.
        Failed = "failed",
        /// A step it needs did not succeed.
        Skipped = "skipped",
        /// Somebody ended the run.
        Cancelled = "cancelled",
    }
}

impl RunState {
    /// Whether nothing follows.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }

    /// The only way from state to state. There is no way back.
    ///
    /// # Errors
    /// `INTERNAL` for a step that does not exist: our own defect.
    pub fn to(self, next: Self) -> Result<Self> {
        let allowed = match self {
            Self::Queued => matches!(next, Self::Running | Self::Cancelled),
            Self::Running => next.is_final(),
            Self::Succeeded | Self::Refused | Self::Failed | Self::Cancelled => false,
        };
        allowed.then_some(next).ok_or_else(|| no_way("a run", self, next))
    }
}

impl StepState {
    /// Whether nothing follows.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Waiting | Self::Ready | Self::Running)
    }

    /// Whether steps that need it may run.
    pub fn is_done(self) -> bool {
        matches!(self, Self::Succeeded | Self::Cached)
    }

    /// The only way from state to state. There is no way back: a step that is tried again stays `Running`.
    ///
    /// # Errors
    /// `INTERNAL` for a step that does not exist: our own defect.
    pub fn to(self, next: Self) -> Result<Self> {
        let allowed = match self {
            Self::Waiting => matches!(next, Self::Ready | Self::Skipped | Self::Cancelled),
            Self::Ready => matches!(next, Self::Running | Self::Cached | Self::Failed | Self::Cancelled),
            Self::Running => {
                matches!(next, Self::Running | Self::Succeeded | Self::Refused | Self::Failed | Self::Cancelled)
            }
            _ => false,
        };
        allowed.then_some(next).ok_or_else(|| no_way("a step", self, next))
    }
}

fn no_way(what: &str, from: impl fmt::Display, to: impl fmt::Display) -> Error {
    Error::internal(format!("{what} cannot go from {from} to {to}"), "transition")
}

/// Everything a run does, as it was when the run was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) project: String,
    pub(crate) spec: spec::Pipeline,
    pub(crate) code: Digest,
    pub(crate) environments: BTreeMap<String, EnvironmentPlan>,
}

impl Plan {
    /// The declaration of a step.
    pub(crate) fn step(&self, name: &StepName) -> Result<&spec::Step> {
        self.spec.steps.get(name.as_str()).ok_or_else(|| Error::internal("a step is not in its plan", name.to_string()))
    }

    /// The name of the environment a step runs in.
    pub(crate) fn environment_of<'a>(&'a self, step: &'a spec::Step) -> Option<&'a str> {
        step.run.as_ref()?;
        step.environment.as_deref().or(self.spec.environment.as_deref())
    }
}

/// A declared environment with the text of its requirements.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EnvironmentPlan {
    pub(crate) file: String,
    pub(crate) requirements: String,
    pub(crate) python: Option<String>,
}

/// A file a step made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Its declared name.
    pub name: String,
    /// Its bytes.
    pub digest: Digest,
    /// How many.
    pub bytes: u64,
}

/// A run.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) id: PipelineRunId,
    pub(crate) pipeline: PipelineName,
    pub(crate) number: i64,
    pub(crate) state: RunState,
    pub(crate) plan: Digest,
    pub(crate) git_commit: Option<String>,
    pub(crate) params: BTreeMap<String, Value>,
    pub(crate) force: bool,
    pub(crate) reason: String,
    pub(crate) cause: Option<Cause>,
    /// Pipelines whose runs led to this one.
    pub(crate) ancestry: Vec<PipelineName>,
    pub(crate) dataset: Option<DatasetRef>,
    pub(crate) dataset_digest: Option<Digest>,
    pub(crate) environments: BTreeMap<String, Digest>,
    /// Its data and environments are known; its steps may run.
    pub(crate) prepared: bool,
    /// Somebody asked to end it.
    pub(crate) cancel: bool,
    pub(crate) error: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) finished_at: Option<Timestamp>,
}

/// A step of a run.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) run: PipelineRunId,
    pub(crate) name: StepName,
    /// `run`, or the name of the built-in act.
    pub(crate) kind: String,
    pub(crate) needs: Vec<StepName>,
    pub(crate) state: StepState,
    /// Attempts begun.
    pub(crate) attempt: i64,
    /// Attempts that failed by themselves: what retries are counted against. An attempt that ended with its server is none.
    pub(crate) failures: i64,
    pub(crate) cache_key: Option<Digest>,
    pub(crate) cache_hit: bool,
    pub(crate) why: Option<String>,
    pub(crate) parts: Option<KeyParts>,
    pub(crate) exit_code: Option<i64>,
    pub(crate) cpu_us: Option<i64>,
    pub(crate) peak_memory_bytes: Option<i64>,
    pub(crate) error: Option<String>,
    pub(crate) outputs: Vec<Output>,
    pub(crate) tracking_run_id: Option<String>,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) finished_at: Option<Timestamp>,
}

/// The kind of a step that runs a command.
pub(crate) const RUN_KIND: &str = "run";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_state_leads_back() {
        for from in RunState::ALL {
            assert!(from.to(*from).is_err(), "{from}");
            for to in RunState::ALL.iter().filter(|to| from.to(**to).is_ok()) {
                assert!(to > from && to.to(*from).is_err(), "{from} -> {to}");
            }
            assert_eq!(from.is_final(), RunState::ALL.iter().all(|to| from.to(*to).is_err()));
        }
        for from in StepState::ALL {
            for to in StepState::ALL.iter().filter(|to| *to != from && from.to(**to).is_ok()) {
                assert!(to > from && to.to(*from).is_err(), "{from} -> {to}");
            }
            assert_eq!(from.is_final(), StepState::ALL.iter().all(|to| from.to(*to).is_err()));
        }
    }

    #[test]
    fn states_read_as_they_print() {
        for state in StepState::ALL {
            assert_eq!(state.to_string().parse::<StepState>().unwrap(), *state);
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
        assert_eq!("done".parse::<RunState>().unwrap_err().code(), "STATE_UNKNOWN");
    }
}
