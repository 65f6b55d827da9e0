//! What was begun and cut off between the tables and the routes is finished by somebody else.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake};

use pitcrew_contracts::names::ReleaseId;
use pitcrew_serving::{ReleaseState, jobs};
use pitcrew_work::{Job, JobHandler};
use serde_json::json;

use crate::support::{Server, name, places, policy};

/// Tries of a cut. One fails when the machine leaves the test no moment between the commit and the end.
const TRIES: i64 = 20;

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Goes on with `work` by single steps, each when what the one before waits for is there, until `done` holds between two of them, and drops
/// it there. Answers whether it came to that before `work` ended.
async fn cut_off<T>(work: impl Future<Output = T>, done: impl AsyncFn() -> bool) -> bool {
    let (mut work, woken) = (pin!(work), Arc::new(Woken::default()));
    let waker = Arc::clone(&woken).into();
    while work.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
        while !woken.0.swap(false, Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
        if done().await {
            return true;
        }
    }
    assert!(done().await, "it ended without doing it");
    false
}

fn served(server: &Server) -> Vec<i64> {
    server.serving.served(&server.world.ctx, "bikes", None).unwrap().versions
}

async fn states(server: &Server) -> Vec<ReleaseState> {
    server.releases().await.into_iter().map(|release| release.state).collect()
}

/// The job that starts the release of a version because of an event, and who does it.
fn start_of(server: &Server, candidate: i64, event: i64) -> (Arc<dyn JobHandler>, Job) {
    let starts = jobs(&server.serving).into_iter().find(|handler| handler.kind() == "serving.release").unwrap();
    let job = Job {
        id: ReleaseId::new(server.world.ids.as_ref()).to_string().replace("rel_", "job_").parse().unwrap(),
        kind: starts.kind().to_owned(),
        key: name().to_string(),
        payload: json!({ "candidate": candidate, "event": format!("ev_{event}"), "cause": null, "reason": "a test says so" }),
        attempt: 1,
        max_attempts: 6,
    };
    (starts, job)
}

#[tokio::test]
async fn a_release_that_is_aborted_by_a_caller_who_goes_away_loses_its_traffic() {
    for place in places().await {
        let server = place.serving_one(Some(policy())).await;
        let mut cut = false;
        for again in 0..TRIES {
            let candidate = 2 + again % 2;
            server.alias("challenger", Some(candidate)).await;
            assert_eq!(served(&server), [1, candidate]);
            let id = server.releases().await[0].id;
            let abort = server.serving.abort_release(&server.world.ctx, id, "no");
            cut = cut_off(abort, async || states(&server).await[0] == ReleaseState::Aborted).await;
            if cut {
                break;
            }
        }
        assert!(cut, "never cut off");
        let before = states(&server).await;
        server.rest().await;
        assert_eq!(served(&server), [1]);
        // What follows from it in the registry finds nothing left to do.
        server.alias("challenger", None).await;
        assert_eq!((served(&server), states(&server).await), (vec![1], before));
    }
}

#[tokio::test]
async fn a_release_whose_start_is_cut_off_gets_its_traffic() {
    for place in places().await {
        let server = place.serving_one(Some(policy())).await;
        let mut cut = None;
        for again in 0..TRIES {
            let (starts, job) = start_of(&server, 2 + again % 2, again);
            // A moment later, so that the newest release is listed first.
            server.world.clock.advance(std::time::Duration::from_millis(1));
            let begun = async || states(&server).await.len() as i64 == again + 1;
            if cut_off(starts.run(&job), begun).await {
                cut = Some((starts, job));
                break;
            }
        }
        let (starts, job) = cut.expect("never cut off");
        let running = server.releases().await.remove(0);
        server.rest().await;
        assert_eq!((running.state, served(&server)), (ReleaseState::Running, vec![1, running.candidate]));
        starts.run(&job).await.unwrap();
        assert_eq!(server.releases().await[0], running);
        assert_eq!(served(&server), [1, running.candidate]);
    }
}

#[tokio::test]
async fn a_release_never_starts_against_a_champion_that_left_while_its_candidate_was_loaded() {
    for place in places().await {
        let server = place.serving_one(Some(policy())).await;
        server.alias("challenger", Some(2)).await;
        let running = server.releases().await[0].id;
        let (starts, job) = start_of(&server, 3, 3);
        let shut = place.doors.door.write().await;
        let came = place.doors.came.load(Ordering::SeqCst);
        let promote = async {
            while place.doors.came.load(Ordering::SeqCst) == came {
                tokio::task::yield_now().await;
            }
            server.serving.promote_release(&server.world.ctx, running, "now").await.unwrap();
            drop(shut);
        };
        let (begun, ()) = tokio::join!(starts.run(&job), promote);
        assert_eq!(begun.unwrap_err().code(), "RELEASE_CHAMPION_MOVED");
        assert_eq!(states(&server).await, [ReleaseState::Promoted]);
        // The next try compares with who serves now.
        server.world.clock.advance(std::time::Duration::from_secs(1));
        starts.run(&job).await.unwrap();
        let release = server.releases().await.remove(0);
        assert_eq!((release.champion, release.candidate, release.state), (2, 3, ReleaseState::Running));
    }
}
