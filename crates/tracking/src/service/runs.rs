//! Runs: begun, changed, ended, deleted and restored; what they used and made.

use pitcrew_contracts::tracking::{RunFinished, RunRenamed, RunStarted, RunUpdated};
use pitcrew_db::Tx;
use pitcrew_kernel::{Access, Ctx, Result};

use super::points::{last_of_each, name_in};
use super::{Saying, Tracking, writable};
use crate::errors::{self, invalid};
use crate::limits::{DATASET_SUMMARIES, MODELS_PER_CALL, PARAMS_OR_TAGS_PER_BATCH};
use crate::model::{
    DEFAULT_EXPERIMENT, DatasetInput, DatasetSummary, LOGGED_MODELS_TAG, Lifecycle, ModelOutput, RUN_NAME_TAG, Reads,
    Run, RunInfo, RunStatus,
};
use crate::run_name;
use crate::store::{self, next_number};
use crate::validate;

/// What a new run begins with.
#[derive(Debug, Clone, Default)]
pub struct NewRun {
    /// Its experiment; the default one when absent.
    pub experiment_id: Option<i64>,
    /// Its name; one is made up when absent.
    pub name: Option<String>,
    /// Who runs it.
    pub user_id: String,
    /// When it began, in milliseconds; now when absent.
    pub start_ms: Option<i64>,
    /// Its tags: key and value.
    pub tags: Vec<(String, String)>,
}

/// What changes about a run; absent stays.
#[derive(Debug, Clone, Default)]
pub struct RunChange {
    /// How far it is.
    pub status: Option<RunStatus>,
    /// When it ended, in milliseconds.
    pub end_ms: Option<i64>,
    /// Its name.
    pub name: Option<String>,
}

impl Tracking {
    /// Begins a run.
    ///
    /// # Errors
    /// `EXPERIMENT_NOT_FOUND`, `EXPERIMENT_DELETED`, `TRACKING_VALUE_INVALID`.
    pub async fn create_run(&self, ctx: &Ctx, new: NewRun) -> Result<Run> {
        ctx.require(Access::Write)?;
        let new = checked(new)?;
        let fresh = Fresh {
            run_id: self.hex_id(),
            made_up_name: run_name::from_random(self.ids.random_bytes()),
            now_ms: self.now_ms(),
            open_key: None,
        };
        let saying = self.outgoing(ctx);
        self.db.write(move |tx| create(tx, &saying, new, fresh)).await
    }

    /// One run with everything, deleted or not.
    ///
    /// # Errors
    /// `RUN_NOT_FOUND`.
    pub async fn run(&self, ctx: &Ctx, run_id: &str) -> Result<Run> {
        ctx.require(Access::Read)?;
        let run_id = run_id.to_owned();
        self.db.read(move |tx| filled(tx, &run_id)).await
    }

    /// Changes status, end or name.
    ///
    /// # Errors
    /// `RUN_NOT_FOUND`, `RUN_DELETED`, `TRACKING_VALUE_INVALID`.
    pub async fn update_run(&self, ctx: &Ctx, run_id: &str, change: RunChange) -> Result<RunInfo> {
        ctx.require(Access::Write)?;
        if let Some(name) = &change.name {
            validate::run_text("run_name", name)?;
        }
        let run_id = run_id.to_owned();
        let saying = self.outgoing(ctx);
        self.db.write(move |tx| update(tx, &saying, &run_id, &change)).await
    }

    /// Deletes a run. It stays until it is restored.
    ///
    /// # Errors
    /// `RUN_NOT_FOUND`.
    pub async fn delete_run(&self, ctx: &Ctx, run_id: &str) -> Result<()> {
        self.set_run_lifecycle(ctx, run_id, Lifecycle::Deleted).await
    }

    /// Restores a deleted run.
    ///
    /// # Errors
    /// `RUN_NOT_FOUND`.
    pub async fn restore_run(&self, ctx: &Ctx, run_id: &str) -> Result<()> {
        self.set_run_lifecycle(ctx, run_id, Lifecycle::Active).await
    }

    async fn set_run_lifecycle(&self, ctx: &Ctx, run_id: &str, lifecycle: Lifecycle) -> Result<()> {
        ctx.require(Access::Write)?;
        let run_id = run_id.to_owned();
        let now_ms = self.now_ms();
        let saying = self.outgoing(ctx);
        self.db.write(move |tx| super::life::set_lifecycle(tx, &saying, &run_id, lifecycle, now_ms).map(drop)).await
    }

