//! Forward only, once, all or nothing.

use pitcrew_db::{Db, Migration, Migrations, migrate};
use pitcrew_testkit::{TestDb, World};

const FIRST: Migration = Migration {
    name: "0001_first",
    sql: "-- A comment; with a semicolon;\nCREATE TABLE first (\n    id BIGINT NOT NULL PRIMARY KEY,\n    picture BLOB NOT NULL\n);\nINSERT INTO first (id, picture) VALUES (1, '');\n",
};
const SECOND: Migration =
    Migration { name: "0002_second", sql: "ALTER TABLE first ADD COLUMN name TEXT NOT NULL DEFAULT 'x';\n" };
const BROKEN: Migration = Migration {
    name: "0002_broken",
    sql: "CREATE TABLE second (id BIGINT NOT NULL PRIMARY KEY);\nINSERT INTO nowhere (id) VALUES (1);\n",
};

fn series(steps: &'static [Migration]) -> Vec<Migrations> {
    TestDb::with_base(&[Migrations { slice: "example", steps }])
}

async fn steps(db: &Db) -> Vec<(i64, String, i64)> {
    db.read(|tx| {
        tx.all(
            "SELECT version, name, applied_at FROM schema_versions WHERE slice = 'example' ORDER BY version",
            &[],
            |row| Ok((row.int(0)?, row.text(1)?, row.int(2)?)),
        )
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn each_step_is_applied_once_and_data_stays() {
    for test in TestDb::each(&[]).await {
        let world = World::new();
        let at = pitcrew_kernel::Clock::now(&world.clock).micros();
        migrate(&test.db, &world.clock, &series(&[FIRST])).await.unwrap();
        world.clock.advance(std::time::Duration::from_secs(1));
        migrate(&test.db, &world.clock, &series(&[FIRST, SECOND])).await.unwrap();
        migrate(&test.db, &world.clock, &series(&[FIRST, SECOND])).await.unwrap();
        let expected = [(1, "0001_first".to_owned(), at), (2, "0002_second".to_owned(), at + 1_000_000)];
        assert_eq!(steps(&test.db).await, expected, "{}", test.name);
        let row = test.db.read(|tx| tx.one("SELECT id, name FROM first", &[], |row| Ok((row.int(0)?, row.text(1)?))));
        assert_eq!(row.await.unwrap(), (1, "x".to_owned()), "{}", test.name);
    }
}

#[tokio::test]
async fn an_older_binary_refuses_a_newer_database_and_changes_nothing() {
    for test in TestDb::each(&[]).await {
        let world = World::new();
        migrate(&test.db, &world.clock, &series(&[FIRST, SECOND])).await.unwrap();
        let error = migrate(&test.db, &world.clock, &series(&[FIRST])).await.unwrap_err();
        assert_eq!(error.code(), "DB_TOO_NEW", "{}", test.name);
        assert!(error.detail().contains("`example` is at step 2, this binary knows 1") && error.hint_text().is_some());
        assert_eq!(steps(&test.db).await.len(), 2, "{}", test.name);
    }
}

#[tokio::test]
async fn a_database_with_a_slice_that_the_binary_does_not_know_is_newer() {
    for test in TestDb::each(&[]).await {
        let world = World::new();
        migrate(&test.db, &world.clock, &series(&[FIRST])).await.unwrap();
        let other = TestDb::with_base(&[Migrations { slice: "other", steps: &[SECOND] }]);
        let error = migrate(&test.db, &world.clock, &other).await.unwrap_err();
        assert_eq!(error.code(), "DB_TOO_NEW", "{}", test.name);
        assert!(error.detail().contains("tables of `example`") && error.hint_text().is_some(), "{}", error.detail());
        let others = test
            .db
            .read(|tx| tx.one("SELECT count(*) FROM schema_versions WHERE slice = 'other'", &[], |row| row.int(0)));
        assert_eq!((others.await.unwrap(), steps(&test.db).await.len()), (0, 1), "{}", test.name);
    }
}

#[tokio::test]
async fn a_failed_step_leaves_nothing_of_any_step() {
    for test in TestDb::each(&[]).await {
        let world = World::new();
        let error = migrate(&test.db, &world.clock, &series(&[FIRST, BROKEN])).await.unwrap_err();
        assert_eq!(error.code(), "INTERNAL", "{}", test.name);
        assert!(error.detail().starts_with("migration example/0002_broken"), "{}", error.detail());
        for table in ["first", "second"] {
            let gone = test.db.read(move |tx| tx.one(&format!("SELECT count(*) FROM {table}"), &[], |row| row.int(0)));
            gone.await.expect_err("the table must not be there");
        }
        assert!(steps(&test.db).await.is_empty(), "{}", test.name);
        migrate(&test.db, &world.clock, &series(&[FIRST, SECOND])).await.expect("the mended series applies");
    }
}

#[tokio::test]
async fn two_processes_migrating_at_once_agree() {
    for test in TestDb::each(&[]).await {
        let world = World::new();
        let all = series(&[FIRST, SECOND]);
        let (one, two) = tokio::join!(migrate(&test.db, &world.clock, &all), migrate(&test.db, &world.clock, &all));
        one.unwrap();
        two.unwrap();
        assert_eq!(steps(&test.db).await.len(), 2, "{}", test.name);
    }
}
