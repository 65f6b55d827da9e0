use pitcrew_tracking::{Metric, RunSearch, RunStatus, View};

use crate::Place;

/// Runs `a` to `f` with a score, a kind and a parity.
async fn six(place: &Place) -> i64 {
    let id = place.experiment("bikes").await;
    for (at, name) in ["a", "b", "c", "d", "e", "f"].into_iter().enumerate() {
        place.world.clock.advance(std::time::Duration::from_secs(1));
        let run = place.run(id, name).await.info.run_id;
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        tracking.log_metric(ctx, &run, Metric::new("score", at as f64 / 10.0, 1, 1)).await.unwrap();
        tracking.log_param(ctx, &run, "kind", ["tree", "Forest", "linear"][at % 3]).await.unwrap();
        tracking.set_tag(ctx, &run, "parity", if at % 2 == 0 { "even" } else { "odd" }).await.unwrap();
        if at == 5 {
            tracking.log_metric(ctx, &run, Metric::new("extra", f64::NAN, 1, 1)).await.unwrap();
            tracking.log_metric(ctx, &run, Metric::new("extra2", 1.0, 1, 1)).await.unwrap();
        }
    }
    id
}

async fn names(place: &Place, id: i64, filter: &str, order: &[&str]) -> String {
    let search = RunSearch {
        experiments: Some(vec![id]),
        filter: filter.to_owned(),
        order_by: order.iter().map(|term| (*term).to_owned()).collect(),
        limit: 100,
        ..RunSearch::default()
    };
    let found = place.tracking.search_runs(&place.world.ctx, search).await.unwrap();
    found.items.into_iter().map(|run| run.info.name).collect()
}

#[tokio::test]
async fn the_documented_filters_find_what_they_say() {
    for place in Place::each().await {
        let id = six(&place).await;
        for (filter, expected) in [
            ("", "fedcba"),
            ("metrics.score > 0.3", "fe"),
            ("metrics.score <= 0.1", "ba"),
            ("metrics.score != 0.2", "fedba"),
            ("metrics.extra != 5", "f"),
            ("metrics.extra = 0", ""),
            ("params.kind = 'tree'", "da"),
            ("params.kind LIKE '%e%'", "fedcba"),
            ("params.kind LIKE 'f%'", ""),
            ("params.kind ILIKE 'f%'", "eb"),
            ("params.kind LIKE 't__e'", "da"),
            ("params.none IS NULL AND metrics.score < 0.1", "a"),
            ("params.kind IS NOT NULL AND tags.parity = 'odd'", "fdb"),
            ("attributes.run_name = 'c'", "c"),
            ("attributes.status = 'RUNNING' AND attributes.end_time > 0", ""),
            ("attributes.start_time >= 1767225604000", "fed"),
            ("attributes.start_time >= 1767225604000.5", "fe"),
        ] {
            assert_eq!(names(&place, id, filter, &[]).await, expected, "{filter} on {}", place.db.name);
        }
    }
}

#[tokio::test]
async fn orders_put_absence_last_and_not_a_number_before_it() {
    for place in Place::each().await {
        let id = six(&place).await;
        for (order, expected) in [
            (&["metrics.score ASC"][..], "abcdef"),
            (&["metrics.extra DESC"], "fedcba"),
            (&["metrics.extra2 ASC", "run_name ASC"], "fabcde"),
            (&["params.kind ASC", "metrics.score DESC"], "ebfcda"),
            (&["tags.parity DESC", "start_time ASC"], "bdface"),
            (&["attributes.end_time ASC"], "fedcba"),
        ] {
            assert_eq!(names(&place, id, "", order).await, expected, "{order:?} on {}", place.db.name);
        }
    }
}

#[tokio::test]
async fn a_search_sees_its_experiments_and_its_view() {
    for place in Place::each().await {
        let id = six(&place).await;
        let other = place.experiment("cars").await;
        place.run(other, "x").await;
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let count = async |experiments: Option<Vec<i64>>, view| {
            let search = RunSearch { experiments, view, limit: 100, ..RunSearch::default() };
            tracking.search_runs(ctx, search).await.unwrap().items.len()
        };
        assert_eq!(count(Some(vec![other]), View::Active).await, 1);
        assert_eq!(count(Some(vec![other, id, id]), View::All).await, 7);
        assert_eq!(count(None, View::Active).await, 7);
        assert_eq!(count(Some(Vec::new()), View::All).await, 0);
        assert_eq!(count(None, View::Deleted).await, 0);
        assert_eq!(tracking.running().await.unwrap(), 7);
    }
}

#[tokio::test]
async fn tokens_fit_one_search_only() {
    let place = Place::one().await;
    let id = six(&place).await;
    let search = |order: &str, page: Option<String>| RunSearch {
        experiments: Some(vec![id]),
        order_by: vec![order.to_owned()],
        limit: 2,
        page,
        ..RunSearch::default()
    };
    let (tracking, ctx) = (&place.tracking, &place.world.ctx);
    let first = tracking.search_runs(ctx, search("metrics.score", None)).await.unwrap();
    let wrong = search("params.kind", first.next.clone());
    assert_eq!(tracking.search_runs(ctx, wrong).await.unwrap_err().code(), "PAGE_INVALID");
    let nonsense = search("metrics.score", Some("!".to_owned()));
    assert_eq!(tracking.search_runs(ctx, nonsense).await.unwrap_err().code(), "PAGE_INVALID");
    let none = RunSearch { limit: 0, ..RunSearch::default() };
    assert_eq!(tracking.search_runs(ctx, none).await.unwrap_err().code(), "TRACKING_VALUE_INVALID");
    assert_eq!(RunStatus::Running.as_str(), "RUNNING");
}

#[tokio::test]
async fn the_longest_patterns_are_tried_and_longer_ones_refused() {
    for place in Place::each().await {
        let id = six(&place).await;
        for letter in ["[", "*", "%", "_", "\u{1f600}"] {
            for (length, fits) in [(10_000, true), (10_001, false)] {
                let filter = format!("params.kind LIKE '{}'", letter.repeat(length));
                let search = RunSearch { experiments: Some(vec![id]), filter, limit: 10, ..RunSearch::default() };
                let found = place.tracking.search_runs(&place.world.ctx, search).await;
                let code = found.map_or_else(|error| error.code(), |_| "fine");
                assert_eq!(code, if fits { "fine" } else { "FILTER_INVALID" }, "{letter} on {}", place.db.name);
            }
        }
    }
}
