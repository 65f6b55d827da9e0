//! Rules about runs: what breaks them, when that is seen, who is told.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use pitcrew_kernel::{Clock as _, PageRequest};
use pitcrew_outbound::{Outbound, Policy};
use pitcrew_testkit::{apply, run_jobs};
use pitcrew_tracking::{Metric, RunChange, RunStatus, WATCH_JOB};
use pitcrew_work::{NewJob, Tasks, enqueue};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::Place;

impl Place {
    async fn declares(&self, rules: Value) {
        let project = serde_json::from_value(json!({ "project": "bikes", "run_alerts": rules })).unwrap();
        apply(&self.world, &self.db.db, Arc::clone(&self.tracking) as _, project).await;
    }

    /// What the schedule does every minute.
    async fn looks(&self) {
        let (ids, now) = (Arc::clone(&self.world.ids), self.world.clock.now());
        let job = NewJob { kind: WATCH_JOB, key: "now".to_owned(), payload: json!({}), run_at: now, max_attempts: 5 };
        self.db.db.write(move |tx| enqueue(tx, ids.as_ref(), now, &job)).await.unwrap();
        let outbound = Outbound::new(Policy { loopback: true, exceptions: Vec::new() });
        run_jobs(&self.world, &self.db.db, pitcrew_tracking::alert_jobs(&self.tracking, outbound)).await;
    }

    /// Rule, run and what was wrong, newest first.
    async fn fired(&self) -> Vec<(String, String, String)> {
        let page = self.tracking.run_alerts(&self.world.ctx, None, &PageRequest::default()).await.unwrap();
        page.items.into_iter().map(|fired| (fired.rule, fired.run, fired.what)).collect()
    }

    async fn logs(&self, run_id: &str, key: &str, value: f64) {
        let point = Metric::new(key, value, self.world.clock.now().millis(), 0);
        self.tracking.log_metric(&self.world.ctx, run_id, point).await.unwrap();
    }
}

fn told(rule: &str, run: &str, what: &str) -> (String, String, String) {
    (rule.to_owned(), run.to_owned(), what.to_owned())
}

#[tokio::test]
async fn a_metric_out_of_bounds_fires_once_for_a_run_of_its_experiment() {
    for place in Place::each().await {
        place.declares(json!({ "diverged": { "metric": "loss", "above": 10, "below": 0.5 } })).await;
        let (bikes, other) = (place.experiment("bikes").await, place.experiment("other").await);
        let mut runs = Vec::new();
        for (name, value) in [("fine", 10.0), ("high", 12.5), ("low", 0.25), ("lost", f64::NAN), ("far", f64::INFINITY)]
        {
            let run = place.run(bikes, name).await.info.run_id;
            place.logs(&run, "loss", value).await;
            runs.push(run);
        }
        let elsewhere = place.run(other, "elsewhere").await.info.run_id;
        place.logs(&elsewhere, "loss", 99.0).await;
        place.logs(&runs[0], "lossy", 99.0).await;
        place.looks().await;
        let seen = [
            told("diverged", "far", "loss inf is above 10"),
            told("diverged", "lost", "loss is not a number"),
            told("diverged", "low", "loss 0.25 is below 0.5"),
            told("diverged", "high", "loss 12.5 is above 10"),
        ];
        assert_eq!(place.fired().await, seen, "{}", place.db.name);
        place.logs(&runs[1], "loss", 1e9).await;
        place.looks().await;
        assert_eq!(place.fired().await, seen, "{}: once for a run", place.db.name);
        let said = place.said().await;
        assert!(said.contains(&"system:tracking: run high: loss 12.5 is above 10".to_owned()), "{said:?}");

        // A rule that is another starts anew; one that is gone takes with it what it said.
        place.declares(json!({ "diverged": { "metric": "loss", "above": 1e6 } })).await;
        assert_eq!(place.fired().await, [], "{}", place.db.name);
        place.looks().await;
        assert_eq!(place.fired().await.len(), 3, "{}: far, lost and high", place.db.name);
        place.declares(json!({})).await;
        place.looks().await;
        assert_eq!(place.fired().await, [], "{}", place.db.name);
    }
}

#[tokio::test]
async fn a_run_that_ends_between_two_looks_is_looked_at() {
    for place in Place::each().await {
        place
            .declares(json!({ "diverged": { "experiment": "deep", "metric": "loss", "above": 10 }, "stuck": { "no_progress": "1m" } }))
            .await;
        let deep = place.experiment("deep").await;
        for (name, value) in [("bad", 11.0), ("good", 1.0)] {
            let run = place.run(deep, name).await.info.run_id;
            place.logs(&run, "loss", value).await;
            let end = RunChange { status: Some(RunStatus::Finished), end_ms: Some(1), name: None };
            place.tracking.update_run(&place.world.ctx, &run, end).await.unwrap();
        }
        place.looks().await;
        assert_eq!(place.fired().await, [], "{}: nothing is under way", place.db.name);
        place.world.pump(&place.db.db, pitcrew_tracking::alert_subscribers(&place.tracking)).await;
        assert_eq!(place.fired().await, [told("diverged", "bad", "loss 11 is above 10")], "{}", place.db.name);
    }
}

