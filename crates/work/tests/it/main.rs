//! What happens without a caller waiting, on both databases, with a clock that moves when told to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")]

mod declared;
mod events;
mod jobs;
mod runner;
mod schedules;
mod tasks;

use std::sync::Arc;
use std::time::Duration;

use pitcrew_contracts::registry::VersionRegistered;
use pitcrew_db::{Db, Migration, Migrations};
use pitcrew_kernel::{Clock, FakeClock, Result, Sleep, Timestamp};
use pitcrew_testkit::{TestDb, World};

/// What subscribers and handlers of these tests did.
const EFFECTS: Migrations = Migrations {
    slice: "effects",
    steps: &[Migration {
        name: "0001_effects",
        sql: "CREATE TABLE effects (\n    who TEXT NOT NULL,\n    what TEXT NOT NULL\n);\n",
    }],
};

async fn each() -> Vec<TestDb> {
    TestDb::each(&[EFFECTS]).await
}

/// What `who` did, in order.
async fn effects(db: &Db, who: &'static str) -> Vec<String> {
    let order = if db.dialect() == pitcrew_db::Dialect::Sqlite { "rowid" } else { "ctid" };
    db.read(move |tx| {
        tx.all(&format!("SELECT what FROM effects WHERE who = $1 ORDER BY {order}"), &[who.into()], |row| row.text(0))
    })
    .await
    .unwrap()
}

fn act(tx: &mut pitcrew_db::Tx<'_>, who: &str, what: &str) -> Result<()> {
    tx.exec("INSERT INTO effects (who, what) VALUES ($1, $2)", &[who.into(), what.into()]).map(drop)
}

/// States `bikes/<version>` for each version, each in a transaction of its own.
async fn state(db: &Db, world: &World, versions: std::ops::RangeInclusive<i64>) {
    for version in versions {
        let world = world.clone();
        db.write(move |tx| {
            let version = format!("bikes/{version}").parse().unwrap();
            tx.emit(world.out(), &VersionRegistered { version, digest: None })
        })
        .await
        .unwrap();
    }
}

/// A clock that jumps over every sleep, so that waiting takes no time and still shows in `now`.
#[derive(Debug, Clone)]
struct Jumping(FakeClock);

impl Clock for Jumping {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn sleep(&self, duration: Duration) -> Sleep<'_> {
        self.0.advance(duration);
        Box::pin(std::future::ready(()))
    }
}

fn jumping(world: &World) -> Arc<dyn Clock> {
    Arc::new(Jumping(world.clock.clone()))
}
