//! Every change is stated once, by who made it; logged data is not.

use std::collections::BTreeMap;

use pitcrew_contracts::tracking::RunTracker as _;
use pitcrew_tracking::{Batch, Metric, ModelStatus, NewModel, RunChange, RunStatus};

use crate::Place;

fn tag(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

#[tokio::test]
async fn what_happens_to_an_experiment_is_told() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let id = place.experiment("bikes").await;
        tracking.rename_experiment(ctx, id, "boats").await.unwrap();
        tracking.rename_experiment(ctx, id, "Default").await.unwrap_err();
        tracking.set_experiment_tag(ctx, id, "team", "blue\nand more").await.unwrap();
        tracking.delete_experiment_tag(ctx, id, "team").await.unwrap();
        tracking.delete_experiment_tag(ctx, id, "team").await.unwrap_err();
        tracking.delete_experiment(ctx, id).await.unwrap();
        tracking.delete_experiment(ctx, id).await.unwrap_err();
        // A pipeline that runs brings it back.
        tracking.open(ctx, "key", "boats", "train", BTreeMap::new()).await.unwrap();
        let said = [
            "ana: experiment bikes made",
            "ana: experiment bikes renamed to boats",
            "ana: experiment boats: tag team set to blue and more",
            "ana: experiment boats: tag team removed",
            "ana: experiment boats deleted with its runs",
            "ana: experiment boats restored with its runs",
            "ana: run train started in boats",
        ];
        assert_eq!(place.said().await, said, "{}", place.db.name);
    }
}

#[tokio::test]
async fn what_happens_to_a_run_is_told() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let id = place.run(0, "one").await.info.run_id;
        tracking.set_tag(ctx, &id, "a", "1").await.unwrap();
        tracking.delete_tag(ctx, &id, "a").await.unwrap();
        tracking.delete_tag(ctx, &id, "a").await.unwrap_err();
        tracking
            .log_batch(ctx, &id, Batch { tags: vec![tag("mlflow.runName", "two")], ..Batch::default() })
            .await
            .unwrap();
        let ends = |status| RunChange { status: Some(status), end_ms: Some(5), name: None };
        tracking.update_run(ctx, &id, ends(RunStatus::Finished)).await.unwrap();
        tracking
            .update_run(ctx, &id, RunChange { status: Some(RunStatus::Running), ..RunChange::default() })
            .await
            .unwrap();
        tracking
            .update_run(ctx, &id, RunChange { name: Some("three".to_owned()), ..RunChange::default() })
            .await
            .unwrap();
        tracking.update_run(ctx, &id, ends(RunStatus::Failed)).await.unwrap();
        tracking.update_run(ctx, &id, ends(RunStatus::Killed)).await.unwrap();
        tracking.delete_run(ctx, &id).await.unwrap();
        tracking.delete_run(ctx, &id).await.unwrap();
        tracking.set_tag(ctx, &id, "a", "1").await.unwrap_err();
        tracking.restore_run(ctx, &id).await.unwrap();
        let said = [
            "ana: run one started in Default".to_owned(),
            format!("ana: run {id}: tag a set to 1"),
            format!("ana: run {id}: tag a removed"),
            "ana: run one renamed to two".to_owned(),
            "ana: run two ended FINISHED".to_owned(),
            "ana: run two is now RUNNING".to_owned(),
            "ana: run two renamed to three".to_owned(),
            "ana: run three ended FAILED".to_owned(),
            "ana: run three ended KILLED".to_owned(),
            "ana: run three deleted".to_owned(),
            "ana: run three restored".to_owned(),
        ];
        assert_eq!(place.said().await, said, "{}", place.db.name);
    }
}

#[tokio::test]
async fn what_happens_to_files_and_logged_models_is_told() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        for bytes in ["one", "one", "two"] {
            let mut upload = tracking.upload_artifact(ctx, "0/r/a.txt".parse().unwrap()).await.unwrap();
            upload.write(bytes.into()).await.unwrap();
            tracking.finish_artifact(ctx, upload).await.unwrap();
        }
        let digest = tracking.open_artifact(ctx, "0/r/a.txt".parse().unwrap()).await.unwrap().digest;
        tracking.delete_artifact(ctx, "0/r".parse().unwrap()).await.unwrap();
        tracking.delete_artifact(ctx, "0/r".parse().unwrap()).await.unwrap_err();

        let new = NewModel { name: Some("m".to_owned()), ..NewModel::default() };
        let id = tracking.create_model(ctx, new).await.unwrap().model_id;
        tracking.finalize_model(ctx, &id, ModelStatus::Ready).await.unwrap();
        tracking.set_model_tags(ctx, &id, BTreeMap::from([tag("a", "1"), tag("b", "2")])).await.unwrap();
        tracking.set_model_tags(ctx, &id, BTreeMap::new()).await.unwrap();
        tracking.delete_model_tag(ctx, &id, "a").await.unwrap();
        tracking.delete_model_tag(ctx, &id, "a").await.unwrap_err();
        tracking.delete_model(ctx, &id).await.unwrap();
        let said = [
            format!("ana: artifact 0/r/a.txt replaced by {digest}"),
            "ana: artifact 0/r deleted".to_owned(),
            "ana: logged model m made".to_owned(),
            "ana: logged model m is now LOGGED_MODEL_READY".to_owned(),
            "ana: logged model m: tags a, b set".to_owned(),
            "ana: logged model m: tags a removed".to_owned(),
            "ana: logged model m deleted".to_owned(),
        ];
        assert_eq!(place.said().await, said, "{}", place.db.name);
    }
}

#[tokio::test]
async fn logged_data_states_nothing() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let id = place.run(0, "one").await.info.run_id;
        let point = Metric::new("m", 1.0, 1, 1);
        tracking.log_metric(ctx, &id, point.clone()).await.unwrap();
        let batch = Batch {
            metrics: vec![point],
            params: vec![tag("p", "1")],
            tags: vec![tag("t", "x"), tag("mlflow.runName", "one")],
        };
        tracking.log_batch(ctx, &id, batch).await.unwrap();
        tracking.log_param(ctx, &id, "q", "1").await.unwrap();
        tracking.log_inputs(ctx, &id, Vec::new(), vec!["m-1".to_owned()]).await.unwrap();
        tracking.log_outputs(ctx, &id, Vec::new()).await.unwrap();
        tracking.log_model(ctx, &id, serde_json::json!({ "artifact_path": "model" })).await.unwrap();
        assert_eq!(place.said().await, ["ana: run one started in Default"], "{}", place.db.name);
    }
}
