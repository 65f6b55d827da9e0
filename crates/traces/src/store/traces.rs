//! Traces, their tags and metadata.

use std::collections::HashMap;

use pitcrew_db::{Arg, Row, Tx};
use pitcrew_filter::sql::{RowInsert, each_of};
use pitcrew_kernel::Result;

use crate::model::{Entries, State, TraceInfo, keys};
use crate::store::assessments;
use crate::usage::{Costs, Tokens, costs_text, tokens_text};

pub(crate) const COLUMNS: &str = "t.trace_no, t.trace_id, t.experiment_id, t.started_ms, t.duration_ms, t.state, t.name, t.session_id, t.client_request_id, \
     t.request_preview, t.response_preview, t.told, t.spans_here, t.raw_bytes, t.input_tokens, t.output_tokens, t.total_tokens, t.cache_read_tokens, \
     t.cache_write_tokens, t.cache_write_long_tokens, t.input_cost, t.output_cost, t.total_cost";
/// How many columns that are.
pub(crate) const COLUMN_COUNT: usize = 23;

/// A trace as its row has it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Kept {
    pub(crate) no: i64,
    pub(crate) trace_id: String,
    pub(crate) experiment_id: i64,
    pub(crate) started_ms: i64,
    pub(crate) duration_ms: Option<i64>,
    pub(crate) state: State,
    pub(crate) name: Option<String>,
    pub(crate) session_id: Option<String>,
    pub(crate) client_request_id: Option<String>,
    pub(crate) request_preview: Option<String>,
    pub(crate) response_preview: Option<String>,
    pub(crate) told: bool,
    pub(crate) spans_here: bool,
    pub(crate) raw_bytes: i64,
    pub(crate) tokens: Tokens,
    pub(crate) costs: Costs,
}

impl Kept {
    pub(crate) fn info(self, tags: Entries, metadata: Entries) -> TraceInfo {
        let mut info = TraceInfo {
            trace_id: self.trace_id,
            experiment_id: self.experiment_id,
            started_ms: self.started_ms,
            duration_ms: self.duration_ms,
            state: self.state,
            client_request_id: self.client_request_id,
            request_preview: self.request_preview,
            response_preview: self.response_preview,
            metadata,
            tags,
            assessments: Vec::new(),
        };
        let some = |key: &str, value: Option<String>| value.map(|value| (key.to_owned(), value));
        info.tags.extend(some(keys::NAME, self.name));
        info.tags.extend(some(keys::SPANS_LOCATION, self.spans_here.then(|| keys::HERE.to_owned())));
        info.metadata.extend(some(keys::SESSION, self.session_id));
        info.metadata.extend(some(keys::TOKEN_USAGE, tokens_text(&self.tokens)));
        info.metadata.extend(some(keys::COST, costs_text(&self.costs)));
        info.metadata.extend(some(keys::TOLD, self.told.then(|| "true".to_owned())));
        info
    }

    fn facts(&self) -> Vec<Arg<'_>> {
        let mut args: Vec<Arg<'_>> = vec![
            self.experiment_id.into(),
            self.started_ms.into(),
            self.duration_ms.into(),
            self.state.as_str().into(),
            self.name.as_deref().into(),
            self.session_id.as_deref().into(),
            self.client_request_id.as_deref().into(),
            self.request_preview.as_deref().into(),
            self.response_preview.as_deref().into(),
            self.told.into(),
            self.spans_here.into(),
            self.raw_bytes.into(),
        ];
        args.extend(self.tokens.iter().map(|count| Arg::from(*count)));
        args.extend(self.costs.iter().map(|cost| Arg::from(*cost)));
        args
    }
}

pub(crate) fn kept(row: &Row<'_>) -> Result<Kept> {
    Ok(Kept {
        no: row.int(0)?,
        trace_id: row.text(1)?,
        experiment_id: row.int(2)?,
        started_ms: row.int(3)?,
        duration_ms: row.opt_int(4)?,
        state: row.parsed(5)?,
        name: row.opt_text(6)?,
        session_id: row.opt_text(7)?,
        client_request_id: row.opt_text(8)?,
        request_preview: row.opt_text(9)?,
        response_preview: row.opt_text(10)?,
        told: row.flag(11)?,
        spans_here: row.flag(12)?,
        raw_bytes: row.int(13)?,
        tokens: [
            row.opt_int(14)?,
            row.opt_int(15)?,
            row.opt_int(16)?,
            row.opt_int(17)?,
            row.opt_int(18)?,
            row.opt_int(19)?,
        ],
        costs: [row.opt_float(20)?, row.opt_float(21)?, row.opt_float(22)?],
    })
}

