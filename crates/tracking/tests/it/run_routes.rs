//! The native routes that search, count and describe runs.

use axum::Router;
use axum::http::{Method, StatusCode};
use pitcrew_testkit::{call, open};
use pitcrew_tracking::{Metric, NewRun, routes};
use serde_json::{Value, json};

use crate::Place;

async fn get(router: &Router, path: &str) -> Value {
    let (status, json) = call(router, Method::GET, path, None).await;
    assert_eq!(status, StatusCode::OK, "{path}: {json}");
    json
}

async fn refused(router: &Router, method: Method, path: &str, body: Option<Value>) -> (u16, String) {
    let (status, json) = call(router, method, path, body).await;
    (status.as_u16(), json["code"].as_str().unwrap_or_default().to_owned())
}

/// Two experiments with three runs each: `a0` to `a2`, `b0` to `b2`.
async fn filled(place: &Place) -> (Router, [i64; 2]) {
    let mut ids = [0, 0];
    for (of, name) in ["a", "b"].into_iter().enumerate() {
        ids[of] = place.experiment(name).await;
        for at in 0..3 {
            place.world.clock.advance(std::time::Duration::from_secs(1));
            let new = NewRun {
                experiment_id: Some(ids[of]),
                name: Some(format!("{name}{at}")),
                tags: vec![("mlflow.parentRunId".to_owned(), "top".to_owned())],
                ..NewRun::default()
            };
            let run = place.tracking.create_run(&place.world.ctx, new).await.unwrap().info.run_id;
            let (tracking, ctx) = (&place.tracking, &place.world.ctx);
            tracking.log_metric(ctx, &run, Metric::new("loss", f64::from(at), 1, 1)).await.unwrap();
            tracking.log_metric(ctx, &run, Metric::new("auc.val", 0.5, 1, 1)).await.unwrap();
            tracking.log_param(ctx, &run, "depth", &at.to_string()).await.unwrap();
            tracking.log_param(ctx, &run, "model", "xgb").await.unwrap();
            if (name, at) == ("b", 2) {
                tracking.delete_run(ctx, &run).await.unwrap();
            }
        }
    }
    (open(&place.world, routes(place.tracking.clone())).await, ids)
}

