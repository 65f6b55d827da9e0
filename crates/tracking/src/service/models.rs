//! Logged models.

use pitcrew_contracts::tracking::{LoggedModelCreated, LoggedModelDeleted, LoggedModelFinalized, LoggedModelTagged};
use pitcrew_db::Tx;
use pitcrew_kernel::{Access, Ctx, Page, Result};

use super::Tracking;
use crate::errors;
use crate::filter::models::{OnDataset, OrderTerm, check_terms, parse};
use crate::limits::MODELS_PER_PAGE;
use crate::model::{Entries, Lifecycle, LoggedModel, ModelStatus};
use crate::run_name;
use crate::store::models as store;
use crate::store::sql;
use crate::validate;

/// What a new logged model begins with.
#[derive(Debug, Clone, Default)]
pub struct NewModel {
    /// Its experiment.
    pub experiment_id: i64,
    /// Its name; one is made up when absent.
    pub name: Option<String>,
    /// What kind of model; empty when not said.
    pub model_type: String,
    /// The run that makes it; empty when none.
    pub source_run_id: String,
    /// Its params.
    pub params: Entries,
    /// Its tags.
    pub tags: Entries,
}

/// What logged models are searched by.
#[derive(Debug, Clone, Default)]
pub struct ModelSearch {
    /// In which experiments; none finds nothing.
    pub experiments: Vec<i64>,
    /// Comparisons joined by AND.
    pub filter: String,
    /// Metrics count only when measured on one of these.
    pub datasets: Vec<OnDataset>,
    /// Terms of the order; newest first when empty.
    pub order: Vec<OrderTerm>,
    /// How many; at most [`MODELS_PER_PAGE`].
    pub limit: usize,
    /// The `next` of the page before.
    pub page: Option<String>,
}

impl Tracking {
    /// Makes a logged model that waits for its files.
    ///
    /// # Errors
    /// `EXPERIMENT_NOT_FOUND`, `EXPERIMENT_DELETED`, `TRACKING_VALUE_INVALID`.
    pub async fn create_model(&self, ctx: &Ctx, new: NewModel) -> Result<LoggedModel> {
        ctx.require(Access::Write)?;
        new.name.iter().try_for_each(|name| validate::model_name(name))?;
        validate::run_text("model_type", &new.model_type)?;
        validate::run_text("source_run_id", &new.source_run_id)?;
        validate::model_entries("params", &new.params)?;
        validate::model_entries("tags", &new.tags)?;
        let model_id = format!("m-{}", self.hex_id());
        let made_up = run_name::from_random(self.ids.random_bytes());
        let now_ms = self.now_ms();
        let saying = self.outgoing(ctx);
        self.db
            .write(move |tx| {
                let experiment = super::experiments::active(tx, new.experiment_id)?;
                let model = LoggedModel {
                    artifact_uri: format!("{}/models/{model_id}/artifacts", experiment.artifact_uri),
                    model_id,
                    experiment_id: experiment.id,
                    name: new.name.unwrap_or(made_up),
                    model_type: new.model_type,
                    status: ModelStatus::Pending,
                    source_run_id: new.source_run_id,
                    lifecycle: Lifecycle::Active,
                    created_ms: now_ms,
                    updated_ms: now_ms,
                    params: new.params,
                    tags: new.tags,
                    metrics: Vec::new(),
                };
                store::insert(tx, &model)?;
                let made = LoggedModelCreated {
                    model_id: model.model_id.clone(),
                    name: model.name.clone(),
                    experiment_id: model.experiment_id,
                };
                tx.emit(saying.out(), &made)?;
                Ok(model)
            })
            .await
    }

    /// One logged model; a deleted one only when `deleted_too`.
    ///
    /// # Errors
    /// `LOGGED_MODEL_NOT_FOUND`.
    pub async fn model(&self, ctx: &Ctx, model_id: &str, deleted_too: bool) -> Result<LoggedModel> {
        ctx.require(Access::Read)?;
        let model_id = model_id.to_owned();
        self.db
            .read(move |tx| {
                store::by_id(tx, &model_id)?
                    .filter(|model| deleted_too || model.lifecycle == Lifecycle::Active)
                    .ok_or_else(|| errors::model_not_found(&model_id))
            })
            .await
    }

    /// Says how far a logged model is.
    ///
    /// # Errors
    /// `LOGGED_MODEL_NOT_FOUND`.
    pub async fn finalize_model(&self, ctx: &Ctx, model_id: &str, status: ModelStatus) -> Result<LoggedModel> {
        let (now_ms, saying) = (self.now_ms(), self.outgoing(ctx));
        self.change_model(ctx, model_id, move |tx, model| {
            store::set_status(tx, &model.model_id, status, now_ms)?;
            let status = status.as_str().to_owned();
            let finalized = LoggedModelFinalized { model_id: model.model_id, name: model.name, status };
            tx.emit(saying.out(), &finalized)
        })
        .await
    }

