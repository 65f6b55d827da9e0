use pitcrew_tracking::{Batch, Metric};
use proptest::prelude::*;

use crate::Place;

fn pair(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

#[tokio::test]
async fn params_never_change_and_say_so_in_the_known_words() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let run = place.run(0, "a").await.info.run_id;
        tracking.log_param(ctx, &run, "depth", "5").await.unwrap();
        tracking.log_param(ctx, &run, "depth", "5").await.unwrap();
        assert_eq!(
            tracking.log_param(ctx, &run, "depth", "6").await.unwrap_err().detail(),
            format!(
                "Changing param values is not allowed. Param with key='depth' was already logged with value='5' for run ID='{run}'. Attempted logging new value '6'."
            )
        );
        let batch = Batch {
            metrics: vec![Metric::new("m", 1.0, 1, 1)],
            params: vec![pair("new", "1"), pair("depth", "7")],
            tags: vec![pair("t", "1")],
        };
        assert_eq!(
            tracking.log_batch(ctx, &run, batch).await.unwrap_err().detail(),
            format!(
                "Changing param values is not allowed. Params were already logged='[{{'key': 'depth', 'old_value': '5', 'new_value': '7'}}]' for run ID='{run}'."
            )
        );
        let kept = tracking.run(ctx, &run).await.unwrap();
        assert_eq!(kept.params, [pair("depth", "5")].into(), "nothing of a refused batch is kept");
        assert!(kept.metrics.is_empty() && !kept.tags.contains_key("t"));
    }
}

#[tokio::test]
async fn every_value_comes_back_as_it_was() {
    let values = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN_POSITIVE, -0.1, 0.1 + 0.2];
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let run = place.run(0, "a").await.info.run_id;
        for (at, value) in values.into_iter().enumerate() {
            tracking.log_metric(ctx, &run, Metric::new(format!("m{at}"), value, i64::MAX, i64::MIN)).await.unwrap();
        }
        let metrics = tracking.run(ctx, &run).await.unwrap().metrics;
        for (metric, value) in metrics.iter().zip(values) {
            assert_eq!(metric.value.to_bits(), value.to_bits(), "{value} in {}", place.db.name);
            assert_eq!((metric.at_ms, metric.step), (i64::MAX, i64::MIN));
        }
    }
}

#[tokio::test]
async fn the_same_point_twice_is_one_point() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let run = place.run(0, "a").await.info.run_id;
        let point = |value| Metric::new("m", value, 1, 1);
        let metrics = vec![point(1.0), point(1.0), point(f64::NAN), point(f64::NAN), point(0.0)];
        for _ in 0..2 {
            let batch = Batch { metrics: metrics.clone(), ..Batch::default() };
            tracking.log_batch(ctx, &run, batch).await.unwrap();
        }
        let history = tracking.metric_history(ctx, &run, "m", None, None).await.unwrap().items;
        let values: Vec<String> = history.iter().map(|point| point.value.to_string()).collect();
        assert_eq!(values, ["0", "NaN", "1"], "{}", place.db.name);
    }
}

#[tokio::test]
async fn a_full_batch_is_one_act_and_histories_page() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let run = place.run(0, "a").await.info.run_id;
        let metrics = (0..1_000).map(|at| Metric::new(format!("m{}", at % 3), at as f64, at / 3, at)).collect();
        tracking.log_batch(ctx, &run, Batch { metrics, ..Batch::default() }).await.unwrap();
        let full = tracking.metric_history(ctx, &run, "m1", None, None).await.unwrap();
        assert_eq!((full.items.len(), full.next), (333, None));
        let (mut paged, mut token) = (Vec::new(), None);
        loop {
            let page = tracking.metric_history(ctx, &run, "m1", Some(50), token.as_deref()).await.unwrap();
            paged.extend(page.items);
            token = page.next;
            if token.is_none() {
                break;
            }
        }
        assert_eq!(paged, full.items);
        let sample = tracking.metric_sample(ctx, &run, "m1", None, 10).await.unwrap();
        let steps: Vec<i64> = sample.iter().map(|point| point.step).collect();
        assert_eq!((steps.len(), steps[0], steps[9]), (10, 1, 997), "{}", place.db.name);
        let some = tracking.metric_sample(ctx, &run, "m1", Some((4, 10)), 10).await.unwrap();
        assert_eq!(some.iter().map(|point| point.step).collect::<Vec<_>>(), [4, 7, 10]);
        assert!(tracking.metric_sample(ctx, &run, "none", None, 10).await.unwrap().is_empty());
        assert_eq!(tracking.metric_history(ctx, "nope", "m", None, None).await.unwrap_err().code(), "RUN_NOT_FOUND");
    }
}

/// Series whose steps follow time and series whose steps do not are thinned alike.
#[tokio::test]
async fn a_thinned_history_is_cut_by_step() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let run = place.run(0, "a").await.info.run_id;
        let forth = (0..100).map(|at| Metric::new("forth", at as f64, at, at));
        let back = (0..100).map(|at| Metric::new("back", at as f64, 100 - at, at));
        tracking
            .log_batch(ctx, &run, Batch { metrics: forth.chain(back).collect(), ..Batch::default() })
            .await
            .unwrap();
        for key in ["forth", "back"] {
            let steps = |points: Vec<Metric>| points.iter().map(|point| point.step).collect::<Vec<_>>();
            let four = tracking.metric_sample(ctx, &run, key, None, 4).await.unwrap();
            assert_eq!(steps(four), [0, 25, 50, 99], "{key} {}", place.db.name);
            let some = tracking.metric_sample(ctx, &run, key, Some((10, 19)), 3).await.unwrap();
            assert_eq!(steps(some), [10, 14, 19], "{key} {}", place.db.name);
            assert_eq!(steps(tracking.metric_sample(ctx, &run, key, None, 1).await.unwrap()), [99]);
        }
    }
}

