use pitcrew_kernel::Access;
use pitcrew_testkit::stranger_is_refused;
use pitcrew_tracking::{Batch, NewExperiment, life_routes, routes};

use crate::Place;

#[tokio::test]
async fn strangers_reach_no_route() {
    let place = Place::one().await;
    stranger_is_refused(&place.world, routes(place.tracking.clone())).await;
    stranger_is_refused(&place.world, life_routes(place.retention())).await;
}

#[tokio::test]
async fn readers_change_nothing() {
    let place = Place::one().await;
    let (tracking, reader) = (&place.tracking, place.world.ctx_with(Access::Read));
    let run = place.run(0, "a").await.info.run_id;
    let new = NewExperiment { name: "x".to_owned(), ..NewExperiment::default() };
    assert_eq!(tracking.create_experiment(&reader, new).await.unwrap_err().code(), "FORBIDDEN");
    assert_eq!(tracking.log_batch(&reader, &run, Batch::default()).await.unwrap_err().code(), "FORBIDDEN");
    assert_eq!(tracking.delete_run(&reader, &run).await.unwrap_err().code(), "FORBIDDEN");
    let upload = tracking.upload_artifact(&reader, "a".parse().unwrap()).await;
    assert_eq!(upload.unwrap_err().code(), "FORBIDDEN");
    assert!(tracking.run(&reader, &run).await.is_ok());
}
