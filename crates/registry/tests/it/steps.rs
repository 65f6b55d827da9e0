//! What the built-in steps refuse, each with a sentence that says what to mend.

use std::sync::Arc;

use pitcrew_columnar::{Column, ColumnType, Table, Value as Cell};
use pitcrew_contracts::names::PipelineRunId;
use pitcrew_contracts::pipelines::{StepAction as _, StepCall};
use pitcrew_kernel::Access;
use pitcrew_registry::{Evaluate, Register};
use serde_json::json;

use crate::yard::{Yard, model};

fn table(demand: &[Option<f64>]) -> Table {
    let mut columns = Vec::new();
    for name in ["hour", "temp", "demand"] {
        let mut column = Column::new(ColumnType::Float);
        for value in demand {
            let cell = if name == "demand" { value.map_or(Cell::Null, Cell::Float) } else { Cell::Float(1.0) };
            column.push(cell).unwrap();
        }
        columns.push((name.to_owned(), column));
    }
    Table::from_columns(columns).unwrap()
}

async fn refused(yard: &Yard, call: StepCall) -> &'static str {
    let step = call.step.to_string();
    let done = match step.as_str() {
        "evaluate" => Evaluate(Arc::clone(&yard.registry)).run(yard.ctx(), call).await,
        _ => Register(Arc::clone(&yard.registry)).run(yard.ctx(), call).await,
    };
    done.unwrap_err().code()
}

#[tokio::test]
async fn evaluate_says_what_it_cannot_measure() {
    for yard in Yard::each().await {
        let run = PipelineRunId::new(yard.world.ids.as_ref());
        let good = yard.evaluate_call(run, &model(2.0)).await;
        let name = yard.name();

        let mut call = good.clone();
        call.inputs.remove("holdout");
        assert_eq!(refused(&yard, call).await, "STEP_INPUT_MISSING", "{name}");
        for missing in ["model", "target"] {
            let mut call = good.clone();
            call.with.remove(missing);
            assert_eq!(refused(&yard, call).await, "STEP_ARGUMENT_MISSING", "{name}: {missing}");
        }
        for (with, value, code) in [
            ("target", json!("sales"), "COLUMN_NOT_FOUND"),
            ("target", json!("note"), "COLUMN_TYPE_INVALID"),
            ("model", json!("../etc"), "NAME_INVALID"),
            ("champion", json!("a b"), "NAME_INVALID"),
        ] {
            let mut call = good.clone();
            call.with.insert(with.to_owned(), value.clone());
            assert_eq!(refused(&yard, call).await, code, "{name}: {with} {value}");
        }
        for (bytes, code) in [
            ("no model".to_owned(), "SERVING_MODEL_INVALID"),
            (json!({ "factor": 2, "inputs": [["humidity", "FP32"]] }).to_string(), "SERVING_COLUMNS_INVALID"),
            (json!({ "factor": 2, "inputs": [["hour", "FP32"]], "mode": "nan" }).to_string(), "PREDICTIONS_NOT_FINITE"),
        ] {
            let mut call = good.clone();
            call.inputs.insert("model".to_owned(), yard.file(bytes.as_bytes()).await);
            assert_eq!(refused(&yard, call).await, code, "{name}: {bytes}");
        }
        for (holdout, code) in [(table(&[]), "HOLDOUT_EMPTY"), (table(&[Some(1.0), None]), "PREDICTIONS_NOT_FINITE")] {
            let mut call = good.clone();
            call.inputs.insert("holdout".to_owned(), yard.parquet(&holdout).await);
            assert_eq!(refused(&yard, call).await, code, "{name}");
        }
        let mut call = good.clone();
        call.inputs.insert("holdout".to_owned(), yard.file(b"PAR1 no table").await);
        assert_eq!(refused(&yard, call).await, "PARQUET_INVALID", "{name}");
        assert!(!good.output_dir.join("report.json").exists(), "{name}: nothing was written");
    }
}

#[tokio::test]
async fn register_takes_only_the_report_of_this_file_and_model() {
    for yard in Yard::each().await {
        let run = PipelineRunId::new(yard.world.ids.as_ref());
        let evaluation = yard.evaluate_call(run, &model(2.0)).await;
        let report = evaluation.output_dir.join("report.json");
        Evaluate(Arc::clone(&yard.registry)).run(yard.ctx(), evaluation).await.unwrap();
        let good = yard.register_call(run, &model(2.0), &report).await;
        let name = yard.name();

        let swapped = yard.register_call(run, &model(0.1), &report).await;
        assert_eq!(refused(&yard, swapped).await, "EVALUATION_REPORT_STALE", "{name}: a model that was not measured");
        let mut call = good.clone();
        call.with.insert("model".to_owned(), json!("cars"));
        assert_eq!(refused(&yard, call).await, "EVALUATION_REPORT_STALE", "{name}: another model's report");
        let mut call = good.clone();
        call.inputs.insert("report".to_owned(), yard.file(b"{\"mae\": 0}").await);
        assert_eq!(refused(&yard, call).await, "EVALUATION_REPORT_INVALID", "{name}");
        let mut call = good.clone();
        call.with.remove("alias");
        assert_eq!(refused(&yard, call).await, "STEP_ARGUMENT_MISSING", "{name}");
        let mut call = good.clone();
        call.inputs.insert("reference".to_owned(), yard.file(b"no table").await);
        assert_eq!(refused(&yard, call).await, "PARQUET_INVALID", "{name}");
        assert!(yard.said().await.is_empty(), "{name}: nothing was decided");
        Register(Arc::clone(&yard.registry)).run(yard.ctx(), good).await.unwrap();
    }
}

#[tokio::test]
async fn a_model_nobody_declared_is_not_registered() {
    for yard in Yard::each().await {
        let run = PipelineRunId::new(yard.world.ids.as_ref());
        let mut evaluation = yard.evaluate_call(run, &model(2.0)).await;
        evaluation.with.insert("model".to_owned(), json!("cars"));
        let report = evaluation.output_dir.join("report.json");
        Evaluate(Arc::clone(&yard.registry)).run(yard.ctx(), evaluation).await.unwrap();
        let mut call = yard.register_call(run, &model(2.0), &report).await;
        call.with.insert("model".to_owned(), json!("cars"));
        assert_eq!(refused(&yard, call).await, "MODEL_NOT_FOUND", "{}", yard.name());
    }
}

#[tokio::test]
async fn who_may_only_read_runs_no_step() {
    for yard in Yard::each().await {
        let run = PipelineRunId::new(yard.world.ids.as_ref());
        let call = yard.evaluate_call(run, &model(2.0)).await;
        let reader = yard.world.ctx_with(Access::Read);
        let evaluated = Evaluate(Arc::clone(&yard.registry)).run(&reader, call.clone()).await;
        assert_eq!(evaluated.unwrap_err().code(), "FORBIDDEN", "{}", yard.name());
        assert!(!call.output_dir.join("report.json").exists(), "{}: and nothing is written", yard.name());
        let registered = Register(Arc::clone(&yard.registry)).run(&reader, call).await;
        assert_eq!(registered.unwrap_err().code(), "FORBIDDEN", "{}", yard.name());
    }
}
