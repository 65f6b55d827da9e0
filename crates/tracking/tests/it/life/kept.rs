use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pitcrew_contracts::tracking::RunUses;
use pitcrew_kernel::{Access, Clock as _, Ctx, Result};
use pitcrew_testkit::run_jobs;
use pitcrew_tracking::{Lifecycle, Retention, Rule, RunChange, RunStatus, Tracking, jobs};
use pitcrew_work::Scheduler;

use super::Needed;
use crate::Place;

const DAY: Duration = Duration::from_secs(86_400);

fn rule(delete: Option<&str>, purge: Option<&str>, keep: Option<&str>) -> Rule {
    let span = |text: Option<&str>| text.map(|text| text.parse().unwrap());
    Rule { delete_after: span(delete), purge_after: span(purge), keep_tagged: keep.map(str::to_owned) }
}

impl Place {
    async fn end(&self, run: &str) {
        let end_ms = Some(self.world.clock.now().millis());
        let change = RunChange { status: Some(RunStatus::Finished), end_ms, name: None };
        self.tracking.update_run(&self.world.ctx, run, change).await.unwrap();
    }

    /// Which of these runs are in use, which are deleted; those that are gone are in neither.
    async fn stand(&self, runs: &[&String]) -> Vec<Option<Lifecycle>> {
        let mut found = Vec::new();
        for run in runs {
            let run = self.tracking.run(&self.world.ctx, run).await;
            found.push(run.ok().map(|run| run.info.lifecycle));
        }
        found
    }
}

/// Somebody who at the last moment wants to keep what a rule has chosen already.
struct LastMoment {
    tracking: Arc<Tracking>,
    ctx: Ctx,
    elsewhere: i64,
}

#[async_trait]
impl RunUses for LastMoment {
    async fn used(&self, _ctx: &Ctx, run_ids: HashSet<String>) -> Result<HashSet<String>> {
        let Self { tracking, ctx, elsewhere } = self;
        for id in run_ids {
            let run = tracking.run(ctx, &id).await?;
            match run.info.name.as_str() {
                "tagged" => tracking.set_tag(ctx, &id, "keep", "").await?,
                "moved" => drop(tracking.move_runs(ctx, vec![id], *elsewhere).await?),
                _ => {}
            }
        }
        Ok(HashSet::new())
    }
}

#[tokio::test]
async fn what_is_kept_at_the_last_moment_stays() {
    for place in Place::each().await {
        let (ctx, id) = (place.world.ctx.clone(), place.experiment("bikes").await);
        let elsewhere = place.experiment("elsewhere").await;
        let mut runs = Vec::new();
        for name in ["old", "tagged", "moved"] {
            let run = place.run(id, name).await.info.run_id;
            place.end(&run).await;
            runs.push(run);
        }
        place.world.clock.advance(DAY * 90);
        let uses = LastMoment { tracking: Arc::clone(&place.tracking), ctx: ctx.clone(), elsewhere };
        let retention = Retention::new(Arc::clone(&place.tracking), Arc::new(uses));
        retention.set(&ctx, id, rule(Some("90d"), None, Some("keep"))).await.unwrap();
        retention.apply(&ctx, id).await.unwrap();
        let stands = place.stand(&runs.iter().collect::<Vec<_>>()).await;
        assert_eq!(stands, [DELETED, IN_USE, IN_USE], "{}", place.db.name);
    }
}

const IN_USE: Option<Lifecycle> = Some(Lifecycle::Active);
const DELETED: Option<Lifecycle> = Some(Lifecycle::Deleted);
const GONE: Option<Lifecycle> = None;

