//! The search as SQL and a plain look at every run must agree.

use std::cmp::Ordering;

use pitcrew_tracking::filter::runs::{Attribute, DatasetField, Field, parse, parse_order};
use pitcrew_tracking::filter::syntax::Op;
use pitcrew_tracking::filter::{Clause, Grammar, Order, Test};
use pitcrew_tracking::{Dataset, DatasetInput, Metric, NewRun, Run, RunChange, RunSearch, RunStatus, View};
use proptest::prelude::*;

use crate::Place;

const TEXTS: [&str; 7] = ["tree", "Tree", "t%e", "a_c", "abc", "[x]*?", ""];
const KEYS: [&str; 3] = ["a", "b c", "d.e"];
const VALUES: [f64; 6] = [-1.0, 0.0, 0.5, 2.0, f64::NAN, f64::INFINITY];
const RUNS: usize = 40;

/// Runs that differ in everything, some of them without any of it.
async fn fill(place: &Place, name: &str) -> i64 {
    let id = place.experiment(name).await;
    for at in 0..RUNS {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let new = NewRun {
            experiment_id: Some(id),
            name: Some(TEXTS[at % 6].to_owned()),
            user_id: TEXTS[at % 4].to_owned(),
            // Ties on purpose.
            start_ms: Some(1_000 + (at as i64 / 4)),
            tags: Vec::new(),
        };
        let run = tracking.create_run(ctx, new).await.unwrap().info.run_id;
        for (of, key) in KEYS.iter().enumerate() {
            let mix = at * 7 + of * 3;
            if mix % 3 != 0 {
                tracking.log_metric(ctx, &run, Metric::new(*key, VALUES[mix % 6], 1, 1)).await.unwrap();
            }
            if mix % 4 != 1 {
                tracking.log_param(ctx, &run, key, TEXTS[mix % 7]).await.unwrap();
            }
            if mix % 5 != 2 {
                tracking.set_tag(ctx, &run, key, TEXTS[(mix / 2) % 7]).await.unwrap();
            }
        }
        if at % 3 == 0 {
            let dataset = Dataset {
                name: TEXTS[at % 5].to_owned() + "x",
                digest: format!("d{}", at % 2),
                source_type: String::new(),
                source: String::new(),
                schema: None,
                profile: None,
            };
            let tags = [("mlflow.data.context".to_owned(), TEXTS[at % 2].to_owned())].into();
            tracking.log_inputs(ctx, &run, vec![DatasetInput { dataset, tags }], Vec::new()).await.unwrap();
        }
        if at % 2 == 0 {
            let change =
                RunChange { status: Some(RunStatus::Finished), end_ms: Some(2_000 + at as i64 % 5), name: None };
            tracking.update_run(ctx, &run, change).await.unwrap();
        }
    }
    id
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => prop::sample::select(TEXTS.to_vec()).prop_map(str::to_owned),
        1 => "[%_a-tT]{0,4}",
        1 => Just("FINISHED".to_owned()),
    ]
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn clause() -> impl Strategy<Value = String> {
    let key = || prop::sample::select(KEYS.to_vec());
    let number = || prop_oneof![prop::sample::select(vec!["-1", "0", "0.5", "2", "1e400"]).prop_map(str::to_owned)];
    let compare = || prop::sample::select(vec!["=", "!=", "<", "<=", ">", ">="]);
    let alike = || prop::sample::select(vec!["=", "!=", "LIKE", "ILIKE"]);
    let list = || {
        (prop::sample::select(vec!["IN", "NOT IN"]), prop::collection::vec(text(), 1..4)).prop_map(|(op, values)| {
            format!("{op} ({})", values.iter().map(|value| quoted(value)).collect::<Vec<_>>().join(", "))
        })
    };
    prop_oneof![
        (key(), compare(), number()).prop_map(|(key, op, value)| format!("metrics.`{key}` {op} {value}")),
        (key(), alike(), text()).prop_map(|(key, op, value)| format!("params.`{key}` {op} {}", quoted(&value))),
        (key(), alike(), text()).prop_map(|(key, op, value)| format!("tags.\"{key}\" {op} {}", quoted(&value))),
        (prop::sample::select(vec!["params", "tags"]), key(), prop::sample::select(vec!["IS NULL", "IS NOT NULL"]))
            .prop_map(|(what, key, test)| format!("{what}.`{key}` {test}")),
        (prop::sample::select(vec!["run_name", "status", "user_id"]), alike(), text())
            .prop_map(|(what, op, value)| format!("attributes.{what} {op} {}", quoted(&value))),
        (prop::sample::select(vec!["start_time", "end_time"]), compare(), 995i64..2_006)
            .prop_map(|(what, op, value)| format!("{what} {op} {value}")),
        (prop::sample::select(vec!["name", "digest", "context"]), alike(), text())
            .prop_map(|(what, op, value)| format!("datasets.{what} {op} {}", quoted(&value))),
        (prop::sample::select(vec!["name", "digest", "context"]), list())
            .prop_map(|(what, list)| format!("dataset.{what} {list}")),
    ]
}

