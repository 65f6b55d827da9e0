//! A connection that dies takes its transaction with it, whole.

use pitcrew_db::Dialect;

use crate::{add, each, ids};

const DIE: &str = "SELECT pg_terminate_backend(pg_backend_pid())";

#[tokio::test]
async fn half_a_command_is_never_kept() {
    for test in each().await.into_iter().filter(|test| test.db.dialect() == Dialect::Postgres) {
        add(&test.db, 1, "one").await.unwrap();
        let cut = test.db.write(|tx| {
            tx.exec("INSERT INTO notes (id, body) VALUES (2, 'two')", &[])?;
            tx.for_each(DIE, &[], &mut |_| Ok(())).expect_err("the connection is gone");
            tx.exec("INSERT INTO notes (id, body) VALUES (3, 'three')", &[])
        });
        assert_eq!(cut.await.unwrap_err().code(), "DB_UNREACHABLE");
        assert_eq!(ids(&test.db).await, [1]);
    }
}

#[tokio::test]
async fn a_lost_connection_is_opened_again() {
    for test in each().await.into_iter().filter(|test| test.db.dialect() == Dialect::Postgres) {
        // More often than there are connections, so that each has been lost.
        for id in 0..20i64 {
            let cut = test.db.write(|tx| tx.for_each(DIE, &[], &mut |_| Ok(()))).await;
            assert_eq!(cut.unwrap_err().code(), "DB_UNREACHABLE");
            let body = id.to_string();
            add(&test.db, id, &body).await.expect("another connection, or this one anew");
        }
        assert_eq!(ids(&test.db).await.len(), 20);
    }
}
