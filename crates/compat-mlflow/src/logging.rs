//! What runs log: `/runs/log-metric`, `/runs/log-batch` and their like; and what was logged, `/metrics/...`.

use axum::extract::State;
use pitcrew_kernel::{Error, Kind};
use pitcrew_tracking::{Batch, Dataset, DatasetInput, Metric, ModelOutput, limits};
use pitcrew_web::{Answer, Caller, Json};

use crate::Door;
use crate::wire::{Fields, MetricView, Nothing, OfAllMetrics, OfMetrics, at, wrong};

/// Runs whose histories one call may ask for.
const RUNS_PER_CALL: usize = 100;
/// Points of all these histories together.
const POINTS_PER_CHART: usize = 25_000;
/// What a description of a model in a run must tell.
const MODEL_FIELDS: [&str; 4] = ["artifact_path", "flavors", "run_id", "utc_time_created"];

fn metric(fields: &Fields) -> Result<Metric, Error> {
    let some = |name: &str| Ok::<_, Error>(fields.text(name)?.filter(|text| !text.is_empty()));
    Ok(Metric {
        model_id: some("model_id")?,
        dataset_name: some("dataset_name")?,
        dataset_digest: some("dataset_digest")?,
        ..Metric::new(
            fields.required("key")?,
            fields.required_double("value")?,
            fields.required_int("timestamp")?,
            fields.int("step")?.unwrap_or(0),
        )
    })
}

