//! A full disk.

use futures_util::future::join_all;
use pitcrew_db::{Db, Options, migrate};
use pitcrew_testkit::{Tmpfs, World};

use crate::{NOTES, add, ids};

const GROUP: i64 = 16;
const BODY_BYTES: usize = 3_000;
/// Room for the log of a disk's worth of rows to go into the database file.
const BALLAST_BYTES: usize = 2 << 20;

#[tokio::test]
async fn a_full_disk_is_told_keeps_what_was_acknowledged_and_works_again_once_there_is_room() {
    let Some(disk) = Tmpfs::mount("4m") else { return };
    let ballast = disk.path().join("ballast");
    std::fs::write(&ballast, vec![1; BALLAST_BYTES]).unwrap();
    let options = Options::Sqlite(disk.path().join("metadata.db"));
    let db = Db::open(&options).unwrap();
    migrate(&db, &World::new().clock, &[pitcrew_db::OUTBOX_MIGRATIONS, NOTES]).await.unwrap();

    let (mut kept, mut refused) = (Vec::new(), Vec::new());
    for group in 0..200 {
        let bodies: Vec<String> =
            (0..GROUP).map(|n| format!("{}-{}", group * GROUP + n, "x".repeat(BODY_BYTES))).collect();
        let answers = join_all((0i64..).zip(&bodies).map(|(n, body)| add(&db, group * GROUP + n, body))).await;
        for (n, answer) in (0i64..).zip(answers) {
            match answer {
                Ok(()) => kept.push(group * GROUP + n),
                Err(error) => refused.push(error),
            }
        }
        if refused.len() > 200 {
            break;
        }
    }
    assert!(refused.len() > 200, "the disk never filled: {} rows", kept.len());
    for error in &refused {
        assert_eq!(error.code(), "DISK_FULL", "{error:?}");
        assert!(error.hint_text().is_some());
    }
    assert!(kept.len() > 50, "{} rows fitted", kept.len());
    assert_eq!(ids(&db).await, kept, "while the disk is full, reading works and shows what was acknowledged");

    std::fs::remove_file(&ballast).unwrap();
    add(&db, 1_000_000, "there is room again").await.expect("the same handle writes again");
    kept.push(1_000_000);
    db.close();
    let reopened = Db::open(&options).unwrap();
    assert_eq!(ids(&reopened).await, kept);
    add(&reopened, 1_000_001, "and after reopening").await.unwrap();
}