pub(crate) fn by_id(tx: &mut Tx<'_>, trace_id: &str) -> Result<Option<Kept>> {
    tx.optional(&format!("SELECT {COLUMNS} FROM traces_traces t WHERE t.trace_id = $1"), &[trace_id.into()], kept)
}

/// The trace's number.
pub(crate) fn number(tx: &mut Tx<'_>, trace_id: &str) -> Result<Option<i64>> {
    tx.optional("SELECT trace_no FROM traces_traces WHERE trace_id = $1", &[trace_id.into()], |row| row.int(0))
}

/// The trace, which nobody else changes before this transaction ends.
pub(crate) fn held(tx: &mut Tx<'_>, trace_id: &str) -> Result<Option<Kept>> {
    // Says nothing new, but holds the row on PostgreSQL; on SQLite nobody else writes anyway. One that came between the two statements is not
    // held, and so is not there yet.
    match tx.exec("UPDATE traces_traces SET told = told WHERE trace_id = $1", &[trace_id.into()])? {
        0 => Ok(None),
        _ => by_id(tx, trace_id),
    }
}

/// Writes a new trace; false when its id or its number is taken.
pub(crate) fn insert(tx: &mut Tx<'_>, trace: &Kept) -> Result<bool> {
    let mut args: Vec<Arg<'_>> = vec![trace.no.into(), (&trace.trace_id).into()];
    args.extend(trace.facts());
    let sql = "INSERT INTO traces_traces (trace_no, trace_id, experiment_id, started_ms, duration_ms, state, name, session_id, client_request_id, \
         request_preview, response_preview, told, spans_here, raw_bytes, input_tokens, output_tokens, total_tokens, cache_read_tokens, \
         cache_write_tokens, cache_write_long_tokens, input_cost, output_cost, total_cost) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23) ON CONFLICT DO NOTHING";
    Ok(tx.exec(sql, &args)? > 0)
}

/// Writes everything of a trace's row anew.
pub(crate) fn update(tx: &mut Tx<'_>, trace: &Kept) -> Result<()> {
    let mut args: Vec<Arg<'_>> = vec![trace.no.into()];
    args.extend(trace.facts());
    let sql = "UPDATE traces_traces SET experiment_id = $2, started_ms = $3, duration_ms = $4, state = $5, name = $6, session_id = $7, \
         client_request_id = $8, request_preview = $9, response_preview = $10, told = $11, spans_here = $12, raw_bytes = $13, input_tokens = $14, \
         output_tokens = $15, total_tokens = $16, cache_read_tokens = $17, cache_write_tokens = $18, cache_write_long_tokens = $19, \
         input_cost = $20, output_cost = $21, total_cost = $22 WHERE trace_no = $1";
    tx.exec(sql, &args).map(drop)
}

pub(crate) fn set_name(tx: &mut Tx<'_>, no: i64, name: Option<&str>) -> Result<()> {
    tx.exec("UPDATE traces_traces SET name = $1 WHERE trace_no = $2", &[name.into(), no.into()]).map(drop)
}

static SET_TAGS: RowInsert = RowInsert::new(
    "INSERT INTO traces_tags (trace_no, key, value) VALUES",
    1,
    2,
    "ON CONFLICT (trace_no, key) DO UPDATE SET value = excluded.value",
);
static SET_METADATA: RowInsert = RowInsert::new(
    "INSERT INTO traces_metadata (trace_no, key, value) VALUES",
    1,
    2,
    "ON CONFLICT (trace_no, key) DO UPDATE SET value = excluded.value",
);

pub(crate) fn set_tags(tx: &mut Tx<'_>, no: i64, tags: &Entries) -> Result<()> {
    let tags: Vec<(&str, &str)> = tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    SET_TAGS.run(tx, &[no.into()], &tags, bind).map(drop)
}