pub(crate) async fn log_metric(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<Nothing>> {
    door.tracking.log_metric(&ctx, &fields.run_id()?, metric(&fields)?).await?;
    Ok(Json(Nothing {}))
}

pub(crate) async fn log_batch(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<Nothing>> {
    let run_id = fields.required("run_id")?;
    let metrics = fields
        .objects("metrics")?
        .iter()
        .map(|(path, fields)| metric(fields).map_err(|error| at(error, path)))
        .collect::<Result<_, _>>()?;
    let batch = Batch { metrics, params: fields.pairs("params")?, tags: fields.pairs("tags")? };
    door.tracking.log_batch(&ctx, &run_id, batch).await?;
    Ok(Json(Nothing {}))
}

pub(crate) async fn log_param(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<Nothing>> {
    let run_id = fields.run_id()?;
    let (key, value) = (fields.required("key")?, fields.text_or_empty("value")?);
    door.tracking.log_param(&ctx, &run_id, &key, &value).await?;
    Ok(Json(Nothing {}))
}

pub(crate) async fn set_tag(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<Nothing>> {
    let run_id = fields.run_id()?;
    let (key, value) = (fields.required("key")?, fields.text_or_empty("value")?);
    door.tracking.set_tag(&ctx, &run_id, &key, &value).await?;
    Ok(Json(Nothing {}))
}

pub(crate) async fn delete_tag(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<Nothing>> {
    door.tracking.delete_tag(&ctx, &fields.run_id()?, &fields.required("key")?).await?;
    Ok(Json(Nothing {}))
}

pub(crate) async fn log_inputs(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<Nothing>> {
    let run_id = fields.required("run_id")?;
    let datasets = fields
        .objects("datasets")?
        .iter()
        .map(|(path, input)| dataset_input(input).map_err(|error| at(error, path)))
        .collect::<Result<_, _>>()?;
    let models = fields
        .objects("models")?
        .iter()
        .map(|(path, model)| model.required("model_id").map_err(|error| at(error, path)))
        .collect::<Result<_, _>>()?;
    door.tracking.log_inputs(&ctx, &run_id, datasets, models).await?;
    Ok(Json(Nothing {}))
}

fn dataset_input(input: &Fields) -> Result<DatasetInput, Error> {
    let dataset = input
        .object("dataset")?
        .ok_or_else(|| wrong("Dataset input must have a dataset associated with it.".to_owned()))?;
    Ok(DatasetInput {
        dataset: Dataset {
            name: dataset.required("name")?,
            digest: dataset.required("digest")?,
            source_type: dataset.text_or_empty("source_type")?,
            source: dataset.text_or_empty("source")?,
            schema: dataset.text("schema")?,
            profile: dataset.text("profile")?,
        },
        tags: input.pairs("tags")?.into_iter().collect(),
    })
}

pub(crate) async fn log_outputs(
    State(door): State<Door>,
    Caller(ctx): Caller,
    fields: Fields,
) -> Answer<Json<Nothing>> {
    let run_id = fields.required("run_id")?;
    let output = |model: &Fields| {
        Ok::<_, Error>(ModelOutput { model_id: model.required("model_id")?, step: model.int("step")?.unwrap_or(0) })
    };
    let models = fields
        .objects("models")?
        .iter()
        .map(|(path, model)| output(model).map_err(|error| at(error, path)))
        .collect::<Result<_, _>>()?;
    door.tracking.log_outputs(&ctx, &run_id, models).await?;
    Ok(Json(Nothing {}))
}

/// How clients before logged models note a model.
pub(crate) async fn log_model(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<Nothing>> {
    let run_id = fields.required("run_id")?;
    let text = fields.required("model_json")?;
    let model: serde_json::Value = serde_json::from_str(&text)
        .map_err(|_| wrong(format!("Malformed model info. \n {text} \n is not a valid JSON.")))?;
    let missing: Vec<&str> = MODEL_FIELDS.into_iter().filter(|field| model.get(field).is_none()).collect();
    if !missing.is_empty() {
        return Err(wrong(format!("Model json is missing mandatory fields: {missing:?}")).into());
    }
    door.tracking.log_model(&ctx, &run_id, model).await?;
    Ok(Json(Nothing {}))
}

pub(crate) async fn history(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<OfMetrics>> {
    let (run_id, key) = (fields.run_id()?, fields.required("metric_key")?);
    let limit = match fields.int("max_results")? {
        None => None,
        Some(_) => Some(fields.max_results(1, limits::POINTS_PER_REPLY)?),
    };
    let page = fields.page_token()?;
    let found = door.tracking.metric_history(&ctx, &run_id, &key, limit, page.as_deref()).await?;
    Ok(Json(OfMetrics {
        metrics: found.items.into_iter().map(MetricView::from).collect(),
        next_page_token: found.next,
    }))
}

/// Histories of several runs, one after the other: for charts of browsers.
pub(crate) async fn histories(
    State(door): State<Door>,
    Caller(ctx): Caller,
    fields: Fields,
) -> Answer<Json<OfAllMetrics>> {
    let run_ids = fields.texts("run_id")?;
    if run_ids.is_empty() {
        return Err(wrong("GetMetricHistoryBulk request must specify at least one run_id.".to_owned()).into());
    }
    if run_ids.len() > RUNS_PER_CALL {
        return Err(wrong(format!(
            "GetMetricHistoryBulk request cannot specify more than {RUNS_PER_CALL} run_ids. Received {} run_ids.",
            run_ids.len()
        ))
        .into());
    }
    let key = fields
        .text("metric_key")?
        .ok_or_else(|| wrong("GetMetricHistoryBulk request must specify a metric_key.".to_owned()))?;
    let most = match fields.int("max_results")? {
        None => POINTS_PER_CHART,
        Some(asked) => usize::try_from(asked)
            .map_err(|_| wrong(format!("Invalid value {asked} for parameter 'max_results' supplied.")))?
            .min(POINTS_PER_CHART),
    };
    let found = door.tracking.metric_histories(&ctx, run_ids, &key, most).await?;
    Ok(Json(OfAllMetrics { metrics: found.into_iter().map(MetricView::from).collect() }))
}

/// Histories of several runs, each thinned to `max_results` points.
pub(crate) async fn sampled(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<OfMetrics>> {
    let run_ids = fields.texts("run_ids")?;
    if run_ids.is_empty() {
        return Err(wrong("Missing value for required parameter 'run_ids'. See the API docs for more information about request parameters.".to_owned()).into());
    }
    if run_ids.len() > RUNS_PER_CALL {
        return Err(wrong(format!(
            "GetMetricHistoryBulkInterval request must specify at most {RUNS_PER_CALL} run_ids. Received {} run_ids. See the API docs for more information about request parameters.",
            run_ids.len()
        ))
        .into());
    }
    let key = fields.required("metric_key")?;
    let most = fields.int("max_results")?.map_or(Some(limits::POINTS_PER_SAMPLE), |asked| usize::try_from(asked).ok());
    let most = most.filter(|most| (1..=limits::POINTS_PER_SAMPLE).contains(most)).ok_or_else(|| {
        wrong(format!(
            "max_results must be between 1 and {}. See the API docs for more information about request parameters.",
            limits::POINTS_PER_SAMPLE
        ))
    })?;
    let steps = steps(fields.int("start_step")?, fields.int("end_step")?)?;
    let mut metrics = Vec::new();
    for run_id in run_ids {
        let points = match door.tracking.metric_sample(&ctx, &run_id, &key, steps, most).await {
            // A chart of many runs goes on when one of them is gone.
            Err(error) if error.kind() == Kind::NotFound => continue,
            found => found?,
        };
        metrics.extend(points.into_iter().map(|point| Metric { run_id: Some(run_id.clone()), ..point }));
    }
    Ok(Json(OfMetrics { metrics: metrics.into_iter().map(MetricView::from).collect(), next_page_token: None }))
}

fn steps(first: Option<i64>, last: Option<i64>) -> Result<Option<(i64, i64)>, Error> {
    match (first, last) {
        (None, None) => Ok(None),
        (Some(first), Some(last)) if first <= last => Ok(Some((first, last))),
        (Some(first), Some(last)) => Err(wrong(format!(
            "end_step must be greater than start_step. Found start_step={first} and end_step={last}."
        ))),
        _ => Err(wrong("If either start step or end step are specified, both must be specified.".to_owned())),
    }
}
