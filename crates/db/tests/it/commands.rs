//! What a command may count on, and what it cannot do to others.

use std::sync::mpsc;

use futures_util::future::join_all;
use pitcrew_db::{Db, Signal};
use pitcrew_kernel::{Error, Result};
use tokio::sync::oneshot;

use crate::{add, each, ids};

/// Keeps a connection busy until `go`, so that what is submitted meanwhile waits and is then committed together.
async fn hold(db: &Db, go: mpsc::Receiver<()>) {
    db.write(move |_tx| go.recv().map_err(|source| Error::internal("nobody said go", source))).await.unwrap();
}

#[tokio::test]
async fn a_failing_command_is_undone_and_its_neighbours_are_not() {
    for test in each().await {
        let db = &test.db;
        let (go, wait) = mpsc::channel();
        let failing = db.write(|tx| {
            tx.exec("INSERT INTO notes (id, body) VALUES (2, 'two')", &[])?;
            Err::<(), _>(Error::precondition("GATE_REFUSED", "no"))
        });
        let panicking = db.write(|tx| -> Result<()> {
            tx.exec("INSERT INTO notes (id, body) VALUES (4, 'four')", &[])?;
            panic!("a defect")
        });
        let (_, one, two, three, four, five, ()) = tokio::join!(
            biased;
            hold(db, wait),
            add(db, 1, "one"),
            failing,
            add(db, 3, "one"),
            panicking,
            add(db, 5, "five"),
            async { go.send(()).unwrap() },
        );
        let name = test.name;
        // 1 and 3 want the same unique text: on PostgreSQL they race, and one of them wins.
        assert_eq!(one.is_ok(), three.is_err(), "{name}");
        assert_eq!(two.unwrap_err().code(), "GATE_REFUSED", "{name}");
        let panicked = four.unwrap_err();
        assert_eq!(panicked.code(), "INTERNAL", "{name}");
        assert!(format!("{panicked:?}").contains("a defect") && !panicked.detail().contains("a defect"), "{name}");
        five.unwrap();
        let kept = ids(db).await;
        assert!(kept == [1, 5] || kept == [3, 5], "{name}: {kept:?}");
        add(db, 6, "six").await.expect("the threads live on");
    }
}

#[tokio::test]
async fn a_failed_statement_cannot_be_overlooked() {
    for test in each().await {
        add(&test.db, 1, "one").await.unwrap();
        let overlooked = test.db.write(|tx| {
            tx.exec("INSERT INTO notes (id, body) VALUES (2, 'two')", &[])?;
            let _taken = tx.exec("INSERT INTO notes (id, body) VALUES (1, 'again')", &[]);
            Ok(())
        });
        assert_eq!(overlooked.await.unwrap_err().code(), "INTERNAL", "{}", test.name);
        assert_eq!(ids(&test.db).await, [1], "{}", test.name);
    }
}

#[tokio::test]
async fn an_error_made_of_a_row_harms_no_transaction() {
    for test in each().await {
        test.db
            .write(|tx| {
                let unread = tx.one("SELECT 'text'", &[], |row| row.int(0));
                assert!(unread.is_err());
                tx.exec("INSERT INTO notes (id, body) VALUES (1, 'one')", &[])
            })
            .await
            .unwrap();
        assert_eq!(ids(&test.db).await, [1], "{}", test.name);
    }
}

#[tokio::test]
async fn a_command_that_ends_the_transaction_itself_is_told_and_nobody_is_acknowledged_in_vain() {
    let test = pitcrew_testkit::TestDb::sqlite(&[crate::NOTES]).await;
    let db = &test.db;
    let (go, wait) = mpsc::channel();
    let naughty = db.write(|tx| tx.exec("ROLLBACK", &[]));
    let (_, one, naughty, three, ()) = tokio::join!(
        biased;
        async { db.write(move |_tx| wait.recv().map_err(|source| Error::internal("nobody said go", source))).await.is_ok() },
        add(db, 1, "one"),
        naughty,
        add(db, 3, "three"),
        async { go.send(()).unwrap() },
    );
    naughty.unwrap_err();
    let kept = ids(db).await;
    assert_eq!(kept.contains(&1), one.is_ok());
    assert_eq!(kept.contains(&3), three.is_ok());
    three.expect("it came in a transaction of its own");
}