    /// Deletes a logged model.
    ///
    /// # Errors
    /// `LOGGED_MODEL_NOT_FOUND`.
    pub async fn delete_model(&self, ctx: &Ctx, model_id: &str) -> Result<()> {
        let (now_ms, saying) = (self.now_ms(), self.outgoing(ctx));
        self.change_model(ctx, model_id, move |tx, model| {
            store::delete(tx, &model.model_id, now_ms)?;
            tx.emit(saying.out(), &LoggedModelDeleted { model_id: model.model_id, name: model.name })
        })
        .await
        .map(drop)
    }

    /// Adds params to a logged model.
    ///
    /// # Errors
    /// `LOGGED_MODEL_NOT_FOUND`, `TRACKING_VALUE_INVALID`.
    pub async fn log_model_params(&self, ctx: &Ctx, model_id: &str, params: Entries) -> Result<LoggedModel> {
        validate::model_entries("params", &params)?;
        // Params are logged data: they state no event, as those of runs.
        self.change_model(ctx, model_id, move |tx, model| store::set_params(tx, &model.model_id, &params)).await
    }

    /// Sets tags of a logged model.
    ///
    /// # Errors
    /// `LOGGED_MODEL_NOT_FOUND`, `TRACKING_VALUE_INVALID`.
    pub async fn set_model_tags(&self, ctx: &Ctx, model_id: &str, tags: Entries) -> Result<LoggedModel> {
        validate::model_entries("tags", &tags)?;
        let saying = self.outgoing(ctx);
        self.change_model(ctx, model_id, move |tx, model| {
            if tags.is_empty() {
                return Ok(());
            }
            store::set_tags(tx, &model.model_id, &tags)?;
            let keys = tags.into_keys().collect();
            let tagged = LoggedModelTagged { model_id: model.model_id, name: model.name, keys, removed: false };
            tx.emit(saying.out(), &tagged)
        })
        .await
    }

    /// Removes a tag of a logged model.
    ///
    /// # Errors
    /// `LOGGED_MODEL_NOT_FOUND`, `TAG_NOT_FOUND`.
    pub async fn delete_model_tag(&self, ctx: &Ctx, model_id: &str, key: &str) -> Result<()> {
        let (key, saying) = (key.to_owned(), self.outgoing(ctx));
        let remove = move |tx: &mut Tx<'_>, LoggedModel { model_id, name, .. }: LoggedModel| {
            if !store::delete_tag(tx, &model_id, &key)? {
                let error = format!("No tag with key '{key}' found for model with ID '{model_id}'.");
                return Err(errors::tag_not_found(error));
            }
            tx.emit(saying.out(), &LoggedModelTagged { model_id, name, keys: vec![key], removed: true })
        };
        self.change_model(ctx, model_id, remove).await.map(drop)
    }

    async fn change_model(
        &self,
        ctx: &Ctx,
        model_id: &str,
        change: impl FnOnce(&mut Tx<'_>, LoggedModel) -> Result<()> + Send + 'static,
    ) -> Result<LoggedModel> {
        ctx.require(Access::Write)?;
        let model_id = model_id.to_owned();
        self.db
            .write(move |tx| {
                let found = store::bare(tx, &model_id)?.ok_or_else(|| errors::model_not_found(&model_id))?;
                change(tx, found)?;
                store::by_id(tx, &model_id)?.ok_or_else(|| errors::model_not_found(&model_id))
            })
            .await
    }

    /// One page of logged models in use.
    ///
    /// # Errors
    /// `FILTER_INVALID`, `ORDER_BY_INVALID`, `PAGE_INVALID`, `TRACKING_VALUE_INVALID`.
    pub async fn search_models(&self, ctx: &Ctx, search: ModelSearch) -> Result<Page<LoggedModel>> {
        ctx.require(Access::Read)?;
        let limit = super::search::checked_limit(search.limit, MODELS_PER_PAGE)?;
        let clauses = parse(&search.filter)?;
        check_terms(&search.order)?;
        let terms = format!("{:?}{:?}", search.order, search.datasets);
        let after = search.page.as_deref().map(|token| sql::keys_of(&terms, token)).transpose()?;
        let experiments = super::search::checked_experiments(search.experiments)?;
        if experiments.is_empty() {
            return Ok(Page::all(Vec::new()));
        }
        let found = self
            .db
            .read(move |tx| {
                let query = store::Query {
                    experiments: &experiments,
                    clauses: &clauses,
                    datasets: &search.datasets,
                    terms: &search.order,
                    after,
                    limit: limit + 1,
                };
                store::search(tx, query)
            })
            .await?;
        super::search::page(found, limit, &terms)
    }
}
