//! Events: in one order, without gaps, once to effect.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pitcrew_contracts::event::{Envelope, Event as _};
use pitcrew_contracts::registry::{AliasMoved, VersionRegistered};
use pitcrew_contracts::release::LogAdvanced;
use pitcrew_db::{Db, Tx};
use pitcrew_kernel::{Clock as _, Error, Result};
use pitcrew_testkit::World;
use pitcrew_work::{
    EventFilter, Pump, Subscriber, events_after, events_latest, events_matching, last_delivered, last_seq,
};

use crate::{act, each, effects, jumping, state};

type Act = dyn Fn(&mut Tx<'_>, &Envelope) -> Result<()> + Send + Sync;

/// Writes down every version it hears of, then does what the test wants.
struct Scribe {
    name: &'static str,
    then: Box<Act>,
}

impl Subscriber for Scribe {
    fn name(&self) -> &'static str {
        self.name
    }

    fn wants(&self, event: &str) -> bool {
        event == VersionRegistered::NAME
    }

    fn handle(&self, tx: &mut Tx<'_>, event: &Envelope) -> Result<()> {
        act(tx, self.name, &event.subject.name)?;
        (self.then)(tx, event)
    }
}

fn scribe(
    name: &'static str,
    then: impl Fn(&mut Tx<'_>, &Envelope) -> Result<()> + Send + Sync + 'static,
) -> Arc<dyn Subscriber> {
    Arc::new(Scribe { name, then: Box::new(then) })
}

fn plain(name: &'static str) -> Arc<dyn Subscriber> {
    scribe(name, |_, _| Ok(()))
}

fn versions(range: std::ops::RangeInclusive<i64>) -> Vec<String> {
    range.map(|version| format!("bikes/{version}")).collect()
}

async fn places(db: &Db) -> Vec<i64> {
    db.read(|tx| Ok(events_after(tx, 0, 100_000)?.into_iter().map(|event| event.seq).collect())).await.unwrap()
}

#[tokio::test]
async fn events_are_delivered_in_order_without_gaps_to_everyone() {
    for test in each().await {
        let world = World::new();
        state(&test.db, &world, 1..=300).await;
        let pump = Pump::new(test.db.clone(), world.clock(), vec![plain("first"), plain("second")]);
        assert_eq!(pump.lag().await.unwrap(), 300, "{}", test.name);
        pump.drain().await.unwrap();
        assert_eq!(pump.lag().await.unwrap(), 0, "{}", test.name);
        assert_eq!(places(&test.db).await, (1..=300).collect::<Vec<_>>(), "{}", test.name);
        for who in ["first", "second"] {
            assert_eq!(effects(&test.db, who).await, versions(1..=300), "{} {who}", test.name);
        }
        let newest = test.db.read(|tx| events_latest(tx, &EventFilter::default(), 2)).await.unwrap();
        assert_eq!(newest.iter().map(|event| event.seq).collect::<Vec<_>>(), [300, 299], "{}", test.name);
    }
}

#[tokio::test]
async fn a_list_shows_what_fits_and_the_latest_leave_out_the_arrival_of_traffic() {
    for test in each().await {
        let world = World::new();
        for round in 0..5 {
            state(&test.db, &world, 1..=2).await;
            let at = world.clock.now();
            let advanced = LogAdvanced {
                deployment: "bikes".parse().unwrap(),
                from: at,
                to: at,
                watermark: at,
                predictions: round,
                labels: 0,
            };
            let stated = world.clone();
            test.db.write(move |tx| tx.emit(stated.out(), &advanced)).await.unwrap();
        }
        Pump::new(test.db.clone(), world.clock(), vec![]).drain().await.unwrap();
        let (db, label) = (&test.db, test.name);
        let ask = async |name: Option<&str>, subject: Option<&str>, after: Option<i64>, limit: i64| {
            let filter = EventFilter { name: name.map(str::to_owned), subject: subject.map(str::to_owned) };
            let found = db.read(move |tx| match after {
                Some(after) => events_matching(tx, &filter, after, limit),
                None => events_latest(tx, &filter, limit),
            });
            found.await.unwrap().into_iter().map(|event| event.seq).collect::<Vec<_>>()
        };
        let (registered, traffic) = (Some(VersionRegistered::NAME), Some(LogAdvanced::NAME));
        assert_eq!(ask(traffic, None, Some(3), 2).await, [6, 9], "{label}");
        assert_eq!(ask(traffic, None, Some(9), 9).await, [12, 15], "{label}");
        assert_eq!(ask(None, Some("bikes/2"), Some(2), 2).await, [5, 8], "{label}");
        assert_eq!(ask(registered, Some("bikes/2"), Some(5), 9).await, [8, 11, 14], "{label}");
        assert!(ask(traffic, Some("bikes/2"), Some(0), 9).await.is_empty(), "{label}");
        assert_eq!(ask(None, None, None, 3).await, [14, 13, 11], "{label}");
        assert_eq!(ask(None, Some("bikes/1"), None, 2).await, [13, 10], "{label}");
        assert_eq!(ask(traffic, None, None, 2).await, [15, 12], "{label}: asked for, it is shown");
        assert_eq!(db.read(last_seq).await.unwrap(), 15, "{label}");
    }
}

#[tokio::test]
async fn a_crash_between_effect_and_cursor_does_the_effect_once() {
    for test in each().await {
        let world = World::new();
        state(&test.db, &world, 1..=5).await;
        let crashes = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&crashes);
        // The effect of version 3 is written, then the subscriber dies before the cursor is.
        let fragile = scribe("fragile", move |_, event| {
            if event.subject.name == "bikes/3" && counted.fetch_add(1, Ordering::SeqCst) < 3 {
                panic!("cut off");
            }
            Ok(())
        });
        Pump::new(test.db.clone(), jumping(&world), vec![fragile]).drain().await.unwrap();
        assert_eq!(effects(&test.db, "fragile").await, versions(1..=5), "{}", test.name);
        assert!(crashes.load(Ordering::SeqCst) > 3, "{}", test.name);
    }
}

