//! Searching traces.

use std::sync::Arc;

use pitcrew_filter::sql::{KeyValue, keys_of, token};
use pitcrew_filter::{Clause, Order};
use pitcrew_kernel::{Access, Ctx, Page, Result, Timestamp};

use super::read::{payloads_of, whole};
use super::{Traces, blocking};
use crate::errors;
use crate::filter::{Field, in_sql, parse, parse_order};
use crate::limits::{
    BYTES_PER_SCAN, BYTES_PER_SCAN_STEP, EXPERIMENTS_PER_SEARCH, SCAN_PATIENCE, TRACES_PER_PAGE, TRACES_PER_SCAN,
    TRACES_PER_SCAN_STEP,
};
use crate::matching::Look;
use crate::model::TraceInfo;
use crate::payload::Payload;
use crate::store::{search as store, traces};

/// What traces are searched by.
#[derive(Debug, Clone, Default)]
pub struct TraceSearch {
    /// In which experiments; an empty list finds nothing, `None` means all.
    pub experiments: Option<Vec<i64>>,
    /// Comparisons joined by AND.
    pub filter: String,
    /// Terms of the order; newest first when empty.
    pub order_by: Vec<String>,
    /// How many; at most [`TRACES_PER_PAGE`].
    pub limit: usize,
    /// The `next` of the page before.
    pub page: Option<String>,
}

/// A trace, its place in the order, and its spans where they are needed.
type Row = (TraceInfo, Vec<KeyValue>, Vec<Payload>);
/// A trace, its place in the order, the bytes of its spans, and whether it fits.
type Looked = (TraceInfo, Vec<KeyValue>, usize, bool);

/// One step of a search.
struct Step {
    rows: Vec<Row>,
    /// Whether there may be more after these.
    more: bool,
}

impl Traces {
    /// One page of traces without their spans. Where each trace must be looked into, a page may be short, or even empty, and yet have a next one.
    ///
    /// # Errors
    /// `FILTER_INVALID`, `ORDER_BY_INVALID`, `PAGE_INVALID`, `TRACE_VALUE_INVALID`.
    pub async fn search(&self, ctx: &Ctx, search: TraceSearch) -> Result<Page<TraceInfo>> {
        ctx.require(Access::Read)?;
        if !(1..=TRACES_PER_PAGE).contains(&search.limit) {
            return Err(errors::invalid(format!(
                "Invalid value {} for parameter 'max_results' supplied. It must be a positive integer and at most {TRACES_PER_PAGE}.",
                search.limit
            )));
        }
        let clauses = parse(&search.filter)?;
        let orders = parse_order(&search.order_by)?;
        let terms = search.order_by.join(",");
        let mut after = search.page.as_deref().map(|page| keys_of(&terms, page)).transpose()?;
        let experiments = search.experiments.map(checked_experiments).transpose()?;
        if experiments.as_ref().is_some_and(Vec::is_empty) {
            return Ok(Page::all(Vec::new()));
        }
        let (look, told) = split(&clauses)?;
        let size = if look.is_needed() { TRACES_PER_SCAN_STEP } else { search.limit + 1 };
        let (look, until) = (Arc::new(look), self.clock.now().plus(SCAN_PATIENCE));
        let (mut items, mut scanned, mut bytes) = (Vec::new(), 0, 0usize);
        loop {
            let step =
                self.step(experiments.clone(), told.clone(), orders.clone(), after, size, look.needs_spans()).await?;
            let (rows, cut) = self.looked_at(&look, step.rows, search.limit - items.len(), until).await?;
            let mut last = None;
            for (info, place, row_bytes, fits) in rows {
                if items.len() == search.limit {
                    // There is at least this one more.
                    let next = last.map(|place: Vec<KeyValue>| token(&terms, &place)).transpose()?;
                    return Ok(Page { items, next });
                }
                scanned += 1;
                bytes = bytes.saturating_add(row_bytes);
                if fits {
                    items.push(info);
                }
                last = Some(place);
            }
            let Some(place) = last.filter(|_| step.more || cut) else {
                return Ok(Page { items, next: None });
            };
            let enough = cut || items.len() == search.limit || scanned >= TRACES_PER_SCAN || bytes >= BYTES_PER_SCAN;
            if enough {
                return Ok(Page { items, next: Some(token(&terms, &place)?) });
            }
            after = Some(place);
        }
    }