async fn names(router: &Router, query: &str) -> String {
    let found = get(router, &format!("/api/v1/runs?fields=name&{query}")).await;
    found["items"].as_array().unwrap().iter().map(|run| run["name"].as_str().unwrap()).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn a_search_takes_lists_views_and_the_whole_language() {
    let place = Place::one().await;
    let (router, ids) = filled(&place).await;
    for (query, expected) in [
        ("", "b1 b0 a2 a1 a0"),
        ("experiment=a", "a2 a1 a0"),
        (&format!("experiment=a&experiment_id={}", ids[1]), "b1 b0 a2 a1 a0"),
        (&format!("experiment_id={}&experiment_id={}", ids[0], ids[1]), "b1 b0 a2 a1 a0"),
        ("experiment=b&view=deleted", "b2"),
        ("experiment=b&view=all", "b2 b1 b0"),
        ("order_by=metrics.loss&order_by=run_name%20DESC", "b0 a0 b1 a1 a2"),
        ("order_by=metrics.loss%20DESC,run_name", "a2 a1 b1 a0 b0"),
        (
            "filter=metrics.loss%20%3E%201%20OR%20(run_name%20LIKE%20%27b%25%27%20AND%20NOT%20params.depth%20%3D%20%271%27)",
            "b0 a2",
        ),
        ("filter=NOT%20metrics.none%20%3E%200&experiment=a", "a2 a1 a0"),
    ] {
        assert_eq!(names(&router, query).await, expected, "{query}");
        let count = get(&router, &format!("/api/v1/runs/count?{query}")).await;
        assert_eq!(count, json!({ "count": expected.split(' ').count() }), "{query}");
    }
}

#[tokio::test]
async fn an_answer_has_the_fields_that_were_asked_for() {
    let place = Place::one().await;
    let (router, ids) = filled(&place).await;
    let first = async |fields: &str| {
        let path = format!("/api/v1/runs?experiment=a&order_by=run_name&limit=1&{fields}");
        let mut run = get(&router, &path).await["items"][0].take();
        assert!(run.as_object_mut().unwrap().remove("run_id").is_some_and(|id| id.is_string()));
        run
    };
    let whole = first("").await;
    assert_eq!(whole.as_object().unwrap().len(), 14);
    assert_eq!(first("fields=run_id").await, json!({}));
    assert_eq!(
        first("fields=name,status&fields=metrics.loss,params.depth,params.none,tags.x").await,
        json!({ "name": "a0", "status": "RUNNING", "metrics": { "loss": whole["metrics"]["loss"] }, "params": { "depth": "0" }, "tags": {} })
    );
    assert_eq!(first("fields=metrics.auc.val").await["metrics"], json!({ "auc.val": whole["metrics"]["auc.val"] }));
    assert_eq!(first("fields=params,metrics,tags").await["tags"], whole["tags"]);
    assert_eq!(
        first("fields=parent_run_id,tags.none,pipeline_run,experiment,experiment_id").await,
        json!({ "parent_run_id": "top", "tags": {}, "pipeline_run": null, "experiment": "a", "experiment_id": ids[0].to_string() })
    );
}

#[tokio::test]
async fn columns_are_the_keys_in_use() {
    for place in Place::each().await {
        let (router, ids) = filled(&place).await;
        let whole = json!({
            "metrics": ["auc.val", "loss"], "params": ["depth", "model"], "tags": ["mlflow.parentRunId", "mlflow.runName"],
            "truncated": { "metrics": false, "params": false, "tags": false },
        });
        let at = format!("/api/v1/experiments/{}/columns", ids[0]);
        assert_eq!(get(&router, &at).await, whole, "{}", place.db.name);
        let some = get(&router, &format!("{at}?prefix=m")).await;
        assert_eq!((&some["metrics"], &some["params"]), (&json!([]), &json!(["model"])));
        let none = get(&router, "/api/v1/experiments/0/columns").await;
        assert_eq!((&none["metrics"], &none["tags"]), (&json!([]), &json!([])));
    }
}

#[tokio::test]
async fn too_many_columns_are_cut_and_said_to_be() {
    for place in Place::each().await {
        let run = place.run(0, "wide").await.info.run_id;
        for from in [0, 1_000, 2_000] {
            let metrics = (from..from + 1_000).map(|at| Metric::new(format!("m{at:04}"), 1.0, 1, 1)).collect();
            let batch = pitcrew_tracking::Batch { metrics, ..pitcrew_tracking::Batch::default() };
            place.tracking.log_batch(&place.world.ctx, &run, batch).await.unwrap();
        }
        let columns = place.tracking.columns(&place.world.ctx, 0, "").await.unwrap();
        assert_eq!((columns.metrics.keys.len(), columns.metrics.truncated), (2_000, true), "{}", place.db.name);
        let columns = place.tracking.columns(&place.world.ctx, 0, "m29").await.unwrap();
        assert_eq!((columns.metrics.keys.len(), columns.metrics.truncated), (100, false), "{}", place.db.name);
        assert!(columns.tags.keys.is_empty() && columns.params.keys.is_empty());
    }
}

#[tokio::test]
async fn wrong_searches_get_precise_answers() {
    let place = Place::one().await;
    let (router, _) = filled(&place).await;
    for (path, status, code) in [
        ("/api/v1/runs?experiment=a&experiment=nope", 404, "EXPERIMENT_NOT_FOUND"),
        ("/api/v1/runs?experiment_id=99", 404, "EXPERIMENT_NOT_FOUND"),
        ("/api/v1/runs?experiment_id=x", 400, "TRACKING_VALUE_INVALID"),
        ("/api/v1/runs?view=gone", 400, "QUERY_INVALID"),
        ("/api/v1/runs?fields=colour", 400, "QUERY_INVALID"),
        ("/api/v1/runs?limit=many", 400, "QUERY_INVALID"),
        ("/api/v1/runs?limit=1001", 400, "PAGE_INVALID"),
        ("/api/v1/runs?filter=((run_name%20%3D%20%27a%27)", 400, "FILTER_INVALID"),
        ("/api/v1/runs/count?filter=nonsense", 400, "FILTER_INVALID"),
        ("/api/v1/experiments/99/columns", 404, "EXPERIMENT_NOT_FOUND"),
        ("/api/v1/experiments/x/columns", 400, "TRACKING_VALUE_INVALID"),
        ("/api/v1/experiments/99/views", 404, "EXPERIMENT_NOT_FOUND"),
    ] {
        assert_eq!(refused(&router, Method::GET, path, None).await, (status, code.to_owned()), "{path}");
    }
}

#[tokio::test]
async fn views_are_saved_by_name_and_removed() {
    for place in Place::each().await {
        let (router, ids) = filled(&place).await;
        let at = format!("/api/v1/experiments/{}/views", ids[0]);
        let document =
            json!({ "columns": ["metrics.loss"], "sort": [{ "key": "metrics.loss", "down": true }], "x": 1.5 });
        for (name, document) in [("mine", &json!({})), ("best%20first", &document), ("mine", &document)] {
            let (status, saved) = call(&router, Method::PUT, &format!("{at}/{name}"), Some(document.clone())).await;
            assert_eq!((status, &saved["document"]), (StatusCode::OK, document));
        }
        let list = get(&router, &at).await;
        let names: Vec<&str> =
            list["items"].as_array().unwrap().iter().map(|view| view["name"].as_str().unwrap()).collect();
        assert_eq!((names, &list["items"][1]["document"]), (vec!["best first", "mine"], &document));
        assert_eq!(get(&router, &format!("/api/v1/experiments/{}/views", ids[1])).await["items"], json!([]));
        let (status, _) = call(&router, Method::DELETE, &format!("{at}/mine"), None).await;
        assert_eq!(status, StatusCode::OK);
        let gone = refused(&router, Method::DELETE, &format!("{at}/mine"), None).await;
        assert_eq!(gone, (404, "VIEW_NOT_FOUND".to_owned()));
        let said = place.said().await;
        assert_eq!(said.iter().filter(|event| event.contains("view mine of experiment a")).count(), 3, "{said:?}");
        let long = refused(&router, Method::PUT, &format!("{at}/{}", "x".repeat(101)), Some(json!({}))).await;
        assert_eq!(long, (400, "TRACKING_VALUE_INVALID".to_owned()));
        let large = refused(&router, Method::PUT, &format!("{at}/large"), Some(json!("x".repeat(70_000)))).await;
        assert_eq!(large, (413, "BODY_TOO_LARGE".to_owned()));
    }
}

#[tokio::test]
async fn an_experiment_keeps_so_many_views_and_no_more() {
    let place = Place::one().await;
    let save = async |name: &str| place.tracking.save_view(&place.world.ctx, 0, name, json!({})).await;
    for at in 0..pitcrew_tracking::limits::VIEWS_PER_EXPERIMENT {
        save(&format!("v{at}")).await.unwrap();
    }
    assert_eq!(save("one more").await.unwrap_err().code(), "TRACKING_VALUE_INVALID");
    assert!(save("v0").await.is_ok());
}
