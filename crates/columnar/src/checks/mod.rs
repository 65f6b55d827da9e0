//! Declared expectations of a table, and what became of them.

mod evaluate;

use serde::{Deserialize, Serialize};

use crate::schema::ColumnType;
use crate::value::Scalar;

pub use evaluate::check;

/// Failing rows shown with a result.
pub const MAX_SAMPLES: usize = 5;

/// Whether a failing check stops what comes after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It does.
    #[default]
    Error,
    /// It is told, and nothing stops.
    Warn,
}

/// One expectation.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// What is expected.
    pub rule: Rule,
    /// What a failure means.
    pub severity: Severity,
}

/// What can be expected of a table.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// The number of rows lies within bounds.
    Rows {
        /// At least so many.
        min: Option<u64>,
        /// At most so many.
        max: Option<u64>,
    },
    /// No value of the column is missing.
    NotNull {
        /// The column.
        column: String,
    },
    /// At most this share of the column is missing.
    Nulls {
        /// The column.
        column: String,
        /// A share between 0 and 1.
        max_fraction: f64,
    },
    /// No two rows agree in all these columns. Rows with a missing value among them are not compared.
    Unique {
        /// One column or several.
        columns: Vec<String>,
    },
    /// Every value that is there lies within bounds, ends included.
    Range {
        /// The column.
        column: String,
        /// At least this.
        min: Option<Scalar>,
        /// At most this.
        max: Option<Scalar>,
    },
    /// Every value that is there is one of these.
    OneOf {
        /// The column.
        column: String,
        /// The values allowed.
        values: Vec<Scalar>,
    },
    /// The column has this type.
    Type {
        /// The column.
        column: String,
        /// Its type.
        kind: ColumnType,
    },
    /// Each value that is there is at least the one before it.
    Monotonic {
        /// The column.
        column: String,
        /// Whether equal neighbours fail too.
        strict: bool,
    },
    /// The newest timestamp is at most this old.
    Fresh {
        /// The column.
        column: String,
        /// At most this old, in microseconds.
        max_age_us: i64,
        /// The present moment, in microseconds since 1970-01-01 UTC.
        now_us: i64,
    },
}

/// What became of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As expected.
    Pass,
    /// Not as expected, and only told.
    Warn,
    /// Not as expected.
    Fail,
}

/// A check and its outcome, in the JSON of the API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckResult {
    /// The check in words, such as `cnt not null`.
    pub name: String,
    /// The column or columns, when there is one.
    pub column: Option<String>,
    /// What a failure means.
    pub severity: Severity,
    /// What became of it.
    pub status: Status,
    /// What was found.
    pub observed: String,
    /// What was expected.
    pub expected: String,
    /// Rows that are not as expected.
    pub failing_rows: u64,
    /// The first of them.
    pub samples: Vec<FailingRow>,
}

/// A row that is not as expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailingRow {
    /// The row, from one; within its file when it has one.
    pub row: u64,
    /// The file it came from.
    pub file: Option<String>,
    /// The offending value.
    pub value: String,
}

/// All results of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CheckReport {
    /// One result for each check, in their order.
    pub results: Vec<CheckResult>,
}

impl CheckReport {
    /// Whether no check of severity `error` failed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.results.iter().all(|result| result.status != Status::Fail)
    }

    /// The results that failed.
    pub fn failures(&self) -> impl Iterator<Item = &CheckResult> {
        self.results.iter().filter(|result| result.status == Status::Fail)
    }
}
