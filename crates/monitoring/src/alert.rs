//! The life of an alert: pending, firing, resolved. One transition function, no way back.

use pitcrew_contracts::names::{AlertId, AlertRuleName, MonitorName};
use pitcrew_kernel::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::WindowState;

/// Where an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// The objective was missed, not yet for long enough.
    Pending,
    /// It was missed for long enough.
    Firing,
    /// It is met again.
    Resolved,
}

impl AlertState {
    /// As stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }
}

/// What a window does to a rule's alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Stay,
    /// A new alert begins, pending.
    Open,
    /// A new alert begins and fires at once (`for: 1`).
    OpenAndFire,
    /// The pending alert fires.
    Fire,
    /// The firing alert goes on firing.
    Persist,
    /// The pending alert was nothing: it ends without having fired.
    Dismiss,
    /// The firing alert is over.
    Resolve,
}

/// What the newest window means for a rule, given its open alert and how many windows in a row (this one included) missed the objective.
pub fn next(open: Option<AlertState>, window: WindowState, breaches_in_a_row: u32, needed: u32) -> Step {
    match (window, open) {
        // What is not known changes nothing.
        (WindowState::NoData, _) => Step::Stay,
        (WindowState::Ok, Some(AlertState::Firing)) => Step::Resolve,
        (WindowState::Ok, Some(AlertState::Pending)) => Step::Dismiss,
        (WindowState::Ok, _) => Step::Stay,
        (WindowState::Breach, Some(AlertState::Firing)) => Step::Persist,
        (WindowState::Breach, Some(AlertState::Pending)) if breaches_in_a_row >= needed => Step::Fire,
        (WindowState::Breach, Some(AlertState::Pending)) => Step::Stay,
        (WindowState::Breach, _) if needed <= 1 => Step::OpenAndFire,
        (WindowState::Breach, _) => Step::Open,
    }
}

/// An alert as kept.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertRecord {
    /// Its id.
    pub id: AlertId,
    /// Its rule.
    pub rule: AlertRuleName,
    /// The monitor.
    pub monitor: MonitorName,
    /// The metric.
    pub metric: String,
    /// Where it stands.
    pub state: AlertState,
    /// The metric's value in the window that changed it last.
    pub value: f64,
    /// The objective.
    pub threshold: f64,
    /// End of that window.
    pub event_time: Timestamp,
    /// One sentence.
    pub summary: String,
    /// When it became pending.
    pub pending_at: Timestamp,
    /// When it fired.
    pub fired_at: Option<Timestamp>,
    /// When it was over.
    pub resolved_at: Option<Timestamp>,
    /// The pipeline its action runs.
    pub action_run: Option<String>,
    /// Event time of its last action.
    pub acted_at_event_time: Option<Timestamp>,
    /// The run that its action started.
    pub pipeline_run: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_needs_enough_windows_in_a_row() {
        assert_eq!(next(None, WindowState::Breach, 1, 2), Step::Open);
        assert_eq!(next(Some(AlertState::Pending), WindowState::Breach, 1, 2), Step::Stay);
        assert_eq!(next(Some(AlertState::Pending), WindowState::Breach, 2, 2), Step::Fire);
        assert_eq!(next(Some(AlertState::Firing), WindowState::Breach, 3, 2), Step::Persist);
        assert_eq!(next(Some(AlertState::Firing), WindowState::Ok, 0, 2), Step::Resolve);
        assert_eq!(next(None, WindowState::Breach, 1, 1), Step::OpenAndFire);
    }

    #[test]
    fn no_data_holds_every_state() {
        for open in [None, Some(AlertState::Pending), Some(AlertState::Firing), Some(AlertState::Resolved)] {
            assert_eq!(next(open, WindowState::NoData, 5, 1), Step::Stay);
        }
    }

    #[test]
    fn one_bad_window_is_dismissed() {
        assert_eq!(next(Some(AlertState::Pending), WindowState::Ok, 0, 2), Step::Dismiss);
    }
}
