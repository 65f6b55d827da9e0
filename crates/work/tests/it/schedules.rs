//! Jobs that recur.

use std::time::Duration;

use pitcrew_db::Db;
use pitcrew_kernel::{Clock as _, Timestamp};
use pitcrew_testkit::World;
use pitcrew_work::{Schedule, Scheduler, Tasks, set_schedules};
use proptest::prelude::*;
use serde_json::json;

use crate::each;

const KIND: &str = "tests.tick";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn next(schedule: &str, after: &str) -> String {
    schedule.parse::<Schedule>().unwrap().next(at(after)).unwrap().to_string()
}

#[test]
fn ticks_follow_the_clock_on_the_wall() {
    for (schedule, after, expected) in [
        ("0 3 * * *", "2026-01-01T02:59:59Z", "2026-01-01T03:00:00.000000Z"),
        ("0 3 * * *", "2026-01-01T03:00:00Z", "2026-01-02T03:00:00.000000Z"),
        ("*/15 * * * *", "2026-01-01T00:14:59.999999Z", "2026-01-01T00:15:00.000000Z"),
        ("0 3 * * * Europe/Berlin", "2026-01-10T00:00:00Z", "2026-01-10T02:00:00.000000Z"),
        ("0 3 * * * Europe/Berlin", "2026-07-10T00:00:00Z", "2026-07-10T01:00:00.000000Z"),
        ("30 9 * * 1 America/New_York", "2026-03-06T00:00:00Z", "2026-03-09T13:30:00.000000Z"),
        ("0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00.000000Z"),
    ] {
        assert_eq!(next(schedule, after), expected, "{schedule} after {after}");
    }
}

#[test]
fn a_daily_tick_comes_once_on_every_day_also_when_clocks_are_put() {
    for schedule in [
        "30 2 * * * Europe/Berlin",
        "30 1 * * * America/New_York",
        "15 0 * * * America/Havana",
        "0 3 * * * Australia/Lord_Howe",
    ] {
        let parsed: Schedule = schedule.parse().unwrap();
        let (mut now, end) = (at("2026-01-01T12:00:00Z"), at("2027-01-01T12:00:00Z"));
        let mut ticks = Vec::new();
        loop {
            now = parsed.next(now).unwrap();
            if now >= end {
                break;
            }
            ticks.push(now);
        }
        assert_eq!(ticks.len(), 365, "{schedule}");
        for pair in ticks.windows(2) {
            let hours = pair[1].since(pair[0]).as_secs_f64() / 3600.0;
            assert!((22.0..=26.0).contains(&hours), "{schedule}: {} then {}", pair[0], pair[1]);
        }
    }
}

#[test]
fn what_is_no_schedule_is_refused() {
    for text in ["", "* * * *", "60 * * * *", "* * * * * Mars/Olympus", "* * * * * * UTC", "a b c d e", "0 0 30 2 *"] {
        let found = text.parse::<Schedule>().and_then(|schedule| schedule.next(at("2026-01-01")));
        assert_eq!(found.unwrap_err().code(), "SCHEDULE_INVALID", "{text:?}");
    }
}

proptest! {
    #[test]
    fn the_next_tick_is_later_and_on_the_minute(minute in 0u8..60, hour in 0u8..24, seconds in 0i64..4_000_000_000) {
        let schedule: Schedule = format!("{minute} {hour} * * *").parse().unwrap();
        let after = Timestamp::from_micros(seconds * 1_000_000 + 1);
        let tick = schedule.next(after).unwrap();
        prop_assert!(tick > after && tick.since(after) <= Duration::from_secs(86_400));
        prop_assert_eq!(tick.micros() % 60_000_000, 0);
        let before = Timestamp::from_micros(tick.micros() - 1);
        prop_assert_eq!(schedule.next(before).unwrap(), tick);
    }

    #[test]
    fn strange_text_is_an_error_not_a_panic(text in "\\PC{0,40}") {
        if let Ok(schedule) = text.parse::<Schedule>() {
            let _answered = schedule.next(Timestamp::from_micros(0));
        }
    }
}

