//! Running jobs: leases, tries, backoff, and running once more.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use pitcrew_db::{Db, Signal};
use pitcrew_kernel::{Clock, Error, FakeClock, Result, Sleep, Timestamp};
use pitcrew_testkit::World;
use pitcrew_work::{Job, JobHandler, NewJob, Runner, Tasks, in_flight, release_leases, under_way};
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use crate::jobs::{KIND, Kept, add, job, kept};
use crate::{act, each, effects};

/// A job in the hands of the test, which says how it ends.
struct Call {
    job: Job,
    end: oneshot::Sender<Result<()>>,
}

struct Hand {
    kind: &'static str,
    at_once: usize,
    calls: mpsc::UnboundedSender<Call>,
    db: Db,
}

#[async_trait]
impl JobHandler for Hand {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn concurrency(&self) -> usize {
        self.at_once
    }

    async fn run(&self, job: &Job) -> Result<()> {
        let (end, ended) = oneshot::channel();
        self.calls.send(Call { job: job.clone(), end }).expect("the test listens");
        ended.await.expect("the handler was told to panic")
    }

    async fn gave_up(&self, job: &Job, error: &Error) {
        let what = format!("{} {}", job.key, error.code());
        self.db.write(move |tx| act(tx, "gave up", &what)).await.unwrap();
    }
}

struct Pit {
    tasks: Tasks,
    calls: mpsc::UnboundedReceiver<Call>,
    db: Db,
}

