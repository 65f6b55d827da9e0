//! Runs: searched, counted, one by one.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use pitcrew_contracts::tracking::{PIPELINE_RUN_TAG, PIPELINE_STEP_TAG};
use pitcrew_kernel::{Ctx, Error, Page, PageRequest, Timestamp};
use pitcrew_web::{Answer, Caller, Json, Query};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fields::Fields;
use super::{PointView, Service};
use crate::filter::Grammar;
use crate::model::{Columns, PARENT_RUN_TAG, Run, View};
use crate::service::{RunSearch, Tracking, experiment_id};

#[derive(Debug, Serialize)]
pub(super) struct RunView {
    run_id: String,
    experiment_id: String,
    experiment: String,
    name: String,
    status: &'static str,
    lifecycle: &'static str,
    started_at: Timestamp,
    ended_at: Option<Timestamp>,
    user: String,
    artifact_uri: String,
    params: BTreeMap<String, String>,
    metrics: BTreeMap<String, PointView>,
    tags: BTreeMap<String, String>,
    parent_run_id: Option<String>,
    pipeline_run: Option<PipelineRunView>,
}

#[derive(Debug, Serialize)]
pub(super) struct PipelineRunView {
    id: String,
    step: Option<String>,
}

impl RunView {
    pub(super) fn new(run: Run, experiment: String) -> Self {
        let tag = |name: &str| run.tags.get(name).cloned();
        Self {
            experiment_id: run.info.experiment_id.to_string(),
            experiment,
            status: run.info.status.as_str(),
            lifecycle: run.info.lifecycle.as_str(),
            started_at: Timestamp::from_millis(run.info.start_ms),
            ended_at: run.info.end_ms.map(Timestamp::from_millis),
            parent_run_id: tag(PARENT_RUN_TAG),
            pipeline_run: tag(PIPELINE_RUN_TAG).map(|id| PipelineRunView { id, step: tag(PIPELINE_STEP_TAG) }),
            metrics: run.metrics.iter().map(|metric| (metric.key.clone(), metric.into())).collect(),
            run_id: run.info.run_id,
            name: run.info.name,
            user: run.info.user_id,
            artifact_uri: run.info.artifact_uri,
            params: run.params,
            tags: run.tags,
        }
    }
}

impl RunView {
    /// Leaves out all tags but these.
    pub(super) fn keep_tags(&mut self, keys: &std::collections::BTreeSet<String>) {
        self.tags.retain(|key, _| keys.contains(key));
    }
}

/// The parameters of a search: each may come more than once where a list makes sense.
#[derive(Debug, Default)]
struct RunsQuery {
    experiments: Vec<String>,
    ids: Vec<i64>,
    filter: String,
    order_by: Vec<String>,
    fields: Vec<String>,
    view: View,
    page: PageRequest,
}

impl RunsQuery {
    fn read(pairs: Vec<(String, String)>) -> Result<Self, Error> {
        let mut query = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "experiment" => query.experiments.push(value),
                "experiment_id" => query.ids.push(experiment_id(&value)?),
                "filter" => query.filter = value,
                "order_by" => query.order_by.extend(listed(&value)),
                "fields" => query.fields.extend(listed(&value)),
                "view" => query.view = view_named(&value)?,
                "limit" => query.page.limit = Some(value.parse().map_err(|_| wrong("`limit` must be a number"))?),
                "page" => query.page.page = Some(value),
                _ => {}
            }
        }
        Ok(query)
    }

    /// The search they ask for, in experiments that exist.
    async fn search(self, service: &Tracking, ctx: &Ctx) -> Result<RunSearch, Error> {
        let experiments = if self.experiments.is_empty() && self.ids.is_empty() {
            None
        } else {
            Some(service.experiments_called(ctx, self.experiments, self.ids).await?)
        };
        Ok(RunSearch {
            experiments,
            filter: self.filter,
            grammar: Grammar::Full,
            order_by: self.order_by,
            view: self.view,
            limit: self.page.limit()?,
            page: self.page.page,
            ..RunSearch::default()
        })
    }
}

/// Terms separated by commas.
fn listed(value: &str) -> impl Iterator<Item = String> {
    value.split(',').map(str::trim).filter(|term| !term.is_empty()).map(ToOwned::to_owned)
}

fn view_named(name: &str) -> Result<View, Error> {
    match name {
        "active" => Ok(View::Active),
        "deleted" => Ok(View::Deleted),
        "all" => Ok(View::All),
        _ => Err(wrong("`view` must be `active`, `deleted` or `all`")),
    }
}

pub(super) fn wrong(detail: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::invalid("QUERY_INVALID", detail)
}

/// A run as a whole, or the fields of it that were asked for.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Item {
    Whole(Box<RunView>),
    Part(Value),
}

pub(super) async fn search(
    State(service): Service,
    Caller(ctx): Caller,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Answer<Json<Page<Item>>> {
    let mut query = RunsQuery::read(pairs)?;
    let fields = Fields::read(&std::mem::take(&mut query.fields))?;
    let search = RunSearch { reads: fields.reads(), ..query.search(&service, &ctx).await? };
    let found = service.search_runs(&ctx, search).await?;
    let named = if fields.has("experiment") { found.items.as_slice() } else { &[] };
    let names = service.experiment_names(&ctx, named.iter().map(|run| run.info.experiment_id).collect()).await?;
    let item = |run: Run| {
        let name = names.get(&run.info.experiment_id).cloned().unwrap_or_default();
        fields.of(RunView::new(run, name))
    };
    Ok(Json(Page { items: found.items.into_iter().map(item).collect::<Result<_, _>>()?, next: found.next }))
}

#[derive(Debug, Serialize)]
pub(super) struct CountView {
    count: i64,
}

pub(super) async fn count(
    State(service): Service,
    Caller(ctx): Caller,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Answer<Json<CountView>> {
    let search = RunsQuery::read(pairs)?.search(&service, &ctx).await?;
    Ok(Json(CountView { count: service.count_runs(&ctx, search).await? }))
}

pub(super) async fn one(
    State(service): Service,
    Caller(ctx): Caller,
    Path(run_id): Path<String>,
) -> Answer<Json<RunView>> {
    let run = service.run(&ctx, &run_id).await?;
    let experiment = service.experiment(&ctx, run.info.experiment_id).await?;
    Ok(Json(RunView::new(run, experiment.name)))
}

#[derive(Debug, Deserialize)]
pub(super) struct ColumnsQuery {
    #[serde(default)]
    prefix: String,
}

#[derive(Debug, Serialize)]
pub(super) struct ColumnsView {
    metrics: Vec<String>,
    params: Vec<String>,
    tags: Vec<String>,
    truncated: TruncatedView,
}

#[derive(Debug, Serialize)]
struct TruncatedView {
    metrics: bool,
    params: bool,
    tags: bool,
}

impl From<Columns> for ColumnsView {
    fn from(columns: Columns) -> Self {
        let Columns { metrics, params, tags } = columns;
        let truncated = TruncatedView { metrics: metrics.truncated, params: params.truncated, tags: tags.truncated };
        Self { metrics: metrics.keys, params: params.keys, tags: tags.keys, truncated }
    }
}

pub(super) async fn columns(
    State(service): Service,
    Caller(ctx): Caller,
    Path(id): Path<String>,
    Query(query): Query<ColumnsQuery>,
) -> Answer<Json<ColumnsView>> {
    Ok(Json(service.columns(&ctx, experiment_id(&id)?, &query.prefix).await?.into()))
}
