//! Figures over many traces.

use pitcrew_traces::{Aggregation, CorrelationQuestion, MetricView, MetricsQuestion, Point, keys};

use crate::{HOME, OTHER, Place, T0, entries, info, span, trace_id, with};

fn question(view: MetricView, metric: &str, aggregations: &[Aggregation]) -> MetricsQuestion {
    MetricsQuestion {
        experiments: vec![HOME],
        view,
        metric: metric.to_owned(),
        aggregations: aggregations.to_vec(),
        dimensions: Vec::new(),
        filters: Vec::new(),
        interval_seconds: None,
        start_ms: None,
        end_ms: None,
        limit: 100,
    }
}

async fn answer(place: &Place, question: MetricsQuestion) -> Vec<String> {
    let shown = |point: Point| {
        let dimensions: Vec<String> = point.dimensions.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let values: Vec<String> = point.values.iter().map(|(name, value)| format!("{name}:{value}")).collect();
        format!("{} {}", dimensions.join(","), values.join(" ")).trim().to_owned()
    };
    place.traces.metrics(&place.world.ctx, question).await.unwrap().into_iter().map(shown).collect()
}

/// Four traces, an hour apart, of which two share a name; one span of a model each.
async fn fill(place: &Place) {
    for number in 1..=4u8 {
        let cost = format!(r#"{{"total_cost": {}}}"#, f64::from(number) / 4.0);
        let usage = format!(r#"{{"input_tokens": {number}, "output_tokens": 1, "total_tokens": {}}}"#, number + 1);
        let llm = [
            ("mlflow.llm.cost", cost.as_str()),
            ("mlflow.chat.tokenUsage", &usage),
            ("mlflow.llm.model", if number % 2 == 0 { "\"big\"" } else { "\"small\"" }),
            ("mlflow.spanType", "\"LLM\""),
        ];
        place.send(vec![span(number, 1, "root"), with(span(number, 2, "call"), &llm)]).await;
        let mut told = info(number);
        told.started_ms = T0 + i64::from(number) * 3_600_000;
        told.duration_ms = Some(i64::from(number) * 10);
        told.tags = entries(&[(keys::NAME, if number < 3 { "chat" } else { "sort" }), ("t", "x")]);
        told.metadata = entries(&[("m", "y"), (keys::SESSION, "s"), (keys::SOURCE_RUN, "r")]);
        place.tell(told).await;
        crate::assessments::feedback(place, number, "good", if number > 1 { "true" } else { "false" }).await;
        crate::assessments::feedback(place, number, "score", &number.to_string()).await;
    }
    let elsewhere = pitcrew_traces::TraceInfo { experiment_id: OTHER, ..info(9) };
    place.tell(elsewhere).await;
}

#[tokio::test]
async fn figures_are_grouped_and_aggregated() {
    use Aggregation::{Avg, Count, Max, Min, Percentile, Sum};
    for place in Place::each().await {
        fill(&place).await;
        let by = |dimensions: &[&str], question: MetricsQuestion| MetricsQuestion {
            dimensions: dimensions.iter().map(|name| (*name).to_owned()).collect(),
            ..question
        };
        let traces = |metric: &str, made: &[Aggregation]| question(MetricView::Traces, metric, made);
        assert_eq!(answer(&place, traces("trace_count", &[Count])).await, ["COUNT:4"]);
        assert_eq!(
            answer(&place, by(&["trace_name"], traces("latency", &[Avg, Min, Max, Percentile(50.0)]))).await,
            ["trace_name=chat AVG:15 MIN:10 MAX:20 P50.0:15", "trace_name=sort AVG:35 MIN:30 MAX:40 P50.0:35"]
        );
        assert_eq!(answer(&place, traces("latency", &[Percentile(100.0)])).await, ["P100.0:40"]);
        assert_eq!(answer(&place, traces("session_count", &[Count])).await, ["COUNT:1"]);
        assert_eq!(answer(&place, traces("total_tokens", &[Sum])).await, ["SUM:14"]);
        let spans = |metric: &str, made: &[Aggregation]| question(MetricView::Spans, metric, made);
        assert_eq!(
            answer(&place, by(&["span_model_name"], spans("total_cost", &[Sum]))).await,
            ["span_model_name=big SUM:1.5", "span_model_name=small SUM:1"]
        );
        assert_eq!(
            answer(&place, by(&["span_type", "span_status"], spans("span_count", &[Count]))).await,
            ["span_type=LLM,span_status=OK COUNT:4"]
        );
        assert_eq!(answer(&place, by(&["span_status"], spans("latency", &[Avg]))).await, ["span_status=OK AVG:10"]);
        let assessments = |metric: &str, made: &[Aggregation]| question(MetricView::Assessments, metric, made);
        assert_eq!(
            answer(&place, by(&["assessment_name"], assessments("assessment_value", &[Avg]))).await,
            ["assessment_name=good AVG:0.75", "assessment_name=score AVG:2.5"]
        );
        assert_eq!(
            answer(&place, by(&["assessment_name", "assessment_value"], assessments("assessment_count", &[Count])))
                .await[..2],
            [
                "assessment_name=good,assessment_value=false COUNT:1",
                "assessment_name=good,assessment_value=true COUNT:3"
            ]
        );
        assert!(
            answer(
                &place,
                MetricsQuestion { experiments: vec![7], ..by(&["trace_name"], traces("trace_count", &[Count])) }
            )
            .await
            .is_empty()
        );
    }
}

#[tokio::test]
async fn figures_are_narrowed_and_put_in_buckets() {
    for place in Place::each().await {
        fill(&place).await;
        let count = || question(MetricView::Traces, "trace_count", &[Aggregation::Count]);
        let narrowed = |filters: &[&str]| MetricsQuestion {
            filters: filters.iter().map(|filter| (*filter).to_owned()).collect(),
            ..count()
        };
        for (filters, expected) in [
            (&["trace.status = 'OK'"][..], "COUNT:4"),
            (&["trace.tag.`mlflow.traceName` = 'chat'"], "COUNT:2"),
            (&["trace.tag.t = 'x'", "trace.metadata.m = 'y'"], "COUNT:4"),
            (&["trace.metadata.`mlflow.trace.session` = 's'"], "COUNT:4"),
            (&["trace.metadata.`mlflow.sourceRun` = 'r'"], "COUNT:4"),
            (&["trace.tag.t = 'z'"], "COUNT:0"),
        ] {
            assert_eq!(answer(&place, narrowed(filters)).await, [expected], "{filters:?}");
        }
        let spans = MetricsQuestion {
            filters: vec!["span.name = 'call'".to_owned(), "trace.status = 'OK'".to_owned()],
            ..question(MetricView::Spans, "span_count", &[Aggregation::Count])
        };
        assert_eq!(answer(&place, spans).await, ["COUNT:4"]);
        let buckets = MetricsQuestion {
            interval_seconds: Some(7_200),
            start_ms: Some(T0),
            end_ms: Some(T0 + 3 * 3_600_000),
            ..count()
        };
        assert_eq!(
            answer(&place, buckets).await,
            ["time_bucket=2023-11-14T22:00:00+00:00 COUNT:1", "time_bucket=2023-11-15T00:00:00+00:00 COUNT:2"]
        );
    }
}

#[tokio::test]
async fn questions_that_make_no_sense_are_refused() {
    let place = Place::one().await;
    let count = || question(MetricView::Traces, "trace_count", &[Aggregation::Count]);
    for (bad, code) in [
        (question(MetricView::Traces, "nope", &[Aggregation::Count]), "TRACE_VALUE_INVALID"),
        (question(MetricView::Traces, "trace_count", &[Aggregation::Sum]), "TRACE_VALUE_INVALID"),
        (question(MetricView::Traces, "trace_count", &[]), "TRACE_VALUE_INVALID"),
        (question(MetricView::Traces, "latency", &[Aggregation::Percentile(101.0)]), "TRACE_VALUE_INVALID"),
        (MetricsQuestion { dimensions: vec!["x".to_owned()], ..count() }, "TRACE_VALUE_INVALID"),
        (MetricsQuestion { interval_seconds: Some(60), ..count() }, "TRACE_VALUE_INVALID"),
        (MetricsQuestion { limit: 0, ..count() }, "TRACE_VALUE_INVALID"),
        (MetricsQuestion { filters: vec!["span.name = 'x'".to_owned()], ..count() }, "FILTER_INVALID"),
    ] {
        assert_eq!(place.traces.metrics(&place.world.ctx, bad.clone()).await.unwrap_err().code(), code, "{bad:?}");
    }
}

#[tokio::test]
async fn filters_are_compared() {
    for place in Place::each().await {
        fill(&place).await;
        let ask = |one: &str, other: &str, base: &str| CorrelationQuestion {
            experiments: vec![HOME],
            one: one.to_owned(),
            other: other.to_owned(),
            base: base.to_owned(),
        };
        let ctx = &place.world.ctx;
        let found = place.traces.correlate(ctx, ask("name = 'chat'", "feedback.good = 'true'", "")).await.unwrap();
        assert_eq!((found.one, found.other, found.both, found.all), (2, 3, 1, 4));
        assert!(found.npmi < 0.0);
        // What must be looked into is counted all the same.
        let found = place
            .traces
            .correlate(ctx, ask("name RLIKE '^c'", "span.content LIKE '%big%'", "tags.t = 'x'"))
            .await
            .unwrap();
        assert_eq!((found.one, found.other, found.both, found.all), (2, 2, 1, 4));
        assert_eq!(found.npmi, 0.0);
        let _ = trace_id(1);
    }
}
