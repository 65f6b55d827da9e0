//! Many callers while versions come and go: nobody notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use pitcrew_serving::{LookVerdict, NewLabel, Release, ReleaseState};
use tokio::sync::Semaphore;

use crate::support::{Server, hour, name, one_place, policy, values};

const CALLERS: usize = 32;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_request_fails_while_releases_are_promoted_and_aborted() {
    let place = one_place().await;
    let server = Arc::new(place.serving_one(Some(policy())).await);
    let (stop, asked, failed) =
        (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..CALLERS {
        let (server, stop, asked, failed) =
            (Arc::clone(&server), Arc::clone(&stop), Arc::clone(&asked), Arc::clone(&failed));
        callers.spawn(async move {
            let mut n = 0;
            while !stop.load(Ordering::Relaxed) {
                n += 1;
                let answer = server.predict(&format!("c{caller}-{n}"), hour(n % 48), 2.0).await;
                let right = answer.is_ok_and(|answer| values(&answer) == [2.0 * answer.version as f64]);
                failed.fetch_add(u64::from(!right), Ordering::Relaxed);
                asked.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
        });
    }
    let ctx = server.world.ctx.clone();
    for (candidate, promote) in [(2, true), (3, false), (3, true), (1, false)] {
        server.world.clock.advance(std::time::Duration::from_millis(1));
        server.models.alias(&server.world, &server.db, "bikes", "challenger", Some(candidate)).await;
        let release = loop {
            server.rest_of_events().await;
            let newest = server.releases().await.into_iter().next();
            if let Some(running) =
                newest.filter(|release| release.state == ReleaseState::Running && release.candidate == candidate)
            {
                break running;
            }
        };
        let target = asked.load(Ordering::Relaxed) + 200;
        while asked.load(Ordering::Relaxed) < target {
            tokio::task::yield_now().await;
        }
        let ended = if promote {
            server.serving.promote_release(&ctx, release.id, "").await
        } else {
            server.serving.abort_release(&ctx, release.id, "").await
        };
        assert_eq!(ended.unwrap().state, if promote { ReleaseState::Promoted } else { ReleaseState::Aborted });
        server.models.alias(&server.world, &server.db, "bikes", "challenger", None).await;
        server.rest_of_events().await;
    }
    stop.store(true, Ordering::Relaxed);
    callers.join_all().await;
    assert!(asked.load(Ordering::Relaxed) > 800);
    assert_eq!(failed.load(Ordering::Relaxed), 0);
    assert_eq!(server.serving.served(&ctx, "bikes", None).unwrap().versions, [3]);
}

/// Callers in a city where twice the input comes true: they predict, and tell at once what came true.
struct City {
    server: Server,
    /// Hours that callers may live through; each is one caller's.
    hours: Semaphore,
    next: AtomicU64,
    asked: AtomicU64,
    failed: AtomicU64,
}

/// Hours given to the callers at once, before everything they caused is waited for.
const HOURS: usize = 64;
/// Times that may be; a release that is not decided by then never is.
const ROUNDS: usize = 40;
/// Predictions of an hour. The first one gets a label.
const REQUESTS: u64 = 4;

impl City {
    async fn live(&self) {
        while let Ok(permit) = self.hours.acquire().await {
            permit.forget();
            let h = self.next.fetch_add(1, Ordering::Relaxed);
            let x = 50.0 + (h % 24) as f32;
            for n in 0..REQUESTS {
                let answer = self.server.predict(&format!("h{h}-{n}"), hour(h), x).await;
                self.count(answer.is_ok_and(|answer| values(&answer) == [f64::from(x) * answer.version as f64]));
            }
            let wobble = [0.3, -1.2, 0.9, 1.4, -0.8, -0.6][(h % 6) as usize];
            let value = 2.0 * f64::from(x) + wobble;
            let label = NewLabel { request_id: format!("h{h}-0"), value, event_time: None };
            let counts = self.server.serving.add_labels(&self.server.world.ctx, &name(), vec![label]).await;
            self.count(counts.is_ok_and(|counts| counts.accepted == 1));
        }
    }

    fn count(&self, right: bool) {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.failed.fetch_add(u64::from(!right), Ordering::Relaxed);
    }

    /// Lets the callers go on until the judge has ended the candidate's release, and all they caused is done.
    async fn try_out(&self, candidate: i64) -> Release {
        self.hours.add_permits(HOURS);
        self.server.alias("challenger", Some(candidate)).await;
        for _ in 0..ROUNDS {
            self.hours.add_permits(HOURS);
            self.server.rest().await;
            let newest = self.server.releases().await.remove(0);
            assert_eq!(newest.candidate, candidate);
            if newest.state != ReleaseState::Running {
                return newest;
            }
        }
        panic!("after {} hours the judge has not decided", self.next.load(Ordering::Relaxed));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn under_load_the_judge_promotes_the_better_and_rolls_back_the_worse() {
    let place = one_place().await;
    let server = place.serving_one(Some(policy())).await;
    let (hours, next) = (Semaphore::new(72), AtomicU64::new(0));
    let city = Arc::new(City { server, hours, next, asked: AtomicU64::new(0), failed: AtomicU64::new(0) });
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..CALLERS {
        let city = Arc::clone(&city);
        callers.spawn(async move { city.live().await });
    }
    // The champion's errors before a release say how long the judge has to look.
    while city.asked.load(Ordering::Relaxed) < 72 * (REQUESTS + 1) {
        tokio::task::yield_now().await;
    }
    let better = city.try_out(2).await;
    assert_eq!((better.state, better.step, better.champion), (ReleaseState::Promoted, 2, 1), "{}", better.reason);
    let walked: Vec<f64> = better.steps.iter().filter(|step| step.ended_at.is_some()).map(|step| step.share).collect();
    assert_eq!(walked, [0.1, 0.5, 1.0]);
    // The registry follows, as it does by `serving.release_promoted`.
    city.hours.add_permits(HOURS);
    city.server.alias("champion", Some(2)).await;
    city.server.alias("challenger", None).await;
    let worse = city.try_out(3).await;
    assert_eq!((worse.state, worse.champion), (ReleaseState::RolledBack, 2), "{}", worse.reason);
    city.hours.close();
    callers.join_all().await;
    let (_, evidence) = city.server.serving.get_release(&city.server.world.ctx, worse.id).await.unwrap();
    assert_eq!(evidence.last().map(|look| look.verdict), Some(LookVerdict::Worse));
    let steps = ["started", "stepped", "stepped", "promoted", "started", "rolled_back"];
    let told = city.server.event_names().await;
    let told: Vec<_> = told.iter().filter_map(|name| name.strip_prefix("serving.release_")).collect();
    assert_eq!(told, steps);
    assert_eq!(city.server.serving.served(&city.server.world.ctx, "bikes", None).unwrap().versions, [2]);
    assert_eq!(city.failed.load(Ordering::Relaxed), 0);
}
