//! The native API.

use std::sync::Arc;

use axum::http::Method;
use pitcrew_testkit::{call, open};
use pitcrew_traces::routes;

use crate::{Place, entries, info, span, trace_id, with};

#[tokio::test]
async fn a_trace_is_shown_for_a_waterfall() {
    for place in Place::each().await {
        place
            .send(vec![
                with(span(1, 1, "root"), &[("mlflow.spanInputs", r#"{"z": 1, "a": [2]}"#)]),
                with(span(1, 2, "call"), &[("mlflow.spanType", "\"LLM\"")]),
            ])
            .await;
        let mut told = info(1);
        told.tags = entries(&[("mlflow.traceName", "ask")]);
        place.tell(told).await;
        let router = open(&place.world, routes(Arc::clone(&place.traces))).await;
        let get = async |path: &str| call(&router, Method::GET, path, None).await;
        let whole = get(&format!("/api/v1/traces/{}", trace_id(1))).await;
        let list =
            get("/api/v1/traces?experiment_id=1&filter=span.name%20%3D%20'call'&order_by=timestamp_ms%20ASC").await;
        insta::assert_json_snapshot!("shown", serde_json::json!({"whole": whole.1, "list": list.1}));
        assert_eq!((whole.0.as_u16(), list.0.as_u16()), (200, 200));
        for (path, status) in [
            ("/api/v1/traces/tr-x", 404),
            ("/api/v1/traces?experiment_id=x", 400),
            ("/api/v1/traces?filter=nonsense", 400),
            ("/api/v1/traces?limit=0", 400),
        ] {
            assert_eq!(get(path).await.0.as_u16(), status, "{path}");
        }
        place.tell(info(2)).await;
        assert_eq!(get(&format!("/api/v1/traces/{}", trace_id(2))).await.1["spans_here"], false);
    }
}