    /// Notes the data sets and logged models a run used.
    ///
    /// # Errors
    /// `RUN_NOT_FOUND`, `RUN_DELETED`, `TRACKING_VALUE_INVALID`.
    pub async fn log_inputs(
        &self,
        ctx: &Ctx,
        run_id: &str,
        datasets: Vec<DatasetInput>,
        models: Vec<String>,
    ) -> Result<()> {
        ctx.require(Access::Write)?;
        validate::inputs(&datasets)?;
        check_model_count(models.len())?;
        let run_id = run_id.to_owned();
        let fresh: Vec<String> = datasets.iter().map(|_| self.ids.next().simple().to_string()).collect();
        self.db
            .write(move |tx| {
                let run = writable(tx, &run_id)?;
                for (input, fresh_id) in datasets.iter().zip(&fresh) {
                    let id = store::inputs::dataset_id(tx, run.experiment_id, &input.dataset, fresh_id)?;
                    store::inputs::add_dataset(tx, run.run_no, &id, &input.tags)?;
                }
                models.iter().try_for_each(|model| store::inputs::add_model_input(tx, run.run_no, model))
            })
            .await
    }

    /// Notes the logged models a run made.
    ///
    /// # Errors
    /// `RUN_NOT_FOUND`, `RUN_DELETED`, `TRACKING_VALUE_INVALID`.
    pub async fn log_outputs(&self, ctx: &Ctx, run_id: &str, models: Vec<ModelOutput>) -> Result<()> {
        ctx.require(Access::Write)?;
        check_model_count(models.len())?;
        let run_id = run_id.to_owned();
        self.db
            .write(move |tx| {
                let run = writable(tx, &run_id)?;
                models.iter().try_for_each(|model| store::inputs::add_model_output(tx, run.run_no, model))
            })
            .await
    }

    /// Adds a model description to the tag in which clients before logged models keep them.
    ///
    /// # Errors
    /// `RUN_NOT_FOUND`, `RUN_DELETED`, `TRACKING_VALUE_INVALID` when the list outgrows a tag.
    pub async fn log_model(&self, ctx: &Ctx, run_id: &str, model: serde_json::Value) -> Result<()> {
        ctx.require(Access::Write)?;
        let run_id = run_id.to_owned();
        self.db
            .write(move |tx| {
                let owner = writable(tx, &run_id)?.owner();
                let before = store::runs::tag(tx, owner.run_no, LOGGED_MODELS_TAG)?;
                let mut models: Vec<serde_json::Value> =
                    before.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
                models.push(model);
                let text = serde_json::Value::Array(models).to_string();
                let mut kept = text.clone();
                validate::run_tag(LOGGED_MODELS_TAG, &mut kept, "")?;
                // Cut JSON would be no JSON.
                if kept.len() < text.len() {
                    return Err(invalid("the run's list of logged models is full"));
                }
                store::runs::set_tags(tx, owner, &[(LOGGED_MODELS_TAG.to_owned(), kept)])
            })
            .await
    }

    /// The data sets that runs of these experiments used.
    ///
    /// # Errors
    /// `TRACKING_VALUE_INVALID`.
    pub async fn dataset_summaries(&self, ctx: &Ctx, experiments: Vec<i64>) -> Result<Vec<DatasetSummary>> {
        ctx.require(Access::Read)?;
        let experiments = super::search::checked_experiments(experiments)?;
        if experiments.is_empty() {
            return Ok(Vec::new());
        }
        self.db.read(move |tx| store::inputs::summaries(tx, &experiments, DATASET_SUMMARIES)).await
    }

    /// How many runs are under way.
    ///
    /// # Errors
    /// What the database can give.
    pub async fn running(&self) -> Result<i64> {
        self.db.read(store::runs::count_running).await
    }
}

fn check_model_count(count: usize) -> Result<()> {
    if count <= MODELS_PER_CALL {
        return Ok(());
    }
    Err(invalid(format!("a call may name at most {MODELS_PER_CALL} logged models")))
}

/// What the service makes for a run before the transaction.
pub(super) struct Fresh {
    pub(super) run_id: String,
    pub(super) made_up_name: String,
    pub(super) now_ms: i64,
    pub(super) open_key: Option<String>,
}

