//! Releases from their start to each of their ends.

use pitcrew_contracts::event::Envelope;
use pitcrew_contracts::release::ReleaseFacts;
use pitcrew_contracts::spec::ReleasePolicy;
use pitcrew_serving::{LookVerdict, ReleaseState};
use serde_json::json;

use crate::support::{Place, Server, hour, one_place, places, policy};

/// A fixed pattern around zero, so that losses vary.
fn wobble(h: u64) -> f64 {
    [0.3, -1.2, 0.9, 1.4, -0.8, -0.6][(h % 6) as usize]
}

/// Predicts one hour after the other; what comes true is `truth` times the input, and is known a day later. Looked at every eight hours.
async fn live(server: &Server, hours: std::ops::Range<u64>, truth: f64) -> u64 {
    let (mut failures, mut known) = (0, Vec::new());
    let last = hours.end - 1;
    for h in hours {
        let x = 50.0 + (h % 24) as f32;
        failures += u64::from(server.predict(&format!("h{h:04}"), hour(h), x).await.is_err());
        if let Some(past) = h.checked_sub(24) {
            let x = 50.0 + (past % 24) as f64;
            known.push((format!("h{past:04}"), truth * x + wobble(past)));
        }
        if h % 8 == 7 || h == last {
            server.labels(std::mem::take(&mut known)).await;
            server.rest().await;
        }
    }
    failures
}

async fn trial(place: &Place) -> Server {
    let server = place.serving_one(Some(policy())).await;
    live(&server, 0..72, 2.0).await;
    server.alias("challenger", Some(2)).await;
    server
}

fn facts(event: &Envelope) -> ReleaseFacts {
    serde_json::from_value(event.data.clone()).unwrap()
}

#[tokio::test]
async fn a_better_candidate_walks_all_steps_and_takes_over() {
    for place in places().await {
        let server = trial(&place).await;
        assert_eq!(server.releases().await[0].state, ReleaseState::Running);
        assert_eq!(live(&server, 72..400, 2.0).await, 0);
        let releases = server.releases().await;
        assert_eq!(releases.len(), 1);
        let release = &releases[0];
        assert_eq!(
            (release.state, release.step, release.champion, release.candidate),
            (ReleaseState::Promoted, 2, 1, 2)
        );
        assert!(release.reason.starts_with("candidate better by "), "{}", release.reason);
        assert!(release.steps.iter().all(|step| step.ended_at.is_some() && step.event_time.is_some()));
        let names = server.event_names().await;
        let wanted = [
            "registry.alias_moved",
            "serving.model_loaded",
            "registry.alias_moved",
            "serving.release_started",
            "serving.release_stepped",
            "serving.release_stepped",
            "serving.release_promoted",
            "serving.model_loaded",
        ];
        assert_eq!(names, wanted);
        let promoted = server.events().await.into_iter().find(|event| event.name == wanted[6]).unwrap();
        let told = facts(&promoted);
        assert_eq!((told.alias.as_str(), told.candidate_alias.as_str(), told.share), ("champion", "challenger", 1.0));
        let (_, evidence) = server.serving.get_release(&server.world.ctx, release.id).await.unwrap();
        assert!(evidence.iter().all(|look| look.pairs > 0 || look.verdict == LookVerdict::NoData));
        assert_eq!(evidence.last().unwrap().verdict, LookVerdict::Better);
        // The registry follows; nothing is loaded twice and no new release starts.
        server.alias("champion", Some(2)).await;
        server.alias("challenger", None).await;
        let after = server.event_names().await;
        assert_eq!(after.len(), wanted.len() + 2);
        assert_eq!(server.predict("x", hour(500), 1.0).await.unwrap().version, 2);
    }
}

