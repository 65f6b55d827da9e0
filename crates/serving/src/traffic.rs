//! Traffic by the second, for the charts. Kept in memory only.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use pitcrew_kernel::Timestamp;
use serde::Serialize;

use crate::arm::{Figures, Route, Routes};
use crate::model::ArmKind;

/// Points kept for each deployment: ten minutes of two arms.
pub(crate) const MAX_POINTS: usize = 1_200;

/// One second of one arm.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Point {
    pub(crate) at: Timestamp,
    pub(crate) arm: ArmKind,
    pub(crate) version: i64,
    #[serde(flatten)]
    pub(crate) figures: Figures,
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
}

/// The traffic of all deployments.
#[derive(Debug, Default)]
pub(crate) struct Traffic(Mutex<HashMap<String, VecDeque<Point>>>);

impl Traffic {
    /// Ends the present second of every arm.
    pub(crate) fn sample(&self, routes: &Routes, now: Timestamp) {
        routes.values().for_each(|route| self.sample_route(route, now));
    }

    /// The same for one deployment, whose arms are about to change.
    pub(crate) fn sample_route(&self, route: &Route, now: Timestamp) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let points = all.entry(route.name.to_string()).or_default();
        for arm in route.arms() {
            let second = arm.take_second();
            let latency = second.latency();
            points.push_back(Point {
                at: now,
                arm: arm.kind,
                version: arm.version,
                figures: second.figures(),
                p50_us: latency.quantile(0.5).unwrap_or(0),
                p99_us: latency.quantile(0.99).unwrap_or(0),
            });
        }
        while points.len() > MAX_POINTS {
            points.pop_front();
        }
    }

    /// The last `limit` points, newest last.
    pub(crate) fn points(&self, deployment: &str, limit: usize) -> Vec<Point> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(deployment)
            .map(|points| points.iter().skip(points.len().saturating_sub(limit)).cloned().collect())
            .unwrap_or_default()
    }
}
