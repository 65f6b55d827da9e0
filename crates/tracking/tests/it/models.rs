use pitcrew_tracking::filter::models::{OnDataset, parse_term};
use pitcrew_tracking::{Metric, ModelSearch, ModelStatus, NewModel};

use crate::Place;

async fn model(place: &Place, experiment: i64, name: &str) -> String {
    place.world.clock.advance(std::time::Duration::from_secs(1));
    let new = NewModel {
        experiment_id: experiment,
        name: Some(name.to_owned()),
        params: [("depth".to_owned(), name.len().to_string())].into(),
        ..NewModel::default()
    };
    place.tracking.create_model(&place.world.ctx, new).await.unwrap().model_id
}

#[tokio::test]
async fn a_model_is_made_tagged_finished_and_deleted() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let id = model(&place, 0, "forest").await;
        assert!(id.starts_with("m-") && id.len() == 34);
        tracking.finalize_model(ctx, &id, ModelStatus::Ready).await.unwrap();
        tracking.set_model_tags(ctx, &id, [("a".to_owned(), "1".to_owned())].into()).await.unwrap();
        tracking.log_model_params(ctx, &id, [("b".to_owned(), "2".to_owned())].into()).await.unwrap();
        let found = tracking.model(ctx, &id, false).await.unwrap();
        assert_eq!(found.artifact_uri, format!("mlflow-artifacts:/0/models/{id}/artifacts"));
        assert_eq!(
            (found.status, found.tags["a"].as_str(), found.params["b"].as_str()),
            (ModelStatus::Ready, "1", "2")
        );
        tracking.delete_model_tag(ctx, &id, "a").await.unwrap();
        assert_eq!(tracking.delete_model_tag(ctx, &id, "a").await.unwrap_err().code(), "TAG_NOT_FOUND");
        tracking.delete_model(ctx, &id).await.unwrap();
        assert_eq!(tracking.model(ctx, &id, false).await.unwrap_err().code(), "LOGGED_MODEL_NOT_FOUND");
        assert_eq!(tracking.model(ctx, &id, true).await.unwrap().name, "forest");
        let bad = NewModel { name: Some("a/b".to_owned()), ..NewModel::default() };
        assert_eq!(tracking.create_model(ctx, bad).await.unwrap_err().code(), "TRACKING_VALUE_INVALID");
    }
}

#[tokio::test]
async fn points_about_a_model_are_kept_with_it_too() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let id = model(&place, 0, "forest").await;
        let run = place.run(0, "a").await.info.run_id;
        let point = Metric {
            model_id: Some(id.clone()),
            dataset_name: Some("bikes".to_owned()),
            dataset_digest: Some("d1".to_owned()),
            ..Metric::new("mae", f64::INFINITY, 5, 1)
        };
        tracking.log_metric(ctx, &run, point.clone()).await.unwrap();
        tracking.log_metric(ctx, &run, point.clone()).await.unwrap();
        let kept = tracking.model(ctx, &id, false).await.unwrap().metrics;
        assert_eq!(kept, [Metric { run_id: Some(run.clone()), ..point }]);
        assert_eq!(tracking.run(ctx, &run).await.unwrap().metrics.len(), 1);
    }
}

#[tokio::test]
async fn models_are_searched_ordered_and_paged() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let run = place.run(0, "a").await.info.run_id;
        let mut ids = Vec::new();
        for (name, mae) in [("a", Some(3.0)), ("bb", Some(1.0)), ("ccc", None)] {
            let id = model(&place, 0, name).await;
            for (dataset, add) in [("train", 0.0), ("test", 10.0)] {
                let Some(mae) = mae else { continue };
                let point = Metric {
                    model_id: Some(id.clone()),
                    dataset_name: Some(dataset.to_owned()),
                    ..Metric::new("mae", mae + add, 5 + add as i64, 1)
                };
                tracking.log_metric(ctx, &run, point).await.unwrap();
            }
            ids.push(id);
        }
        let names = async |search: ModelSearch| {
            let search = ModelSearch { experiments: vec![0], limit: 10, ..search };
            let found = tracking.search_models(ctx, search).await.unwrap();
            found.items.into_iter().map(|model| model.name).collect::<Vec<_>>().join(" ")
        };
        let by = |filter: &str| ModelSearch { filter: filter.to_owned(), ..ModelSearch::default() };
        assert_eq!(names(by("")).await, "ccc bb a", "{}", place.db.name);
        assert_eq!(names(by("params.depth = '2'")).await, "bb");
        assert_eq!(names(by("metrics.mae < 2")).await, "bb");
        assert_eq!(names(by("name IN ('a', 'ccc')")).await, "ccc a");
        let test = OnDataset { name: "test".to_owned(), digest: None };
        let on_test = ModelSearch { datasets: vec![test.clone()], ..by("metrics.mae < 2") };
        assert_eq!(names(on_test).await, "");
        assert_eq!(names(ModelSearch { datasets: vec![test.clone()], ..by("") }).await, "bb a");
        let order = vec![parse_term("metrics.mae", true, Some(test)).unwrap()];
        assert_eq!(names(ModelSearch { order: order.clone(), ..by("") }).await, "bb a ccc");
        let (mut paged, mut page) = (Vec::new(), None);
        loop {
            let search =
                ModelSearch { experiments: vec![0], limit: 1, order: order.clone(), page, ..ModelSearch::default() };
            let got = tracking.search_models(ctx, search).await.unwrap();
            paged.extend(got.items.into_iter().map(|model| model.name));
            page = got.next;
            if page.is_none() {
                break;
            }
        }
        assert_eq!(paged, ["bb", "a", "ccc"]);
    }
}
