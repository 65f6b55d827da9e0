//! Questions and answers about traces. The answers were compared with those of MLflow 3.17.2 to the same questions; what differs on purpose is told in
//! `docs/mlflow.md`.

use std::sync::Arc;

use axum::http::Method;
use pitcrew_traces::{Any, Arrived, Batch, Span, SpanEvent, SpanLink, SpanStatus};
use serde_json::{Value, json};

use crate::Wire;

fn v3(path: &str) -> String {
    format!("/api/3.0/mlflow{path}")
}

/// Both databases answer the same.
macro_rules! golden {
    ($name:literal, $wire:ident, $story:block) => {
        for mut $wire in Wire::each().await {
            $wire.post("/experiments/create", json!({"name": "probe"})).await;
            $wire.told();
            $story
            insta::assert_json_snapshot!($name, $wire.told());
        }
    };
}

fn told(trace_id: &str, more: Value) -> Value {
    let mut info = json!({
        "trace_id": trace_id,
        "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "1"}},
        "request_time": "2026-01-02T03:04:05.678Z",
        "execution_duration": "1.234s",
        "state": "OK",
        "trace_metadata": {"mlflow.trace_schema.version": "3", "a": "b"},
        "tags": {"mlflow.traceName": "n", "t": "1"},
        "request_preview": "q",
        "response_preview": "r",
        "client_request_id": "c1",
    });
    info.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"trace": {"trace_info": info}})
}

fn assessment(more: Value) -> Value {
    let mut given = json!({
        "assessment_id": "a-1",
        "assessment_name": "q",
        "source": {"source_type": "HUMAN", "source_id": "me"},
        "feedback": {"value": "yes"},
        "create_time": "2026-01-02T03:04:05Z",
        "last_update_time": "2026-01-02T03:04:05Z",
    });
    given.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"assessment": given})
}