#[tokio::test]
async fn a_worse_candidate_is_rolled_back() {
    for place in places().await {
        let server = place.serving_one(Some(policy())).await;
        live(&server, 0..72, 1.0).await;
        server.alias("challenger", Some(2)).await;
        assert_eq!(live(&server, 72..250, 1.0).await, 0);
        let release = server.releases().await.remove(0);
        assert_eq!((release.state, release.step), (ReleaseState::RolledBack, 0));
        assert!(release.reason.starts_with("candidate worse by "), "{}", release.reason);
        let route = server.serving.served(&server.world.ctx, "bikes", None).unwrap();
        assert_eq!(route.versions, [1]);
        assert!(server.event_names().await.ends_with(&["serving.release_rolled_back".to_owned()]));
    }
}

#[tokio::test]
async fn a_candidate_that_is_as_good_is_out_when_its_time_is_over() {
    for place in places().await {
        let short = ReleasePolicy { max_duration: "10d".parse().unwrap(), ..policy() };
        let server = place.serving_one(Some(short)).await;
        live(&server, 0..72, 1.5).await;
        server.alias("challenger", Some(2)).await;
        assert_eq!(live(&server, 72..72 + 9 * 24, 1.5).await, 0);
        assert_eq!(server.releases().await[0].state, ReleaseState::Running);
        assert_eq!(live(&server, 72 + 9 * 24..72 + 10 * 24, 1.5).await, 0);
        let release = server.releases().await.remove(0);
        assert_eq!((release.state, release.step), (ReleaseState::Expired, 0));
        assert!(release.reason.starts_with("no difference could be shown in 10d: "), "{}", release.reason);
        assert_eq!(release.steps[0].verdict.as_deref(), Some("expire"));
        let (_, evidence) = server.serving.get_release(&server.world.ctx, release.id).await.unwrap();
        assert_eq!(evidence.last().unwrap().verdict, LookVerdict::Expired);
        assert_eq!(server.serving.served(&server.world.ctx, "bikes", None).unwrap().versions, [1]);
        // The registry takes the alias away, as after every end that is no promotion.
        assert!(server.event_names().await.ends_with(&["serving.release_rolled_back".to_owned()]));
    }
}

#[tokio::test]
async fn the_same_world_gives_the_same_decisions() {
    let mut told = Vec::new();
    for _ in 0..2 {
        let place = one_place().await;
        let server = trial(&place).await;
        live(&server, 72..300, 2.0).await;
        let release = server.releases().await.remove(0);
        let (_, evidence) = server.serving.get_release(&server.world.ctx, release.id).await.unwrap();
        told.push((release.reason, serde_json::to_string(&evidence).unwrap()));
    }
    assert_eq!(told[0], told[1]);
}

#[tokio::test]
async fn a_candidate_that_fails_never_fails_a_caller_and_is_out_soon() {
    for mode in ["fail", "nan"] {
        let place = one_place().await;
        place.models.add("bikes/2", json!({ "factor": 2.0, "mode": mode }));
        let server = place.serving_one(Some(policy())).await;
        server.alias("challenger", Some(2)).await;
        for h in 0..40 {
            let answer = server.predict(&format!("h{h}"), hour(h), 3.0).await.unwrap();
            assert_eq!(answer.version, 1);
        }
        server.rest().await;
        let release = server.releases().await.remove(0);
        assert_eq!(release.state, ReleaseState::RolledBack);
        assert!(release.reason.starts_with("candidate failed 40 of 40 predictions"), "{}", release.reason);
        let (_, evidence) = server.serving.get_release(&server.world.ctx, release.id).await.unwrap();
        let last = evidence.last().unwrap();
        assert_eq!((last.verdict, last.champion_failures, last.candidate_failures), (LookVerdict::Guardrail, 0, 40));
    }
}

#[tokio::test]
async fn a_candidate_that_takes_other_inputs_fails_alone() {
    let place = one_place().await;
    place.models.add("bikes/2", json!({ "factor": 2.0, "inputs": [["x", "FP32"], ["wind", "FP32"]] }));
    let server = place.serving_one(Some(policy())).await;
    server.alias("challenger", Some(2)).await;
    for h in 0..40 {
        assert_eq!(server.predict(&format!("h{h}"), hour(h), 3.0).await.unwrap().version, 1);
    }
    server.rest().await;
    assert_eq!(server.releases().await[0].state, ReleaseState::RolledBack);
}

