use pitcrew_tracking::{ExperimentSearch, NewExperiment, RunSearch, View};

use crate::Place;

#[tokio::test]
async fn they_have_unique_names_numbers_from_one_and_a_default() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        assert_eq!(tracking.experiment(ctx, 0).await.unwrap().name, "Default");
        assert_eq!(place.experiment("one").await, 1);
        assert_eq!(place.experiment("two").await, 2);
        let again = NewExperiment { name: "one".to_owned(), ..NewExperiment::default() };
        assert_eq!(tracking.create_experiment(ctx, again).await.unwrap_err().code(), "EXPERIMENT_EXISTS");
        assert_eq!(tracking.experiment_by_name(ctx, "two").await.unwrap().artifact_uri, "mlflow-artifacts:/2");
        assert_eq!(tracking.experiment_by_name(ctx, "three").await.unwrap_err().code(), "EXPERIMENT_NOT_FOUND");
        tracking.rename_experiment(ctx, 1, "first").await.unwrap();
        assert_eq!(tracking.rename_experiment(ctx, 1, "two").await.unwrap_err().code(), "EXPERIMENT_EXISTS");
        assert_eq!(tracking.experiment(ctx, 1).await.unwrap().name, "first");
    }
}

#[tokio::test]
async fn deleting_one_hides_its_runs_until_it_is_restored() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let id = place.experiment("bikes").await;
        let run = place.run(id, "a").await.info.run_id;
        tracking.delete_experiment(ctx, id).await.unwrap();
        let search = |view| RunSearch { experiments: Some(vec![id]), limit: 10, view, ..RunSearch::default() };
        assert!(tracking.search_runs(ctx, search(View::Active)).await.unwrap().items.is_empty());
        assert_eq!(tracking.search_runs(ctx, search(View::Deleted)).await.unwrap().items.len(), 1);
        assert_eq!(tracking.delete_experiment(ctx, id).await.unwrap_err().code(), "EXPERIMENT_NOT_FOUND");
        assert_eq!(tracking.set_tag(ctx, &run, "a", "b").await.unwrap_err().code(), "RUN_DELETED");
        assert_eq!(tracking.set_experiment_tag(ctx, id, "a", "b").await.unwrap_err().code(), "EXPERIMENT_DELETED");
        tracking.restore_experiment(ctx, id).await.unwrap();
        assert_eq!(tracking.search_runs(ctx, search(View::Active)).await.unwrap().items.len(), 1);
    }
}

#[tokio::test]
async fn they_are_searched_by_name_tag_and_number_and_paged() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        for name in ["bikes", "Boats", "cars"] {
            place.world.clock.advance(std::time::Duration::from_secs(1));
            place.experiment(name).await;
        }
        tracking.set_experiment_tag(ctx, 1, "team", "blue").await.unwrap();
        tracking.set_experiment_tag(ctx, 3, "team", "red").await.unwrap();
        let found = async |filter: &str, order: &[&str]| {
            let search = ExperimentSearch {
                filter: filter.to_owned(),
                order_by: order.iter().map(|term| (*term).to_owned()).collect(),
                limit: 10,
                ..ExperimentSearch::default()
            };
            let page = tracking.search_experiments(ctx, search).await.unwrap();
            page.items.into_iter().map(|experiment| experiment.name).collect::<Vec<_>>()
        };
        assert_eq!(found("", &[]).await, ["cars", "Boats", "bikes", "Default"], "{}", place.db.name);
        assert_eq!(found("name LIKE 'b%'", &[]).await, ["bikes"]);
        assert_eq!(found("name ILIKE 'b%'", &["name ASC"]).await, ["Boats", "bikes"]);
        assert_eq!(found("tags.team != 'red'", &[]).await, ["bikes"]);
        assert_eq!(found("tags.team IS NULL", &["experiment_id"]).await, ["Default", "Boats"]);
        assert_eq!(found("experiment_id IN ('1', '3') AND creation_time > 0", &["name DESC"]).await, ["cars", "bikes"]);
        let mut names = Vec::new();
        let mut page = None;
        loop {
            let search = ExperimentSearch { limit: 3, page, ..ExperimentSearch::default() };
            let got = tracking.search_experiments(ctx, search).await.unwrap();
            names.extend(got.items.into_iter().map(|experiment| experiment.name));
            page = got.next;
            if page.is_none() {
                break;
            }
        }
        assert_eq!(names, ["cars", "Boats", "bikes", "Default"]);
    }
}

#[tokio::test]
async fn tags_are_set_and_removed() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let id = place.experiment("bikes").await;
        tracking.set_experiment_tag(ctx, id, "a", "1").await.unwrap();
        tracking.set_experiment_tag(ctx, id, "a", "2").await.unwrap();
        assert_eq!(tracking.experiment(ctx, id).await.unwrap().tags["a"], "2");
        tracking.delete_experiment_tag(ctx, id, "a").await.unwrap();
        assert_eq!(tracking.delete_experiment_tag(ctx, id, "a").await.unwrap_err().code(), "TAG_NOT_FOUND");
    }
}