#[tokio::test]
async fn old_runs_are_deleted_and_removed_in_time_and_what_is_needed_stays() {
    for place in Place::each().await {
        let (ctx, name) = (&place.world.ctx, place.db.name);
        let id = place.experiment("bikes").await;
        let needed = Arc::new(Needed::default());
        let retention = place.retention_with(Arc::clone(&needed));
        let old = place.full(id, "old", 3).await;
        let registered = place.full(id, "registered", 1).await;
        needed.0.lock().unwrap().insert(registered.clone());
        let tagged = place.run(id, "tagged").await.info.run_id;
        place.tracking.set_tag(ctx, &tagged, "keep", "").await.unwrap();
        let running = place.run(id, "running").await.info.run_id;
        let parent = place.run(id, "parent").await.info.run_id;
        let child = place.nested(id, "child", &parent).await;
        let kept_parent = place.run(id, "kept parent").await.info.run_id;
        let kept_child = place.nested(id, "kept child", &kept_parent).await;
        place.tracking.set_tag(ctx, &kept_child, "keep", "1").await.unwrap();
        let elsewhere = place.run(0, "elsewhere").await.info.run_id;
        for run in [&old, &registered, &tagged, &parent, &child, &kept_parent, &kept_child, &elsewhere] {
            place.end(run).await;
        }
        place.world.clock.advance(DAY * 90);
        let fresh = place.run(id, "fresh").await.info.run_id;
        place.end(&fresh).await;
        let rule = rule(Some("90d"), Some("30d"), Some("keep"));
        retention.set(ctx, id, rule.clone()).await.unwrap();
        let going = retention.going(ctx, id, &rule).await.unwrap();
        let mut named: Vec<&str> = going.delete.iter().map(|run| run.name.as_str()).collect();
        named.sort_unstable();
        assert_eq!((named, going.deletes, going.purges), (vec!["child", "old", "parent"], 3, 0), "{name}");

        let all =
            [&old, &parent, &child, &registered, &tagged, &running, &kept_parent, &kept_child, &elsewhere, &fresh];
        let at_work = Ctx::system("tracking");
        retention.apply(&at_work, id).await.unwrap();
        let stands = [[DELETED; 3].as_slice(), &[IN_USE; 7]].concat();
        assert_eq!(
            place.stand(&all).await,
            stands,
            "{name}: tagged, registered, running and parents of kept ones stay"
        );
        retention.apply(&at_work, id).await.unwrap();
        place.world.clock.advance(DAY * 30 - Duration::from_millis(1));
        retention.apply(&at_work, id).await.unwrap();
        assert_eq!(place.stand(&all).await, stands, "{name}: not before the time");

        place.world.clock.advance(Duration::from_millis(1));
        assert_eq!(retention.going(ctx, id, &rule).await.unwrap().purges, 3, "{name}");
        retention.apply(&at_work, id).await.unwrap();
        place.work().await;
        assert_eq!(place.stand(&all[..3]).await, [GONE; 3], "{name}");
        assert_eq!(place.stand(&all[3..9]).await, [IN_USE; 6], "{name}");
        assert!(!place.rows().await.contains_key("gone_runs"), "{name}");
        let told = place.said().await;
        assert!(told.contains(&"system:tracking: run old deleted".to_owned()), "{name}: {told:?}");
        assert!(told.contains(&"system:tracking: run old removed for good".to_owned()), "{name}: {told:?}");
    }
}

#[tokio::test]
async fn deleted_runs_that_a_version_needs_are_not_removed_nor_what_they_are_nested_in() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let id = place.experiment("bikes").await;
        let parent = place.run(id, "parent").await.info.run_id;
        let child = place.nested(id, "child", &parent).await;
        let other = place.run(id, "other").await.info.run_id;
        tracking.delete_runs(ctx, vec![parent.clone(), child.clone(), other.clone()]).await.unwrap();
        let needed = Arc::new(Needed(HashSet::from([child.clone()]).into()));
        let retention = place.retention_with(needed);
        retention.set(ctx, id, rule(None, Some("1d"), None)).await.unwrap();
        place.world.clock.advance(DAY);
        retention.apply(&Ctx::system("tracking"), id).await.unwrap();
        assert_eq!(place.stand(&[&parent, &child, &other]).await, [DELETED, DELETED, GONE], "{}", place.db.name);
    }
}

