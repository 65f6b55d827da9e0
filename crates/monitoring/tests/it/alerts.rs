//! Alarms: pending, firing, resolved, and what they do.

use pitcrew_contracts::monitoring::AlertFired;
use pitcrew_contracts::names::PipelineRunId;
use pitcrew_contracts::pipelines::RunCreated;
use pitcrew_kernel::Cause;
use serde_json::{Value, json};

use crate::post::{Post, hour, project};

/// Whole days of labelled traffic, each off by this much; the last two days only let the others become due.
async fn days(post: &Post, first: i64, errors: &[f64]) {
    for (day, error) in (first..).zip(errors) {
        post.observe(day * 24..day * 24 + 24, *error).await;
    }
}

/// The alerts, newest first, as the API tells them.
async fn alerts(post: &Post) -> Vec<Value> {
    let router = pitcrew_testkit::open(&post.world, pitcrew_monitoring::routes(post.monitoring.clone())).await;
    let (_, page) = pitcrew_testkit::call(&router, axum::http::Method::GET, "/api/v1/alerts", None).await;
    page["items"].as_array().unwrap().clone()
}

async fn fired(post: &Post) -> Vec<(String, Option<String>)> {
    let events = post.events().await;
    events
        .iter()
        .filter_map(|event| event.open::<AlertFired>().unwrap())
        .map(|fired| (fired.facts.event_time.to_string()[..10].to_owned(), fired.run.map(|run| run.to_string())))
        .collect()
}

#[tokio::test]
async fn an_alarm_is_pending_then_fires_acts_and_is_over() {
    for post in Post::each().await {
        days(&post, 0, &[3.0, 20.0, 30.0, 25.0, 4.0, 3.0, 3.0]).await;
        let name = post.name();
        let expected = [
            "alert_pending: bikes-error pending: mae 20.000 over the objective 10.000",
            "alert_fired: bikes-error firing: mae 30.000 over the objective 10.000 in 2 windows in a row",
            "alert_resolved: bikes-error resolved: mae 4.000 is within the objective 10.000 again",
        ];
        assert_eq!(post.said().await, expected, "{name}");
        assert_eq!(fired(&post).await, [("2011-01-04".to_owned(), Some("train".to_owned()))], "{name}");
        let alerts = alerts(&post).await;
        assert_eq!(alerts.len(), 1, "{name}");
        let alert = &alerts[0];
        assert_eq!(
            (&alert["state"], &alert["value"], &alert["threshold"]),
            (&json!("resolved"), &json!(4.0), &json!(10.0)),
            "{name}"
        );
        assert_eq!(alert["event_time"], json!(hour(24 * 5)), "{name}");
        assert!(alert["pending_at"].as_str() < alert["fired_at"].as_str(), "{name}");
        assert!(alert["fired_at"].as_str() < alert["resolved_at"].as_str(), "{name}");
    }
}

#[tokio::test]
async fn one_bad_day_is_dismissed_without_a_word() {
    for post in Post::each().await {
        days(&post, 0, &[3.0, 20.0, 3.0, 3.0, 3.0]).await;
        assert_eq!(
            post.said().await,
            ["alert_pending: bikes-error pending: mae 20.000 over the objective 10.000"],
            "{}",
            post.name()
        );
        assert_eq!(alerts(&post).await[0]["state"], json!("resolved"), "{}", post.name());
        assert_eq!(alerts(&post).await[0]["fired_at"], Value::Null, "{}", post.name());
    }
}

#[tokio::test]
async fn a_window_without_data_neither_fires_nor_resolves() {
    for post in Post::each().await {
        days(&post, 0, &[20.0]).await;
        post.predict(24..48).await;
        post.predict(48..72).await;
        days(&post, 3, &[3.0]).await;
        let name = post.name();
        assert_eq!(post.verdicts().await, ["1 breach 1 24", "2 no_data 1 0"], "{name}");
        assert_eq!(post.said().await.len(), 1, "{name}: pending, and held");
        days(&post, 4, &[3.0]).await;
        // The third day is off as well, and says so late: the empty day between counts neither way.
        post.label(48..72, 20.0).await;
        assert_eq!(post.verdicts().await[2], "3 breach 2 24", "{name}");
        assert!(post.said().await[1].starts_with("alert_fired: bikes-error firing: mae 20.000"), "{name}");
    }
}

#[tokio::test]
async fn the_action_rests_for_its_cooldown_in_event_time_and_acts_again_after() {
    for post in Post::each().await {
        let mut rests = project();
        rests["alerts"]["bikes-error"]["action"]["cooldown"] = json!("6d");
        post.apply(rests).await;
        days(&post, 0, &[20.0; 10]).await;
        let name = post.name();
        let day = |day: &str, run: Option<&str>| (format!("2011-01-{day}"), run.map(str::to_owned));
        // Windows end on days 1 to 8; it fires on day 2 and may act again from day 8 on.
        assert_eq!(fired(&post).await, [day("03", Some("train")), day("09", Some("train"))], "{name}");
        assert_eq!(alerts(&post).await.len(), 1, "{name}: one alert all along");
        // Over, and soon bad again: the new alert fires, but the action still rests.
        days(&post, 10, &[3.0, 20.0, 20.0, 3.0, 3.0]).await;
        let expected = [day("03", Some("train")), day("09", Some("train")), day("14", None)];
        let fired = fired(&post).await;
        assert_eq!(fired, expected, "{name}");
    }
}

