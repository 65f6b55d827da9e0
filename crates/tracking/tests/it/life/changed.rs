use pitcrew_kernel::Access;
use pitcrew_tracking::Patch;

use crate::Place;

fn tags(pairs: &[(&str, Option<&str>)]) -> Vec<(String, Option<String>)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), value.map(str::to_owned))).collect()
}

#[tokio::test]
async fn name_notes_and_tags_change_together_and_what_is_so_already_is_not_told() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let run = place.run(0, "one").await.info.run_id;
        tracking.set_tag(ctx, &run, "old", "1").await.unwrap();
        let patch = Patch {
            name: Some("two".to_owned()),
            notes: Some(Some("# Why\nbecause".to_owned())),
            tags: tags(&[("team", Some("blue")), ("old", None), ("never", None)]),
        };
        for _ in 0..2 {
            let changed = tracking.patch_run(ctx, &run, patch.clone()).await.unwrap();
            assert_eq!(changed.info.name, "two");
            assert_eq!(changed.tags["mlflow.note.content"], "# Why\nbecause", "{}", place.db.name);
            assert_eq!(changed.tags["mlflow.runName"], "two");
            assert_eq!((changed.tags.get("team").map(String::as_str), changed.tags.get("old")), (Some("blue"), None));
        }
        let without = Patch { notes: Some(None), ..Patch::default() };
        assert!(!tracking.patch_run(ctx, &run, without).await.unwrap().tags.contains_key("mlflow.note.content"));
        let said = [
            "ana: run one started in Default".to_owned(),
            format!("ana: run {run}: tag old set to 1"),
            "ana: run one renamed to two".to_owned(),
            format!("ana: run {run}: tag team set to blue"),
            format!("ana: run {run}: tag old removed"),
            format!("ana: run {run}: tag mlflow.note.content set to # Why because"),
            format!("ana: run {run}: tag mlflow.note.content removed"),
        ];
        assert_eq!(place.said().await, said, "{}", place.db.name);
    }
}

#[tokio::test]
async fn a_change_that_cannot_be_kept_changes_nothing() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let run = place.run(0, "one").await.info.run_id;
        let named = |patch: Patch| Patch { name: Some("two".to_owned()), ..patch };
        for bad in [
            named(Patch { notes: Some(Some("ß".repeat(8_001))), ..Patch::default() }),
            named(Patch { tags: tags(&[("a//b", Some("1"))]), ..Patch::default() }),
            named(Patch { tags: tags(&[("mlflow.runName", Some("three"))]), ..Patch::default() }),
            Patch { tags: tags(&[("mlflow.runName", None)]), ..Patch::default() },
            Patch { name: Some(String::new()), ..Patch::default() },
            named(Patch { notes: Some(None), tags: tags(&[("mlflow.note.content", Some("1"))]), ..Patch::default() }),
        ] {
            assert_eq!(tracking.patch_run(ctx, &run, bad).await.unwrap_err().code(), "TRACKING_VALUE_INVALID");
        }
        assert_eq!(tracking.run(ctx, &run).await.unwrap().info.name, "one", "{}", place.db.name);
        let reader = place.world.ctx_with(Access::Read);
        assert_eq!(tracking.patch_run(&reader, &run, Patch::default()).await.unwrap_err().code(), "FORBIDDEN");
    }
}

#[tokio::test]
async fn experiments_have_notes_too() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let id = place.experiment("bikes").await;
        let notes = "ß".repeat(20_000);
        let patch =
            Patch { name: Some("boats".to_owned()), notes: Some(Some(notes.clone())), tags: tags(&[("a", Some("1"))]) };
        for _ in 0..2 {
            let changed = tracking.patch_experiment(ctx, id, patch.clone()).await.unwrap();
            assert_eq!((changed.name.as_str(), &changed.tags["mlflow.note.content"]), ("boats", &notes));
        }
        let taken = Patch { name: Some("Default".to_owned()), tags: tags(&[("a", None)]), ..Patch::default() };
        assert_eq!(tracking.patch_experiment(ctx, id, taken).await.unwrap_err().code(), "EXPERIMENT_EXISTS");
        assert_eq!(tracking.experiment(ctx, id).await.unwrap().tags["a"], "1", "{}: all or nothing", place.db.name);
        assert_eq!(place.said().await.len(), 4, "{}", place.db.name);
    }
}

#[tokio::test]
async fn many_runs_are_deleted_and_restored_or_none() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let (one, two) = (place.run(0, "one").await.info.run_id, place.run(0, "two").await.info.run_id);
        let both = vec![one.clone(), two.clone(), one.clone()];
        let none = vec![one.clone(), "nope".to_owned()];
        assert_eq!(tracking.delete_runs(ctx, none).await.unwrap_err().code(), "RUN_NOT_FOUND");
        assert_eq!(
            tracking.delete_runs(ctx, both.clone()).await.unwrap(),
            [one.clone(), two.clone()],
            "{}",
            place.db.name
        );
        assert!(tracking.delete_runs(ctx, both.clone()).await.unwrap().is_empty());
        assert_eq!(tracking.restore_runs(ctx, both).await.unwrap(), [one, two]);
        let many = (0..1_001).map(|n| n.to_string()).collect();
        assert_eq!(tracking.delete_runs(ctx, many).await.unwrap_err().code(), "TRACKING_VALUE_INVALID");
        assert_eq!(tracking.delete_runs(ctx, Vec::new()).await.unwrap_err().code(), "TRACKING_VALUE_INVALID");
    }
}