pub(crate) fn set_metadata(tx: &mut Tx<'_>, no: i64, metadata: &Entries) -> Result<()> {
    let metadata: Vec<(&str, &str)> = metadata.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    SET_METADATA.run(tx, &[no.into()], &metadata, bind).map(drop)
}

fn bind<'a>(entry: &'a (&'a str, &'a str), args: &mut Vec<Arg<'a>>) {
    args.extend([entry.0.into(), entry.1.into()]);
}

/// Adds a metadata entry unless there is one.
pub(crate) fn add_metadata(tx: &mut Tx<'_>, no: i64, key: &str, value: &str) -> Result<()> {
    tx.exec(
        "INSERT INTO traces_metadata (trace_no, key, value) VALUES ($1, $2, $3) ON CONFLICT (trace_no, key) DO NOTHING",
        &[no.into(), key.into(), value.into()],
    )
    .map(drop)
}

/// Whether there was such a tag.
pub(crate) fn delete_tag(tx: &mut Tx<'_>, no: i64, key: &str) -> Result<bool> {
    Ok(tx.exec("DELETE FROM traces_tags WHERE trace_no = $1 AND key = $2", &[no.into(), key.into()])? > 0)
}

/// Fills in tags, metadata and assessments of many traces with few statements.
pub(crate) fn infos(tx: &mut Tx<'_>, traces: Vec<Kept>) -> Result<Vec<TraceInfo>> {
    let numbers: Vec<i64> = traces.iter().map(|trace| trace.no).collect();
    let mut tags = entries(tx, &numbers, "SELECT trace_no, key, value FROM traces_tags WHERE trace_no IN")?;
    let mut metadata = entries(tx, &numbers, "SELECT trace_no, key, value FROM traces_metadata WHERE trace_no IN")?;
    let mut assessments = assessments::of_traces(tx, &numbers)?;
    Ok(traces
        .into_iter()
        .map(|trace| {
            let no = trace.no;
            let mut info = trace.info(tags.remove(&no).unwrap_or_default(), metadata.remove(&no).unwrap_or_default());
            info.assessments = assessments.remove(&no).unwrap_or_default();
            info
        })
        .collect())
}

fn entries(tx: &mut Tx<'_>, numbers: &[i64], head: &str) -> Result<HashMap<i64, Entries>> {
    let mut found: HashMap<i64, Entries> = HashMap::new();
    each_of(tx, numbers, head, "", &mut |row| {
        found.entry(row.int(0)?).or_default().insert(row.text(1)?, row.text(2)?);
        Ok(())
    })?;
    Ok(found)
}

/// Everything a trace has outside of its own row.
const BELOW: [&str; 6] = [
    "DELETE FROM traces_tags WHERE trace_no = $1",
    "DELETE FROM traces_metadata WHERE trace_no = $1",
    "DELETE FROM traces_spans WHERE trace_no = $1",
    "DELETE FROM traces_payloads WHERE trace_no = $1",
    "DELETE FROM traces_assessments WHERE trace_no = $1",
    "DELETE FROM traces_links WHERE trace_no = $1",
];

/// Deletes a trace with all it has; false when it is gone already.
pub(crate) fn delete(tx: &mut Tx<'_>, no: i64) -> Result<bool> {
    if tx.exec("DELETE FROM traces_traces WHERE trace_no = $1", &[no.into()])? == 0 {
        return Ok(false);
    }
    BELOW.iter().try_for_each(|sql| tx.exec(sql, &[no.into()]).map(drop))?;
    Ok(true)
}

/// The ids of the oldest traces of an experiment that began at `until_ms` or before.
pub(crate) fn oldest(tx: &mut Tx<'_>, experiment_id: i64, until_ms: i64, limit: usize) -> Result<Vec<String>> {
    tx.all(
        "SELECT trace_id FROM traces_traces WHERE experiment_id = $1 AND started_ms <= $2 ORDER BY started_ms, trace_id LIMIT $3",
        &[experiment_id.into(), until_ms.into(), i64::try_from(limit).unwrap_or(i64::MAX).into()],
        |row| row.text(0),
    )
}
