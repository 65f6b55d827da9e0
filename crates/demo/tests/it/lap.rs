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

async fn fresh(run_state: &'static str) -> (Fake, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Fake::start(run_state, folder.path()).await, folder)
}

/// The hour of a request id, in hours since 2012 began.
fn hour_of(id: &serde_json::Value) -> i64 {
    let start =
        chrono::NaiveDateTime::parse_from_str(&format!("{}:00", id.as_str().unwrap()), "%Y-%m-%dT%H:%M").unwrap();
    (start - chrono::NaiveDate::from_ymd_opt(2012, 1, 1).unwrap().and_time(chrono::NaiveTime::MIN)).num_hours()
}

#[tokio::test]
async fn a_day_is_asked_labelled_a_day_later_and_written_to_the_data() {
    let (fake, folder) = fresh("succeeded").await;
    let report = bikes(options(&fake, folder.path(), 3)).await.unwrap();
    assert_eq!((report.predictions, report.facts.labels_accepted, report.facts.whole), (72, 72, false));
    assert_eq!((report.facts.logged, report.missing().len()), (72, 0));

    let infers = fake.bodies("/v2/");
    assert_eq!(
        (infers.len(), &infers[0]["id"], &infers[71]["id"]),
        (72, &json!("2012-01-01T00"), &json!("2012-01-03T23"))
    );
    let data = folder.path().join("project/data");
    let lines = |name: &str| std::fs::read_to_string(data.join(name)).unwrap().lines().count();
    assert_eq!((lines("history.csv"), lines("2012-01-01.csv"), lines("2012-01-03.csv")), (8761, 25, 25));
    let predictions = std::fs::read_to_string(folder.path().join("predictions.csv")).unwrap();
    assert!(
        predictions.starts_with("request_id,version,arm,prediction,cnt\n2012-01-01T00,1,champion,100,"),
        "{predictions}"
    );
    for name in ["report.json", "report.md"] {
        assert!(folder.path().join(name).is_file(), "{name}");
    }
    let declared = std::fs::read_to_string(folder.path().join("project/pitcrew.yaml")).unwrap();
    assert!(declared.contains("- webhook: http://127.0.0.1:"));
}

#[tokio::test]
async fn a_label_comes_24_hours_of_event_time_after_its_prediction() {
    let (fake, folder) = fresh("succeeded").await;
    bikes(options(&fake, folder.path(), 4)).await.unwrap();
    let (mut now, mut waits) = (0, Vec::new());
    for (_, path, body) in fake.asked() {
        if path.starts_with("/v2/") {
            now = hour_of(&body["id"]);
        }
        let labels = body["labels"].as_array().cloned().unwrap_or_default();
        waits.extend(labels.iter().map(|label| now - hour_of(&label["request_id"])));
    }
    assert_eq!(waits.len(), 96);
    // The last day's counts come when traffic has ended.
    let (live, after_the_end) = waits.split_at(72);
    assert!(live.iter().all(|wait| (24..30).contains(wait)), "{live:?}");
    assert_eq!(after_the_end.len(), 24);
}

#[tokio::test]
async fn nothing_happens_while_the_loop_is_under_way() {
    let (fake, folder) = fresh("succeeded").await;
    bikes(options(&fake, folder.path(), 50)).await.unwrap();
    let (asked, files) = (fake.asked(), fake.files());
    let is_rest = |at: usize| asked[at].1.starts_with("/api/v1/rest");
    let sets_going = |(_, path, body): &(String, String, serde_json::Value)| {
        path.ends_with("/labels")
            || (path.starts_with("/api/v1/pipelines/train/runs"))
            || body["id"].as_str().is_some_and(|id| id.ends_with("T00"))
    };
    for at in 1..asked.len() {
        // A window, a release or a run may be under way until the server says that it rests.
        assert!(!sets_going(&asked[at - 1]) || is_rest(at), "{:?} then {:?}", asked[at - 1].1, asked[at].1);
        // A file that appears while a run may be starting would be in its data or not, as it happens.
        let live = asked[..at].iter().any(|(_, path, _)| path.starts_with("/v2/"));
        let first = (0..at).rev().take_while(|before| !is_rest(*before)).all(|before| !sets_going(&asked[before]));
        assert!(
            !live || files[at - 1] == files[at] || first,
            "{:?} appeared before {:?}",
            files[at].last(),
            asked[at].1
        );
    }
    // What is known when a day begins is in its data: all but the day before, whose counts are not all in.
    let begins = asked.iter().position(|(_, _, body)| body["id"] == "2012-01-10T00").unwrap();
    assert_eq!(files[begins][files[begins].len() - 2..], ["2012-01-08.csv", "history.csv"]);
}

#[tokio::test]
async fn bad_candidates_are_offered_some_weeks_after_a_win() {
    let (fake, folder) = fresh("succeeded").await;
    bikes(options(&fake, folder.path(), 80)).await.unwrap();
    let runs = fake.bodies("/api/v1/pipelines/train/runs");
    let params: Vec<_> = runs.iter().map(|body| body["params"].clone()).collect();
    assert_eq!(params, [json!({}), json!({ "shuffle_labels": true }), json!({ "until": "2012-01-01" })]);
}

#[tokio::test]
async fn a_failed_first_training_ends_the_lap_with_its_log() {
    let (fake, folder) = fresh("failed").await;
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
    let (fake, folder) = fresh("succeeded").await;
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
