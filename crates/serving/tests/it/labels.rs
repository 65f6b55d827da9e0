//! Labels join predictions whenever either arrives.

use std::collections::BTreeMap;

use pitcrew_contracts::release::LogAdvanced;
use pitcrew_kernel::Access;
use pitcrew_serving::{LabelCounts, MAX_LABELS, NewLabel};
use proptest::prelude::*;

use crate::support::{Server, hour, name, one_place, places};

async fn advances(server: &Server) -> Vec<LogAdvanced> {
    server.rest().await;
    server.events().await.iter().filter_map(|event| event.open::<LogAdvanced>().unwrap()).collect()
}

#[tokio::test]
async fn labels_are_counted_by_what_they_change() {
    for place in places().await {
        let server = place.serving_one(None).await;
        for h in 0..3 {
            server.predict(&format!("h{h}"), hour(h), 1.0).await.unwrap();
        }
        let counts = server.label("h0", 5.0).await;
        assert_eq!(counts, LabelCounts { accepted: 1, ..Default::default() });
        assert_eq!(server.label("h0", 5.0).await, LabelCounts { duplicate: 1, ..Default::default() });
        assert_eq!(server.label("h0", 6.0).await, LabelCounts { corrected: 1, ..Default::default() });
        assert_eq!(server.label("h9", 1.0).await, LabelCounts { unknown: 1, ..Default::default() });
        let twice = vec![("h1".to_owned(), 1.0), ("h1".to_owned(), 2.0), ("h1".to_owned(), 2.0)];
        let counts = server.labels(twice).await;
        assert_eq!(counts, LabelCounts { accepted: 1, corrected: 1, duplicate: 1, unknown: 0 });
        let labels: Vec<_> = server.slice(hour(0), hour(9)).await.rows.iter().map(|row| row.label).collect();
        assert_eq!(labels, [Some(6.0), Some(2.0), None]);
        let told: Vec<_> =
            advances(&server).await.iter().map(|e| (e.predictions, e.labels, e.from, e.watermark)).collect();
        assert_eq!(
            told,
            [(3, 0, hour(0), hour(2)), (0, 1, hour(0), hour(2)), (0, 1, hour(0), hour(2)), (0, 2, hour(1), hour(2))]
        );
    }
}

#[tokio::test]
async fn a_label_may_come_before_its_prediction() {
    let place = one_place().await;
    let server = place.serving_one(None).await;
    assert_eq!(server.label("early", 3.0).await.unknown, 1);
    server.predict("early", hour(5), 1.0).await.unwrap();
    server.rest().await;
    assert_eq!(server.slice(hour(5), hour(6)).await.rows[0].label, Some(3.0));
}

#[tokio::test]
async fn a_label_that_is_a_month_late_finds_its_prediction_in_the_files() {
    for place in places().await {
        let server = place.serving_one(None).await;
        for h in 0..800 {
            server.predict(&format!("h{h}"), hour(h), h as f32).await.unwrap();
        }
        server.stop().await;
        let server = place.start().await;
        let counts = server.label("h3", 4.0).await;
        assert_eq!(counts, LabelCounts { accepted: 1, ..Default::default() });
        let told = advances(&server).await.pop().unwrap();
        assert_eq!((told.from, told.to, told.watermark), (hour(3), hour(3), hour(799)));
        assert_eq!(server.slice(hour(3), hour(4)).await.rows[0].label, Some(4.0));
    }
}

#[tokio::test]
async fn labels_that_cannot_be_are_refused_as_a_whole() {
    let place = one_place().await;
    let server = place.serving_one(None).await;
    let label = |id: &str, value| NewLabel { request_id: id.to_owned(), value, event_time: None };
    let ctx = &server.world.ctx;
    let code = async |labels| server.serving.add_labels(ctx, &name(), labels).await.unwrap_err().code();
    assert_eq!(code(vec![label("a", 1.0), label("b", f64::NAN)]).await, "LABEL_INVALID");
    assert_eq!(code(vec![label("", 1.0)]).await, "SERVING_REQUEST_ID_INVALID");
    assert_eq!(code(vec![label("a", 1.0); MAX_LABELS + 1]).await, "LABEL_LIMIT");
    let unknown = server.serving.add_labels(ctx, &"trams".parse().unwrap(), vec![]).await;
    assert_eq!(unknown.unwrap_err().code(), "DEPLOYMENT_NOT_FOUND");
    let reader = server.world.ctx_with(Access::Read);
    assert_eq!(server.serving.add_labels(&reader, &name(), vec![]).await.unwrap_err().code(), "FORBIDDEN");
    assert_eq!(server.label("a", 1.0).await.unknown, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_come_together_are_all_answered() {
    let place = one_place().await;
    let server = std::sync::Arc::new(place.serving_one(None).await);
    let calls: Vec<_> = (0..64)
        .map(|i| {
            let server = std::sync::Arc::clone(&server);
            async move { server.labels(vec![(format!("r{i}"), 1.0), (format!("r{}", (i + 1) % 64), 1.0)]).await }
        })
        .collect();
    let mut all = LabelCounts::default();
    for counts in futures(calls).await {
        all.unknown += counts.unknown;
        all.duplicate += counts.duplicate;
    }
    assert_eq!((all.unknown, all.duplicate), (64, 64));
}

/// Runs futures together on tasks of their own.
async fn futures<T: Send + 'static>(all: Vec<impl Future<Output = T> + Send + 'static>) -> Vec<T> {
    let mut set = tokio::task::JoinSet::new();
    all.into_iter().for_each(|one| drop(set.spawn(one)));
    set.join_all().await
}

#[derive(Debug, Clone)]
enum Step {
    Predict(u8),
    Label(u8, i8),
    Restart(bool),
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn the_join_does_not_depend_on_who_came_first(steps in prop::collection::vec(
        prop_oneof![
            (0u8..12).prop_map(Step::Predict),
            (0u8..12, any::<i8>()).prop_map(|(id, value)| Step::Label(id, value)),
            any::<bool>().prop_map(Step::Restart),
        ], 1..30)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let place = one_place().await;
            let mut server = place.serving_one(None).await;
            let (mut predicted, mut labelled) = (BTreeMap::new(), BTreeMap::new());
            for step in &steps {
                match step {
                    Step::Predict(id) => {
                        server.predict(&format!("r{id:02}"), hour(u64::from(*id)), 1.0).await.unwrap();
                        predicted.insert(*id, ());
                    }
                    Step::Label(id, value) => {
                        server.label(&format!("r{id:02}"), f64::from(*value)).await;
                        labelled.insert(*id, f64::from(*value));
                    }
                    Step::Restart(graceful) => {
                        server.rest().await;
                        if *graceful { server.stop().await } else { server.kill().await }
                        server = place.start().await;
                    }
                }
            }
            server.rest().await;
            let found: Vec<_> = server.slice(hour(0), hour(99)).await.rows.into_iter().map(|row| (row.request_id, row.label)).collect();
            let wanted: Vec<_> = predicted.keys().map(|id| (format!("r{id:02}"), labelled.get(id).copied())).collect();
            assert_eq!(found, wanted);
        });
    }
}
