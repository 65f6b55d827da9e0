//! The log survives kills and stops, and is told of once.

use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::task::{Context, Waker};
use std::time::Duration;

use pitcrew_contracts::release::{LogAdvanced, LoggedPrediction, Role};
use pitcrew_db::Db;
use pitcrew_kernel::{Clock, FakeClock, Sleep, Timestamp};
use serde_json::json;

use crate::support::{Server, hour, one_place, places, policy};

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
    assert_eq!(server.counted(DROPPED), 1);
    std::fs::remove_file(place.folder.join("bikes")).unwrap();
    assert!(server.predict("b", hour(1), 1.0).await.is_ok());
    server.rest().await;
    assert_eq!(server.slice(hour(0), hour(9)).await.rows.len(), 1);
    assert_eq!(server.counted(DROPPED), 1);
}

const DROPPED: &str = "pitcrew_serving_log_dropped_total";

/// A clock that the log's writer cannot read while the gate is closed: it stands still there, as it would at a disk that does not answer.
#[derive(Debug)]
struct WritersClock {
    clock: FakeClock,
    gate: Gate,
}

#[derive(Debug, Default)]
struct Gate {
    /// Whether it is closed, and whether somebody stands before it.
    state: Mutex<(bool, bool)>,
    changed: Condvar,
}

impl Gate {
    fn set(&self, closed: bool) {
        self.state.lock().unwrap().0 = closed;
        self.changed.notify_all();
    }

    fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        state.1 = true;
        self.changed.notify_all();
        while state.0 {
            state = self.changed.wait(state).unwrap();
        }
        state.1 = false;
    }

    fn wait_for_somebody(&self) {
        let state = self.state.lock().unwrap();
        drop(self.changed.wait_while(state, |state| !state.1).unwrap());
    }
}

impl Clock for WritersClock {
    fn now(&self) -> Timestamp {
        if std::thread::current().name() == Some("inference-log") {
            self.gate.pass();
        }
        self.clock.now()
    }

    fn sleep(&self, duration: Duration) -> Sleep<'_> {
        self.clock.sleep(duration)
    }
}

#[tokio::test]
async fn a_log_that_falls_behind_costs_no_answer_and_counts_what_it_drops() {
    const ASKED: u64 = 10_000;
    let place = one_place().await;
    let clock = Arc::new(WritersClock { clock: place.world.clock.clone(), gate: Gate::default() });
    let server = place.start_with(Arc::clone(&clock) as _).await;
    server.serve_one(None).await;
    clock.gate.set(true);
    for n in 0..ASKED {
        // Two rows a request: what is counted is predictions.
        let answer = server.predict_rows(&format!("n{n:05}"), hour(n), vec![1.0, 2.0]).await;
        assert!(answer.is_ok(), "{answer:?}");
        if n == 0 {
            clock.gate.wait_for_somebody();
        }
    }
    let dropped = server.counted(DROPPED);
    assert!(dropped > 0 && dropped < 2 * ASKED, "the queue is full and held something: {dropped}");
    clock.gate.set(false);
    server.rest().await;
    let rows = server.slice(hour(0), hour(ASKED)).await.rows;
    assert_eq!((rows.len() as u64 + dropped, server.counted(DROPPED)), (2 * ASKED, dropped));
    let last = rows.last().map(|row| row.request_id.clone());
    assert_eq!(last, Some(format!("n{:05}-1", rows.len() / 2 - 1)), "the first that came are those that are there");
    server.predict("later", hour(ASKED), 1.0).await.unwrap();
    server.rest().await;
    assert_eq!(server.slice(hour(ASKED), hour(ASKED + 1)).await.rows.len(), 1);
    assert_eq!(server.counted(DROPPED), dropped);
}

/// Keeps every connection of the database busy until what this gives is dropped.
fn occupy(db: &Db) -> Vec<mpsc::Sender<()>> {
    /// More than there are connections of one kind.
    const COMMANDS: usize = 32;
    let mut releases = Vec::new();
    for _ in 0..COMMANDS {
        for writes in [false, true] {
            let (release, released) = mpsc::channel();
            releases.push(release);
            let command = move |_: &mut pitcrew_db::Tx<'_>| {
                let _released = released.recv();
                Ok(())
            };
            let mut cx = Context::from_waker(Waker::noop());
            // Once it is asked for, it runs even if nobody waits for its answer.
            let waits = match writes {
                true => pin!(db.write(command)).poll(&mut cx).is_pending(),
                false => pin!(db.read(command)).poll(&mut cx).is_pending(),
            };
            assert!(waits);
        }
    }
    releases
}

async fn predict_some(server: &Server, prefix: &str) {
    for n in 0..50 {
        let id = format!("{prefix}{n}");
        let answer = server.predict(&id, hour(n), 1.0);
        // Only so that a mistake ends the test: nothing is measured.
        tokio::time::timeout(Duration::from_secs(60), answer).await.expect("it waits for nobody").unwrap();
    }
}

#[tokio::test]
async fn predicting_touches_no_database() {
    for place in places().await {
        place.models.add("bikes/3", json!({ "factor": 3.0, "memory_bytes": 1_000_000_000u64 }));
        let server = place.serving_one(Some(policy())).await;
        for (candidate, prefix) in [(None, "alone"), (Some(2), "quick"), (Some(3), "slow")] {
            server.alias("challenger", candidate).await;
            let held = occupy(&server.db);
            let mut behind = pin!(server.db.read(|_| Ok(())));
            predict_some(&server, prefix).await;
            let answered = behind.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
            assert!(!answered, "the database answers nobody meanwhile");
            drop(held);
            behind.await.unwrap();
            server.rest().await;
        }
        let served = |prefix: &str, rows: &[LoggedPrediction]| {
            let all = rows.iter().filter(|row| row.request_id.starts_with(prefix));
            all.filter(|row| row.role == Role::Served).count()
        };
        let rows = server.slice(hour(0), hour(50)).await.rows;
        assert_eq!(["alone", "quick", "slow"].map(|prefix| served(prefix, &rows)), [50, 50, 50]);
    }
}

#[tokio::test]
async fn a_stretch_of_millions_of_predictions_is_read() {
    for place in places().await {
        let server = place.serving_one(None).await;
        for h in 0..48 {
            server.predict(&format!("h{h:02}"), hour(h), h as f32).await.unwrap();
        }
        server.stop().await;
        // As the tables say it of many files.
        let many = "UPDATE serving_log_files SET row_count = 3000000";
        place.db.write(move |tx| tx.exec(many, &[])).await.unwrap();
        let server = place.start().await;
        assert_eq!(server.slice(hour(10), hour(34)).await.rows.len(), 24);
    }
}
