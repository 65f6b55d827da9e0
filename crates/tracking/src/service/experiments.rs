//! Experiments.

use std::collections::{BTreeMap, BTreeSet};

use pitcrew_contracts::event::brief;
use pitcrew_contracts::tracking::{
    ExperimentCreated, ExperimentDeleted, ExperimentRenamed, ExperimentRestored, ExperimentTagged,
};
use pitcrew_db::Tx;
use pitcrew_kernel::{Access, Ctx, Page, Result};

use super::{Saying, Tracking};
use crate::errors;
use crate::filter::experiments::{parse, parse_order};
use crate::limits::EXPERIMENTS_PER_PAGE;
use crate::model::{ARTIFACT_SCHEME, Entries, Experiment, Lifecycle, View};
use crate::store::experiments as store;
use crate::store::{next_number, sql};
use crate::validate;

/// What a new experiment begins with.
#[derive(Debug, Clone, Default)]
pub struct NewExperiment {
    /// Its name.
    pub name: String,
    /// Where its artifacts go; this server's own store when absent.
    pub artifact_uri: Option<String>,
    /// Its tags.
    pub tags: Entries,
}

/// What experiments are searched by.
#[derive(Debug, Clone, Default)]
pub struct ExperimentSearch {
    /// Comparisons joined by AND.
    pub filter: String,
    /// Terms of the order; newest first when empty.
    pub order_by: Vec<String>,
    /// Deleted ones too?
    pub view: View,
    /// How many; at most [`EXPERIMENTS_PER_PAGE`].
    pub limit: usize,
    /// The `next` of the page before.
    pub page: Option<String>,
}

impl Tracking {
    /// Makes an experiment.
    ///
    /// # Errors
    /// `EXPERIMENT_EXISTS`, `TRACKING_VALUE_INVALID`.
    pub async fn create_experiment(&self, ctx: &Ctx, new: NewExperiment) -> Result<Experiment> {
        ctx.require(Access::Write)?;
        validate::experiment_name(&new.name)?;
        new.artifact_uri.iter().try_for_each(|uri| validate::artifact_uri(uri))?;
        new.tags.iter().try_for_each(|(key, value)| validate::experiment_tag(key, value))?;
        let now_ms = self.now_ms();
        let saying = self.outgoing(ctx);
        self.db.write(move |tx| create(tx, &saying, new, now_ms)).await
    }

    /// One experiment, deleted or not.
    ///
    /// # Errors
    /// `EXPERIMENT_NOT_FOUND`.
    pub async fn experiment(&self, ctx: &Ctx, id: i64) -> Result<Experiment> {
        ctx.require(Access::Read)?;
        self.db.read(move |tx| filled(tx, id)).await
    }

    /// The experiment of this name, deleted or not.
    ///
    /// # Errors
    /// `EXPERIMENT_NOT_FOUND`.
    pub async fn experiment_by_name(&self, ctx: &Ctx, name: &str) -> Result<Experiment> {
        ctx.require(Access::Read)?;
        let name = name.to_owned();
        self.db
            .read(move |tx| {
                let found = store::by_name(tx, &name)?.ok_or_else(|| errors::no_experiment_called(&name))?;
                filled(tx, found.id)
            })
            .await
    }

    /// The names of these experiments.
    ///
    /// # Errors
    /// What the database can give.
    pub async fn experiment_names(&self, ctx: &Ctx, ids: BTreeSet<i64>) -> Result<BTreeMap<i64, String>> {
        ctx.require(Access::Read)?;
        self.db
            .read(move |tx| {
                let mut names = BTreeMap::new();
                for id in ids {
                    names.extend(store::by_id(tx, id)?.map(|found| (id, found.name)));
                }
                Ok(names)
            })
            .await
    }

    /// One page of experiments.
    ///
    /// # Errors
    /// `FILTER_INVALID`, `ORDER_BY_INVALID`, `PAGE_INVALID`.
    pub async fn search_experiments(&self, ctx: &Ctx, search: ExperimentSearch) -> Result<Page<Experiment>> {
        ctx.require(Access::Read)?;
        let limit = super::search::checked_limit(search.limit, EXPERIMENTS_PER_PAGE)?;
        let clauses = parse(&search.filter)?;
        let orders = parse_order(&search.order_by)?;
        let terms = search.order_by.join(",");
        let after = search.page.as_deref().map(|token| sql::keys_of(&terms, token)).transpose()?;
        let found = self.db.read(move |tx| store::search(tx, &clauses, &orders, search.view, after, limit + 1)).await?;
        super::search::page(found, limit, &terms)
    }

    /// Gives an experiment another name.
    ///
    /// # Errors
    /// `EXPERIMENT_NOT_FOUND`, `EXPERIMENT_DELETED`, `EXPERIMENT_EXISTS`, `TRACKING_VALUE_INVALID`.
    pub async fn rename_experiment(&self, ctx: &Ctx, id: i64, name: &str) -> Result<()> {
        ctx.require(Access::Write)?;
        validate::experiment_name(name)?;
        let name = name.to_owned();
        let now_ms = self.now_ms();
        let saying = self.outgoing(ctx);
        self.db
            .write(move |tx| {
                let from = active(tx, id)?.name;
                if store::by_name(tx, &name)?.is_some_and(|other| other.id != id) {
                    return Err(errors::experiment_exists(&name));
                }
                store::rename(tx, id, &name, now_ms)?;
                tx.emit(saying.out(), &ExperimentRenamed { experiment_id: id, from, name })
            })
            .await
    }