/// Checks a new run; its name and its name tag are one afterwards.
pub(super) fn checked(mut new: NewRun) -> Result<NewRun> {
    if new.tags.len() > PARAMS_OR_TAGS_PER_BATCH * 10 {
        return Err(invalid(format!("a run begins with at most {} tags", PARAMS_OR_TAGS_PER_BATCH * 10)));
    }
    for (at, (key, value)) in new.tags.iter_mut().enumerate() {
        validate::run_tag(key, value, &format!("tags[{at}]"))?;
    }
    new.tags = last_of_each(new.tags);
    new.name = new.name.filter(|name| !name.is_empty());
    match (name_in(&new.tags), &new.name) {
        (Some(tag), Some(name)) if tag != name => {
            return Err(invalid(format!(
                "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values (run_name='{name}', mlflow.runName='{tag}')."
            )));
        }
        (Some(tag), None) => new.name = Some(tag.to_owned()),
        _ => {}
    }
    if let Some(name) = &new.name {
        validate::run_text("run_name", name)?;
    }
    validate::run_text("user_id", &new.user_id)?;
    Ok(new)
}

pub(super) fn create(tx: &mut Tx<'_>, saying: &Saying, new: NewRun, fresh: Fresh) -> Result<Run> {
    let experiment = super::experiments::active(tx, new.experiment_id.unwrap_or(DEFAULT_EXPERIMENT))?;
    let name = new.name.unwrap_or(fresh.made_up_name);
    let mut tags = new.tags;
    if name_in(&tags).is_none() {
        tags.push((RUN_NAME_TAG.to_owned(), name.clone()));
    }
    let info = RunInfo {
        run_no: next_number(tx, "run")?,
        artifact_uri: format!("{}/{}/artifacts", experiment.artifact_uri, fresh.run_id),
        run_id: fresh.run_id,
        experiment_id: experiment.id,
        name,
        user_id: new.user_id,
        status: RunStatus::Running,
        lifecycle: Lifecycle::Active,
        start_ms: new.start_ms.unwrap_or(fresh.now_ms),
        end_ms: None,
    };
    store::runs::insert(tx, &info, fresh.open_key.as_deref())?;
    store::runs::set_tags(tx, info.owner(), &tags)?;
    let started = RunStarted { run_id: info.run_id.clone(), experiment: experiment.name, name: info.name.clone() };
    tx.emit(saying.out(), &started)?;
    let mut run = Run::bare(info);
    run.tags = tags.into_iter().collect();
    Ok(run)
}

pub(super) fn update(tx: &mut Tx<'_>, saying: &Saying, run_id: &str, change: &RunChange) -> Result<RunInfo> {
    writable(tx, run_id)?;
    let before = store::runs::by_id(tx, run_id)?.ok_or_else(|| errors::run_not_found(run_id))?;
    let mut info = before.clone();
    info.status = change.status.unwrap_or(info.status);
    info.end_ms = change.end_ms.or(info.end_ms);
    if let Some(name) = change.name.as_ref().filter(|name| !name.is_empty()) {
        info.name.clone_from(name);
        store::runs::set_tags(tx, info.owner(), &[(RUN_NAME_TAG.to_owned(), name.clone())])?;
    }
    store::runs::update(tx, &info)?;
    state_change(tx, saying, &before, &info)?;
    Ok(info)
}

/// States what is different about a run.
pub(super) fn state_change(tx: &mut Tx<'_>, saying: &Saying, before: &RunInfo, after: &RunInfo) -> Result<()> {
    let (run_id, name) = (after.run_id.clone(), after.name.clone());
    if before.name != after.name {
        let renamed = RunRenamed { run_id: run_id.clone(), from: before.name.clone(), name: name.clone() };
        tx.emit(saying.out(), &renamed)?;
    }
    let status = after.status.as_str().to_owned();
    if before.status != after.status && after.status.is_final() {
        return tx.emit(saying.out(), &RunFinished { run_id, name, status });
    }
    if (before.status, before.end_ms) != (after.status, after.end_ms) {
        return tx.emit(saying.out(), &RunUpdated { run_id, name, status });
    }
    Ok(())
}

/// A run is called what its name tag says.
pub(super) fn follow_name(tx: &mut Tx<'_>, saying: &Saying, run_id: &str, tags: &[(String, String)]) -> Result<()> {
    let Some(name) = name_in(tags) else { return Ok(()) };
    let Some(before) = store::runs::by_id(tx, run_id)? else { return Ok(()) };
    let after = RunInfo { name: name.to_owned(), ..before.clone() };
    store::runs::update(tx, &after)?;
    state_change(tx, saying, &before, &after)
}

pub(super) fn filled(tx: &mut Tx<'_>, run_id: &str) -> Result<Run> {
    let info = store::runs::by_id(tx, run_id)?.ok_or_else(|| errors::run_not_found(run_id))?;
    let mut runs = [Run::bare(info)];
    store::runs::with_data(tx, &mut runs, &Reads::default())?;
    store::inputs::with_inputs(tx, &mut runs)?;
    let [run] = runs;
    Ok(run)
}
