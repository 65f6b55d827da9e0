//! The use cases, one method each: who may do it, what is true before and after.

mod assessments;
mod change;
mod correlate;
mod ingest;
mod metrics;
mod prepare;
mod read;
mod search;
mod start;

use std::sync::Arc;

use pitcrew_contracts::traces::{ExperimentHome, Experiments};
use pitcrew_db::{Db, Outgoing, Tx};
use pitcrew_kernel::{Clock, Ctx, Error, Ids, Result};

pub use assessments::AssessmentChange;
pub use change::Doomed;
pub use correlate::{Correlation, CorrelationQuestion};
pub use ingest::{Batch, Taken};
pub use metrics::{Aggregation, MetricView, MetricsQuestion, Point};
pub use prepare::Arrived;
pub use search::TraceSearch;

use crate::errors;
use crate::limits::TRACE_ID_CHARS;
use crate::model::{State, keys};
use crate::store::traces::{self as store, Kept};

/// Traces.
#[derive(Debug)]
pub struct Traces {
    db: Db,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    experiments: Arc<dyn Experiments>,
}

impl Traces {
    /// Traces in this database, belonging to these experiments.
    pub fn new(db: Db, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>, experiments: Arc<dyn Experiments>) -> Self {
        Self { db, clock, ids, experiments }
    }

    /// The present moment in milliseconds, for what callers leave out.
    pub fn now_ms(&self) -> i64 {
        self.clock.now().millis()
    }

    /// What a command needs to number new traces and to state events.
    fn saying(&self, ctx: &Ctx) -> Saying {
        Saying { ctx: ctx.clone(), ids: Arc::clone(&self.ids), clock: Arc::clone(&self.clock) }
    }

    /// `a-` and 32 random hex digits.
    fn assessment_id(&self) -> String {
        let hex: String = self.ids.random_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("a-{hex}")
    }
}

/// An owned [`Outgoing`], to travel into a command.
struct Saying {
    ctx: Ctx,
    ids: Arc<dyn Ids>,
    clock: Arc<dyn Clock>,
}

impl Saying {
    fn out(&self) -> Outgoing<'_> {
        Outgoing { ctx: &self.ctx, ids: self.ids.as_ref(), clock: self.clock.as_ref() }
    }

    /// A number that grows with time, so that the rows of new traces lie together. Taken ones are tried again.
    fn number(&self) -> i64 {
        let random = u64::from_le_bytes(self.ids.random_bytes()[..8].try_into().unwrap_or_default());
        let millis = u64::try_from(self.clock.now().millis()).unwrap_or(0);
        i64::try_from((millis << RANDOM_BITS | random >> (64 - RANDOM_BITS)) & i64::MAX as u64).unwrap_or(0)
    }
}

/// Below the milliseconds, which need 42 bits for the next century.
const RANDOM_BITS: u32 = 21;
/// How often a trace's number is drawn again.
const NUMBER_TRIES: usize = 16;

/// The trace, made if there is none, which nobody else changes before this transaction ends. True when it was made.
fn held_or_made(tx: &mut Tx<'_>, saying: &Saying, home: &ExperimentHome, fresh: Kept) -> Result<(Kept, bool)> {
    for _ in 0..NUMBER_TRIES {
        if let Some(trace) = store::held(tx, &fresh.trace_id)? {
            return Ok((trace, false));
        }
        let trace = Kept { no: saying.number(), ..fresh.clone() };
        if store::insert(tx, &trace)? {
            let below = format!("{}/traces/{}/artifacts", home.artifact_uri.trim_end_matches('/'), trace.trace_id);
            store::set_tags(tx, trace.no, &[(keys::ARTIFACT_LOCATION.to_owned(), below)].into())?;
            return Ok((trace, true));
        }
    }
    Err(Error::unavailable("DB_BUSY", "no free number was found for a new trace"))
}

/// A trace of which nothing is known yet.
fn bare(trace_id: &str, experiment_id: i64, started_ms: i64) -> Kept {
    Kept {
        no: 0,
        trace_id: trace_id.to_owned(),
        experiment_id,
        started_ms,
        duration_ms: None,
        state: State::InProgress,
        name: None,
        session_id: None,
        client_request_id: None,
        request_preview: None,
        response_preview: None,
        told: false,
        spans_here: false,
        raw_bytes: 0,
        tokens: Default::default(),
        costs: Default::default(),
    }
}

/// Work that takes long, on a thread where nobody waits for another.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|source| Error::internal("work on traces did not finish", source))?
}

/// The number of a trace that must be there.
fn number_of(tx: &mut Tx<'_>, trace_id: &str) -> Result<i64> {
    store::number(tx, trace_id)?.ok_or_else(|| errors::trace_not_found(trace_id))
}

fn checked_id(trace_id: &str) -> Result<()> {
    let fits = !trace_id.is_empty()
        && trace_id.chars().nth(TRACE_ID_CHARS).is_none()
        && trace_id.chars().all(|c| !c.is_control() && c != '/');
    if fits { Ok(()) } else { Err(errors::invalid(format!("Invalid trace ID '{}'", trace_id.escape_debug()))) }
}

fn checked_count(what: &str, count: usize, most: usize) -> Result<()> {
    if count <= most { Ok(()) } else { Err(errors::invalid(format!("{count} {what} in one request: at most {most}"))) }
}
