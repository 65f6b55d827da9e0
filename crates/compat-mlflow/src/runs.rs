//! `/runs/...`: begun, read, changed, searched.

use axum::extract::State;
use pitcrew_tracking::{NewRun, RunChange, RunSearch, RunStatus, experiment_id, limits};
use pitcrew_web::{Answer, Caller, Json};

use crate::Door;
use crate::experiments::view;
use crate::wire::{Fields, Nothing, OfRun, OfRunInfo, OfRuns, RunView};

/// How many runs a search answers unless asked otherwise.
const RUNS_PER_PAGE: usize = 1_000;

pub(crate) async fn create(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<OfRun>> {
    let experiment = fields.text("experiment_id")?.filter(|id| !id.is_empty());
    let new = NewRun {
        experiment_id: experiment.map(|id| experiment_id(&id)).transpose()?,
        name: fields.text("run_name")?,
        user_id: fields.text_or_empty("user_id")?,
        start_ms: fields.int("start_time")?,
        tags: fields.pairs("tags")?,
    };
    Ok(Json(OfRun { run: door.tracking.create_run(&ctx, new).await?.into() }))
}

pub(crate) async fn get(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<OfRun>> {
    Ok(Json(OfRun { run: door.tracking.run(&ctx, &fields.run_id()?).await?.into() }))
}

pub(crate) async fn update(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<OfRunInfo>> {
    let change =
        RunChange { status: status(&fields)?, end_ms: fields.int("end_time")?, name: fields.text("run_name")? };
    Ok(Json(OfRunInfo { run_info: door.tracking.update_run(&ctx, &fields.run_id()?, change).await?.into() }))
}

/// A status by its name or its number.
fn status(fields: &Fields) -> Result<Option<RunStatus>, pitcrew_kernel::Error> {
    const NUMBERED: [&str; 5] = ["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"];
    if let Ok(text) = fields.text("status") {
        return text.map(|text| text.parse()).transpose();
    }
    let number = fields.int("status")?.and_then(|number| usize::try_from(number - 1).ok());
    number.and_then(|at| NUMBERED.get(at)).map(|name| name.parse()).transpose()
}

pub(crate) async fn delete(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<Nothing>> {
    door.tracking.delete_run(&ctx, &fields.required("run_id")?).await?;
    Ok(Json(Nothing {}))
}

pub(crate) async fn restore(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<Nothing>> {
    door.tracking.restore_run(&ctx, &fields.required("run_id")?).await?;
    Ok(Json(Nothing {}))
}

pub(crate) async fn search(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<OfRuns>> {
    let ids = fields.texts("experiment_ids")?;
    let search = RunSearch {
        experiments: Some(ids.iter().map(|id| experiment_id(id)).collect::<Result<_, _>>()?),
        filter: fields.text_or_empty("filter")?,
        order_by: fields.texts("order_by")?,
        view: view(&fields, "run_view_type")?,
        limit: fields.max_results(RUNS_PER_PAGE, limits::RUNS_PER_PAGE)?,
        page: fields.page_token()?,
        ..RunSearch::default()
    };
    let found = door.tracking.search_runs(&ctx, search).await?;
    Ok(Json(OfRuns { runs: found.items.into_iter().map(RunView::from).collect(), next_page_token: found.next }))
}