#[tokio::test]
async fn a_candidate_that_is_much_slower_is_out_and_noise_is_not() {
    for (latency_us, out) in [(1_900, true), (900, false)] {
        let place = one_place().await;
        place.models.add("bikes/1", json!({ "factor": 1.0, "latency_us": 100 }));
        place.models.add("bikes/2", json!({ "factor": 1.0, "latency_us": latency_us }));
        let server = place.serving_one(Some(policy())).await;
        server.alias("challenger", Some(2)).await;
        for h in 0..900 {
            server.predict(&format!("h{h}"), hour(h), 3.0).await.unwrap();
        }
        server.rest().await;
        let release = server.releases().await.remove(0);
        assert_eq!(release.state == ReleaseState::RolledBack, out, "{}", release.reason);
    }
}

#[tokio::test]
async fn an_unpaired_release_compares_the_arms() {
    let place = one_place().await;
    let mut unpaired = policy();
    unpaired.judge.paired = false;
    unpaired.steps = vec![50, 100];
    let server = place.serving_one(Some(unpaired)).await;
    live(&server, 0..72, 2.0).await;
    server.alias("challenger", Some(2)).await;
    assert_eq!(live(&server, 72..500, 2.0).await, 0);
    assert_eq!(server.releases().await[0].state, ReleaseState::Promoted);
    let slice = server.slice(hour(0), hour(500)).await;
    assert!(slice.rows.iter().all(|row| row.role == pitcrew_contracts::release::Role::Served));
}

#[tokio::test]
async fn a_newer_candidate_takes_the_place_of_the_running_one() {
    for place in places().await {
        let server = trial(&place).await;
        // Later, so that the newer release sorts after the older one.
        server.world.clock.advance(std::time::Duration::from_secs(1));
        server.alias("challenger", Some(3)).await;
        let releases = server.releases().await;
        assert_eq!((releases[0].candidate, releases[0].state), (3, ReleaseState::Running));
        assert_eq!((releases[1].candidate, releases[1].state), (2, ReleaseState::Aborted));
        assert_eq!(releases[1].reason, "superseded by bikes/3");
        assert_eq!(server.serving.served(&server.world.ctx, "bikes", None).unwrap().versions, [1, 3]);
        // A candidate that is in charge already, or on trial already, is no news.
        server.alias("challenger", Some(3)).await;
        server.alias("challenger", Some(1)).await;
        assert_eq!(server.releases().await.len(), 2);
    }
}

#[tokio::test]
async fn a_candidate_that_may_not_be_champion_is_not_tried() {
    for place in places().await {
        place.models.incomplete("bikes/2", true);
        let server = trial(&place).await;
        assert!(server.releases().await.is_empty());
        assert_eq!(server.serving.served(&server.world.ctx, "bikes", None).unwrap().versions, [1]);
        server.models.incomplete("bikes/2", false);
        server.world.clock.advance(std::time::Duration::from_secs(1));
        server.alias("challenger", None).await;
        server.alias("challenger", Some(2)).await;
        assert_eq!(server.releases().await[0].candidate, 2);
    }
}

#[tokio::test]
async fn a_withdrawn_candidate_ends_its_release() {
    let place = one_place().await;
    let server = trial(&place).await;
    server.alias("challenger", None).await;
    let release = server.releases().await.remove(0);
    assert_eq!(
        (release.state, release.reason.as_str()),
        (ReleaseState::Aborted, "the candidate was withdrawn: a test says so")
    );
    assert_eq!(server.serving.served(&server.world.ctx, "bikes", None).unwrap().versions, [1]);
}

#[tokio::test]
async fn a_champion_moved_by_hand_ends_the_release() {
    let place = one_place().await;
    let server = trial(&place).await;
    server.alias("champion", Some(3)).await;
    assert_eq!(server.releases().await[0].state, ReleaseState::Aborted);
    assert_eq!(server.serving.served(&server.world.ctx, "bikes", None).unwrap().versions, [3]);
}

