//! What a data set, its versions and its reports are. Plain data; the shapes are those of the API.

use pitcrew_contracts::names::{DatasetName, DatasetRef};
use pitcrew_contracts::spec;
use pitcrew_kernel::{Cause, Digest, Error, Result, Timestamp, define_id};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use pitcrew_columnar::{CheckResult, Profile, Schema};

define_id!(
    /// One report of checks.
    CheckReportId, "cr");

/// A declared data set.
#[derive(Debug, Clone, Serialize)]
pub struct Dataset {
    /// Its name.
    pub name: DatasetName,
    /// What one row is.
    pub description: String,
    /// The files, as declared.
    pub source: String,
    /// The column of event time, as declared.
    pub time: Option<String>,
    /// The project that declares it.
    pub project: String,
    /// The checks, as declared.
    pub checks: Vec<spec::Check>,
    /// How many versions there are.
    pub versions: i64,
    /// The newest of them.
    pub latest: Option<DatasetVersion>,
}

/// One immutable version.
#[derive(Debug, Clone, Serialize)]
pub struct DatasetVersion {
    /// The data set.
    pub dataset: DatasetName,
    /// Its number, from 1.
    pub version: i64,
    /// `bikes@2`.
    #[serde(rename = "ref")]
    pub reference: DatasetRef,
    /// Digest of its manifest.
    pub digest: Digest,
    /// Its rows.
    pub rows: i64,
    /// Its bytes.
    pub bytes: i64,
    /// Those of its bytes that no version had before.
    pub new_bytes: i64,
    /// Its files, by path.
    pub files: Vec<FileEntry>,
    /// Its columns.
    pub schema: Schema,
    /// What its values are like.
    pub profile: Profile,
    /// What was checked, and how that went.
    pub checks: Vec<CheckResult>,
    /// Always passed: a version exists only then.
    pub gate: Gate,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
    /// What led to it.
    pub cause: Option<Cause>,
}

/// One file of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Relative to the source's folder, with `/`.
    pub path: String,
    /// Its bytes.
    pub digest: Digest,
    /// How many bytes.
    pub bytes: i64,
    /// How many rows.
    pub rows: i64,
}

/// Whether the checks let a version pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// No check of severity `error` failed.
    Passed,
    /// One did; there is no version.
    Failed,
}

impl Gate {
    /// The word used in the database and on the wire.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
        }
    }
}

impl std::str::FromStr for Gate {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "passed" => Ok(Self::Passed),
            "failed" => Ok(Self::Failed),
            other => Err(Error::internal("a stored gate is neither passed nor failed", other.to_owned())),
        }
    }
}

/// The evidence of one evaluation of the checks.
#[derive(Debug, Clone, Serialize)]
pub struct CheckReport {
    /// Its id.
    pub id: CheckReportId,
    /// The data set.
    pub dataset: DatasetName,
    /// When the checks ran.
    pub at: Timestamp,
    /// Who asked for it.
    pub actor: String,
    /// What led to it.
    pub cause: Option<Cause>,
    /// Whether a version could be made.
    pub gate: Gate,
    /// Rows that were checked.
    pub rows: i64,
    /// The version that holds this content; absent when the gate failed.
    pub version: Option<i64>,
    /// Check by check, with samples of failing rows.
    pub checks: Vec<CheckResult>,
}

/// What a refresh did.
#[derive(Debug, Clone, Serialize)]
pub struct Refreshed {
    /// Whether the version is new. With a dry run: whether it would be.
    pub created: bool,
    /// The version that holds the source's content now.
    pub version: DatasetVersion,
}

/// What makes a version: two versions with the same manifest are the same. Its text is canonical, since fields are written in this order and
/// files by path.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The form of this text.
    pub(crate) format: u32,
    pub(crate) files: Vec<FileEntry>,
    pub(crate) schema: Schema,
}

impl Manifest {
    pub(crate) const FORMAT: u32 = 1;

    pub(crate) fn rows(&self) -> i64 {
        self.files.iter().map(|file| file.rows).sum()
    }

    pub(crate) fn bytes(&self) -> i64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// The text that is stored and digested.
    pub(crate) fn text(&self) -> Result<String> {
        to_text(self)
    }
}

/// `value` as JSON text.
pub(crate) fn to_text(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|source| Error::internal("a value does not serialise", source))
}

/// What an evaluation depended on: the files' bytes and what is declared. While it stays the same, so does the outcome.
pub(crate) fn evaluation_key<'a>(
    spec: &spec::Dataset,
    files: impl Iterator<Item = (&'a str, Digest)>,
) -> Result<Digest> {
    let files: Vec<Value> = files.map(|(path, digest)| serde_json::json!([path, digest])).collect();
    let text = to_text(&(1, &spec.time, &spec.checks, files))?;
    Ok(Digest::from_bytes(*blake3::hash(text.as_bytes()).as_bytes()))
}

/// A count as the database and the wire hold it.
pub(crate) fn count(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