    /// Deletes an experiment and its runs. They stay until they are restored.
    ///
    /// # Errors
    /// `EXPERIMENT_NOT_FOUND` also when it is deleted already.
    pub async fn delete_experiment(&self, ctx: &Ctx, id: i64) -> Result<()> {
        self.set_experiment_lifecycle(ctx, id, Lifecycle::Deleted).await
    }

    /// Restores a deleted experiment and its runs.
    ///
    /// # Errors
    /// `EXPERIMENT_NOT_FOUND` also when it is not deleted.
    pub async fn restore_experiment(&self, ctx: &Ctx, id: i64) -> Result<()> {
        self.set_experiment_lifecycle(ctx, id, Lifecycle::Active).await
    }

    async fn set_experiment_lifecycle(&self, ctx: &Ctx, id: i64, lifecycle: Lifecycle) -> Result<()> {
        ctx.require(Access::Write)?;
        let now_ms = self.now_ms();
        let saying = self.outgoing(ctx);
        self.db
            .write(move |tx| {
                let found = store::by_id(tx, id)?.filter(|found| found.lifecycle != lifecycle);
                let found = found.ok_or_else(|| errors::experiment_not_found(id))?;
                set_lifecycle(tx, &saying, found, lifecycle, now_ms)
            })
            .await
    }

    /// Sets a tag.
    ///
    /// # Errors
    /// `EXPERIMENT_NOT_FOUND`, `EXPERIMENT_DELETED`, `TRACKING_VALUE_INVALID`.
    pub async fn set_experiment_tag(&self, ctx: &Ctx, id: i64, key: &str, value: &str) -> Result<()> {
        ctx.require(Access::Write)?;
        validate::experiment_tag(key, value)?;
        let (key, value) = (key.to_owned(), value.to_owned());
        let saying = self.outgoing(ctx);
        self.db
            .write(move |tx| {
                let name = active(tx, id)?.name;
                store::set_tag(tx, id, &key, &value)?;
                let tagged = ExperimentTagged { experiment_id: id, name, key, value: Some(brief(&value)) };
                tx.emit(saying.out(), &tagged)
            })
            .await
    }

    /// Removes a tag.
    ///
    /// # Errors
    /// `EXPERIMENT_NOT_FOUND`, `EXPERIMENT_DELETED`, `TAG_NOT_FOUND`.
    pub async fn delete_experiment_tag(&self, ctx: &Ctx, id: i64, key: &str) -> Result<()> {
        ctx.require(Access::Write)?;
        let key = key.to_owned();
        let saying = self.outgoing(ctx);
        self.db
            .write(move |tx| {
                let name = active(tx, id)?.name;
                if !store::delete_tag(tx, id, &key)? {
                    let error = format!("No tag with name: {key} in experiment with id {id}");
                    return Err(errors::tag_not_found(error));
                }
                tx.emit(saying.out(), &ExperimentTagged { experiment_id: id, name, key, value: None })
            })
            .await
    }
}

pub(super) fn create(tx: &mut Tx<'_>, saying: &Saying, new: NewExperiment, now_ms: i64) -> Result<Experiment> {
    if store::by_name(tx, &new.name)?.is_some() {
        return Err(errors::experiment_exists(&new.name));
    }
    let id = next_number(tx, "experiment")?;
    let artifact_uri = new.artifact_uri.unwrap_or_else(|| format!("{ARTIFACT_SCHEME}{id}"));
    let experiment = Experiment {
        id,
        name: new.name,
        artifact_uri: artifact_uri.trim_end_matches('/').to_owned(),
        lifecycle: Lifecycle::Active,
        created_ms: now_ms,
        updated_ms: now_ms,
        tags: new.tags,
    };
    store::insert(tx, &experiment)?;
    tx.emit(saying.out(), &ExperimentCreated { experiment_id: id, name: experiment.name.clone() })?;
    Ok(experiment)
}

/// Deletes or restores an experiment with its runs.
pub(super) fn set_lifecycle(
    tx: &mut Tx<'_>,
    saying: &Saying,
    experiment: Experiment,
    lifecycle: Lifecycle,
    now_ms: i64,
) -> Result<()> {
    let (experiment_id, name) = (experiment.id, experiment.name);
    store::set_lifecycle(tx, experiment_id, lifecycle, now_ms)?;
    match lifecycle {
        Lifecycle::Deleted => tx.emit(saying.out(), &ExperimentDeleted { experiment_id, name }),
        Lifecycle::Active => tx.emit(saying.out(), &ExperimentRestored { experiment_id, name }),
    }
}

/// The experiment, deleted or not.
pub(super) fn existing(tx: &mut Tx<'_>, id: i64) -> Result<Experiment> {
    store::by_id(tx, id)?.ok_or_else(|| errors::experiment_not_found(id))
}

/// The experiment, if it may be written to.
pub(super) fn active(tx: &mut Tx<'_>, id: i64) -> Result<Experiment> {
    let found = store::by_id(tx, id)?.ok_or_else(|| errors::experiment_not_found(id))?;
    if found.lifecycle == Lifecycle::Deleted {
        return Err(errors::experiment_not_active(id));
    }
    Ok(found)
}

pub(super) fn filled(tx: &mut Tx<'_>, id: i64) -> Result<Experiment> {
    let mut found = [store::by_id(tx, id)?.ok_or_else(|| errors::experiment_not_found(id))?];
    store::with_tags(tx, &mut found)?;
    let [experiment] = found;
    Ok(experiment)
}
