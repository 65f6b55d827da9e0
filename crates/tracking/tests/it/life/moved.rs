use pitcrew_contracts::tracking::ArtifactReader as _;
use pitcrew_tracking::{Metric, NewModel, Run, RunSearch};

use crate::Place;

async fn points(place: &Place, run: &str, key: &str) -> Vec<(i64, String)> {
    let found = place.tracking.metric_history(&place.world.ctx, run, key, None, None).await.unwrap();
    found.items.into_iter().map(|point| (point.step, point.value.to_string())).collect()
}

#[tokio::test]
async fn nested_runs_move_with_their_parents_and_files_stay_where_they_are() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let (from, to) = (place.experiment("from").await, place.experiment("to").await);
        let parent = place.full(from, "parent", 3).await;
        let child = place.nested(from, "child", &parent).await;
        let grandchild = place.nested(from, "grandchild", &child).await;
        tracking.delete_run(ctx, &grandchild).await.unwrap();
        let stays = place.full(from, "stays", 1).await;
        let source_run_id = parent.clone();
        let new = NewModel { experiment_id: from, name: Some("m".to_owned()), source_run_id, ..NewModel::default() };
        let model = tracking.create_model(ctx, new).await.unwrap();
        let before = tracking.run(ctx, &parent).await.unwrap();
        let moved = tracking.move_runs(ctx, vec![parent.clone()], to).await.unwrap();
        assert_eq!(place.names(&moved).await, ["child", "grandchild", "parent"], "{}", place.db.name);
        let after = tracking.run(ctx, &parent).await.unwrap();
        assert_eq!(after.info.experiment_id, to);
        let back = Run { info: before.info.clone(), ..after.clone() };
        assert_eq!(format!("{back:?}"), format!("{before:?}"), "nothing else changed");
        assert_eq!(after.info.artifact_uri, before.info.artifact_uri);
        assert_eq!(tracking.list(ctx, &format!("runs:/{parent}/model")).await.unwrap().len(), 2);
        assert_eq!(tracking.model(ctx, &model.model_id, false).await.unwrap().experiment_id, to);
        let used = tracking.dataset_summaries(ctx, vec![to]).await.unwrap();
        assert_eq!(used[0].context.as_deref(), Some("training"), "data sets are known in the new place");
        assert_eq!(tracking.run(ctx, &stays).await.unwrap().inputs.len(), 1);
        assert!(tracking.move_runs(ctx, vec![parent.clone()], to).await.unwrap().is_empty(), "once is enough");
        let told = place.said().await;
        assert_eq!(told.iter().filter(|said| said.ends_with("moved to to")).count(), 3, "{}: {told:?}", place.db.name);
    }
}

#[tokio::test]
async fn runs_move_all_or_none_and_only_to_where_they_may() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let (gone, to) = (place.experiment("gone").await, place.experiment("to").await);
        tracking.delete_experiment(ctx, gone).await.unwrap();
        let (one, deleted) = (place.run(0, "one").await.info.run_id, place.run(0, "two").await.info.run_id);
        tracking.delete_run(ctx, &deleted).await.unwrap();
        for (runs, to, code) in [
            (vec![one.clone(), "nope".to_owned()], to, "RUN_NOT_FOUND"),
            (vec![one.clone(), deleted.clone()], to, "RUN_DELETED"),
            (vec![one.clone()], gone, "EXPERIMENT_DELETED"),
            (vec![one.clone()], 99, "EXPERIMENT_NOT_FOUND"),
        ] {
            assert_eq!(tracking.move_runs(ctx, runs.clone(), to).await.unwrap_err().code(), code, "{}", place.db.name);
            assert_eq!(tracking.copy_runs(ctx, runs, to).await.unwrap_err().code(), code, "{}", place.db.name);
        }
        assert_eq!(tracking.run(ctx, &one).await.unwrap().info.experiment_id, 0);
        assert!(!place.rows().await.contains_key("drafts"), "{}: nothing half done", place.db.name);
    }
}

