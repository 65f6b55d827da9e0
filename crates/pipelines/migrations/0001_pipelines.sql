-- A pipeline as applied last. `declared` is 0 once it is declared no more; its runs stay. `runs` counts its runs and is the row all runs of
-- the pipeline lock, so that one at most is running.
CREATE TABLE pipelines_pipelines (
    name TEXT NOT NULL PRIMARY KEY,
    plan TEXT NOT NULL,
    git_commit TEXT,
    triggers TEXT NOT NULL,
    runs BIGINT NOT NULL,
    declared BIGINT NOT NULL,
    applied_at BIGINT NOT NULL
);
-- Events that start a pipeline.
CREATE TABLE pipelines_triggers (
    event TEXT NOT NULL,
    pipeline TEXT NOT NULL,
    PRIMARY KEY (event, pipeline)
);
-- What a run does, by digest: the declared graph, its code and its environments. Never changed, so an old run shows its own graph.
CREATE TABLE pipelines_plans (
    digest TEXT NOT NULL PRIMARY KEY,
    plan TEXT NOT NULL
);
-- The files of a project's code, by the digest of their list.
CREATE TABLE pipelines_codes (
    digest TEXT NOT NULL PRIMARY KEY,
    files TEXT NOT NULL
);
CREATE TABLE pipelines_runs (
    id TEXT NOT NULL PRIMARY KEY,
    pipeline TEXT NOT NULL,
    number BIGINT NOT NULL,
    state TEXT NOT NULL,
    plan TEXT NOT NULL,
    git_commit TEXT,
    params TEXT NOT NULL,
    force BIGINT NOT NULL,
    reason TEXT NOT NULL,
    cause TEXT,
    cause_key TEXT,
    ancestry TEXT NOT NULL,
    dedup TEXT,
    dataset TEXT,
    dataset_digest TEXT,
    environments TEXT NOT NULL,
    prepared BIGINT NOT NULL,
    cancel BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    error TEXT,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT,
    UNIQUE (pipeline, number),
    UNIQUE (dedup)
);
CREATE INDEX pipelines_runs_by_state ON pipelines_runs (state, pipeline);
CREATE TABLE pipelines_steps (
    run TEXT NOT NULL,
    name TEXT NOT NULL,
    ord BIGINT NOT NULL,
    kind TEXT NOT NULL,
    needs TEXT NOT NULL,
    state TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    cache_key TEXT,
    cache_hit BIGINT NOT NULL,
    why TEXT,
    parts TEXT,
    exit_code BIGINT,
    cpu_us BIGINT,
    peak_memory_bytes BIGINT,
    error TEXT,
    outputs TEXT NOT NULL,
    tracking_run_id TEXT,
    started_at BIGINT,
    finished_at BIGINT,
    PRIMARY KEY (run, name)
);
-- The newest result for each content key.
CREATE TABLE pipelines_cache (
    cache_key TEXT NOT NULL PRIMARY KEY,
    run TEXT NOT NULL,
    number BIGINT NOT NULL,
    outputs TEXT NOT NULL,
    tracking_run_id TEXT,
    created_at BIGINT NOT NULL
);
-- Processes of steps under way, so that those whose server was killed are found and ended.
CREATE TABLE pipelines_processes (
    run TEXT NOT NULL,
    step TEXT NOT NULL,
    pid BIGINT NOT NULL,
    started BIGINT NOT NULL,
    boot TEXT NOT NULL,
    owner TEXT NOT NULL,
    PRIMARY KEY (run, step)
);
