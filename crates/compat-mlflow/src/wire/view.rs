//! What MLflow's messages look like in JSON. Fields that hold nothing are left out, as protocol buffers do.

use pitcrew_tracking::{
    ArtifactEntry, Dataset, DatasetInput, DatasetSummary, Entries, Experiment, LoggedModel, Metric, ModelOutput, Run,
    RunInfo,
};
use serde::{Serialize, Serializer};

/// `{}`.
#[derive(Debug, Serialize)]
pub(crate) struct Nothing {}

#[derive(Debug, Serialize)]
pub(crate) struct PairView {
    key: String,
    value: String,
}

pub(crate) fn pairs(entries: Entries) -> Vec<PairView> {
    entries.into_iter().map(|(key, value)| PairView { key, value }).collect()
}

#[derive(Debug, Serialize)]
pub(crate) struct ExperimentView {
    experiment_id: String,
    name: String,
    artifact_location: String,
    lifecycle_stage: &'static str,
    last_update_time: i64,
    creation_time: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<PairView>,
    workspace: &'static str,
}

impl From<Experiment> for ExperimentView {
    fn from(experiment: Experiment) -> Self {
        Self {
            experiment_id: experiment.id.to_string(),
            name: experiment.name,
            artifact_location: experiment.artifact_uri,
            lifecycle_stage: experiment.lifecycle.as_str(),
            last_update_time: experiment.updated_ms,
            creation_time: experiment.created_ms,
            tags: pairs(experiment.tags),
            workspace: "default",
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct RunInfoView {
    run_uuid: String,
    experiment_id: String,
    run_name: String,
    user_id: String,
    status: &'static str,
    start_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<i64>,
    artifact_uri: String,
    lifecycle_stage: &'static str,
    run_id: String,
}

impl From<RunInfo> for RunInfoView {
    fn from(info: RunInfo) -> Self {
        Self {
            run_uuid: info.run_id.clone(),
            experiment_id: info.experiment_id.to_string(),
            run_name: info.name,
            user_id: info.user_id,
            status: info.status.as_str(),
            start_time: info.start_ms,
            end_time: info.end_ms,
            artifact_uri: info.artifact_uri,
            lifecycle_stage: info.lifecycle.as_str(),
            run_id: info.run_id,
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct RunView {
    info: RunInfoView,
    data: RunDataView,
    inputs: InputsView,
    outputs: OutputsView,
}

#[derive(Debug, Serialize)]
struct RunDataView {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    metrics: Vec<MetricView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    params: Vec<PairView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<PairView>,
}

#[derive(Debug, Serialize)]
struct InputsView {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dataset_inputs: Vec<DatasetInputView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    model_inputs: Vec<ModelInputView>,
}

#[derive(Debug, Serialize)]
struct OutputsView {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    model_outputs: Vec<ModelOutputView>,
}

#[derive(Debug, Serialize)]
struct ModelInputView {
    model_id: String,
}

#[derive(Debug, Serialize)]
struct ModelOutputView {
    model_id: String,
    step: i64,
}

impl From<ModelOutput> for ModelOutputView {
    fn from(output: ModelOutput) -> Self {
        Self { model_id: output.model_id, step: output.step }
    }
}

#[derive(Debug, Serialize)]
struct DatasetInputView {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<PairView>,
    dataset: DatasetView,
}

#[derive(Debug, Serialize)]
struct DatasetView {
    name: String,
    digest: String,
    source_type: String,
    source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<String>,
}

impl From<DatasetInput> for DatasetInputView {
    fn from(input: DatasetInput) -> Self {
        let Dataset { name, digest, source_type, source, schema, profile } = input.dataset;
        Self { tags: pairs(input.tags), dataset: DatasetView { name, digest, source_type, source, schema, profile } }
    }
}

impl From<Run> for RunView {
    fn from(run: Run) -> Self {
        Self {
            info: run.info.into(),
            data: RunDataView {
                metrics: run.metrics.into_iter().map(Into::into).collect(),
                params: pairs(run.params),
                tags: pairs(run.tags),
            },
            inputs: InputsView {
                dataset_inputs: run.inputs.into_iter().map(Into::into).collect(),
                model_inputs: run.model_inputs.into_iter().map(|model_id| ModelInputView { model_id }).collect(),
            },
            outputs: OutputsView { model_outputs: run.model_outputs.into_iter().map(Into::into).collect() },
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct MetricView {
    key: String,
    #[serde(serialize_with = "double")]
    value: f64,
    timestamp: i64,
    step: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    dataset_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dataset_digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_id: Option<String>,
}

impl From<Metric> for MetricView {
    fn from(metric: Metric) -> Self {
        Self {
            key: metric.key,
            value: metric.value,
            timestamp: metric.at_ms,
            step: metric.step,
            dataset_name: metric.dataset_name,
            dataset_digest: metric.dataset_digest,
            model_id: metric.model_id,
            run_id: metric.run_id,
        }
    }
}

/// JSON has no numbers for these three: protocol buffers write their names.
fn double<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    match *value {
        value if value.is_nan() => serializer.serialize_str("NaN"),
        f64::INFINITY => serializer.serialize_str("Infinity"),
        f64::NEG_INFINITY => serializer.serialize_str("-Infinity"),
        value => serializer.serialize_f64(value),
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct DatasetSummaryView {
    experiment_id: String,
    name: String,
    digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<String>,
}

impl From<DatasetSummary> for DatasetSummaryView {
    fn from(summary: DatasetSummary) -> Self {
        Self {
            experiment_id: summary.experiment_id.to_string(),
            name: summary.name,
            digest: summary.digest,
            context: summary.context,
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct FileView {
    path: String,
    is_dir: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_size: Option<u64>,
}

impl FileView {
    /// An entry below `folder`; the name alone when that is empty.
    pub(crate) fn below(folder: &str, entry: ArtifactEntry) -> Self {
        let path = if folder.is_empty() { entry.name } else { format!("{folder}/{}", entry.name) };
        Self { path, is_dir: entry.is_dir, file_size: (!entry.is_dir).then_some(entry.bytes) }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct LoggedModelView {
    info: LoggedModelInfoView,
    data: LoggedModelDataView,
}

#[derive(Debug, Serialize)]
struct LoggedModelInfoView {
    model_id: String,
    experiment_id: String,
    name: String,
    creation_timestamp_ms: i64,
    last_updated_timestamp_ms: i64,
    artifact_uri: String,
    status: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    model_type: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    source_run_id: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<PairView>,
}

#[derive(Debug, Serialize)]
struct LoggedModelDataView {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    params: Vec<PairView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    metrics: Vec<MetricView>,
}

impl From<LoggedModel> for LoggedModelView {
    fn from(model: LoggedModel) -> Self {
        Self {
            info: LoggedModelInfoView {
                model_id: model.model_id,
                experiment_id: model.experiment_id.to_string(),
                name: model.name,
                creation_timestamp_ms: model.created_ms,
                last_updated_timestamp_ms: model.updated_ms,
                artifact_uri: model.artifact_uri,
                status: model.status.as_str(),
                model_type: model.model_type,
                source_run_id: model.source_run_id,
                tags: pairs(model.tags),
            },
            data: LoggedModelDataView {
                params: pairs(model.params),
                metrics: model.metrics.into_iter().map(Into::into).collect(),
            },
        }
    }
}

/// One item under its name: `{"run": ...}`.
macro_rules! named {
    ($($(#[$doc:meta])* $name:ident { $field:ident: $ty:ty })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Serialize)]
        pub(crate) struct $name {
            pub(crate) $field: $ty,
        }
    )*};
}

named! {
    OfExperiment { experiment: ExperimentView }
    OfExperimentId { experiment_id: String }
    OfRun { run: RunView }
    OfRunInfo { run_info: RunInfoView }
    OfLoggedModel { model: LoggedModelView }
}

/// A list and where it goes on: `{"runs": [...], "next_page_token": "..."}`.
macro_rules! listed {
    ($($name:ident { $field:ident: $ty:ty })*) => {$(
        #[derive(Debug, Serialize)]
        pub(crate) struct $name {
            #[serde(skip_serializing_if = "Vec::is_empty")]
            pub(crate) $field: Vec<$ty>,
            #[serde(skip_serializing_if = "Option::is_none")]
            pub(crate) next_page_token: Option<String>,
        }
    )*};
}

listed! {
    OfExperiments { experiments: ExperimentView }
    OfRuns { runs: RunView }
    OfMetrics { metrics: MetricView }
    OfDatasetSummaries { dataset_summaries: DatasetSummaryView }
    OfLoggedModels { models: LoggedModelView }
}

#[derive(Debug, Serialize)]
pub(crate) struct OfFiles {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) root_uri: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) files: Vec<FileView>,
}

/// Points for a chart: this list is there even when it is empty.
#[derive(Debug, Serialize)]
pub(crate) struct OfAllMetrics {
    pub(crate) metrics: Vec<MetricView>,
}
