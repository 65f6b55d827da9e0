//! What a run is, as it goes out and comes in: everything but its points and files.

use pitcrew_kernel::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::errors::invalid;
use crate::limits::{DATASETS_PER_CALL, ENTRIES_PER_IMPORT};
use crate::model::{Dataset, DatasetInput, Entries, ModelOutput, RUN_NAME_TAG, Run, RunStatus};
use crate::validate;

/// The one form that is known.
const FORMAT: u32 = 1;
/// Names that mean something else where a run's id stands: below an experiment's artifacts, and in the addresses of this server.
const NO_RUNS: &[&str] = &["models", "traces", "count", "copy", "delete", "import", "move", "restore"];
/// Letters of a run's id.
const RUN_ID_CHARS: usize = 256;

/// What a run is, as whoever brings it in says: everything but its points and files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Importing {
    /// The form this is written in: 1.
    pub format: u32,
    /// The run's id, which it keeps.
    pub run_id: String,
    /// The name of its experiment, which is made when it is not there.
    pub experiment: String,
    /// Its name.
    pub name: String,
    /// Who ran it.
    #[serde(default)]
    pub user: String,
    /// `RUNNING`, `SCHEDULED`, `FINISHED`, `FAILED` or `KILLED`.
    pub status: String,
    /// When it began, in milliseconds since 1970.
    pub started_ms: i64,
    /// When it ended.
    #[serde(default)]
    pub ended_ms: Option<i64>,
    /// Its params.
    #[serde(default)]
    pub params: Entries,
    /// Its tags.
    #[serde(default)]
    pub tags: Entries,
    /// The data sets it used.
    #[serde(default)]
    pub datasets: Vec<ImportedDataset>,
    /// The logged models it used.
    #[serde(default)]
    pub model_inputs: Vec<String>,
    /// The logged models it made.
    #[serde(default)]
    pub model_outputs: Vec<ImportedModel>,
}

/// A data set that an imported run used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportedDataset {
    name: String,
    digest: String,
    #[serde(default)]
    source_type: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    schema: Option<String>,
    #[serde(default)]
    profile: Option<String>,
    #[serde(default)]
    tags: Entries,
}

/// A logged model that an imported run made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportedModel {
    pub(super) model_id: String,
    #[serde(default)]
    pub(super) step: i64,
}

impl Importing {
    /// Checks what can be told without looking at the database; name and name tag are one afterwards.
    pub(super) fn checked(mut self) -> Result<Self> {
        if self.format != FORMAT {
            return Err(invalid(format!("the form {} of a run is not known; this server knows {FORMAT}", self.format)));
        }
        check_id(&self.run_id)?;
        validate::experiment_name(&self.experiment)?;
        validate::run_text("name", &self.name)?;
        validate::run_text("user", &self.user)?;
        self.status()?;
        for (what, count) in [
            ("params", self.params.len()),
            ("tags", self.tags.len()),
            ("datasets", self.datasets.len()),
            ("models", self.model_inputs.len() + self.model_outputs.len()),
        ] {
            if count > ENTRIES_PER_IMPORT {
                return Err(invalid(format!("a run may come in with at most {ENTRIES_PER_IMPORT} {what}")));
            }
        }
        self.params.iter().try_for_each(|(key, value)| validate::param(key, value, "params"))?;
        self.tags.iter_mut().try_for_each(|(key, value)| validate::run_tag(key, value, "tags"))?;
        self.datasets().chunks(DATASETS_PER_CALL).try_for_each(validate::inputs)?;
        // A run is called what its name tag says.
        match self.tags.get(RUN_NAME_TAG) {
            Some(tag) => self.name.clone_from(tag),
            None => drop(self.tags.insert(RUN_NAME_TAG.to_owned(), self.name.clone())),
        }
        Ok(self)
    }

    pub(super) fn status(&self) -> Result<RunStatus> {
        self.status.parse()
    }

    pub(super) fn datasets(&self) -> Vec<DatasetInput> {
        let input = |given: &ImportedDataset| {
            let ImportedDataset { name, digest, source_type, source, schema, profile, tags } = given.clone();
            DatasetInput { dataset: Dataset { name, digest, source_type, source, schema, profile }, tags }
        };
        self.datasets.iter().map(input).collect()
    }

    /// What is said of the run here and is otherwise there.
    pub(super) fn conflicts(&self, there: &Run, experiment: &str) -> Result<Vec<String>> {
        let mut found = Vec::new();
        let mut differs = |what: &str, here: &str, now: &str| {
            if here != now {
                found.push(format!("{what} is `{now}`, not `{here}`"));
            }
        };
        let info = &there.info;
        differs("experiment", &self.experiment, experiment);
        differs("name", &self.name, &info.name);
        differs("user", &self.user, &info.user_id);
        differs("started_ms", &self.started_ms.to_string(), &info.start_ms.to_string());
        // A run that was under way may have ended meanwhile.
        if info.status.is_final() && self.status()?.is_final() {
            differs("status", &self.status, info.status.as_str());
        }
        if let (Some(here), Some(now)) = (self.ended_ms, info.end_ms) {
            differs("ended_ms", &here.to_string(), &now.to_string());
        }
        for (what, here, now) in [("param", &self.params, &there.params), ("tag", &self.tags, &there.tags)] {
            for (key, value) in here {
                if let Some(now) = now.get(key) {
                    differs(&format!("{what} {key}"), value, now);
                }
            }
        }
        Ok(found)
    }
}

/// What may be an id of a run: MLflow's rule, without names that mean something else in addresses.
fn check_id(run_id: &str) -> Result<()> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let begins = run_id.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if begins && run_id.len() <= RUN_ID_CHARS && run_id.bytes().all(fine) && !NO_RUNS.contains(&run_id) {
        return Ok(());
    }
    Err(invalid(format!("`{}` cannot be the id of a run: take 32 hexadecimal digits", run_id.escape_debug())))
}

/// A run that goes out.
pub(super) fn exported(run: Run, experiment: String) -> Importing {
    let dataset = |input: DatasetInput| {
        let Dataset { name, digest, source_type, source, schema, profile } = input.dataset;
        ImportedDataset { name, digest, source_type, source, schema, profile, tags: input.tags }
    };
    let model = |made: ModelOutput| ImportedModel { model_id: made.model_id, step: made.step };
    Importing {
        format: FORMAT,
        run_id: run.info.run_id,
        experiment,
        name: run.info.name,
        user: run.info.user_id,
        status: run.info.status.as_str().to_owned(),
        started_ms: run.info.start_ms,
        ended_ms: run.info.end_ms,
        params: run.params,
        tags: run.tags,
        datasets: run.inputs.into_iter().map(dataset).collect(),
        model_inputs: run.model_inputs,
        model_outputs: run.model_outputs.into_iter().map(model).collect(),
    }
}

/// The head as text, to compare and keep.
pub(super) fn written(head: &Importing) -> Result<String> {
    serde_json::to_string(head).map_err(|source| Error::internal("the head of a run does not serialise", source))
}
