//! Figures over traces: `/traces/metrics` and `/traces/calculate-filter-correlation`.

use axum::extract::State;
use pitcrew_kernel::{Error, Result};
use pitcrew_traces::{Aggregation, CorrelationQuestion, MetricView, MetricsQuestion, Point, limits};
use pitcrew_tracking::experiment_id;
use pitcrew_web::{Answer, Caller, Json};
use serde_json::{Map, Value, json};

use crate::Door;
use crate::wire::{Fields, at, wrong};

const VIEWS: [&str; 4] = ["METRIC_VIEW_TYPE_UNSPECIFIED", "TRACES", "SPANS", "ASSESSMENTS"];
const KINDS: [&str; 7] = ["AGGREGATION_TYPE_UNSPECIFIED", "COUNT", "SUM", "AVG", "PERCENTILE", "MIN", "MAX"];

pub(crate) async fn correlation(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<Value>> {
    let question = CorrelationQuestion {
        experiments: experiments(&fields)?,
        one: fields.required("filter_string1")?,
        other: fields.required("filter_string2")?,
        base: fields.text_or_empty("base_filter")?,
    };
    let found = door.traces.correlate(&ctx, question).await?;
    Ok(Json(json!({
        "npmi": number(found.npmi),
        "npmi_smoothed": number(found.npmi_smoothed),
        "filter1_count": found.one,
        "filter2_count": found.other,
        "joint_count": found.both,
        "total_count": found.all,
    })))
}

pub(crate) async fn metrics(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<Value>> {
    let metric = fields.required("metric_name")?;
    let question = MetricsQuestion {
        experiments: experiments(&fields)?,
        view: view(&fields)?,
        aggregations: aggregations(&fields)?,
        dimensions: fields.texts("dimensions")?,
        filters: fields.texts("filters")?,
        interval_seconds: fields.int("time_interval_seconds")?,
        start_ms: fields.int("start_time_ms")?,
        end_ms: fields.int("end_time_ms")?,
        limit: fields.max_results(limits::POINTS_PER_ANSWER, limits::POINTS_PER_ANSWER)?,
        metric: metric.clone(),
    };
    let points = door.traces.metrics(&ctx, question).await?;
    if points.is_empty() {
        return Ok(Json(json!({})));
    }
    let points: Vec<Value> = points.into_iter().map(|point| point_json(&metric, point)).collect();
    Ok(Json(json!({"data_points": points})))
}

fn experiments(fields: &Fields) -> Result<Vec<i64>> {
    fields.present("experiment_ids")?;
    fields.texts("experiment_ids")?.iter().map(|id| experiment_id(id)).collect()
}

fn view(fields: &Fields) -> Result<MetricView> {
    fields.present("view_type")?;
    match fields.word("view_type", &VIEWS)? {
        Some("TRACES") => Ok(MetricView::Traces),
        Some("SPANS") => Ok(MetricView::Spans),
        Some("ASSESSMENTS") => Ok(MetricView::Assessments),
        _ => Err(wrong("view_type must be one of ['TRACES', 'SPANS', 'ASSESSMENTS']".to_owned())),
    }
}

fn aggregations(fields: &Fields) -> Result<Vec<Aggregation>> {
    fields.present("aggregations")?;
    let one = |given: &Fields| {
        Ok::<_, Error>(match given.word("aggregation_type", &KINDS)? {
            Some("COUNT") => Aggregation::Count,
            Some("SUM") => Aggregation::Sum,
            Some("AVG") => Aggregation::Avg,
            Some("MIN") => Aggregation::Min,
            Some("MAX") => Aggregation::Max,
            Some("PERCENTILE") => match given.value("percentile_value")? {
                Some(_) => Aggregation::Percentile(given.required_double("percentile_value")?),
                None => return Err(wrong("Percentile value is required for PERCENTILE aggregation".to_owned())),
            },
            _ => return Err(wrong(format!("aggregation_type must be one of {:?}", &KINDS[1..]))),
        })
    };
    fields.objects("aggregations")?.iter().map(|(path, given)| one(given).map_err(|error| at(error, path))).collect()
}

fn point_json(metric: &str, point: Point) -> Value {
    let mut out = json!({"metric_name": metric});
    if !point.dimensions.is_empty() {
        out["dimensions"] =
            point.dimensions.into_iter().map(|(name, value)| (name, json!(value))).collect::<Map<_, _>>().into();
    }
    out["values"] = point.values.into_iter().map(|(name, value)| (name, number(value))).collect::<Map<_, _>>().into();
    out
}

/// A number, or the name of what JSON has no number for.
fn number(value: f64) -> Value {
    if value.is_nan() { json!("NaN") } else { json!(value) }
}
