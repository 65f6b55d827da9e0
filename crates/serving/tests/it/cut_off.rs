//! What was begun and cut off between the tables and the routes is finished by somebody else.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use pitcrew_contracts::names::ReleaseId;
use pitcrew_serving::{ReleaseState, jobs};
use pitcrew_work::Job;
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
        let starts = jobs(&server.serving).into_iter().find(|handler| handler.kind() == "serving.release").unwrap();
        let job = Job {
            id: ReleaseId::new(server.world.ids.as_ref()).to_string().replace("rel_", "job_").parse().unwrap(),
            kind: starts.kind().to_owned(),
            key: name().to_string(),
            payload: json!({ "candidate": 2, "event": "ev_1", "cause": null, "reason": "a test says so" }),
            attempt: 1,
            max_attempts: 6,
        };
        cut_off(starts.run(&job), async || states(&server).await == [ReleaseState::Running]).await;
        server.rest().await;
        assert_eq!(served(&server), [1, 2]);
        starts.run(&job).await.unwrap();
        assert_eq!((served(&server), states(&server).await.len()), (vec![1, 2], 1));
    }
}
