//! The names and ids that cross slices.

use std::fmt;
use std::str::FromStr;

use pitcrew_kernel::{Error, Result, define_id, define_name};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

define_name!(
    /// The name of a project.
    ProjectName, "project");
define_name!(
    /// The name of a data set.
    DatasetName, "data set");
define_name!(
    /// The name of a pipeline.
    PipelineName, "pipeline");
define_name!(
    /// The name of a step in a pipeline.
    StepName, "step");
define_name!(
    /// The name of a registered model.
    ModelName, "model");
define_name!(
    /// The name of a model alias.
    AliasName, "alias");
define_name!(
    /// The name of a deployment.
    DeploymentName, "deployment");
define_name!(
    /// The name of a monitor.
    MonitorName, "monitor");
define_name!(
    /// The name of an alert rule.
    AlertRuleName, "alert rule");

define_id!(
    /// One run of a pipeline.
    PipelineRunId, "run");
define_id!(
    /// One decision of a gate.
    GateDecisionId, "gd");
define_id!(
    /// One release of a candidate.
    ReleaseId, "rel");
define_id!(
    /// One alert.
    AlertId, "al");
define_id!(
    /// One event.
    EventId, "ev");

/// `bikes@2`: one version of a data set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DatasetRef {
    /// The data set.
    pub dataset: DatasetName,
    /// Its version, from 1.
    pub version: i64,
}

/// `bikes/3`: one version of a model.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelRef {
    /// The model.
    pub model: ModelName,
    /// Its version, from 1.
    pub version: i64,
}

macro_rules! reference {
    ($name:ident, $field:ident, $sep:literal, $what:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!("{}", $sep, "{}"), self.$field, self.version)
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                let wrong = || {
                    Error::invalid("REFERENCE_INVALID", format!("`{text}` is not a {} like `bikes{}2`", $what, $sep))
                };
                let (name, version) = text.rsplit_once($sep).ok_or_else(wrong)?;
                let version = version.parse().ok().filter(|version| *version >= 1).ok_or_else(wrong)?;
                Ok(Self { $field: name.parse()?, version })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

reference!(DatasetRef, dataset, "@", "data-set version");
reference!(ModelRef, model, "/", "model version");