#[tokio::test]
async fn a_run_that_measures_nothing_is_stuck() {
    for place in Place::each().await {
        place.declares(json!({ "stuck": { "no_progress": "30m" } })).await;
        let bikes = place.experiment("bikes").await;
        let start = |name: &str| pitcrew_tracking::NewRun {
            experiment_id: Some(bikes),
            name: Some(name.to_owned()),
            start_ms: Some(place.world.clock.now().millis()),
            ..Default::default()
        };
        let mut runs = Vec::new();
        for name in ["silent", "busy"] {
            runs.push(place.tracking.create_run(&place.world.ctx, start(name)).await.unwrap().info.run_id);
        }
        place.world.clock.advance(Duration::from_secs(29 * 60));
        place.looks().await;
        assert_eq!(place.fired().await, [], "{}: not yet", place.db.name);
        // What the machine does is no progress of the run.
        place.logs(&runs[0], "system/process_memory_megabytes", 64.0).await;
        place.logs(&runs[1], "loss", 1.0).await;
        place.world.clock.advance(Duration::from_secs(2 * 60));
        place.looks().await;
        assert_eq!(place.fired().await, [told("stuck", "silent", "nothing logged for 30m")], "{}", place.db.name);
    }
}

#[tokio::test]
async fn a_run_that_went_back_to_an_earlier_step_is_not_stuck() {
    for place in Place::each().await {
        place.declares(json!({ "stuck": { "no_progress": "30m" } })).await;
        let bikes = place.experiment("bikes").await;
        let run = place.run(bikes, "resumed").await.info.run_id;
        for step in [100, 50] {
            let point = Metric::new("loss", 1.0, place.world.clock.now().millis(), step);
            place.tracking.log_metric(&place.world.ctx, &run, point).await.unwrap();
            place.world.clock.advance(Duration::from_secs(29 * 60));
        }
        place.looks().await;
        assert_eq!(place.fired().await, [], "{}", place.db.name);
        place.world.clock.advance(Duration::from_secs(2 * 60));
        place.looks().await;
        assert_eq!(place.fired().await.len(), 1, "{}", place.db.name);
    }
}

type Told = mpsc::UnboundedSender<(String, Value)>;

async fn hook(State(told): State<Told>, headers: HeaderMap, body: String) -> StatusCode {
    let id = headers["x-pitcrew-delivery"].to_str().unwrap().to_owned();
    told.send((id, serde_json::from_str(&body).unwrap())).unwrap();
    StatusCode::OK
}

#[tokio::test]
async fn webhooks_are_told_and_one_that_cannot_be_is_said() {
    for place in Place::each().await {
        let (tasks, (sender, mut heard)) = (Tasks::new(), mpsc::unbounded_channel());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/hook", post(hook)).with_state(sender);
        tasks.spawn("receiver", async move { axum::serve(listener, router).await.unwrap() });
        let targets =
            json!([{ "webhook": format!("http://{address}/hook") }, { "webhook": "http://169.254.169.254/key" }]);
        place.declares(json!({ "diverged": { "metric": "loss", "above": 10, "notify": targets } })).await;
        let bikes = place.experiment("bikes").await;
        let run = place.run(bikes, "high").await.info.run_id;
        place.logs(&run, "loss", 12.5).await;
        place.looks().await;
        let (_, body) = heard.recv().await.unwrap();
        assert_eq!(
            body,
            json!({
                "version": "1", "status": "firing", "rule": "diverged", "experiment": "bikes", "run_id": run, "run": "high",
                "metric": "loss", "value": 12.5, "summary": "high: loss 12.5 is above 10",
            })
        );
        let page = place.tracking.run_alerts(&place.world.ctx, Some(run), &PageRequest::default()).await.unwrap();
        let untold = page.items[0].untold.clone().unwrap_or_default();
        assert!(untold.contains("may not be called"), "{}: {untold}", place.db.name);
        assert!(heard.try_recv().is_err(), "{}: told once", place.db.name);
        tasks.token().cancel();
    }
}

#[tokio::test]
async fn what_fired_is_paged() {
    let place = Place::one().await;
    place.declares(json!({ "diverged": { "metric": "loss", "above": 1 } })).await;
    let bikes = place.experiment("bikes").await;
    for name in ["a", "b", "c"] {
        let run = place.run(bikes, name).await.info.run_id;
        place.logs(&run, "loss", 2.0).await;
    }
    place.looks().await;
    let mut page = PageRequest { limit: Some(2), page: None };
    let mut seen = Vec::new();
    loop {
        let found = place.tracking.run_alerts(&place.world.ctx, None, &page).await.unwrap();
        seen.extend(found.items.into_iter().map(|fired| fired.run));
        page.page = found.next;
        if page.page.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["c", "b", "a"]);
    let wrong = PageRequest { limit: None, page: Some("x".to_owned()) };
    assert_eq!(place.tracking.run_alerts(&place.world.ctx, None, &wrong).await.unwrap_err().code(), "PAGE_INVALID");
}