#[tokio::test]
async fn who_was_acknowledged_is_seen_at_once() {
    for test in &each().await {
        for round in 0..50i64 {
            let writes = (0..8i64).map(|n| async move {
                let id = round * 8 + n;
                let body = id.to_string();
                add(&test.db, id, &body).await.unwrap();
                let seen = test
                    .db
                    .read(move |tx| tx.one("SELECT count(*) FROM notes WHERE id = $1", &[id.into()], |row| row.int(0)));
                assert_eq!(seen.await.unwrap(), 1, "{}: {id}", test.name);
            });
            join_all(writes).await;
        }
    }
}

#[tokio::test]
async fn a_reader_sees_one_moment() {
    for test in each().await {
        let db = &test.db;
        add(db, 1, "one").await.unwrap();
        let (looked, first_look) = oneshot::channel();
        let (written, go_on) = mpsc::channel();
        let counts = db.read(move |tx| {
            let count = "SELECT count(*) FROM notes";
            let before = tx.one(count, &[], |row| row.int(0))?;
            looked.send(()).unwrap();
            go_on.recv().unwrap();
            Ok((before, tx.one(count, &[], |row| row.int(0))?))
        });
        let writer = async {
            first_look.await.unwrap();
            add(db, 2, "two").await.unwrap();
            written.send(()).unwrap();
        };
        let (counts, ()) = tokio::join!(counts, writer);
        assert_eq!(counts.unwrap(), (1, 1), "{}", test.name);
        assert_eq!(ids(db).await, [1, 2], "{}", test.name);
    }
}

#[tokio::test]
async fn a_reader_cannot_write() {
    for test in each().await {
        let written = test.db.read(|tx| tx.exec("INSERT INTO notes (id, body) VALUES (1, 'one')", &[])).await;
        written.unwrap_err();
        assert_eq!(ids(&test.db).await, [0i64; 0], "{}", test.name);
    }
}

#[tokio::test]
async fn a_full_queue_says_so_at_once_and_loses_nothing_it_took() {
    let test = pitcrew_testkit::TestDb::sqlite(&[crate::NOTES]).await;
    let db = &test.db;
    let (go, wait) = mpsc::channel();
    const MORE_THAN_FITS: i64 = 5_000;
    let bodies: Vec<String> = (0..MORE_THAN_FITS).map(|n| n.to_string()).collect();
    let all = join_all((0i64..).zip(&bodies).map(|(id, body)| add(db, id, body)));
    let ((), answers, ()) = tokio::join!(biased; hold(db, wait), all, async { go.send(()).unwrap() });
    let taken: Vec<i64> = (0i64..).zip(&answers).filter(|(_, answer)| answer.is_ok()).map(|(id, _)| id).collect();
    let refused: Vec<&Error> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
    assert!(!refused.is_empty() && refused.iter().all(|error| error.code() == "DB_OVERLOADED"));
    assert!(refused.iter().all(|error| error.retry_after_hint().is_some()));
    assert_eq!(ids(db).await, taken);
}

#[tokio::test]
async fn a_commit_raises_its_signal_and_a_rollback_does_not() {
    for test in each().await {
        let failed = test.db.write(|tx| {
            tx.signal(Signal::Jobs);
            Err::<(), _>(Error::precondition("GATE_REFUSED", "no"))
        });
        failed.await.unwrap_err();
        tokio::select! {
            biased;
            () = test.db.raised(Signal::Jobs) => panic!("{}: a rolled back command raised a signal", test.name),
            () = std::future::ready(()) => {}
        }
        test.db
            .write(|tx| {
                tx.signal(Signal::Jobs);
                Ok(())
            })
            .await
            .unwrap();
        test.db.raised(Signal::Jobs).await;
    }
}
