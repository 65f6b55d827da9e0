//! `kill -9` in the middle of a step, with a real server process: this test binary, started again, plays it.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use pitcrew_db::{Db, Options, migrate};
use pitcrew_kernel::{FakeClock, SeededIds, Timestamp};
use pitcrew_pipelines::{Recovered, RunState, StepState};
use pitcrew_testkit::World;
use pitcrew_work::{SystemClock, release_leases};
use serde_json::json;

use crate::yard::{Yard, step};

const HOME: &str = "PITCREW_TEST_CRASH_HOME";

fn database(home: &Path) -> Db {
    Db::open(&Options::Sqlite(home.join("metadata.db"))).unwrap()
}

/// Another life of the server makes other ids.
fn world(seed: u64) -> World {
    let clock = FakeClock::at("2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap());
    World { ids: Arc::new(SeededIds::new(Arc::new(clock.clone()), seed)), clock, ..World::new() }
}

/// The life that is killed: it starts a run whose second step never ends by itself.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "played by the test below in a process of its own"]
async fn the_life_that_is_killed() {
    let home = PathBuf::from(std::env::var(HOME).unwrap());
    let db = database(&home);
    migrate(
        &db,
        &SystemClock,
        &[pitcrew_db::OUTBOX_MIGRATIONS, pitcrew_work::MIGRATIONS, pitcrew_pipelines::MIGRATIONS],
    )
    .await
    .unwrap();
    let folder = tempfile::Builder::new().disable_cleanup(true).prefix("life").tempdir_in(&home).unwrap();
    let mut yard = Yard::at(db, Arc::new(folder), world(1), &|options| options.home = home_of(&options.home));
    yard.name = "the killed life";
    yard.work();
    let mark = |name: &str| home.join(name).display().to_string();
    let (done, ends, stays) = (mark("done"), mark("ends"), mark("stays"));
    let train = format!(
        "sh -c 'if [ -e {ends} ]; then exit 0; fi; echo $$ >> {stays}; \
         (setsid sh -c \"echo \\$\\$ >> {stays}; exec sleep 1000\" &) ; echo hangs; exec sleep 1000'"
    );
    yard.steps(json!({
        "prepare": {"run": format!("sh -c 'echo once >> {done}; echo rows > $PITCREW_OUTPUT_DIR/rows'"), "outputs": ["rows"]},
        "train": {"run": train, "inputs": {"rows": "prepare/rows"}},
        "after": {"run": "true", "needs": ["train"]},
    }))
    .await;
    let run = yard.start().await;
    yard.heard(run.id, "hangs").await;
    while std::fs::read_to_string(&stays).map_or(0, |text| text.lines().count()) < 2 {
        tokio::task::yield_now().await;
    }
    println!("RUN {}", run.id);
    std::future::pending::<()>().await;
}

/// All lives share one home.
fn home_of(life: &Path) -> PathBuf {
    life.parent().unwrap().join("home")
}

fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_orphans_are_ended_and_runs_go_on_where_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().to_owned();
    let mut life = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::the_life_that_is_killed", "--ignored", "--nocapture"])
        .env(HOME, &home)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(life.stdout.take().unwrap()).lines();
    let run =
        lines.map_while(Result::ok).find_map(|line| line.split_once("RUN ").map(|(_, id)| id.to_owned())).unwrap();
    life.kill().unwrap();
    life.wait().unwrap();
    let pids: Vec<String> = std::fs::read_to_string(home.join("stays")).unwrap().lines().map(str::to_owned).collect();
    assert!(pids.len() == 2 && pids.iter().all(|pid| is_alive(pid)), "both survive their server: {pids:?}");

    std::fs::write(home.join("ends"), "").unwrap();
    let life = Arc::new(tempfile::Builder::new().prefix("life").tempdir_in(&home).unwrap());
    let db = database(&home);
    db.write(release_leases).await.unwrap();
    let mut yard = Yard::at(db, life, world(2), &|options| options.home = home_of(&options.home));
    yard.name = "the next life";
    let recovered = yard.service.recover().await.unwrap();
    assert_eq!(recovered.runs, 1);
    assert!(recovered.processes >= 1, "{recovered:?}");
    let dying = async {
        while pids.iter().any(|pid| is_alive(pid)) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), dying)
        .await
        .expect("orphans are ended, whatever their group");
    yard.work();
    let run = yard.finish(run.parse().unwrap()).await;
    assert_eq!(run.state, RunState::Succeeded, "{:?}", run.error);
    assert_eq!(
        std::fs::read_to_string(home.join("done")).unwrap(),
        "once\n",
        "a step that had finished is not run again"
    );
    assert_eq!((step(&run, "prepare").attempt, step(&run, "train").attempt), (1, 2));
    assert_eq!(step(&run, "after").state, StepState::Succeeded);
    assert_eq!(
        yard.tracker.0.lock().unwrap().get("train#1"),
        Some(&Some(false)),
        "the killed attempt's tracking run is closed"
    );
    assert_eq!(yard.service.recover().await.unwrap(), Recovered::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_leaves_the_step_to_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().to_owned();
    let db = database(&home);
    migrate(
        &db,
        &SystemClock,
        &[pitcrew_db::OUTBOX_MIGRATIONS, pitcrew_work::MIGRATIONS, pitcrew_pipelines::MIGRATIONS],
    )
    .await
    .unwrap();
    let life = || Arc::new(tempfile::Builder::new().prefix("life").tempdir_in(&home).unwrap());
    let yard = Yard::at(db.clone(), life(), world(1), &|options| options.home = home_of(&options.home));
    yard.work();
    let ends = home.join("ends").display().to_string();
    yard.steps(
        json!({"train": {"run": format!("sh -c 'if [ -e {ends} ]; then exit 0; fi; echo hangs; exec sleep 1000'")}}),
    )
    .await;
    let run = yard.start().await.id;
    yard.heard(run, "hangs").await;
    yard.tasks.stop(std::time::Duration::from_secs(30)).await;
    let stopped = yard.service.run(&yard.world.ctx, run).await.unwrap();
    assert_eq!((stopped.state, stopped.steps[0].state), (RunState::Running, StepState::Running));
    std::fs::write(&ends, "").unwrap();
    let next = Yard::at(db, life(), world(2), &|options| options.home = home_of(&options.home));
    next.service.recover().await.unwrap();
    next.work();
    let run = next.finish(run).await;
    assert_eq!((run.state, run.steps[0].attempt, run.steps[0].error.as_deref()), (RunState::Succeeded, 2, None));
}
