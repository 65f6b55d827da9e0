//! What only many runs show: each way to an answer gives the same one, and databases from before the indexes find what they held.

use pitcrew_db::{Migrations, Tx, migrate};
use pitcrew_kernel::Result;
use pitcrew_testkit::TestDb;
use pitcrew_tracking::filter::Grammar;
use pitcrew_tracking::{MIGRATIONS, Run, RunSearch, View};
use pitcrew_work::SystemClock;

use crate::Place;

/// More than a search would read and sort before it walks an index instead.
const RUNS: i64 = 5_000;

/// Rows as a loader writes them; `n.i` is the number of the run. Every eleventh lacks the score, every thirteenth is not a number.
const ROWS: [&str; 4] = [
    "INSERT INTO tracking_runs (run_no, run_id, experiment_id, name, user_id, status, lifecycle, start_ms, artifact_uri) \
     SELECT n.i, 'run' || n.i, $2, 'r', 'u', 'RUNNING', CASE WHEN n.i % 17 = 0 THEN 'deleted' ELSE 'active' END, 1000 + n.i / 3, '' FROM n",
    "INSERT INTO tracking_latest (run_no, experiment_id, key, step, at_ms, value, nan) \
     SELECT n.i, $2, 'score', 1, 1, CASE WHEN n.i % 13 = 0 THEN 0.0 ELSE (n.i * 7919 % 1000) / 1000.0 END, CASE WHEN n.i % 13 = 0 THEN 1 ELSE 0 END \
     FROM n WHERE n.i % 11 <> 0",
    "INSERT INTO tracking_latest (run_no, experiment_id, key, step, at_ms, value, nan) SELECT n.i, $2, 'loss', 1, 1, n.i % 7, 0 FROM n",
    "INSERT INTO tracking_params (run_no, experiment_id, key, value) SELECT n.i, $2, 'model', CASE WHEN n.i % 4 = 0 THEN 'tree' ELSE 'xgb' END FROM n",
];

fn fill(tx: &mut Tx<'_>, experiment: i64) -> Result<()> {
    for rows in ROWS {
        // The numbers come first in the text, and an INSERT may stand before its WITH in neither database.
        let (insert, select) = rows.split_once(" SELECT ").unwrap();
        let numbers =
            "WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT n.i + 1 FROM n WHERE n.i < $1)";
        tx.exec(&format!("{insert} {numbers} SELECT {select}"), &[RUNS.into(), experiment.into()])?;
    }
    Ok(())
}

fn search(id: i64, filter: &str, order: &str) -> RunSearch {
    RunSearch {
        experiments: Some(vec![id]),
        filter: filter.to_owned(),
        grammar: Grammar::Full,
        order_by: order.split(',').filter(|term| !term.is_empty()).map(str::to_owned).collect(),
        limit: 1_000,
        view: View::Active,
        ..RunSearch::default()
    }
}

/// All pages.
async fn ids(place: &Place, mut search: RunSearch) -> Vec<String> {
    let mut found = Vec::new();
    loop {
        let page = place.tracking.search_runs(&place.world.ctx, search.clone()).await.unwrap();
        found.extend(page.items.into_iter().map(|run| run.info.run_id));
        search.page = page.next;
        if search.page.is_none() {
            return found;
        }
    }
}

/// What a metric has: number before not-a-number before nothing.
fn rank(run: &Run, key: &str, ascending: bool) -> (u8, f64) {
    match run.metrics.iter().find(|metric| metric.key == key).map(|metric| metric.value) {
        None => (2, 0.0),
        Some(value) if value.is_nan() => (1, 0.0),
        Some(value) => (0, if ascending { value } else { -value }),
    }
}

fn score(run: &Run) -> Option<f64> {
    run.metrics.iter().find(|metric| metric.key == "score").map(|metric| metric.value)
}

type Looks = fn(&Run) -> bool;

