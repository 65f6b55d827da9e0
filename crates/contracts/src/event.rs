//! Events: past-tense facts, written in the transaction that made them true, delivered at least once, in order.

use std::fmt::Display;

use pitcrew_kernel::{Cause, Error, Result, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::names::EventId;
use crate::{registry, release, tracking};

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// `dataset`, `pipeline_run`, `model`, `deployment`, `release`, `monitor`, `alert`, `run`, `experiment`, `logged_model`, `artifact`,
    /// `gate_decision`, `webhook`, `project`, `token` or `server`.
    pub kind: String,
    /// Its name or id.
    pub name: String,
}

impl Subject {
    /// A subject of this kind and name.
    pub fn new(kind: &str, name: impl ToString) -> Self {
        Self { kind: kind.to_owned(), name: name.to_string() }
    }
}

/// A fact some slice states. Struct fields are additive only; a change of meaning is a new name.
pub trait Event: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// `slice.fact_in_past_tense`.
    const NAME: &'static str;
    /// What it is about.
    fn subject(&self) -> Subject;
    /// One sentence for people, without a final stop.
    fn summary(&self) -> String;
}

/// An event as stored and delivered.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Envelope {
    /// Gap-free position in the order of delivery.
    pub seq: i64,
    /// Its id, stable across deliveries: use it as an idempotency key outside the database.
    pub id: EventId,
    /// [`Event::NAME`].
    pub name: String,
    /// [`Event::subject`].
    pub subject: Subject,
    /// When it was stated.
    pub at: Timestamp,
    /// Who stated it.
    pub actor: String,
    /// What led to it.
    pub cause: Option<Cause>,
    /// [`Event::summary`].
    pub summary: String,
    /// The event's own fields.
    pub data: serde_json::Value,
}

impl Envelope {
    /// The event itself when it is an `E`, `None` when it is another.
    ///
    /// # Errors
    /// `INTERNAL` when the name fits and the fields do not.
    pub fn open<E: Event>(&self) -> Result<Option<E>> {
        if self.name != E::NAME {
            return Ok(None);
        }
        serde_json::from_value(self.data.clone())
            .map(Some)
            .map_err(|source| Error::internal(format!("event {} does not read as {}", self.seq, E::NAME), source))
    }
}

/// Events that come by the dozen while data is logged. The loop and the audit log hear them; what tells people the news leaves them out.
pub const NO_NEWS: &[&str] = &[
    release::LogAdvanced::NAME,
    registry::ModelTagged::NAME,
    registry::VersionTagged::NAME,
    tracking::ArtifactReplaced::NAME,
    tracking::ExperimentTagged::NAME,
    tracking::LoggedModelCreated::NAME,
    tracking::LoggedModelFinalized::NAME,
    tracking::LoggedModelTagged::NAME,
    tracking::RunTagged::NAME,
    tracking::ViewRemoved::NAME,
    tracking::ViewSaved::NAME,
];

/// Longest text of a caller that an event repeats, in characters. Tags may hold whole prompts.
pub const MAX_BRIEF: usize = 80;

/// The beginning of a text, in one line.
pub fn brief(text: &str) -> String {
    let line = |c: char| if c.is_control() { ' ' } else { c };
    let mut kept: String = text.chars().take(MAX_BRIEF).map(line).collect();
    if text.chars().nth(MAX_BRIEF).is_some() {
        kept.push('…');
    }
    kept
}

/// What a summary says of a tag that was set, or removed when there is no value.
pub(crate) fn tagged(what: &impl Display, key: &str, value: Option<&String>) -> String {
    match value {
        Some(value) => format!("{what}: tag {key} set to {value}"),
        None => format!("{what}: tag {key} removed"),
    }
}

/// Implements [`Event`] for a struct: `event!(RunFinished, "pipelines.run_finished", "pipeline_run", |e| &e.run, |e| format!(..));`.
#[macro_export]
macro_rules! event {
    ($ty:ty, $name:literal, $kind:literal, |$e:ident| $key:expr, |$s:ident| $summary:expr) => {
        impl $crate::event::Event for $ty {
            const NAME: &'static str = $name;

            fn subject(&self) -> $crate::event::Subject {
                let $e = self;
                $crate::event::Subject::new($kind, $key)
            }

            fn summary(&self) -> String {
                let $s = self;
                $summary
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_callers_are_repeated_in_short() {
        assert_eq!(brief("a\nb\u{0}c"), "a b c");
        assert_eq!(brief(&"ß".repeat(MAX_BRIEF)), "ß".repeat(MAX_BRIEF));
        assert_eq!(brief(&"ß".repeat(MAX_BRIEF + 1)), format!("{}…", "ß".repeat(MAX_BRIEF)));
    }
}