impl Pit {
    /// A process that runs jobs, one of each kind at once unless said otherwise.
    fn open(db: &Db, clock: Arc<dyn Clock>, owner: &str, kinds: &[(&'static str, usize)]) -> Self {
        let (sender, calls) = mpsc::unbounded_channel();
        let hand = |(kind, at_once): &(&'static str, usize)| -> Arc<dyn JobHandler> {
            Arc::new(Hand { kind, at_once: *at_once, calls: sender.clone(), db: db.clone() })
        };
        let tasks = Tasks::new();
        let runner = Arc::new(Runner::new(db.clone(), clock, owner.to_owned(), kinds.iter().map(hand).collect()));
        tasks.spawn("runner", runner.run(tasks.clone()));
        Self { tasks, calls, db: db.clone() }
    }

    /// The next job in its hands. Two processes have a signal each; here they share one, so it is raised until somebody acts on it.
    async fn call(&mut self) -> Call {
        loop {
            if let Ok(call) = self.calls.try_recv() {
                return call;
            }
            self.db.raise(Signal::Jobs);
            tokio::task::yield_now().await;
        }
    }
}

fn failure() -> Result<()> {
    Err(Error::unavailable("WEBHOOK_FAILED", "not now"))
}

/// Waits until the job stands as wanted.
async fn until(db: &Db, key: &str, wanted: impl Fn(&Option<Kept>) -> bool) -> Option<Kept> {
    loop {
        let found = kept(db, key).await;
        if wanted(&found) {
            return found;
        }
        tokio::task::yield_now().await;
    }
}

async fn gone(db: &Db, key: &str) {
    until(db, key, Option::is_none).await;
}

/// Waits until the try is over.
async fn settled(db: &Db, key: &str) -> Kept {
    until(db, key, |kept| kept.as_ref().is_some_and(|kept| kept.state != "running")).await.unwrap()
}

#[tokio::test]
async fn a_job_that_succeeds_is_gone() {
    for test in each().await {
        let world = World::new();
        let mut pit = Pit::open(&test.db, world.clock(), "one", &[(KIND, 1)]);
        add(&test.db, &world, job(&world, "a", json!({ "n": 7 }))).await;
        let call = pit.call().await;
        assert_eq!((call.job.key.as_str(), call.job.attempt, call.job.max_attempts), ("a", 1, 3), "{}", test.name);
        assert_eq!((call.job.payload, call.job.kind.as_str()), (json!({ "n": 7 }), KIND), "{}", test.name);
        let now = world.clock.now();
        assert_eq!(test.db.read(move |tx| in_flight(tx, now)).await.unwrap(), (0, 1), "{}", test.name);
        call.end.send(Ok(())).unwrap();
        gone(&test.db, "a").await;
        pit.tasks.stop(Duration::from_secs(60)).await;
    }
}

#[tokio::test]
async fn queued_while_it_runs_it_runs_once_more_with_what_was_said_last() {
    for test in each().await {
        let world = World::new();
        let mut pit = Pit::open(&test.db, world.clock(), "one", &[(KIND, 2)]);
        add(&test.db, &world, job(&world, "a", json!(1))).await;
        let first = pit.call().await;
        for payload in 2..=4 {
            add(&test.db, &world, job(&world, "a", json!(payload))).await;
        }
        add(&test.db, &world, job(&world, "b", json!(0))).await;
        let other = pit.call().await;
        assert_eq!(other.job.key, "b", "{}: never twice at once", test.name);
        first.end.send(Ok(())).unwrap();
        let second = pit.call().await;
        assert_eq!(
            (second.job.key.as_str(), second.job.payload, second.job.attempt),
            ("a", json!(4), 1),
            "{}",
            test.name
        );
        second.end.send(Ok(())).unwrap();
        gone(&test.db, "a").await;
        other.end.send(Ok(())).unwrap();
        gone(&test.db, "b").await;
        pit.tasks.stop(Duration::from_secs(60)).await;
        assert!(pit.calls.try_recv().is_err(), "{}", test.name);
    }
}

#[tokio::test]
async fn once_more_is_not_before_its_time() {
    for test in each().await {
        let world = World::new();
        let mut pit = Pit::open(&test.db, world.clock(), "one", &[(KIND, 1)]);
        add(&test.db, &world, job(&world, "a", json!(1))).await;
        let first = pit.call().await;
        let at = world.clock.now().plus(Duration::from_secs(60));
        for delay in [60, 90] {
            let run_at = world.clock.now().plus(Duration::from_secs(delay));
            add(&test.db, &world, NewJob { run_at, ..job(&world, "a", json!(2)) }).await;
        }
        first.end.send(Ok(())).unwrap();
        let waiting = settled(&test.db, "a").await;
        assert_eq!((waiting.state.as_str(), waiting.run_at), ("ready", at), "{}", test.name);
    }
}

#[tokio::test]
async fn tries_wait_longer_and_longer_and_then_it_is_given_up() {
    for test in each().await {
        let world = World::new();
        let mut pit = Pit::open(&test.db, world.clock(), "one", &[(KIND, 1), ("tests.probe", 1)]);
        add(&test.db, &world, NewJob { max_attempts: 12, ..job(&world, "a", json!(1)) }).await;
        let mut waits = Vec::new();
        for attempt in 1..=12 {
            let call = pit.call().await;
            assert_eq!((call.job.key.as_str(), call.job.attempt), ("a", attempt), "{}", test.name);
            call.end.send(failure()).unwrap();
            let after = settled(&test.db, "a").await;
            assert!(after.error.as_ref().unwrap().contains("not now"), "{}", test.name);
            if after.state == "failed" {
                break;
            }
            let wait = after.run_at.since(world.clock.now());
            waits.push(wait.as_millis());
            // A microsecond too early it is left alone: the probe, which is looked for after it, comes first.
            world.clock.advance(wait - Duration::from_micros(1));
            add(&test.db, &world, NewJob { kind: "tests.probe", ..job(&world, "probe", json!(0)) }).await;
            let probe = pit.call().await;
            assert_eq!(probe.job.key, "probe", "{}", test.name);
            probe.end.send(Ok(())).unwrap();
            gone(&test.db, "probe").await;
            world.clock.advance(Duration::from_micros(1));
        }
        assert_eq!(
            waits,
            [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000],
            "{}",
            test.name
        );
        assert_eq!(kept(&test.db, "a").await.unwrap().state, "failed", "{}", test.name);
        assert_eq!(effects(&test.db, "gave up").await, ["a WEBHOOK_FAILED"], "{}", test.name);
        // Asked for again, it begins anew.
        add(&test.db, &world, job(&world, "a", json!(2))).await;
        let call = pit.call().await;
        assert_eq!((call.job.attempt, call.job.payload), (1, json!(2)), "{}", test.name);
    }
}

#[tokio::test]
async fn queued_while_its_last_try_fails_it_begins_anew_instead_of_being_given_up() {
    for test in each().await {
        let world = World::new();
        let mut pit = Pit::open(&test.db, world.clock(), "one", &[(KIND, 1)]);
        add(&test.db, &world, NewJob { max_attempts: 1, ..job(&world, "a", json!("v2")) }).await;
        let last = pit.call().await;
        add(&test.db, &world, NewJob { max_attempts: 1, ..job(&world, "a", json!("v3")) }).await;
        last.end.send(failure()).unwrap();
        let again = pit.call().await;
        assert_eq!((again.job.payload, again.job.attempt), (json!("v3"), 1), "{}", test.name);
        assert!(effects(&test.db, "gave up").await.is_empty(), "{}: it goes on", test.name);
        again.end.send(failure()).unwrap();
        assert_eq!(settled(&test.db, "a").await.state, "failed", "{}: nobody asked again", test.name);
        assert_eq!(effects(&test.db, "gave up").await, ["a WEBHOOK_FAILED"], "{}", test.name);
    }
}

#[tokio::test]
async fn what_is_asked_anew_has_all_its_tries_and_its_own_time() {
    for test in each().await {
        let world = World::new();
        let mut pit = Pit::open(&test.db, world.clock(), "one", &[(KIND, 1)]);
        add(&test.db, &world, job(&world, "a", json!(1))).await;
        let first = pit.call().await;
        let at = world.clock.now().plus(Duration::from_secs(60));
        add(&test.db, &world, NewJob { run_at: at, ..job(&world, "a", json!(2)) }).await;
        first.end.send(failure()).unwrap();
        let waiting = settled(&test.db, "a").await;
        assert_eq!((waiting.state.as_str(), waiting.attempts, waiting.run_at), ("ready", 0, at), "{}", test.name);
        world.clock.advance(Duration::from_secs(60));
        pit.call().await.end.send(failure()).unwrap();
        let waiting = settled(&test.db, "a").await;
        assert_eq!(waiting.attempts, 1, "{}: this try was its own", test.name);
        // While it waits for its next try: what is asked for later leaves that try as it is, what is asked for now begins anew.
        add(&test.db, &world, NewJob { run_at: at.plus(Duration::from_secs(60)), ..job(&world, "a", json!(3)) }).await;
        let found = kept(&test.db, "a").await.unwrap();
        assert_eq!((found.attempts, found.run_at, found.payload), (1, waiting.run_at, json!(3)), "{}", test.name);
        add(&test.db, &world, job(&world, "a", json!(4))).await;
        let call = pit.call().await;
        assert_eq!((call.job.attempt, call.job.payload), (1, json!(4)), "{}", test.name);
    }
}

#[tokio::test]
async fn a_job_that_waits_for_another_try_is_under_way_until_it_has_failed_often() {
    for test in each().await {
        let world = World::new();
        let seen = async |once: &'static [&'static str]| {
            let now = world.clock.now();
            let found = test.db.read(move |tx| under_way(tx, now, once)).await.unwrap();
            [found.ready, found.running, found.retrying]
        };
        // As a schedule may have it.
        let far =
            NewJob { run_at: world.clock.now().plus(Duration::from_secs(86_400)), ..job(&world, "far", json!(0)) };
        add(&test.db, &world, far).await;
        assert_eq!(seen(&[]).await, [0, 0, 0], "{}", test.name);
        let mut pit = Pit::open(&test.db, world.clock(), "one", &[(KIND, 1)]);
        add(&test.db, &world, NewJob { max_attempts: 20, ..job(&world, "a", json!(1)) }).await;
        for attempt in 1..=9 {
            let call = pit.call().await;
            assert_eq!(seen(&[]).await, [0, 1, 0], "{}", test.name);
            assert_eq!(seen(&[KIND]).await, [0, i64::from(attempt == 1), 0], "{}: the first try counts", test.name);
            call.end.send(failure()).unwrap();
            let waits = settled(&test.db, "a").await.run_at.since(world.clock.now());
            assert_eq!(seen(&[]).await, [0, 0, i64::from(attempt <= 8)], "{}: after {attempt} tries", test.name);
            assert_eq!(seen(&[KIND]).await, [0, 0, 0], "{}: others may keep it waiting", test.name);
            world.clock.advance(waits);
        }
    }
}

#[tokio::test]
async fn a_panic_is_a_failed_try_and_frees_its_place() {
    for test in each().await {
        let world = World::new();
        let mut pit = Pit::open(&test.db, world.clock(), "one", &[(KIND, 1)]);
        add(&test.db, &world, job(&world, "a", json!(1))).await;
        drop(pit.call().await.end);
        let after = settled(&test.db, "a").await;
        assert_eq!((after.state.as_str(), after.attempts), ("ready", 1), "{}", test.name);
        assert!(after.error.unwrap().contains("told to panic"), "{}", test.name);
        add(&test.db, &world, job(&world, "b", json!(1))).await;
        assert_eq!(pit.call().await.job.key, "b", "{}", test.name);
    }
}

#[tokio::test]
async fn a_dead_process_lost_its_jobs_when_their_leases_end() {
    for test in each().await {
        let world = World::new();
        // The first process's clock stands still: it shows no more sign of life.
        let stopped = FakeClock::at(world.clock.now());
        let mut dead = Pit::open(&test.db, Arc::new(stopped.clone()), "dead", &[(KIND, 1)]);
        add(&test.db, &world, NewJob { max_attempts: 2, ..job(&world, "a", json!(1)) }).await;
        let mut lost = dead.call().await;
        let mut alive = Pit::open(&test.db, world.clock(), "alive", &[(KIND, 1), ("tests.probe", 1)]);
        world.clock.advance(Duration::from_secs(30));
        add(&test.db, &world, NewJob { kind: "tests.probe", ..job(&world, "probe", json!(0)) }).await;
        let probe = alive.call().await;
        assert_eq!(probe.job.key, "probe", "{}: not before the lease is over", test.name);
        probe.end.send(Ok(())).unwrap();
        gone(&test.db, "probe").await;
        world.clock.advance(Duration::from_secs(1));
        let taken = alive.call().await;
        assert_eq!((taken.job.key.as_str(), taken.job.attempt), ("a", 2), "{}", test.name);
        // The first wakes up again, sees that it is not its job any more, and lets go without a word.
        stopped.advance(Duration::from_secs(10));
        lost.end.closed().await;
        taken.end.send(Ok(())).unwrap();
        gone(&test.db, "a").await;
        assert!(effects(&test.db, "gave up").await.is_empty(), "{}", test.name);
    }
}

#[tokio::test]
async fn what_was_asked_anew_of_a_process_that_died_has_all_its_tries() {
    for test in each().await {
        let world = World::new();
        let stopped = FakeClock::at(world.clock.now());
        let mut dead = Pit::open(&test.db, Arc::new(stopped), "dead", &[(KIND, 1)]);
        add(&test.db, &world, NewJob { max_attempts: 1, ..job(&world, "a", json!(1)) }).await;
        let lost = dead.call().await;
        add(&test.db, &world, NewJob { max_attempts: 1, ..job(&world, "a", json!(2)) }).await;
        world.clock.advance(Duration::from_secs(31));
        let mut alive = Pit::open(&test.db, world.clock(), "alive", &[(KIND, 1)]);
        let taken = alive.call().await;
        assert_eq!((taken.job.attempt, taken.job.payload), (1, json!(2)), "{}", test.name);
        add(&test.db, &world, NewJob { max_attempts: 1, ..job(&world, "a", json!(3)) }).await;
        alive.tasks.token().cancel();
        std::mem::forget((lost.end, taken.end));
        assert_eq!(test.db.write(release_leases).await.unwrap(), 1, "{}", test.name);
        let back = kept(&test.db, "a").await.unwrap();
        assert_eq!((back.state.as_str(), back.attempts, back.payload), ("ready", 0, json!(3)), "{}", test.name);
    }
}

#[tokio::test]
async fn a_process_that_comes_late_does_not_end_what_another_has_begun() {
    for test in each().await {
        let world = World::new();
        let stopped = FakeClock::at(world.clock.now());
        let mut slow = Pit::open(&test.db, Arc::new(stopped), "slow", &[(KIND, 1)]);
        add(&test.db, &world, job(&world, "a", json!(1))).await;
        let late = slow.call().await;
        world.clock.advance(Duration::from_secs(31));
        let mut alive = Pit::open(&test.db, world.clock(), "alive", &[(KIND, 1)]);
        let taken = alive.call().await;
        late.end.send(Ok(())).unwrap();
        slow.tasks.stop(Duration::from_secs(60)).await;
        assert_eq!(kept(&test.db, "a").await.unwrap().state, "running", "{}", test.name);
        taken.end.send(Ok(())).unwrap();
        gone(&test.db, "a").await;
    }
}

#[tokio::test]
async fn a_restart_gives_its_jobs_back_and_a_cut_off_try_does_not_count() {
    for test in each().await {
        let world = World::new();
        for start in 0..5 {
            let mut pit = Pit::open(&test.db, world.clock(), &format!("start {start}"), &[(KIND, 1)]);
            if start == 0 {
                add(&test.db, &world, job(&world, "a", json!(1))).await;
            }
            let call = pit.call().await;
            assert_eq!(call.job.attempt, 1, "{}: start {start}", test.name);
            pit.tasks.token().cancel();
            // As after `kill -9`: nothing of the process is left, only its lease.
            std::mem::forget(call.end);
            assert_eq!(test.db.write(release_leases).await.unwrap(), 1, "{}", test.name);
        }
        assert_eq!(kept(&test.db, "a").await.unwrap().attempts, 0, "{}", test.name);
    }
}

/// Notes how long the runner wants to sleep.
#[derive(Debug)]
struct Naps(FakeClock, Mutex<Vec<Duration>>);

impl Naps {
    fn of(world: &World) -> Arc<Self> {
        Arc::new(Self(world.clock.clone(), Mutex::default()))
    }

