//! Windows: judged when their labels are due, and again when a late one falls into them.

use pitcrew_contracts::names::MonitorName;
use pitcrew_contracts::release::Role;
use pitcrew_kernel::Access;
use pitcrew_monitoring::{MIGRATIONS, Window};
use pitcrew_testkit::TestDb;
use proptest::prelude::*;
use serde_json::json;

use crate::post::{Post, hour, monitor, project};

#[tokio::test]
async fn a_window_waits_until_its_labels_are_due() {
    for post in Post::each().await {
        post.predict(0..48).await;
        assert!(post.windows().await.is_empty(), "{}: the first day's labels may still come", post.name());
        post.label(0..24, 3.0).await;
        post.predict(48..49).await;
        assert_eq!(post.verdicts().await, ["1 ok 1 24"], "{}", post.name());
        let window = &post.windows().await[0];
        assert_eq!((window.start, window.end, window.predictions), (hour(0), hour(24), 24), "{}", post.name());
        assert_eq!(
            (window.metrics["mae"].value, window.metrics["mae"].n, window.coverage),
            (3.0, 24, 1.0),
            "{}",
            post.name()
        );
        assert_eq!(window.versions, [("1".to_owned(), 24)].into(), "{}", post.name());
    }
}

#[tokio::test]
async fn without_enough_labels_there_is_no_verdict() {
    for post in Post::each().await {
        post.predict(0..96).await;
        assert_eq!(post.verdicts().await, ["1 no_data 1 0", "2 no_data 1 0"], "{}", post.name());
        post.label(0..11, 50.0).await;
        assert_eq!(post.verdicts().await[0], "1 no_data 2 11", "{}: one too few", post.name());
        let window = &post.windows().await[0];
        assert_eq!(
            (window.metrics["mae"].value, window.coverage),
            (50.0, 11.0 / 24.0),
            "{}: the figure is shown all the same",
            post.name()
        );
        post.label(11..12, 50.0).await;
        assert_eq!(post.verdicts().await[0], "1 breach 3 12", "{}", post.name());
    }
}

#[tokio::test]
async fn a_late_label_reopens_its_window_and_no_other() {
    for post in Post::each().await {
        post.observe(0..24 * 40, 3.0).await;
        post.observe(24 * 40..24 * 41, 3.0).await;
        let before = post.verdicts().await;
        assert_eq!(before.len(), 39, "{}", post.name());
        assert!(before.iter().all(|verdict| verdict.ends_with(" ok 1 24")), "{}: {before:?}", post.name());
        // A month late, together with traffic of today.
        post.label_rows(24 * 5..24 * 6, 40.0);
        post.advanced(24 * 5..24 * 6).await;
        post.observe(24 * 41..24 * 42, 3.0).await;
        let after = post.verdicts().await;
        for (day, verdict) in (1..).zip(&after) {
            let expected = if day == 6 { "6 breach 2 24".to_owned() } else { format!("{day} ok 1 24") };
            assert_eq!(*verdict, expected, "{}", post.name());
        }
        assert!(post.said().await.is_empty(), "{}: history is not alarmed again", post.name());
    }
}

#[tokio::test]
async fn what_has_not_changed_gets_no_new_revision() {
    for post in Post::each().await {
        post.train(1).await;
        // Figures that are not round, so that reading them back from text would show.
        post.log_rows(0..24 * 9, |at, row| row.label = Some(row.prediction * (1.0 + 0.01 * (at % 7) as f64)));
        post.advanced(0..24 * 9).await;
        let before = post.windows().await;
        assert_eq!(before.len(), 7, "{}", post.name());
        for _ in 0..3 {
            post.advanced(0..24 * 9).await;
        }
        assert_eq!(post.windows().await, before, "{}", post.name());
        assert!(before.iter().all(|window| window.revision == 1 && window.drift.len() == 3), "{}", post.name());
    }
}

#[tokio::test]
async fn more_windows_than_one_go_takes_are_all_judged_also_when_they_are_reopened() {
    for post in Post::each().await {
        let mut hourly = project();
        for field in ["every", "window", "label_delay"] {
            hourly["monitors"]["bikes"][field] = json!("1h");
        }
        post.apply(hourly).await;
        post.log_rows(0..1, |_, _| {});
        post.log_rows(450..451, |_, _| {});
        post.advanced(0..451).await;
        assert_eq!(post.windows().await.len(), 449, "{}", post.name());
        post.log_rows(225..226, |_, _| {});
        post.advanced(0..451).await;
        let seen: Vec<u64> = post.windows().await.iter().map(|window| window.predictions).collect();
        assert_eq!((seen.len(), seen.iter().sum::<u64>(), seen[225]), (449, 2, 1), "{}", post.name());
    }
}

