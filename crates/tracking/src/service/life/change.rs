//! Names, notes and tags, changed natively; runs deleted and restored by the dozen.

use pitcrew_contracts::event::brief;
use pitcrew_contracts::tracking::{ExperimentRenamed, ExperimentTagged, RunTagged};
use pitcrew_db::Tx;
use pitcrew_kernel::{Access, Ctx, Result};

use super::{each_once, set_lifecycle};
use crate::errors::{self, invalid};
use crate::limits::{EXPERIMENT_TAG_VALUE_CHARS, PARAMS_OR_TAGS_PER_BATCH, RUNS_PER_CALL, TAG_VALUE_CHARS};
use crate::model::{Experiment, Lifecycle, NOTE_TAG, Owner, RUN_NAME_TAG, Run};
use crate::service::runs::{self, RunChange};
use crate::service::{Saying, Tracking, experiments, writable};
use crate::store;
use crate::validate;

/// What changes about a run or an experiment; absent stays.
#[derive(Debug, Clone, Default)]
pub struct Patch {
    /// Its name.
    pub name: Option<String>,
    /// Notes on it, as Markdown; `Some(None)` removes them.
    pub notes: Option<Option<String>>,
    /// Tags: a value to set, or `None` to remove.
    pub tags: Vec<(String, Option<String>)>,
}

impl Patch {
    /// Notes become the tag they are kept in; what cannot be kept is refused here rather than cut.
    fn checked(mut self, value_chars: usize) -> Result<Self> {
        if let Some(notes) = self.notes.take() {
            if self.tags.iter().any(|(key, _)| key == NOTE_TAG) {
                return Err(invalid(format!("`notes` and the tag `{NOTE_TAG}` are the same: send one of them")));
            }
            self.tags.push((NOTE_TAG.to_owned(), notes.filter(|notes| !notes.is_empty())));
        }
        if self.tags.len() > PARAMS_OR_TAGS_PER_BATCH {
            return Err(invalid(format!("a call may change at most {PARAMS_OR_TAGS_PER_BATCH} tags")));
        }
        if self.name.as_ref().is_some_and(String::is_empty) {
            return Err(invalid("`name` must not be empty"));
        }
        for (key, value) in &self.tags {
            let value = value.as_deref().unwrap_or_default();
            validate::experiment_tag(key, value)?;
            if value.chars().count() > value_chars {
                return Err(invalid(format!("the tag `{key}` may have at most {value_chars} characters")));
            }
        }
        Ok(self)
    }
}

impl Tracking {
    /// Changes a run's name, notes and tags, all or nothing. What is so already is no change.
    ///
    /// # Errors
    /// `RUN_NOT_FOUND`, `RUN_DELETED`, `TRACKING_VALUE_INVALID`.
    pub async fn patch_run(&self, ctx: &Ctx, run_id: &str, patch: Patch) -> Result<Run> {
        ctx.require(Access::Write)?;
        let mut patch = patch.checked(TAG_VALUE_CHARS)?;
        if let Some(at) = patch.tags.iter().position(|(key, _)| key == RUN_NAME_TAG) {
            let (_, name) = patch.tags.remove(at);
            if patch.name.is_some() || name.is_none() {
                return Err(invalid(format!("a run is called what `{RUN_NAME_TAG}` says: send `name` instead")));
            }
            patch.name = name;
        }
        if let Some(name) = &patch.name {
            validate::run_text("name", name)?;
        }
        let (run_id, saying) = (run_id.to_owned(), self.outgoing(ctx));
        self.db
            .write(move |tx| {
                let owner = writable(tx, &run_id)?.owner();
                if patch.name.is_some() {
                    let change = RunChange { name: patch.name, ..RunChange::default() };
                    runs::update(tx, &saying, &run_id, &change)?;
                }
                for (key, value) in patch.tags {
                    tag_run(tx, &saying, (owner, &run_id), key, value)?;
                }
                runs::filled(tx, &run_id)
            })
            .await
    }

