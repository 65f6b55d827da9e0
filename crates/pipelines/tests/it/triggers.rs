//! What starts pipelines by itself.

use std::sync::Arc;
use std::time::Duration;

use pitcrew_contracts::data::VersionCreated;
use pitcrew_contracts::event::Event;
use pitcrew_contracts::monitoring::{AlertFacts, AlertFired};
use pitcrew_contracts::names::AlertId;
use pitcrew_db::Outgoing;
use pitcrew_kernel::{Cause, Ctx, Digest};
use pitcrew_pipelines::{RunState, RunView, SCHEDULED_JOB, subscribers};
use pitcrew_work::Scheduler;
use serde_json::json;

use crate::yard::Yard;

/// States an event because of `cause` and delivers it.
async fn state<E: Event + Clone>(yard: &Yard, cause: Option<Cause>, event: &E) {
    let (world, event) = (yard.world.clone(), event.clone());
    let ctx = Ctx { cause, ..world.ctx.clone() };
    let written =
        yard.db.write(move |tx| tx.emit(Outgoing { ctx: &ctx, ids: world.ids.as_ref(), clock: &world.clock }, &event));
    written.await.unwrap();
    yard.world.pump(&yard.db, subscribers(&yard.service)).await;
}

async fn all(yard: &Yard) -> Vec<RunView> {
    yard.service.runs(&yard.world.ctx, Default::default(), Default::default()).await.unwrap().items
}

fn of(pipeline: &str, runs: Vec<RunView>) -> Vec<RunView> {
    runs.into_iter().filter(|run| run.pipeline.as_str() == pipeline).collect()
}

fn alert(yard: &Yard, run: Option<&str>) -> AlertFired {
    AlertFired {
        facts: AlertFacts {
            alert: AlertId::new(yard.world.ids.as_ref()),
            rule: "bikes-error".parse().unwrap(),
            monitor: "bikes".parse().unwrap(),
            metric: "wape".to_owned(),
            value: 0.48,
            threshold: 0.35,
            event_time: "2012-03-04T05:00:00Z".parse().unwrap(),
            summary: "wape 0.48 over 0.35".to_owned(),
        },
        run: run.map(|name| name.parse().unwrap()),
    }
}

fn version() -> VersionCreated {
    VersionCreated { version: "bikes@2".parse().unwrap(), digest: Digest::from_bytes([2; 32]), rows: 1, new_bytes: 1 }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_starts_its_pipeline_once_and_is_its_cause() {
    for yard in Yard::each().await {
        let gate = yard.home.path().join("gate").display().to_string();
        nix::unistd::mkfifo(gate.as_str(), nix::sys::stat::Mode::S_IRWXU).unwrap();
        yard.steps(json!({"train": {"run": format!("sh -c 'echo here; read x < {gate}'")}})).await;
        let fired = alert(&yard, Some("train"));
        state(&yard, None, &fired).await;
        // The same alert again, while its run is under way: another event, the same cause.
        state(&yard, None, &fired).await;
        // Nothing to run, and something that does not exist.
        state(&yard, None, &alert(&yard, None)).await;
        state(&yard, None, &alert(&yard, Some("gone"))).await;
        let runs = all(&yard).await;
        assert_eq!(runs.len(), 1, "{}", yard.name);
        let cause = runs[0].cause.as_ref().unwrap();
        assert_eq!((cause.kind.as_str(), cause.id.clone()), ("alert", fired.facts.alert.to_string()));
        assert_eq!(runs[0].reason, "alert bikes-error: wape 0.48 over 0.35");
        yard.heard(runs[0].id, "here").await;
        std::fs::write(&gate, "go\n").unwrap();
        assert_eq!(yard.finish(runs[0].id).await.state, RunState::Succeeded);
        state(&yard, None, &alert(&yard, Some("train"))).await;
        assert_eq!(all(&yard).await.len(), 2, "another alert is another run");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_starts_pipelines_but_never_the_one_that_led_to_it() {
    for yard in Yard::each().await {
        let steps = json!({"s": {"run": "true"}});
        let pipelines = json!({
            "train": {"on": [{"event": "data.version_created"}, {"event": "pipelines.run_finished"}], "steps": steps},
            "report": {"on": [{"event": "pipelines.run_finished"}], "steps": steps},
        });
        yard.apply(json!({"pipelines": pipelines})).await;
        state(&yard, None, &version()).await;
        let first = of("train", all(&yard).await);
        assert_eq!(first.len(), 1, "{}", yard.name);
        let cause = first[0].cause.as_ref().unwrap();
        assert_eq!(
            (cause.kind.as_str(), cause.summary.as_str()),
            ("event", "bikes@2 created with 1 rows, 1 new bytes stored")
        );
        yard.finish(first[0].id).await;
        // The end of `train` starts `report`; the end of `report` would start `train`, which led to it.
        yard.world.pump(&yard.db, subscribers(&yard.service)).await;
        let second = of("report", all(&yard).await);
        assert_eq!(second.len(), 1);
        yard.finish(second[0].id).await;
        yard.world.pump(&yard.db, subscribers(&yard.service)).await;
        assert_eq!(all(&yard).await.len(), 2, "no circle");
        // New data that a run of `train` read is no reason to run it again.
        let own = Cause { kind: "pipeline_run".to_owned(), id: first[0].id.to_string(), summary: String::new() };
        state(&yard, Some(own), &version()).await;
        assert_eq!(all(&yard).await.len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_starts_a_run_a_tick() {
    for yard in Yard::each().await {
        let project =
            |on: serde_json::Value| json!({"pipelines": {"train": {"on": on, "steps": {"s": {"run": "true"}}}}});
        let bad = yard.try_apply(project(json!([{"schedule": "daily"}]))).await.unwrap_err();
        assert_eq!(bad.code(), "SCHEDULE_INVALID");
        yard.apply(project(json!([{"schedule": "0 3 * * *"}]))).await;
        let world = &yard.world;
        let scheduler = Scheduler::new(yard.db.clone(), world.clock(), Arc::clone(&world.ids), vec![SCHEDULED_JOB]);
        scheduler.tick().await.unwrap();
        assert!(all(&yard).await.is_empty(), "not yet");
        yard.advance(Duration::from_secs(3 * 3_600));
        scheduler.tick().await.unwrap();
        let patience = async {
            while all(&yard).await.is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), patience).await.unwrap();
        let runs = all(&yard).await;
        assert_eq!(runs[0].reason, "scheduled for 2026-01-01T03:00:00.000000Z", "{}", yard.name);
        assert_eq!(runs[0].cause.as_ref().unwrap().kind, "schedule");
        yard.finish(runs[0].id).await;
        let changes = yard.apply(json!({})).await;
        assert_eq!(changes.len(), 1);
        yard.advance(Duration::from_secs(48 * 3_600));
        assert_eq!(scheduler.tick().await.unwrap(), None, "a pipeline that is gone has no schedule");
    }
}
