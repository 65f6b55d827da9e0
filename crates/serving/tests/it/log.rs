//! The log survives kills and stops, and is told of once.

use std::path::Path;

use pitcrew_contracts::release::LogAdvanced;

use crate::support::{hour, one_place, places};

fn files(folder: &Path, ending: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut todo = vec![folder.to_owned()];
    while let Some(next) = todo.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                todo.push(path);
            } else if path.extension().is_some_and(|it| it == ending) {
                found.push(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn a_stop_leaves_parquet_and_reads_back_the_same() {
    for place in places().await {
        let server = place.serving_one(None).await;
        for h in 0..48 {
            server.predict(&format!("h{h:02}"), hour(h), h as f32).await.unwrap();
        }
        server.rest().await;
        let before = server.slice(hour(10), hour(34)).await;
        assert_eq!(before.rows.len(), 24);
        server.stop().await;
        assert_eq!(files(&place.folder, "seg"), [""; 0]);
        let parquet = files(&place.folder, "parquet");
        assert!(parquet.len() == 1 && parquet[0].starts_with("bikes/2012-03/"), "{parquet:?}");
        let server = place.start().await;
        assert_eq!(server.slice(hour(10), hour(34)).await.rows, before.rows);
        // More of the same hours, on top of the file.
        server.predict("h10", hour(10), 99.0).await.unwrap();
        server.predict("new", hour(11), 7.0).await.unwrap();
        server.rest().await;
        let after = server.slice(hour(10), hour(34)).await;
        assert_eq!((after.rows.len(), after.rows[0].prediction), (25, 99.0));
    }
}

#[tokio::test]
async fn a_kill_loses_nothing_that_reached_a_segment() {
    for place in places().await {
        let server = place.serving_one(None).await;
        for h in 0..20 {
            server.predict(&format!("h{h:02}"), hour(h), h as f32).await.unwrap();
        }
        server.rest().await;
        server.kill().await;
        assert_eq!(files(&place.folder, "seg").len(), 1);
        // The last row is torn, as a kill in the middle of a write leaves it.
        let segment = place.folder.join(&files(&place.folder, "seg")[0]);
        let bytes = std::fs::read(&segment).unwrap();
        std::fs::write(&segment, &bytes[..bytes.len() - 3]).unwrap();
        let server = place.start().await;
        assert_eq!(server.slice(hour(0), hour(99)).await.rows.len(), 19);
        assert_eq!(files(&place.folder, "seg"), [""; 0]);
        server.rest().await;
        let told: Vec<LogAdvanced> =
            server.events().await.iter().filter_map(|event| event.open::<LogAdvanced>().unwrap()).collect();
        assert_eq!(told.iter().map(|event| event.predictions).collect::<Vec<_>>(), [20, 19]);
        assert_eq!(told[1].watermark, hour(19));
    }
}

#[tokio::test]
async fn a_segment_that_is_damaged_in_its_middle_is_never_deleted() {
    let place = one_place().await;
    let server = place.serving_one(None).await;
    for h in 0..20 {
        server.predict(&format!("h{h:02}"), hour(h), h as f32).await.unwrap();
    }
    server.rest().await;
    server.kill().await;
    let segment = place.folder.join(&files(&place.folder, "seg")[0]);
    let mut bytes = std::fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&segment, &bytes).unwrap();
    for _ in 0..2 {
        let server = place.start().await;
        assert_eq!(server.slice(hour(0), hour(99)).await.rows.len(), 9);
        assert_eq!(files(&place.folder, "seg"), [""; 0]);
        let aside = files(&place.folder, "damaged");
        assert_eq!(aside.len(), 1);
        assert!(std::fs::read(place.folder.join(&aside[0])).unwrap() == bytes, "it is as it was");
        server.stop().await;
    }
}

#[tokio::test]
async fn one_event_tells_of_many_predictions() {
    let place = one_place().await;
    let server = place.serving_one(None).await;
    for h in 0..500 {
        server.predict(&format!("h{h}"), hour(h % 100), 1.0).await.unwrap();
    }
    server.rest().await;
    server.rest().await;
    let events = server.events().await;
    let told: Vec<LogAdvanced> = events.iter().filter_map(|event| event.open::<LogAdvanced>().unwrap()).collect();
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].predictions, told[0].from, told[0].to), (500, hour(0), hour(99)));
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_costs_the_log_and_no_answer() {
    let place = one_place().await;
    let server = place.serving_one(None).await;
    // A file stands where the deployment's folder should be.
    std::fs::create_dir_all(&place.folder).unwrap();
    std::fs::write(place.folder.join("bikes"), b"in the way").unwrap();
    assert!(server.predict("a", hour(0), 1.0).await.is_ok());
    server.rest().await;
    assert!(server.slice(hour(0), hour(9)).await.rows.is_empty());
    std::fs::remove_file(place.folder.join("bikes")).unwrap();
    assert!(server.predict("b", hour(1), 1.0).await.is_ok());
    server.rest().await;
    assert_eq!(server.slice(hour(0), hour(9)).await.rows.len(), 1);
}