#[tokio::test]
async fn a_poison_event_is_parked_after_its_tries_and_the_others_go_on() {
    for test in each().await {
        let world = World::new();
        state(&test.db, &world, 1..=4).await;
        let began = world.clock.now();
        let picky = scribe("picky", |_, event| match event.subject.name.as_str() {
            "bikes/2" => Err(Error::invalid("NAME_INVALID", "not this one")),
            _ => Ok(()),
        });
        let pump = Pump::new(test.db.clone(), jumping(&world), vec![picky, plain("other")]);
        pump.drain().await.unwrap();
        let name = test.name;
        assert_eq!(effects(&test.db, "picky").await, ["bikes/1", "bikes/3", "bikes/4"], "{name}");
        assert_eq!(effects(&test.db, "other").await, versions(1..=4), "{name}");
        let parked = test
            .db
            .read(|tx| {
                tx.all("SELECT subscriber, seq, error FROM work_parked", &[], |row| {
                    Ok((row.text(0)?, row.int(1)?, row.text(2)?))
                })
            })
            .await
            .unwrap();
        assert_eq!(parked.len(), 1, "{name}");
        assert_eq!((parked[0].0.as_str(), parked[0].1), ("picky", 2), "{name}");
        assert!(parked[0].2.contains("not this one"), "{name}");
        assert_eq!(
            world.clock.now().since(began),
            Duration::from_millis(50 + 100 + 200 + 400 + 800),
            "{name}: the waits between tries"
        );
        assert_eq!(pump.lag().await.unwrap(), 0, "{name}");
    }
}

#[tokio::test]
async fn an_event_is_not_blamed_for_a_database_that_is_away() {
    for test in each().await {
        let world = World::new();
        state(&test.db, &world, 1..=2).await;
        let down = Arc::new(AtomicUsize::new(20));
        let left = Arc::clone(&down);
        let unlucky = scribe("unlucky", move |_, _| {
            match left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
                Ok(_) => Err(Error::unavailable("DISK_FULL", "the disk is full")),
                Err(_) => Ok(()),
            }
        });
        let pump = Pump::new(test.db.clone(), jumping(&world), vec![unlucky]);
        let mut refusals = 0;
        while let Err(error) = pump.drain().await {
            assert_eq!(error.code(), "DISK_FULL", "{}", test.name);
            refusals += 1;
        }
        assert!(refusals > 6, "{}: more refusals than an event has tries", test.name);
        assert_eq!(effects(&test.db, "unlucky").await, versions(1..=2), "{}", test.name);
        let parked =
            test.db.read(|tx| tx.one("SELECT count(*) FROM work_parked", &[], |row| row.int(0))).await.unwrap();
        assert_eq!(parked, 0, "{}", test.name);
    }
}

#[tokio::test]
async fn what_a_subscriber_states_is_delivered_in_the_same_drain() {
    for test in each().await {
        let world = World::new();
        state(&test.db, &world, 1..=3).await;
        let speaker = world.clone();
        let promoter = scribe("promoter", move |tx, event| {
            let reason = event.subject.name.clone();
            let moved = AliasMoved {
                model: "bikes".parse()?,
                alias: "challenger".parse()?,
                from: None,
                to: Some(event.seq),
                reason,
            };
            tx.emit(speaker.out(), &moved)
        });
        struct Listener;
        impl Subscriber for Listener {
            fn name(&self) -> &'static str {
                "listener"
            }
            fn wants(&self, event: &str) -> bool {
                event == AliasMoved::NAME
            }
            fn handle(&self, tx: &mut Tx<'_>, event: &Envelope) -> Result<()> {
                let moved = event.open::<AliasMoved>()?.expect("only what it wants");
                act(tx, "listener", &moved.reason)
            }
        }
        let pump = Pump::new(test.db.clone(), world.clock(), vec![Arc::new(Listener), promoter]);
        pump.drain().await.unwrap();
        assert_eq!(effects(&test.db, "listener").await, versions(1..=3), "{}", test.name);
        assert_eq!(places(&test.db).await, (1..=6).collect::<Vec<_>>(), "{}", test.name);
    }
}

