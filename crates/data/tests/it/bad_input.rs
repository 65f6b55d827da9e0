//! Strangers' files: each defect has its own clear answer, and nothing is lost or half made.

use std::fmt::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use pitcrew_data::Gate;
use pitcrew_kernel::Error;

use crate::{Lab, bikes, hours, name};

/// Code, sentence and hint.
fn shown(error: &Error) -> String {
    format!("{} | {} | {}", error.code(), error.detail(), error.hint_text().unwrap_or("-"))
}

/// A second file with a defect, beside a good first version.
async fn refused_beside_a_good_one(text: &str) -> String {
    let mut all = Vec::new();
    for lab in Lab::each().await {
        lab.write("a.csv", hours(1, 48));
        lab.refresh().await.unwrap();
        lab.write("b.csv", text);
        let error = lab.refresh().await.unwrap_err();
        assert_eq!(lab.versions().await, [1], "the good version stays, and no other is made");
        assert_eq!(lab.event_names().await, ["data.version_created"]);
        all.push(shown(&error));
    }
    all.dedup();
    assert_eq!(all.len(), 1, "both databases tell the same: {all:?}");
    all.remove(0)
}

#[tokio::test]
async fn a_missing_column() {
    let text = "ts,temp,hum,weathersit\n2011-02-01 00:00:00,0.5,0.5,1\n";
    insta::assert_snapshot!(refused_beside_a_good_one(text).await);
}

#[tokio::test]
async fn a_column_too_many() {
    let text = "ts,temp,hum,weathersit,cnt,wind\n2011-02-01 00:00:00,0.5,0.5,1,5,3\n";
    insta::assert_snapshot!(refused_beside_a_good_one(text).await);
}

#[tokio::test]
async fn a_retyped_column() {
    let text = "ts,temp,hum,weathersit,cnt\n2011-02-01 00:00:00,0.5,0.5,1,5\n2011-02-01 01:00:00,0.5,0.5,1,many\n";
    insta::assert_snapshot!(refused_beside_a_good_one(text).await);
}

#[tokio::test]
async fn a_bad_date() {
    let text = "ts,temp,hum,weathersit,cnt\n2011-02-30 00:00:00,0.5,0.5,1,5\n";
    insta::assert_snapshot!(refused_beside_a_good_one(text).await);
}

#[tokio::test]
async fn a_wrong_delimiter() {
    insta::assert_snapshot!(refused_beside_a_good_one(&hours(2, 5).replace(',', ";")).await);
}

#[tokio::test]
async fn an_empty_file() {
    insta::assert_snapshot!(refused_beside_a_good_one("").await);
}

#[tokio::test]
async fn a_row_too_short() {
    let text = "ts,temp,hum,weathersit,cnt\n2011-02-01 00:00:00,0.5\n";
    insta::assert_snapshot!(refused_beside_a_good_one(text).await);
}

#[tokio::test]
async fn thirty_per_cent_nulls_fail_the_checks_and_the_report_stays() {
    for lab in Lab::each().await {
        lab.write("a.csv", hours(1, 48));
        lab.refresh().await.unwrap();
        let mut holes = String::from("ts,temp,hum,weathersit,cnt\n");
        for row in 0..100 {
            let temp = if row % 10 < 3 { String::new() } else { "0.5".into() };
            let cnt = if row % 50 == 7 { "" } else { "9" };
            writeln!(holes, "2011-02-{:02} {:02}:00:00,{temp},0.5,9,{cnt}", row / 24 + 1, row % 24).unwrap();
        }
        lab.write("b.csv", holes);
        let error = lab.refresh().await.unwrap_err();
        assert_eq!((error.code(), error.kind()), ("DATA_CHECKS_FAILED", pitcrew_kernel::Kind::Precondition));
        assert_eq!(lab.versions().await, [1]);
        assert_eq!(lab.event_names().await, ["data.version_created", "data.checks_failed"]);
        let reports = lab.data.check_reports(&lab.world.ctx, &name(), &Default::default()).await.unwrap().items;
        assert_eq!(reports.iter().map(|report| report.gate).collect::<Vec<_>>(), [Gate::Failed, Gate::Passed]);
        let failed: Vec<_> = reports[0].checks.iter().filter(|check| check.failing_rows > 0).collect();
        insta::allow_duplicates! { insta::assert_json_snapshot!("nulls_report", failed) };
        assert!(error.hint_text().unwrap().contains(&reports[0].id.to_string()));
        insta::allow_duplicates! { insta::assert_snapshot!("nulls_error", error.detail()) };
        lab.write("b.csv", hours(2, 24));
        assert!(lab.refresh().await.unwrap().created, "a corrected file is taken");
    }
}

