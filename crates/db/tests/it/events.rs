//! Events exist if and only if their transaction committed.

use pitcrew_contracts::event::Event as _;
use pitcrew_contracts::registry::VersionRegistered;
use pitcrew_kernel::{Cause, Error};
use pitcrew_testkit::World;

use crate::each;

fn event(version: i64) -> VersionRegistered {
    VersionRegistered { version: format!("bikes/{version}").parse().unwrap(), digest: None }
}

#[tokio::test]
async fn an_event_is_stated_by_a_commit_and_only_by_one() {
    for test in each().await {
        let world = World::new();
        let cause = Cause { kind: "alert".into(), id: "al_1".into(), summary: "error rises".into() };
        for (version, commits) in [(1, true), (2, false), (3, true)] {
            let mut speaker = world.clone();
            speaker.ctx = speaker.ctx.because(cause.clone());
            let stated = test.db.write(move |tx| {
                tx.emit(speaker.out(), &event(version))?;
                if commits { Ok(()) } else { Err(Error::precondition("GATE_REFUSED", "no")) }
            });
            assert_eq!(stated.await.is_ok(), commits, "{}", test.name);
        }
        let rows = test
            .db
            .read(|tx| {
                tx.all("SELECT name, subject_name, actor, cause, summary FROM outbox ORDER BY ord", &[], |row| {
                    Ok((row.text(0)?, row.text(1)?, row.text(2)?, row.json::<Cause>(3)?, row.text(4)?))
                })
            })
            .await
            .unwrap();
        let expected = |version: i64| {
            let (name, subject) = (VersionRegistered::NAME.to_owned(), format!("bikes/{version}"));
            (name, subject.clone(), "ana".to_owned(), cause.clone(), format!("{subject} registered"))
        };
        assert_eq!(rows, [expected(1), expected(3)], "{}", test.name);
    }
}
