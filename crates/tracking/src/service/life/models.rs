//! Logged models that come in from elsewhere, with their ids and times. Their files come in as any files do.

use pitcrew_contracts::tracking::{ARTIFACT_FILES_MAX, ArtifactFile, LoggedModelCreated};
use pitcrew_db::Tx;
use pitcrew_kernel::{Access, Ctx, Result};

use crate::artifact_path::ArtifactPath;
use crate::errors::{self, invalid};
use crate::limits::ENTRIES_PER_IMPORT;
use crate::model::{ARTIFACT_SCHEME, Entries, Experiment, Lifecycle, LoggedModel};
use crate::service::artifacts::files_below;
use crate::service::{NewExperiment, Tracking, experiments};
use crate::store;
use crate::validate;

/// Letters of a logged model's id.
const ID_CHARS: usize = 64;

/// A logged model as whoever brings it in says.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportingModel {
    /// The model; its experiment's number and the address of its files are found here.
    pub model: LoggedModel,
    /// The name of its experiment, which is made when it is not there.
    pub experiment: String,
}

/// A logged model that came in.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportedLoggedModel {
    /// Whether it was there before.
    pub there: bool,
    /// Where its files belong.
    pub artifacts: ArtifactPath,
    /// Its files so far.
    pub files: Vec<ArtifactFile>,
}

impl Tracking {
    /// Brings in a logged model. One that is there already is compared and stays as it is.
    ///
    /// # Errors
    /// `RUN_IMPORT_CONFLICT` when it is there and differs, `EXPERIMENT_DELETED`, `TRACKING_VALUE_INVALID`.
    pub async fn import_model(&self, ctx: &Ctx, importing: ImportingModel) -> Result<ImportedLoggedModel> {
        ctx.require(Access::Write)?;
        check(&importing)?;
        let (now_ms, saying) = (self.now_ms(), self.outgoing(ctx));
        self.db
            .write(move |tx| {
                let ImportingModel { mut model, experiment } = importing;
                if let Some(there) = store::models::by_id(tx, &model.model_id)? {
                    return compare(tx, &model, &there);
                }
                let home = match store::experiments::by_name(tx, &experiment)? {
                    Some(found) => experiments::active(tx, found.id)?,
                    None => {
                        let new = NewExperiment { name: experiment, ..NewExperiment::default() };
                        experiments::create(tx, &saying, new, now_ms)?
                    }
                };
                model.experiment_id = home.id;
                model.artifact_uri = address(&home, &model.model_id)?;
                store::models::insert(tx, &model)?;
                for point in &model.metrics {
                    let run_id = point.run_id.as_deref().unwrap_or_default();
                    store::models::log_metrics(tx, run_id, std::slice::from_ref(point))?;
                }
                let artifacts = own(&model)?;
                let (model_id, name, experiment_id) = (model.model_id, model.name, home.id);
                tx.emit(saying.out(), &LoggedModelCreated { model_id, name, experiment_id })?;
                Ok(ImportedLoggedModel { there: false, artifacts, files: Vec::new() })
            })
            .await
    }
}

fn check(importing: &ImportingModel) -> Result<()> {
    let ImportingModel { model, experiment } = importing;
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let id = &model.model_id;
    if !id.starts_with("m-") || id.len() < 3 || id.len() > ID_CHARS || !id.bytes().all(fine) {
        let detail =
            format!("`{}` cannot be the id of a logged model: it is `m-` and 32 hexadecimal digits", id.escape_debug());
        return Err(invalid(detail));
    }
    validate::experiment_name(experiment)?;
    validate::model_name(&model.name)?;
    validate::run_text("model_type", &model.model_type)?;
    validate::run_text("source_run_id", &model.source_run_id)?;
    validate::model_entries("params", &model.params)?;
    validate::model_entries("tags", &model.tags)?;
    if model.metrics.len() > ENTRIES_PER_IMPORT {
        return Err(invalid(format!("a logged model may come in with at most {ENTRIES_PER_IMPORT} points")));
    }
    model.metrics.iter().enumerate().try_for_each(|(at, point)| validate::metric(point, &format!("metrics[{at}]")))
}

/// Where this server keeps its files, also of an experiment that has its own elsewhere.
fn address(experiment: &Experiment, model_id: &str) -> Result<String> {
    let own = format!("{}/models/{model_id}/artifacts", experiment.artifact_uri);
    Ok(match ArtifactPath::of_uri(&own)? {
        Some(_) => own,
        None => format!("{ARTIFACT_SCHEME}{}/models/{model_id}/artifacts", experiment.id),
    })
}

fn own(model: &LoggedModel) -> Result<ArtifactPath> {
    let elsewhere = || invalid(format!("this server does not keep the files of the logged model {}", model.model_id));
    ArtifactPath::of_uri(&model.artifact_uri)?.ok_or_else(elsewhere)
}

fn compare(tx: &mut Tx<'_>, comes: &LoggedModel, there: &LoggedModel) -> Result<ImportedLoggedModel> {
    let mut differs = Vec::new();
    let mut test = |what: &str, same: bool| {
        if !same {
            differs.push(format!("{what} is another"));
        }
    };
    test("lifecycle", there.lifecycle == Lifecycle::Active);
    test("name", comes.name == there.name);
    test("source_run_id", comes.source_run_id == there.source_run_id);
    test("created_ms", comes.created_ms == there.created_ms);
    let within =
        |some: &Entries, all: &Entries| some.iter().all(|(key, value)| all.get(key).is_none_or(|has| has == value));
    test("params", within(&comes.params, &there.params));
    if !differs.is_empty() {
        return Err(errors::import_conflict(&there.model_id, &differs));
    }
    let artifacts = own(there)?;
    let files = files_below(tx, &artifacts, ARTIFACT_FILES_MAX)?;
    Ok(ImportedLoggedModel { there: true, artifacts, files })
}
