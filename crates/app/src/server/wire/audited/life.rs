//! What becomes of runs and experiments after they were logged, and the entries it leaves.

use serde_json::{Value, json};

use super::Audited;
use super::calls::{model, text};

/// Runs changed, deleted, moved, copied, brought in and kept by a rule.
pub(super) async fn live(it: &mut Audited) {
    let experiment = experiment(it).await;
    let run = run(it, &experiment).await;
    import(it).await;
    go(it, &experiment, &run).await;
}

async fn experiment(it: &mut Audited) -> String {
    let made = json!({ "name": "lived in" });
    let created = ["tracking.experiment_created"];
    let made = it.states(&created, "POST /api/2.0/mlflow/experiments/create", &[], made).await;
    let id = text(&made, "/experiment_id");
    let which = [("{id}", id.as_str())];
    let changed = ["tracking.experiment_renamed", "tracking.experiment_tagged"];
    let words = json!({ "name": "lived", "notes": "# Why" });
    it.states(&changed, "PATCH /api/v1/experiments/{id}", &which, words).await;
    let route = |method: &str| format!("{method} /api/v1/experiments/{{id}}/retention");
    let changed = ["tracking.retention_changed"];
    it.states(&changed, &route("PUT"), &which, json!({ "delete_after": "90d" })).await;
    it.states(&changed, &route("DELETE"), &which, json!({})).await;
    id
}

async fn run(it: &mut Audited, experiment: &str) -> String {
    let made = it.states(&["tracking.run_started"], "POST /api/2.0/mlflow/runs/create", &[], json!({})).await;
    let id = text(&made, "/run/info/run_id");
    let which = [("{run_id}", id.as_str())];
    let words = json!({ "name": "b", "notes": "good", "tags": { "t": "1" } });
    let changed = ["tracking.run_renamed", "tracking.run_tagged", "tracking.run_tagged"];
    it.states(&changed, "PATCH /api/v1/runs/{run_id}", &which, words.clone()).await;
    it.states(&[], "PATCH /api/v1/runs/{run_id}", &which, words).await;
    let these = json!({ "run_ids": [id] });
    it.states(&["tracking.run_deleted"], "POST /api/v1/runs/delete", &[], these.clone()).await;
    it.states(&["tracking.run_restored"], "POST /api/v1/runs/restore", &[], these).await;
    it.states(&["tracking.run_deleted"], "DELETE /api/v1/runs/{run_id}", &which, json!({})).await;
    it.states(&["tracking.run_restored"], "POST /api/v1/runs/{run_id}/restore", &which, json!({})).await;
    let there = json!({ "run_ids": [id], "experiment_id": experiment });
    it.states(&["tracking.run_moved"], "POST /api/v1/runs/move", &[], there.clone()).await;
    it.states(&["tracking.run_copied"], "POST /api/v1/runs/copy", &[], there).await;
    id
}

async fn import(it: &mut Audited) {
    let id = "0123456789abcdef0123456789abcdef";
    let head = json!({
        "format": 1, "run_id": id, "experiment": "far", "name": "a", "status": "FINISHED", "started_ms": 5, "params": { "p": "1" },
    });
    it.states(&["tracking.experiment_created"], "POST /api/v1/runs/import", &[], head.clone()).await;
    let which = [("{run_id}", id)];
    let points = json!({ "points": [{ "key": "m", "value": 1.5, "step": 1, "at_ms": 5 }] });
    it.passes("POST /api/v1/runs/import/{run_id}/points", &which, points).await;
    file(it, id).await;
    let whole = json!({ "run": head, "points": { "m": 1 }, "artifacts": 1 });
    let finish = "POST /api/v1/runs/import/{run_id}/finish";
    it.states(&["tracking.run_imported"], finish, &which, whole.clone()).await;
    it.states(&[], finish, &which, whole).await;
    let model = json!({
        "model_id": "m-0123456789abcdef0123456789abcdef", "experiment": "far", "name": "m", "status": "LOGGED_MODEL_READY", "created_ms": 5, "updated_ms": 6,
    });
    let route = "POST /api/v1/logged-models/import";
    it.states(&["tracking.logged_model_created"], route, &[], model.clone()).await;
    it.states(&[], route, &[], model).await;
}

/// Asks with a wrong digest what the right one is.
async fn file(it: &mut Audited, id: &str) {
    let route = "PUT /api/v1/runs/import/{run_id}/artifacts";
    let wrong = format!("b3:{}", "0".repeat(64));
    let query = |digest: &str| format!("/artifacts?path=a.json&digest={digest}");
    let (status, answer) = it.send(route, &[("{run_id}", id), ("/artifacts", &query(&wrong))], model(1.0)).await;
    assert_eq!((status.as_u16(), &answer["code"]), (400, &json!("RUN_IMPORT_DIGEST")), "{answer}");
    let detail = text(&answer, "/detail");
    let right = detail.rsplit(' ').next().unwrap();
    it.passes(route, &[("{run_id}", id), ("/artifacts", &query(right))], model(1.0)).await;
}

/// Deleted, restored and removed for good.
async fn go(it: &mut Audited, experiment: &str, run: &str) {
    let route = "DELETE /api/v1/runs/{run_id}";
    it.states(&["tracking.run_deleted"], route, &[("{run_id}", run)], json!({})).await;
    let for_good = format!("{run}?permanently=true");
    it.states(&["tracking.run_purged"], route, &[("{run_id}", &for_good)], Value::Null).await;
    let (route, which) = ("DELETE /api/v1/experiments/{id}", [("{id}", experiment)]);
    it.states(&["tracking.experiment_deleted"], route, &which, json!({})).await;
    let restore = "POST /api/v1/experiments/{id}/restore";
    it.states(&["tracking.experiment_restored"], restore, &which, json!({})).await;
    it.states(&["tracking.experiment_deleted"], route, &which, json!({})).await;
    let for_good = format!("{experiment}?permanently=true");
    it.states(&["tracking.experiment_purged"], route, &[("{id}", &for_good)], Value::Null).await;
}