/// Comparisons, with AND, OR, NOT and parentheses around them.
fn filter() -> impl Strategy<Value = String> {
    let nested = clause().prop_recursive(4, 12, 3, |inner| {
        let joined = |word: &'static str| move |parts: Vec<String>| format!("({})", parts.join(word));
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(joined(" AND ")),
            prop::collection::vec(inner.clone(), 2..4).prop_map(joined(" or ")),
            inner.prop_map(|part| format!("NOT {part}")),
        ]
    });
    prop::collection::vec(nested, 0..4).prop_map(|parts| parts.join(" AND "))
}

fn order() -> impl Strategy<Value = Vec<String>> {
    let field = prop_oneof![
        prop::sample::select(KEYS.to_vec()).prop_map(|key| format!("metrics.`{key}`")),
        prop::sample::select(KEYS.to_vec()).prop_map(|key| format!("params.`{key}`")),
        prop::sample::select(KEYS.to_vec()).prop_map(|key| format!("tags.`{key}`")),
        prop::sample::select(vec!["start_time", "end_time", "run_name", "status", "user_id"]).prop_map(str::to_owned),
    ];
    prop::collection::vec((field, prop::sample::select(vec!["", " ASC", " DESC"])), 0..3).prop_map(|terms| {
        let mut seen = std::collections::BTreeSet::new();
        terms.into_iter().filter(|(field, _)| seen.insert(field.clone())).map(|(field, way)| field + way).collect()
    })
}

fn like(text: &str, pattern: &str) -> bool {
    match pattern.chars().next() {
        None => text.is_empty(),
        Some('%') => (0..=text.len()).any(|at| like(&text[at..], &pattern[1..])),
        Some(c) => text
            .chars()
            .next()
            .is_some_and(|t| (c == '_' || c == t) && like(&text[t.len_utf8()..], &pattern[c.len_utf8()..])),
    }
}

fn fits_text(value: Option<&str>, test: &Test) -> bool {
    let Some(value) = value else { return *test == Test::Absent };
    match test {
        Test::Text(Op::Eq, wanted) => value == wanted,
        Test::Text(Op::Ne, wanted) => value != wanted,
        Test::Text(Op::Like, pattern) => like(value, pattern),
        Test::Text(Op::Ilike, pattern) => like(&value.to_lowercase(), &pattern.to_lowercase()),
        Test::In(list) => list.iter().any(|wanted| wanted == value),
        Test::NotIn(list) => list.iter().all(|wanted| wanted != value),
        Test::Present => true,
        _ => false,
    }
}

fn fits_number(value: Option<f64>, test: &Test) -> bool {
    let (Some(value), Test::Number(op, wanted)) = (value, test) else { return false };
    let wanted = wanted.as_f64();
    match op {
        Op::Eq => value == wanted,
        Op::Ne => value != wanted,
        Op::Lt => value < wanted,
        Op::Le => value <= wanted,
        Op::Gt => value > wanted,
        Op::Ge => value >= wanted,
        _ => false,
    }
}

fn metric(run: &Run, key: &str) -> Option<f64> {
    run.metrics.iter().find(|metric| metric.key == key).map(|metric| metric.value)
}

fn time(run: &Run, attribute: Attribute) -> Option<i64> {
    if attribute == Attribute::StartTime { Some(run.info.start_ms) } else { run.info.end_ms }
}

fn fact(run: &Run, attribute: Attribute) -> &str {
    match attribute {
        Attribute::RunId => &run.info.run_id,
        Attribute::RunName => &run.info.name,
        Attribute::Status => run.info.status.as_str(),
        Attribute::UserId => &run.info.user_id,
        _ => &run.info.artifact_uri,
    }
}

fn passes(run: &Run, clause: &Clause<Field>) -> bool {
    match &clause.field {
        Field::Metric(key) => fits_number(metric(run, key), &clause.test),
        Field::Param(key) => fits_text(run.params.get(key).map(String::as_str), &clause.test),
        Field::Tag(key) => fits_text(run.tags.get(key).map(String::as_str), &clause.test),
        Field::Attribute(attribute) if attribute.is_time() => {
            fits_number(time(run, *attribute).map(|time| time as f64), &clause.test)
        }
        Field::Attribute(attribute) => fits_text(Some(fact(run, *attribute)), &clause.test),
        Field::Dataset(field) => run.inputs.iter().any(|input| {
            let value = match field {
                DatasetField::Name => Some(input.dataset.name.as_str()),
                DatasetField::Digest => Some(input.dataset.digest.as_str()),
                DatasetField::Context => input.tags.get("mlflow.data.context").map(String::as_str),
            };
            fits_text(value, &clause.test)
        }),
    }
}