    /// Waits until somebody has lain down for this long so often.
    async fn taken(&self, length: Duration, times: usize) {
        while self.1.lock().unwrap().iter().filter(|nap| **nap == length).count() < times {
            tokio::task::yield_now().await;
        }
    }
}

impl Clock for Naps {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn sleep(&self, duration: Duration) -> Sleep<'_> {
        let nap = self.0.sleep(duration);
        self.1.lock().unwrap().push(duration);
        nap
    }
}

#[tokio::test]
async fn signs_of_life_keep_the_lease() {
    let heartbeat = Duration::from_secs(10);
    for test in each().await {
        let world = World::new();
        let naps = Naps::of(&world);
        let mut pit = Pit::open(&test.db, Arc::clone(&naps) as Arc<dyn Clock>, "one", &[(KIND, 1)]);
        add(&test.db, &world, job(&world, "a", json!(1))).await;
        let call = pit.call().await;
        for beat in 1..=6 {
            naps.taken(heartbeat, beat).await;
            world.clock.advance(heartbeat);
            let until_then = Some(world.clock.now().plus(Duration::from_secs(30)));
            until(&test.db, "a", |kept| kept.as_ref().is_some_and(|kept| kept.lease_until == until_then)).await;
        }
        call.end.send(Ok(())).unwrap();
        gone(&test.db, "a").await;
    }
}

