-- Experiments, runs and what they log. Columns ending in _ms hold milliseconds exactly as clients send them: any 64-bit value.
-- A run has a short number (run_no) so that the tables that grow stay small and the rows of one run lie together.
CREATE TABLE tracking_counters (
    name TEXT NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO tracking_counters (name, value) VALUES ('experiment', 0);
INSERT INTO tracking_counters (name, value) VALUES ('run', 0);

CREATE TABLE tracking_experiments (
    id BIGINT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    artifact_uri TEXT NOT NULL,
    lifecycle TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL
) WITHOUT ROWID;
-- Clients expect an experiment 0 with this name to be there always.
INSERT INTO tracking_experiments (id, name, artifact_uri, lifecycle, created_ms, updated_ms)
    VALUES (0, 'Default', 'mlflow-artifacts:/0', 'active', 0, 0);

CREATE TABLE tracking_experiment_tags (
    experiment_id BIGINT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (experiment_id, key)
) WITHOUT ROWID;

CREATE TABLE tracking_runs (
    run_no BIGINT NOT NULL PRIMARY KEY,
    run_id TEXT NOT NULL UNIQUE,
    experiment_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    user_id TEXT NOT NULL,
    status TEXT NOT NULL,
    lifecycle TEXT NOT NULL,
    start_ms BIGINT NOT NULL,
    end_ms BIGINT,
    deleted_ms BIGINT,
    artifact_uri TEXT NOT NULL,
    open_key TEXT UNIQUE
) WITHOUT ROWID;
-- The order in which runs are listed unless asked otherwise.
CREATE INDEX tracking_runs_newest ON tracking_runs (experiment_id, lifecycle, start_ms DESC, run_id);
CREATE INDEX tracking_runs_newest_of_all ON tracking_runs (lifecycle, start_ms DESC, run_id);

CREATE TABLE tracking_params (
    run_no BIGINT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run_no, key)
) WITHOUT ROWID;

CREATE TABLE tracking_tags (
    run_no BIGINT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run_no, key)
) WITHOUT ROWID;

-- The point with the greatest (step, time, value) of each metric. Not-a-number is value 0 with nan = 1.
CREATE TABLE tracking_latest (
    run_no BIGINT NOT NULL,
    key TEXT NOT NULL,
    step BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    value DOUBLE PRECISION NOT NULL,
    nan BIGINT NOT NULL,
    PRIMARY KEY (run_no, key)
) WITHOUT ROWID;

-- Every point ever logged, append-only, in the order histories are read.
CREATE TABLE tracking_points (
    run_no BIGINT NOT NULL,
    key TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    step BIGINT NOT NULL,
    value DOUBLE PRECISION NOT NULL,
    nan BIGINT NOT NULL,
    PRIMARY KEY (run_no, key, at_ms, step, value, nan)
) WITHOUT ROWID;

CREATE TABLE tracking_datasets (
    dataset_id TEXT NOT NULL PRIMARY KEY,
    experiment_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    source_type TEXT NOT NULL,
    source TEXT NOT NULL,
    schema_json TEXT,
    profile_json TEXT,
    UNIQUE (experiment_id, name, digest)
) WITHOUT ROWID;

CREATE TABLE tracking_inputs (
    run_no BIGINT NOT NULL,
    dataset_id TEXT NOT NULL,
    PRIMARY KEY (run_no, dataset_id)
) WITHOUT ROWID;
CREATE INDEX tracking_inputs_of_dataset ON tracking_inputs (dataset_id);

CREATE TABLE tracking_input_tags (
    run_no BIGINT NOT NULL,
    dataset_id TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run_no, dataset_id, key)
) WITHOUT ROWID;

CREATE TABLE tracking_models (
    model_id TEXT NOT NULL PRIMARY KEY,
    experiment_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    model_type TEXT NOT NULL,
    status TEXT NOT NULL,
    source_run_id TEXT NOT NULL,
    artifact_uri TEXT NOT NULL,
    lifecycle TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX tracking_models_newest ON tracking_models (experiment_id, lifecycle, created_ms DESC, model_id);

-- Which logged models a run took in or made.
CREATE TABLE tracking_run_models (
    run_no BIGINT NOT NULL,
    direction TEXT NOT NULL,
    model_id TEXT NOT NULL,
    step BIGINT NOT NULL,
    PRIMARY KEY (run_no, direction, model_id)
) WITHOUT ROWID;

CREATE TABLE tracking_model_params (
    model_id TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (model_id, key)
) WITHOUT ROWID;

CREATE TABLE tracking_model_tags (
    model_id TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (model_id, key)
) WITHOUT ROWID;

CREATE TABLE tracking_model_metrics (
    model_id TEXT NOT NULL,
    key TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    step BIGINT NOT NULL,
    run_id TEXT NOT NULL,
    value DOUBLE PRECISION NOT NULL,
    nan BIGINT NOT NULL,
    dataset_name TEXT,
    dataset_digest TEXT,
    PRIMARY KEY (model_id, key, at_ms, step, run_id)
) WITHOUT ROWID;

-- The tree of artifacts: a file has a digest, a folder none. The parent of a top-level entry is the empty text.
CREATE TABLE tracking_artifacts (
    parent TEXT NOT NULL,
    name TEXT NOT NULL,
    digest TEXT,
    bytes BIGINT NOT NULL,
    changed_ms BIGINT NOT NULL,
    PRIMARY KEY (parent, name)
) WITHOUT ROWID;
