//! Spans arrive.

use pitcrew_contracts::traces::ExperimentHome;
use pitcrew_db::Tx;
use pitcrew_kernel::{Access, Ctx, Error, Result};

use super::prepare::{self, Arrived, Prepared};
use super::{Saying, Traces, bare, blocking, checked_count, held_or_made};
use crate::limits::{SPANS_PER_REQUEST, TRACE_BYTES, TRACES_PER_REQUEST};
use crate::model::{State, keys};
use crate::store::traces::Kept;
use crate::store::{links, spans, traces as store};
use crate::usage::{sum_costs, sum_tokens};

/// Spans of one request.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Where traces go that are not there yet.
    pub experiment_id: i64,
    /// The run that traces whose root comes are linked to.
    pub run_id: Option<String>,
    /// The spans.
    pub spans: Vec<Arrived>,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Different spans that were written.
    pub spans: usize,
    /// Traces they belong to.
    pub traces: usize,
}

impl Traces {
    /// Writes spans, all of them in one transaction. A span that is there already is replaced.
    ///
    /// # Errors
    /// `EXPERIMENT_NOT_FOUND`, `EXPERIMENT_DELETED`, `TRACE_VALUE_INVALID`, `TRACE_TOO_LARGE`.
    pub async fn ingest(&self, ctx: &Ctx, batch: Batch) -> Result<Taken> {
        ctx.require(Access::Write)?;
        checked_count("spans", batch.spans.len(), SPANS_PER_REQUEST)?;
        let home = self.experiments.home(ctx, batch.experiment_id).await?;
        let prepared = blocking(move || prepare::by_trace(batch.spans)).await?;
        checked_count("traces", prepared.len(), TRACES_PER_REQUEST)?;
        let taken = Taken { spans: prepared.iter().map(|trace| trace.narrow.len()).sum(), traces: prepared.len() };
        let (saying, run_id) = (self.saying(ctx), batch.run_id);
        self.db
            .write(move |tx| {
                // In the order of their ids, so that two requests never wait for each other.
                for trace in &prepared {
                    write(tx, &saying, &home, trace, run_id.as_deref())?;
                }
                Ok(())
            })
            .await?;
        Ok(taken)
    }
}

fn write(tx: &mut Tx<'_>, saying: &Saying, home: &ExperimentHome, new: &Prepared, run_id: Option<&str>) -> Result<()> {
    let fresh = bare(&new.trace_id, home.id, new.start_ms);
    let (mut trace, _) = held_or_made(tx, saying, home, fresh)?;
    weigh(&mut trace, new)?;
    spans::put(tx, trace.no, &new.narrow)?;
    spans::keep(tx, trace.no, &new.payload)?;
    learn(&mut trace, new);
    sum_up(tx, &mut trace, new)?;
    store::update(tx, &trace)?;
    store::set_tags(tx, trace.no, &new.tags)?;
    if let Some(user) = &new.user {
        store::add_metadata(tx, trace.no, keys::USER, user)?;
    }
    if let (Some(run_id), Some(_)) = (run_id, &new.root) {
        links::add(tx, links::RUN, &[(run_id.to_owned(), trace.no)])?;
    }
    Ok(())
}

/// A trace must stay small enough to be read as a whole.
fn weigh(trace: &mut Kept, new: &Prepared) -> Result<()> {
    let bytes = usize::try_from(trace.raw_bytes).unwrap_or(0).saturating_add(new.payload.raw_bytes);
    if bytes > TRACE_BYTES {
        return Err(Error::too_large(
            "TRACE_TOO_LARGE",
            format!("the trace {} would hold {bytes} bytes", new.trace_id),
        )
        .hint(format!(
            "a trace holds at most {TRACE_BYTES} bytes of spans: begin a new one, or log less in each span"
        )));
    }
    trace.raw_bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    Ok(())
}

/// What the new spans tell of the trace. What the client told of it as a whole stands.
fn learn(trace: &mut Kept, new: &Prepared) {
    if !trace.told {
        let ended = trace.duration_ms.map(|duration| trace.started_ms.saturating_add(duration));
        trace.started_ms = trace.started_ms.min(new.start_ms);
        trace.duration_ms = ended.max(new.end_ms).map(|end| end.saturating_sub(trace.started_ms));
    }
    if let Some(root) = &new.root {
        if matches!(trace.state, State::InProgress | State::Unspecified) {
            trace.state = root.state;
        }
        if trace.request_preview.is_none() {
            trace.request_preview.clone_from(&root.request_preview);
        }
        if trace.response_preview.is_none() {
            trace.response_preview.clone_from(&root.response_preview);
        }
    }
    if new.name.is_some() {
        trace.name.clone_from(&new.name);
    } else if trace.name.is_none() && !trace.told {
        // Senders other than MLflow's client name no trace, and a list of nameless ones helps nobody.
        trace.name = new.root.as_ref().map(|root| root.name.clone());
    }
    if trace.session_id.is_none() {
        trace.session_id.clone_from(&new.session_id);
    }
    trace.spans_here = true;
}

/// Tokens and costs are summed over the whole tree, since a span that sums up others may come in another request than they.
fn sum_up(tx: &mut Tx<'_>, trace: &mut Kept, new: &Prepared) -> Result<()> {
    let tokens_stand = trace.told && trace.tokens.iter().any(Option::is_some);
    let costs_stand = trace.told && trace.costs.iter().any(Option::is_some);
    let sum_tokens_up = new.tells_tokens && !tokens_stand;
    let sum_costs_up = new.tells_costs && !costs_stand;
    if !sum_tokens_up && !sum_costs_up {
        return Ok(());
    }
    let (tokens, costs) = spans::tree(tx, trace.no)?;
    if sum_tokens_up {
        trace.tokens = sum_tokens(&tokens).unwrap_or(trace.tokens);
    }
    if sum_costs_up {
        trace.costs = sum_costs(&costs).unwrap_or(trace.costs);
    }
    Ok(())
}