#[tokio::test(flavor = "multi_thread")]
async fn many_runs_are_found_in_order_whichever_way_is_taken() {
    let filters: [(&str, Looks); 8] = [
        ("", |_| true),
        ("metrics.score > 0.05", |run| score(run).is_some_and(|score| score > 0.05)),
        ("metrics.score != 0.5", |run| score(run).is_some_and(|score| score != 0.5)),
        ("metrics.score > 0.05 AND params.model = 'xgb'", |run| {
            score(run).is_some_and(|score| score > 0.05) && run.params["model"] == "xgb"
        }),
        ("metrics.score >= 0.99", |run| score(run).is_some_and(|score| score >= 0.99)),
        ("params.model = 'tree' AND NOT metrics.score > 0.2", |run| {
            run.params["model"] == "tree" && !score(run).is_some_and(|score| score > 0.2)
        }),
        ("metrics.score < 0.001 OR metrics.score > 0.998", |run| {
            score(run).is_some_and(|score| !score.is_nan() && !(0.001..=0.998).contains(&score))
        }),
        ("NOT metrics.score >= 0", |run| !score(run).is_some_and(|score| score >= 0.0)),
    ];
    for place in Place::each().await {
        let id = place.experiment("many").await;
        place.db.db.write(move |tx| fill(tx, id)).await.unwrap();
        let all = RunSearch { limit: 10_000, ..search(id, "", "") };
        let all = place.tracking.search_runs(&place.world.ctx, all).await.unwrap().items;
        assert_eq!(all.len() as i64, RUNS - RUNS / 17);
        for (filter, looks) in filters {
            for (order, key, ascending) in [
                ("metrics.score DESC", "score", false),
                ("metrics.score", "score", true),
                ("metrics.loss,metrics.score", "loss", true),
            ] {
                let mut expected: Vec<&Run> = all.iter().filter(|run| looks(run)).collect();
                expected.sort_by(|one, other| {
                    let both =
                        |key, ascending| rank(one, key, ascending).partial_cmp(&rank(other, key, ascending)).unwrap();
                    both(key, ascending)
                        .then_with(|| if key == "loss" { both("score", true) } else { std::cmp::Ordering::Equal })
                        .then_with(|| other.info.start_ms.cmp(&one.info.start_ms))
                        .then_with(|| one.info.run_id.cmp(&other.info.run_id))
                });
                let expected: Vec<&str> = expected.iter().map(|run| run.info.run_id.as_str()).collect();
                let found = ids(&place, search(id, filter, order)).await;
                assert!(
                    found == expected,
                    "{filter} by {order} on {}: {} of {}",
                    place.db.name,
                    found.len(),
                    expected.len()
                );
                let count = place.tracking.count_runs(&place.world.ctx, search(id, filter, "")).await.unwrap();
                assert_eq!(count, expected.len() as i64, "{filter} on {}", place.db.name);
            }
        }
    }
}

#[tokio::test]
async fn a_database_from_before_finds_what_it_holds() {
    let before = Migrations { steps: &MIGRATIONS.steps[..1], ..MIGRATIONS };
    for db in TestDb::each(&[before]).await {
        db.db
            .write(|tx| {
                tx.exec("INSERT INTO tracking_experiments VALUES (7, 'old', '', 'active', 0, 0)", &[])?;
                tx.exec(
                    "INSERT INTO tracking_runs (run_no, run_id, experiment_id, name, user_id, status, lifecycle, start_ms, artifact_uri) \
                     VALUES (1, 'a', 7, 'a', '', 'RUNNING', 'active', 1, '')",
                    &[],
                )?;
                tx.exec("INSERT INTO tracking_latest (run_no, key, step, at_ms, value, nan) VALUES (1, 'm', 1, 1, 2.0, 0)", &[])?;
                tx.exec("INSERT INTO tracking_params (run_no, key, value) VALUES (1, 'p', 'x')", &[])?;
                tx.exec("INSERT INTO tracking_tags (run_no, key, value) VALUES (1, 't', 'y')", &[])
            })
            .await
            .unwrap();
        migrate(&db.db, &SystemClock, &TestDb::with_base(&[MIGRATIONS])).await.unwrap();
        let place = Place::over(db);
        for filter in ["metrics.m > 1", "params.p = 'x'", "tags.t = 'y'"] {
            assert_eq!(ids(&place, search(7, filter, "metrics.m")).await, ["a"], "{filter} on {}", place.db.name);
        }
        let columns = place.tracking.columns(&place.world.ctx, 7, "").await.unwrap();
        assert_eq!(
            (columns.metrics.keys, columns.params.keys, columns.tags.keys),
            (vec!["m".to_owned()], vec!["p".to_owned()], vec!["t".to_owned()])
        );
    }
}
