//! The audit log: every change leaves an entry, and an entry that was touched shows.

use std::sync::Arc;

use pitcrew_auth::{AuditSubscriber, audit_page, verify_chain};
use pitcrew_contracts::registry::VersionRegistered;
use pitcrew_contracts::release::LogAdvanced;
use pitcrew_db::Db;
use pitcrew_kernel::{Cause, Clock as _, Ctx};
use pitcrew_testkit::{TestDb, World};

use crate::each;

const ENTRIES: i64 = 6;

/// Six changes, with the arrival of traffic among them.
async fn log(test: &TestDb, world: &World) {
    for version in 1..=ENTRIES {
        let speaker = world.clone();
        test.db
            .write(move |tx| {
                let now = speaker.clock.now();
                let traffic = LogAdvanced {
                    deployment: "bikes".parse()?,
                    from: now,
                    to: now,
                    watermark: now,
                    predictions: 1,
                    labels: 0,
                };
                tx.emit(speaker.out(), &traffic)?;
                tx.emit(
                    speaker.out(),
                    &VersionRegistered { version: format!("bikes/{version}").parse()?, digest: None },
                )?;
                tx.emit(speaker.out(), &traffic)
            })
            .await
            .unwrap();
    }
    world.pump(&test.db, vec![Arc::new(AuditSubscriber)]).await;
}

async fn broken(db: &Db) -> Option<i64> {
    let check = db.read(verify_chain).await.unwrap();
    assert_eq!(check.whole, check.broken_at.is_none());
    check.broken_at
}

async fn tamper(db: &Db, sql: &'static str) {
    assert_eq!(db.write(move |tx| tx.exec(sql, &[])).await.unwrap(), 1, "{sql}");
}

#[tokio::test]
async fn every_change_is_written_down_in_order_and_traffic_is_not() {
    for test in each().await {
        let world = World::new();
        log(&test, &world).await;
        let newest = test.db.read(|tx| audit_page(tx, None, 4)).await.unwrap();
        let subjects: Vec<&str> = newest.iter().map(|entry| entry.subject.as_str()).collect();
        assert_eq!(subjects, ["model:bikes/6", "model:bikes/5", "model:bikes/4", "model:bikes/3"], "{}", test.name);
        let first = &newest[0];
        assert_eq!(
            (first.actor.as_str(), first.action.as_str()),
            ("ana", "registry.version_registered"),
            "{}",
            test.name
        );
        assert_eq!((first.detail.as_str(), first.at), ("bikes/6 registered", world.clock.now()), "{}", test.name);
        let before = newest[3].seq;
        let older = test.db.read(move |tx| audit_page(tx, Some(before), 4)).await.unwrap();
        assert_eq!(older.len(), 2, "{}", test.name);
        assert_eq!(broken(&test.db).await, None, "{}", test.name);
    }
}

#[tokio::test]
async fn what_led_to_a_change_stands_beside_it() {
    for test in each().await {
        let mut world = World::new();
        let cause =
            Cause { kind: "alert".to_owned(), id: "al_1".to_owned(), summary: "wape 0.48 over 0.35".to_owned() };
        world.ctx = Ctx::system("pipelines").because(cause);
        let speaker = world.clone();
        let event = VersionRegistered { version: "bikes/2".parse().unwrap(), digest: None };
        test.db.write(move |tx| tx.emit(speaker.out(), &event)).await.unwrap();
        world.pump(&test.db, vec![Arc::new(AuditSubscriber)]).await;
        let entries = test.db.read(|tx| audit_page(tx, None, 1)).await.unwrap();
        let told = (entries[0].actor.as_str(), entries[0].detail.as_str());
        let expected = "bikes/2 registered, because of alert al_1: wape 0.48 over 0.35";
        assert_eq!(told, ("system:pipelines", expected), "{}", test.name);
    }
}

#[tokio::test]
async fn an_empty_log_is_whole() {
    for test in each().await {
        assert_eq!(broken(&test.db).await, None, "{}", test.name);
    }
}

/// Places are 2, 5, 8, 11, 14 and 17: each change stands between two messages about traffic.
#[tokio::test]
async fn whatever_is_touched_shows() {
    for (sql, shows_at) in [
        ("UPDATE auth_audit SET actor = 'bob' WHERE seq = 5", 5),
        ("UPDATE auth_audit SET action = 'x' WHERE seq = 2", 2),
        ("UPDATE auth_audit SET subject = 'model:cars/2' WHERE seq = 5", 5),
        ("UPDATE auth_audit SET detail = detail || ' ' WHERE seq = 17", 17),
        ("UPDATE auth_audit SET at = at + 1 WHERE seq = 8", 8),
        ("UPDATE auth_audit SET hash = 'x' WHERE seq = 8", 8),
        ("UPDATE auth_audit SET seq = 9 WHERE seq = 8", 9),
        // Two fields trade a character.
        ("UPDATE auth_audit SET actor = 'an', action = 'a' || action WHERE seq = 5", 5),
        ("DELETE FROM auth_audit WHERE seq = 2", 5),
        ("DELETE FROM auth_audit WHERE seq = 11", 14),
        ("DELETE FROM auth_audit WHERE seq = 17", 17),
        // An entry before all others, where a reader that begins at the first place would not look.
        ("UPDATE auth_audit SET seq = -2 WHERE seq = 2", -2),
    ] {
        for test in each().await {
            log(&test, &World::new()).await;
            assert_eq!(broken(&test.db).await, None, "{}", test.name);
            tamper(&test.db, sql).await;
            assert_eq!(broken(&test.db).await, Some(shows_at), "{}: {sql}", test.name);
        }
    }
}

#[tokio::test]
async fn the_chain_goes_on_over_many_deliveries() {
    for test in each().await {
        let world = World::new();
        for _ in 0..3 {
            log(&test, &world).await;
            assert_eq!(broken(&test.db).await, None, "{}", test.name);
        }
        let all = test.db.read(|tx| audit_page(tx, None, 100)).await.unwrap();
        assert_eq!(all.len(), 18, "{}", test.name);
        let check = test.db.read(verify_chain).await.unwrap();
        let head = (check.entries, check.seq, check.hash.as_str());
        assert_eq!(head, (18, all[0].seq, all[0].hash.as_str()), "{}", test.name);
    }
}
