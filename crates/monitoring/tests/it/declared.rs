//! Monitors and rules as `pitcrew.yaml` declares them.

use std::sync::Arc;

use pitcrew_contracts::spec::{Change, ChangeAction};
use pitcrew_kernel::Error;
use serde_json::json;

use crate::post::{Post, declare, project};

fn actions(changes: Vec<Change>) -> Vec<String> {
    changes.into_iter().map(|change| format!("{:?} {} {}", change.action, change.kind, change.name)).collect()
}

#[tokio::test]
async fn what_differs_is_changed() {
    for post in Post::each().await {
        let name = post.name();
        assert_eq!(
            actions(post.apply(project()).await),
            ["Unchanged monitor bikes", "Unchanged alert bikes-error"],
            "{name}"
        );
        let mut other = project();
        other["monitors"]["bikes"]["min_samples"] = json!(3);
        other["monitors"]["weekly"] = other["monitors"]["bikes"].clone();
        other["alerts"] = json!({});
        let expected = ["Update monitor bikes", "Create monitor weekly", "Delete alert bikes-error"];
        assert_eq!(actions(post.apply(other).await), expected, "{name}");
        let monitors = post.monitoring.list_monitors(&post.world.ctx).await.unwrap();
        let names: Vec<(&str, u64)> = monitors.iter().map(|(name, spec)| (name.as_str(), spec.min_samples)).collect();
        assert_eq!(names, [("bikes", 3), ("weekly", 3)], "{name}");
        let gone = actions(post.apply(json!({ "project": "bikes" })).await);
        assert_eq!(gone, ["Delete monitor bikes", "Delete monitor weekly"], "{name}");
        assert!(post.monitoring.list_monitors(&post.world.ctx).await.unwrap().is_empty(), "{name}");
    }
}

#[tokio::test]
async fn a_plan_changes_nothing() {
    for post in Post::each().await {
        let (monitoring, world) = (Arc::clone(&post.monitoring), post.world.clone());
        let (said, hear) = std::sync::mpsc::channel();
        let planned = post.db().write(move |tx| {
            said.send(declare(tx, &monitoring, &world, json!({ "project": "bikes" }))?).unwrap();
            Err::<(), _>(Error::precondition("DRY_RUN", "nothing is changed"))
        });
        planned.await.unwrap_err();
        assert!(hear.recv().unwrap().iter().all(|change| change.action == ChangeAction::Delete), "{}", post.name());
        assert_eq!(post.monitoring.list_monitors(&post.world.ctx).await.unwrap().len(), 1, "{}", post.name());
    }
}

#[tokio::test]
async fn windows_outlive_a_monitor_that_is_declared_again() {
    for post in Post::each().await {
        post.observe(0..72, 3.0).await;
        post.apply(json!({ "project": "bikes" })).await;
        post.apply(project()).await;
        assert_eq!(post.verdicts().await, ["1 ok 1 24"], "{}", post.name());
        post.observe(72..96, 3.0).await;
        assert_eq!(post.verdicts().await, ["1 ok 1 24", "2 ok 1 24"], "{}", post.name());
    }
}
