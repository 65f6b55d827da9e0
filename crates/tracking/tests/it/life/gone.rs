use std::collections::BTreeMap;

use pitcrew_kernel::Access;
use pitcrew_tracking::{NewModel, referenced_digests};

use crate::Place;

#[tokio::test]
async fn a_deleted_run_goes_for_good_and_its_neighbours_stay() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let id = place.experiment("bikes").await;
        let stays = place.full(id, "stays", 3).await;
        let before = place.rows().await;
        let goes = place.full(id, "goes", 3).await;
        let error = tracking.purge_run(ctx, &goes).await.unwrap_err();
        assert_eq!(error.code(), "RUN_NOT_DELETED");
        tracking.delete_run(ctx, &goes).await.unwrap();
        let writer = place.world.ctx_with(Access::Write);
        assert_eq!(tracking.purge_run(&writer, &goes).await.unwrap_err().code(), "FORBIDDEN");
        tracking.purge_run(ctx, &goes).await.unwrap();
        assert_eq!(tracking.run(ctx, &goes).await.unwrap_err().code(), "RUN_NOT_FOUND", "gone at once");
        assert_eq!(tracking.restore_run(ctx, &goes).await.unwrap_err().code(), "RUN_NOT_FOUND");
        assert_eq!(tracking.purge_run(ctx, &goes).await.unwrap_err().code(), "RUN_NOT_FOUND");
        place.work().await;
        assert_eq!(place.rows().await, before, "{}", place.db.name);
        assert_eq!(tracking.run(ctx, &stays).await.unwrap().inputs.len(), 1);
        assert_eq!(place.db.db.read(referenced_digests).await.unwrap().len(), 1, "the bytes of the other go");
        assert_eq!(place.said().await.last().unwrap(), "ana: run goes removed for good", "{}", place.db.name);
    }
}

#[tokio::test]
async fn many_points_go_in_slices_between_which_others_write() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let goes = place.full(0, "goes", 12_000).await;
        tracking.delete_run(ctx, &goes).await.unwrap();
        tracking.purge_run(ctx, &goes).await.unwrap();
        let mut left = vec![place.rows().await["points"]];
        while tracking.purge_some().await.unwrap() {
            left.push(place.rows().await.get("points").copied().unwrap_or_default());
        }
        assert_eq!(left, [12_002, 7_002, 2_002, 0], "{}: no more than 5,000 rows at once", place.db.name);
        // What the experiment's other runs share stays: the data set and the folder.
        assert_eq!(place.rows().await, BTreeMap::from([("artifacts", 1), ("datasets", 1)]), "{}", place.db.name);
    }
}

#[tokio::test]
async fn an_experiment_goes_with_everything_in_it_and_its_name_is_free() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let other = place.experiment("other").await;
        let stays = place.full(other, "stays", 3).await;
        let before = place.rows().await;
        let id = place.experiment("bikes").await;
        tracking.set_experiment_tag(ctx, id, "a", "1").await.unwrap();
        let one = place.full(id, "one", 3).await;
        place.full(id, "two", 3).await;
        let moved = place.full(id, "moved", 3).await;
        tracking.move_runs(ctx, vec![moved.clone()], other).await.unwrap();
        let new = NewModel { experiment_id: id, name: Some("m".to_owned()), ..NewModel::default() };
        tracking.create_model(ctx, new).await.unwrap();
        assert_eq!(tracking.purge_experiment(ctx, id).await.unwrap_err().code(), "EXPERIMENT_NOT_DELETED");
        tracking.delete_experiment(ctx, id).await.unwrap();
        tracking.restore_run(ctx, &one).await.unwrap();
        assert_eq!(tracking.purge_experiment(ctx, id).await.unwrap_err().code(), "EXPERIMENT_NOT_DELETED");
        tracking.delete_run(ctx, &one).await.unwrap();
        tracking.purge_experiment(ctx, id).await.unwrap();
        assert_eq!(tracking.restore_run(ctx, &one).await.unwrap_err().code(), "RUN_NOT_FOUND");
        assert_ne!(place.experiment("bikes").await, id);
        place.work().await;
        assert_eq!(place.names(&[stays, moved.clone()]).await, ["moved", "stays"]);
        let address = format!("{id}/{moved}/artifacts/model").parse().unwrap();
        assert_eq!(tracking.list_artifacts(ctx, address).await.unwrap().len(), 2, "what moved keeps its files");
        tracking.delete_run(ctx, &moved).await.unwrap();
        tracking.purge_run(ctx, &moved).await.unwrap();
        place.work().await;
        let after = place.rows().await;
        // The folder of the experiment itself is left: traces may have files there.
        let folder = before["artifacts"] + 1;
        assert_eq!(after, BTreeMap::from_iter(before.into_iter().chain([("artifacts", folder)])), "{}", place.db.name);
        assert_eq!(tracking.purge_experiment(ctx, 0).await.unwrap_err().code(), "EXPERIMENT_NOT_DELETED");
        assert_eq!(tracking.purge_experiment(ctx, 99).await.unwrap_err().code(), "EXPERIMENT_NOT_FOUND");
    }
}
