//! Reading traces, with and without their spans.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use pitcrew_db::Tx;
use pitcrew_kernel::{Access, Ctx, Error, Result};

use super::{Traces, blocking, checked_count};
use crate::errors;
use crate::limits::{BYTES_PER_READ, INFOS_PER_READ, TRACES_PER_READ};
use crate::model::{Span, Trace, TraceInfo, keys};
use crate::payload::{Payload, unpack};
use crate::store::traces::Kept;
use crate::store::{spans, traces as store};
use crate::value::Any;

/// How long it is waited for spans that the client has told of; they come right after it.
const PATIENCE: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];

impl Traces {
    /// A trace without its spans.
    ///
    /// # Errors
    /// `TRACE_NOT_FOUND`.
    pub async fn info(&self, ctx: &Ctx, trace_id: &str) -> Result<TraceInfo> {
        ctx.require(Access::Read)?;
        let trace_id = trace_id.to_owned();
        self.db
            .read(move |tx| {
                let kept = store::by_id(tx, &trace_id)?.ok_or_else(|| errors::trace_not_found(&trace_id))?;
                let mut infos = store::infos(tx, vec![kept])?;
                infos.pop().ok_or_else(|| errors::trace_not_found(&trace_id))
            })
            .await
    }

    /// A trace with its spans. Unless `partial` will do, all spans that the client told of must be there; it is waited for them for a while.
    ///
    /// # Errors
    /// `TRACE_NOT_FOUND`, `TRACE_INCOMPLETE`, `TRACE_SPANS_ELSEWHERE`, `TRACE_TOO_LARGE`.
    pub async fn trace(&self, ctx: &Ctx, trace_id: &str, partial: bool) -> Result<Trace> {
        ctx.require(Access::Read)?;
        let mut patience = PATIENCE.into_iter();
        loop {
            let mut found = self.with_spans(vec![trace_id.to_owned()], None).await?;
            let trace = found.pop().ok_or_else(|| {
                Error::not_found("TRACE_NOT_FOUND", format!("Trace with ID {trace_id} is not found."))
            })?;
            if !trace.info.tags.contains_key(keys::SPANS_LOCATION) {
                return Err(errors::spans_elsewhere());
            }
            if partial || is_complete(&trace) {
                return Ok(trace);
            }
            let pause = patience.next().ok_or_else(|| errors::trace_incomplete(trace_id))?;
            self.clock.sleep(pause).await;
        }
    }

    /// Those of these traces that are there with all their spans, in this order.
    ///
    /// # Errors
    /// `TRACE_VALUE_INVALID`, `TRACE_TOO_LARGE`.
    pub async fn traces(&self, ctx: &Ctx, ids: Vec<String>, experiments: Option<Vec<i64>>) -> Result<Vec<Trace>> {
        ctx.require(Access::Read)?;
        checked_count("trace ids", ids.len(), TRACES_PER_READ)?;
        let found = self.with_spans(ids, experiments).await?;
        Ok(found.into_iter().filter(|trace| !trace.spans.is_empty() && is_complete(trace)).collect())
    }

    /// Those of these traces that are there, in this order, without their spans.
    ///
    /// # Errors
    /// `TRACE_VALUE_INVALID`.
    pub async fn infos(&self, ctx: &Ctx, ids: Vec<String>, experiments: Option<Vec<i64>>) -> Result<Vec<TraceInfo>> {
        ctx.require(Access::Read)?;
        checked_count("trace ids", ids.len(), INFOS_PER_READ)?;
        self.db
            .read(move |tx| {
                let kept = kept_of(tx, ids, experiments.as_deref())?;
                store::infos(tx, kept)
            })
            .await
    }

    async fn with_spans(&self, ids: Vec<String>, experiments: Option<Vec<i64>>) -> Result<Vec<Trace>> {
        let read = self
            .db
            .read(move |tx| {
                let kept = kept_of(tx, ids, experiments.as_deref())?;
                if bytes_of(&kept) > BYTES_PER_READ {
                    let detail = format!("the spans asked for are more than {BYTES_PER_READ} bytes");
                    return Err(Error::too_large("TRACE_TOO_LARGE", detail).hint("ask for fewer traces at once"));
                }
                let payloads = payloads_of(tx, &kept)?;
                Ok((store::infos(tx, kept)?, payloads))
            })
            .await?;
        // Unpacking is work, and needs no database.
        blocking(move || {
            let each = read.0.into_iter().zip(read.1);
            each.map(|(info, payloads)| Ok(Trace { info, spans: whole(&payloads)? })).collect()
        })
        .await
    }
}

fn kept_of(tx: &mut Tx<'_>, ids: Vec<String>, experiments: Option<&[i64]>) -> Result<Vec<Kept>> {
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for trace_id in ids {
        if !seen.insert(trace_id.clone()) {
            continue;
        }
        let kept = store::by_id(tx, &trace_id)?;
        found.extend(kept.filter(|kept| experiments.is_none_or(|wanted| wanted.contains(&kept.experiment_id))));
    }
    Ok(found)
}

/// The payloads of each trace.
pub(super) fn payloads_of(tx: &mut Tx<'_>, traces: &[Kept]) -> Result<Vec<Vec<Payload>>> {
    traces.iter().map(|trace| if trace.spans_here { spans::payloads(tx, trace.no) } else { Ok(Vec::new()) }).collect()
}

/// How many bytes the spans of these traces are once unpacked.
fn bytes_of(traces: &[Kept]) -> usize {
    traces.iter().fold(0, |sum, trace| sum.saturating_add(usize::try_from(trace.raw_bytes).unwrap_or(0)))
}

/// The spans in payloads: each as it came last, the root first, then by their beginning.
pub(super) fn whole(payloads: &[Payload]) -> Result<Vec<Span>> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut spans: Vec<Span> = Vec::new();
    for payload in payloads {
        for span in unpack(&payload.content)? {
            match places.get(&span.span_id).and_then(|at| spans.get_mut(*at)) {
                Some(earlier) => *earlier = span,
                None => {
                    places.insert(span.span_id.clone(), spans.len());
                    spans.push(span);
                }
            }
        }
    }
    spans.sort_by_key(|span| (span.parent_id.is_some(), span.start_ns));
    Ok(spans)
}

/// Whether there are as many spans as the client told of.
fn is_complete(trace: &Trace) -> bool {
    let told = trace.info.metadata.get(keys::SIZE_STATS).and_then(|json| Any::of_json(json));
    let count = told.as_ref().and_then(|stats| stats.entry("num_spans")).and_then(Any::as_number);
    count.is_none_or(|count| trace.spans.len() as f64 >= count)
}