#[tokio::test]
async fn a_parent_that_was_begun_after_its_child_goes_with_it() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let id = place.experiment("bikes").await;
        let (child, parent) = (place.run(id, "child").await.info.run_id, place.run(id, "parent").await.info.run_id);
        tracking.set_tag(ctx, &child, "mlflow.parentRunId", &parent).await.unwrap();
        for run in [&child, &parent] {
            place.end(run).await;
        }
        place.world.clock.advance(DAY);
        let retention = place.retention();
        let rule = rule(Some("1d"), None, None);
        assert_eq!(retention.going(ctx, id, &rule).await.unwrap().deletes, 2, "{}", place.db.name);
        retention.set(ctx, id, rule).await.unwrap();
        retention.apply(ctx, id).await.unwrap();
        assert_eq!(place.stand(&[&child, &parent]).await, [DELETED; 2], "{}", place.db.name);
    }
}

#[tokio::test]
async fn a_schedule_applies_the_rule_until_it_is_taken_away() {
    for place in Place::each().await {
        let (ctx, name) = (&place.world.ctx, place.db.name);
        let id = place.experiment("bikes").await;
        let retention = place.retention();
        assert_eq!(retention.rule(ctx, id).await.unwrap_err().code(), "RETENTION_NOT_FOUND");
        let wanted = rule(Some("1d"), None, Some("keep"));
        for _ in 0..2 {
            assert_eq!(retention.set(ctx, id, wanted.clone()).await.unwrap(), wanted);
        }
        assert_eq!(retention.rule(ctx, id).await.unwrap(), wanted);
        let one = place.run(id, "one").await.info.run_id;
        place.end(&one).await;
        night(&place, &retention).await;
        assert_eq!(place.stand(&[&one]).await, [IN_USE], "{name}: not old yet");
        night(&place, &retention).await;
        assert_eq!(place.stand(&[&one]).await, [DELETED], "{name}");
        for _ in 0..2 {
            retention.remove(ctx, id).await.unwrap();
        }
        let two = place.run(id, "two").await.info.run_id;
        place.end(&two).await;
        night(&place, &retention).await;
        night(&place, &retention).await;
        assert_eq!(place.stand(&[&two]).await, [IN_USE], "{name}");
        let told = place.said().await;
        let rules: Vec<&String> = told.iter().filter(|said| said.contains("runs of experiment")).collect();
        assert_eq!(
            rules,
            [
                "ana: runs of experiment bikes: deleted 1d after their end, kept when tagged keep",
                "ana: runs of experiment bikes are kept until somebody deletes them"
            ],
            "{name}"
        );
    }
}

/// A day passes with its night.
async fn night(place: &Place, retention: &Arc<Retention>) {
    place.world.clock.advance(Duration::from_secs(12 * 3600));
    let kinds = vec![pitcrew_tracking::RETENTION_JOB];
    let scheduler = Scheduler::new(place.db.db.clone(), place.world.clock(), place.world.ids.clone(), kinds);
    scheduler.tick().await.unwrap();
    run_jobs(&place.world, &place.db.db, jobs(retention)).await;
    place.world.clock.advance(Duration::from_secs(12 * 3600));
}

#[tokio::test]
async fn rules_that_say_nothing_are_refused_and_removing_for_good_needs_an_admin() {
    let place = Place::one().await;
    let retention = place.retention();
    let ctx = &place.world.ctx;
    for bad in [rule(None, None, Some("keep")), rule(Some("1d"), None, Some(""))] {
        assert_eq!(retention.set(ctx, 0, bad).await.unwrap_err().code(), "TRACKING_VALUE_INVALID");
    }
    let writer = place.world.ctx_with(Access::Write);
    assert!(retention.set(&writer, 0, rule(Some("1d"), None, None)).await.is_ok());
    assert_eq!(retention.set(&writer, 0, rule(None, Some("1d"), None)).await.unwrap_err().code(), "FORBIDDEN");
    assert_eq!(retention.set(ctx, 99, rule(Some("1d"), None, None)).await.unwrap_err().code(), "EXPERIMENT_NOT_FOUND");
}