#[tokio::test]
async fn a_late_label_fires_the_newest_windows_alarm_only() {
    for post in Post::each().await {
        days(&post, 0, &[3.0, 3.0, 3.0, 3.0, 3.0]).await;
        let name = post.name();
        post.label(0..48, 20.0).await;
        assert!(post.said().await.is_empty(), "{name}: two bad days long ago");
        post.label(24..72, 20.0).await;
        assert_eq!(post.verdicts().await, ["1 breach 2 24", "2 breach 2 24", "3 breach 2 24"], "{name}");
        let said = post.said().await;
        assert_eq!(said.len(), 1, "{name}: {said:?}");
        assert!(said[0].starts_with("alert_pending"), "{name}");
        // Judged once more, the newest window is the same window: nothing is counted twice.
        post.label(48..72, 21.0).await;
        assert_eq!(
            post.said().await.last().unwrap(),
            "alert_fired: bikes-error firing: mae 21.000 over the objective 10.000 in 2 windows in a row",
            "{name}"
        );
    }
}

#[tokio::test]
async fn labels_that_always_come_after_their_window_fell_due_fire_all_the_same() {
    for post in Post::each().await {
        let mut hasty = project();
        hasty["monitors"]["bikes"]["label_delay"] = json!("0s");
        post.apply(hasty).await;
        for day in 0..6 {
            post.predict(day * 24..day * 24 + 24).await;
            if day >= 2 {
                post.label((day - 2) * 24..(day - 1) * 24, 20.0).await;
            }
        }
        let (name, said) = (post.name(), post.said().await);
        assert!(said[0].starts_with("alert_pending") && said[1].starts_with("alert_fired"), "{name}: {said:?}");
    }
}

#[tokio::test]
async fn a_rule_counts_the_windows_that_missed_its_own_metric() {
    for post in Post::each().await {
        let mut two = project();
        two["monitors"]["bikes"]["objectives"] =
            json!([{ "metric": "mae", "max": 10.0 }, { "metric": "bias", "min": -1.0, "max": 1.0 }]);
        two["alerts"]["bikes-error"]["for"] = json!(3);
        post.apply(two).await;
        // Off by 5 is a breach of the bias alone; three days of mae over 10 are needed.
        days(&post, 0, &[5.0, 5.0, 20.0, 20.0, 0.0, 0.0]).await;
        let name = post.name();
        assert_eq!(
            post.verdicts().await,
            ["1 breach 1 24", "2 breach 1 24", "3 breach 1 24", "4 breach 1 24"],
            "{name}"
        );
        assert_eq!(
            post.said().await,
            ["alert_pending: bikes-error pending: mae 20.000 over the objective 10.000"],
            "{name}"
        );
    }
}

#[tokio::test]
async fn an_objective_may_be_a_least_value() {
    for post in Post::each().await {
        let mut least = project();
        least["monitors"]["bikes"]["objectives"] = json!([{ "metric": "bias", "min": -1.0, "max": 50.0 }]);
        least["alerts"]["bikes-error"]["metric"] = json!("bias");
        least["alerts"]["bikes-error"]["for"] = json!(1);
        post.apply(least).await;
        // The bias is prediction minus truth.
        days(&post, 0, &[4.0, 0.0, 0.0]).await;
        assert_eq!(
            post.said().await[0],
            "alert_fired: bikes-error firing: bias -4.000 under the objective -1.000",
            "{}",
            post.name()
        );
        let alert = &alerts(&post).await[0];
        assert_eq!((&alert["threshold"], &alert["value"]), (&json!(-1.0), &json!(-4.0)), "{}", post.name());
    }
}

#[tokio::test]
async fn a_rule_declared_no_more_leaves_no_alarm_behind() {
    for post in Post::each().await {
        days(&post, 0, &[20.0, 20.0, 20.0, 20.0]).await;
        assert_eq!(alerts(&post).await[0]["state"], json!("firing"), "{}", post.name());
        let mut without = project();
        without.as_object_mut().unwrap().remove("alerts");
        post.apply(without).await;
        post.pump().await;
        let alert = &alerts(&post).await[0];
        assert_eq!(
            (&alert["state"], &alert["summary"]),
            (&json!("resolved"), &json!("the rule is declared no more")),
            "{}",
            post.name()
        );
        assert_eq!(
            post.said().await.last().unwrap(),
            "alert_resolved: bikes-error resolved: the rule is declared no more",
            "{}",
            post.name()
        );
    }
}

#[tokio::test]
async fn an_alert_names_the_run_it_started() {
    for post in Post::each().await {
        days(&post, 0, &[20.0, 20.0, 3.0, 3.0]).await;
        let id = alerts(&post).await[0]["id"].as_str().unwrap().to_owned();
        let run = PipelineRunId::new(post.world.ids.as_ref());
        let mut world = post.world.clone();
        world.ctx = world.ctx.because(Cause { kind: "alert".into(), id, summary: "error".into() });
        let created = RunCreated { run, pipeline: "train".parse().unwrap(), number: 1, reason: "alert".into() };
        post.db().write(move |tx| tx.emit(world.out(), &created)).await.unwrap();
        post.pump().await;
        let action = alerts(&post).await[0]["action"].clone();
        assert_eq!(action, json!({ "run": "train", "pipeline_run": run }), "{}", post.name());
    }
}
