//! Traces: `/traces/...` of the third version of MLflow's API, and what clients still ask of the second.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use pitcrew_kernel::{Error, Result};
use pitcrew_traces::{Doomed, TraceSearch, span_text};
use pitcrew_tracking::experiment_id;
use pitcrew_web::{Answer, Caller, Json, Path};
use serde_json::{Value, json};

use crate::Door;
use crate::trace_wire::{info_json, info_of, trace_json};
use crate::wire::{Fields, Nothing, at, wrong};

/// Traces on a page unless asked otherwise.
const DEFAULT_PAGE: usize = 100;
const MAX_PAGE: usize = pitcrew_traces::limits::TRACES_PER_PAGE;

pub(crate) async fn start(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<Value>> {
    let info = info_of(&fields, door.traces.now_ms())?;
    let info = door.traces.start(&ctx, info).await?;
    Ok(Json(json!({"trace": {"trace_info": info_json(info)}})))
}

pub(crate) async fn info(
    State(door): State<Door>,
    Caller(ctx): Caller,
    Path(trace_id): Path<String>,
) -> Answer<Json<Value>> {
    let info = door.traces.info(&ctx, &trace_id).await?;
    Ok(Json(json!({"trace": {"trace_info": info_json(info)}})))
}

pub(crate) async fn get(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<Value>> {
    let trace_id = fields.required("trace_id")?;
    let partial = fields.flag("allow_partial")?.unwrap_or(false);
    let trace = door.traces.trace(&ctx, &trace_id, partial).await?;
    Ok(Json(json!({"trace": trace_json(trace)})))
}

pub(crate) async fn batch(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<Value>> {
    let (ids, experiments) = named(&fields)?;
    let traces = door.traces.traces(&ctx, ids, experiments).await?;
    Ok(Json(listed("traces", traces.into_iter().map(trace_json))))
}

pub(crate) async fn batch_infos(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<Value>> {
    let (ids, experiments) = named(&fields)?;
    let infos = door.traces.infos(&ctx, ids, experiments).await?;
    Ok(Json(listed("trace_infos", infos.into_iter().map(info_json))))
}

/// The traces of a batch, and the experiments they must belong to.
fn named(fields: &Fields) -> Result<(Vec<String>, Option<Vec<i64>>)> {
    fields.present("trace_ids")?;
    let experiments = match fields.value("experiment_ids")? {
        None => None,
        Some(_) => {
            Some(fields.texts("experiment_ids")?.iter().map(|id| experiment_id(id)).collect::<Result<Vec<_>>>()?)
        }
    };
    Ok((fields.texts("trace_ids")?, experiments))
}

/// `{"name": [...]}`, or `{}` for nothing.
fn listed(name: &str, items: impl Iterator<Item = Value>) -> Value {
    let items: Vec<Value> = items.collect();
    if items.is_empty() { json!({}) } else { json!({ name: items }) }
}

pub(crate) async fn search(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<Value>> {
    fields.present("locations")?;
    let mut experiments = Vec::new();
    for (path, location) in fields.objects("locations")? {
        if let Some(experiment) = location.object("mlflow_experiment")? {
            let id = experiment.required("experiment_id").map_err(|error| at(error, &path))?;
            experiments.push(experiment_id(&id)?);
        }
    }
    let search = TraceSearch {
        experiments: Some(experiments),
        filter: fields.text_or_empty("filter")?,
        order_by: fields.texts("order_by")?,
        limit: fields.max_results(DEFAULT_PAGE, MAX_PAGE)?,
        page: fields.page_token()?,
    };
    let found = door.traces.search(&ctx, search).await?;
    let mut answer = listed("traces", found.items.into_iter().map(info_json));
    if let Some(next) = found.next {
        answer["next_page_token"] = json!(next);
    }
    Ok(Json(answer))
}

pub(crate) async fn delete(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<Value>> {
    let experiment = experiment_id(&fields.required("experiment_id")?)?;
    let (until, most) = (fields.int("max_timestamp_millis")?, fields.int("max_traces")?);
    let ids = fields.texts("request_ids")?;
    let refused = |message: &str| Err(wrong(message.to_owned()).into());
    let doomed = match (until, most, ids.is_empty()) {
        (None, _, true) => return refused("Either `max_timestamp_millis` or `trace_ids` must be specified."),
        (Some(_), _, false) => return refused("Only one of `max_timestamp_millis` and `trace_ids` can be specified."),
        (None, Some(_), false) => return refused("`max_traces` can't be specified if `trace_ids` is specified."),
        (Some(_), Some(most), true) if most <= 0 => {
            return refused(&format!("`max_traces` must be a positive integer, received {most}."));
        }
        (None, None, false) => Doomed::Ids(ids),
        (Some(ms), most, true) => {
            Doomed::Until { ms, most: most.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX) }
        }
    };
    let deleted = door.traces.delete(&ctx, experiment, doomed).await?;
    Ok(Json(json!({"traces_deleted": deleted})))
}

pub(crate) async fn set_tag(
    State(door): State<Door>,
    Caller(ctx): Caller,
    Path(trace_id): Path<String>,
    fields: Fields,
) -> Answer<Json<Nothing>> {
    let (key, value) = (fields.required("key")?, fields.text_or_empty("value")?);
    door.traces.set_tag(&ctx, &trace_id, &key, &value).await?;
    Ok(Json(Nothing {}))
}

pub(crate) async fn delete_tag(
    State(door): State<Door>,
    Caller(ctx): Caller,
    Path(trace_id): Path<String>,
    fields: Fields,
) -> Answer<Json<Nothing>> {
    door.traces.delete_tag(&ctx, &trace_id, &fields.required("key")?).await?;
    Ok(Json(Nothing {}))
}

pub(crate) async fn link_to_run(
    State(door): State<Door>,
    Caller(ctx): Caller,
    fields: Fields,
) -> Answer<Json<Nothing>> {
    fields.present("trace_ids")?;
    let (trace_ids, run_id) = (fields.texts("trace_ids")?, fields.required("run_id")?);
    door.traces.link_to_run(&ctx, &run_id, trace_ids).await?;
    Ok(Json(Nothing {}))
}

pub(crate) async fn link_prompts(
    State(door): State<Door>,
    Caller(ctx): Caller,
    fields: Fields,
) -> Answer<Json<Nothing>> {
    let trace_id = fields.required("trace_id")?;
    fields.present("prompt_versions")?;
    let prompts = fields
        .objects("prompt_versions")?
        .iter()
        .map(|(path, prompt)| {
            let named = || Ok::<_, Error>(format!("{}/{}", prompt.required("name")?, prompt.required("version")?));
            named().map_err(|error| at(error, path))
        })
        .collect::<Result<_>>()?;
    door.traces.link_prompts(&ctx, &trace_id, prompts).await?;
    Ok(Json(Nothing {}))
}

/// The spans as the file that clients of old wrote: `{"spans": [...]}`.
pub(crate) async fn artifact(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Response> {
    let trace_id = fields.required("request_id")?;
    let trace = door.traces.trace(&ctx, &trace_id, true).await?;
    let spans: Vec<String> = trace.spans.iter().map(span_text).collect();
    let headers =
        [(header::CONTENT_TYPE, "text/plain"), (header::CONTENT_DISPOSITION, "attachment; filename=traces.json")];
    Ok((headers, format!("{{\"spans\":[{}]}}", spans.join(","))).into_response())
}
