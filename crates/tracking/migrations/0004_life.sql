-- What is left of a run that was deleted for good, until it is all gone. The run itself is no more: its number only finds the rows.
CREATE TABLE tracking_gone_runs (
    run_no BIGINT NOT NULL PRIMARY KEY,
    artifact_uri TEXT NOT NULL
) WITHOUT ROWID;

-- Experiments that were deleted for good and still have runs, logged models or data sets.
CREATE TABLE tracking_gone_experiments (
    experiment_id BIGINT NOT NULL PRIMARY KEY
) WITHOUT ROWID;

-- Runs that come in by parts, from a copy or an import. Nobody sees them before they are whole; those nobody goes on with are removed.
CREATE TABLE tracking_drafts (
    run_id TEXT NOT NULL PRIMARY KEY,
    run_no BIGINT NOT NULL UNIQUE,
    experiment_id BIGINT NOT NULL,
    artifact_uri TEXT NOT NULL,
    head TEXT NOT NULL,
    touched_ms BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX tracking_drafts_oldest ON tracking_drafts (touched_ms);

CREATE TABLE tracking_retention (
    experiment_id BIGINT NOT NULL PRIMARY KEY,
    rule TEXT NOT NULL
) WITHOUT ROWID;

-- Which runs are nested in one. A run id has at most 256 letters; whatever else a client puts there must fit an index all the same.
CREATE INDEX tracking_tags_parent ON tracking_tags (substr(value, 1, 256)) WHERE key = 'mlflow.parentRunId';
