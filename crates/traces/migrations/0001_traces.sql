-- Traces: what an application did for one request, as a tree of spans.
-- A trace has a number that grows with time (trace_no), so that the rows of one trace lie together and new ones at the end.
CREATE TABLE traces_traces (
    trace_no BIGINT NOT NULL PRIMARY KEY,
    trace_id TEXT NOT NULL UNIQUE,
    experiment_id BIGINT NOT NULL,
    started_ms BIGINT NOT NULL,
    duration_ms BIGINT,
    state TEXT NOT NULL,
    name TEXT,
    session_id TEXT,
    client_request_id TEXT,
    request_preview TEXT,
    response_preview TEXT,
    -- 1 once the client has told of the trace as a whole: spans then no longer change its times.
    told BIGINT NOT NULL,
    -- 1 once spans have arrived here.
    spans_here BIGINT NOT NULL,
    -- Of all its payloads, once unpacked.
    raw_bytes BIGINT NOT NULL,
    input_tokens BIGINT,
    output_tokens BIGINT,
    total_tokens BIGINT,
    cache_read_tokens BIGINT,
    cache_write_tokens BIGINT,
    cache_write_long_tokens BIGINT,
    input_cost DOUBLE PRECISION,
    output_cost DOUBLE PRECISION,
    total_cost DOUBLE PRECISION
) WITHOUT ROWID;
-- The order in which traces are listed unless asked otherwise.
CREATE INDEX traces_newest ON traces_traces (experiment_id, started_ms DESC, trace_id);
CREATE INDEX traces_of_session ON traces_traces (session_id, experiment_id);

CREATE TABLE traces_tags (
    trace_no BIGINT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (trace_no, key)
) WITHOUT ROWID;

CREATE TABLE traces_metadata (
    trace_no BIGINT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (trace_no, key)
) WITHOUT ROWID;

-- What spans are searched and counted by. Everything else of them is in the payloads.
CREATE TABLE traces_spans (
    trace_no BIGINT NOT NULL,
    span_id TEXT NOT NULL,
    parent_id TEXT,
    name TEXT NOT NULL,
    type TEXT,
    status TEXT NOT NULL,
    start_ns BIGINT NOT NULL,
    end_ns BIGINT,
    model_name TEXT,
    model_provider TEXT,
    -- Token counts as JSON, when the span has some.
    usage_json TEXT,
    input_cost DOUBLE PRECISION,
    output_cost DOUBLE PRECISION,
    total_cost DOUBLE PRECISION,
    PRIMARY KEY (trace_no, span_id)
) WITHOUT ROWID;

-- Whole spans, as they came: those of one trace in one request are one row, compressed. A span sent again stands in a later payload.
CREATE TABLE traces_payloads (
    trace_no BIGINT NOT NULL,
    payload_no BIGINT NOT NULL,
    raw_bytes BIGINT NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (trace_no, payload_no)
);

CREATE TABLE traces_assessments (
    assessment_id TEXT NOT NULL PRIMARY KEY,
    trace_no BIGINT NOT NULL,
    -- `feedback`, `expectation` or `issue`.
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    -- JSON.
    value TEXT NOT NULL,
    -- What is averaged: the number, or 1 and 0 for yes and no.
    score DOUBLE PRECISION,
    -- 1 when the value is a number.
    numeric BIGINT NOT NULL,
    error_json TEXT,
    source_type TEXT NOT NULL,
    source_id TEXT NOT NULL,
    span_id TEXT,
    rationale TEXT,
    metadata_json TEXT NOT NULL,
    -- 1 when it is about the whole session of its trace.
    of_session BIGINT NOT NULL,
    overrides TEXT,
    valid BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX traces_assessments_of_trace ON traces_assessments (trace_no, created_ms);
CREATE INDEX traces_assessments_by_name ON traces_assessments (kind, name, trace_no);

-- What traces belong to besides their experiment: `run` and a run's id, `prompt` and `name/version`.
CREATE TABLE traces_links (
    kind TEXT NOT NULL,
    target TEXT NOT NULL,
    trace_no BIGINT NOT NULL,
    PRIMARY KEY (kind, target, trace_no)
) WITHOUT ROWID;
CREATE INDEX traces_links_of_trace ON traces_links (trace_no);