    /// Changes an experiment's name, notes and tags, all or nothing.
    ///
    /// # Errors
    /// `EXPERIMENT_NOT_FOUND`, `EXPERIMENT_DELETED`, `EXPERIMENT_EXISTS`, `TRACKING_VALUE_INVALID`.
    pub async fn patch_experiment(&self, ctx: &Ctx, id: i64, patch: Patch) -> Result<Experiment> {
        ctx.require(Access::Write)?;
        let patch = patch.checked(EXPERIMENT_TAG_VALUE_CHARS)?;
        patch.name.iter().try_for_each(|name| validate::experiment_name(name))?;
        let (now_ms, saying) = (self.now_ms(), self.outgoing(ctx));
        self.db
            .write(move |tx| {
                let mut experiment = experiments::active(tx, id)?;
                if let Some(name) = patch.name.filter(|name| *name != experiment.name) {
                    if store::experiments::by_name(tx, &name)?.is_some() {
                        return Err(errors::experiment_exists(&name));
                    }
                    store::experiments::rename(tx, id, &name, now_ms)?;
                    let from = std::mem::replace(&mut experiment.name, name.clone());
                    tx.emit(saying.out(), &ExperimentRenamed { experiment_id: id, from, name })?;
                }
                store::experiments::with_tags(tx, std::slice::from_mut(&mut experiment))?;
                for (key, value) in patch.tags {
                    tag_experiment(tx, &saying, &experiment, key, value)?;
                }
                experiments::filled(tx, id)
            })
            .await
    }

    /// Deletes these runs, or none of them; answers which were not deleted before.
    ///
    /// # Errors
    /// `RUN_NOT_FOUND`, `TRACKING_VALUE_INVALID`.
    pub async fn delete_runs(&self, ctx: &Ctx, run_ids: Vec<String>) -> Result<Vec<String>> {
        self.set_lifecycles(ctx, run_ids, Lifecycle::Deleted).await
    }

    /// Restores these runs, or none of them; answers which were deleted before.
    ///
    /// # Errors
    /// `RUN_NOT_FOUND`, `TRACKING_VALUE_INVALID`.
    pub async fn restore_runs(&self, ctx: &Ctx, run_ids: Vec<String>) -> Result<Vec<String>> {
        self.set_lifecycles(ctx, run_ids, Lifecycle::Active).await
    }

    async fn set_lifecycles(&self, ctx: &Ctx, run_ids: Vec<String>, lifecycle: Lifecycle) -> Result<Vec<String>> {
        ctx.require(Access::Write)?;
        let run_ids = each_once(run_ids, RUNS_PER_CALL)?;
        let (now_ms, saying) = (self.now_ms(), self.outgoing(ctx));
        self.db
            .write(move |tx| {
                let mut changed = Vec::new();
                for run_id in run_ids {
                    if set_lifecycle(tx, &saying, &run_id, lifecycle, now_ms)? {
                        changed.push(run_id);
                    }
                }
                Ok(changed)
            })
            .await
    }
}

fn tag_run(
    tx: &mut Tx<'_>,
    saying: &Saying,
    (owner, run_id): (Owner, &str),
    key: String,
    value: Option<String>,
) -> Result<()> {
    if store::runs::tag(tx, owner.run_no, &key)? == value {
        return Ok(());
    }
    match &value {
        Some(value) => store::runs::set_tags(tx, owner, &[(key.clone(), value.clone())])?,
        None => drop(store::runs::delete_tag(tx, owner.run_no, &key)?),
    }
    tx.emit(saying.out(), &RunTagged { run_id: run_id.to_owned(), key, value: value.as_deref().map(brief) })
}

fn tag_experiment(
    tx: &mut Tx<'_>,
    saying: &Saying,
    experiment: &Experiment,
    key: String,
    value: Option<String>,
) -> Result<()> {
    if experiment.tags.get(&key) == value.as_ref() {
        return Ok(());
    }
    match &value {
        Some(value) => store::experiments::set_tag(tx, experiment.id, &key, value)?,
        None => drop(store::experiments::delete_tag(tx, experiment.id, &key)?),
    }
    let (experiment_id, name) = (experiment.id, experiment.name.clone());
    tx.emit(saying.out(), &ExperimentTagged { experiment_id, name, key, value: value.as_deref().map(brief) })
}
