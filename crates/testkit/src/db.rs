//! One fresh, migrated database of each kind.

use std::sync::atomic::{AtomicU64, Ordering};

use pitcrew_db::{Db, Migrations, Options, migrate};
use pitcrew_kernel::Clock as _;
use pitcrew_work::SystemClock;

/// A database that lives as long as this value.
#[derive(Debug)]
pub struct TestDb {
    /// The database.
    pub db: Db,
    /// `sqlite` or `postgres`, for messages.
    pub name: &'static str,
    _folder: tempfile::TempDir,
}

static SCHEMAS: AtomicU64 = AtomicU64::new(0);

impl TestDb {
    /// A SQLite file, and a schema on PostgreSQL when `TEST_POSTGRES_URL` is set (`make test` sets it).
    pub async fn each(series: &[Migrations]) -> Vec<Self> {
        let mut all = vec![Self::sqlite(series).await];
        match postgres_url() {
            Some(url) => all.push(Self::postgres(&url, series).await),
            None => eprintln!("TEST_POSTGRES_URL is not set: testing on SQLite only"),
        }
        all
    }

    /// These series after those that every such database has, as `migrate` wants them: all of a database, always.
    pub fn with_base(series: &[Migrations]) -> Vec<Migrations> {
        [&[pitcrew_db::OUTBOX_MIGRATIONS, pitcrew_work::MIGRATIONS], series].concat()
    }

    /// A SQLite file.
    pub async fn sqlite(series: &[Migrations]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let db = Db::open(&Options::Sqlite(folder.path().join("metadata.db"))).expect("a SQLite database");
        Self::migrated(db, "sqlite", folder, series).await
    }

    async fn postgres(url: &str, series: &[Migrations]) -> Self {
        // Numbers of processes come again on a cluster that outlives them.
        let (time, process) = (SystemClock.now().micros(), std::process::id());
        let schema = format!("test_{time}_{process}_{}", SCHEMAS.fetch_add(1, Ordering::Relaxed));
        let options = Options::Postgres { url: url.to_owned(), schema: Some(schema) };
        let db = tokio::task::spawn_blocking(move || Db::open(&options))
            .await
            .expect("no panic")
            .expect("a PostgreSQL database");
        Self::migrated(db, "postgres", tempfile::tempdir().expect("a temporary folder"), series).await
    }

    async fn migrated(db: Db, name: &'static str, folder: tempfile::TempDir, series: &[Migrations]) -> Self {
        migrate(&db, &SystemClock, &Self::with_base(series)).await.expect("migrations apply");
        Self { db, name, _folder: folder }
    }
}

#[expect(clippy::disallowed_methods, reason = "tests learn of the PostgreSQL server from their environment")]
fn postgres_url() -> Option<String> {
    std::env::var("TEST_POSTGRES_URL").ok().filter(|url| !url.is_empty())
}
