//! Drift against the profile that was frozen at training.

use pitcrew_contracts::release::LoggedPrediction;
use pitcrew_monitoring::{DriftEntry, Window};
use serde_json::json;

use crate::post::{Post, project};

async fn weekly(post: &Post) {
    let mut weekly = project();
    weekly["monitors"]["bikes"]["window"] = json!("7d");
    weekly["monitors"]["bikes"]["label_delay"] = json!("0s");
    post.apply(weekly).await;
}

fn entry<'a>(window: &'a Window, feature: &str) -> &'a DriftEntry {
    window.drift.iter().find(|entry| entry.feature == feature).unwrap()
}

#[tokio::test]
async fn unchanged_traffic_is_stable() {
    for post in Post::each().await {
        post.train(1).await;
        weekly(&post).await;
        post.observe(0..24 * 40, 3.0).await;
        let windows = post.windows().await;
        assert_eq!(windows.len(), 39, "{}", post.name());
        for window in windows.iter().skip(7) {
            let verdicts: Vec<&str> = window.drift.iter().map(|entry| entry.verdict.as_str()).collect();
            assert_eq!(verdicts, ["stable"; 3], "{}: {:?}", post.name(), window.drift);
            assert!(
                window.drift.iter().all(|entry| entry.value <= entry.threshold && entry.missing == 0.0),
                "{}",
                post.name()
            );
        }
        assert!(post.said().await.is_empty(), "{}", post.name());
    }
}

#[tokio::test]
async fn a_shifted_feature_is_named_once_and_so_is_what_it_does_to_predictions() {
    for post in Post::each().await {
        post.train(1).await;
        weekly(&post).await;
        post.observe(0..24 * 14, 3.0).await;
        assert!(post.said().await.is_empty(), "{}", post.name());
        for day in 14..24 {
            post.log_rows(day * 24..day * 24 + 24, |_, row| {
                row.features[1] += 12.0;
                row.prediction += 24.0;
                row.label = Some(row.prediction);
            });
            post.advanced(day * 24..day * 24 + 24).await;
            // And once more with nothing new but labels that are corrected.
            post.label(day * 24..day * 24 + 24, 1.0).await;
        }
        let last = post.windows().await.pop().unwrap();
        assert_eq!(last.drifted(), ["temp", "prediction"], "{}", post.name());
        let temp = entry(&last, "temp");
        assert!(temp.value > temp.threshold && temp.unseen > 0.5, "{}: {temp:?}", post.name());
        assert!(last.quality.out_of_range > Some(80), "{}: {:?}", post.name(), last.quality);
        let said = post.said().await;
        let features = said.join(" ");
        assert_eq!(features.matches("temp").count(), 1, "{}: {said:?}", post.name());
        assert_eq!(features.matches("prediction").count(), 1, "{}: {said:?}", post.name());
        assert!(!features.contains("hour"), "{}", post.name());
    }
}

#[tokio::test]
async fn a_feature_that_is_missing_altogether_has_drifted() {
    for post in Post::each().await {
        post.train(1).await;
        weekly(&post).await;
        post.log_rows(0..24 * 8, |_, row| {
            row.features[1] = f64::NAN;
            row.label = Some(row.prediction);
        });
        post.advanced(0..24 * 8).await;
        let last = post.windows().await.pop().unwrap();
        let temp = entry(&last, "temp");
        assert_eq!(
            (temp.verdict.as_str(), temp.method.as_str(), temp.missing),
            ("drifted", "missing", 1.0),
            "{}",
            post.name()
        );
        assert_eq!(last.quality.missing, 168, "{}", post.name());
        assert_eq!(post.said().await, ["drift_detected: bikes: drift in temp"], "{}", post.name());
    }
}

#[tokio::test]
async fn values_out_of_range_are_counted_one_by_one_and_only_where_a_range_is_known() {
    for post in Post::each().await {
        weekly(&post).await;
        let odd = |at: i64, row: &mut LoggedPrediction| match at % 4 {
            0 => row.features[1] = f64::NAN,
            1 => row.features[1] = 99.0,
            _ => row.features[1] = 20.0,
        };
        post.log_rows(0..24 * 8, odd);
        post.advanced(0..24 * 8).await;
        let quality = post.windows().await.pop().unwrap().quality;
        assert_eq!((quality.missing, quality.out_of_range), (42, None), "{}: nobody knows its range", post.name());
        post.train(2).await;
        post.log_rows(24 * 8..24 * 20, |at, row| {
            odd(at, row);
            row.version = 2;
        });
        post.advanced(24 * 8..24 * 20).await;
        let quality = post.windows().await.pop().unwrap().quality;
        assert_eq!((quality.missing, quality.out_of_range), (42, Some(42)), "{}", post.name());
    }
}

#[tokio::test]
async fn predictions_that_are_all_failures_are_no_data_and_no_crash() {
    for post in Post::each().await {
        post.train(1).await;
        weekly(&post).await;
        post.log_rows(0..24 * 8, |_, row| {
            row.failed = true;
            row.prediction = f64::NAN;
        });
        post.advanced(0..24 * 8).await;
        let last = post.windows().await.pop().unwrap();
        assert_eq!((last.state.as_str(), last.quality.failures), ("no_data", 168), "{}", post.name());
        assert!(last.drift.iter().all(|entry| entry.verdict == "no_data"), "{}: {:?}", post.name(), last.drift);
        assert!(last.drifted().is_empty(), "{}", post.name());
    }
}

#[tokio::test]
async fn too_few_rows_are_no_data() {
    for post in Post::each().await {
        post.train(1).await;
        weekly(&post).await;
        post.log_rows(0..5, |_, row| row.features[1] += 100.0);
        post.log_rows(30..31, |_, _| {});
        post.advanced(0..31).await;
        let window = post.windows().await.pop().unwrap();
        assert!(window.drift.iter().all(|entry| entry.verdict == "no_data"), "{}: {:?}", post.name(), window.drift);
    }
}

#[tokio::test]
async fn without_a_profile_the_rest_is_judged_all_the_same() {
    for post in Post::each().await {
        post.register_without_profile(2);
        for (day, champion, version) in
            [(0, Some("bikes/1"), 1), (2, Some("bikes/2"), 2), (4, None, 2), (6, Some("bikes/9"), 9)]
        {
            post.champion(champion);
            post.log_rows(day * 24..day * 24 + 48, |_, row| {
                row.version = version;
                row.label = Some(row.prediction + 3.0);
            });
            post.advanced(day * 24..day * 24 + 48).await;
        }
        let windows = post.windows().await;
        assert_eq!(windows.len(), 6, "{}", post.name());
        assert!(
            windows.iter().all(|window| window.drift.is_empty() && window.state.as_str() == "ok"),
            "{}",
            post.name()
        );
    }
}

#[tokio::test]
async fn a_window_is_compared_with_the_training_of_the_version_that_served_most_of_it() {
    for post in Post::each().await {
        post.train(2).await;
        weekly(&post).await;
        // Version 1 has no profile; version 2 takes over on the fourth day.
        post.log_rows(0..24 * 14, |at, row| row.version = if at < 24 * 4 { 1 } else { 2 });
        post.advanced(0..24 * 14).await;
        let compared: Vec<bool> = post.windows().await.iter().map(|window| !window.drift.is_empty()).collect();
        let expected: Vec<bool> = (1..=13).map(|day| day >= 8).collect();
        assert_eq!(compared, expected, "{}", post.name());
    }
}
