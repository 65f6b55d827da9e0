//! `/logged-models/...`.

use axum::extract::State;
use pitcrew_kernel::Error;
use pitcrew_tracking::filter::models::{OnDataset, parse_term};
use pitcrew_tracking::{ArtifactPath, ModelSearch, ModelStatus, NewModel, experiment_id, limits};
use pitcrew_web::{Answer, Caller, Json, Path};

use crate::Door;
use crate::artifacts::files_below;
use crate::wire::{Fields, Nothing, OfFiles, OfLoggedModel, OfLoggedModels, wrong};

/// How many models a search answers unless asked otherwise.
const MODELS_PER_PAGE: usize = 50;

pub(crate) async fn create(
    State(door): State<Door>,
    Caller(ctx): Caller,
    fields: Fields,
) -> Answer<Json<OfLoggedModel>> {
    let new = NewModel {
        experiment_id: experiment_id(&fields.required("experiment_id")?)?,
        name: fields.text("name")?.filter(|name| !name.is_empty()),
        model_type: fields.text_or_empty("model_type")?,
        source_run_id: fields.text_or_empty("source_run_id")?,
        params: fields.pairs("params")?.into_iter().collect(),
        tags: fields.pairs("tags")?.into_iter().collect(),
    };
    Ok(Json(OfLoggedModel { model: door.tracking.create_model(&ctx, new).await?.into() }))
}

pub(crate) async fn get(
    State(door): State<Door>,
    Caller(ctx): Caller,
    Path(model_id): Path<String>,
    fields: Fields,
) -> Answer<Json<OfLoggedModel>> {
    let deleted_too = fields.flag("allow_deleted")?.unwrap_or(false);
    Ok(Json(OfLoggedModel { model: door.tracking.model(&ctx, &model_id, deleted_too).await?.into() }))
}

pub(crate) async fn finalize(
    State(door): State<Door>,
    Caller(ctx): Caller,
    Path(model_id): Path<String>,
    fields: Fields,
) -> Answer<Json<OfLoggedModel>> {
    let status = status(&fields)?;
    Ok(Json(OfLoggedModel { model: door.tracking.finalize_model(&ctx, &model_id, status).await?.into() }))
}

/// A status by its name or its number.
fn status(fields: &Fields) -> Result<ModelStatus, Error> {
    if let Ok(name) = fields.required("status") {
        return name.parse();
    }
    match fields.required_int("status")? {
        1 => Ok(ModelStatus::Pending),
        2 => Ok(ModelStatus::Ready),
        3 => Ok(ModelStatus::UploadFailed),
        other => Err(wrong(format!("Invalid value {other} for parameter 'status' supplied."))),
    }
}

pub(crate) async fn delete(
    State(door): State<Door>,
    Caller(ctx): Caller,
    Path(model_id): Path<String>,
) -> Answer<Json<Nothing>> {
    door.tracking.delete_model(&ctx, &model_id).await?;
    Ok(Json(Nothing {}))
}

pub(crate) async fn set_tags(
    State(door): State<Door>,
    Caller(ctx): Caller,
    Path(model_id): Path<String>,
    fields: Fields,
) -> Answer<Json<Nothing>> {
    door.tracking.set_model_tags(&ctx, &model_id, fields.pairs("tags")?.into_iter().collect()).await?;
    Ok(Json(Nothing {}))
}

pub(crate) async fn delete_tag(
    State(door): State<Door>,
    Caller(ctx): Caller,
    Path((model_id, key)): Path<(String, String)>,
) -> Answer<Json<Nothing>> {
    door.tracking.delete_model_tag(&ctx, &model_id, &key).await?;
    Ok(Json(Nothing {}))
}

pub(crate) async fn log_params(
    State(door): State<Door>,
    Caller(ctx): Caller,
    Path(model_id): Path<String>,
    fields: Fields,
) -> Answer<Json<Nothing>> {
    door.tracking.log_model_params(&ctx, &model_id, fields.pairs("params")?.into_iter().collect()).await?;
    Ok(Json(Nothing {}))
}

pub(crate) async fn search(
    State(door): State<Door>,
    Caller(ctx): Caller,
    fields: Fields,
) -> Answer<Json<OfLoggedModels>> {
    let ids = fields.texts("experiment_ids")?;
    let mut order = Vec::new();
    for (_, term) in fields.objects("order_by")? {
        let ascending = term.flag("ascending")?.unwrap_or(true);
        order.push(parse_term(&term.required("field_name")?, ascending, on_dataset(&term)?)?);
    }
    let mut datasets = Vec::new();
    for (_, dataset) in fields.objects("datasets")? {
        datasets.push(
            on_dataset(&dataset)?
                .ok_or_else(|| wrong("`dataset_name` in the `datasets` clause must be specified.".to_owned()))?,
        );
    }
    let search = ModelSearch {
        experiments: ids.iter().map(|id| experiment_id(id)).collect::<Result<_, _>>()?,
        filter: fields.text_or_empty("filter")?,
        datasets,
        order,
        limit: fields.max_results(MODELS_PER_PAGE, limits::MODELS_PER_PAGE)?,
        page: fields.page_token()?,
    };
    let found = door.tracking.search_models(&ctx, search).await?;
    Ok(Json(OfLoggedModels { models: found.items.into_iter().map(Into::into).collect(), next_page_token: found.next }))
}

fn on_dataset(fields: &Fields) -> Result<Option<OnDataset>, Error> {
    let some = |name: &str| Ok::<_, Error>(fields.text(name)?.filter(|text| !text.is_empty()));
    let digest = some("dataset_digest")?;
    Ok(some("dataset_name")?.map(|name| OnDataset { name, digest }))
}

pub(crate) async fn list_artifacts(
    State(door): State<Door>,
    Caller(ctx): Caller,
    Path(model_id): Path<String>,
    fields: Fields,
) -> Answer<Json<OfFiles>> {
    let model = door.tracking.model(&ctx, &model_id, false).await?;
    let below: ArtifactPath = fields.text_or_empty("artifact_directory_path")?.parse()?;
    let files = files_below(&door, &ctx, &model.artifact_uri, &below).await?;
    Ok(Json(OfFiles { root_uri: Some(model.artifact_uri), files }))
}