#[tokio::test]
async fn text_that_is_not_utf8() {
    for lab in Lab::each().await {
        lab.write("a.csv", b"ts,temp,hum,weathersit,cnt\n2011-02-01 00:00:00,0.5,0.5,caf\xe9,5\n");
        let error = lab.refresh().await.unwrap_err();
        insta::allow_duplicates! { insta::assert_snapshot!(shown(&error)) };
        assert!(lab.versions().await.is_empty());
    }
}

#[tokio::test]
async fn a_first_version_needs_its_column_of_event_time() {
    for lab in Lab::each().await {
        lab.write("a.csv", "ts,cnt\n2011-01-01 00:00:00,1\n31.01.2011 01:00,2\n");
        let bad_value = lab.refresh().await.unwrap_err();
        lab.write("a.csv", "when,cnt\n2011-01-01 00:00:00,1\n");
        let absent = lab.refresh().await.unwrap_err();
        lab.write("a.csv", "ts,cnt\n17,1\n");
        let number = lab.refresh().await.unwrap_err();
        let all = [shown(&bad_value), shown(&absent), shown(&number)].join("\n");
        insta::allow_duplicates! { insta::assert_snapshot!(all) };
        assert!(lab.versions().await.is_empty());
    }
}

#[tokio::test]
async fn a_source_without_files_or_rows() {
    for lab in Lab::each().await {
        let none = lab.refresh().await.unwrap_err();
        lab.write(".hidden.csv", hours(1, 48));
        let hidden = lab.refresh().await.unwrap_err();
        assert_eq!((none.code(), hidden.code()), ("DATA_SOURCE_EMPTY", "DATA_SOURCE_EMPTY"));
        assert!(none.detail().contains("data/*.csv") && none.hint_text().is_some());
        lab.write("a.csv", hours(1, 48));
        lab.refresh().await.unwrap();
        lab.write("a.csv", hours(1, 0));
        assert_eq!(lab.refresh().await.unwrap_err().code(), "DATA_SOURCE_EMPTY");
        assert_eq!(lab.versions().await, [1]);
    }
}

#[tokio::test]
async fn links_out_of_the_folder_are_refused_and_links_within_are_read() {
    for lab in Lab::each().await {
        let outside = tempfile::TempDir::new().unwrap();
        std::fs::write(outside.path().join("secret.csv"), hours(3, 24)).unwrap();
        let data = lab.project.path().join("data");
        symlink(outside.path().join("secret.csv"), data.join("x.csv")).unwrap();
        let error = lab.refresh().await.unwrap_err();
        assert_eq!(error.code(), "DATA_SOURCE_OUTSIDE");
        assert!(error.detail().contains("`x.csv`"));
        std::fs::remove_file(data.join("x.csv")).unwrap();
        std::fs::write(lab.project.path().join("kept.csv"), hours(1, 24)).unwrap();
        symlink("../kept.csv", data.join("y.csv")).unwrap();
        assert_eq!(lab.refresh().await.unwrap().version.rows, 24);
        std::fs::remove_dir_all(&data).unwrap();
        symlink(outside.path(), &data).unwrap();
        assert_eq!(lab.refresh().await.unwrap_err().code(), "DATA_SOURCE_OUTSIDE");
    }
}

#[tokio::test]
async fn what_is_no_regular_file_is_refused() {
    for lab in Lab::each().await {
        let data = lab.project.path().join("data");
        symlink("nowhere.csv", data.join("broken.csv")).unwrap();
        assert_eq!(lab.refresh().await.unwrap_err().code(), "DATA_SOURCE_UNREADABLE");
        std::fs::remove_file(data.join("broken.csv")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(data.join("s.csv")).unwrap();
        assert_eq!(lab.refresh().await.unwrap_err().code(), "DATA_SOURCE_UNREADABLE");
    }
}

#[tokio::test]
async fn a_read_only_folder_is_enough() {
    for lab in Lab::each().await {
        lab.write("a.csv", hours(1, 48));
        let data = lab.project.path().join("data");
        let mode = |bits: u32| std::fs::set_permissions(&data, std::fs::Permissions::from_mode(bits)).unwrap();
        mode(0o555);
        let before: Vec<_> = std::fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(lab.refresh().await.unwrap().created);
        let after: Vec<_> = std::fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        mode(0o755);
        assert_eq!(before, after, "nothing is ever written beside the source");
    }
}

#[tokio::test]
async fn a_folder_that_vanished_is_named() {
    for lab in Lab::each().await {
        std::fs::remove_dir_all(lab.project.path()).unwrap();
        assert_eq!(lab.refresh().await.unwrap_err().code(), "DATA_SOURCE_UNREADABLE");
        let mut spec = bikes();
        spec.source = "hour.csv".into();
        std::fs::create_dir_all(lab.project.path()).unwrap();
        lab.declare(spec).await.unwrap();
        assert_eq!(lab.refresh().await.unwrap_err().code(), "DATA_SOURCE_EMPTY");
    }
}