#[tokio::test]
async fn a_copy_has_everything_and_says_where_it_is_from() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let (from, to) = (place.experiment("from").await, place.experiment("to").await);
        let parent = place.full(from, "parent", 5_100).await;
        let child = place.nested(from, "child", &parent).await;
        let other = place.nested(from, "other", "elsewhere").await;
        let wanted = vec![child.clone(), parent.clone(), other];
        let copied = tracking.copy_runs(ctx, wanted, to).await.unwrap();
        let copy_of = |of: &str| copied.iter().find(|one| one.from == of).unwrap().run_id.clone();
        let (before, after) =
            (tracking.run(ctx, &parent).await.unwrap(), tracking.run(ctx, &copy_of(&parent)).await.unwrap());
        assert_eq!((after.info.name.as_str(), after.info.experiment_id), ("parent", to), "{}", place.db.name);
        assert_eq!(after.info.artifact_uri, format!("mlflow-artifacts:/{to}/{}/artifacts", after.info.run_id));
        assert_eq!(after.tags["pitcrew.copied_from"], parent);
        assert_eq!((&after.params, &after.inputs), (&before.params, &before.inputs));
        assert_eq!((&after.model_inputs, &after.model_outputs), (&before.model_inputs, &before.model_outputs));
        assert_eq!(format!("{:?}", after.metrics), format!("{:?}", before.metrics));
        for key in ["loss", "a/b"] {
            assert_eq!(points(&place, &after.info.run_id, key).await, points(&place, &parent, key).await, "{key}");
        }
        let files = async |run: &str| tracking.list(ctx, &format!("runs:/{run}/")).await.unwrap();
        assert_eq!(files(&after.info.run_id).await, files(&parent).await, "the same files by digest");
        assert_eq!(files(&parent).await.len(), 3);
        let nested = tracking.run(ctx, &copy_of(&child)).await.unwrap();
        assert_eq!(nested.tags["mlflow.parentRunId"], after.info.run_id, "copied together, nested together");
        tracking.log_metric(ctx, &parent, Metric::new("loss", 1.0, 1, 1)).await.unwrap();
        assert_eq!(points(&place, &after.info.run_id, "loss").await.len(), 5_100, "two runs from now on");
        assert!(!place.rows().await.contains_key("drafts"), "{}", place.db.name);
        let told = place.said().await;
        let from = format!("ana: run parent copied to to from {parent}");
        assert!(told.contains(&from), "{}: {told:?}", place.db.name);
    }
}

#[tokio::test]
async fn searches_find_what_moved_and_what_was_copied_where_it_is_now() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let (from, to) = (place.experiment("from").await, place.experiment("to").await);
        let (moves, copied) = (place.run(from, "moves").await.info.run_id, place.run(from, "copied").await.info.run_id);
        for run in [&moves, &copied] {
            tracking.log_metric(ctx, run, Metric::new("auc", 0.95, 1, 1)).await.unwrap();
            tracking.log_param(ctx, run, "model", "xgb").await.unwrap();
            tracking.set_tag(ctx, run, "team", "demand").await.unwrap();
        }
        tracking.move_runs(ctx, vec![moves.clone()], to).await.unwrap();
        let copy = tracking.copy_runs(ctx, vec![copied.clone()], to).await.unwrap().remove(0).run_id;
        let sought = [
            ("metrics.auc > 0.9 AND params.model = 'xgb'", "metrics.auc DESC"),
            ("params.model = 'xgb'", ""),
            ("tags.team = 'demand'", ""),
            ("", "metrics.auc"),
        ];
        for (filter, order) in sought {
            let found = async |experiment| {
                let order_by = if order.is_empty() { Vec::new() } else { vec![order.to_owned()] };
                let experiments = Some(vec![experiment]);
                let search =
                    RunSearch { experiments, filter: filter.to_owned(), order_by, limit: 10, ..RunSearch::default() };
                let page = tracking.search_runs(ctx, search).await.unwrap();
                let mut runs: Vec<String> = page.items.into_iter().map(|run| run.info.run_id).collect();
                runs.sort();
                runs
            };
            let mut here = [moves.clone(), copy.clone()];
            here.sort();
            assert_eq!(found(to).await, here, "{}: {filter} {order}", place.db.name);
            assert_eq!(found(from).await, std::slice::from_ref(&copied), "{}: {filter} {order}", place.db.name);
        }
    }
}
