//! What was begun and cut off between the tables and the routes is finished by somebody else.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use pitcrew_contracts::names::ReleaseId;
use pitcrew_serving::{ReleaseState, jobs};
use pitcrew_work::{Job, JobHandler};
use serde_json::json;

use crate::support::{Server, name, places, policy};

/// Goes on with `work` by single steps until `done` holds after one of them, and drops it there.
async fn cut_off<T>(work: impl Future<Output = T>, done: impl AsyncFn() -> bool) {
    let mut work = pin!(work);
    loop {
        let step = work.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if done().await {
            assert!(matches!(step, Poll::Pending), "it ended before it was cut off");
            return;
        }
        assert!(matches!(step, Poll::Pending), "it ended without doing it");
        tokio::task::yield_now().await;
    }
}

fn served(server: &Server) -> Vec<i64> {
    server.serving.served(&server.world.ctx, "bikes", None).unwrap().versions
}

async fn states(server: &Server) -> Vec<ReleaseState> {
    server.releases().await.into_iter().map(|release| release.state).collect()
}

/// The job that starts the release of a version, and who does it.
fn start_of(server: &Server, candidate: i64) -> (Arc<dyn JobHandler>, Job) {
    let starts = jobs(&server.serving).into_iter().find(|handler| handler.kind() == "serving.release").unwrap();
    let job = Job {
        id: ReleaseId::new(server.world.ids.as_ref()).to_string().replace("rel_", "job_").parse().unwrap(),
        kind: starts.kind().to_owned(),
        key: name().to_string(),
        payload: json!({ "candidate": candidate, "event": format!("ev_{candidate}"), "cause": null, "reason": "a test says so" }),
        attempt: 1,
        max_attempts: 6,
    };
    (starts, job)
}

#[tokio::test]
async fn a_release_that_is_aborted_by_a_caller_who_goes_away_loses_its_traffic() {
    for place in places().await {
        let server = place.serving_one(Some(policy())).await;
        server.alias("challenger", Some(2)).await;
        assert_eq!(served(&server), [1, 2]);
        let id = server.releases().await[0].id;
        let abort = server.serving.abort_release(&server.world.ctx, id, "no");
        cut_off(abort, async || states(&server).await == [ReleaseState::Aborted]).await;
        server.rest().await;
        assert_eq!(served(&server), [1]);
        // What follows from it in the registry finds nothing left to do.
        server.alias("challenger", None).await;
        assert_eq!((served(&server), states(&server).await.len()), (vec![1], 1));
    }
}

#[tokio::test]
async fn a_release_whose_start_is_cut_off_gets_its_traffic() {
    for place in places().await {
        let server = place.serving_one(Some(policy())).await;
        let (starts, job) = start_of(&server, 2);
        cut_off(starts.run(&job), async || states(&server).await == [ReleaseState::Running]).await;
        server.rest().await;
        assert_eq!(served(&server), [1, 2]);
        starts.run(&job).await.unwrap();
        assert_eq!((served(&server), states(&server).await.len()), (vec![1, 2], 1));
    }
}

#[tokio::test]
async fn a_release_never_starts_against_a_champion_that_left_while_its_candidate_was_loaded() {
    for place in places().await {
        let server = place.serving_one(Some(policy())).await;
        server.alias("challenger", Some(2)).await;
        let running = server.releases().await[0].id;
        let (starts, job) = start_of(&server, 3);
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
