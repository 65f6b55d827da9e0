//! The database layer as its users see it: the same text, the same answers and the same promises on both databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")]
#![allow(clippy::print_stdout, reason = "a child tells its parent what it wrote")]

mod commands;
mod events;
mod full_disk;
mod killed;
mod lost_connection;
mod migrations;
mod one_text;

use pitcrew_db::{Db, Migration, Migrations};
use pitcrew_kernel::Result;
use pitcrew_testkit::TestDb;

/// A table for tests.
const NOTES: Migrations = Migrations {
    slice: "notes",
    steps: &[Migration {
        name: "0001_notes",
        sql: "CREATE TABLE notes (\n    id BIGINT NOT NULL PRIMARY KEY,\n    body TEXT NOT NULL UNIQUE,\n    weight DOUBLE PRECISION,\n    picture BLOB\n);\n",
    }],
};

async fn each() -> Vec<TestDb> {
    TestDb::each(&[NOTES]).await
}

async fn add(db: &Db, id: i64, body: &str) -> Result<()> {
    let body = body.to_owned();
    db.write(move |tx| tx.exec("INSERT INTO notes (id, body) VALUES ($1, $2)", &[id.into(), body.into()]).map(drop))
        .await
}

async fn ids(db: &Db) -> Vec<i64> {
    db.read(|tx| tx.all("SELECT id FROM notes ORDER BY id", &[], |row| row.int(0))).await.unwrap()
}