    /// Looks at traces until `room` of them fit or the time is over; at one at least. The rest is not looked at, or even left out, which is told.
    async fn looked_at(
        &self,
        look: &Arc<Look>,
        rows: Vec<Row>,
        room: usize,
        until: Timestamp,
    ) -> Result<(Vec<Looked>, bool)> {
        if !look.is_needed() {
            return Ok((rows.into_iter().map(|(info, place, _)| (info, place, 0, true)).collect(), false));
        }
        let (look, clock) = (Arc::clone(look), Arc::clone(&self.clock));
        // Unpacking and comparing is work, which must not keep those waiting who are served on this thread.
        blocking(move || {
            let (mut looked, mut found) = (Vec::new(), 0);
            for (info, place, payloads) in rows {
                if !looked.is_empty() && found < room && clock.now() >= until {
                    return Ok((looked, true));
                }
                let bytes = payloads.iter().map(|payload| payload.raw_bytes).sum();
                let fits = found < room && look.fits_trace(&info) && look.fits_spans(&whole(&payloads)?);
                found += usize::from(fits);
                looked.push((info, place, bytes, fits));
            }
            Ok((looked, false))
        })
        .await
    }

    async fn step(
        &self,
        experiments: Option<Vec<i64>>,
        clauses: Vec<Clause<Field>>,
        orders: Vec<Order<Field>>,
        after: Option<Vec<KeyValue>>,
        limit: usize,
        spans: bool,
    ) -> Result<Step> {
        self.db
            .read(move |tx| {
                let clauses: Vec<&Clause<Field>> = clauses.iter().collect();
                let query = store::Query {
                    experiments: experiments.as_deref(),
                    clauses: &clauses,
                    orders: &orders,
                    after,
                    limit,
                };
                let mut found = store::traces(tx, query)?;
                let mut more = found.len() == limit;
                if spans {
                    let fit = fitting(found.iter().map(|(kept, _)| kept.raw_bytes));
                    more |= fit < found.len();
                    found.truncate(fit);
                }
                let (kept, places): (Vec<_>, Vec<_>) = found.into_iter().unzip();
                let payloads = match spans {
                    true => payloads_of(tx, &kept)?,
                    false => kept.iter().map(|_| Vec::new()).collect(),
                };
                let infos = traces::infos(tx, kept)?;
                let rows = infos.into_iter().zip(places).zip(payloads);
                Ok(Step { rows: rows.map(|((info, place), payloads)| (info, place, payloads)).collect(), more })
            })
            .await
    }
}

/// How many traces of these sizes are read at once: at least one.
fn fitting(sizes: impl Iterator<Item = i64>) -> usize {
    let mut bytes = 0usize;
    let fit = sizes.take_while(|size| {
        let before = bytes;
        bytes = bytes.saturating_add(usize::try_from(*size).unwrap_or(0));
        before == 0 || bytes <= BYTES_PER_SCAN_STEP
    });
    fit.count()
}

/// What must be looked at, and what SQL can tell. Facts of spans must be true of the same span: if one of them must be looked at, all are, and
/// SQL still leaves out traces in which no span has those it can tell.
pub(super) fn split(clauses: &[Clause<Field>]) -> Result<(Look, Vec<Clause<Field>>)> {
    let is_span = |clause: &Clause<Field>| matches!(clause.field, Field::Span(_));
    let spans_looked_at = clauses.iter().any(|clause| is_span(clause) && !in_sql(clause));
    let looked_at = clauses.iter().filter(|clause| !in_sql(clause) || (spans_looked_at && is_span(clause)));
    let told = clauses.iter().filter(|clause| in_sql(clause)).cloned().collect();
    Ok((Look::new(looked_at)?, told))
}

/// Each experiment once.
pub(super) fn checked_experiments(mut experiments: Vec<i64>) -> Result<Vec<i64>> {
    experiments.sort_unstable();
    experiments.dedup();
    if experiments.len() > EXPERIMENTS_PER_SEARCH {
        return Err(errors::invalid(format!("a search may name at most {EXPERIMENTS_PER_SEARCH} experiments")));
    }
    Ok(experiments)
}