/// The spans that MLflow was asked about, too.
async fn spans(wire: &Wire) {
    let attribute = |key: &str, json: &str| (key.to_owned(), Any::of_json(json).unwrap());
    let trace_id = format!("tr-{}", "01".repeat(16));
    let root = Span {
        span_id: "aa".repeat(8),
        parent_id: None,
        name: "root".to_owned(),
        start_ns: 1_700_000_000_123_456_789,
        end_ns: Some(1_700_000_001_123_456_789),
        status: SpanStatus::Ok,
        message: String::new(),
        attributes: vec![
            attribute("mlflow.spanInputs", r#"{"q": "hé"}"#),
            attribute("mlflow.spanOutputs", "\"out\""),
            attribute("mlflow.spanType", "\"CHAIN\""),
            attribute("user.id", "\"u1\""),
            attribute("session.id", "\"sess\""),
            attribute("n", "5"),
            attribute("f", "1.5"),
            attribute("b", "true"),
            attribute("l", r#"[1, "a", [], {}, null]"#),
            attribute("none", "null"),
        ],
        events: vec![SpanEvent {
            name: "ev".to_owned(),
            at_ns: 1_700_000_000_223_456_789,
            attributes: vec![attribute("n", "5")],
        }],
        links: vec![SpanLink {
            trace_id: format!("tr-{}", "02".repeat(16)),
            span_id: "03".repeat(8),
            attributes: Vec::new(),
        }],
        trace_id,
    };
    let child = Span {
        span_id: "bb".repeat(8),
        parent_id: Some(root.span_id.clone()),
        name: "child".to_owned(),
        status: SpanStatus::Unset,
        attributes: vec![
            attribute("mlflow.spanType", "\"LLM\""),
            attribute("mlflow.chat.tokenUsage", r#"{"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}"#),
            attribute("mlflow.llm.cost", r#"{"input_cost": 0.1, "output_cost": 0.2, "total_cost": 0.3}"#),
            attribute("mlflow.llm.model", "\"gpt\""),
        ],
        ..root.clone()
    };
    let resource = Arc::new(Vec::new());
    let arrived = [root, child].map(|span| Arrived { span, resource: Arc::clone(&resource) });
    let batch = Batch { experiment_id: 1, run_id: None, spans: arrived.to_vec() };
    wire.door.traces.ingest(&wire.world.ctx, batch).await.unwrap();
}

#[tokio::test]
async fn traces() {
    golden!("traces", wire, {
        wire.post(&v3("/traces"), told("tr-1", json!({}))).await;
        wire.post(&v3("/traces"), told("tr-1", json!({"tags": {"t": "2"}}))).await;
        let usage = r#"{"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}"#;
        let cost = r#"{"input_cost": 0.5, "output_cost": 0.25, "total_cost": 0.75}"#;
        let metadata =
            json!({"mlflow.trace.tokenUsage": usage, "mlflow.trace.session": "s1", "mlflow.trace.cost": cost});
        let given = json!([assessment(json!({"assessment_name": "good", "feedback": {"value": true}}))["assessment"]]);
        wire.post(&v3("/traces"), told("tr-2", json!({"trace_metadata": metadata, "assessments": given}))).await;
        wire.post(&v3("/traces"), json!({})).await;
        wire.post(&v3("/traces"), json!({"trace": {"trace_info": {"trace_id": "tr-9"}}})).await;
        let nowhere = json!({"trace_location": {"mlflow_experiment": {"experiment_id": "99"}}});
        wire.post(&v3("/traces"), told("tr-8", nowhere)).await;
        wire.post(&v3("/traces"), told("tr-8", json!({"state": "NOPE"}))).await;
        wire.post(&v3("/traces"), told("tr-8", json!({"request_time": "yesterday"}))).await;
        wire.post(&v3("/traces"), told("tr-8", json!({"execution_duration": null, "state": "IN_PROGRESS"}))).await;
        wire.get(&v3("/traces/tr-1")).await;
        wire.get(&v3("/traces/tr-nope")).await;
        wire.get(&v3("/traces/get?trace_id=tr-1&allow_partial=true")).await;
        wire.get(&v3("/traces/get?trace_id=tr-nope&allow_partial=true")).await;
        wire.get(&v3("/traces/get")).await;
        wire.ask(Method::PATCH, &v3("/traces/tr-1/tags"), json!({"key": "k", "value": "v"})).await;
        wire.ask(Method::PATCH, "/traces/tr-1/tags", json!({"key": "k2", "value": "v"})).await;
        wire.ask(Method::PATCH, &v3("/traces/tr-1/tags"), json!({"value": "v"})).await;
        let fixed = json!({"key": "mlflow.trace.spansLocation", "value": "v"});
        wire.ask(Method::PATCH, &v3("/traces/tr-1/tags"), fixed).await;
        wire.ask(Method::DELETE, &v3("/traces/tr-1/tags"), json!({"key": "k"})).await;
        wire.ask(Method::DELETE, &v3("/traces/tr-1/tags"), json!({"key": "k"})).await;
        wire.post(&v3("/traces/batchGetInfos"), json!({"trace_ids": ["tr-2", "tr-1", "tr-nope"]})).await;
        wire.post(&v3("/traces/batchGetInfos"), json!({"trace_ids": ["tr-2"], "experiment_ids": ["0"]})).await;
        wire.post(&v3("/traces/batchGetInfos"), json!({})).await;
        wire.post("/traces/link-to-run", json!({"trace_ids": ["tr-1", "tr-nope"], "run_id": "r"})).await;
        wire.post("/traces/link-to-run", json!({"trace_ids": vec!["x"; 101], "run_id": "r"})).await;
        wire.post("/traces/link-to-run", json!({"run_id": "r"})).await;
        wire.post(
            "/traces/link-prompts",
            json!({"trace_id": "tr-1", "prompt_versions": [{"name": "p", "version": "1"}]}),
        )
        .await;
        wire.post(&v3("/traces/delete-traces"), json!({"experiment_id": "1", "request_ids": ["tr-1"]})).await;
        wire.post(&v3("/traces/delete-traces"), json!({"experiment_id": "1"})).await;
        wire.post(
            &v3("/traces/delete-traces"),
            json!({"experiment_id": "1", "max_timestamp_millis": 1, "request_ids": ["x"]}),
        )
        .await;
        wire.post(
            "/traces/delete-traces",
            json!({"experiment_id": "1", "max_timestamp_millis": 2_000_000_000_000_i64, "max_traces": 1}),
        )
        .await;
        wire.post(
            &v3("/traces/delete-traces"),
            json!({"experiment_id": "1", "max_timestamp_millis": 1, "max_traces": 0}),
        )
        .await;
    });
}

#[tokio::test]
async fn trace_spans() {
    golden!("trace_spans", wire, {
        spans(&wire).await;
        let id = format!("tr-{}", "01".repeat(16));
        wire.get(&v3(&format!("/traces/get?trace_id={id}"))).await;
        wire.get(&v3(&format!("/traces/batchGet?trace_ids={id}&trace_ids=tr-nope"))).await;
        wire.get(&v3("/traces/batchGet")).await;
        wire.post(&v3("/traces"), told(&id, json!({}))).await;
        wire.get(&v3(&format!("/traces/{id}"))).await;
        wire.get(&format!("/ajax-api/2.0/mlflow/get-trace-artifact?request_id={id}")).await;
    });
}

#[tokio::test]
async fn trace_search() {
    golden!("trace_search", wire, {
        wire.post(&v3("/traces"), told("tr-1", json!({"tags": {"t": "2"}}))).await;
        wire.post(&v3("/traces"), told("tr-2", json!({}))).await;
        wire.told();
        let asked = |more: Value| {
            let mut body =
                json!({"locations": [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "1"}}]});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            body
        };
        let search = v3("/traces/search");
        wire.post(&search, asked(json!({}))).await;
        let first = wire.post(&search, asked(json!({"max_results": 1, "order_by": ["timestamp_ms DESC"]}))).await;
        let token = first["next_page_token"].clone();
        wire.post(&search, asked(json!({"max_results": 1, "order_by": ["timestamp_ms DESC"], "page_token": token})))
            .await;
        wire.post(&search, asked(json!({"max_results": 501}))).await;
        wire.post(&search, asked(json!({"max_results": 0}))).await;
        wire.post(&search, json!({})).await;
        wire.post(&search, json!({"locations": []})).await;
        for filter in [
            "tags.t = '2'",
            "trace_id = 'tr-1'",
            "metadata.`mlflow.trace.cost` LIKE 'x'",
            "span.content = 'x'",
            "span.foo = 'x'",
            "prompt LIKE 'p/1'",
            "prompt = 'p'",
            "feedback.good > 'a'",
            "feedback.good = 1",
            "feedback. = 'x'",
            "issue.id != 'i'",
            "status > 'OK'",
            "timestamp_ms LIKE 'x'",
            "timestamp_ms IN (1)",
            "tags.a = 1",
            "tags.a = x",
            "name = 1",
            "status = 'OK' OR status = 'ERROR'",
        ] {
            wire.post(&search, asked(json!({"filter": filter}))).await;
        }
        for term in ["client_request_id", "span.name", "metadata.`mlflow.trace.tokenUsage`"] {
            wire.post(&search, asked(json!({"order_by": [term]}))).await;
        }
    });
}

#[tokio::test]
async fn trace_assessments() {
    golden!("trace_assessments", wire, {
        wire.post(&v3("/traces"), told("tr-1", json!({}))).await;
        wire.told();
        let all = v3("/traces/tr-1/assessments");
        wire.post(&all, assessment(json!({}))).await;
        let expectation = json!({"assessment_id": "a-2", "feedback": null, "expectation": {"value": {"a": [1, 2.5, "x", null]}}, "span_id": "s", "rationale": "why", "metadata": {"m": "1"}});
        wire.post(&all, assessment(expectation)).await;
        let error = json!({"error_code": "E", "error_message": "m", "stack_trace": "s"});
        let over = json!({"assessment_id": "a-3", "feedback": {"error": error}, "overrides": "a-1", "source": {"source_type": "LLM_JUDGE", "source_id": "gpt"}});
        wire.post(&all, assessment(over)).await;
        wire.post(&all, assessment(json!({"assessment_id": "a-4", "feedback": {"value": 3.0}}))).await;
        wire.post(&all, assessment(json!({"assessment_id": "a-5", "feedback": null, "issue": {"issue_name": "slow"}})))
            .await;
        let serialized = json!({"serialized_value": {"serialization_format": "JSON_FORMAT", "value": "{\"a\": 1}"}});
        wire.post(&all, assessment(json!({"assessment_id": "a-6", "feedback": null, "expectation": serialized}))).await;
        wire.post(&all, assessment(json!({"assessment_id": "a-7", "source": null}))).await;
        wire.post(&all, assessment(json!({"feedback": null}))).await;
        wire.post(&all, json!({})).await;
        wire.post(&all, assessment(json!({"assessment_id": "a-8", "overrides": "a-nope"}))).await;
        wire.post(&v3("/traces/tr-nope/assessments"), assessment(json!({}))).await;
        wire.get(&v3("/traces/tr-1/assessments/a-1")).await;
        wire.get(&v3("/traces/tr-1/assessments/a-no")).await;
        wire.get(&v3("/traces/tr-no/assessments/a-no")).await;
        let one = v3("/traces/tr-1/assessments/a-1");
        let change = json!({"assessment": {"feedback": {"value": "no"}, "rationale": "r2", "metadata": {"z": "1"}, "assessment_name": "q2"}, "update_mask": "feedback,rationale,metadata,assessmentName"});
        wire.ask(Method::PATCH, &one, change).await;
        wire.ask(
            Method::PATCH,
            &one,
            json!({"assessment": {"expectation": {"value": 1}}, "update_mask": "expectation"}),
        )
        .await;
        wire.ask(Method::PATCH, &one, json!({"assessment": {"expectation": {"value": 1}}})).await;
        wire.get(&v3("/traces/tr-1")).await;
        wire.ask(Method::DELETE, &v3("/traces/tr-1/assessments/a-3"), json!({})).await;
        wire.get(&v3("/traces/tr-1/assessments/a-1")).await;
        wire.ask(Method::DELETE, &v3("/traces/tr-1/assessments/a-3"), json!({})).await;
    });
}

#[tokio::test]
async fn trace_figures() {
    golden!("trace_figures", wire, {
        wire.post(&v3("/traces"), told("tr-1", json!({"tags": {"mlflow.traceName": "n", "t": "2"}}))).await;
        wire.post(&v3("/traces"), told("tr-2", json!({}))).await;
        wire.post(&v3("/traces"), told("tr-8", json!({"state": "IN_PROGRESS", "execution_duration": null}))).await;
        spans(&wire).await;
        wire.told();
        let metrics = v3("/traces/metrics");
        let asked = |more: Value| {
            let mut body = json!({"experiment_ids": ["1"], "view_type": "TRACES", "metric_name": "trace_count", "aggregations": [{"aggregation_type": "COUNT"}]});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            body
        };
        wire.post(&metrics, asked(json!({}))).await;
        wire.post(&metrics, asked(json!({"view_type": 1, "dimensions": ["trace_status"]}))).await;
        let made = json!([{"aggregation_type": "AVG"}, {"aggregation_type": "PERCENTILE", "percentile_value": 50}, {"aggregation_type": "MAX"}]);
        wire.post(
            &metrics,
            asked(json!({"metric_name": "latency", "aggregations": made, "dimensions": ["trace_name"]})),
        )
        .await;
        wire.post(&metrics, asked(json!({"time_interval_seconds": 3600, "start_time_ms": 1_767_000_000_000_i64, "end_time_ms": 2_000_000_000_000_i64}))).await;
        wire.post(
            &metrics,
            asked(json!({"view_type": "SPANS", "metric_name": "span_count", "dimensions": ["span_name", "span_type"]})),
        )
        .await;
        wire.post(&metrics, asked(json!({"filters": ["trace.tag.t = '2'"]}))).await;
        for bad in [
            json!({"metric_name": "nope"}),
            json!({"aggregations": [{"aggregation_type": "SUM"}]}),
            json!({"aggregations": [{"aggregation_type": "PERCENTILE"}]}),
            json!({"dimensions": ["x"]}),
            json!({"time_interval_seconds": 3600}),
            json!({"filters": ["status = 'OK'"]}),
            json!({"filters": ["span.name = 'x'"]}),
            json!({"filters": ["trace.status != 'OK'"]}),
            json!({"view_type": null}),
        ] {
            wire.post(&metrics, asked(bad)).await;
        }
        let correlation = v3("/traces/calculate-filter-correlation");
        wire.post(&correlation, json!({"experiment_ids": ["1"], "filter_string1": "name = 'n'", "filter_string2": "tags.t = '1'", "base_filter": "client_request_id = 'c1'"})).await;
        wire.post(
            &correlation,
            json!({"experiment_ids": ["1"], "filter_string1": "name = 'zz'", "filter_string2": "tags.t = '1'"}),
        )
        .await;
        wire.post(&correlation, json!({"experiment_ids": ["1"], "filter_string1": "tags.t = '2'"})).await;
    });
}
