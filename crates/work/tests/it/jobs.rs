//! The queue itself: what is kept of a job, and what its keys mean.

use std::time::Duration;

use pitcrew_db::Db;
use pitcrew_kernel::{Clock as _, Error, Timestamp};
use pitcrew_testkit::World;
use pitcrew_work::{NewJob, enqueue, in_flight};
use serde_json::{Value, json};

use crate::each;

pub(crate) const KIND: &str = "tests.work";

pub(crate) fn job(world: &World, key: &str, payload: Value) -> NewJob {
    NewJob { kind: KIND, key: key.to_owned(), payload, run_at: world.clock.now(), max_attempts: 3 }
}

pub(crate) async fn add(db: &Db, world: &World, job: NewJob) {
    let (ids, now) = (world.ids.clone(), world.clock.now());
    db.write(move |tx| enqueue(tx, ids.as_ref(), now, &job)).await.unwrap();
}

/// A job as it stands in the queue.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Kept {
    pub(crate) state: String,
    pub(crate) attempts: i64,
    pub(crate) run_at: Timestamp,
    pub(crate) payload: Value,
    pub(crate) error: Option<String>,
    pub(crate) lease_until: Option<Timestamp>,
}

pub(crate) async fn kept(db: &Db, key: &str) -> Option<Kept> {
    let key = key.to_owned();
    db.read(move |tx| {
        tx.optional(
            "SELECT state, attempts, run_at, payload, error, lease_until FROM work_jobs WHERE key = $1",
            &[key.into()],
            |row| {
                Ok(Kept {
                    state: row.text(0)?,
                    attempts: row.int(1)?,
                    run_at: row.time(2)?,
                    payload: row.json(3)?,
                    error: row.opt_text(4)?,
                    lease_until: row.opt_time(5)?,
                })
            },
        )
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn two_waiting_jobs_of_one_key_are_one() {
    for test in each().await {
        let world = World::new();
        let now = world.clock.now();
        let later = NewJob { run_at: now.plus(Duration::from_secs(60)), ..job(&world, "a", json!(1)) };
        add(&test.db, &world, later.clone()).await;
        add(&test.db, &world, job(&world, "a", json!(2))).await;
        add(&test.db, &world, NewJob { payload: json!(3), ..later }).await;
        add(&test.db, &world, job(&world, "b", json!(4))).await;
        let found = kept(&test.db, "a").await.unwrap();
        assert_eq!((found.run_at, found.payload, found.state.as_str()), (now, json!(3), "ready"), "{}", test.name);
        let waiting = test.db.read(move |tx| in_flight(tx, now)).await.unwrap();
        assert_eq!(waiting, (2, 0), "{}", test.name);
    }
}

#[tokio::test]
async fn a_job_exists_only_if_its_transaction_committed() {
    for test in each().await {
        let world = World::new();
        let (ids, now, new) = (world.ids.clone(), world.clock.now(), job(&world, "a", json!(1)));
        let failed = test.db.write(move |tx| {
            enqueue(tx, ids.as_ref(), now, &new)?;
            Err::<(), _>(Error::precondition("GATE_REFUSED", "no"))
        });
        failed.await.unwrap_err();
        assert_eq!(kept(&test.db, "a").await, None, "{}", test.name);
    }
}
