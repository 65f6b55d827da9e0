//! Spans: narrow rows to search and count by, and the payloads with everything.

use pitcrew_db::{Arg, Tx};
use pitcrew_filter::sql::RowInsert;
use pitcrew_kernel::Result;

use crate::model::SpanStatus;
use crate::payload::Payload;
use crate::usage::{Costs, Node, Tokens, tokens_of};
use crate::value::Any;

/// What a span is searched and counted by.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Narrow {
    pub(crate) span_id: String,
    pub(crate) parent_id: Option<String>,
    pub(crate) name: String,
    pub(crate) kind: Option<String>,
    pub(crate) status: SpanStatus,
    pub(crate) start_ns: i64,
    pub(crate) end_ns: Option<i64>,
    pub(crate) model_name: Option<String>,
    pub(crate) model_provider: Option<String>,
    /// Token counts as JSON, when it has some.
    pub(crate) usage_json: Option<String>,
    pub(crate) costs: Option<Costs>,
}

static PUT: RowInsert = RowInsert::new(
    "INSERT INTO traces_spans (trace_no, span_id, parent_id, name, type, status, start_ns, end_ns, model_name, model_provider, usage_json, \
     input_cost, output_cost, total_cost) VALUES",
    1,
    13,
    "ON CONFLICT (trace_no, span_id) DO UPDATE SET parent_id = excluded.parent_id, name = excluded.name, type = excluded.type, \
     status = excluded.status, start_ns = excluded.start_ns, end_ns = excluded.end_ns, model_name = excluded.model_name, \
     model_provider = excluded.model_provider, usage_json = excluded.usage_json, input_cost = excluded.input_cost, \
     output_cost = excluded.output_cost, total_cost = excluded.total_cost",
);

/// Writes spans, each once; those that are there already anew.
pub(crate) fn put(tx: &mut Tx<'_>, no: i64, spans: &[Narrow]) -> Result<()> {
    PUT.run(tx, &[no.into()], spans, |span, args| {
        args.extend([
            Arg::from(&span.span_id),
            span.parent_id.as_deref().into(),
            Arg::from(&span.name),
            span.kind.as_deref().into(),
            span.status.as_str().into(),
            span.start_ns.into(),
            span.end_ns.into(),
            span.model_name.as_deref().into(),
            span.model_provider.as_deref().into(),
            span.usage_json.as_deref().into(),
        ]);
        args.extend(span.costs.unwrap_or_default().map(Arg::from));
    })
    .map(drop)
}

/// Keeps whole spans, after those that are kept already. The trace must be held.
pub(crate) fn keep(tx: &mut Tx<'_>, no: i64, payload: &Payload) -> Result<()> {
    let next = tx.one(
        "SELECT coalesce(max(payload_no), 0) + 1 FROM traces_payloads WHERE trace_no = $1",
        &[no.into()],
        |row| row.int(0),
    )?;
    tx.exec(
        "INSERT INTO traces_payloads (trace_no, payload_no, raw_bytes, content) VALUES ($1, $2, $3, $4)",
        &[
            no.into(),
            next.into(),
            i64::try_from(payload.raw_bytes).unwrap_or(i64::MAX).into(),
            Arg::bytes(&payload.content),
        ],
    )
    .map(drop)
}

/// Whole spans as they are kept, oldest first.
pub(crate) fn payloads(tx: &mut Tx<'_>, no: i64) -> Result<Vec<Payload>> {
    tx.all(
        "SELECT raw_bytes, content FROM traces_payloads WHERE trace_no = $1 ORDER BY payload_no",
        &[no.into()],
        |row| Ok(Payload { raw_bytes: usize::try_from(row.int(0)?).unwrap_or(0), content: row.bytes(1)? }),
    )
}

/// The spans of a trace, once with what each tells of tokens and once with what it tells of money.
pub(crate) type Tree = (Vec<Node<Tokens>>, Vec<Node<Costs>>);

/// The tree of a trace.
pub(crate) fn tree(tx: &mut Tx<'_>, no: i64) -> Result<Tree> {
    let (mut tokens, mut costs) = (Vec::new(), Vec::new());
    tx.for_each(
        "SELECT span_id, parent_id, usage_json, input_cost, output_cost, total_cost FROM traces_spans WHERE trace_no = $1 ORDER BY span_id",
        &[no.into()],
        &mut |row| {
            let (span_id, parent_id) = (row.text(0)?, row.opt_text(1)?);
            let told = row.opt_text(2)?.and_then(|json| tokens_of(&Any::of_json(&json)?));
            tokens.push(Node { span_id: span_id.clone(), parent_id: parent_id.clone(), told });
            let cost: Costs = [row.opt_float(3)?, row.opt_float(4)?, row.opt_float(5)?];
            let told = cost.iter().any(Option::is_some).then_some(cost);
            costs.push(Node { span_id, parent_id, told });
            Ok(())
        },
    )?;
    Ok((tokens, costs))
}
