//! The law of the engine: in every graph every step runs exactly once, after all it needs.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, json};

use pitcrew_pipelines::RunState;

use crate::yard::Yard;

const CASES: u32 = 12;

fn graph() -> impl Strategy<Value = Vec<Vec<usize>>> {
    (1usize..9).prop_flat_map(|steps| {
        let needs: Vec<_> = (0..steps).map(|step| prop::collection::vec(0..step.max(1), 0..4)).collect();
        needs.prop_map(|mut needs| {
            for (step, needs) in needs.iter_mut().enumerate() {
                needs.retain(|need| *need < step);
                needs.sort_unstable();
                needs.dedup();
            }
            needs
        })
    })
}

#[test]
fn every_step_runs_exactly_once_after_its_needs() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let yards = runtime.block_on(Yard::each());
    let mut runner = TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
    let law = |graph: Vec<Vec<usize>>| {
        for yard in &yards {
            let order = yard.home.path().join("order");
            let _absent = std::fs::remove_file(&order);
            let mut steps = Map::new();
            for (step, needs) in graph.iter().enumerate() {
                let needs: Vec<String> = needs.iter().map(|need| format!("s{need}")).collect();
                let command = format!("sh -c 'echo {step} >> {}'", order.display());
                steps.insert(format!("s{step}"), json!({"run": command, "needs": needs, "cache": false}));
            }
            let run = runtime.block_on(async {
                yard.steps(json!(steps)).await;
                yard.run().await
            });
            prop_assert_eq!(run.state, RunState::Succeeded);
            let order: Vec<usize> =
                std::fs::read_to_string(&order).unwrap().lines().map(|line| line.parse().unwrap()).collect();
            let mut sorted = order.clone();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..graph.len()).collect::<Vec<_>>(), "each once");
            for (at, step) in order.iter().enumerate() {
                prop_assert!(graph[*step].iter().all(|need| order[..at].contains(need)), "{:?} in {:?}", graph, order);
            }
        }
        Ok(())
    };
    runner.run(&graph(), law).unwrap();
}