#[tokio::test]
async fn histories_of_runs_stand_one_after_the_other() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let (one, other) = (place.run(0, "a").await.info.run_id, place.run(0, "b").await.info.run_id);
        for run in [&one, &other] {
            let metrics = (0..5).map(|at| Metric::new("m", at as f64, at, at)).collect();
            tracking.log_batch(ctx, run, Batch { metrics, ..Batch::default() }).await.unwrap();
        }
        let mut runs = [one, other];
        let asked = vec![runs[1].clone(), "nope".to_owned(), runs[0].clone()];
        runs.sort();
        let found = tracking.metric_histories(ctx, asked, "m", 7).await.unwrap();
        let told: Vec<_> = found.iter().map(|point| (point.run_id.clone().unwrap(), point.step)).collect();
        let of = |run: &String, steps: i64| (0..steps).map(|step| (run.clone(), step)).collect::<Vec<_>>();
        assert_eq!(told, [of(&runs[0], 5), of(&runs[1], 2)].concat(), "{}", place.db.name);
    }
}

#[tokio::test]
async fn batches_have_limits() {
    let place = Place::one().await;
    let (tracking, ctx) = (&place.tracking, &place.world.ctx);
    let run = place.run(0, "a").await.info.run_id;
    let points = |count: i64| (0..count).map(|at| Metric::new("m", 1.0, at, at)).collect::<Vec<_>>();
    let pairs = |count: i64| (0..count).map(|at| pair(&format!("k{at}"), "v")).collect::<Vec<_>>();
    for bad in [
        Batch { metrics: points(1_001), ..Batch::default() },
        Batch { params: pairs(101), ..Batch::default() },
        Batch { tags: pairs(101), ..Batch::default() },
        Batch { metrics: points(950), params: pairs(51), tags: Vec::new() },
        Batch { params: vec![pair("a", "1"), pair("a", "1")], ..Batch::default() },
        Batch { metrics: vec![Metric::new("a", 1.0, -1, 0)], ..Batch::default() },
        Batch { metrics: vec![Metric::new("../a", 1.0, 1, 0)], ..Batch::default() },
        Batch { tags: vec![pair("a", "\0")], ..Batch::default() },
    ] {
        assert_eq!(tracking.log_batch(ctx, &run, bad).await.unwrap_err().code(), "TRACKING_VALUE_INVALID");
    }
    tracking.log_batch(ctx, &run, Batch { metrics: points(900), params: pairs(100), tags: Vec::new() }).await.unwrap();
}

#[tokio::test]
async fn many_writers_lose_nothing() {
    for place in Place::each().await {
        let run = place.run(0, "a").await.info.run_id;
        let logs = (0..200i64).map(|at| {
            let (tracking, ctx, run) = (&place.tracking, &place.world.ctx, &run);
            async move { tracking.log_metric(ctx, run, Metric::new("m", at as f64, at, at % 7)).await }
        });
        for done in futures_util::future::join_all(logs).await {
            done.unwrap();
        }
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        assert_eq!(tracking.metric_history(ctx, &run, "m", None, None).await.unwrap().items.len(), 200);
        let latest = &tracking.run(ctx, &run).await.unwrap().metrics[0];
        assert_eq!((latest.step, latest.value), (6, 195.0), "{}", place.db.name);
    }
}

/// Points with few different places, so that ties are common.
fn points() -> impl Strategy<Value = Vec<(i64, i64, i64)>> {
    prop::collection::vec((0i64..3, 0i64..3, -2i64..3), 1..40)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_latest_point_is_the_greatest_by_step_time_and_value() {
    for place in Place::each().await {
        let mut runner =
            proptest::test_runner::TestRunner::new(ProptestConfig { cases: 30, ..ProptestConfig::default() });
        let handle = tokio::runtime::Handle::current();
        let law = |points: Vec<(i64, i64, i64)>| {
            tokio::task::block_in_place(|| {
                handle.block_on(async {
                    let (tracking, ctx) = (&place.tracking, &place.world.ctx);
                    let run = place.run(0, "a").await.info.run_id;
                    for piece in points.chunks(5) {
                        let metrics =
                            piece.iter().map(|(step, at, value)| Metric::new("m", *value as f64, *at, *step)).collect();
                        tracking.log_batch(ctx, &run, Batch { metrics, ..Batch::default() }).await.unwrap();
                    }
                    let latest = tracking.run(ctx, &run).await.unwrap().metrics.remove(0);
                    let expected = points.iter().max().unwrap();
                    prop_assert_eq!((latest.step, latest.at_ms, latest.value as i64), *expected);
                    let all: std::collections::BTreeSet<_> =
                        points.iter().map(|(step, at, value)| (*at, *step, *value)).collect();
                    let history = tracking.metric_history(ctx, &run, "m", None, None).await.unwrap().items;
                    let told: Vec<_> =
                        history.iter().map(|point| (point.at_ms, point.step, point.value as i64)).collect();
                    prop_assert_eq!(told, all.into_iter().collect::<Vec<_>>());
                    Ok(())
                })
            })
        };
        runner.run(&points(), law).unwrap();
    }
}