#[tokio::test]
async fn people_may_promote_and_abort_once() {
    for place in places().await {
        let server = trial(&place).await;
        let ctx = &server.world.ctx;
        let id = server.releases().await[0].id;
        let promoted = server.serving.promote_release(ctx, id, "looks fine").await.unwrap();
        assert_eq!(
            (promoted.state, promoted.reason.as_str()),
            (ReleaseState::Promoted, "promoted by hand: looks fine")
        );
        assert_eq!(server.predict("x", hour(100), 1.0).await.unwrap().version, 2);
        assert_eq!(server.serving.abort_release(ctx, id, "").await.unwrap_err().code(), "RELEASE_ENDED");
        server.world.clock.advance(std::time::Duration::from_secs(1));
        server.alias("challenger", Some(3)).await;
        let id = server.releases().await[0].id;
        assert_eq!(server.serving.abort_release(ctx, id, "").await.unwrap().state, ReleaseState::Aborted);
        assert_eq!(server.serving.served(ctx, "bikes", None).unwrap().versions, [2]);
        let nobody = pitcrew_contracts::names::ReleaseId::new(server.world.ids.as_ref());
        assert_eq!(server.serving.promote_release(ctx, nobody, "").await.unwrap_err().code(), "RELEASE_NOT_FOUND");
        let long = "x".repeat(1_001);
        assert_eq!(server.serving.abort_release(ctx, id, &long).await.unwrap_err().code(), "RELEASE_REASON_INVALID");
    }
}

#[tokio::test]
async fn a_release_goes_on_where_a_kill_left_it() {
    for place in places().await {
        let server = trial(&place).await;
        live(&server, 72..130, 2.0).await;
        let before = server.releases().await.remove(0);
        server.kill().await;
        let server = place.start().await;
        assert_eq!(server.serving.served(&server.world.ctx, "bikes", None).unwrap().versions, [1, 2]);
        server.rest().await;
        let after = server.releases().await.remove(0);
        assert_eq!((after.id, after.step, after.state), (before.id, before.step, before.state));
        live(&server, 130..400, 2.0).await;
        assert_eq!(server.releases().await[0].state, ReleaseState::Promoted);
    }
}

/// What the last look at the newest release rests on and says.
async fn last_look(server: &Server) -> (u64, Option<f64>, Option<f64>, Option<f64>) {
    let id = server.releases().await[0].id;
    let (_, evidence) = server.serving.get_release(&server.world.ctx, id).await.unwrap();
    let last = evidence.last().unwrap();
    (last.pairs, last.mean_difference, last.lower, last.upper)
}

#[tokio::test]
async fn a_release_is_judged_by_all_its_predictions_however_many_there_are() {
    let (place, other) = (one_place().await, one_place().await);
    let (server, undisturbed) = (trial(&place).await, trial(&other).await);
    // Close to the champion, so that it goes on for long.
    for server in [&server, &undisturbed] {
        live(server, 72..400, 1.5).await;
    }
    server.stop().await;
    place
        .db
        .write(|tx| {
            // As the tables say it of very many files. One that cannot be read keeps the log out of memory; it is older than the release.
            tx.exec("UPDATE serving_log_files SET row_count = 3000000", &[])?;
            tx.exec(
                "INSERT INTO serving_log_files (path, deployment, row_count, bytes, min_event_time, max_event_time, created_at) \
                 VALUES ('nowhere', 'bikes', 1, 1, 0, 0, 0)",
                &[],
            )
        })
        .await
        .unwrap();
    let server = place.start().await;
    for server in [&server, &undisturbed] {
        live(server, 400..416, 1.5).await;
    }
    let (found, expected) = (last_look(&server).await, last_look(&undisturbed).await);
    assert!(expected.0 > 300 && expected.2.is_some(), "{expected:?}");
    assert_eq!(found, expected);
}