#[tokio::test]
async fn no_more_run_at_once_than_allowed_and_the_rest_waits_quietly() {
    for test in each().await {
        let world = World::new();
        for key in ["a", "b", "c", "d", "e"] {
            add(&test.db, &world, job(&world, key, json!(1))).await;
        }
        let naps = Naps::of(&world);
        let mut pit = Pit::open(&test.db, Arc::clone(&naps) as Arc<dyn Clock>, "one", &[(KIND, 2)]);
        let mut running = vec![pit.call().await, pit.call().await];
        for _ in 0..3 {
            let now = world.clock.now();
            let (_, in_hand) = test.db.read(move |tx| in_flight(tx, now)).await.unwrap();
            assert!(in_hand <= 2 && pit.calls.try_recv().is_err(), "{}: {in_hand} at once", test.name);
            running.remove(0).end.send(Ok(())).unwrap();
            running.push(pit.call().await);
        }
        running.into_iter().for_each(|call| call.end.send(Ok(())).unwrap());
        for key in ["a", "b", "c", "d", "e"] {
            gone(&test.db, key).await;
        }
        let shortest = naps.1.lock().unwrap().iter().min().copied();
        assert!(shortest >= Some(Duration::from_secs(2)), "{}: it looks again after {shortest:?}", test.name);
    }
}

#[tokio::test]
async fn two_processes_share_the_work_and_each_job_is_done_once() {
    for test in each().await {
        let world = World::new();
        let mut one = Pit::open(&test.db, world.clock(), "one", &[(KIND, 4)]);
        let mut two = Pit::open(&test.db, world.clock(), "two", &[(KIND, 4)]);
        for key in 0..100 {
            add(&test.db, &world, job(&world, &key.to_string(), json!(1))).await;
        }
        let mut done: BTreeMap<String, usize> = BTreeMap::new();
        for _ in 0..100 {
            let call = tokio::select! {
                call = one.call() => call,
                call = two.call() => call,
            };
            *done.entry(call.job.key).or_default() += 1;
            call.end.send(Ok(())).unwrap();
        }
        assert_eq!(done.len(), 100, "{}", test.name);
        for key in 0..100 {
            gone(&test.db, &key.to_string()).await;
        }
        assert!(one.calls.try_recv().is_err() && two.calls.try_recv().is_err(), "{}", test.name);
    }
}