async fn set(db: &Db, world: &World, owner: &'static str, expressions: &[&str]) -> pitcrew_kernel::Result<()> {
    let (now, expressions) = (world.clock.now(), expressions.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
    db.write(move |tx| set_schedules(tx, now, owner, KIND, &expressions, &json!({ "owner": owner }))).await
}

async fn queued(db: &Db) -> Vec<String> {
    db.read(|tx| tx.all("SELECT key FROM work_jobs ORDER BY key", &[], |row| row.text(0))).await.unwrap()
}

fn scheduler(db: &Db, world: &World, kinds: &[&'static str]) -> Scheduler {
    Scheduler::new(db.clone(), world.clock(), world.ids.clone(), kinds.to_vec())
}

#[tokio::test]
async fn a_tick_queues_one_job_and_missed_ticks_make_one_too() {
    for test in each().await {
        let world = World::new();
        set(&test.db, &world, "pipeline:train", &["0 * * * *", "30 12 * * *"]).await.unwrap();
        let scheduler = scheduler(&test.db, &world, &[KIND]);
        assert_eq!(scheduler.tick().await.unwrap(), Some(at("2026-01-01T01:00:00Z")), "{}", test.name);
        assert!(queued(&test.db).await.is_empty(), "{}", test.name);
        world.clock.advance(Duration::from_secs(3600));
        assert_eq!(scheduler.tick().await.unwrap(), Some(at("2026-01-01T02:00:00Z")), "{}", test.name);
        scheduler.tick().await.unwrap();
        assert_eq!(queued(&test.db).await, ["pipeline:train/0@2026-01-01T01:00:00.000000Z"], "{}", test.name);
        // Down for two days.
        world.clock.advance(Duration::from_secs(2 * 86_400));
        assert_eq!(scheduler.tick().await.unwrap(), Some(at("2026-01-03T02:00:00Z")), "{}", test.name);
        let expected = [
            "pipeline:train/0@2026-01-01T01:00:00.000000Z",
            "pipeline:train/0@2026-01-01T02:00:00.000000Z",
            "pipeline:train/1@2026-01-01T12:30:00.000000Z",
        ];
        assert_eq!(queued(&test.db).await, expected, "{}", test.name);
    }
}

#[tokio::test]
async fn schedules_are_replaced_as_a_whole_and_a_wrong_one_changes_nothing() {
    for test in each().await {
        let world = World::new();
        set(&test.db, &world, "pipeline:train", &["0 * * * *", "5 * * * *"]).await.unwrap();
        set(&test.db, &world, "pipeline:other", &["7 * * * *"]).await.unwrap();
        set(&test.db, &world, "pipeline:train", &["10 * * * *"]).await.unwrap();
        let error = set(&test.db, &world, "pipeline:train", &["20 * * * *", "nonsense"]).await.unwrap_err();
        assert_eq!(error.code(), "SCHEDULE_INVALID", "{}", test.name);
        world.clock.advance(Duration::from_secs(3600));
        scheduler(&test.db, &world, &[KIND]).tick().await.unwrap();
        let expected = ["pipeline:other/0@2026-01-01T00:07:00.000000Z", "pipeline:train/0@2026-01-01T00:10:00.000000Z"];
        assert_eq!(queued(&test.db).await, expected, "{}", test.name);
    }
}

#[tokio::test]
async fn a_kind_nobody_handles_is_passed_over() {
    for test in each().await {
        let world = World::new();
        set(&test.db, &world, "pipeline:train", &["0 * * * *"]).await.unwrap();
        world.clock.advance(Duration::from_secs(3600));
        let following = scheduler(&test.db, &world, &["tests.other"]).tick().await.unwrap();
        assert_eq!(following, Some(at("2026-01-01T02:00:00Z")), "{}", test.name);
        assert!(queued(&test.db).await.is_empty(), "{}", test.name);
    }
}

#[tokio::test]
async fn a_running_scheduler_wakes_when_it_is_time() {
    for test in each().await {
        let world = World::new();
        set(&test.db, &world, "pipeline:train", &["* * * * *"]).await.unwrap();
        let tasks = Tasks::new();
        tasks.spawn("scheduler", scheduler(&test.db, &world, &[KIND]).run(tasks.clone()));
        while queued(&test.db).await.len() < 3 {
            world.clock.advance(Duration::from_secs(30));
            tokio::task::yield_now().await;
        }
        tasks.stop(Duration::from_secs(60)).await;
    }
}