#[tokio::test]
async fn two_pumps_on_one_database_do_everything_once() {
    for test in each().await {
        let world = World::new();
        let pumps: Vec<Pump> =
            (0..4).map(|_| Pump::new(test.db.clone(), world.clock(), vec![plain("first"), plain("second")])).collect();
        for round in 0..5 {
            state(&test.db, &world, round * 60 + 1..=round * 60 + 60).await;
            let (one, two, three, four) =
                tokio::join!(pumps[0].drain(), pumps[1].drain(), pumps[2].drain(), pumps[3].drain());
            for drained in [one, two, three, four] {
                drained.unwrap();
            }
        }
        pumps[0].drain().await.unwrap();
        assert_eq!(places(&test.db).await, (1..=300).collect::<Vec<_>>(), "{}", test.name);
        for who in ["first", "second"] {
            let mut done = effects(&test.db, who).await;
            done.sort_by_key(|version| version[6..].parse::<i64>().unwrap());
            assert_eq!(done, versions(1..=300), "{} {who}", test.name);
        }
    }
}

#[tokio::test]
async fn a_new_subscriber_hears_of_everything_that_was() {
    for test in each().await {
        let world = World::new();
        state(&test.db, &world, 1..=3).await;
        world.pump(&test.db, vec![plain("old")]).await;
        state(&test.db, &world, 4..=4).await;
        world.pump(&test.db, vec![plain("old"), plain("new")]).await;
        assert_eq!(effects(&test.db, "old").await, versions(1..=4), "{}", test.name);
        assert_eq!(effects(&test.db, "new").await, versions(1..=4), "{}", test.name);
    }
}

#[tokio::test]
async fn listeners_get_events_as_they_get_their_place() {
    for test in each().await {
        let world = World::new();
        let pump = Pump::new(test.db.clone(), world.clock(), Vec::new());
        let (mut one, mut two) = (pump.listen(), pump.listen());
        state(&test.db, &world, 1..=3).await;
        pump.drain().await.unwrap();
        for seq in 1..=3 {
            assert_eq!(one.try_recv().unwrap().seq, seq, "{}", test.name);
            assert_eq!(two.try_recv().unwrap().subject.name, format!("bikes/{seq}"), "{}", test.name);
        }
        assert!(one.try_recv().is_err(), "{}", test.name);
    }
}

#[tokio::test]
async fn events_keep_the_order_of_their_transactions_and_their_words() {
    for test in each().await {
        let world = World::new();
        let speaker = world.clone();
        // Three in one transaction, at one moment.
        test.db
            .write(move |tx| {
                (1..=3).try_for_each(|n| {
                    tx.emit(speaker.out(), &VersionRegistered { version: format!("bikes/{n}").parse()?, digest: None })
                })
            })
            .await
            .unwrap();
        world.pump(&test.db, Vec::new()).await;
        let events = test.db.read(|tx| events_after(tx, 1, 10)).await.unwrap();
        let words: Vec<&str> = events.iter().map(|event| event.summary.as_str()).collect();
        assert_eq!(words, ["bikes/2 registered", "bikes/3 registered"], "{}", test.name);
        assert_eq!((events[0].actor.as_str(), events[0].at), ("ana", world.clock.now()), "{}", test.name);
    }
}

#[tokio::test]
async fn the_last_event_a_subscriber_got_is_known() {
    for test in each().await {
        let world = World::new();
        let one = plain("one");
        let asked = Arc::clone(&one);
        let last = move |db: Db, one: Arc<dyn Subscriber>| async move {
            db.read(move |tx| last_delivered(tx, one.as_ref())).await.unwrap()
        };
        assert_eq!(last(test.db.clone(), Arc::clone(&asked)).await, 0, "{}", test.name);
        state(&test.db, &world, 1..=300).await;
        let speaker = world.clone();
        test.db
            .write(move |tx| {
                let moved = AliasMoved {
                    model: "bikes".parse()?,
                    alias: "a".parse()?,
                    from: None,
                    to: None,
                    reason: String::new(),
                };
                tx.emit(speaker.out(), &moved)
            })
            .await
            .unwrap();
        world.pump(&test.db, vec![one]).await;
        assert_eq!(last(test.db.clone(), asked).await, 300, "{}: the last is not for it", test.name);
    }
}

#[tokio::test]
async fn a_running_pump_delivers_by_itself_and_stops_when_told() {
    for test in each().await {
        let world = World::new();
        let mut heard = Vec::new();
        let pump = Arc::new(Pump::new(test.db.clone(), world.clock(), vec![plain("one")]));
        let mut live = pump.listen();
        let tasks = pitcrew_work::Tasks::new();
        tasks.spawn("pump", Arc::clone(&pump).run(tasks.clone()));
        state(&test.db, &world, 1..=2).await;
        for _ in 0..2 {
            heard.push(live.recv().await.unwrap().seq);
        }
        tasks.stop(Duration::from_secs(60)).await;
        assert_eq!(heard, [1, 2], "{}", test.name);
        assert_eq!(
            effects(&test.db, "one").await,
            versions(1..=2),
            "{}: stopping ends after the drain under way",
            test.name
        );
    }
}
