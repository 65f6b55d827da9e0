use std::collections::BTreeMap;

use pitcrew_tracking::{Dataset, DatasetInput, ModelOutput, NewRun, RunChange, RunStatus};

use crate::Place;

#[tokio::test]
async fn a_run_has_a_name_an_address_and_states_its_ends() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let id = place.experiment("bikes").await;
        let new = NewRun { experiment_id: Some(id), tags: vec![("k".to_owned(), "v".to_owned())], ..NewRun::default() };
        let run = tracking.create_run(ctx, new).await.unwrap();
        let run_id = run.info.run_id.clone();
        assert_eq!(run_id.len(), 32);
        assert_eq!(run.info.artifact_uri, format!("mlflow-artifacts:/{id}/{run_id}/artifacts"));
        assert_eq!(run.tags["mlflow.runName"], run.info.name);
        assert_eq!(tracking.run(ctx, &run_id).await.unwrap(), run);
        let end = |status| RunChange { status: Some(status), end_ms: Some(5), name: None };
        tracking.update_run(ctx, &run_id, end(RunStatus::Finished)).await.unwrap();
        tracking.update_run(ctx, &run_id, end(RunStatus::Finished)).await.unwrap();
        let ended = tracking.run(ctx, &run_id).await.unwrap().info;
        assert_eq!((ended.status, ended.end_ms), (RunStatus::Finished, Some(5)));
        let name = &run.info.name;
        let said = [
            "ana: experiment bikes made".to_owned(),
            format!("ana: run {name} started in bikes"),
            format!("ana: run {name} ended FINISHED"),
        ];
        assert_eq!(place.said().await, said, "{}: an end that was told is not told again", place.db.name);
    }
}

#[tokio::test]
async fn names_and_name_tags_are_one() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let run = place.run(0, "first").await.info.run_id;
        tracking.set_tag(ctx, &run, "mlflow.runName", "second").await.unwrap();
        assert_eq!(tracking.run(ctx, &run).await.unwrap().info.name, "second");
        let change = RunChange { name: Some("third".to_owned()), ..RunChange::default() };
        tracking.update_run(ctx, &run, change).await.unwrap();
        assert_eq!(tracking.run(ctx, &run).await.unwrap().tags["mlflow.runName"], "third");
        let torn = NewRun {
            name: Some("a".to_owned()),
            tags: vec![("mlflow.runName".to_owned(), "b".to_owned())],
            ..NewRun::default()
        };
        assert_eq!(tracking.create_run(ctx, torn).await.unwrap_err().code(), "TRACKING_VALUE_INVALID");
    }
}

#[tokio::test]
async fn deleted_runs_take_nothing_until_restored() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let run = place.run(0, "a").await.info.run_id;
        tracking.delete_run(ctx, &run).await.unwrap();
        assert_eq!(tracking.log_param(ctx, &run, "a", "1").await.unwrap_err().code(), "RUN_DELETED");
        let change = RunChange { status: Some(RunStatus::Failed), ..RunChange::default() };
        assert_eq!(tracking.update_run(ctx, &run, change).await.unwrap_err().code(), "RUN_DELETED");
        tracking.restore_run(ctx, &run).await.unwrap();
        tracking.log_param(ctx, &run, "a", "1").await.unwrap();
        assert_eq!(tracking.delete_run(ctx, "nope").await.unwrap_err().code(), "RUN_NOT_FOUND");
    }
}

fn input(name: &str, context: &str) -> DatasetInput {
    DatasetInput {
        dataset: Dataset {
            name: name.to_owned(),
            digest: "d1".to_owned(),
            source_type: "local".to_owned(),
            source: "{}".to_owned(),
            schema: Some("{\"a\": 1}".to_owned()),
            profile: None,
        },
        tags: BTreeMap::from([("mlflow.data.context".to_owned(), context.to_owned())]),
    }
}

#[tokio::test]
async fn data_sets_are_shared_by_runs_and_noted_once() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let id = place.experiment("bikes").await;
        let (one, two) = (place.run(id, "one").await.info.run_id, place.run(id, "two").await.info.run_id);
        tracking
            .log_inputs(ctx, &one, vec![input("bikes", "training"), input("cars", "eval")], vec!["m-1".to_owned()])
            .await
            .unwrap();
        tracking.log_inputs(ctx, &one, vec![input("bikes", "other")], Vec::new()).await.unwrap();
        tracking.log_inputs(ctx, &two, vec![input("bikes", "training")], Vec::new()).await.unwrap();
        let outputs = [("m-2", 2), ("m-3", 1)].map(|(id, step)| ModelOutput { model_id: id.to_owned(), step });
        tracking.log_outputs(ctx, &one, outputs.to_vec()).await.unwrap();
        let run = tracking.run(ctx, &one).await.unwrap();
        assert_eq!(run.inputs, [input("bikes", "training"), input("cars", "eval")], "{}", place.db.name);
        assert_eq!(run.model_inputs, ["m-1"]);
        assert_eq!(run.model_outputs.iter().map(|output| output.model_id.as_str()).collect::<Vec<_>>(), ["m-3", "m-2"]);
        let summaries = tracking.dataset_summaries(ctx, vec![id]).await.unwrap();
        let told: Vec<_> = summaries.iter().map(|one| (one.name.as_str(), one.context.as_deref())).collect();
        assert_eq!(told, [("bikes", Some("training")), ("cars", Some("eval"))]);
    }
}

#[tokio::test]
async fn old_clients_keep_models_in_a_tag() {
    let place = Place::one().await;
    let (tracking, ctx) = (&place.tracking, &place.world.ctx);
    let run = place.run(0, "a").await.info.run_id;
    for path in ["one", "two"] {
        tracking.log_model(ctx, &run, serde_json::json!({"artifact_path": path})).await.unwrap();
    }
    assert_eq!(
        tracking.run(ctx, &run).await.unwrap().tags["mlflow.log-model.history"],
        r#"[{"artifact_path":"one"},{"artifact_path":"two"}]"#
    );
    let big = serde_json::json!({"artifact_path": "x".repeat(9_000)});
    assert_eq!(tracking.log_model(ctx, &run, big).await.unwrap_err().code(), "TRACKING_VALUE_INVALID");
}