/// Absent values are the greatest in either direction, not-a-number the second greatest.
fn by<T: PartialOrd>(one: Option<T>, other: Option<T>, rank: impl Fn(&Option<T>) -> u8, ascending: bool) -> Ordering {
    let ranks = rank(&one).cmp(&rank(&other));
    if ranks.is_ne() || rank(&one) > 0 {
        return ranks;
    }
    let order = one.partial_cmp(&other).unwrap_or(Ordering::Equal);
    if ascending { order } else { order.reverse() }
}

fn compare(one: &Run, other: &Run, orders: &[Order<Field>]) -> Ordering {
    let absent = |value: &Option<&str>| u8::from(value.is_none());
    for order in orders {
        let ascending = order.ascending;
        let found = match &order.field {
            Field::Metric(key) => {
                let rank = |value: &Option<f64>| value.map_or(2, |value| u8::from(value.is_nan()));
                by(metric(one, key), metric(other, key), rank, ascending)
            }
            Field::Param(key) => by(
                one.params.get(key).map(String::as_str),
                other.params.get(key).map(String::as_str),
                absent,
                ascending,
            ),
            Field::Tag(key) => {
                by(one.tags.get(key).map(String::as_str), other.tags.get(key).map(String::as_str), absent, ascending)
            }
            Field::Attribute(attribute) if attribute.is_time() => {
                by(time(one, *attribute), time(other, *attribute), |value| u8::from(value.is_none()), ascending)
            }
            Field::Attribute(attribute) => {
                by(Some(fact(one, *attribute)), Some(fact(other, *attribute)), absent, ascending)
            }
            Field::Dataset(_) => Ordering::Equal,
        };
        if found.is_ne() {
            return found;
        }
    }
    other.info.start_ms.cmp(&one.info.start_ms).then_with(|| one.info.run_id.cmp(&other.info.run_id))
}

async fn found(place: &Place, ids: &[i64], filter: &str, order_by: &[String], limit: usize) -> Vec<String> {
    let (mut found, mut page) = (Vec::new(), None);
    loop {
        let search = RunSearch {
            experiments: Some(ids.to_vec()),
            filter: filter.to_owned(),
            grammar: Grammar::Full,
            order_by: order_by.to_vec(),
            view: View::All,
            limit,
            page,
            ..RunSearch::default()
        };
        let got = place.tracking.search_runs(&place.world.ctx, search).await.unwrap();
        found.extend(got.items.into_iter().map(|run| run.info.run_id));
        page = got.next;
        if page.is_none() {
            return found;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sql_and_a_plain_look_agree_and_pages_make_the_whole() {
    for place in Place::each().await {
        let ids = [fill(&place, "laws").await, fill(&place, "more").await];
        let all = RunSearch { experiments: Some(ids.to_vec()), limit: 1_000, ..RunSearch::default() };
        let all = place.tracking.search_runs(&place.world.ctx, all).await.unwrap().items;
        assert_eq!(all.len(), 2 * RUNS);
        let handle = tokio::runtime::Handle::current();
        let mut runner =
            proptest::test_runner::TestRunner::new(ProptestConfig { cases: 250, ..ProptestConfig::default() });
        let law = |(filter, order): (String, Vec<String>)| {
            let parsed = parse(&filter, Grammar::Full).unwrap();
            let orders = parse_order(&order).unwrap();
            let mut passing: Vec<&Run> = all.iter().filter(|run| parsed.holds(&|clause| passes(run, clause))).collect();
            passing.sort_by(|one, other| compare(one, other, &orders));
            // One experiment and several, on one page and on many, page by page and in one statement.
            for (ids, limit) in [(&ids[..1], 1_000), (&ids[..1], 7), (&ids[..], 9), (&ids[..], 2_000)] {
                let here = passing.iter().filter(|run| ids.contains(&run.info.experiment_id));
                let expected: Vec<&str> = here.map(|run| run.info.run_id.as_str()).collect();
                let search = RunSearch {
                    experiments: Some(ids.to_vec()),
                    filter: filter.clone(),
                    grammar: Grammar::Full,
                    ..RunSearch::default()
                };
                let (found, count) = tokio::task::block_in_place(|| {
                    handle.block_on(async {
                        let count = place.tracking.count_runs(&place.world.ctx, search).await.unwrap();
                        (found(&place, ids, &filter, &order, limit).await, count)
                    })
                });
                let what = format!("{filter} {order:?} by {limit} in {} on {}", ids.len(), place.db.name);
                prop_assert_eq!(&found, &expected, "{}", what);
                prop_assert_eq!(count, expected.len() as i64, "count of {}", what);
            }
            Ok(())
        };
        runner.run(&(filter(), order()), law).unwrap();
    }
}
