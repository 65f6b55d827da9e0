//! Logged models.

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
        let now_ms = self.now_ms();
        self.change_model(ctx, model_id, move |tx, id| store::set_status(tx, id, status, now_ms)).await
    }

    /// Deletes a logged model.
    ///
    /// # Errors
    /// `LOGGED_MODEL_NOT_FOUND`.
    pub async fn delete_model(&self, ctx: &Ctx, model_id: &str) -> Result<()> {
        let now_ms = self.now_ms();
        self.change_model(ctx, model_id, move |tx, id| store::delete(tx, id, now_ms)).await.map(drop)
    }

    /// Adds params to a logged model.
    ///
    /// # Errors
    /// `LOGGED_MODEL_NOT_FOUND`, `TRACKING_VALUE_INVALID`.
    pub async fn log_model_params(&self, ctx: &Ctx, model_id: &str, params: Entries) -> Result<LoggedModel> {
        validate::model_entries("params", &params)?;
        self.change_model(ctx, model_id, move |tx, id| store::set_params(tx, id, &params)).await
    }

    /// Sets tags of a logged model.
    ///
    /// # Errors
    /// `LOGGED_MODEL_NOT_FOUND`, `TRACKING_VALUE_INVALID`.
    pub async fn set_model_tags(&self, ctx: &Ctx, model_id: &str, tags: Entries) -> Result<LoggedModel> {
        validate::model_entries("tags", &tags)?;
        self.change_model(ctx, model_id, move |tx, id| store::set_tags(tx, id, &tags)).await
    }

    /// Removes a tag of a logged model.
    ///
    /// # Errors
    /// `LOGGED_MODEL_NOT_FOUND`, `TAG_NOT_FOUND`.
    pub async fn delete_model_tag(&self, ctx: &Ctx, model_id: &str, key: &str) -> Result<()> {
        let key = key.to_owned();
        let remove = move |tx: &mut Tx<'_>, id: &str| {
            if store::delete_tag(tx, id, &key)? {
                return Ok(());
            }
            Err(errors::tag_not_found(format!("No tag with key '{key}' found for model with ID '{id}'.")))
        };
        self.change_model(ctx, model_id, remove).await.map(drop)
    }

    async fn change_model(
        &self,
        ctx: &Ctx,
        model_id: &str,
        change: impl FnOnce(&mut Tx<'_>, &str) -> Result<()> + Send + 'static,
    ) -> Result<LoggedModel> {
        ctx.require(Access::Write)?;
        let model_id = model_id.to_owned();
        self.db
            .write(move |tx| {
                if !store::exists(tx, &model_id)? {
                    return Err(errors::model_not_found(&model_id));
                }
                change(tx, &model_id)?;
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