#[tokio::test]
async fn shadows_count_for_nothing_and_failures_are_counted() {
    for post in Post::each().await {
        post.log_rows(0..24, |at, row| {
            row.label = Some(row.prediction + 3.0);
            match at {
                0..4 => {
                    row.role = Role::Shadow;
                    row.version = 2;
                    row.label = Some(1e9);
                }
                4..6 => {
                    row.failed = true;
                    row.prediction = f64::NAN;
                }
                6 => row.features[1] = f64::NAN,
                _ => {}
            }
        });
        post.log_rows(48..49, |_, _| {});
        post.advanced(0..49).await;
        let window = &post.windows().await[0];
        assert_eq!((window.predictions, window.labels, window.metrics["mae"].value), (20, 18, 3.0), "{}", post.name());
        assert_eq!((window.quality.failures, window.quality.missing), (2, 1), "{}", post.name());
        assert_eq!(window.versions, [("1".to_owned(), 20)].into(), "{}", post.name());
        assert_eq!(window.state.as_str(), "ok", "{}", post.name());
    }
}

#[tokio::test]
async fn a_window_that_is_read_in_parts_is_the_same_window() {
    let mut found = Vec::new();
    for most in [None, Some(1), Some(7)] {
        let post = Post::over(TestDb::sqlite(&[MIGRATIONS]).await).await;
        *post.log.most.lock().unwrap() = most;
        post.train(1).await;
        post.log_rows(0..24 * 6, |at, row| {
            row.label = Some(row.prediction * (1.0 + 0.01 * (at % 7) as f64));
            row.features[1] += if at > 24 * 3 { 12.0 } else { 0.0 };
            row.failed = at == 5;
        });
        post.advanced(0..24 * 6).await;
        found.push((post.windows().await, post.said().await));
    }
    assert!(found[0].0.len() == 4 && found[0].0[3].drift_sample.is_none() && !found[0].0[3].drifted().is_empty());
    assert!(found.iter().all(|each| *each == found[0]));
}

#[tokio::test]
async fn a_monitor_that_is_not_there_has_nothing_to_do_and_readers_judge_nothing() {
    for post in Post::each().await {
        let other: MonitorName = "other".parse().unwrap();
        assert!(!post.monitoring.evaluate_due(&post.world.ctx, &other).await.unwrap(), "{}", post.name());
        let reader = post.world.ctx_with(Access::Read);
        let refused = post.monitoring.evaluate_due(&reader, &monitor()).await.unwrap_err();
        assert_eq!(refused.code(), "FORBIDDEN", "{}", post.name());
    }
}

#[tokio::test]
async fn traffic_queues_one_job_a_monitor() {
    for post in Post::each().await {
        let mut two = project();
        two["monitors"]["weekly"] = two["monitors"]["bikes"].clone();
        two["monitors"]["cars"] = two["monitors"]["bikes"].clone();
        two["monitors"]["cars"]["deployment"] = json!("cars");
        post.apply(two).await;
        for day in 0..3 {
            post.predict(day * 24..day * 24 + 24).await;
        }
        let keys = post
            .db()
            .read(|tx| tx.all("SELECT key FROM work_jobs ORDER BY key", &[], |row| row.text(0)))
            .await
            .unwrap();
        assert_eq!(keys, ["bikes", "weekly"], "{}", post.name());
    }
}

/// Windows without their revisions.
fn plain(mut windows: Vec<Window>) -> Vec<Window> {
    windows.iter_mut().for_each(|window| window.revision = 0);
    windows
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    /// Whatever the order in which labels arrive, and however they are cut into batches, the windows are the same in the end.
    #[test]
    fn the_order_of_labels_does_not_matter(order in Just((0..24i64 * 4).collect::<Vec<_>>()).prop_shuffle(), cuts in prop::collection::vec(1usize..40, 1..6)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (shuffled, at_once) = runtime.block_on(async {
            let post = Post::over(TestDb::sqlite(&[MIGRATIONS]).await).await;
            post.predict(0..24 * 6).await;
            let mut rest = &order[..];
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (batch, later) = rest.split_at((*cut).min(rest.len()));
                for at in batch {
                    // Each label has its own error, so that a label that is overlooked shows.
                    post.label_rows([*at], *at as f64 / 7.0);
                }
                let (from, to) = (batch.iter().min().unwrap(), batch.iter().max().unwrap());
                post.advanced(*from..*to + 1).await;
                rest = later;
            }
            let other = Post::over(TestDb::sqlite(&[MIGRATIONS]).await).await;
            other.log_rows(0..24 * 6, |_, _| {});
            for at in 0..24 * 4 {
                other.label_rows([at], at as f64 / 7.0);
            }
            other.advanced(0..24 * 6).await;
            (plain(post.windows().await), plain(other.windows().await))
        });
        prop_assert_eq!(shuffled.len(), 4);
        prop_assert_eq!(shuffled, at_once);
    }
}
