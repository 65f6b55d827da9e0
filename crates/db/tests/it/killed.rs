//! `kill -9` at any moment loses nothing that was acknowledged.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use futures_util::future::join_all;
use pitcrew_db::{Db, Options, migrate};
use pitcrew_testkit::World;

use crate::{NOTES, add, ids};

const PATH_VARIABLE: &str = "PITCREW_TEST_KILLED_DB";
const ROUNDS: i64 = 5;
const ACKNOWLEDGED_BEFORE_KILL: usize = 150;
const AT_ONCE: i64 = 16;
const READY: &str = "acknowledged ";

#[tokio::test]
async fn nothing_acknowledged_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metadata.db");
    let options = Options::Sqlite(path.clone());
    let db = Db::open(&options).unwrap();
    migrate(&db, &World::new().clock, &[pitcrew_db::OUTBOX_MIGRATIONS, NOTES]).await.unwrap();
    drop(db);
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        acknowledged.extend(write_until_killed(&path));
        let db = Db::open(&options).unwrap();
        let found = ids(&db).await;
        let lost: Vec<&i64> = acknowledged.iter().filter(|id| found.binary_search(id).is_err()).collect();
        assert!(lost.is_empty(), "round {round}: acknowledged and lost: {lost:?}");
    }
}

/// Starts this executable again as a writer, kills it in the midst of writing, answers what it had said is safe.
fn write_until_killed(path: &Path) -> Vec<i64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killed::child_writes_until_killed", "--ignored", "--nocapture", "--test-threads=1"])
        .env(PATH_VARIABLE, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut said = Vec::new();
    for line in lines {
        // The harness prints on the same stream, so a line may begin with its words.
        let Some((_, id)) = line.split_once(READY) else { continue };
        said.push(id.parse().unwrap());
        if said.len() == ACKNOWLEDGED_BEFORE_KILL {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(said.len() >= ACKNOWLEDGED_BEFORE_KILL, "the writer ended by itself after {} rows", said.len());
    said
}

#[tokio::test]
#[ignore = "the writer that `nothing_acknowledged_is_lost` starts and kills"]
#[expect(clippy::disallowed_methods, reason = "a child learns from its environment which file to write")]
async fn child_writes_until_killed() {
    let path = std::env::var(PATH_VARIABLE).expect("started by its parent");
    let db = Db::open(&Options::Sqlite(path.into())).unwrap();
    let first = ids(&db).await.last().map_or(0, |last| last + 1);
    for group in 0.. {
        let writes = (0..AT_ONCE).map(|n| {
            let (db, id) = (db.clone(), first + group * AT_ONCE + n);
            async move {
                let body = id.to_string();
                add(&db, id, &body).await.unwrap();
                let mut out = std::io::stdout().lock();
                writeln!(out, "{READY}{id}").and_then(|()| out.flush()).unwrap();
            }
        });
        join_all(writes).await;
    }
}
