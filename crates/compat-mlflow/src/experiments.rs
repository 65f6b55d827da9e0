//! `/experiments/...`.

use axum::extract::State;
use pitcrew_tracking::{ExperimentSearch, NewExperiment, View, experiment_id, limits};
use pitcrew_web::{Answer, Caller, Json};

use crate::Door;
use crate::wire::{
    ExperimentView, Fields, Nothing, OfDatasetSummaries, OfExperiment, OfExperimentId, OfExperiments, wrong,
};

/// Experiments whose data sets one call may ask for.
const EXPERIMENTS_PER_CALL: usize = 20;

pub(crate) async fn create(
    State(door): State<Door>,
    Caller(ctx): Caller,
    fields: Fields,
) -> Answer<Json<OfExperimentId>> {
    let new = NewExperiment {
        name: fields.required("name")?,
        artifact_uri: fields.text("artifact_location")?.filter(|uri| !uri.is_empty()),
        tags: fields.pairs("tags")?.into_iter().collect(),
    };
    let made = door.tracking.create_experiment(&ctx, new).await?;
    Ok(Json(OfExperimentId { experiment_id: made.id.to_string() }))
}

pub(crate) async fn get(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<OfExperiment>> {
    let id = experiment_id(&fields.required("experiment_id")?)?;
    Ok(Json(OfExperiment { experiment: door.tracking.experiment(&ctx, id).await?.into() }))
}

pub(crate) async fn get_by_name(
    State(door): State<Door>,
    Caller(ctx): Caller,
    fields: Fields,
) -> Answer<Json<OfExperiment>> {
    let name = fields.required("experiment_name")?;
    Ok(Json(OfExperiment { experiment: door.tracking.experiment_by_name(&ctx, &name).await?.into() }))
}

pub(crate) async fn search(
    State(door): State<Door>,
    Caller(ctx): Caller,
    fields: Fields,
) -> Answer<Json<OfExperiments>> {
    let search = ExperimentSearch {
        filter: fields.text_or_empty("filter")?,
        order_by: fields.texts("order_by")?,
        view: view(&fields, "view_type")?,
        limit: fields.max_results(0, limits::EXPERIMENTS_PER_PAGE)?,
        page: fields.page_token()?,
    };
    if search.limit == 0 {
        return Err(wrong(
            "Invalid value 0 for parameter 'max_results' supplied. It must be a positive integer".to_owned(),
        )
        .into());
    }
    let found = door.tracking.search_experiments(&ctx, search).await?;
    Ok(Json(OfExperiments {
        experiments: found.items.into_iter().map(ExperimentView::from).collect(),
        next_page_token: found.next,
    }))
}

/// A view by its name or its number.
pub(crate) fn view(fields: &Fields, name: &str) -> Result<View, pitcrew_kernel::Error> {
    let text = match fields.text(name) {
        Ok(text) => text,
        Err(_) => fields.int(name)?.map(|number| number.to_string()),
    };
    match text.as_deref() {
        None | Some("ACTIVE_ONLY" | "1") => Ok(View::Active),
        Some("DELETED_ONLY" | "2") => Ok(View::Deleted),
        Some("ALL" | "3") => Ok(View::All),
        Some(other) => Err(wrong(format!("Invalid value \"{other}\" for parameter '{name}' supplied."))),
    }
}

pub(crate) async fn update(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<Nothing>> {
    let id = experiment_id(&fields.required("experiment_id")?)?;
    door.tracking.rename_experiment(&ctx, id, &fields.required("new_name")?).await?;
    Ok(Json(Nothing {}))
}

pub(crate) async fn delete(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<Nothing>> {
    let id = experiment_id(&fields.required("experiment_id")?)?;
    door.tracking.delete_experiment(&ctx, id).await?;
    Ok(Json(Nothing {}))
}

pub(crate) async fn restore(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<Nothing>> {
    let id = experiment_id(&fields.required("experiment_id")?)?;
    door.tracking.restore_experiment(&ctx, id).await?;
    Ok(Json(Nothing {}))
}

pub(crate) async fn set_tag(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<Nothing>> {
    let id = experiment_id(&fields.required("experiment_id")?)?;
    let (key, value) = (fields.required("key")?, fields.text_or_empty("value")?);
    door.tracking.set_experiment_tag(&ctx, id, &key, &value).await?;
    Ok(Json(Nothing {}))
}

pub(crate) async fn delete_tag(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<Nothing>> {
    let id = experiment_id(&fields.required("experiment_id")?)?;
    door.tracking.delete_experiment_tag(&ctx, id, &fields.required("key")?).await?;
    Ok(Json(Nothing {}))
}

pub(crate) async fn search_datasets(
    State(door): State<Door>,
    Caller(ctx): Caller,
    fields: Fields,
) -> Answer<Json<OfDatasetSummaries>> {
    let ids = fields.texts("experiment_ids")?;
    if ids.is_empty() {
        return Err(wrong("SearchDatasets request must specify at least one experiment_id.".to_owned()).into());
    }
    if ids.len() > EXPERIMENTS_PER_CALL {
        return Err(wrong(format!(
            "SearchDatasets request cannot specify more than {EXPERIMENTS_PER_CALL} experiment_ids. Received {} experiment_ids.",
            ids.len()
        ))
        .into());
    }
    let ids = ids.iter().map(|id| experiment_id(id)).collect::<Result<Vec<i64>, _>>()?;
    let found = door.tracking.dataset_summaries(&ctx, ids).await?;
    Ok(Json(OfDatasetSummaries {
        dataset_summaries: found.into_iter().map(Into::into).collect(),
        next_page_token: None,
    }))
}
