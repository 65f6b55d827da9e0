//! Traces on both databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")]

mod assessments;
mod authz;
mod change;
mod ingest;
mod metrics;
mod read;
mod routes;
mod search;
mod search_laws;

use std::sync::Arc;

use async_trait::async_trait;
use pitcrew_contracts::traces::{ExperimentHome, Experiments};
use pitcrew_kernel::{Ctx, Error, Result};
use pitcrew_testkit::{TestDb, World};
use pitcrew_traces::{Any, Arrived, Batch, MIGRATIONS, Span, SpanStatus, State, Trace, TraceInfo, Traces};

/// The experiment that most tests write to.
const HOME: i64 = 1;
/// Another one.
const OTHER: i64 = 2;
/// A millisecond to count from.
const T0: i64 = 1_700_000_000_000;

/// Traces over a fresh database.
struct Place {
    world: World,
    traces: Arc<Traces>,
    db: TestDb,
}

impl Place {
    /// One for each kind of database.
    async fn each() -> Vec<Self> {
        TestDb::each(&[MIGRATIONS]).await.into_iter().map(Self::over).collect()
    }

    /// One over SQLite, for what no database has a say in.
    async fn one() -> Self {
        Self::over(TestDb::sqlite(&[MIGRATIONS]).await)
    }

    fn over(db: TestDb) -> Self {
        let world = World::new();
        let traces = Traces::new(db.db.clone(), world.clock(), Arc::clone(&world.ids), Arc::new(Two));
        Self { world, traces: Arc::new(traces), db }
    }

    async fn send(&self, spans: Vec<Span>) {
        self.traces.ingest(&self.world.ctx, batch(spans)).await.unwrap();
    }

    async fn tell(&self, info: TraceInfo) -> TraceInfo {
        self.traces.start(&self.world.ctx, info).await.unwrap()
    }

    async fn trace(&self, trace_id: &str) -> Trace {
        self.traces.trace(&self.world.ctx, trace_id, true).await.unwrap()
    }

    async fn info(&self, trace_id: &str) -> TraceInfo {
        self.traces.info(&self.world.ctx, trace_id).await.unwrap()
    }
}

/// Two experiments, and a deleted third.
#[derive(Debug)]
struct Two;

#[async_trait]
impl Experiments for Two {
    async fn home(&self, _ctx: &Ctx, id: i64) -> Result<ExperimentHome> {
        match id {
            HOME | OTHER => Ok(ExperimentHome { id, artifact_uri: format!("mlflow-artifacts:/{id}") }),
            3 => Err(Error::invalid("EXPERIMENT_DELETED", "deleted")),
            _ => Err(Error::not_found("EXPERIMENT_NOT_FOUND", format!("No Experiment with id={id} exists"))),
        }
    }
}

fn batch(spans: Vec<Span>) -> Batch {
    let resource = Arc::new(vec![("service.name".to_owned(), text("shop"))]);
    let arrived = spans.into_iter().map(|span| Arrived { span, resource: Arc::clone(&resource) }).collect();
    Batch { experiment_id: HOME, run_id: None, spans: arrived }
}

fn text(text: &str) -> Any {
    Any::Text(text.to_owned())
}

fn trace_id(number: u8) -> String {
    format!("tr-{}", format!("{number:02x}").repeat(16))
}

/// A span of trace `trace`, the root when it is number 1 and below the root otherwise; it takes 10 ms.
fn span(trace: u8, number: u8, name: &str) -> Span {
    Span {
        trace_id: trace_id(trace),
        span_id: format!("{number:02x}").repeat(8),
        parent_id: (number > 1).then(|| "01".repeat(8)),
        name: name.to_owned(),
        start_ns: (T0 + i64::from(number)) * 1_000_000,
        end_ns: Some((T0 + i64::from(number) + 10) * 1_000_000),
        status: SpanStatus::Ok,
        message: String::new(),
        attributes: Vec::new(),
        events: Vec::new(),
        links: Vec::new(),
    }
}

fn with(mut span: Span, attributes: &[(&str, &str)]) -> Span {
    let read = |(key, json): &(&str, &str)| ((*key).to_owned(), Any::of_json(json).unwrap());
    span.attributes.extend(attributes.iter().map(read));
    span
}

/// What a client tells of trace `number` as a whole.
fn info(number: u8) -> TraceInfo {
    TraceInfo {
        trace_id: trace_id(number),
        experiment_id: HOME,
        started_ms: T0 + i64::from(number),
        duration_ms: Some(5),
        state: State::Ok,
        client_request_id: None,
        request_preview: None,
        response_preview: None,
        metadata: Default::default(),
        tags: Default::default(),
        assessments: Vec::new(),
    }
}

fn entries(pairs: &[(&str, &str)]) -> pitcrew_traces::Entries {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}
