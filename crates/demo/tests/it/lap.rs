//! What the lap asks, and in which order.

use std::path::Path;
use std::sync::Arc;

use pitcrew_client::Client;
use pitcrew_demo::{Options, Show, bikes};
use pitcrew_kernel::{FakeClock, Timestamp};
use serde_json::json;

use crate::fake::Fake;

fn options(fake: &Fake, folder: &Path, days: u32) -> Options {
    Options {
        client: Client::new(&fake.url, None).unwrap(),
        folder: folder.to_owned(),
        data: None,
        seed: 7,
        days: Some(days),
        show: Show::Nothing,
        clock: Arc::new(FakeClock::at(Timestamp::from_micros(0))),
    }
}

#[tokio::test]
async fn a_day_is_asked_labelled_a_day_later_and_written_to_the_data() {
    let (fake, folder) = (Fake::start("succeeded").await, tempfile::tempdir().unwrap());
    let report = bikes(options(&fake, folder.path(), 3)).await.unwrap();
    assert_eq!((report.predictions, report.facts.labels_accepted, report.facts.whole), (72, 72, false));
    assert!(report.missing().is_empty());

    let infers = fake.bodies("/v2/");
    assert_eq!(
        (infers.len(), &infers[0]["id"], &infers[71]["id"]),
        (72, &json!("2012-01-01T00"), &json!("2012-01-03T23"))
    );
    let labels = fake.bodies("/api/v1/deployments/bikes/labels");
    let first: Vec<_> = labels.iter().map(|body| body["labels"][0]["request_id"].clone()).collect();
    assert_eq!(first, [json!("2012-01-01T00"), json!("2012-01-02T00"), json!("2012-01-03T00")]);
    assert_eq!(labels[0]["labels"].as_array().unwrap().len(), 24);

    // The labels of a day come after the questions of the next one, and the server rests after each day.
    let asked = fake.asked();
    let first_label = asked.iter().position(|(_, path, _)| path.ends_with("/labels")).unwrap();
    assert_eq!(asked[..first_label].iter().filter(|(_, path, _)| path.starts_with("/v2/")).count(), 48);
    assert_eq!(asked.iter().filter(|(_, path, _)| path.starts_with("/api/v1/rest")).count(), 5);

    let data = folder.path().join("project/data");
    let lines = |name: &str| std::fs::read_to_string(data.join(name)).unwrap().lines().count();
    assert_eq!((lines("history.csv"), lines("2012-01-01.csv"), lines("2012-01-03.csv")), (8761, 25, 25));
    let predictions = std::fs::read_to_string(folder.path().join("predictions.csv")).unwrap();
    assert!(predictions.starts_with("request_id,version,prediction,cnt\n2012-01-01T00,1,100,"), "{predictions}");
    for name in ["report.json", "report.md"] {
        assert!(folder.path().join(name).is_file(), "{name}");
    }
    let declared = std::fs::read_to_string(folder.path().join("project/pitcrew.yaml")).unwrap();
    assert!(declared.contains("- webhook: http://127.0.0.1:"));
}

#[tokio::test]
async fn bad_candidates_are_offered_some_weeks_after_a_win() {
    let (fake, folder) = (Fake::start("succeeded").await, tempfile::tempdir().unwrap());
    bikes(options(&fake, folder.path(), 80)).await.unwrap();
    let runs = fake.bodies("/api/v1/pipelines/train/runs");
    let params: Vec<_> = runs.iter().map(|body| body["params"].clone()).collect();
    assert_eq!(params, [json!({}), json!({ "shuffle_labels": true }), json!({ "until": "2012-01-01" })]);
}

#[tokio::test]
async fn a_failed_first_training_ends_the_lap_with_its_log() {
    let (fake, folder) = (Fake::start("failed").await, tempfile::tempdir().unwrap());
    let error = bikes(options(&fake, folder.path(), 3)).await.unwrap_err();
    assert_eq!(error.code(), "DEMO_TRAINING_FAILED");
    assert!(
        error.detail().contains("step `train` exited with 1") && error.detail().contains("no module named sklearn")
    );
    assert!(fake.asked().iter().any(|(_, path, _)| path.contains("/steps/train/log?attempt=2")));
    assert!(fake.bodies("/v2/").is_empty());
}

#[tokio::test]
async fn what_cannot_make_a_lap_is_refused_before_anything_is_asked() {
    let (fake, folder) = (Fake::start("succeeded").await, tempfile::tempdir().unwrap());
    let with = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        Options { data: Some(path), ..options(&fake, folder.path(), 3) }
    };
    let short = "ts,season,holiday,weekday,workingday,weathersit,temp,atemp,hum,windspeed,cnt\n2012-01-01T00:00:00Z,1,0,0,0,1,0.2,0.2,0.5,0.1,9\n";
    let codes = [
        bikes(with("short.csv", short)).await.unwrap_err().code(),
        bikes(with("wrong.csv", "a;b\n1;2\n")).await.unwrap_err().code(),
        bikes(Options { data: Some(folder.path().join("absent.csv")), ..options(&fake, folder.path(), 3) })
            .await
            .unwrap_err()
            .code(),
    ];
    assert_eq!(codes, ["DEMO_DATA_TOO_SHORT", "DEMO_DATA_INVALID", "DEMO_DATA_UNREADABLE"]);
    assert!(fake.asked().is_empty());
}
