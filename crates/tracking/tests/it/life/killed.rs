//! `kill -9` in the middle of a removal, of a copy and of an import, with a real process: this test binary, started again, plays it.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use pitcrew_blob::{Blobs, Options};
use pitcrew_db::{Db, migrate};
use pitcrew_kernel::{SeededIds, Timestamp};
use pitcrew_testkit::{TestDb, World, run_jobs};
use pitcrew_tracking::{Importing, MIGRATIONS, Metric, Retention, Tracking, jobs};
use pitcrew_work::{SystemClock, release_leases};
use serde_json::json;

use super::Needed;

const HOME: &str = "PITCREW_TEST_LIFE_HOME";
const POINTS: i64 = 30_000;

/// One life of a server on this home.
struct Life {
    world: World,
    db: Db,
    tracking: Arc<Tracking>,
}

impl Life {
    async fn on(home: &Path, seed: u64) -> Self {
        let db = Db::open(&pitcrew_db::Options::Sqlite(home.join("metadata.db"))).unwrap();
        migrate(&db, &SystemClock, &TestDb::with_base(&[MIGRATIONS])).await.unwrap();
        let world = World::new();
        let ids = Arc::new(SeededIds::new(Arc::new(world.clock.clone()), seed));
        let world = World { ids, ..world };
        let blobs = Blobs::open(&Options::Local(home.join("objects")), world.clock()).unwrap();
        let tracking = Arc::new(Tracking::new(db.clone(), world.clock(), Arc::clone(&world.ids), blobs));
        Self { world, db, tracking }
    }

    async fn count(&self, table: &'static str) -> i64 {
        let sql = format!("SELECT count(*) FROM tracking_{table}");
        self.db.read(move |tx| tx.one(&sql, &[], |row| row.int(0))).await.unwrap()
    }
}

fn head(run_id: &str) -> Importing {
    let head = json!({ "format": 1, "run_id": run_id, "experiment": "far", "name": "a", "status": "FINISHED", "started_ms": 5 });
    serde_json::from_value(head).unwrap()
}

fn piece(first: i64) -> Vec<Metric> {
    (first..first + 5_000).map(|step| Metric::new("loss", step as f64, step, step)).collect()
}

/// The life that is killed: it removes one run and brings in another, each half.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "played by the test below in a process of its own"]
#[expect(clippy::disallowed_methods, reason = "the process learns from its environment where the test wants it")]
async fn the_life_that_is_killed() {
    let home = PathBuf::from(std::env::var(HOME).unwrap());
    let life = Life::on(&home, 1).await;
    let (tracking, ctx) = (&life.tracking, &life.world.ctx);
    tracking.begin_import(ctx, head("goes"), false).await.unwrap();
    for first in (0..POINTS).step_by(5_000) {
        tracking.import_points(ctx, "goes", piece(first)).await.unwrap();
    }
    tracking.finish_import(ctx, head("goes"), [("loss".to_owned(), POINTS as u64)].into(), 0).await.unwrap();
    tracking.delete_run(ctx, "goes").await.unwrap();
    tracking.purge_run(ctx, "goes").await.unwrap();
    assert!(tracking.purge_some().await.unwrap());
    tracking.begin_import(ctx, head("comes"), false).await.unwrap();
    tracking.import_points(ctx, "comes", piece(0)).await.unwrap();
    println!("HALF WAY");
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_removal_goes_on_by_itself_and_an_import_where_it_was() {
    let home = tempfile::tempdir().unwrap();
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "life::killed::the_life_that_is_killed", "--ignored", "--nocapture"])
        .env(HOME, home.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let half_way = lines.map_while(Result::ok).any(|line| line.contains("HALF WAY"));
    process.kill().unwrap();
    process.wait().unwrap();
    assert!(half_way, "the first life came to its middle");

    let life = Life::on(home.path(), 2).await;
    let (tracking, ctx) = (&life.tracking, &life.world.ctx);
    life.db.write(release_leases).await.unwrap();
    assert_eq!(life.count("points").await, POINTS - 5_000 + 5_000, "one slice is gone, one part came");
    assert_eq!(tracking.run(ctx, "goes").await.unwrap_err().code(), "RUN_NOT_FOUND");
    let retention = Arc::new(Retention::new(Arc::clone(tracking), Arc::new(Needed::default())));
    run_jobs(&life.world, &life.db, jobs(&retention)).await;
    assert_eq!((life.count("points").await, life.count("gone_runs").await), (5_000, 0), "the rest went");

    let state = tracking.begin_import(ctx, head("comes"), false).await.unwrap();
    assert_eq!((state.there, state.points["loss"]), (false, 5_000), "what was acknowledged is there");
    tracking.import_points(ctx, "comes", piece(5_000)).await.unwrap();
    let whole = [("loss".to_owned(), 10_000)].into();
    assert!(tracking.finish_import(ctx, head("comes"), whole, 0).await.unwrap());
    assert_eq!(tracking.run(ctx, "comes").await.unwrap().info.start_ms, Timestamp::from_millis(5).millis());
}
