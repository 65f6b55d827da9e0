//! One prediction in memory.

use std::sync::Arc;

use pitcrew_columnar::Number;
use pitcrew_contracts::release::Role;

use crate::model::ArmKind;

/// The features of a version's log rows, and the model they belong to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Columns {
    pub(crate) model: String,
    pub(crate) features: Vec<(String, Number)>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// With an answer.
    Ok,
    /// With an error.
    Failed,
    /// With an answer that is no number.
    NotANumber,
    /// No instance of the model was free in time.
    Busy,
}

impl Status {
    pub(crate) const ALL: [Self; 4] = [Self::Ok, Self::Failed, Self::NotANumber, Self::Busy];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::NotANumber => "not_a_number",
            Self::Busy => "busy",
        }
    }

    pub(crate) fn parse(name: &str) -> Self {
        Self::ALL.into_iter().find(|status| status.name() == name).unwrap_or(Self::Failed)
    }

    pub(crate) const fn failed(self) -> bool {
        !matches!(self, Self::Ok)
    }
}

/// One prediction. Times are microseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) request_id: Arc<str>,
    pub(crate) event_time: i64,
    pub(crate) at: i64,
    pub(crate) version: i64,
    pub(crate) arm: ArmKind,
    pub(crate) role: Role,
    pub(crate) status: Status,
    pub(crate) latency_us: i64,
    /// NaN when there is none.
    pub(crate) prediction: f64,
    /// In the order of `columns`; NaN where missing.
    pub(crate) features: Arc<[f64]>,
    pub(crate) columns: Arc<Columns>,
}

impl Row {
    /// Rows are unique by this, and read in this order.
    pub(crate) fn key(&self) -> (i64, &str, u8) {
        (self.event_time, &self.request_id, role_rank(self.role))
    }

    /// About how much memory it takes.
    pub(crate) fn weight(&self) -> usize {
        std::mem::size_of::<Self>() + self.request_id.len() + 8 * self.features.len()
    }
}

pub(crate) const fn role_rank(role: Role) -> u8 {
    match role {
        Role::Served => 0,
        Role::Shadow => 1,
    }
}

/// The rows of one request.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) deployment: Arc<str>,
    pub(crate) rows: Vec<Row>,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn columns() -> Arc<Columns> {
        Arc::new(Columns {
            model: "bikes".into(),
            features: vec![("temp".into(), Number::F32), ("hum".into(), Number::F64)],
        })
    }

    pub(crate) fn row(id: &str, event_time: i64) -> Row {
        Row {
            request_id: id.into(),
            event_time,
            at: event_time + 5,
            version: 1,
            arm: ArmKind::Champion,
            role: Role::Served,
            status: Status::Ok,
            latency_us: 12,
            prediction: 7.5,
            features: [0.25, 0.5].into(),
            columns: columns(),
        }
    }

    prop_compose! {
        pub(crate) fn any_row()(
            id in "[a-zA-Z0-9é_-]{1,40}",
            event_time in -1_000_000_000_000_000i64..4_000_000_000_000_000,
            version in 1i64..100,
            candidate in any::<bool>(),
            shadow in any::<bool>(),
            status in 0usize..4,
            latency_us in 0i64..10_000_000,
            prediction in prop::num::f64::ANY,
            wide in any::<bool>(),
            value in prop::num::f64::ANY,
        ) -> Row {
            let columns = if wide { columns() } else { Arc::new(Columns { model: "other".into(), features: vec![] }) };
            Row {
                arm: if candidate { ArmKind::Candidate } else { ArmKind::Champion },
                role: if shadow { Role::Shadow } else { Role::Served },
                status: Status::ALL[status],
                version,
                latency_us,
                prediction,
                features: if wide { [0.5, value].into() } else { [].into() },
                columns,
                ..row(&id, event_time)
            }
        }
    }

    #[test]
    fn statuses_read_back() {
        for status in Status::ALL {
            assert_eq!(Status::parse(status.name()), status);
        }
    }
}
