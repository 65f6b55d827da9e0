//! What is asked for and not here.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::Wire;

#[tokio::test]
async fn parts_that_are_not_here_say_so() {
    let mut wire = Wire::each().await.remove(0);
    for part in [
        "/ajax-api/3.0/mlflow/assistant/status",
        "/api/3.0/mlflow/datasets/search",
        "/api/3.0/mlflow/gateway/endpoints/list",
        "/ajax-api/2.0/mlflow/gateway-proxy",
        "/api/3.0/mlflow/issues",
        "/api/3.0/mlflow/label-schemas/list",
        "/api/3.0/mlflow/mcp-servers",
        "/api/3.0/mlflow/prompt-optimization/jobs",
        "/api/3.0/mlflow/review-queues/list",
        "/api/3.0/mlflow/roles/list",
        "/ajax-api/2.0/mlflow/runs/create-promptlab-run",
        "/api/3.0/mlflow/scorers/list",
        "/ajax-api/3.0/mlflow/ui-telemetry",
        "/ajax-api/2.0/mlflow/upload-artifact",
        "/api/2.0/mlflow/users/current",
        "/api/3.0/mlflow/workspaces/default",
    ] {
        let answer = wire.get(part).await;
        assert_eq!(answer["error_code"], "NOT_IMPLEMENTED", "{part}");
        assert_eq!(wire.post(part, json!({})).await["error_code"], "NOT_IMPLEMENTED", "{part}");
    }
    assert!(wire.told().iter().all(|pair| pair["status"] == 501));
    for nowhere in ["/api/3.0/mlflow/nonsense", "/api/2.0/mlflow/scorersx", "/api/2.0/mlflow/traces/tr-1/info"] {
        assert_eq!(wire.get(nowhere).await["error_code"], "ENDPOINT_NOT_FOUND", "{nowhere}");
    }
}

#[tokio::test]
async fn there_is_one_workspace() {
    let wire = Wire::each().await.remove(0);
    let ask = async |path: &str, workspace: &str| {
        let request = Request::get(path).header(header::HOST, "localhost").header("X-MLFLOW-WORKSPACE", workspace);
        let response = wire.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice::<Value>(&body).unwrap())
    };
    let experiment = "/api/2.0/mlflow/experiments/get?experiment_id=0";
    for fine in ["", " ", "default"] {
        assert_eq!(ask(experiment, fine).await.0, StatusCode::OK, "{fine:?}");
    }
    let (status, refused) = ask(experiment, "team-a").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(
        refused,
        json!({
            "error_code": "FEATURE_DISABLED",
            "message": "Workspace APIs are not available: workspaces are not enabled on this server",
            "sqlstate": "KAM00",
            "error_class": "FEATURE_DISABLED",
        })
    );
    let (status, info) = ask("/api/3.0/mlflow/server-info", "team-a").await;
    assert_eq!((status, &info["workspaces_enabled"]), (StatusCode::OK, &json!(false)));
}
