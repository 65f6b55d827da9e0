//! Many callers while versions come and go: nobody notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use pitcrew_serving::ReleaseState;

use crate::support::{hour, one_place, policy, values};

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
