-- `champion` is the version served now; absent while the alias has named none. `policy` is the declared release policy.
CREATE TABLE serving_deployments (
    name TEXT NOT NULL PRIMARY KEY,
    model TEXT NOT NULL,
    alias TEXT NOT NULL,
    policy TEXT,
    champion BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
-- The latest event time predicted for. Stays when a deployment is declared no more.
CREATE TABLE serving_watermarks (
    deployment TEXT NOT NULL PRIMARY KEY,
    watermark BIGINT NOT NULL
);
-- `trigger_event` makes starting a release idempotent; `options` are those of the confidence sequence, chosen before its data.
CREATE TABLE serving_releases (
    id TEXT NOT NULL PRIMARY KEY,
    deployment TEXT NOT NULL,
    model TEXT NOT NULL,
    alias TEXT NOT NULL,
    candidate_alias TEXT NOT NULL,
    policy TEXT NOT NULL,
    champion BIGINT NOT NULL,
    candidate BIGINT NOT NULL,
    state TEXT NOT NULL,
    step BIGINT NOT NULL,
    steps TEXT NOT NULL,
    options TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at BIGINT,
    event_time BIGINT,
    reason TEXT NOT NULL,
    cause TEXT,
    trigger_event TEXT UNIQUE
);
CREATE INDEX serving_releases_by_deployment ON serving_releases (deployment, state);
CREATE TABLE serving_evidence (
    release_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (release_id, seq)
);
-- `event_time` is that of the prediction where it was known when the label came.
CREATE TABLE serving_labels (
    deployment TEXT NOT NULL,
    request_id TEXT NOT NULL,
    value DOUBLE PRECISION NOT NULL,
    event_time BIGINT,
    arrived_at BIGINT NOT NULL,
    PRIMARY KEY (deployment, request_id)
);
-- The Parquet files of the inference log; `path` is relative to the log's folder.
CREATE TABLE serving_log_files (
    path TEXT NOT NULL PRIMARY KEY,
    deployment TEXT NOT NULL,
    row_count BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    min_event_time BIGINT NOT NULL,
    max_event_time BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX serving_log_files_by_time ON serving_log_files (deployment, max_event_time);
